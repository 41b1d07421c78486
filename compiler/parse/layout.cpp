#include "compiler/parse/layout.h"

#include <algorithm>
#include <array>

#include "MillraceLexer.h"
#include "base/codes/syntax.h"

namespace mlp::parsing {
namespace {

using Lexer = mlp_grammar::MillraceLexer;
constexpr int eof = -1;

bool opens(int t) { return t == Lexer::LPAREN || t == Lexer::LBRACKET || t == Lexer::LBRACE; }
bool closes(int t) { return t == Lexer::RPAREN || t == Lexer::RBRACKET || t == Lexer::RBRACE; }
int partner(int t) { return t == Lexer::LPAREN ? Lexer::RPAREN : t == Lexer::LBRACKET ? Lexer::RBRACKET : Lexer::RBRACE; }
const char* sign(int t) {
  switch (t) {
    case Lexer::LPAREN: return "(";
    case Lexer::RPAREN: return ")";
    case Lexer::LBRACKET: return "[";
    case Lexer::RBRACKET: return "]";
    case Lexer::LBRACE: return "{";
    default: return "}";
  }
}
bool declares(int t) { return t >= Lexer::PIPELINE && t <= Lexer::LAYER; }
bool names(int t) { return t == Lexer::IDENTIFIER || t == Lexer::QUOTED || (t >= Lexer::PIPELINE && t <= Lexer::EXCEPT); }
// After these an expression or a name must follow, so the line cannot end here.
bool continues(int t) {
  switch (t) {
    case Lexer::IF: case Lexer::THEN: case Lexer::ELSE: case Lexer::AND: case Lexer::OR: case Lexer::NOT: case Lexer::IN: case Lexer::LET:
    case Lexer::COMMA: case Lexer::COLON: case Lexer::DOT: return true;
    default: return t >= Lexer::PIPE && t <= Lexer::CARET;
  }
}

class Brackets {
 public:
  Brackets(const SourceMap& sources, std::int32_t source, std::vector<Token> tokens, Diagnostics& diagnostics)
      : text_(sources.text(source)), source_(source), tokens_(std::move(tokens)), diagnostics_(diagnostics) {}

  std::vector<Token> run() {
    if (balanced()) return std::move(tokens_);
    for (std::size_t i = 0; i < tokens_.size(); ++i) step(i);
    return rebuilt();
  }

 private:
  struct Insertion {
    std::size_t before;  // index of a token
    int type;
  };

  bool balanced() const {
    std::vector<int> open;
    for (const Token& t : tokens_) {
      if (t.unclosed) return false;
      if (opens(t.type)) open.push_back(t.type);
      else if (closes(t.type)) {
        if (open.empty() || partner(open.back()) != t.type) return false;
        open.pop_back();
      }
    }
    return open.empty();
  }

  void step(std::size_t i) {
    const Token& t = tokens_[i];
    if (t.unclosed) text_open_ = true;
    if (opens(t.type)) {
      open_.push_back(i);
    } else if (closes(t.type)) {
      close(i);
    } else if (t.type == Lexer::NEWLINE) {
      // A text that runs to the end of its line has swallowed the closing brackets of that line.
      while (text_open_ && !open_.empty() && tokens_[open_.back()].type != Lexer::LBRACE && open_.back() >= line_begin_) {
        insertions_.push_back({i, partner(tokens_[open_.back()].type)});
        open_.pop_back();
      }
      text_open_ = false;
      line_begin_ = i + 1;
    } else if (t.type == eof || starts_declaration(i)) {
      while (!open_.empty()) {
        const std::size_t opener = open_.back();
        open_.pop_back();
        unclosed(opener, i);
        std::size_t place = i;
        while (place > opener + 1 && tokens_[place - 1].type == Lexer::NEWLINE) --place;
        insertions_.push_back({place, partner(tokens_[opener].type)});
      }
    }
  }

  // A word of a declaration in the first column, with a name behind it: no entry inside brackets looks like this.
  bool starts_declaration(std::size_t i) const {
    const Token& t = tokens_[i];
    return declares(t.type) && (t.begin == 0 || text_[t.begin - 1] == '\n') && i + 1 < tokens_.size() && names(tokens_[i + 1].type);
  }

