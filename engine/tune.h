// The tune block: trials of settings and params on data that is read once.
#pragma once
#include <memory>

#include "engine/train.h"

namespace mlp::engine {
struct Tuned {
  std::vector<Trial> trials;
  std::size_t best = 0;
};
// The rows that trials are made from, when a trial asks for them.
struct TrialRows {
  std::string digest;                       // of the data
  std::function<const Data&()> get;
};
// Runs every trial, or takes it from options.trials where it was run before: the same either way.
Tuned run_trials(const Pipeline& pipeline, const std::filesystem::path& directory, const TrialRows& rows, const TrainOptions& options);
// What a cached stage says that the trials chose; nothing when it is not in the cache. `keys`: of the unit as written.
std::optional<Tuned> recall_tuned(const driver::Unit& unit, const std::map<driver::Stage, std::string>& keys, const registry::Cache& cache);

// The same spec with values that a tune block chose; without kernels where only its settings matter.
Pipeline settle(const Pipeline& pipeline, const std::vector<Assignment>& tuned, bool kernels = true);
std::shared_ptr<const driver::Unit> settled_unit(const driver::Unit& unit, const std::vector<Assignment>& tuned);
}  // namespace mlp::engine
