// The `test` block: metric gates, gaps between groups, invariance, monotonicity, given rows.
#pragma once
#include <optional>

#include "engine/train.h"

namespace mlp::engine {

struct GateResult {
  std::string text;        // as written
  bool passed = false;
  std::string measured;    // what was seen: "test.auc = 0.8214"
  Span span;
};

// `production`: metrics of the promoted run, when there is one. A gate against production passes where there is none,
// and says so.
std::vector<GateResult> run_gates(const Pipeline& pipeline, const score::Engine& engine, const Data& data, const std::optional<Metrics>& production);

}  // namespace mlp::engine
