// The codes of 04 plan, lowering, code generation.
#pragma once
#include "base/diagnostic.h"

namespace mlp::code {
#define MLP_DIAGNOSTIC(code, name, exit, title, explanation) inline constexpr Code name{code_number(#code)};
#include "base/codes/generation.def"
#undef MLP_DIAGNOSTIC
}  // namespace mlp::code
