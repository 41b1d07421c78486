// Where the cursor is, from words and brackets alone: the text around it need not parse.
#pragma once
#include <string>
#include <vector>

#include "compiler/parse/lexemes.h"

namespace mlp::lsp {

// What is open at the cursor: the text itself, then every bracket that is not closed yet.
struct Level {
  char bracket = 0;                 // 0 { ( [
  std::vector<std::string> entry;   // words of the current entry in front of the cursor; a closed bracket is its opening sign
  int commas = 0;                   // before this entry
};
struct Context {
  std::vector<Level> levels;        // the first is the declaration
  Span word;                        // the name that is being written, or an empty span at the cursor
  std::uint32_t declaration = 0;    // where the declaration starts
  bool silent = false;              // in a comment or a text
};
Context context_at(const SourceMap& sources, const std::vector<Lexeme>& words, std::uint32_t offset);

}  // namespace mlp::lsp
