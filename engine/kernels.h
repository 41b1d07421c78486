// Runs compiled kernels over tables, in blocks, on several threads. Rows keep their order.
#pragma once
#include <deque>
#include <memory>
#include <vector>

#include "abi/abi.h"
#include "runtime/values/table.h"

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

// `fold`: out-of-fold number by row, or empty. Kernel output i is written as kinds[i] says; `present` is asked for where
// with_present[i] is set.
Results run_kernel(mlp_kernel kernel, const values::Table& table, const mlp_fitted* fitted, const std::vector<OutputKind>& kinds,
                   const std::vector<bool>& with_present, const std::vector<std::int32_t>& fold, int threads);

// The rows of a table that `keep` names, in that order. Its texts point into `table`, which must outlive it.
values::Table gather(const values::Table& table, const std::vector<std::int64_t>& keep);

}  // namespace mlp::engine
