// Names and texts as the grammar spells them.
#include <algorithm>
#include <array>

#include "compiler/format/format.h"

namespace mlp {
namespace {

constexpr std::string_view reserved[] = {"if", "then", "else", "and", "or", "not", "in", "let", "true", "false", "null"};

struct Interval { char32_t first, last; };
// START and PART of grammar/Millrace.g4.
constexpr Interval start[] = {{'A', 'Z'}, {'_', '_'}, {'a', 'z'}, {0xC0, 0xD6}, {0xD8, 0xF6}, {0xF8, 0x2FF}, {0x370, 0x37D}, {0x37F, 0x1FFF},
                              {0x2070, 0x218F}, {0x2C00, 0x2FEF}, {0x3001, 0xD7FF}, {0xF900, 0xFDCF}, {0xFDF0, 0xFEFE}, {0xFF00, 0xFFFD},
                              {0x10000, 0xEFFFF}};
constexpr Interval part[] = {{'0', '9'}, {0xB7, 0xB7}, {0x300, 0x36F}, {0x203F, 0x2040}};
template <std::size_t N>
bool within(const Interval (&table)[N], char32_t c) {
  return std::any_of(std::begin(table), std::end(table), [&](Interval i) { return c >= i.first && c <= i.last; });
}

// The code point at i of UTF-8 text; i moves past it. Bytes that are not UTF-8 give U+FFFFFFFF.
char32_t next(std::string_view text, std::size_t& i) {
  const auto lead = static_cast<unsigned char>(text[i++]);
  if (lead < 0x80) return lead;
  const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC2 ? 1 : 0;
  char32_t point = more == 3 ? lead & 7 : more == 2 ? lead & 15 : lead & 31;
  for (int k = 0; k < more && i < text.size(); ++k) point = point << 6 | (static_cast<unsigned char>(text[i++]) & 0x3F);
  return more == 0 ? 0xFFFFFFFF : point;
}

bool identifier(std::string_view name) {
  if (name.empty()) return false;
  for (std::size_t i = 0; i < name.size();) {
    const bool first = i == 0;
    const char32_t c = next(name, i);
    if (!within(start, c) && (first || !within(part, c))) return false;
  }
  return true;
}

std::string quoted(std::string_view value, char quote) {
  std::string out(1, quote);
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == quote || c == '\\') (out += '\\') += c;
    else if (c == '\n') out += "\\n";
    else if (c == '\t') out += "\\t";
    else if (c == '\r') out += "\\r";
    else if (byte < 0x20 || byte == 0x7F) {
      static constexpr char digits[] = "0123456789abcdef";
      out += "\\u{";
      if (byte >= 16) out += digits[byte >> 4];
      out += digits[byte & 15];
      out += '}';
    } else out += c;
  }
  return out += quote;
}

}  // namespace

std::string format_name(std::string_view name) {
  const bool bare = identifier(name) && std::find(std::begin(reserved), std::end(reserved), name) == std::end(reserved);
  return bare ? std::string(name) : quoted(name, '`');
}

std::string format_text(std::string_view value) { return quoted(value, '"'); }

}  // namespace mlp
