#include "runtime/learn/watched_rows.h"

#include <algorithm>
#include <limits>

namespace mlp::learn {

WatchedRows::WatchedRows(const Request& request, const Dataset& data, const std::vector<std::int64_t>& rows, Pool& pool)
    : pool_(pool), rows_(static_cast<std::int64_t>(rows.size())), labels_(labels_of(data, rows)), outputs_(request.network.outputs), objective_(labels_, request, outputs_, pool) {
  if (rows_ == 0) return;
  numbers_.resize(data.columns.size());
  bags_.resize(data.columns.size());
  for (std::size_t f = 0; f < data.columns.size(); ++f) {
    if (data.columns[f].numbers)
      for (const std::int64_t r : rows) numbers_[f].push_back(data.columns[f].numbers[r]);
    if (data.columns[f].bags)
      for (const std::int64_t r : rows) bags_[f].push_back(data.columns[f].bags[r]);
    matrix_.emplace_back(numbers_[f].data(), data.columns[f].bags ? bags_[f].data() : nullptr);
  }
}

double WatchedRows::measure(const model::Model& model) {
  if (rows_ == 0) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> scores(static_cast<std::size_t>(rows_ * outputs_)), by_output(scores.size());
  const model::Scorer scorer(model);
  pool_.run(chunks_of(rows_), [&](std::int64_t c) {
    const std::int64_t begin = c * chunk_rows, count = std::min(chunk_rows, rows_ - begin);
    model::Matrix part = matrix_;
    for (model::FeatureColumn& column : part) {
      if (column.numbers) column.numbers += begin;
      if (column.bags) column.bags += begin;
    }
    scorer.score(part, count, scores.data() + begin * outputs_);
  });
  for (std::int64_t i = 0; i < rows_; ++i)
    for (std::int32_t k = 0; k < outputs_; ++k) by_output[static_cast<std::size_t>(k * rows_ + i)] = scores[static_cast<std::size_t>(i * outputs_ + k)];
  return objective_.evaluate(by_output, false);
}

}  // namespace mlp::learn
