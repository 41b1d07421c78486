#include "compiler/plan/passes.h"

namespace mlp::planning {

// Leaves out tensors that neither score, loss nor gradients need; ids close up. A batch_mean of the loss stays: its state follows it.
void drop_unused_tensors(flow::Program& program) {
  ir::Network& network = program.model.network;
  std::vector<bool> keep(network.tensors.size());
  const auto root = [&](ir::TensorId id) {
    if (id.known()) keep[static_cast<std::size_t>(id.index)] = true;
  };
  root(network.score);
  root(network.loss);
  for (const ir::TensorId id : network.gradients) root(id);
  for (std::size_t i = keep.size(); i-- > 0;)
    if (keep[i])
      for (const ir::TensorId arg : network.tensors[i].args) root(arg);

  std::vector<ir::TensorId> now(keep.size());
  std::vector<ir::Tensor> tensors;
  const auto renamed = [&](ir::TensorId& id) {
    if (id.known()) id = now[static_cast<std::size_t>(id.index)];
  };
  for (std::size_t i = 0; i < keep.size(); ++i) {
    if (!keep[i]) continue;
    now[i].index = static_cast<std::int32_t>(tensors.size());
    tensors.push_back(std::move(network.tensors[i]));
    for (ir::TensorId& arg : tensors.back().args) renamed(arg);
  }
  network.tensors = std::move(tensors);
  renamed(network.score);
  renamed(network.loss);
  for (ir::TensorId& id : network.gradients) renamed(id);
}

}  // namespace mlp::planning
