// Random networks that use every operation, with data for them: what derivatives, passes and compiled code are tried on.
#pragma once
#include <deque>
#include <random>

#include "compiler/ir/common/types.h"
#include "tests/reference/network.h"

namespace mlp::harness {

// Features 0..4 are numbers, 5 a category of `codes` codes, 6 a bag of `terms` terms.
struct RandomNetwork {
  ir::Network network;
  std::vector<ir::Feature> features;
  std::vector<std::int64_t> table_rows;  // by weight; 0: no table
};
struct NetworkShape {
  int operations = 12;
  bool smooth = false;   // no steps and no chance: for finite differences
  std::int64_t largest = 6;   // axis
};
RandomNetwork random_network(std::mt19937_64& rng, const NetworkShape& shape);

struct NetworkData {
  reference::NetworkInputs inputs;
  std::deque<std::vector<mlp_term>> terms;  // that inputs.bags point to
};
NetworkData random_data(std::mt19937_64& rng, const RandomNetwork& network, std::int64_t rows);

}  // namespace mlp::harness
