// Gradients of a network, as tensors of the same network.
#pragma once
#include <optional>
#include <string>

#include "compiler/ir/common/network.h"

namespace mlp::derive {

// What stands in the way of gradients: a tensor between a weight and the loss whose function has no derivative.
struct NetworkObstacle {
  ir::TensorId at;
  std::string function;
};
std::optional<NetworkObstacle> obstacle(const ir::Network& network);

// Fills Network::gradients; a weight that the loss does not depend on has none (unknown). Reverse mode: each tensor's adjoint is the
// derivative of the sum over the rows of row_weight times the loss. Rules of builtins and their corners are those of derive.h; a
// maximum gives its adjoint to the first of equals. What is infinite in a branch that is not taken stays there: adjoints are selected,
// never multiplied by masks.
void differentiate(ir::Network& network);

}  // namespace mlp::derive
