// ast + comments → canonical text. No options, idempotent, keeps every comment.
#pragma once
#include "compiler/ir/ast/ast.h"

namespace mlp {

std::string format(const SourceMap& sources, const ast::File& file);  // file must have parsed without errors

// A name as a spec writes it: bare where it can be, else in backticks.
std::string format_name(std::string_view name);
// A text with its quotes and escapes.
std::string format_text(std::string_view value);

}  // namespace mlp
