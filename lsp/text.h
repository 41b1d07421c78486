// A document as an editor changes it. Offsets count bytes; positions count lines and, in them, UTF-8 or UTF-16 code units.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mlp::lsp {

enum class Encoding { utf8, utf16 };

struct Position {
  std::uint32_t line = 0, character = 0;
  friend bool operator==(const Position&, const Position&) = default;
};

class Text {
 public:
  explicit Text(std::string content = {});
  const std::string& content() const { return content_; }
  // A place past the end of a line is its end; past the end of the text, its end; within a character, its start.
  std::uint32_t offset(Position position, Encoding encoding) const;
  Position position(std::uint32_t offset, Encoding encoding) const;
  void replace(std::uint32_t begin, std::uint32_t end, std::string_view text);

 private:
  void find_lines();
  std::uint32_t line_end(std::size_t line) const;  // before its line break
  std::string content_;
  std::vector<std::uint32_t> lines_;               // where each starts
};

}  // namespace mlp::lsp
