// The codes of 040 losses of the language.
#pragma once
#include "base/diagnostic.h"

namespace mlp::code {
#define MLP_DIAGNOSTIC(code, name, exit, title, explanation) inline constexpr Code name{code_number(#code)};
#include "base/codes/losses.def"
#undef MLP_DIAGNOSTIC
}  // namespace mlp::code
