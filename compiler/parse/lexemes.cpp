#include "compiler/parse/lexemes.h"

#include <algorithm>
#include <cctype>

#include "MillraceLexer.h"
#include "compiler/parse/scan.h"

namespace mlp {
namespace {

using Lexer = mlp_grammar::MillraceLexer;

LexemeKind kind_of(const parsing::Token& token, std::string_view text) {
  switch (token.type) {
    case Lexer::IDENTIFIER: case Lexer::QUOTED: case Lexer::OPEN_QUOTED: return LexemeKind::name;
    case Lexer::NUMBER: case Lexer::DATE: return LexemeKind::number;
    case Lexer::STRING: case Lexer::OPEN_STRING: case Lexer::SINGLE_QUOTED: return LexemeKind::text;
    case Lexer::ATTRIBUTE: return LexemeKind::attribute;
    case Lexer::NEWLINE: return LexemeKind::newline;
    default: return !text.empty() && std::isalpha(static_cast<unsigned char>(text[0])) ? LexemeKind::keyword : LexemeKind::sign;
  }
}

}  // namespace

std::vector<Lexeme> lexemes(const SourceMap& sources, std::int32_t source) {
  Diagnostics unsaid;
  const parsing::Scan scan = parsing::scan(sources, source, unsaid);
  std::vector<Lexeme> list;
  for (const parsing::Token& t : scan.tokens) {
    if (t.end <= t.begin) continue;  // the end of the file
    const Span span{source, t.begin, t.end};
    list.push_back({kind_of(t, sources.text(span)), span});
  }
  for (const ast::Comment& c : scan.comments) list.push_back({LexemeKind::comment, c.span});
  for (const parsing::Doc& d : scan.docs)
    for (const Span line : d.lines) list.push_back({LexemeKind::documentation, line});
  std::stable_sort(list.begin(), list.end(), [](const Lexeme& a, const Lexeme& b) { return a.span.begin < b.span.begin; });
  return list;
}

}  // namespace mlp
