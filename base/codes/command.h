// The codes of 09 command line and environment.
#pragma once
#include "base/diagnostic.h"

namespace mlp::code {
#define MLP_DIAGNOSTIC(code, name, exit, title, explanation) inline constexpr Code name{code_number(#code)};
#include "base/codes/command.def"
#undef MLP_DIAGNOSTIC
}  // namespace mlp::code
