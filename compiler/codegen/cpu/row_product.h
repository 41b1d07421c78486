// The product of one row by a small matrix, in the code itself: calls of the runtime are a tenth of what a row of a small network takes.
#pragma once
#include "compiler/codegen/cpu/network_nest.h"

namespace mlp::codegen {

// Whether a step of a network that scores is such a product where the call has one row, on a processor with fused multiply-adds. Such a row does not come to
// mlp_network_call::product.
bool is_row_product(const loop::Function& function, const loop::Step& step);
// c of that row, from the addresses of what the step multiplies: as runtime/product computes it, each number a chain of fused multiply-adds in rising k, with as
// many sums in registers as `registers` (of 64 bytes each).
void build_row_product(NetworkFrame& frame, const loop::Step& step, std::int64_t registers, llvm::Value* a, llvm::Value* b, llvm::Value* c);

}  // namespace mlp::codegen
