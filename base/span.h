// Where a piece of source text stands. Byte offsets into one of the loaded sources.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mlp {

struct Span {
  std::int32_t source = -1;  // index into SourceMap; -1 = nowhere
  std::uint32_t begin = 0;   // byte offset of the first byte
  std::uint32_t end = 0;     // one past the last byte
  bool known() const { return source >= 0; }
  friend bool operator==(const Span&, const Span&) = default;
};

struct LineColumn {
  std::uint32_t line = 1;    // 1-based
  std::uint32_t column = 1;  // 1-based, in code points
};

// The texts being compiled: the user's spec first, then the standard library. Every question has an answer: a source
// that is not there is empty and has no name, an offset past the end stands at the end.
class SourceMap {
 public:
  std::int32_t add(std::string name, std::string text);
  const std::string& name(std::int32_t source) const { return file(source).name; }
  std::string_view text(std::int32_t source) const { return file(source).text; }
  std::string_view text(Span span) const;
  LineColumn locate(std::int32_t source, std::uint32_t offset) const;
  std::string_view line(std::int32_t source, std::uint32_t line_number) const;  // without its newline
  std::size_t size() const { return files_.size(); }

 private:
  struct File {
    std::string name, text;
    std::vector<std::uint32_t> line_starts = {0};
  };
  const File& file(std::int32_t source) const;
  std::vector<File> files_;
};

}  // namespace mlp
