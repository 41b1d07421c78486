#include "compiler/parse/scan.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "MillraceLexer.h"
#include "base/codes/syntax.h"

namespace mlp::parsing {
namespace {

using Lexer = mlp_grammar::MillraceLexer;

// The offset of the first byte that is not UTF-8, or npos. Strict: no overlong forms, surrogates or values past U+10FFFF.
std::size_t first_invalid_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned char lead = byte(i);
    if (lead < 0x80) { ++i; continue; }
    const std::size_t length = lead >= 0xC2 && lead <= 0xDF ? 2 : (lead & 0xF0) == 0xE0 ? 3 : lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
    if (length == 0 || i + length > text.size()) return i;
    for (std::size_t k = 1; k < length; ++k)
      if ((byte(i + k) & 0xC0) != 0x80) return i;
    const unsigned char second = byte(i + 1);
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) || (lead == 0xF0 && second < 0x90) ||
        (lead == 0xF4 && second > 0x8F))
      return i;
    i += length;
  }
  return std::string_view::npos;
}

// ANTLR counts code points, spans count bytes.
std::vector<std::uint32_t> byte_offsets(std::string_view text, std::uint32_t base) {
  std::vector<std::uint32_t> offsets;
  offsets.reserve(text.size() + 1);
  for (std::size_t i = 0; i < text.size(); ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) offsets.push_back(base + static_cast<std::uint32_t>(i));
  offsets.push_back(base + static_cast<std::uint32_t>(text.size()));
  return offsets;
}

bool digit(char c) { return c >= '0' && c <= '9'; }

constexpr std::array<std::string_view, 7> duration_units = {"us", "ms", "s", "m", "h", "d", "w"};
constexpr std::array<std::string_view, 7> size_units = {"B", "KB", "MB", "GB", "KiB", "MiB", "GiB"};

struct Foreign {
  std::string_view text;
  int type;  // the token it is taken for; 0 = left out
  std::string_view advice, instead;
};
constexpr std::array<Foreign, 9> foreign_signs = {{
    {"&&", Lexer::AND, "write `and`", "and"},
    {"||", Lexer::OR, "write `or`", "or"},
    {"!", Lexer::NOT, "write `not`", "not"},
    {"**", Lexer::CARET, "powers are written with `^`", "^"},
    {";", Lexer::NEWLINE, "a new line or a comma ends an entry", ""},
    {":=", Lexer::ASSIGN, "write `=`", "="},
    {"=>", Lexer::ARROW, "write `->`", "->"},
    {"===", Lexer::EQ, "write `==`", "=="},
    {"<>", Lexer::NE, "write `!=`", "!="},
}};

class Scanner {
 public:
  Scanner(const SourceMap& sources, std::int32_t source, Diagnostics& diagnostics)
      : text_(sources.text(source)), source_(source), diagnostics_(diagnostics) {}

  Scan run() {
    if (text_.size() > largest_source) {
      diagnostics_.report(code::source_too_large, "the spec has " + std::to_string(text_.size()) + " bytes, and at most " +
                                                      std::to_string(largest_source) + " are read")
          .at({source_, 0, 0})
          .suggest("a spec describes a pipeline; data belongs into files that a `source` names");
      return std::move(out_);
    }
    if (const std::size_t bad = first_invalid_utf8(text_); bad != std::string_view::npos) {
      static constexpr char digits[] = "0123456789ABCDEF";
      const auto byte = static_cast<unsigned char>(text_[bad]);
      diagnostics_.report(code::invalid_utf8, std::string("byte 0x") + digits[byte >> 4] + digits[byte & 15] + " at offset " +
                                                  std::to_string(bad) + " is not UTF-8")
          .at({source_, static_cast<std::uint32_t>(bad), static_cast<std::uint32_t>(bad + 1)}, "not UTF-8")
          .suggest("save the file as UTF-8");
      return std::move(out_);
    }
    const std::uint32_t bom = text_.substr(0, 3) == "\xEF\xBB\xBF" ? 3 : 0;
    const std::vector<std::uint32_t> offsets = byte_offsets(text_.substr(bom), bom);
    antlr4::ANTLRInputStream input(std::string(text_.substr(bom)));
    Lexer lexer(&input);
    lexer.removeErrorListeners();
    bool line_start = true;
    for (;;) {
      const auto raw = lexer.nextToken();
      if (raw->getType() == antlr4::Token::EOF) break;
      Token token{.type = static_cast<int>(raw->getType()), .begin = offsets[raw->getStartIndex()], .end = offsets[raw->getStopIndex() + 1]};
      token.first_on_line = line_start;
      line_start = token.type == Lexer::NEWLINE;
      take(token);
      if (too_deep(token) || enough(diagnostics_)) return std::move(out_);
      if (out_.tokens.size() > most_tokens) {
        diagnostics_.report(code::source_too_large, "the spec has more than " + std::to_string(most_tokens) + " words and signs")
            .at(span(token.begin, token.end), "the rest is not read")
            .suggest("many similar columns are written as a family: `p0..p783 : int`");
        return std::move(out_);
      }
    }
    const auto end = static_cast<std::uint32_t>(text_.size());
    close_doc(-1);
    out_.tokens.push_back({.type = static_cast<int>(antlr4::Token::EOF), .begin = end, .end = end});
    out_.usable = true;
    return std::move(out_);
  }

