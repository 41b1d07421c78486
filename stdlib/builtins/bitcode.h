// The builtin functions of kernels.h as LLVM 19 bitcode, one module, every function of it external. Baseline x86-64;
// it names no symbol outside itself.
#pragma once
#include <string_view>

namespace mlp {
std::string_view builtins_bitcode();
}
