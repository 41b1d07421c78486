
#include "base/diagnostic.h"
#include "compiler/plan/passes.h"
#include "compiler/plan/plan.h"

namespace mlp {
namespace {

struct Row {
  PassInfo info;
  void (*run)(flow::Program&);
};
constexpr bool required = true, optional = false;

const Row passes[] = {
    {{"share_common_expressions", "before hoisting, so that an aggregate written twice is computed once", optional}, planning::share_common_expressions},
    {{"hoist_aggregates", "from here on expressions read slots, and fitting passes fill them", required}, planning::hoist_aggregates},
    {{"fold_constants", "after hoisting: a branch never taken leaves its aggregates unread", optional}, planning::fold_constants},
    {{"drop_unused", "after folding: what nothing reads is neither fitted nor computed", optional}, planning::drop_unused},
    {{"merge_fit_passes", "once the aggregates are final: one scan for each level of need", optional}, planning::merge_fit_passes},
    {{"select_columns", "last: columns of what is left", required}, planning::select_columns},
};

// The program before the first pass: sem as it is, every column read.
flow::Program start(const sem::Module& module) {
  flow::Program p;
  p.name = module.name;
  p.description = module.description;
  p.columns = module.columns;
  for (std::size_t i = 0; i < p.columns.size(); ++i) p.scan.push_back(ColumnId{static_cast<std::int32_t>(i)});
  p.request = p.scan;
  p.exprs = module.exprs;
  p.source = module.source;
  p.expectations = module.expectations;
  p.split = module.split;
  p.features_name = module.features_name;
  p.features = module.features;
  p.model = module.model;
  p.gates = module.gates;
  p.deploy = module.deploy;
  return p;
}

}  // namespace

const std::vector<PassInfo>& plan_passes() {
  static const std::vector<PassInfo> list = [] {
    std::vector<PassInfo> infos;
    for (const Row& row : passes) infos.push_back(row.info);
    return infos;
  }();
  return list;
}

flow::Program plan(const sem::Module& module, const PassOptions& options) {
  flow::Program program = start(module);
  bool hoisted = false;
  for (const Row& row : passes) {
    if (is_disabled(row.info, options)) continue;
    row.run(program);
    hoisted = hoisted || row.run == planning::hoist_aggregates;
    if (!options.verify) continue;
    check_verified(row.info, hoisted ? flow::verify(program) : ir::verify_exprs(program.exprs, program.columns.size(), false));
  }
  return program;
}

}  // namespace mlp
