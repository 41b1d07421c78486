// loop → code of a device: PTX for CUDA.
#pragma once
#include <string>

#include "base/launches.h"
#include "compiler/ir/loop/loop.h"

namespace mlp::codegen {

// The network of a module for a compute capability: 75, 80, 90; of others the next below is taken. With `train` also what surrounds a batch
// (stdlib/builtins/device_steps.h), kernels mlp_device_*.
DeviceCode device_code(const loop::Module& module, int architecture);

// What a device computes of a kernel of rows (features.h says what that is, and what the entry takes).
DeviceRows device_rows(const loop::Module& module, const std::string& kernel, int architecture);
// What is left of it to the CPU, as a kernel of this name; without one where the device computes all or nothing.
loop::Module host_rest(const loop::Module& module, const std::string& kernel, const DeviceRows& there, const std::string& name);

}  // namespace mlp::codegen
