// The command line of an artifact: serve, score, info, bench, selftest.
#pragma once
#include <string_view>

#include "abi/abi.h"
#include "base/machine.h"

namespace mlp::serve {

// What `mlp build` put into the program.
struct Built {
  std::string_view package;                     // bytes
  mlp_kernel (*features)(CpuLevel level);       // the kernel for a level
  mlp_network (*network)(CpuLevel level) = nullptr;  // of a network, its code for a level
  mlp_network network_of(CpuLevel level) const { return network ? network(level) : nullptr; }
};

int artifact_main(int argc, char** argv, const Built& built);  // the exit code; never throws

}  // namespace mlp::serve
