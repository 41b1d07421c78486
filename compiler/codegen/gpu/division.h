// Division of doubles by Newton's steps from an estimate of the reciprocal, and one of the remainder: correctly rounded, as a device's own division is
// within the range that it tests for (P. W. Markstein, "Computation of elementary functions on the IBM RISC System/6000 processor", 1990). Without that test, and
// a branch for it, rows of a thread are computed side by side.
#pragma once
#include <llvm/IR/Module.h>

namespace mlp::codegen {

// Gives mlp_quotient (stdlib/builtins/kernels.h), if the module has it, such a body, and mlp_plus_exact one of a single rounding.
void give_bodies(llvm::Module& module);

// `function`, which gives nothing, with its divisions replaced: gives whether all of them were in range: |divisor| and |dividend| from 2^-500 to 2^500, or a dividend that is 0 or NaN.
// Where one was not, what the function wrote is to be written again by plain divisions: columns of which some are divided by 0 cost that. A quotient that is only taken where its
// divisor is above 0 counts as out of range elsewhere, and is not asked for again.
llvm::Function* with_divisions_in_range(llvm::Function* function);

}  // namespace mlp::codegen
