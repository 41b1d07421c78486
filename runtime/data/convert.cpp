#include "runtime/data/convert.h"

#include <algorithm>
#include <charconv>

#include "base/diagnostic.h"

namespace mlp::data {
namespace {

constexpr std::int64_t day_us = 86'400'000'000;

unsigned hex4(std::string_view text) {
  unsigned code = 0;
  std::from_chars(text.data(), text.data() + 4, code, 16);
  return code;
}

// The inside of a JSON text that DuckDB has checked. A lone surrogate becomes U+FFFD.
std::string_view unescape(std::string_view text, std::string& scratch) {
  if (text.find('\\') == std::string_view::npos) return text;
  scratch.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 >= text.size()) {
      scratch += text[i];
      continue;
    }
    const char c = text[++i];
    switch (c) {
      case 'b': scratch += '\b'; break;
      case 'f': scratch += '\f'; break;
      case 'n': scratch += '\n'; break;
      case 'r': scratch += '\r'; break;
      case 't': scratch += '\t'; break;
      case 'u': {
        if (i + 4 >= text.size()) break;
        unsigned code = hex4(text.substr(i + 1, 4));
        i += 4;
        if (code >= 0xD800 && code < 0xDC00 && i + 6 < text.size() && text[i + 1] == '\\' && text[i + 2] == 'u') {
          const unsigned low = hex4(text.substr(i + 3, 4));
          if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            i += 6;
          }
        }
        if (code >= 0xD800 && code < 0xE000) code = 0xFFFD;
        if (code < 0x80) scratch += static_cast<char>(code);
        else if (code < 0x800) (scratch += static_cast<char>(0xC0 | code >> 6)) += static_cast<char>(0x80 | (code & 0x3F));
        else if (code < 0x10000) ((scratch += static_cast<char>(0xE0 | code >> 12)) += static_cast<char>(0x80 | (code >> 6 & 0x3F))) += static_cast<char>(0x80 | (code & 0x3F));
        else (((scratch += static_cast<char>(0xF0 | code >> 18)) += static_cast<char>(0x80 | (code >> 12 & 0x3F))) += static_cast<char>(0x80 | (code >> 6 & 0x3F))) += static_cast<char>(0x80 | (code & 0x3F));
        break;
      }
      default: scratch += c;
    }
  }
  return scratch;
}

std::string_view json_text(std::string_view token, std::string& scratch) {
  return token.size() >= 2 && token.front() == '"' ? unescape(token.substr(1, token.size() - 2), scratch) : token;
}

}  // namespace

void split_object(std::string_view line, const std::vector<std::string_view>& names, std::vector<std::string_view>& tokens) {
  tokens.assign(names.size(), {});
  std::size_t at = 0, next = 0;
  std::string scratch;
  const auto blanks = [&] {
    while (at < line.size() && (line[at] == ' ' || line[at] == '\t' || line[at] == '\r' || line[at] == '\n')) ++at;
  };
  const auto text = [&] {  // from quote to quote
    const std::size_t begin = at++;
    while (at < line.size() && line[at] != '"') at += line[at] == '\\' ? 2 : 1;
    return line.substr(begin, ++at - begin);
  };
  blanks();
  ++at;  // {
  for (blanks(); at < line.size() && line[at] == '"'; blanks()) {
    const std::string_view key = json_text(text(), scratch);
    blanks();
    ++at;  // :
    blanks();
    const std::size_t begin = at;
    for (int depth = 0; at < line.size();) {
      const char c = line[at];
      if (c == '"') {
        text();
      } else if (c == '{' || c == '[') {
        ++depth;
        ++at;
      } else if ((c == ',' || c == '}' || c == ']') && depth == 0) {
        break;
      } else {
        depth -= c == '}' || c == ']' ? 1 : 0;
        ++at;
      }
    }
    std::string_view token = line.substr(begin, at - begin);
    while (!token.empty() && (token.back() == ' ' || token.back() == '\t' || token.back() == '\r' || token.back() == '\n')) token.remove_suffix(1);
    // Lines mostly have their keys in the same order.
    if (next >= names.size() || names[next] != key) next = static_cast<std::size_t>(std::find(names.begin(), names.end(), key) - names.begin());
    if (next < names.size()) tokens[next++] = token;
    blanks();
    if (at < line.size() && line[at] == ',') ++at;
  }
}

