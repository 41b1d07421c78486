// Text with places where lines may break; P. Wadler, "A prettier printer" (1998).
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mlp::formatting {

struct Doc;
using DocPtr = std::shared_ptr<const Doc>;
struct Doc {
  enum Kind { text, line, hard, nest, group, sequence } kind = text;
  std::string content;        // text; line: what stands there when it does not break
  std::vector<DocPtr> parts;  // nest, group: one
  bool breaks = false;        // holds a hard line
};

DocPtr text(std::string content);
DocPtr line();                            // a space, or a line break in a group that does not fit
DocPtr soft();                            // nothing, or a line break
DocPtr hard();                            // a line break
DocPtr nest(DocPtr part);                 // two columns further in
DocPtr group(DocPtr part);                // on one line if that fits
DocPtr sequence(std::vector<DocPtr> parts);

std::string render(const DocPtr& doc, int indent, int width);
std::optional<std::string> flat(const DocPtr& doc);  // on one line; nothing if it cannot be

}  // namespace mlp::formatting
