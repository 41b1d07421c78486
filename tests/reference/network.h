// What a network means: every tensor in double precision, by simple loops. The definition that derivatives, passes and compiled
// code are compared with.
#pragma once
#include <vector>

#include "abi/abi.h"
#include "compiler/ir/common/network.h"

namespace mlp::reference {

struct NetworkInputs {
  std::int64_t rows = 0;
  bool training = false;                      // else mask is 1 and batch_mean the state
  std::vector<std::vector<double>> numbers;   // by feature, by row: numbers as they are, codes with NaN for a missing one
  std::vector<std::vector<mlp_bag>> bags;     // by feature, by row
  std::vector<std::vector<double>> weights, states;
  std::vector<double> target, row_weight;     // by row
  std::vector<std::int64_t> row_id;
  std::int64_t seed = 0, step = 0;
};

// By tensor: its elements in row-major order, for each row of the batch where it has rows. A table of a size that fitting makes is as
// large as its weight. What is wanted of training only (target, row_weight) may be missing in scoring when nothing reads it.
using NetworkValues = std::vector<std::vector<double>>;
NetworkValues evaluate(const ir::Network& network, const NetworkInputs& inputs);

// The sum over the rows of row_weight times the loss.
double weighted_loss(const ir::Network& network, const NetworkInputs& inputs);

}  // namespace mlp::reference
