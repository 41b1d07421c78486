// Mergeable statistics over train rows: what fitting passes compute. Fixed chunk grid, fixed order: same bytes at any
// number of threads.
#pragma once
#include <string>
#include <vector>

#include "abi/abi.h"

namespace mlp::fit {

// A fitted dictionary with values (see mlp_table in abi/abi.h), as data.
struct FittedTable {
  std::vector<std::string> keys;     // sorted by bytes
  std::vector<double> values;        // (folds + 1) x (keys + 1)
  std::int64_t folds = 0;
};
// All fitted values of a pipeline, by slot; what a package stores.
struct Fitted {
  std::vector<double> numbers;
  std::vector<std::string> texts;
  std::vector<FittedTable> tables;
};
// The view that kernels read. Owns the hash index of each dictionary; keep it and `fitted` alive while it is used.
class FittedView {
 public:
  explicit FittedView(const Fitted& fitted);
  const mlp_fitted* get() const { return &view_; }
 private:
  std::vector<std::vector<mlp_string>> keys_;
  std::vector<std::vector<std::int32_t>> slots_;
  std::vector<mlp_dictionary> dictionaries_;
  std::vector<mlp_table> tables_;
  std::vector<mlp_string> texts_;
  mlp_fitted view_{};
};

// Aggregates over the values of the train rows, in row order. NaN (null) is left out. Throw Failure when undefined
// (no values), naming `what`.
double sum(const std::vector<double>& values);                    // exact pairwise grid
double mean(const std::vector<double>& values, const std::string& what);
double variance(const std::vector<double>& values, const std::string& what);   // population
double minimum(const std::vector<double>& values, const std::string& what);
double maximum(const std::vector<double>& values, const std::string& what);
double quantile(const std::vector<double>& values, double p, const std::string& what);  // linear interpolation (type 7)
double count(const std::vector<double>& values);
std::string most_frequent(const std::vector<mlp_string>& values, const std::vector<std::uint8_t>& present, const std::string& what);  // ties: smallest
FittedTable vocabulary(const std::vector<mlp_string>& values, const std::vector<std::uint8_t>& present, std::int64_t max_size, std::int64_t min_count);
FittedTable frequencies(const std::vector<mlp_string>& values, const std::vector<std::uint8_t>& present);     // share of rows; absent key: 0
// Smoothed target means, and the same without each fold: row_fold[i] in 0..folds-1 says which fold row i is in.
FittedTable target_means(const std::vector<mlp_string>& values, const std::vector<std::uint8_t>& present, const std::vector<double>& target,
                         const std::vector<std::int32_t>& row_fold, std::int64_t folds, double smoothing);

}  // namespace mlp::fit
