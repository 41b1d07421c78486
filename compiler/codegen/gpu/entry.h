// An entry of PTX: what the threads of a block do.
#pragma once
#include <functional>
#include <string>

#include "compiler/codegen/cpu/network_nest.h"

namespace mlp::codegen {

constexpr unsigned global_memory = 1, shared_memory = 3;  // address spaces of NVPTX

// What a thread does before the barrier of its block, or behind it. `shared` holds floats of the block.
using ThreadPart = std::function<void(llvm::Value* block, llvm::Value* thread, llvm::Value* shared)>;
// Adds it to the frame's module. after: none, then there is no barrier. floats: of shared memory.
void write_entry(NetworkFrame& frame, const std::string& name, std::int64_t floats, const ThreadPart& before, const ThreadPart& after = nullptr);

}  // namespace mlp::codegen
