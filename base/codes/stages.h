// The codes of 03 stages, nulls, leakage.
#pragma once
#include "base/diagnostic.h"

namespace mlp::code {
#define MLP_DIAGNOSTIC(code, name, exit, title, explanation) inline constexpr Code name{code_number(#code)};
#include "base/codes/stages.def"
#undef MLP_DIAGNOSTIC
}  // namespace mlp::code
