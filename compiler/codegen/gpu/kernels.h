// Steps of a network as kernels of a device: a thread for each point of a nest, or some of its sum.
#pragma once
#include <functional>

#include "base/launches.h"
#include "compiler/codegen/cpu/network_nest.h"

namespace mlp::codegen {

// How a kernel is written for its target: as an entry of PTX, or as a host function that runs block after block, for tests.
class KernelWriter {
 public:
  // What a thread does before the barrier of its block and behind it. `shared` holds floats of the block.
  using Part = std::function<void(llvm::Value* block, llvm::Value* thread, llvm::Value* shared)>;
  virtual ~KernelWriter() = default;
  // Adds a kernel to the frame's module. after: none, then there is no barrier. floats: of shared memory.
  virtual void write(NetworkFrame& frame, const std::string& name, std::int64_t floats, const Part& before, const Part& after) = 0;
};

// Adds the kernels of a function, named after it, and says how they are launched.
LaunchList build_launches(NetworkFrame& frame, KernelWriter& writer);

}  // namespace mlp::codegen
