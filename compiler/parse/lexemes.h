// text → words and signs with their kinds, for editors: the text need not parse.
#pragma once
#include <vector>

#include "base/span.h"

namespace mlp {

enum class LexemeKind { keyword, name, number, text, attribute, sign, newline, comment, documentation };
struct Lexeme {
  LexemeKind kind = LexemeKind::sign;
  Span span;
};
// In the order of the text; a keyword may stand where it is a name. Empty when the text is no spec at all (encoding, size).
std::vector<Lexeme> lexemes(const SourceMap& sources, std::int32_t source);

}  // namespace mlp
