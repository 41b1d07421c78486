#include "compiler/ir/loop/segments.h"

#include <algorithm>

namespace mlp::loop {
namespace {

using Buffers = std::set<std::int32_t>;

struct Write {
  std::int32_t buffer = -1;
  std::size_t store = 0;
  Buffers from;                            // what its value follows from
};
struct Uses {
  bool rows = false;                       // whether it runs over rows
  Buffers read;
  std::vector<Write> writes;
};

bool meet(const Buffers& a, const Buffers& b) {
  return std::any_of(a.begin(), a.end(), [&](std::int32_t x) { return b.contains(x); });
}

Uses uses_of(const Step& s) {
  Uses out;
  out.rows = std::any_of(s.loops.begin(), s.loops.end(), [](const Loop& l) { return l.extent.rows; });
  if (s.kind == StepKind::nest) {
    std::vector<Buffers> from;             // by element
    for (const Element& e : s.body) {
      Buffers& mine = from.emplace_back();
      if (e.op == ElementOp::load) mine.insert(e.place.buffer.index);
      for (const ElementId arg : e.args) mine.insert(from[static_cast<std::size_t>(arg.index)].begin(), from[static_cast<std::size_t>(arg.index)].end());
      out.read.insert(mine.begin(), mine.end());
    }
    for (std::size_t i = 0; i < s.stores.size(); ++i) out.writes.push_back({s.stores[i].place.buffer.index, i, from[static_cast<std::size_t>(s.stores[i].value.index)]});
    for (const Reduction& r : s.reductions) out.writes.push_back({r.place.buffer.index, s.stores.size(), from[static_cast<std::size_t>(r.value.index)]});
    return out;
  }
  out.rows = out.rows || s.kind != StepKind::product || s.m.rows || s.n.rows || s.k.rows;
  for (const Place* place : {&s.a, &s.b})
    if (place->buffer.known()) out.read.insert(place->buffer.index);
  out.writes.push_back({s.c.buffer.index, 0, out.read});
  return out;
}

class Finder {
 public:
  explicit Finder(const Function& function) : f_(function) {
    for (const Step& step : f_.steps) steps_.push_back(uses_of(step));
    for (const Uses& step : steps_)
      for (const Write& write : step.writes)
        if (step.rows && of_call(write.buffer)) parts_.insert(write.buffer);
    for (bool more = true; more;) more = join();
  }

  Segments find() {
    Segments out;
    Buffers open;                          // sums of the segment
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      const Uses& step = steps_[i];
      if (meet(step.read, open)) {
        Barrier& barrier = out.barriers.emplace_back(Barrier{i, {}});
        std::erase_if(open, [&](std::int32_t b) {
          if (written_from(i, b)) return false;
          barrier.sums.push_back({buffer(b).offset, buffer(b).floats});
          return true;
        });
      }
      for (const Write& write : step.writes) {
        if (step.rows && sums_.contains(write.buffer)) open.insert(write.buffer);
        if (!step.rows && buffer(write.buffer).memory == Memory::gradient && !meet(write.from, following(parts_))) out.alike.emplace(i, write.store);
      }
    }
    return out;
  }

 private:
  const Buffer& buffer(std::int32_t b) const { return f_.buffers[static_cast<std::size_t>(b)]; }
  bool of_call(std::int32_t b) const { return !buffer(b).rows && (buffer(b).memory == Memory::scratch || buffer(b).memory == Memory::mean); }
  bool written_from(std::size_t step, std::int32_t b) const {
    return std::any_of(steps_.begin() + static_cast<std::ptrdiff_t>(step), steps_.end(), [&](const Uses& later) {
      return later.rows && std::any_of(later.writes.begin(), later.writes.end(), [&](const Write& w) { return w.buffer == b; });
    });
  }
  // With what follows from them without rows.
  Buffers following(Buffers from) const {
    for (const Uses& step : steps_)
      for (const Write& write : step.writes)
        if (!step.rows && of_call(write.buffer) && meet(write.from, from)) from.insert(write.buffer);
    return from;
  }
  // Moves a sum to those that all calls add up: rows follow from it, or a mean, or a gradient that follows from such a sum too.
  bool join() {
    const Buffers whole = following(sums_);
    for (const std::int32_t b : parts_) {
      const Buffers follow = following({b});
      const bool wanted = std::any_of(follow.begin(), follow.end(), [&](std::int32_t x) { return buffer(x).memory == Memory::mean; }) ||
                          std::any_of(steps_.begin(), steps_.end(), [&](const Uses& step) {
                            return step.rows ? meet(step.read, follow) : std::any_of(step.writes.begin(), step.writes.end(), [&](const Write& write) {
                              return buffer(write.buffer).memory == Memory::gradient && meet(write.from, follow) && meet(write.from, whole);
                            });
                          });
      if (!wanted) continue;
      sums_.insert(b);
      parts_.erase(b);
      return true;
    }
    return false;
  }

  const Function& f_;
  std::vector<Uses> steps_;
  Buffers parts_, sums_;                   // sums over rows: of each call its own, and those that the calls add up
};

}  // namespace

Segments segments_of(const Function& function) { return Finder(function).find(); }

}  // namespace mlp::loop