  void close(std::size_t i) {
    const int type = tokens_[i].type;
    const bool has_partner = std::any_of(open_.begin(), open_.end(), [&](std::size_t o) { return partner(tokens_[o].type) == type; });
    if (!has_partner) {
      dropped_.push_back(i);
      if (enough(diagnostics_)) return;
      diagnostics_.report(code::stray_bracket, std::string("`") + sign(type) + "` closes nothing")
          .at(span(i), "no bracket is open here")
          .edit(span(i), "");
      return;
    }
    while (partner(tokens_[open_.back()].type) != type) {
      const std::size_t opener = open_.back();
      open_.pop_back();
      unclosed(opener, i);
      insertions_.push_back({end_of_line(opener, i), partner(tokens_[opener].type)});
    }
    open_.pop_back();
  }

  // Where the missing partner of a bracket most likely belongs: at the end of its line, if anything follows it there.
  std::size_t end_of_line(std::size_t opener, std::size_t limit) const {
    std::size_t i = opener + 1;
    while (i < limit && tokens_[i].type != Lexer::NEWLINE) ++i;
    return i == opener + 1 ? limit : i;
  }

  void unclosed(std::size_t opener, std::size_t where) {
    if (enough(diagnostics_)) return;
    const char* missing = sign(partner(tokens_[opener].type));
    auto& d = diagnostics_.report(code::unclosed_bracket, std::string("`") + sign(tokens_[opener].type) + "` is not closed")
                  .at(span(opener), std::string("its `") + missing + "` is missing");
    if (tokens_[where].type != eof) d.also(span(where), std::string("a `") + missing + "` must stand before this");
    d.suggest(std::string("add `") + missing + "`");
  }

  std::vector<Token> rebuilt() {
    std::stable_sort(insertions_.begin(), insertions_.end(), [](const Insertion& a, const Insertion& b) { return a.before < b.before; });
    std::vector<Token> out;
    std::size_t next = 0, drop = 0;
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      for (; next < insertions_.size() && insertions_[next].before == i; ++next) {
        const std::uint32_t place = i > 0 ? tokens_[i - 1].end : 0;
        out.push_back({.type = insertions_[next].type, .begin = place, .end = place});
      }
      if (drop < dropped_.size() && dropped_[drop] == i) ++drop;
      else out.push_back(tokens_[i]);
    }
    return out;
  }

  Span span(std::size_t i) const { return {source_, tokens_[i].begin, tokens_[i].end}; }

  std::string_view text_;
  std::int32_t source_;
  std::vector<Token> tokens_;
  Diagnostics& diagnostics_;
  std::vector<std::size_t> open_, dropped_;
  std::vector<Insertion> insertions_;
  bool text_open_ = false;
  std::size_t line_begin_ = 0;
};

// Does the line that begins at `i` set something? Then the line before it has ended, whatever it ends with.
bool begins_setting(const std::vector<Token>& tokens, std::size_t i) {
  const int t = tokens[i].type;
  if (t == Lexer::LET) return true;
  return names(t) && i + 1 < tokens.size() && (tokens[i + 1].type == Lexer::ASSIGN || tokens[i + 1].type == Lexer::COLON);
}

std::vector<Token> newlines(const std::vector<Token>& tokens) {
  std::vector<Token> out;
  out.reserve(tokens.size());
  std::vector<int> open;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const Token& t = tokens[i];
    const int before = out.empty() ? Lexer::NEWLINE : out.back().type;
    if (t.type == Lexer::NEWLINE) {
      if (!open.empty() && open.back() != Lexer::LBRACE) continue;
      if (before == Lexer::NEWLINE || before == Lexer::LBRACE) continue;
      std::size_t next = i + 1;
      while (tokens[next].type == Lexer::NEWLINE) ++next;
      const int after = tokens[next].type;
      if (after == eof || after == Lexer::RBRACE || after == Lexer::COMMA || after == Lexer::PIPE || after == Lexer::THEN || after == Lexer::ELSE) continue;
      if (after == Lexer::LBRACE && open.empty()) continue;
      if (before == Lexer::COMMA || (continues(before) && !begins_setting(tokens, next))) continue;
    } else if (closes(t.type)) {
      if (before == Lexer::COMMA && out.size() >= 2 && !opens(out[out.size() - 2].type)) out.pop_back();  // a trailing comma
      if (t.type == Lexer::RBRACE && out.back().type == Lexer::NEWLINE) out.pop_back();
      if (!open.empty()) open.pop_back();
    } else if (opens(t.type)) {
      open.push_back(t.type);
    }
    out.push_back(t);
  }
  return out;
}

}  // namespace

std::vector<Token> layout(const SourceMap& sources, std::int32_t source, std::vector<Token> tokens, Diagnostics& diagnostics) {
  return newlines(Brackets(sources, source, std::move(tokens), diagnostics).run());
}

}  // namespace mlp::parsing
