// Tokens as scanned → tokens as the grammar wants them: brackets in pairs, and a NEWLINE exactly where an entry ends.
#pragma once
#include "compiler/parse/scan.h"

namespace mlp::parsing {
// Reports brackets that have no partner and mends them, so that one slip does not spoil what follows.
std::vector<Token> layout(const SourceMap& sources, std::int32_t source, std::vector<Token> tokens, Diagnostics& diagnostics);
}  // namespace mlp::parsing
