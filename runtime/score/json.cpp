#include "runtime/score/json.h"

#include "runtime/score/scan.h"
#include "runtime/values/parse.h"

namespace mlp::score {
namespace {

constexpr std::size_t max_depth = 64;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Four hex digits at `at`, or -1.
int code_unit(std::string_view text, std::size_t at) {
  if (at + 4 > text.size()) return -1;
  int out = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const int digit = hex_digit(text[at + i]);
    if (digit < 0) return -1;
    out = out * 16 + digit;
  }
  return out;
}

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

void append_utf8(std::string& out, int c) {
  const auto put = [&](int byte) { out += static_cast<char>(byte); };
  if (c < 0x80) put(c);
  else if (c < 0x800) { put(0xC0 | c >> 6); put(0x80 | (c & 63)); }
  else if (c < 0x10000) { put(0xE0 | c >> 12); put(0x80 | (c >> 6 & 63)); put(0x80 | (c & 63)); }
  else { put(0xF0 | c >> 18); put(0x80 | (c >> 12 & 63)); put(0x80 | (c >> 6 & 63)); put(0x80 | (c & 63)); }
}

[[noreturn]] void ends_at(const char* what, std::size_t at) { throw JsonError(std::string("the text ends where ") + what + " should stand", at); }

}  // namespace

// Checks a string whose opening quote stands before `at`; the place of the closing quote.
std::size_t Json::string_end(std::size_t at, bool& escaped) const {
  escaped = false;
  for (; (at = end_of_plain(text_, at)) < text_.size(); ++at) {
    if (text_[at] == '"') return at;
    if (text_[at] != '\\') throw JsonError("a control character stands in a string; write \\n, \\t or \\u00XX", at);
    escaped = true;
    const char kind = ++at < text_.size() ? text_[at] : '\0';
    if (kind == 'u') {
      const int unit = code_unit(text_, at + 1);
      if (unit < 0) throw JsonError("`\\u` needs four hex digits", at - 1);
      at += 4;
      if (unit >= 0xDC00 && unit <= 0xDFFF) throw JsonError("half of a surrogate pair", at - 5);
      if (unit >= 0xD800 && unit <= 0xDBFF) {
        const int low = at + 2 < text_.size() && text_[at + 1] == '\\' && text_[at + 2] == 'u' ? code_unit(text_, at + 3) : -1;
        if (low < 0xDC00 || low > 0xDFFF) throw JsonError("half of a surrogate pair", at - 5);
        at += 6;
      }
    } else if (kind != '"' && kind != '\\' && kind != '/' && kind != 'b' && kind != 'f' && kind != 'n' && kind != 'r' && kind != 't') {
      throw JsonError("an unknown escape in a string", at - 1);
    }
  }
  throw JsonError("a string is never closed", text_.size());
}

std::size_t Json::number_end(std::size_t at) const {
  if (const std::size_t end = end_of_number(text_, at)) return end;
  const std::size_t word = at + (text_[at] == '-');
  for (const std::string_view name : {"NaN", "Infinity"})
    if (text_.substr(word, name.size()) == name) return word + name.size();
  throw JsonError("not a number", at);
}

std::size_t Json::scalar(std::size_t at) {
  const auto put = [&](JsonKind kind, std::size_t begin, std::size_t end, bool escaped) {
    const auto next = static_cast<std::uint32_t>(used_ + 1);
    add() = {kind, escaped, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), next, 0};
  };
  const auto word = [&](std::string_view name, JsonKind kind) {
    if (text_.substr(at, name.size()) != name) throw JsonError("expected a value", at);
    put(kind, at, at + name.size(), false);
    return at + name.size();
  };
  switch (text_[at]) {
    case '"': {
      bool escaped = false;
      const std::size_t end = string_end(at + 1, escaped);
      put(JsonKind::string, at + 1, end, escaped);
      return end + 1;
    }
    case 'n': return word("null", JsonKind::null);
    case 't': return word("true", JsonKind::boolean);
    case 'f': return word("false", JsonKind::boolean);
    case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9': case 'N': case 'I': {
      const std::size_t end = number_end(at);
      put(JsonKind::number, at, end, false);
      return end;
    }
    default: throw JsonError("expected a value", at);
  }
}

