// PTX through NVIDIA's assembler, which scripts/install-dependencies --tests fetches.
#pragma once
#include <string>
#include <string_view>

namespace mlp::harness {

struct Assembled {
  bool ok = false;
  std::string log;                                 // what ptxas said: registers and spills by kernel, or why not
};
// For one architecture: 75, 80, 90. Not ok when ptxas is missing, with what to do in the log.
Assembled assemble(std::string_view ptx, int architecture);

}  // namespace mlp::harness
