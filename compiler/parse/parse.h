// text → ast. The only room that sees ANTLR.
#pragma once
#include "base/diagnostic.h"
#include "compiler/ir/ast/ast.h"

namespace mlp {
// Parses one loaded source. Syntax faults are reported, several where possible; the file holds what could be read.
ast::File parse(const SourceMap& sources, std::int32_t source, Diagnostics& diagnostics);
}  // namespace mlp
