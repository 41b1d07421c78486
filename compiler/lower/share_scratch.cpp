// Buffers that are never needed at the same time lie in the same place.
#include <algorithm>

#include "compiler/lower/network_steps.h"
#include "compiler/lower/passes.h"

namespace mlp::lowering {
namespace {

struct Life {
  std::size_t buffer, first, last;  // steps
};

void share(loop::Function& f) {
  std::vector<Life> lives;
  std::vector<std::size_t> known(f.buffers.size(), static_cast<std::size_t>(-1));
  for (std::size_t s = 0; s < f.steps.size(); ++s)
    each_place(f.steps[s], [&](loop::Place& p) {
      const auto b = static_cast<std::size_t>(p.buffer.index);
      if (f.buffers[b].memory != loop::Memory::scratch) return;
      if (known[b] == static_cast<std::size_t>(-1)) known[b] = lives.size(), lives.push_back({b, s, s});
      lives[known[b]].last = s;
    });
  f.once = f.each = 0;
  const auto floats = [&](const loop::Buffer& b) { return b.rows ? b.floats : (b.floats + 15) / 16 * 16; };
  // The largest first, each at the lowest place that is free for as long as it lives.
  std::stable_sort(lives.begin(), lives.end(), [&](const Life& a, const Life& b) { return f.buffers[a.buffer].floats > f.buffers[b.buffer].floats; });
  for (std::size_t i = 0; i < lives.size(); ++i) {
    loop::Buffer& mine = f.buffers[lives[i].buffer];
    std::vector<std::pair<std::int64_t, std::int64_t>> taken;
    for (std::size_t k = 0; k < i; ++k) {
      const loop::Buffer& other = f.buffers[lives[k].buffer];
      if (other.rows == mine.rows && lives[k].first <= lives[i].last && lives[i].first <= lives[k].last) taken.push_back({other.offset, other.offset + floats(other)});
    }
    std::sort(taken.begin(), taken.end());
    mine.offset = 0;
    for (const auto& [from, to] : taken) {
      if (from >= mine.offset + floats(mine)) break;
      mine.offset = std::max(mine.offset, to);
    }
    std::int64_t& end = mine.rows ? f.each : f.once;
    end = std::max(end, mine.offset + floats(mine));
  }
}

}  // namespace

void share_scratch(const flow::Program&, loop::Module& module) {
  for (loop::Function& f : module.network) share(f);
}

}  // namespace mlp::lowering
