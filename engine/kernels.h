// Runs compiled kernels over tables, in blocks, on several threads. Rows keep their order.
#pragma once
#include <deque>
#include <memory>
#include <vector>

#include "abi/abi.h"
#include "engine/parts.h"

namespace mlp::engine {

// One output column of a kernel run.
struct Result {
  std::vector<double> reals;
  std::vector<mlp_string> strings;
  std::vector<mlp_bag> bags;
  std::vector<std::uint8_t> present;  // strings and integer targets only; empty otherwise
};

// The outputs of one run. Texts and bags made by the kernel live in `texts`.
struct Results {
  std::vector<Result> columns;
  std::vector<std::unique_ptr<std::deque<std::vector<char>>>> texts;
};

enum class OutputKind { real, string, bag };

// `fold`: out-of-fold number by row of the part, or empty. Kernel output i is written as kinds[i] says; `present` is asked
// for where with_present[i] is set.
Results run_kernel(const Pipeline& pipeline, const std::string& kernel, const Part& part, const mlp_fitted* fitted, const std::vector<OutputKind>& kinds,
                   const std::vector<bool>& with_present, const std::vector<std::int32_t>& fold, int threads);

constexpr std::int64_t block_rows = 8192;

// The rows of a part, a block at a time, in kernel layout: where they lie when they follow each other, else copied together.
class Blocks {
 public:
  Blocks(const Part& part, std::vector<std::int32_t> columns) : part_(part), columns_(std::move(columns)), copies_(columns_.size()), view_(part.table->columns.size()) {}
  // By schema column, those that were asked for; valid until the next call.
  const mlp_column* at(std::int64_t first, std::int64_t rows);

 private:
  const Part& part_;
  std::vector<std::int32_t> columns_;
  std::vector<values::ColumnData> copies_;
  std::vector<mlp_column> view_;
};

// The rows of a table that `keep` names, in that order. Its texts point into `table`, which must outlive it.
values::Table gather(const values::Table& table, const std::vector<std::int64_t>& keep);

}  // namespace mlp::engine
