// What needs LLVM, as a shared library of its own: loading LLVM takes longer than all that `mlp check` does.
#pragma once
#include "compiler/codegen/cpu/cpu.h"
#include "compiler/codegen/gpu/gpu.h"
#include "compiler/emit/emit.h"

namespace mlp {

struct Native {
  decltype(&codegen::check_externals) check_externals;
  decltype(&codegen::compile) compile;
  decltype(&codegen::object) object;
  decltype(&codegen::device_code) device_code;
  decltype(&codegen::device_rows) device_rows;
  decltype(&codegen::host_rest) host_rest;
  decltype(&codegen::print_llvm) print_llvm;
  decltype(&codegen::print_asm) print_asm;
  decltype(&emit::emit) emit;
};
inline constexpr const char* native_symbol = "mlp_native";  // of the one Native in the library

}  // namespace mlp
