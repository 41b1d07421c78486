// Runs the compiled functions of a network on the data of the reference evaluator.
#pragma once
#include <vector>

#include "abi/abi.h"
#include "compiler/codegen/cpu/cpu.h"
#include "compiler/pass/pass.h"
#include "runtime/device/launches.h"
#include "tests/harness/networks.h"

namespace mlp::harness {

// Each element by fused multiply-adds in rising p.
void naive_product(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t a_row, std::int64_t a_col, const float* b, std::int64_t b_row, std::int64_t b_col,
                   float* c, std::int64_t c_row, std::int32_t add);

// The passes of plan and lower that concern networks, but for those left out; verified after each.
loop::Module lower_network(const ir::Network& network, const PassOptions& options, const std::vector<ir::Expr>& exprs = {});

struct NetworkResults {
  std::vector<double> scores, losses;
  std::vector<std::vector<float>> gradients, means;
};
// What there is no room for in `inputs` is as in the ABI; scratch holds rubbish at first.
NetworkResults run_network(const codegen::Compiled& compiled, const ir::Network& network, const reference::NetworkInputs& inputs);
// The same by calls of `together` rows that meet where segments end, as the trainer runs it.
NetworkResults run_network_in_parts(const codegen::Compiled& compiled, const loop::Module& module, const ir::Network& network, const reference::NetworkInputs& inputs, std::int64_t together);
NetworkResults run_network(device::Launches& launches, const ir::Network& network, const reference::NetworkInputs& inputs);  // on its device

// How far floats are from what doubles say, in units of what rounding excuses.
struct Worst {
  double error = 0;
  std::string where;
  void see(double got, double want, double scale, const std::string& what);
};
// Of scores, losses, gradients and the means that are followed.
Worst difference(const ir::Network& network, const reference::NetworkInputs& inputs, const NetworkResults& got);

}  // namespace mlp::harness
