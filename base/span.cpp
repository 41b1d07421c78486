#include "base/span.h"

#include <algorithm>

namespace mlp {

std::int32_t SourceMap::add(std::string name, std::string text) {
  File file{std::move(name), std::move(text), {0}};
  for (std::uint32_t i = 0; i < file.text.size(); ++i)
    if (file.text[i] == '\n') file.line_starts.push_back(i + 1);
  files_.push_back(std::move(file));
  return static_cast<std::int32_t>(files_.size()) - 1;
}

std::string_view SourceMap::text(Span span) const {
  if (!span.known()) return {};
  return std::string_view(files_[span.source].text).substr(span.begin, span.end - span.begin);
}

LineColumn SourceMap::locate(std::int32_t source, std::uint32_t offset) const {
  const File& file = files_[source];
  const auto next = std::upper_bound(file.line_starts.begin(), file.line_starts.end(), offset);
  const std::uint32_t start = *std::prev(next);
  LineColumn place{static_cast<std::uint32_t>(next - file.line_starts.begin()), 1};
  for (std::uint32_t i = start; i < offset && i < file.text.size(); ++i)
    if ((static_cast<unsigned char>(file.text[i]) & 0xC0) != 0x80) ++place.column;  // count code points
  return place;
}

std::string_view SourceMap::line(std::int32_t source, std::uint32_t number) const {
  const File& file = files_[source];
  if (number == 0 || number > file.line_starts.size()) return {};
  const std::size_t start = file.line_starts[number - 1];
  std::size_t end = file.text.find('\n', start);
  if (end == std::string::npos) end = file.text.size();
  if (end > start && file.text[end - 1] == '\r') --end;
  return std::string_view(file.text).substr(start, end - start);
}

}  // namespace mlp
