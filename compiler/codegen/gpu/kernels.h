// Steps of a network as kernels of a device: a thread for each point of a nest, or some of its sum.
#pragma once
#include "base/launches.h"
#include "compiler/codegen/cpu/network_nest.h"

namespace mlp::codegen {

// Adds the kernels of a nest to the frame's module, the first of this name, and their launches.
void write_nest(NetworkFrame& frame, const loop::Step& nest, const std::string& name, std::vector<Launch>& launches);
void write_lookup(NetworkFrame& frame, const loop::Step& step, const std::string& name, std::vector<Launch>& launches);
// Whether kernels of a nest go by the number of their launch: loops whose points add to one place run one after the other.
bool numbers_launches(const loop::Step& nest);

}  // namespace mlp::codegen
