// Products: which axes join into one large one, and what is left to loop over.
#include <utility>

#include "compiler/lower/tensors.h"

namespace mlp::lowering {
namespace {

// An axis, with its stride in a, b and c.
struct Dim {
  loop::Extent extent;
  std::int64_t a = 0, b = 0, c = 0;
};
// `outer` in front of `inner` as one axis, where the strides allow it.
bool join(Dim& inner, const Dim& outer) {
  const bool one = inner.extent == loop::Extent{};
  const std::int64_t n = inner.extent.count;
  if (!one && (inner.extent.rows || outer.a != n * inner.a || outer.b != n * inner.b || outer.c != n * inner.c)) return false;
  if (one) inner = {{1, false}, outer.a, outer.b, outer.c};
  inner.extent.count *= outer.extent.count;
  inner.extent.rows = inner.extent.rows || outer.extent.rows;
  return true;
}

}  // namespace

void Tensors::product(const ir::Tensor& t, View to, bool sum_rows, bool add) {
  View a = memory(t.args[0]), b = memory(t.args[1]);
  const Shape& x = at(t.args[0]).shape;
  const std::size_t r = x.size() - 1, s = b.strides.size() - 1;
  const bool single = x.size() == 1;
  Dim n{{t.shape.back(), false}, 0, b.strides[s - t.transpose_b], to.strides.back()};
  Dim m;
  if (!single) m = {{t.shape[r - 1], false}, a.strides[r - 1 + t.transpose_a], 0, to.strides[r - 1]};
  Dim k{{x[single ? 0 : r - t.transpose_a], false}, a.strides[single ? 0 : r - t.transpose_a], b.strides[s - 1 + t.transpose_b], 0};
  std::vector<Dim> outer;  // innermost first
  for (std::size_t i = single ? 0 : r - 1; i-- > 0;) outer.push_back({{t.shape[i], false}, a.strides[i], s > 1 ? b.strides[i] : 0, to.strides[i]});
  if (t.rows) outer.push_back({{1, true}, a.row, b.row, sum_rows ? 0 : to.row});

  View temporary;
  const bool other = n.c != 1 && n.extent.count != 1;
  const bool turn = other && (m.c == 1 || m.extent.count == 1);
  if (other && !turn) {  // neither axis of c lies together: by way of something that does
    temporary = scratch(t.shape, !sum_rows && t.rows);
    product(t, temporary, sum_rows, false);
    nest(t.shape, !sum_rows && t.rows, {}, [&](Nest& nest, const Index& i) {
      const loop::ElementId value = load(nest, temporary, i, false);
      nest.step.stores.push_back({value, nest.place(to, i), add, {}});
    });
    return;
  }
  if (turn) {  // c^T = b^T a^T
    std::swap(m, n);
    std::swap(a, b);
    for (Dim* d : {&m, &n, &k}) std::swap(d->a, d->b);
    for (Dim& d : outer) std::swap(d.a, d.b);
  }
  loop::Step step;
  step.kind = loop::StepKind::product;
  std::vector<Dim> left;
  bool summed = false;
  for (const Dim& d : outer) {
    if (d.extent == loop::Extent{}) continue;
    const bool sums = sum_rows && d.extent.rows;
    if (sums ? join(k, d) : d.b == 0 && join(m, d)) continue;
    left.insert(left.begin(), d);
    summed = summed || sums;
  }
  if (summed && !add) {
    zero(to, t.shape, false);
    add = true;
  }
  for (const Dim& d : left) {
    step.loops.push_back({d.extent, false});
    step.a.strides.push_back(d.a);
    step.b.strides.push_back(d.b);
    step.c.strides.push_back(d.c);
  }
  step.a.strides.insert(step.a.strides.end(), {m.a, k.a});
  step.b.strides.insert(step.b.strides.end(), {k.b, n.b});
  step.c.strides.insert(step.c.strides.end(), {m.c, 1});
  step.a.buffer = a.buffer, step.a.offset = a.offset;
  step.b.buffer = b.buffer, step.b.offset = b.offset;
  step.c.buffer = to.buffer, step.c.offset = to.offset;
  step.m = m.extent, step.n = n.extent, step.k = k.extent;
  step.add = add;
  for (const ir::Layer& l : net_.layers)
    if (l.span == t.span) step.layer = l.name;
  step.backward = &t - net_.tensors.data() > net_.loss.index;
  out_.steps.push_back(std::move(step));
}

}  // namespace mlp::lowering
