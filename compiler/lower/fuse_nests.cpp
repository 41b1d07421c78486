// Nests over the same loops become one, as far as what lies between them allows; what one stores and the other loads stays in
// registers, and need not be stored when nothing else reads it.
#include <algorithm>
#include <set>

#include "compiler/lower/network_steps.h"
#include "compiler/lower/passes.h"
#include "compiler/lower/tensors.h"

namespace mlp::lowering {
namespace {

using loop::BufferId;
using loop::Element;
using loop::ElementId;
using loop::ElementOp;
using loop::Step;
using loop::StepKind;

constexpr std::size_t longest = 160;  // elements of a fused body

using Buffers = std::vector<BufferId>;  // a few
struct Uses {
  Buffers reads, writes;
};
Uses uses_of(Step& s) {
  Uses uses;
  const auto take = [](Buffers& all) {
    return [&all](const loop::Place& p) {
      if (std::find(all.begin(), all.end(), p.buffer) == all.end()) all.push_back(p.buffer);
    };
  };
  each_read(s, take(uses.reads));
  each_write(s, take(uses.writes));
  return uses;
}
bool contains(const Buffers& a, BufferId id) { return std::find(a.begin(), a.end(), id) != a.end(); }
bool meet(const Buffers& a, const Buffers& b) {
  return std::any_of(a.begin(), a.end(), [&](BufferId id) { return contains(b, id); });
}
// The order of two steps does not matter.
bool independent(const Uses& a, const Uses& b) { return !meet(a.writes, b.reads) && !meet(a.writes, b.writes) && !meet(a.reads, b.writes); }

bool same_loops(const Step& a, const Step& b) {
  if (a.loops.size() != b.loops.size()) return false;
  bool equal = true;
  for (std::size_t l = 0; l < a.loops.size(); ++l) {
    if (a.loops[l].extent != b.loops[l].extent) return false;
    equal = equal && a.loops[l].reduced == b.loops[l].reduced;
  }
  return equal || a.reductions.empty() || b.reductions.empty();
}

// What `a` stored for `load`, an element of a later nest over the same loops; unknown: not by `a`, or not in this form.
ElementId stored(const Step& a, const Element& load) {
  for (const loop::Store& store : a.stores)
    if (store.place == load.place && !store.add && store.guards.empty() && load.guards.empty()) return store.value;
  return {};
}

// `a` stands before `b`; nothing between them is in the way.
bool fit(const Step& a, const Uses& of_a, const Step& b, const Uses& of_b) {
  if (a.kind != StepKind::nest || b.kind != StepKind::nest || a.stays || b.stays || !same_loops(a, b) || a.body.size() + b.body.size() > longest) return false;
  if (meet(of_a.writes, of_b.writes) || meet(of_a.reads, of_b.writes)) return false;
  for (const Element& e : b.body)
    if (e.op == ElementOp::load && contains(of_a.writes, e.place.buffer) && !stored(a, e).known()) return false;
  for (const loop::Store& store : b.stores)
    if (store.add && contains(of_a.writes, store.place.buffer)) return false;
  return true;
}

Step fused(const Step& a, const Step& b) {
  Nest n;
  n.step.loops = b.reductions.empty() ? a.loops : b.loops;
  std::vector<ElementId> of_a, of_b;
  const auto take = [&](const Step& s, std::vector<ElementId>& now, const Step* before) {
    for (Element e : s.body) {
      const ElementId known = before && e.op == ElementOp::load ? stored(*before, e) : ElementId{};
      for (ElementId& arg : e.args) arg = now[static_cast<std::size_t>(arg.index)];
      now.push_back(known.known() ? of_a[static_cast<std::size_t>(known.index)] : n.write(std::move(e)));
    }
    for (loop::Store store : s.stores) {
      store.value = now[static_cast<std::size_t>(store.value.index)];
      n.step.stores.push_back(std::move(store));
    }
    for (loop::Reduction r : s.reductions) {
      r.value = now[static_cast<std::size_t>(r.value.index)];
      n.step.reductions.push_back(std::move(r));
    }
  };
  take(a, of_a, nullptr);
  take(b, of_b, &a);
  return n.step;
}

void fuse(loop::Function& f) {
  std::vector<Uses> uses;
  for (Step& step : f.steps) uses.push_back(uses_of(step));
  std::vector<char> gone(f.steps.size());  // written into an earlier or later one
  for (std::size_t j = 1; j < f.steps.size(); ++j) {
    bool below = true;  // f.steps[j] could go up to i + 1
    for (std::size_t i = j; i-- > 0;) {
      if (gone[i]) continue;
      const Step &a = f.steps[i], &b = f.steps[j];
      if (fit(a, uses[i], b, uses[j])) {
        bool down = true;  // a could come down to j - 1
        for (std::size_t k = i + 1; k < j && down; ++k) down = gone[k] || independent(uses[i], uses[k]);
        if (below || down) {
          const std::size_t at = down ? j : i;
          f.steps[at] = fused(a, b);
          uses[at] = uses_of(f.steps[at]);
          gone[down ? i : j] = 1;
          break;
        }
      }
      below = below && independent(uses[i], uses[j]);
    }
  }
  std::vector<Step> left;
  for (std::size_t i = 0; i < f.steps.size(); ++i)
    if (!gone[i]) left.push_back(std::move(f.steps[i]));
  f.steps = std::move(left);
}

// Stores to scratch that nothing reads, elements without users, nests that leave nothing, buffers that nothing names.
void drop(loop::Function& f) {
  for (bool more = true; more;) {
    more = false;
    std::set<BufferId> read;
    for (Step& s : f.steps) {
      if (s.kind != StepKind::nest) {
        each_read(s, [&](const loop::Place& p) { read.insert(p.buffer); });
        continue;
      }
      for (const Element& e : s.body)
        if (e.op == ElementOp::load) read.insert(e.place.buffer);
    }
    const auto unread = [&](const loop::Place& p) { return f.buffers[static_cast<std::size_t>(p.buffer.index)].memory == loop::Memory::scratch && !read.contains(p.buffer); };
    for (Step& s : f.steps) {
      if (s.kind != StepKind::nest) continue;
      more = std::erase_if(s.stores, [&](const loop::Store& store) { return unread(store.place); }) > 0 || more;
      more = std::erase_if(s.reductions, [&](const loop::Reduction& r) { return unread(r.place); }) > 0 || more;
      if (s.reductions.empty())
        for (loop::Loop& l : s.loops) l.reduced = false;
      std::vector<char> used(s.body.size());
      for (const loop::Store& store : s.stores) used[static_cast<std::size_t>(store.value.index)] = 1;
      for (const loop::Reduction& r : s.reductions) used[static_cast<std::size_t>(r.value.index)] = 1;
      for (std::size_t e = used.size(); e-- > 0;)
        if (used[e])
          for (const ElementId arg : s.body[e].args) used[static_cast<std::size_t>(arg.index)] = 1;
      std::vector<ElementId> now(used.size());
      std::vector<Element> body;
      for (std::size_t e = 0; e < used.size(); ++e) {
        if (!used[e]) continue;
        now[e].index = static_cast<std::int32_t>(body.size());
        body.push_back(std::move(s.body[e]));
        for (ElementId& arg : body.back().args) arg = now[static_cast<std::size_t>(arg.index)];
      }
      more = more || body.size() < used.size();
      s.body = std::move(body);
      for (loop::Store& store : s.stores) store.value = now[static_cast<std::size_t>(store.value.index)];
      for (loop::Reduction& r : s.reductions) r.value = now[static_cast<std::size_t>(r.value.index)];
    }
    more = std::erase_if(f.steps, [](const Step& s) { return s.kind == StepKind::nest && s.stores.empty() && s.reductions.empty(); }) > 0 || more;
  }
  std::vector<BufferId> now(f.buffers.size());
  std::vector<loop::Buffer> buffers;
  for (Step& s : f.steps)
    each_place(s, [&](loop::Place& p) { now[static_cast<std::size_t>(p.buffer.index)].index = 0; });
  for (std::size_t b = 0; b < now.size(); ++b) {
    if (!now[b].known()) continue;
    now[b].index = static_cast<std::int32_t>(buffers.size());
    buffers.push_back(f.buffers[b]);
  }
  f.buffers = std::move(buffers);
  for (Step& s : f.steps) rename_buffers(s, now);
}

}  // namespace

void fuse_nests(const flow::Program&, loop::Module& module) {
  for (loop::Function& f : module.network) {
    fuse(f);
    drop(f);
    lay_out(f);
  }
}

}  // namespace mlp::lowering
