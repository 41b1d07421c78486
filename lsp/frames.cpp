#include "lsp/frames.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace mlp::lsp {
namespace {

constexpr std::size_t largest_body = std::size_t{64} << 20, longest_header = std::size_t{64} << 10;
constexpr std::string_view field = "content-length:";

// Where the last length field of a header starts; npos: none. What stands before it is the rest of a damaged message.
std::size_t find_field(std::string_view header) {
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  const auto found = std::find_end(header.begin(), header.end(), field.begin(), field.end(), same);
  return found == header.end() ? std::string_view::npos : static_cast<std::size_t>(found - header.begin());
}

}  // namespace

std::optional<Frame> Frames::next() {
  const std::size_t skipped = std::min(skip_, buffer_.size());
  buffer_.erase(0, skipped);
  skip_ -= skipped;
  if (skip_ > 0) return {};
  const std::size_t end = buffer_.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (buffer_.size() <= longest_header) return {};
    buffer_.erase(0, buffer_.size() - field.size());  // the start of a header may have come
    return Frame{{}, "no header within 64 KiB"};
  }
  const std::string_view header = std::string_view(buffer_).substr(0, end);
  std::size_t length = 0;
  bool read = false;
  if (const std::size_t at = find_field(header); at != std::string_view::npos) {
    const std::size_t digits = std::min(header.find_first_not_of(' ', at + field.size()), header.size());
    const auto result = std::from_chars(header.data() + digits, header.data() + header.size(), length);
    read = result.ec == std::errc() && (result.ptr == header.data() + header.size() || *result.ptr == '\r');
  }
  const std::size_t body = end + 4;
  if (!read || length > largest_body) {
    buffer_.erase(0, body);
    if (read) skip_ = length;
    return Frame{{}, read ? "a message of more than 64 MiB" : "a header without a Content-Length"};
  }
  if (buffer_.size() < body + length) return {};
  Frame frame{buffer_.substr(body, length), {}};
  buffer_.erase(0, body + length);
  return frame;
}

std::string framed(std::string_view body) {
  std::string out = "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  return out += body;
}

}  // namespace mlp::lsp
