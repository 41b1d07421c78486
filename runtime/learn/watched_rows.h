// Rows whose metric is shown after each epoch of a network.
#pragma once
#include <vector>

#include "runtime/learn/learn.h"
#include "runtime/learn/objective.h"
#include "runtime/learn/pool.h"

namespace mlp::learn {

class WatchedRows {
 public:
  WatchedRows(const Request& request, const Dataset& data, const std::vector<std::int64_t>& rows, Pool& pool);
  double measure(const model::Model& model);           // NaN without rows

 private:
  Pool& pool_;
  const std::int64_t rows_;
  const Labels labels_;
  const std::int32_t outputs_;
  Objective objective_;
  std::vector<std::vector<double>> numbers_;            // by feature
  std::vector<std::vector<mlp_bag>> bags_;
  model::Matrix matrix_;
};

}  // namespace mlp::learn