std::size_t Json::parse(std::string_view text) {
  text_ = text;
  used_ = 0;
  open_.clear();
  if (text.size() > UINT32_MAX) throw JsonError("the text is too long", 0);
  if (!values::valid_utf8(text)) throw JsonError("the text is not UTF-8", 0);
  std::size_t at = 0;
  const auto blanks = [&] { while (at < text.size() && is_blank(text[at])) ++at; };
  const auto need = [&](const char* what) __attribute__((always_inline)) {
    blanks();
    if (at >= text.size()) ends_at(what, at);
    return text[at];
  };
  const auto key = [&] {
    if (need("a key") != '"') throw JsonError("expected a key in quotes", at);
    at = scalar(at);
    if (need("`:`") != ':') throw JsonError("expected `:`", at);
    ++at;
  };
  while (true) {
    // A value.
    const char c = need("a value");
    bool complete = true;
    if (c == '[' || c == '{') {
      if (open_.size() >= max_depth) throw JsonError("nested deeper than 64", at);
      add() = {c == '[' ? JsonKind::array : JsonKind::object, false, static_cast<std::uint32_t>(at), 0, 0, 0};
      open_.push_back(static_cast<std::uint32_t>(used_ - 1));
      ++at;
      complete = need(c == '[' ? "`]`" : "`}`") == (c == '[' ? ']' : '}');
      if (!complete && c == '{') key();
    } else {
      at = scalar(at);
      complete = false;
      if (!open_.empty()) ++nodes_[open_.back()].count;
    }
    if (c == '[' || c == '{') {
      if (!complete) continue;  // its first value comes next
    }
    // After a value: close what ends here, or go on to the next value.
    bool closing = complete;
    while (true) {
      if (open_.empty()) break;
      Node& container = nodes_[open_.back()];
      const bool array = container.kind == JsonKind::array;
      if (!closing) {
        const char after = need(array ? "`,` or `]`" : "`,` or `}`");
        if (after == ',') {
          ++at;
          if (!array) key();
          break;
        }
        if (after != (array ? ']' : '}')) throw JsonError(array ? "expected `,` or `]`" : "expected `,` or `}`", at);
      }
      ++at;
      container.end = static_cast<std::uint32_t>(at);
      container.next = static_cast<std::uint32_t>(used_);
      open_.pop_back();
      if (!open_.empty()) ++nodes_[open_.back()].count;
      closing = false;
    }
    if (open_.empty()) break;
  }
  blanks();
  if (at != text.size()) throw JsonError("text follows the value", at);
  return 0;
}

std::string_view Json::unescaped(std::size_t node, std::string& scratch) const {
  const std::string_view text = raw(node);
  scratch.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      scratch += text[i];
      continue;
    }
    switch (text[++i]) {
      case 'b': scratch += '\b'; break;
      case 'f': scratch += '\f'; break;
      case 'n': scratch += '\n'; break;
      case 'r': scratch += '\r'; break;
      case 't': scratch += '\t'; break;
      case 'u': {
        int unit = code_unit(text, i + 1);
        i += 4;
        if (unit >= 0xD800 && unit <= 0xDBFF) {
          unit = 0x10000 + ((unit - 0xD800) << 10) + (code_unit(text, i + 3) - 0xDC00);
          i += 6;
        }
        append_utf8(scratch, unit);
        break;
      }
      default: scratch += text[i];
    }
  }
  return scratch;
}

std::size_t Json::find(std::size_t object, std::string_view key) const {
  std::string scratch;
  std::size_t at = first(object);
  for (std::size_t i = 0; i < children(object); ++i) {
    const std::size_t value = next(at);
    if (string(at, scratch) == key) return value;
    at = next(value);
  }
  return none;
}

void append_json_string(std::string& out, std::string_view text) {
  static const char* const hex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') { out += '\\'; out += c; }
    else if (c == '\n') out += "\\n";
    else if (c == '\t') out += "\\t";
    else if (c == '\r') out += "\\r";
    else if (byte < 0x20) { out += "\\u00"; out += hex[byte >> 4]; out += hex[byte & 15]; }
    else out += c;
  }
  out += '"';
}

}  // namespace mlp::score
