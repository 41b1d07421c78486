// JSON that keeps numbers as they are written, so that a value read from JSON and from CSV is the same text to the same
// parser. One flat list of nodes, reused from document to document. RFC 8259, and NaN, Infinity and -Infinity, which
// Python writes.
#pragma once
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace mlp::score {

struct JsonError : std::runtime_error {
  JsonError(const std::string& message, std::size_t offset_) : std::runtime_error(message), offset(offset_) {}
  std::size_t offset;  // in bytes
};

enum class JsonKind : std::uint8_t { null, boolean, number, string, array, object };

class Json {
 public:
  // `text` must outlive the use of its nodes. Throws JsonError: grammar, UTF-8, nesting above 64. Returns the root node.
  std::size_t parse(std::string_view text);

  JsonKind kind(std::size_t node) const { return nodes_[node].kind; }
  // The raw text: of a number, `true`, `null`, or a string between its quotes.
  std::string_view raw(std::size_t node) const { return {text_.data() + nodes_[node].begin, nodes_[node].end - nodes_[node].begin}; }
  std::size_t behind(std::size_t node) const { return text_.size() - nodes_[node].end; }  // bytes of the text behind raw()
  // A string's value: a view of the document, or of `scratch` when it has escapes.
  std::string_view string(std::size_t node, std::string& scratch) const { return nodes_[node].escaped ? unescaped(node, scratch) : raw(node); }
  // Where it stands in the text, a string with its quotes.
  std::size_t begin(std::size_t node) const { return nodes_[node].begin - (nodes_[node].kind == JsonKind::string); }
  std::size_t end(std::size_t node) const { return nodes_[node].end + (nodes_[node].kind == JsonKind::string); }
  // Values in an array, or pairs in an object. Nodes lie one after the other: first(array) is its first value, next(value)
  // the one after it; first(object) is its first key, next(key) its value, next(value) the key after it.
  std::size_t children(std::size_t node) const { return nodes_[node].count; }
  std::size_t first(std::size_t node) const { return node + 1; }
  std::size_t next(std::size_t node) const { return nodes_[node].next; }
  // The value of a key, or none. A doubled key: the first.
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  std::size_t find(std::size_t object, std::string_view key) const;
  std::size_t capacity() const { return nodes_.size(); }  // nodes that memory is kept for

 private:
  struct Node {
    JsonKind kind;
    bool escaped;
    std::uint32_t begin, end, next, count;
  };
  std::string_view unescaped(std::size_t node, std::string& scratch) const;
  std::size_t scalar(std::size_t at);
  std::size_t string_end(std::size_t at, bool& escaped) const;
  std::size_t number_end(std::size_t at) const;
  Node& add() {
    if (used_ == nodes_.size()) nodes_.resize(2 * used_ + 64);
    return nodes_[used_++];
  }
  std::string_view text_;
  std::vector<Node> nodes_;  // the first used_ ones
  std::size_t used_ = 0;
  std::vector<std::uint32_t> open_;
};

void append_json_string(std::string& out, std::string_view text);  // with quotes and escapes

}  // namespace mlp::score
