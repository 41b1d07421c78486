#include "compiler/plan/passes.h"

namespace mlp::planning {

// One scan for all aggregates that need the same number of scans before them: the fewest scans that there can be.
void merge_fit_passes(flow::Program& program) {
  program.passes.clear();
  const std::vector<std::int32_t> level = levels(program);
  for (std::size_t i = 0; i < level.size(); ++i) {
    if (program.passes.size() <= static_cast<std::size_t>(level[i])) program.passes.resize(level[i] + 1);
    program.passes[level[i]].aggregates.push_back({static_cast<std::int32_t>(i)});
  }
}

}  // namespace mlp::planning