 private:
  Span span(std::uint32_t begin, std::uint32_t end) const { return {source_, begin, end}; }
  std::string_view text(const Token& t) const { return text_.substr(t.begin, t.end - t.begin); }

  void take(Token token) {
    switch (token.type) {
      case Lexer::DOC: return doc(token);
      case Lexer::COMMENT: return comment(token);
      case Lexer::HASH_COMMENT:
        diagnostics_.report(code::stray_character, "a comment starts with `//`").at(span(token.begin, token.begin + 1), "no comment sign here").edit(span(token.begin, token.begin + 1), "//");
        return;
      case Lexer::BLOCK_COMMENT:
        diagnostics_.report(code::stray_character, "a comment starts with `//` and ends with its line")
            .at(span(token.begin, token.begin + 2), "no comment sign here")
            .suggest("put `//` before each line");
        return;
      case Lexer::FOREIGN: {
        const auto known = std::find_if(foreign_signs.begin(), foreign_signs.end(), [&](const Foreign& f) { return f.text == text(token); });
        auto& d = diagnostics_.report(code::stray_character, "`" + std::string(text(token)) + "` is not in the language").at(span(token.begin, token.end), std::string(known->advice));
        if (!known->instead.empty()) {
          std::string instead(known->instead);
          if (instead[0] >= 'a') {  // a word stands apart from its neighbours
            if (token.begin > 0 && text_[token.begin - 1] != ' ') instead = " " + instead;
            if (token.end < text_.size() && text_[token.end] != ' ') instead += " ";
          }
          d.edit(span(token.begin, token.end), instead);
        }
        token.type = known->type;
        return push(token);
      }
      case Lexer::STRAY: return stray(token);
      case Lexer::SINGLE_QUOTED: {
        auto& d = diagnostics_.report(code::stray_character, "a text stands in double quotes").at(span(token.begin, token.end), "single quotes");
        const std::string inner(text(token).substr(1, token.end - token.begin - 2));
        if (inner.find_first_of("\"\\") == std::string::npos) d.edit(span(token.begin, token.end), "\"" + inner + "\"");
        token.type = Lexer::STRING;
        return push(token);
      }
      case Lexer::OPEN_STRING: case Lexer::OPEN_QUOTED: {
        const bool name = token.type == Lexer::OPEN_QUOTED;
        while (token.end > token.begin + 1 && (text_[token.end - 1] == '\r' || text_[token.end - 1] == ' ')) --token.end;
        diagnostics_.report(name ? code::unclosed_name : code::unclosed_string, name ? "a name in backticks is not closed" : "a text is not closed")
            .at(span(token.begin, token.begin + 1), name ? "no second backtick on this line" : "no second quote on this line")
            .suggest(name ? "close it with a backtick on the same line" : "close it with `\"` on the same line; a line break inside is written `\\n`");
        token.type = name ? Lexer::QUOTED : Lexer::STRING;
        token.unclosed = true;
        return push(token);
      }
      case Lexer::STRING: case Lexer::QUOTED:
        if (token.type == Lexer::QUOTED && token.end - token.begin == 2)
          diagnostics_.report(code::unclosed_name, "a name is empty").at(span(token.begin, token.end), "nothing between the backticks");
        check_escapes(token);
        return push(token);
      case Lexer::NUMBER: check_number(token); return push(token);
      case Lexer::DATE: check_date(token); return push(token);
      default: return push(token);
    }
  }

