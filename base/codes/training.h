// The codes of 06 training and tests.
#pragma once
#include "base/diagnostic.h"

namespace mlp::code {
#define MLP_DIAGNOSTIC(code, name, exit, title, explanation) inline constexpr Code name{code_number(#code)};
#include "base/codes/training.def"
#undef MLP_DIAGNOSTIC
}  // namespace mlp::code
