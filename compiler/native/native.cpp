#include "compiler/native/native.h"

extern "C" const mlp::Native mlp_native;
const mlp::Native mlp_native = {mlp::codegen::check_externals, mlp::codegen::compile,   mlp::codegen::object, mlp::codegen::device_code, mlp::codegen::device_rows, mlp::codegen::host_rest,
                                mlp::codegen::print_llvm,      mlp::codegen::print_asm, mlp::emit::emit};
