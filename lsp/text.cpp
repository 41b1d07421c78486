#include "lsp/text.h"

#include <algorithm>

namespace mlp::lsp {
namespace {

// Bytes of the character that starts with this one. Messages are JSON, so the text is valid UTF-8.
std::uint32_t length_of(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
}

std::uint32_t units(std::uint32_t bytes, Encoding encoding) { return encoding == Encoding::utf8 ? bytes : bytes == 4 ? 2 : 1; }

}  // namespace

Text::Text(std::string content) : content_(std::move(content)) { find_lines(); }

// Lines end with \n, \r\n or \r, as the protocol has it.
void Text::find_lines() {
  lines_ = {0};
  for (std::uint32_t i = 0; i < content_.size(); ++i)
    if (content_[i] == '\n' || (content_[i] == '\r' && (i + 1 == content_.size() || content_[i + 1] != '\n'))) lines_.push_back(i + 1);
}

std::uint32_t Text::line_end(std::size_t line) const {
  if (line + 1 >= lines_.size()) return static_cast<std::uint32_t>(content_.size());
  std::uint32_t end = lines_[line + 1] - 1;
  if (content_[end] == '\n' && end > lines_[line] && content_[end - 1] == '\r') --end;
  return end;
}

std::uint32_t Text::offset(Position position, Encoding encoding) const {
  if (position.line >= lines_.size()) return static_cast<std::uint32_t>(content_.size());
  const std::uint32_t end = line_end(position.line);
  std::uint32_t at = lines_[position.line], seen = 0;
  while (at < end) {
    const std::uint32_t bytes = length_of(content_[at]);
    seen += units(bytes, encoding);
    if (seen > position.character) break;
    at += bytes;
  }
  return std::min(at, end);
}

Position Text::position(std::uint32_t offset, Encoding encoding) const {
  offset = std::min(offset, static_cast<std::uint32_t>(content_.size()));
  const auto line = static_cast<std::size_t>(std::upper_bound(lines_.begin(), lines_.end(), offset) - lines_.begin()) - 1;
  offset = std::min(offset, line_end(line));
  Position position{static_cast<std::uint32_t>(line), 0};
  for (std::uint32_t at = lines_[line]; at < offset;) {
    const std::uint32_t bytes = length_of(content_[at]);
    if (at + bytes > offset) break;
    position.character += units(bytes, encoding);
    at += bytes;
  }
  return position;
}

void Text::replace(std::uint32_t begin, std::uint32_t end, std::string_view text) {
  content_.replace(begin, end - begin, text);
  find_lines();
}

}  // namespace mlp::lsp
