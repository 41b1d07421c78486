// A kernel of rows (compiler/ir/loop/loop.h) on a device: the parts of codegen/cpu, so the same values, four rows to a thread.
#pragma once
#include "compiler/codegen/gpu/kernels.h"
#include "compiler/ir/loop/loop.h"

namespace mlp::codegen {

// The outputs of a kernel that a device computes. A CPU computes those that need texts, tables or a function of C, and leaves the columns that are taken
// as they are: nothing is to be computed, and as a bin or a float they are shorter on their way.
std::vector<std::int32_t> device_outputs(const loop::Module& module, const loop::Kernel& kernel);
// A kernel with these outputs alone.
loop::Kernel with_outputs(const loop::Kernel& kernel, const std::vector<std::int32_t>& outputs);
// The columns of the schema that it reads, ascending.
std::vector<std::int32_t> columns_read(const loop::Kernel& kernel);

// Adds mlp_<kernel>(address of an mlp_batch, an mlp_fitted and the address of the outputs behind each other, number of rows), a block for launch_rows of
// them, of a kernel whose outputs are all of device_outputs.
void build_rows(NetworkFrame& frame, const loop::Kernel& kernel);

}  // namespace mlp::codegen
