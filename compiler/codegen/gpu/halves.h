// Integers of 64 bits by their halves: a device computes with 32, and `ptxas` does not see which halves stay as they are.
#pragma once
#include <llvm/IR/Module.h>

namespace mlp::codegen {

// Sums, comparisons and signs of the bits of doubles that only touch the upper half of them are written so. The values are the same.
void by_halves(llvm::Module& module);

}  // namespace mlp::codegen
