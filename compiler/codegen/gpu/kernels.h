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

// Adds the kernels of a nest to the frame's module, the first of this name, and their launches.
void write_nest(NetworkFrame& frame, const loop::Step& nest, const std::string& name, KernelWriter& writer, std::vector<Launch>& launches);
void write_lookup(NetworkFrame& frame, const loop::Step& step, const std::string& name, KernelWriter& writer, std::vector<Launch>& launches);
// Whether kernels of a nest go by the number of their launch: loops whose points add to one place run one after the other.
bool numbers_launches(const loop::Step& nest);

}  // namespace mlp::codegen
