// Statistics over train rows: what fitting passes compute. Sums are exact before one rounding (Shewchuk 1997, as
// Python's fsum), so that neither the order of the rows nor the number of threads can change a bit.
#pragma once
#include <string>
#include <vector>

#include "abi/abi.h"

namespace mlp_terms {
struct Recipe;
}
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
  FittedView(FittedView&&) = default;
  FittedView& operator=(FittedView&&) = default;
  const mlp_fitted* get() const { return &view_; }
 private:
  std::vector<std::string> bytes_;       // the keys of a table one after another: what is looked up lies close together
  std::vector<std::vector<mlp_string>> keys_;
  std::vector<std::vector<std::int32_t>> slots_;
  std::vector<mlp_dictionary> dictionaries_;
  std::vector<mlp_table> tables_;
  std::vector<mlp_string> texts_;
  mlp_fitted view_{};
};

// Aggregates over the values of the train rows. NaN (null) is left out. They throw Failure, naming `what`, where there
// is no value, and where the result is no finite number though it should be (a mean over inf).
double sum(const std::vector<double>& values);      // rounded once; 0 of nothing; inf and NaN as IEEE has them
double mean(const std::vector<double>& values, const std::string& what);
double variance(const std::vector<double>& values, const std::string& what);   // population; 0 of one value
double minimum(const std::vector<double>& values, const std::string& what);
double maximum(const std::vector<double>& values, const std::string& what);
double quantile(const std::vector<double>& values, double p, const std::string& what);  // linear interpolation (type 7 of Hyndman and Fan)
double count(const std::vector<double>& values);
// Texts: `present` is empty when no row is null. Null rows are left out.
std::string most_frequent(const std::vector<mlp_string>& values, const std::vector<std::uint8_t>& present, const std::string& what);  // ties: smallest
// The keys that occur at least min_count times, of them the max_size most frequent (0: all; ties: smallest). The value
// of a key is its number of rows.
FittedTable vocabulary(const std::vector<mlp_string>& values, const std::vector<std::uint8_t>& present, std::int64_t max_size, std::int64_t min_count);
// The terms of texts (stdlib/builtins/terms.h) that stand in min_rows rows at least and in at most the share max_share of them; of these
// the max_size that stand in most (0: all; ties: smallest). The value of a term is 1, or with `idf`
// 1 + log((1 + rows) / (1 + rows that have it)) (the smooth idf of scikit-learn).
struct TermLimits {
  std::int64_t min_rows = 1;
  double max_share = 1;
  std::int64_t max_size = 0;
  bool idf = true;
};
FittedTable terms(const std::vector<mlp_string>& values, const std::vector<std::uint8_t>& present, const mlp_terms::Recipe& recipe, const TermLimits& limits);
FittedTable frequencies(const std::vector<mlp_string>& values, const std::vector<std::uint8_t>& present);  // share of the rows with a value; absent key: 0
// Smoothed target means: (sum of the key + smoothing * mean of all) / (rows of the key + smoothing); a key that is absent
// has the mean of all. Fold f holds the same without the rows of fold f (row_fold[i] in 0..folds-1), whose mean it also
// takes; row 0 of `values` holds them over all rows. Rows without a key or a target are left out.
FittedTable target_means(const std::vector<mlp_string>& values, const std::vector<std::uint8_t>& present, const std::vector<double>& target,
                         const std::vector<std::int32_t>& row_fold, std::int64_t folds, double smoothing);

}  // namespace mlp::fit