values::Read read_cell(const Column& column, const std::vector<std::string>& null_words, Arrives arrives, const void* vector,
                       const std::uint64_t* validity, std::int64_t row, std::string& scratch, values::Cell& out) {
  if (!is_valid(validity, row)) {
    // DuckDB gives an empty CSV cell as NULL; whether that is a missing value, the null words say.
    if (arrives == Arrives::text) return values::read_text(column, null_words, {}, out);
    return values::Read::null;
  }
  switch (arrives) {
    case Arrives::text: return values::read_text(column, null_words, text_of(static_cast<const duckdb_string_t*>(vector)[row]), out);
    case Arrives::json: {
      const std::string_view token = static_cast<const std::string_view*>(vector)[row];
      if (token.data() == nullptr || token == "null") return values::Read::null;
      if (!token.empty() && (token.front() == '{' || token.front() == '[')) return values::Read::bad_type;
      return values::read_text(column, null_words, json_text(token, scratch), out);
    }
    case Arrives::real: return values::read_number(column, static_cast<const double*>(vector)[row], out);
    case Arrives::integer: return values::read_integer(column, static_cast<const std::int64_t*>(vector)[row], out);
    case Arrives::boolean:
      out.integer = static_cast<const bool*>(vector)[row] ? 1 : 0;
      return column.type.scalar == Scalar::boolean ? values::Read::ok : values::read_integer(column, out.integer, out);
    case Arrives::date:
      out.integer = static_cast<const std::int32_t*>(vector)[row];
      if (column.type.scalar == Scalar::timestamp) out.integer = values::local_moment(column, out.integer * day_us);
      return values::Read::ok;
    case Arrives::timestamp:
    case Arrives::local:
      out.integer = static_cast<const std::int64_t*>(vector)[row];
      if (column.type.scalar == Scalar::timestamp) {
        if (arrives == Arrives::local) out.integer = values::local_moment(column, out.integer);
        return values::Read::ok;
      }
      if (out.integer % day_us != 0) return values::Read::bad_type;  // a date that has a time of day
      out.integer /= day_us;
      return values::Read::ok;
  }
  MLP_BUG("unknown arrival");
}

std::string spell_cell(Arrives arrives, const void* vector, const std::uint64_t* validity, std::int64_t row) {
  if (!is_valid(validity, row)) return {};
  Column column;
  values::Cell cell;
  switch (arrives) {
    case Arrives::text: return std::string(text_of(static_cast<const duckdb_string_t*>(vector)[row]));
    case Arrives::json: {
      std::string scratch;
      return std::string(json_text(static_cast<const std::string_view*>(vector)[row], scratch));
    }
    case Arrives::real: column.type.scalar = Scalar::real; cell.real = static_cast<const double*>(vector)[row]; break;
    case Arrives::integer: column.type.scalar = Scalar::integer; cell.integer = static_cast<const std::int64_t*>(vector)[row]; break;
    case Arrives::boolean: column.type.scalar = Scalar::boolean; cell.integer = static_cast<const bool*>(vector)[row]; break;
    case Arrives::date: column.type.scalar = Scalar::date; cell.integer = static_cast<const std::int32_t*>(vector)[row]; break;
    case Arrives::timestamp: case Arrives::local: column.type.scalar = Scalar::timestamp; cell.integer = static_cast<const std::int64_t*>(vector)[row]; break;
  }
  return values::spell(column, cell);
}

}  // namespace mlp::data
