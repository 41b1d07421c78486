// loop → code of a device: PTX for CUDA.
#pragma once
#include <memory>
#include <string>

#include "base/launches.h"
#include "compiler/ir/loop/loop.h"

namespace mlp::codegen {

// The network of a module for a compute capability: 75, 80, 90; of others the next below is taken. With `train` also what surrounds a batch
// (stdlib/builtins/device_steps.h), kernels mlp_device_*.
DeviceCode device_code(const loop::Module& module, int architecture);

// A kernel of rows as PTX: the entry mlp_<kernel>, for blocks of 1024 rows (features.h says what it takes). One that is not refused.
std::string device_rows_code(const loop::Kernel& kernel, int architecture);
// The first output that only a CPU computes, as it needs texts; empty: none.
std::string refused_by_device(const loop::Kernel& kernel);

// The same kernels as functions of this process. A kernel is called with how many blocks run.
using HostKernel = void (*)(void* call, std::int64_t number, std::int64_t blocks);
class HostKernels {
 public:
  virtual ~HostKernels() = default;
  virtual const DeviceCode& code() const = 0;      // without text
  virtual HostKernel find(const std::string& kernel) const = 0;  // null when there is none of that name
};
std::unique_ptr<HostKernels> compile_for_host(const loop::Module& module);  // of its network; without one, of its kernels of rows that are not refused

}  // namespace mlp::codegen
