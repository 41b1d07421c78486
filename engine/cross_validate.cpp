// K trainings on rotating parts. Each fold is fitted anew on its own train rows, so nothing of what it measures reaches it.
#include <algorithm>
#include <cmath>

#include "engine/train.h"

namespace mlp::engine {

std::vector<Fold> make_folds(const Pipeline& pipeline, const Data& data, const std::vector<data::Part>& split, int threads) {
  const flow::Program& program = pipeline.program();
  std::vector<Fold> folds;
  for (const std::vector<data::Part>& parts : data::folds(program.split, program.columns, *data.table, program.split.seed, split)) {
    Fold& fold = folds.emplace_back();
    fold.rows = divide(pipeline, data.table, parts, nullptr);
    fold.features = fit_features(pipeline, fold.rows, threads);
    fold.test = features_of(pipeline, fold.rows.test, fold.features.fitted, {}, threads);
  }
  return folds;
}

learn::Judged pool(const std::vector<OutOfFold>& folds, const model::Model& model, std::size_t without) {
  const std::size_t width = static_cast<std::size_t>(model::evidence_width(model));
  const double no_chance = model.kind == ModelKind::forest ? 0 : -708;  // the log-odds of the smallest share there is
  learn::Judged out;
  for (std::size_t f = 0; f < folds.size(); ++f) {
    if (f == without) continue;
    const OutOfFold& fold = folds[f];
    if (width == 1 || fold.classes == model.classes) {
      out.add(fold.rows);
      continue;
    }
    const auto place = [](const std::vector<std::string>& classes, const std::string& name) {
      const auto found = std::find(classes.begin(), classes.end(), name);
      return found == classes.end() ? SIZE_MAX : static_cast<std::size_t>(found - classes.begin());
    };
    for (std::size_t i = 0; i < fold.rows.target.size(); ++i) {
      const std::size_t target = place(model.classes, fold.classes[static_cast<std::size_t>(fold.rows.target[i])]);
      if (target == SIZE_MAX) continue;
      for (const std::string& name : model.classes) {
        const std::size_t there = place(fold.classes, name);
        out.evidence.push_back(there == SIZE_MAX ? no_chance : fold.rows.evidence[i * fold.classes.size() + there]);
      }
      out.target.push_back(static_cast<double>(target));
      if (!fold.rows.weight.empty()) out.weight.push_back(fold.rows.weight[i]);
    }
  }
  return out;
}

CrossValidation cross_validate(const Pipeline& pipeline, std::vector<Fold>& folds, const TrainOptions& options) {
  const Calibrate method = pipeline.program().model.settings.calibrate;
  CrossValidation out;
  std::vector<learn::Outcome> outcomes;
  for (Fold& fold : folds) {
    outcomes.push_back(train_model(pipeline, fold.rows, fold.features, options, &fold.bins));
    if (method != Calibrate::none) out.judged.push_back({fold.rows.classes, judge(outcomes.back().model, fold.test, fold.rows.test)});
  }
  for (std::size_t f = 0; f < folds.size(); ++f) {
    const Fold& fold = folds[f];
    model::Model& model = outcomes[f].model;
    // As the model that is kept: by valid rows, or by what models said of rows they were not trained on; never by the fold's own.
    if (method != Calibrate::none)
      model.calibration = learn::calibrate(model, method, fold.rows.valid.row.empty() ? pool(out.judged, model, f) : judge(model, fold.features.valid, fold.rows.valid));
    const auto rows = [](const Part& part) { return static_cast<std::int64_t>(part.row.size()); };
    out.scores.push_back({rows(fold.rows.train), rows(fold.rows.valid), rows(fold.rows.test), outcomes[f].best_round, measure(model, fold.test, fold.rows.test)});
  }
  return out;
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
