// Buffers that are never needed at the same time lie in the same place; those of rows that no segment leaves to another, behind the others.
#include <algorithm>

#include "compiler/ir/loop/segments.h"
#include "compiler/lower/network_steps.h"
#include "compiler/lower/passes.h"

namespace mlp::lowering {
namespace {

struct Life {
  std::size_t buffer, first, last;  // steps
  bool transient = false;
};

void share(loop::Function& f) {
  std::vector<Life> lives;
  std::vector<std::size_t> known(f.buffers.size(), static_cast<std::size_t>(-1));
  for (std::size_t s = 0; s < f.steps.size(); ++s)
    each_place(f.steps[s], [&](loop::Place& p) {
      const auto b = static_cast<std::size_t>(p.buffer.index);
      if (f.buffers[b].memory != loop::Memory::scratch) return;
      if (known[b] == static_cast<std::size_t>(-1)) known[b] = lives.size(), lives.push_back({b, s, s, false});
      lives[known[b]].last = s;
    });
  const std::vector<loop::Barrier> barriers = f.name == "train" ? loop::segments_of(f).barriers : std::vector<loop::Barrier>{};
  for (Life& life : lives)
    life.transient = !barriers.empty() && f.buffers[life.buffer].rows &&
                     std::none_of(barriers.begin(), barriers.end(), [&](const loop::Barrier& b) { return life.first < b.step && b.step <= life.last; });
  std::int64_t lasting = 0;
  f.once = f.transient = 0;
  const auto floats = [&](const loop::Buffer& b) { return b.rows ? b.floats : (b.floats + 15) / 16 * 16; };
  // The largest first, each at the lowest place that is free for as long as it lives.
  std::stable_sort(lives.begin(), lives.end(), [&](const Life& a, const Life& b) { return f.buffers[a.buffer].floats > f.buffers[b.buffer].floats; });
  std::vector<const Life*> placed;          // by rising offset
  for (const Life& life : lives) {
    loop::Buffer& mine = f.buffers[life.buffer];
    mine.offset = 0;
    for (const Life* const k : placed) {
      const loop::Buffer& other = f.buffers[k->buffer];
      if (other.offset >= mine.offset + floats(mine)) break;
      if (other.rows == mine.rows && k->transient == life.transient && k->first <= life.last && life.first <= k->last) mine.offset = std::max(mine.offset, other.offset + floats(other));
    }
    placed.insert(std::upper_bound(placed.begin(), placed.end(), mine.offset, [&](std::int64_t offset, const Life* k) { return offset < f.buffers[k->buffer].offset; }), &life);
    std::int64_t& end = !mine.rows ? f.once : life.transient ? f.transient : lasting;
    end = std::max(end, mine.offset + floats(mine));
  }
  for (const Life& life : lives)
    if (life.transient) f.buffers[life.buffer].offset += lasting;
  f.each = lasting + f.transient;
}

}  // namespace

void share_scratch(const flow::Program&, loop::Module& module) {
  for (loop::Function& f : module.network) share(f);
}

}  // namespace mlp::lowering
