#include <algorithm>
#include <set>

#include "compiler/plan/passes.h"

namespace mlp::planning {
namespace {

// What features, target, weight and population need: expressions, and the aggregates behind the slots that those read.
struct Live {
  std::vector<bool> exprs, aggregates;
};
Live live(const flow::Program& program) {
  Live found{{}, std::vector<bool>(program.aggregates.size())};
  std::vector<ir::ExprId> roots;
  const ir::LossFunction& loss = program.model.loss;
  for (const ir::ExprId id : {program.model.target, program.model.weight, program.model.population, loss.value, loss.gradient, loss.hessian})
    if (id.known()) roots.push_back(id);
  roots.insert(roots.end(), program.model.network.optimizer.results.begin(), program.model.network.optimizer.results.end());
  std::set<Slot> read;
  for (const ir::Feature& f : program.features) {
    roots.push_back(f.value);
    if (f.slot.known()) read.insert({flow::SlotKind::table, f.slot.index});
  }
  for (bool more = true; more;) {
    more = false;
    found.exprs = reachable(program, roots);
    for (std::size_t e = 0; e < found.exprs.size(); ++e)
      if (const auto slot = found.exprs[e] ? slot_read(program.exprs[e]) : std::nullopt) read.insert(*slot);
    for (std::size_t i = 0; i < program.aggregates.size(); ++i) {
      const flow::Aggregate& a = program.aggregates[i];
      if (found.aggregates[i] || !read.contains({a.slot_kind, a.slot.index})) continue;
      found.aggregates[i] = more = true;
      roots.push_back(a.input);
    }
  }
  return found;
}

}  // namespace

// Leaves out expressions and aggregates that nothing needs; slots and ids close up.
void drop_unused(flow::Program& program) {
  const Live keep = live(program);

  std::vector<flow::AggregateId> aggregate_now(program.aggregates.size());
  std::map<Slot, ir::SlotId> slot_now;
  std::vector<flow::Aggregate> aggregates;
  program.numbers = program.texts = program.tables = 0;
  for (std::size_t i = 0; i < program.aggregates.size(); ++i) {
    if (!keep.aggregates[i]) continue;
    flow::Aggregate a = std::move(program.aggregates[i]);
    std::int32_t& count = a.slot_kind == flow::SlotKind::number ? program.numbers : a.slot_kind == flow::SlotKind::text ? program.texts : program.tables;
    const Slot before{a.slot_kind, a.slot.index};
    a.slot.index = count++;
    slot_now[before] = a.slot;
    aggregate_now[i].index = static_cast<std::int32_t>(aggregates.size());
    aggregates.push_back(std::move(a));
  }
  program.aggregates = std::move(aggregates);

  for (flow::FitPass& pass : program.passes) {
    std::erase_if(pass.aggregates, [&](flow::AggregateId id) { return !aggregate_now[id.index].known(); });
    for (flow::AggregateId& id : pass.aggregates) id = aggregate_now[id.index];
  }
  std::erase_if(program.passes, [](const flow::FitPass& pass) { return pass.aggregates.empty(); });

  std::vector<ir::ExprId> expr_now(program.exprs.size());
  std::vector<ir::Expr> exprs;
  for (std::size_t i = 0; i < program.exprs.size(); ++i) {
    if (!keep.exprs[i]) continue;
    ir::Expr e = std::move(program.exprs[i]);
    for (ir::ExprId& arg : e.args) arg = expr_now[arg.index];
    if (const auto slot = slot_read(e)) e.slot = slot_now.at(*slot);
    expr_now[i].index = static_cast<std::int32_t>(exprs.size());
    exprs.push_back(std::move(e));
  }
  program.exprs = std::move(exprs);
  each_root(program, [&](ir::ExprId& id) { id = expr_now[id.index]; });
  for (ir::Feature& f : program.features)
    if (f.slot.known()) f.slot = slot_now.at({flow::SlotKind::table, f.slot.index});
}

}  // namespace mlp::planning
