// One function of a network → LLVM: a function for each step, and one that calls them in order.
#pragma once
#include <llvm/IR/Module.h>

#include <string>

#include "compiler/codegen/cpu/abi_types.h"
#include "compiler/ir/loop/network.h"

namespace mlp::codegen {

// Adds `symbol` to `into`, an mlp_network, or of the function `update` an mlp_network_update. `level` and `builtins` as in
// kernel_builder.h.
void build_network(const loop::Function& function, const std::string& symbol, const std::string& level, const AbiTypes& abi,
                   const llvm::Module& builtins, llvm::Module& into);

}  // namespace mlp::codegen
