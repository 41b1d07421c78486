// Metrics of predictions. Exact sums in a fixed order, so the same at any number of threads.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "runtime/model/model.h"

namespace mlp::learn {

// `predicted`: rows x width as model::link gives it; target: class index or value. Binary: auc accuracy logloss
// precision recall f1 brier ece; multi-class: accuracy logloss macro_f1 auc (macro one-vs-rest) ece; regression: rmse mae r2
// mape, poisson_deviance or pinball where the loss is that. kmeans: see clusters.h; isolation forest: anomaly_share, and
// against a truth auc average_precision precision recall f1. All: rows. Positive class = classes[1], threshold 0.5.
// Without a target `target` is the truth, NaN where it is not known, or empty. `columns`: what the model saw; kmeans only.
std::map<std::string, double> metrics(const model::Model& model, const std::vector<double>& predicted, const std::vector<double>& target,
                                      const std::vector<double>& weight, const model::Matrix& columns = {});
struct MetricInfo {
  const char* name;
  const char* unit;          // "1", or "target" for the unit of the target
  bool higher_is_better;
  const char* meaning;
};
const std::vector<MetricInfo>& metric_table();   // generated from metrics.def
}  // namespace mlp::learn
