// Builtin functions that kernels in this process call where they are, in this program, instead of compiling them again:
// those on texts, which are large and would not be inlined. Both copies come from the same sources and give the same
// bits (tests compare them).
#pragma once
#include <string>
#include <utility>
#include <vector>

namespace mlp::codegen {

const std::vector<std::pair<std::string, void*>>& host_functions();
inline const char* const host_prefix = "host.";  // before the name of a function that is called in this program

}  // namespace mlp::codegen
