// The codes of 025 params, imports, folds and tuning.
#pragma once
#include "base/diagnostic.h"

namespace mlp::code {
#define MLP_DIAGNOSTIC(code, name, exit, title, explanation) inline constexpr Code name{code_number(#code)};
#include "base/codes/modules.def"
#undef MLP_DIAGNOSTIC
}  // namespace mlp::code
