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
// What the model of a fold says of the rows that it measures, before calibration.
struct OutOfFold {
  std::vector<std::string> classes;     // that the fold's train rows have
  learn::Judged rows;
};
struct CrossValidation {
  std::vector<FoldScore> scores;
  std::vector<OutOfFold> judged;        // where the model is calibrated
};
CrossValidation cross_validate(const Pipeline& pipeline, std::vector<Fold>& folds, const TrainOptions& options);
// The rows of all folds but `without`, as a model of these classes is judged by: a class that a fold does not know has no
// chance there, rows of other classes are left out.
learn::Judged pool(const std::vector<OutOfFold>& folds, const model::Model& model, std::size_t without = SIZE_MAX);
// metrics.cv and metrics.cv_sd: mean and standard deviation (of the sample) over the folds.
void summarize(const std::vector<FoldScore>& scores, Metrics& metrics);

}  // namespace mlp::engine
