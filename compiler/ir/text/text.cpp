#include "compiler/ir/text/text.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>

namespace mlp::ir {

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') (out += '\\') += c;
    else if (c == '\n') out += "\\n";
    else if (byte < 0x20 || byte == 0x7F) {
      char hex[5];
      std::snprintf(hex, sizeof hex, "\\x%02x", byte);
      out += hex;
    } else out += c;
  }
  return out += '"';
}

std::string exact(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  if (value == std::floor(value) && std::fabs(value) < 1e15 && !(value == 0 && std::signbit(value))) {
    return std::to_string(static_cast<long long>(value));  // whole numbers stay readable, and are exact
  }
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value);  // shortest text that reads back the same
  return std::string(buffer, end.ptr);
}

void Reader::skip_blanks() {
  while (pos_ < text_.size() && (text_[pos_] == ' ' || text_[pos_] == '\t')) ++pos_;
}

bool Reader::at_end() {
  while (pos_ < text_.size() && (text_[pos_] == ' ' || text_[pos_] == '\n')) {
    if (text_[pos_] == '\n') ++line_;
    ++pos_;
  }
  return pos_ >= text_.size();
}

std::string Reader::word() {
  skip_blanks();
  const std::size_t start = pos_;
  const auto part = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.' || c == '+'; };
  while (pos_ < text_.size() && part(text_[pos_])) ++pos_;
  if (pos_ == start) fail("a word is missing");
  return std::string(text_.substr(start, pos_ - start));
}

std::string Reader::peek_word() {
  at_end();
  const std::size_t mark = pos_;
  std::string w = word();
  pos_ = mark;
  return w;
}

void Reader::expect_word(std::string_view wanted) {
  at_end();
  const std::string w = word();
  if (w != wanted) fail("`" + std::string(wanted) + "` expected, `" + w + "` found");
}

void Reader::end_line() {
  skip_blanks();
  if (pos_ < text_.size() && text_[pos_] != '\n') fail("the line should end here");
}

bool Reader::accept(char c) {
  skip_blanks();
  if (pos_ >= text_.size() || text_[pos_] != c) return false;
  ++pos_;
  return true;
}

void Reader::expect(char c) {
  if (!accept(c)) fail(std::string("`") + c + "` expected");
}

std::string Reader::next_key() {
  skip_blanks();
  if (pos_ >= text_.size() || text_[pos_] == '\n' || text_[pos_] == '}') return {};
  std::string key = word();
  expect('=');
  return key;
}

void Reader::read(bool& v) {
  const std::string w = word();
  if (w != "true" && w != "false") fail("`true` or `false` expected");
  v = w == "true";
}

void Reader::read(double& v) {
  const std::string w = word();
  const auto result = std::from_chars(w.data(), w.data() + w.size(), v);
  if (result.ec != std::errc() || result.ptr != w.data() + w.size()) fail("`" + w + "` is no number");
}

void Reader::read(std::string& v) {
  v.clear();
  expect('"');
  while (true) {
    if (pos_ >= text_.size()) fail("a text is not closed");
    char c = text_[pos_++];
    if (c == '"') return;
    if (c == '\\') {
      if (pos_ >= text_.size()) fail("a text is not closed");
      c = text_[pos_++];
      if (c == 'n') c = '\n';
      else if (c == 'x') {
        unsigned byte = 0;
        const auto result = std::from_chars(text_.data() + pos_, text_.data() + std::min(pos_ + 2, text_.size()), byte, 16);
        if (result.ptr != text_.data() + pos_ + 2) fail("a \\x escape needs two digits");
        pos_ += 2;
        c = static_cast<char>(byte);
      }
    }
    v += c;
  }
}

void Reader::read(Span& s) {
  expect('@');
  s = {};
  if (pos_ >= text_.size() || !std::isdigit(static_cast<unsigned char>(text_[pos_]))) return;
  read(s.source);
  expect(':');
  read(s.begin);
  expect('-');
  read(s.end);
}

}  // namespace mlp::ir
