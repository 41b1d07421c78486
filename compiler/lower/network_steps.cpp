#include "compiler/lower/network_steps.h"

namespace mlp::lowering {

using loop::StepKind;

void each_read(loop::Step& s, const std::function<void(loop::Place&)>& visit) {
  switch (s.kind) {
    case StepKind::nest:
      for (loop::Element& e : s.body)
        if (e.op == loop::ElementOp::load) visit(e.place);
      for (loop::Store& store : s.stores)
        if (store.add) visit(store.place);
      return;
    case StepKind::product:
      visit(s.a);
      visit(s.b);
      if (s.add) visit(s.c);
      return;
    case StepKind::gather: case StepKind::gather_bag: case StepKind::scatter: case StepKind::scatter_bag:
      visit(s.a);
      if (s.integer < 0) visit(s.b);
      if (s.kind == StepKind::scatter || s.kind == StepKind::scatter_bag) visit(s.c);
      return;
  }
}

void each_write(loop::Step& s, const std::function<void(loop::Place&)>& visit) {
  if (s.kind != StepKind::nest) return visit(s.c);
  for (loop::Store& store : s.stores) visit(store.place);
  for (loop::Reduction& r : s.reductions) visit(r.place);
}

void rename_buffers(loop::Step& s, const std::vector<loop::BufferId>& now) {
  const auto renamed = [&](loop::Place& p) {
    if (p.buffer.known()) p.buffer = now[static_cast<std::size_t>(p.buffer.index)];
  };
  for (loop::Element& e : s.body) renamed(e.place);
  for (loop::Store& store : s.stores) renamed(store.place);
  for (loop::Reduction& r : s.reductions) renamed(r.place);
  for (loop::Place* p : {&s.a, &s.b, &s.c}) renamed(*p);
}

}  // namespace mlp::lowering
