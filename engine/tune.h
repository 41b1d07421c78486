// The tune block: trials of settings and params on data that is read once.
#pragma once
#include "engine/train.h"

namespace mlp::engine {
struct Tuned {
  std::vector<Trial> trials;
  std::size_t best = 0;
};
// Runs every trial, or takes it from options.trials where it was run before: the same either way.
Tuned run_trials(const Pipeline& pipeline, const std::filesystem::path& directory, const Data& data, const TrainOptions& options);

// The same spec with values that a tune block chose; without kernels where only its settings matter.
Pipeline settle(const Pipeline& pipeline, const std::vector<Assignment>& tuned, bool kernels = true);
}  // namespace mlp::engine
