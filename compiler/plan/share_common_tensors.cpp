#include <map>
#include <string>

#include "compiler/derive/graph.h"
#include "compiler/plan/passes.h"

namespace mlp::planning {

// Of equal tensors the first stands for all; the others lose their users. A batch_mean has its own state, a mask its own number.
void share_common_tensors(flow::Program& program) {
  ir::Network& network = program.model.network;
  std::vector<ir::TensorId> now;
  std::map<std::string, ir::TensorId> first;
  for (ir::Tensor& t : network.tensors) {
    for (ir::TensorId& arg : t.args) arg = now[static_cast<std::size_t>(arg.index)];
    const ir::TensorId self{static_cast<std::int32_t>(now.size())};
    now.push_back(first.try_emplace(derive::key_of(t), self).first->second);
  }
  const auto renamed = [&](ir::TensorId& id) {
    if (id.known()) id = now[static_cast<std::size_t>(id.index)];
  };
  renamed(network.score);
  renamed(network.loss);
  for (ir::TensorId& id : network.gradients) renamed(id);
}

}  // namespace mlp::planning
