#include "compiler/ir/loop/network.h"

#include <algorithm>
#include <map>

namespace mlp::loop {
namespace {

struct Head {
  std::string name;
  std::int64_t once = 0, each = 0, transient = 0;
  template <class A> void fields(A&& a) { a("name", name); a("once", once); a("each", each); a("transient", transient); }
};

std::size_t arity(ElementOp op) {
  switch (op) {
    case ElementOp::neg: case ElementOp::not_: case ElementOp::to_float: return 1;
    case ElementOp::add: case ElementOp::sub: case ElementOp::mul: case ElementOp::div: case ElementOp::eq: case ElementOp::ne: case ElementOp::lt: case ElementOp::le:
    case ElementOp::gt: case ElementOp::ge: case ElementOp::and_: case ElementOp::or_: return 2;
    case ElementOp::select: return 3;
    default: return 0;
  }
}

class Verifier {
 public:
  Verifier(const Function& function, std::vector<std::string>& broken) : f_(function), broken_(broken) {}
  void run() {
    where_ = f_.name;
    needs(f_.transient >= 0 && f_.transient <= f_.each, "a transient part of the scratch of a row");
    for (std::size_t b = 0; b < f_.buffers.size(); ++b) {
      const Buffer& buffer = f_.buffers[b];
      where_ = f_.name + ", buffer %" + std::to_string(b);
      needs(buffer.floats > 0 && buffer.number >= 0, "floats and a number");
      if (buffer.memory == Memory::scratch) needs(buffer.offset >= 0 && buffer.offset + buffer.floats <= (buffer.rows ? f_.each : f_.once), "within the scratch");
    }
    for (std::size_t s = 0; s < f_.steps.size(); ++s) {
      where_ = f_.name + ", step %" + std::to_string(s);
      step(f_.steps[s]);
    }
  }

 private:
  void needs(bool holds, const std::string& what) {
    if (!holds) broken_.push_back(where_ + ": " + what);
  }
  void place(const Place& p, std::size_t strides) {
    needs(p.buffer.known() && static_cast<std::size_t>(p.buffer.index) < f_.buffers.size(), "a buffer");
    needs(p.strides.size() == strides, std::to_string(strides) + " strides");
  }
  void guards(const std::vector<Guard>& list, std::size_t loops) {
    for (const Guard& g : list) needs(g.strides.size() == loops && g.size > 0, "a guard has a stride for each loop, and a size");
  }

  void step(const Step& s) {
    switch (s.kind) {
      case StepKind::nest: return nest(s);
      case StepKind::product:
        place(s.a, s.loops.size() + 2), place(s.b, s.loops.size() + 2), place(s.c, s.loops.size() + 2);
        needs(s.c.strides.empty() || s.c.strides.back() == 1, "the last axis of a product lies together");
        if (s.alone && s.c.buffer.known())
          needs(s.add && s.loops.empty() && s.k.rows && f_.buffers[static_cast<std::size_t>(s.c.buffer.index)].memory == Memory::gradient &&
                    std::count_if(f_.steps.begin(), f_.steps.end(), [&](const Step& other) { return writes(other, s.c.buffer); }) == 1,
                "what adds alone is one product over the rows, to a gradient");
        return;
      case StepKind::gather: case StepKind::gather_bag:
        place(s.a, 0), place(s.c, 1), needs(s.width > 0, "a width");
        if (s.integer < 0) place(s.b, 1);
        return;
      case StepKind::scatter: case StepKind::scatter_bag:
        place(s.a, 1), place(s.c, 0), needs(s.width > 0, "a width");
        if (s.integer < 0) place(s.b, 1);
        return;
    }
  }

