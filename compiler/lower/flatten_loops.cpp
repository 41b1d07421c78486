// Two neighbouring loops become one where all that a nest touches lies in one row: longer vectors, fewer ends. The order of a sum
// stays: reduced loops are left alone.
#include "compiler/lower/network_steps.h"
#include "compiler/lower/passes.h"

namespace mlp::lowering {
namespace {

using loop::ElementOp;

// All strides of a nest, of whatever kind.
template <class Visit>
void each_strides(loop::Step& s, Visit&& visit) {
  for (loop::Element& e : s.body) {
    if (!e.place.strides.empty()) visit(e.place.strides);
    for (loop::Guard& g : e.guards) visit(g.strides);
  }
  for (loop::Store& store : s.stores) {
    visit(store.place.strides);
    for (loop::Guard& g : store.guards) visit(g.strides);
  }
  for (loop::Reduction& r : s.reductions) visit(r.place.strides);
}

void flatten(loop::Step& s) {
  bool by_row = false, guarded = false;
  for (const loop::Element& e : s.body) {
    by_row = by_row || e.op == ElementOp::target || e.op == ElementOp::row_weight || e.op == ElementOp::code || e.op == ElementOp::mask;
    guarded = guarded || !e.guards.empty();
  }
  for (const loop::Store& store : s.stores) guarded = guarded || !store.guards.empty();
  if (guarded) return;
  for (std::size_t l = s.loops.size(); l-- > 1;) {
    const loop::Loop outer = s.loops[l - 1], inner = s.loops[l];
    if (outer.reduced || inner.reduced || (outer.extent.rows && by_row)) continue;
    bool whole = true;
    each_strides(s, [&](std::vector<std::int64_t>& strides) { whole = whole && strides[l - 1] == inner.extent.count * strides[l]; });
    if (!whole) continue;
    s.loops[l].extent = {outer.extent.count * inner.extent.count, outer.extent.rows};
    s.loops.erase(s.loops.begin() + static_cast<std::ptrdiff_t>(l) - 1);
    each_strides(s, [&](std::vector<std::int64_t>& strides) { strides.erase(strides.begin() + static_cast<std::ptrdiff_t>(l) - 1); });
  }
}

}  // namespace

void flatten_loops(const flow::Program&, loop::Module& module) {
  for (loop::Function& f : module.network)
    for (loop::Step& s : f.steps)
      if (s.kind == loop::StepKind::nest) flatten(s);
}

}  // namespace mlp::lowering
