#include "base/span.h"

#include <algorithm>

namespace mlp {

std::int32_t SourceMap::add(std::string name, std::string text) {
  File file{std::move(name), std::move(text)};
  for (std::uint32_t i = 0; i < file.text.size(); ++i)
    if (file.text[i] == '\n') file.line_starts.push_back(i + 1);
  files_.push_back(std::move(file));
  return static_cast<std::int32_t>(files_.size()) - 1;
}

const SourceMap::File& SourceMap::file(std::int32_t source) const {
  static const File nowhere;
  return source >= 0 && static_cast<std::size_t>(source) < files_.size() ? files_[static_cast<std::size_t>(source)] : nowhere;
}

std::string_view SourceMap::text(Span span) const {
  const std::string_view all = file(span.source).text;
  if (span.begin >= all.size() || span.end <= span.begin) return {};
  return all.substr(span.begin, span.end - span.begin);
}

LineColumn SourceMap::locate(std::int32_t source, std::uint32_t offset) const {
  const File& file = this->file(source);
  offset = std::min(offset, static_cast<std::uint32_t>(file.text.size()));
  const auto next = std::upper_bound(file.line_starts.begin(), file.line_starts.end(), offset);
  const std::uint32_t start = *std::prev(next);
  LineColumn place{static_cast<std::uint32_t>(next - file.line_starts.begin()), 1};
  for (std::uint32_t i = start; i < offset; ++i)
    if ((static_cast<unsigned char>(file.text[i]) & 0xC0) != 0x80) ++place.column;  // count code points
  return place;
}

std::string_view SourceMap::line(std::int32_t source, std::uint32_t number) const {
  const File& file = this->file(source);
  if (number == 0 || number > file.line_starts.size()) return {};
  const std::size_t start = file.line_starts[number - 1];
  std::size_t end = file.text.find('\n', start);
  if (end == std::string::npos) end = file.text.size();
  if (end > start && file.text[end - 1] == '\r') --end;
  return std::string_view(file.text).substr(start, end - start);
}

}  // namespace mlp