  void nest(const Step& s) {
    bool reduced = false;
    for (const Loop& l : s.loops) {
      needs(l.extent.count > 0 && !(l.extent.rows && l.reduced), "a loop counts, and rows are not reduced");
      reduced = reduced || l.reduced;
    }
    needs(reduced == !s.reductions.empty(), "reductions go with reduced loops");
    for (std::size_t i = 0; i < s.body.size(); ++i) {
      const Element& e = s.body[i];
      for (const ElementId arg : e.args) needs(arg.known() && arg.index < static_cast<std::int32_t>(i), "an argument must stand before its user");
      const auto kind = [&](std::size_t n) { return s.body[static_cast<std::size_t>(e.args[n].index)].boolean; };
      if (e.op == ElementOp::call) needs(!e.text.empty() && !e.args.empty(), "a symbol and arguments");
      else needs(e.args.size() == arity(e.op), "arguments of its operation");
      if (e.op == ElementOp::load || e.op == ElementOp::mask) place_of(e, s);
      if (e.op == ElementOp::position) needs(e.place.strides.size() == s.loops.size(), "a stride for each loop");
      guards(e.guards, s.loops.size());
      const bool compares = e.op >= ElementOp::eq && e.op <= ElementOp::ge, logic = e.op >= ElementOp::and_ && e.op <= ElementOp::not_;
      if (compares || logic) needs(e.boolean, "a bool");
      if (e.args.size() == arity(e.op) && e.op != ElementOp::call && e.op != ElementOp::select)
        for (std::size_t n = 0; n < e.args.size(); ++n) needs(kind(n) == (logic || e.op == ElementOp::to_float), "arguments of its kind");
      if (e.op == ElementOp::select && e.args.size() == 3) needs(kind(0) && kind(1) == e.boolean && kind(2) == e.boolean, "a condition, and two of its kind");
    }
    const auto value = [&](ElementId id) {
      const bool known = id.known() && static_cast<std::size_t>(id.index) < s.body.size();
      needs(known && !s.body[static_cast<std::size_t>(id.index)].boolean, "a float to store");
    };
    for (const Store& store : s.stores) value(store.value), place(store.place, s.loops.size()), guards(store.guards, s.loops.size());
    for (const Reduction& r : s.reductions) {
      value(r.value), place(r.place, s.loops.size());
      for (std::size_t l = 0; l < s.loops.size() && l < r.place.strides.size(); ++l) needs(!s.loops[l].reduced || r.place.strides[l] == 0, "a result has no place in a reduced loop");
    }
    needs(!s.stores.empty() || !s.reductions.empty(), "a nest leaves something");
  }
  void place_of(const Element& e, const Step& s) {
    if (e.op == ElementOp::load) place(e.place, s.loops.size());
    else needs(e.place.strides.size() == s.loops.size(), "a stride for each loop");
  }

  const Function& f_;
  std::vector<std::string>& broken_;
  std::string where_;
};

}  // namespace

bool by_vector(const Step& step) {
  return step.kind == StepKind::product && !step.rounds && step.loops.empty() && (step.m == Extent{} || step.n == Extent{}) && step.k != Extent{};
}

bool writes(const Step& step, BufferId buffer) {
  const auto to = [&](const auto& written) { return written.place.buffer == buffer; };
  return step.c.buffer == buffer || std::ranges::any_of(step.stores, to) || std::ranges::any_of(step.reductions, to);
}

std::optional<ByWeight> by_weight(const Function& function, const Step& step) {
  if (step.kind != StepKind::product || step.n.rows || step.k.rows) return {};
  const Buffer& buffer = function.buffers[static_cast<std::size_t>(step.b.buffer.index)];
  const std::int64_t k = step.k.count, n = step.n.count;
  if (buffer.memory != Memory::weight || step.b.offset != 0 || buffer.floats != k * n) return {};
  for (std::size_t l = 0; l < step.loops.size(); ++l)
    if (step.b.strides[l] != 0) return {};
  const std::int64_t row = step.b.strides[step.loops.size()], column = step.b.strides[step.loops.size() + 1];
  if (row == n && column == 1) return ByWeight{buffer.number, k, n, false};
  if (row == 1 && column == k) return ByWeight{buffer.number, k, n, true};
  return {};
}

std::vector<ByWeight> only_multiplied(const Function& function) {
  std::map<std::int64_t, std::optional<ByWeight>> uses;  // by weight; none: it is read otherwise
  const auto read = [&](const Place& place, const std::optional<ByWeight>& by) {
    if (!place.buffer.known()) return;
    const Buffer& buffer = function.buffers[static_cast<std::size_t>(place.buffer.index)];
    if (buffer.memory != Memory::weight) return;
    const auto [known, fresh] = uses.emplace(buffer.number, by);
    if (!fresh && known->second != by) known->second.reset();
  };
  for (const Step& step : function.steps) {
    for (const Element& e : step.body) read(e.place, {});
    read(step.a, {});
    read(step.b, by_weight(function, step));
  }
  std::vector<ByWeight> all;
  for (const auto& [weight, by] : uses)
    if (by) all.push_back(*by);
  return all;
}

void print(ir::Writer& w, const Function& function) {
  w.record("function", -1, Head{function.name, function.once, function.each, function.transient});
  w.records("buffer", function.buffers);
  w.records("step", function.steps);
}

Function read_function(ir::Reader& r) {
  Head head = r.record<Head>("function", -1);
  Function f{std::move(head.name), r.records<Buffer>("buffer"), {}, head.once, head.each, head.transient};
  f.steps = r.records<Step>("step");
  return f;
}

std::vector<std::string> verify(const Function& function) {
  std::vector<std::string> broken;
  Verifier(function, broken).run();
  return broken;
}

}  // namespace mlp::loop
