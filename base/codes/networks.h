// The codes of 041 layers and networks.
#pragma once
#include "base/diagnostic.h"

namespace mlp::code {
#define MLP_DIAGNOSTIC(code, name, exit, title, explanation) inline constexpr Code name{code_number(#code)};
#include "base/codes/networks.def"
#undef MLP_DIAGNOSTIC
}  // namespace mlp::code
