#include "base/diagnostic.h"
#include "base/timing.h"
#include "compiler/derive/network.h"
#include "compiler/plan/passes.h"
#include "compiler/plan/plan.h"

namespace mlp {
namespace {

struct Row {
  PassInfo info;
  void (*run)(flow::Program&);
};
const Row passes[] = {
    {{"share_common_expressions", "first: what is written twice, aggregates too, is seen once by all the others"}, planning::share_common_expressions},
    {{"fold_constants", "before dropping: a branch never taken leaves its aggregates unread"}, planning::fold_constants},
    {{"drop_unused", "after folding: what nothing reads is neither fitted nor computed"}, planning::drop_unused},
    {{"merge_fit_passes", "once the aggregates are final: one scan for each level of need"}, planning::merge_fit_passes},
    {{"share_common_tensors", "before dropping: what layers write twice, and derivatives write again, is computed once"}, planning::share_common_tensors},
    {{"drop_unused_tensors", "once they are final: gradients read only part of what differentiation writes"}, planning::drop_unused_tensors},
    {{"select_columns", "last: only the columns of what is left are read and asked for"}, planning::select_columns},
};

// The translation: sem with its aggregates hoisted, a scan for each, every column read; a network has its gradients.
flow::Program translate(const sem::Module& module) {
  flow::Program p;
  p.name = module.name;
  p.description = module.description;
  p.query = module.query;
  p.columns = module.columns;
  for (std::size_t i = 0; i < p.columns.size(); ++i) p.scan.push_back(ColumnId{static_cast<std::int32_t>(i)});
  p.exprs = module.exprs;
  p.source = module.source;
  p.expectations = module.expectations;
  p.split = module.split;
  p.features_name = module.features_name;
  p.features = module.features;
  p.model = module.model;
  p.gates = module.gates;
  p.deploy = module.deploy;
  p.params = module.params;
  p.tune = module.tune;
  p.externals = module.externals;
  planning::hoist_aggregates(p);
  if (!p.model.network.empty()) derive::differentiate(p.model.network);
  p.request = planning::columns_of_features(p);
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
  flow::Program program = timed("translate", [&] { return translate(module); });
  if (options.verify) check_verified("the translation to flow", flow::verify(program));
  for (const Row& row : passes) {
    if (is_disabled(row.info, options)) continue;
    timed(row.info.name, [&] { row.run(program); });
    if (options.verify) check_verified(row.info.name, flow::verify(program));
  }
  return program;
}

}  // namespace mlp
