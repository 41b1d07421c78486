#include <set>

#include "compiler/plan/passes.h"

namespace mlp::planning {
namespace {

std::set<ColumnId> read_by(const flow::Program& program, const std::vector<ir::ExprId>& roots) {
  std::set<ColumnId> columns;
  const std::vector<bool> marked = reachable(program, roots);
  for (std::size_t i = 0; i < marked.size(); ++i)
    if (marked[i] && program.exprs[i].op == ir::ExprOp::column) columns.insert(program.exprs[i].column);
  return columns;
}

}  // namespace

std::vector<ColumnId> columns_of_features(const flow::Program& program) {
  std::vector<ir::ExprId> features;
  for (const ir::Feature& f : program.features) features.push_back(f.value);
  const std::set<ColumnId> columns = read_by(program, features);
  return {columns.begin(), columns.end()};
}

// The request is what the features read; training also reads what fits, targets, splits, expectations and gates need.
void select_columns(flow::Program& program) {
  std::vector<ir::ExprId> all;
  each_root(program, [&](ir::ExprId& id) { all.push_back(id); });
  std::set<ColumnId> scan = read_by(program, all);
  const auto needs = [&](ColumnId id) {
    if (id.known()) scan.insert(id);
  };
  needs(program.split.column);
  for (const Expectation& e : program.expectations) needs(e.column);
  for (const Gate& g : program.gates) {
    needs(g.by);
    for (const ColumnId id : g.columns) needs(id);
    for (const ColumnId id : g.given) needs(id);
  }
  program.request = columns_of_features(program);
  program.scan.assign(scan.begin(), scan.end());
}

}  // namespace mlp::planning
