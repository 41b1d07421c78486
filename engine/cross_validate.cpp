// K trainings on rotating parts. Each fold is fitted anew on its own train rows, so nothing of what it measures reaches it.
#include <cmath>

#include "engine/train.h"

namespace mlp::engine {

std::vector<Fold> make_folds(const Pipeline& pipeline, const Data& data, const std::vector<data::Part>& split, int threads) {
  const flow::Program& program = pipeline.program();
  std::vector<Fold> folds;
  for (const std::vector<data::Part>& parts : data::folds(program.split, program.columns, data.table, program.split.seed, split)) {
    Fold& fold = folds.emplace_back();
    fold.rows = divide(pipeline, data.table, parts, nullptr);
    fold.features = fit_features(pipeline, fold.rows, threads);
    fold.test = features_of(pipeline, fold.rows.test, fold.features.fitted, {}, threads);
  }
  return folds;
}

std::vector<FoldScore> cross_validate(const Pipeline& pipeline, std::vector<Fold>& folds, const TrainOptions& options) {
  std::vector<FoldScore> scores;
  for (Fold& fold : folds) {
    const learn::Outcome outcome = train_model(pipeline, fold.rows, fold.features, options, &fold.bins);
    const auto rows = [](const Part& part) { return static_cast<std::int64_t>(part.row.size()); };
    scores.push_back({rows(fold.rows.train), rows(fold.rows.valid), rows(fold.rows.test), outcome.best_round, measure(outcome.model, fold.test, fold.rows.test)});
  }
  return scores;
}

void summarize(const std::vector<FoldScore>& scores, Metrics& metrics) {
  const auto n = static_cast<double>(scores.size());
  for (const auto& [name, unused] : scores.front().metrics) {
    (void)unused;
    double mean = 0, square = 0;
    for (const FoldScore& s : scores) mean += s.metrics.at(name) / n;
    for (const FoldScore& s : scores) square += std::pow(s.metrics.at(name) - mean, 2);
    metrics["cv"][name] = mean;
    metrics["cv_sd"][name] = std::sqrt(square / (n - 1));
  }
}

}  // namespace mlp::engine
