// ast → sem: names, types, nulls, stages, leakage. Functions of the language are inlined here.
#pragma once
#include "base/diagnostic.h"
#include "compiler/check/meaning.h"
#include "compiler/ir/ast/ast.h"
#include "compiler/ir/sem/sem.h"

namespace mlp {
// `library` is the parsed standard library. With errors reported, the module may be incomplete. `meaning`: see there.
sem::Module check(const SourceMap& sources, const ast::File& file, const std::vector<ast::File>& library, Diagnostics& diagnostics,
                  Meaning* meaning = nullptr);
}  // namespace mlp