  void push(Token token) {
    if (token.type != Lexer::NEWLINE) token.doc = close_doc(static_cast<int>(out_.docs.size()));
    token.after_stray = std::exchange(stray_end_, 0) != 0;
    out_.tokens.push_back(token);
  }

  // Documentation lines gather until a token follows; behind something on the same line they are comments.
  void doc(const Token& token) {
    const std::string_view line = trimmed(token);
    if (!token.first_on_line || line.starts_with("////")) return comment(token);
    std::string_view content = line.substr(3);
    if (content.starts_with(' ')) content.remove_prefix(1);
    if (!open_doc_.lines.empty()) open_doc_.text += '\n';
    open_doc_.text += content;
    open_doc_.lines.push_back(span(token.begin, token.begin + static_cast<std::uint32_t>(line.size())));
  }
  int close_doc(int index) {
    if (open_doc_.lines.empty()) return -1;
    out_.docs.push_back(std::move(open_doc_));
    open_doc_ = {};
    return index;
  }
  void comment(const Token& token) {
    out_.comments.push_back({span(token.begin, token.begin + static_cast<std::uint32_t>(trimmed(token).size())), token.first_on_line});
  }
  std::string_view trimmed(const Token& token) const {
    std::string_view line = text(token);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
    return line;
  }

  void stray(const Token& token) {
    if (stray_end_ != 0 && token.begin == stray_end_) {  // one report for a run of them
      stray_end_ = token.end;
      return;
    }
    stray_end_ = token.end;
    const std::string_view seen = text(token);
    const auto byte = static_cast<unsigned char>(seen[0]);
    static constexpr char digits[] = "0123456789abcdef";
    std::string shown = byte < 0x20 || byte == 0x7F ? std::string("\\x") + digits[byte >> 4] + digits[byte & 15] : std::string(seen);
    std::string label = "not in the language";
    std::string help;
    if (seen == "\xC2\xA0" || seen == "\xE2\x80\x8B" || seen == "\xEF\xBB\xBF" || seen == "\xE3\x80\x80") {
      shown = "an invisible character";
      help = "replace it by a space";
    } else {
      shown = "`" + shown + "`";
      if (seen == "\xE2\x80\x9C" || seen == "\xE2\x80\x9D") help = "a text stands in plain double quotes: `\"`";
      else if (seen == "\xE2\x89\xA4") help = "write `<=`";
      else if (seen == "\xE2\x89\xA5") help = "write `>=`";
      else if (seen == "\xE2\x89\xA0") help = "write `!=`";
      else if (seen == "\xE2\x80\x93" || seen == "\xE2\x88\x92") help = "write `-`";
      else if (seen == "&") help = "write `and`";
      else if (seen == "|") help = "write `or`, or `|>` to pass a value on";
      else if (seen == "$" || seen == "\\") help = "names with other characters stand in backticks";
      else if (seen == "'") help = "a text stands in double quotes";
      else if (seen == "/") help = "a comment starts with `//`";
    }
    auto& d = diagnostics_.report(code::stray_character, shown + " cannot stand here").at(span(token.begin, token.end), label);
    if (!help.empty()) d.suggest(help);
  }

