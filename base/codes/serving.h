// The codes of 08 scoring and serving.
#pragma once
#include "base/diagnostic.h"

namespace mlp::code {
#define MLP_DIAGNOSTIC(code, name, exit, title, explanation) inline constexpr Code name{code_number(#code)};
#include "base/codes/serving.def"
#undef MLP_DIAGNOSTIC
}  // namespace mlp::code
