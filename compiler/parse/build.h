// Parse tree → ast.
#pragma once
#include "MillraceParser.h"
#include "compiler/parse/scan.h"

namespace mlp::parsing {
// Entries that hold a syntax error are left out; `recovered` says that there may be some. Moves the comments out of `scan`.
ast::File build(mlp_grammar::MillraceParser::FileContext* tree, const SourceMap& sources, std::int32_t source,
                const std::vector<Token>& tokens, Scan& scan, bool recovered, Diagnostics& diagnostics);
}  // namespace mlp::parsing