  void check_number(const Token& token) {
    const std::string_view s = text(token);
    std::size_t i = 0;
    bool underscore_ok = true;
    const auto digits = [&] {
      for (; i < s.size() && (digit(s[i]) || s[i] == '_'); ++i)
        if (s[i] == '_' && (i + 1 >= s.size() || !digit(s[i + 1]) || !digit(s[i - 1]))) underscore_ok = false;
    };
    digits();
    if (i + 1 < s.size() && s[i] == '.') { ++i; digits(); }
    if (i < s.size() && (s[i] == 'e' || s[i] == 'E')) {
      std::size_t k = i + 1;
      if (k < s.size() && (s[k] == '+' || s[k] == '-')) ++k;
      if (k < s.size() && digit(s[k])) { i = k; digits(); }
    }
    const std::string unit(s.substr(i));
    const auto at = span(token.begin + static_cast<std::uint32_t>(i), token.end);
    const auto known = [&](const auto& units) { return std::find(units.begin(), units.end(), unit) != units.end(); };
    if (!underscore_ok) {
      diagnostics_.report(code::bad_number, "`_` stands between digits only").at(span(token.begin, token.end), "as in `1_000`");
    } else if (!unit.empty() && unit != "%" && !known(duration_units) && !known(size_units)) {
      std::vector<std::string> units(duration_units.begin(), duration_units.end());
      units.insert(units.end(), size_units.begin(), size_units.end());
      static const std::pair<std::string_view, std::string_view> aliases[] = {
          {"min", "m"}, {"mins", "m"}, {"minutes", "m"}, {"sec", "s"}, {"secs", "s"}, {"seconds", "s"}, {"hours", "h"},
          {"hr", "h"}, {"days", "d"}, {"day", "d"}, {"weeks", "w"}, {"k", "KB"}, {"K", "KB"}, {"M", "MB"}, {"G", "GB"}};
      std::string near;
      for (const auto& [alias, meant] : aliases)
        if (unit == alias) near = meant;
      if (near.empty())
        for (const std::string& u : units)
          if (u.size() == unit.size() && std::equal(u.begin(), u.end(), unit.begin(), [](char a, char b) { return std::tolower(a) == std::tolower(static_cast<unsigned char>(b)); })) near = u;
      auto& d = diagnostics_.report(code::bad_number, "`" + unit + "` is no unit").at(at, near.empty() ? "unknown unit" : "did you mean `" + near + "`?");
      d.suggest("durations end in us ms s m h d w, sizes in B KB MB GB KiB MiB GiB, shares in %");
      if (!near.empty()) d.edit(at, near);
    }
  }

