// The command line of an artifact: serve, score, info, bench, selftest.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "abi/abi.h"
#include "base/machine.h"
#include "runtime/score/score.h"

namespace mlp::serve {

// A device that was opened: what scores there, the name of the device, what of the pipeline it computes.
struct OnDevice {
  std::unique_ptr<score::BatchScorer> scorer;
  std::string name, what;
};

// What `mlp build` put into the program.
struct Built {
  std::string_view package;                     // bytes
  mlp_kernel (*features)(CpuLevel level);       // the kernel for a level
  mlp_network (*network)(CpuLevel level) = nullptr;  // of a network, its code for a level
  // Of a program for a GPU: opens the first. few_rows_too: however few there are. Throws Failure (no_device, device_failed). The package must outlive it.
  OnDevice (*device)(const package::Package& package, bool few_rows_too) = nullptr;
  mlp_network network_of(CpuLevel level) const { return network ? network(level) : nullptr; }
};

int artifact_main(int argc, char** argv, const Built& built);  // the exit code; never throws

}  // namespace mlp::serve
