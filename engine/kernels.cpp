#include "engine/kernels.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

namespace mlp::engine {
namespace {

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
void pick(std::vector<T>& into, const std::vector<T>& from, const std::int64_t* keep, std::int64_t rows) {
  if (from.empty()) return;
  into.resize(static_cast<std::size_t>(rows));
  for (std::int64_t i = 0; i < rows; ++i) into[i] = from[keep[i]];
}
void pick(values::ColumnData& into, const values::ColumnData& from, const std::int64_t* keep, std::int64_t rows) {
  into.layout = from.layout;
  pick(into.reals, from.reals, keep, rows);
  pick(into.integers, from.integers, keep, rows);
  pick(into.booleans, from.booleans, keep, rows);
  pick(into.strings, from.strings, keep, rows);  // still into the storage of `from`
  pick(into.present, from.present, keep, rows);
}

// The columns of the schema that a kernel reads.
std::vector<std::int32_t> columns_of(const loop::Kernel& kernel) {
  std::vector<std::int32_t> columns;
  for (const loop::Instr& instr : kernel.body)
    if (instr.op == loop::Op::load || instr.op == loop::Op::present) columns.push_back(static_cast<std::int32_t>(instr.integer));
  std::sort(columns.begin(), columns.end());
  columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
  return columns;
}

}  // namespace

const mlp_column* Blocks::at(std::int64_t first, std::int64_t rows) {
  const std::int64_t* const row = part_.row.data() + first;
  const bool together = row[rows - 1] - row[0] == rows - 1;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const values::ColumnData& column = part_.table->columns[columns_[i]];
    if (!together) pick(copies_[i], column, row, rows);
    view_[columns_[i]] = together ? column.view(row[0]) : copies_[i].view();
  }
  return view_.data();
}

Results run_kernel(const Pipeline& pipeline, const std::string& kernel, const Part& part, const mlp_fitted* fitted, const std::vector<OutputKind>& kinds,
                   const std::vector<bool>& with_present, const std::vector<std::int32_t>& fold, int threads) {
  const mlp_kernel run = pipeline.kernels->find(kernel);
  const std::vector<std::int32_t> needed = columns_of(*pipeline.unit.loops.find(kernel));
  const auto rows = static_cast<std::int64_t>(part.row.size());
  Results results;
  results.columns.resize(kinds.size());
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] == OutputKind::real) results.columns[i].reals.resize(static_cast<std::size_t>(rows));
    else if (kinds[i] == OutputKind::string) results.columns[i].strings.resize(static_cast<std::size_t>(rows));
    else results.columns[i].bags.resize(static_cast<std::size_t>(rows));
    if (with_present[i]) results.columns[i].present.resize(static_cast<std::size_t>(rows));
  }
  const std::int64_t blocks = (rows + block_rows - 1) / block_rows;
  const int workers = static_cast<int>(std::clamp<std::int64_t>(blocks, 1, std::max(threads, 1)));
  for (int i = 0; i < workers; ++i) results.texts.push_back(std::make_unique<std::deque<std::vector<char>>>());

  std::atomic<std::int64_t> next{0};
  const auto work = [&](int worker) {
    Arena arena;
    arena.blocks = results.texts[worker].get();
    Blocks inputs(part, needed);
    std::vector<mlp_output> outputs(kinds.size());
    for (std::int64_t block = next++; block < blocks; block = next++) {
      const std::int64_t first = block * block_rows;
      const std::int64_t count = std::min(block_rows, rows - first);
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        Result& result = results.columns[i];
        outputs[i].values = kinds[i] == OutputKind::real     ? static_cast<void*>(result.reals.data() + first)
                            : kinds[i] == OutputKind::string ? static_cast<void*>(result.strings.data() + first)
                                                             : static_cast<void*>(result.bags.data() + first);
        outputs[i].present = with_present[i] ? result.present.data() + first : nullptr;
      }
      const mlp_batch batch{count, inputs.at(first, count), fold.empty() ? nullptr : fold.data() + first, &arena.view};
      run(&batch, fitted, outputs.data());
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
  for (std::size_t c = 0; c < table.columns.size(); ++c) pick(out.columns[c], table.columns[c], keep.data(), out.rows);
  return out;
}

}  // namespace mlp::engine
