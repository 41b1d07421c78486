// One loop kernel → one LLVM function.
#pragma once
#include <llvm/IR/Module.h>

#include <string>
#include <vector>

#include "compiler/codegen/cpu/abi_types.h"
#include "compiler/ir/loop/loop.h"

namespace mlp::codegen {

// Adds `symbol` to `into`. `level` is x86-64-v2, -v3 or -v4. `builtins` holds the builtin functions that calls name: it
// is read for their types only, and may be a lazily loaded module of the same context. With `in_process`, functions of
// host_functions.h are called by their names with host_prefix.
//
// The rows are computed in blocks of 256, and inside a block one function runs for each group of outputs that share work.
// So each is small enough for registers and for quick compilation, text work does not keep numbers from being
// vectorised, and a column without nulls reads its presence from one constant block of ones.
void build_kernel(const loop::Kernel& kernel, const std::string& symbol, const std::string& level, const AbiTypes& abi,
                  const llvm::Module& builtins, bool in_process, llvm::Module& into);

// The same in parts, for who calls them by itself: functions of (batch, fitted, outputs, row, ignored, a row of indexes), whose addresses
// are of `space`. For any target; of kernels without texts, bags and presence of outputs.
struct KernelPart {
  llvm::Function *one = nullptr, *all = nullptr;   // for the row alone, and for those that lie `rows` behind it
  llvm::Value* indexes = nullptr;                  // rows of `width` numbers of 32 bits, a call for each; null: one call
  std::int64_t calls = 1, width = 0;
};
std::vector<KernelPart> build_parts(const loop::Kernel& kernel, const std::string& symbol, const std::vector<std::int64_t>& rows, unsigned space, const AbiTypes& abi, const llvm::Module& builtins,
                                    llvm::Module& into);

}  // namespace mlp::codegen
