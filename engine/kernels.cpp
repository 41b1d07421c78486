#include "engine/kernels.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

namespace mlp::engine {
namespace {

constexpr std::int64_t block_rows = 8192;

// The arena of one thread: blocks stay where they are, so that texts may be kept.
struct Arena {
  mlp_arena view{nullptr, nullptr, &Arena::grow};
  std::deque<std::vector<char>>* blocks;
  static void grow(mlp_arena* arena, std::int64_t size) {
    Arena* self = reinterpret_cast<Arena*>(arena);
    self->blocks->emplace_back(static_cast<std::size_t>(std::max<std::int64_t>(size, 1 << 16)));
    std::vector<char>& block = self->blocks->back();
    arena->cursor = block.data();
    arena->limit = block.data() + block.size();
  }
};

template <class T>
void pick(std::vector<T>& into, const std::vector<T>& from, const std::vector<std::int64_t>& keep) {
  if (from.empty()) return;
  into.reserve(keep.size());
  for (const std::int64_t row : keep) into.push_back(from[row]);
}

}  // namespace

Results run_kernel(mlp_kernel kernel, const values::Table& table, const mlp_fitted* fitted, const std::vector<OutputKind>& kinds,
                   const std::vector<bool>& with_present, const std::vector<std::int32_t>& fold, int threads) {
  Results results;
  results.columns.resize(kinds.size());
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] == OutputKind::real) results.columns[i].reals.resize(table.rows);
    else if (kinds[i] == OutputKind::string) results.columns[i].strings.resize(table.rows);
    else results.columns[i].bags.resize(table.rows);
    if (with_present[i]) results.columns[i].present.resize(table.rows);
  }
  const std::int64_t blocks = (table.rows + block_rows - 1) / block_rows;
  const int workers = static_cast<int>(std::clamp<std::int64_t>(blocks, 1, std::max(threads, 1)));
  for (int i = 0; i < workers; ++i) results.texts.push_back(std::make_unique<std::deque<std::vector<char>>>());

  std::atomic<std::int64_t> next{0};
  const auto work = [&](int worker) {
    Arena arena;
    arena.blocks = results.texts[worker].get();
    std::vector<mlp_column> columns(table.columns.size());
    std::vector<mlp_output> outputs(kinds.size());
    for (std::int64_t block = next++; block < blocks; block = next++) {
      const std::int64_t first = block * block_rows;
      for (std::size_t c = 0; c < columns.size(); ++c) columns[c] = table.columns[c].view(first);
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        Result& result = results.columns[i];
        outputs[i].values = kinds[i] == OutputKind::real     ? static_cast<void*>(result.reals.data() + first)
                            : kinds[i] == OutputKind::string ? static_cast<void*>(result.strings.data() + first)
                                                             : static_cast<void*>(result.bags.data() + first);
        outputs[i].present = with_present[i] ? result.present.data() + first : nullptr;
      }
      const mlp_batch batch{std::min(block_rows, table.rows - first), columns.data(), fold.empty() ? nullptr : fold.data() + first, &arena.view};
      kernel(&batch, fitted, outputs.data());
    }
  };
  std::vector<std::thread> pool;
  for (int i = 1; i < workers; ++i) pool.emplace_back(work, i);
  work(0);
  for (std::thread& t : pool) t.join();
  return results;
}

values::Table gather(const values::Table& table, const std::vector<std::int64_t>& keep) {
  values::Table out;
  out.rows = static_cast<std::int64_t>(keep.size());
  out.columns.resize(table.columns.size());
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    const values::ColumnData& from = table.columns[c];
    values::ColumnData& into = out.columns[c];
    into.layout = from.layout;
    pick(into.reals, from.reals, keep);
    pick(into.integers, from.integers, keep);
    pick(into.booleans, from.booleans, keep);
    pick(into.strings, from.strings, keep);  // still into the storage of `table`
    pick(into.present, from.present, keep);
  }
  return out;
}

}  // namespace mlp::engine
