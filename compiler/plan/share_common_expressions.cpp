#include <bit>
#include <tuple>

#include "compiler/plan/passes.h"

namespace mlp::planning {
namespace {

// What an expression says, without its place in the text.
auto meaning(const ir::Expr& e) {
  return std::tuple(e.op, e.type.scalar, e.type.nullable, e.stage, e.callee, e.args, e.value.null, e.value.integer,
                    std::bit_cast<std::uint64_t>(e.value.real), e.value.text, e.column, e.slot);
}

// One expression for all that say the same.
void share_expressions(flow::Program& program) {
  std::vector<ir::ExprId> now(program.exprs.size());
  std::map<decltype(meaning(program.exprs[0])), ir::ExprId> first;
  for (std::size_t i = 0; i < program.exprs.size(); ++i) {
    ir::Expr& e = program.exprs[i];
    for (ir::ExprId& arg : e.args) arg = now[arg.index];
    now[i] = first.try_emplace(meaning(e), ir::ExprId{static_cast<std::int32_t>(i)}).first->second;
  }
  each_root(program, [&](ir::ExprId& id) { id = now[id.index]; });
}

// One slot for all aggregates that compute the same. Whether expressions now say the same that did not before.
bool share_slots(flow::Program& program) {
  std::map<std::tuple<flow::AggregateKind, flow::SlotKind, ir::ExprId, std::vector<double>>, ir::SlotId> first;
  std::map<Slot, ir::SlotId> now;
  bool shared = false;
  for (const flow::Aggregate& a : program.aggregates)
    now[{a.slot_kind, a.slot.index}] = first.try_emplace({a.kind, a.slot_kind, a.input, a.parameters}, a.slot).first->second;
  for (ir::Expr& e : program.exprs) {
    const auto slot = slot_read(e);
    if (!slot || now.at(*slot) == e.slot) continue;
    e.slot = now.at(*slot);
    shared = true;
  }
  for (ir::Feature& f : program.features)
    if (f.slot.known()) f.slot = now.at({flow::SlotKind::table, f.slot.index});
  return shared;
}

}  // namespace

// An aggregate of an aggregate becomes equal to another only after what it reads has; so again until nothing changes.
void share_common_expressions(flow::Program& program) {
  do share_expressions(program);
  while (share_slots(program));
}

}  // namespace mlp::planning
