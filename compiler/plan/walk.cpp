#include <algorithm>

#include "base/diagnostic.h"
#include "compiler/plan/passes.h"

namespace mlp::planning {

void each_root(flow::Program& program, const std::function<void(ir::ExprId&)>& visit) {
  const auto known = [&](ir::ExprId& id) {
    if (id.known()) visit(id);
  };
  for (ir::Feature& f : program.features) {
    known(f.value);
    known(f.table);
  }
  for (flow::Aggregate& a : program.aggregates) known(a.input);
  known(program.model.target);
  known(program.model.weight);
  known(program.model.population);
  known(program.model.loss.value);
  known(program.model.loss.gradient);
  known(program.model.loss.hessian);
  for (ir::ExprId& id : program.model.network.optimizer.results) known(id);
}

std::vector<bool> reachable(const flow::Program& program, const std::vector<ir::ExprId>& roots) {
  std::vector<bool> marked(program.exprs.size());
  for (const ir::ExprId root : roots) marked[root.index] = true;
  for (std::size_t i = program.exprs.size(); i-- > 0;)  // arguments stand before their users
    if (marked[i])
      for (const ir::ExprId arg : program.exprs[i].args) marked[arg.index] = true;
  return marked;
}

std::optional<Slot> slot_read(const ir::Expr& e) {
  switch (e.op) {
    case ir::ExprOp::fitted_number: return Slot{flow::SlotKind::number, e.slot.index};
    case ir::ExprOp::fitted_text: return Slot{flow::SlotKind::text, e.slot.index};
    case ir::ExprOp::fitted_table: return Slot{flow::SlotKind::table, e.slot.index};
    default: return {};
  }
}

std::vector<std::int32_t> levels(const flow::Program& program) {
  const std::size_t count = program.aggregates.size();
  std::map<Slot, std::size_t> filled_by;
  for (std::size_t i = 0; i < count; ++i) filled_by[{program.aggregates[i].slot_kind, program.aggregates[i].slot.index}] = i;
  std::vector<std::int32_t> level(count, 0), need(program.exprs.size());
  for (std::size_t round = 0; round <= count; ++round) {  // settles after as many rounds as there are levels
    for (std::size_t e = 0; e < need.size(); ++e) {
      const auto slot = slot_read(program.exprs[e]);
      need[e] = slot ? level[filled_by.at(*slot)] + 1 : 0;
      for (const ir::ExprId arg : program.exprs[e].args) need[e] = std::max(need[e], need[arg.index]);
    }
    bool settled = true;
    for (std::size_t i = 0; i < count; ++i) {
      const std::int32_t now = need[program.aggregates[i].input.index];
      settled = settled && now == level[i];
      level[i] = now;
    }
    if (settled) return level;
  }
  MLP_BUG("a fitted value needs itself");
}

}  // namespace mlp::planning
