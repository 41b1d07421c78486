// ast + comments → canonical text. No options, idempotent, keeps every comment.
#pragma once
#include "compiler/ir/ast/ast.h"

namespace mlp {
std::string format(const SourceMap& sources, const ast::File& file);  // file must have parsed without errors
}  // namespace mlp
