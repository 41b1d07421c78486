// A function of a network as launches of kernels and products.
#pragma once
#include "compiler/codegen/gpu/kernels.h"

namespace mlp::codegen {

// Adds the kernels of a function, named after it, and says how they are launched.
LaunchList build_launches(NetworkFrame& frame);

}  // namespace mlp::codegen
