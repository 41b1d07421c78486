// K trainings on rotating parts.
#pragma once
#include "engine/learn.h"

namespace mlp::engine {

using Metrics = std::map<std::string, std::map<std::string, double>>;  // part → metric → value

// One fold of a cross-validation: its division, and what a model sees of it.
struct Fold {
  Division rows;                        // test: what it measures
  Features features;
  FeatureColumns test;
  learn::BinCache bins;
};
struct FoldScore {
  std::int64_t train = 0, valid = 0, test = 0;  // rows
  std::int64_t rounds = 0;
  std::map<std::string, double> metrics;
};
std::vector<Fold> make_folds(const Pipeline& pipeline, const Data& data, const std::vector<data::Part>& parts, int threads);
std::vector<FoldScore> cross_validate(const Pipeline& pipeline, std::vector<Fold>& folds, const TrainOptions& options);
// metrics.cv and metrics.cv_sd: mean and standard deviation (of the sample) over the folds.
void summarize(const std::vector<FoldScore>& scores, Metrics& metrics);

}  // namespace mlp::engine
