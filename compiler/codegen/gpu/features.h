// A kernel of rows (compiler/ir/loop/loop.h) on a device: the parts of codegen/cpu, so the same values, four rows to a thread.
#pragma once
#include "compiler/codegen/gpu/kernels.h"
#include "compiler/ir/loop/loop.h"

namespace mlp::codegen {

constexpr std::int64_t device_rows = 1024;         // of a block

// Adds mlp_<kernel>(address of an mlp_batch, an mlp_fitted and the address of the outputs behind each other, number of rows).
void build_rows(NetworkFrame& frame, const loop::Kernel& kernel, KernelWriter& writer);

}  // namespace mlp::codegen
