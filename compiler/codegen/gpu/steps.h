// Kernels around a batch of training.
#pragma once
#include "compiler/codegen/gpu/kernels.h"

namespace mlp::codegen {

void build_steps(NetworkFrame& frame);  // mlp_device_begin, mlp_device_rows, … of stdlib/builtins/device_steps.h

}  // namespace mlp::codegen
