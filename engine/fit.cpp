#include "engine/fit.h"

#include <algorithm>
#include <cmath>

#include "engine/kernels.h"
#include "stdlib/builtins/kernels.h"
#include "stdlib/builtins/terms.h"

namespace mlp::engine {
namespace {

using flow::AggregateKind;

bool takes_text(const flow::Program& program, const flow::Aggregate& aggregate) { return is_text(program[aggregate.input].type.scalar); }

std::int64_t fold_count(const flow::Program& program) {
  for (const flow::Aggregate& aggregate : program.aggregates)
    if (aggregate.kind == AggregateKind::target_means) return static_cast<std::int64_t>(aggregate.parameters.at(1));
  return 0;
}

}  // namespace

// A function of seed and row number alone.
std::vector<std::int32_t> out_of_fold(const flow::Program& program, const Part& train) {
  const std::int64_t folds = fold_count(program);
  std::vector<std::int32_t> fold;
  if (folds == 0) return fold;
  for (const std::int64_t row : train.row) {
    const std::int64_t key[1] = {row};
    fold.push_back(static_cast<std::int32_t>(mlp_hash(reinterpret_cast<const char*>(key), sizeof key, program.model.settings.seed) % static_cast<std::uint64_t>(folds)));
  }
  return fold;
}

fit::Fitted fit_all(const Pipeline& pipeline, const Part& train, const std::vector<std::int32_t>& fold, int threads) {
  const flow::Program& program = pipeline.program();
  fit::Fitted fitted;
  fitted.numbers.resize(program.numbers);
  fitted.texts.resize(program.texts);
  fitted.tables.resize(program.tables);
  for (std::size_t p = 0; p < program.passes.size(); ++p) {
    const flow::FitPass& pass = program.passes[p];
    std::vector<OutputKind> kinds;
    std::vector<bool> with_present;
    for (const flow::AggregateId id : pass.aggregates) {
      const bool text = takes_text(program, program.aggregates[id.index]);
      kinds.push_back(text ? OutputKind::string : OutputKind::real);
      with_present.push_back(text);
    }
    const fit::FittedView view(fitted);
    const Results run = run_kernel(pipeline, "fit_" + std::to_string(p), train, view.get(), kinds, with_present, fold, threads);
    for (std::size_t i = 0; i < pass.aggregates.size(); ++i) {
      const flow::Aggregate& aggregate = program.aggregates[pass.aggregates[i].index];
      const Result& in = run.columns[i];
      const auto parameter = [&](std::size_t n, double fallback) { return n < aggregate.parameters.size() ? aggregate.parameters[n] : fallback; };
      const std::int32_t slot = aggregate.slot.index;
      switch (aggregate.kind) {
        case AggregateKind::count:
          fitted.numbers[slot] = takes_text(program, aggregate) ? static_cast<double>(std::count(in.present.begin(), in.present.end(), 1)) : fit::count(in.reals);
          break;
        case AggregateKind::sum: fitted.numbers[slot] = fit::sum(in.reals); break;
        case AggregateKind::mean: fitted.numbers[slot] = fit::mean(in.reals, aggregate.name); break;
        case AggregateKind::variance: fitted.numbers[slot] = fit::variance(in.reals, aggregate.name); break;
        case AggregateKind::stddev: fitted.numbers[slot] = std::sqrt(fit::variance(in.reals, aggregate.name)); break;
        case AggregateKind::min: fitted.numbers[slot] = fit::minimum(in.reals, aggregate.name); break;
        case AggregateKind::max: fitted.numbers[slot] = fit::maximum(in.reals, aggregate.name); break;
        case AggregateKind::quantile: fitted.numbers[slot] = fit::quantile(in.reals, parameter(0, 0.5), aggregate.name); break;
        case AggregateKind::most_frequent: fitted.texts[slot] = fit::most_frequent(in.strings, in.present, aggregate.name); break;
        case AggregateKind::vocabulary:
          fitted.tables[slot] = fit::vocabulary(in.strings, in.present, static_cast<std::int64_t>(parameter(0, 0)), static_cast<std::int64_t>(parameter(1, 1)));
          break;
        case AggregateKind::frequencies: fitted.tables[slot] = fit::frequencies(in.strings, in.present); break;
        case AggregateKind::target_means:
          fitted.tables[slot] = fit::target_means(in.strings, in.present, train.target, fold, fold_count(program), parameter(0, 10));
          break;
        case AggregateKind::terms: {
          const auto whole = [&](std::size_t n) { return static_cast<std::int64_t>(aggregate.parameters.at(n)); };
          fitted.tables[slot] = fit::terms(in.strings, in.present, {.by = whole(0), .shortest = whole(1), .longest = whole(2)},
                                           {.min_rows = whole(3), .max_share = aggregate.parameters.at(4), .max_size = whole(5), .idf = whole(6) != 0});
          break;
        }
      }
    }
  }
  return fitted;
}

model::Matrix FeatureColumns::matrix() const {
  model::Matrix matrix;
  for (std::size_t f = 0; f < numbers.size(); ++f) matrix.push_back({numbers[f].data(), bags[f].data()});
  return matrix;
}

FeatureColumns features_of(const Pipeline& pipeline, const Part& part, const fit::Fitted& fitted, const std::vector<std::int32_t>& fold, int threads) {
  const flow::Program& program = pipeline.program();
  const fit::FittedView view(fitted);
  std::vector<OutputKind> kinds;
  for (const ir::Feature& f : program.features) kinds.push_back(f.encoding == ir::Encoding::bag ? OutputKind::bag : OutputKind::real);
  Results run = run_kernel(pipeline, "features", part, view.get(), kinds, std::vector<bool>(kinds.size(), false), fold, threads);
  FeatureColumns columns;
  for (std::size_t f = 0; f < kinds.size(); ++f) {
    Result& result = run.columns[f];
    for (const mlp_bag& bag : result.bags) result.reals.push_back(static_cast<double>(bag.size));
    columns.numbers.push_back(std::move(result.reals));
    columns.bags.push_back(std::move(result.bags));
  }
  for (auto& texts : run.texts) columns.memory.push_back(std::move(texts));
  return columns;
}

Features fit_features(const Pipeline& pipeline, const Division& rows, int threads) {
  const std::vector<std::int32_t> fold = out_of_fold(pipeline.program(), rows.train);
  Features features;
  features.fitted = fit_all(pipeline, rows.train, fold, threads);
  features.train = features_of(pipeline, rows.train, features.fitted, fold, threads);
  features.valid = features_of(pipeline, rows.valid, features.fitted, {}, threads);
  return features;
}

}  // namespace mlp::engine