  void check_date(const Token& token) {
    const std::string_view s = text(token).substr(1);
    // 2024-01-31, 2024-01-31T13:05 or 2024-01-31T13:05:59, a Z behind the time where one likes
    const auto shaped = [](std::string_view text, std::string_view form) {
      bool same = text.size() == form.size();
      for (std::size_t i = 0; same && i < text.size(); ++i) same = form[i] == '0' ? digit(text[i]) : text[i] == form[i];
      return same;
    };
    const std::string_view timed = s.ends_with('Z') ? s.substr(0, s.size() - 1) : s;
    const bool minutes = shaped(timed, "0000-00-00T00:00"), seconds = shaped(timed, "0000-00-00T00:00:00"), shape = shaped(s, "0000-00-00") || minutes || seconds;
    const auto number = [&](std::size_t from, std::size_t count) {
      int v = 0;
      for (std::size_t i = from; i < from + count; ++i) v = v * 10 + (s[i] - '0');
      return v;
    };
    std::string fault = "not in the form of a date";
    if (shape) {
      static constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
      const int year = number(0, 4), month = number(5, 2), day = number(8, 2);
      const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
      const bool real_day = month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] + (month == 2 && leap ? 1 : 0);
      const bool real_time = !(minutes || seconds) || (number(11, 2) < 24 && number(14, 2) < 60 && (!seconds || number(17, 2) < 60));
      if (real_day && real_time) return;
      fault = real_day ? "no such time of the day" : "no such day in the calendar";
    }
    diagnostics_.report(code::bad_number, "`" + std::string(text(token)) + "` is no date").at(span(token.begin, token.end), fault).suggest("a date is written `@2024-01-31`, a moment `@2024-01-31T13:05:59`");
  }

  void check_escapes(const Token& token) {
    const std::string_view s = text(token);
    for (std::size_t i = 1; i + 1 < s.size(); ++i) {
      if (s[i] != '\\') continue;
      const char c = s[i + 1];
      std::size_t length = 2;
      bool good = c == '\\' || c == '"' || c == '`' || c == 'n' || c == 't' || c == 'r';
      if (c == 'u' && i + 2 < s.size() && s[i + 2] == '{') {
        const std::size_t close = s.find('}', i);
        if (close != std::string_view::npos) {
          length = close + 1 - i;
          const std::string_view hex = s.substr(i + 3, close - i - 3);
          good = !hex.empty() && hex.size() <= 6 && std::all_of(hex.begin(), hex.end(), [](char h) { return std::isxdigit(static_cast<unsigned char>(h)); });
          if (good) {
            const unsigned long point = std::stoul(std::string(hex), nullptr, 16);
            good = point <= 0x10FFFF && !(point >= 0xD800 && point <= 0xDFFF);
          }
        }
      }
      if (!good) {
        const auto at = span(token.begin + static_cast<std::uint32_t>(i), token.begin + static_cast<std::uint32_t>(std::min(i + length, s.size() - 1)));
        auto& d = diagnostics_.report(code::bad_escape, "`" + std::string(text_.substr(at.begin, at.end - at.begin)) + "` is no escape")
                      .at(at, "known are \\\\ \\\" \\n \\t \\r \\u{1F600}");
        if (c != 'u') d.suggest("a backslash itself is written twice: `\\\\`").edit(span(at.begin, at.begin + 1), "\\\\");
      }
      i += length - 1;
    }
  }

  // Counted here, before anything recursive runs. An `if` is open until its `else`.
  bool too_deep(const Token& token) {
    if (token.type == Lexer::LPAREN || token.type == Lexer::LBRACKET || token.type == Lexer::LBRACE) ++brackets_;
    else if (token.type == Lexer::RPAREN || token.type == Lexer::RBRACKET || token.type == Lexer::RBRACE) brackets_ = std::max(0, brackets_ - 1);
    else if (token.type == Lexer::IF) ++ifs_;
    else if (token.type == Lexer::ELSE) ifs_ = std::max(0, ifs_ - 1);
    if (brackets_ == 0 && token.type == Lexer::NEWLINE) ifs_ = 0;
    if (brackets_ + ifs_ <= deepest_nesting) return false;
    diagnostics_.report(code::too_deep, "more than " + std::to_string(deepest_nesting) + " levels are nested")
        .at(span(token.begin, token.end), "level " + std::to_string(deepest_nesting + 1))
        .suggest("name parts of the expression, as features or with `let` in a function");
    return true;
  }

  std::string_view text_;
  std::int32_t source_;
  Diagnostics& diagnostics_;
  Scan out_;
  Doc open_doc_;
  std::uint32_t stray_end_ = 0;
  int brackets_ = 0, ifs_ = 0;
};

void append_utf8(std::string& out, unsigned long p) {
  const auto put = [&](unsigned long byte) { out += static_cast<char>(byte); };
  if (p < 0x80) put(p);
  else if (p < 0x800) { put(0xC0 | p >> 6); put(0x80 | (p & 63)); }
  else if (p < 0x10000) { put(0xE0 | p >> 12); put(0x80 | (p >> 6 & 63)); put(0x80 | (p & 63)); }
  else { put(0xF0 | p >> 18); put(0x80 | (p >> 12 & 63)); put(0x80 | (p >> 6 & 63)); put(0x80 | (p & 63)); }
}

}  // namespace

Scan scan(const SourceMap& sources, std::int32_t source, Diagnostics& diagnostics) { return Scanner(sources, source, diagnostics).run(); }

std::string decode(std::string_view quoted) {
  const char quote = quoted.front();
  quoted.remove_prefix(1);
  if (quoted.ends_with(quote)) quoted.remove_suffix(1);
  std::string out;
  for (std::size_t i = 0; i < quoted.size(); ++i) {
    if (quoted[i] != '\\' || i + 1 >= quoted.size()) { out += quoted[i]; continue; }
    const char c = quoted[++i];
    if (c == 'n') out += '\n';
    else if (c == 't') out += '\t';
    else if (c == 'r') out += '\r';
    else if (c == 'u' && i + 1 < quoted.size() && quoted[i + 1] == '{') {
      unsigned long point = 0;
      for (i += 2; i < quoted.size() && quoted[i] != '}'; ++i) {
        const char h = quoted[i];
        point = (point << 4 | static_cast<unsigned long>(digit(h) ? h - '0' : (h | 0x20) - 'a' + 10)) & 0x1FFFFF;
      }
      append_utf8(out, point);
    } else out += c;
  }
  return out;
}

}  // namespace mlp::parsing
