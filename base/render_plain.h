// A diagnostic as text for people, without the spec it may point into: head, place in the data, help and notes.
#pragma once
#include <string>

#include "base/diagnostic.h"

namespace mlp {

struct PlainStyle {
  bool color = false;
};
// `excerpt`: lines about the place in a spec, put between head and help; compiler/diag makes them. Ends in a newline.
std::string render_plain(const Diagnostic& d, PlainStyle style = {}, const std::string& excerpt = {});
std::string render_bug(const std::string& what);  // for exit 70: says that the fault is ours

}  // namespace mlp
