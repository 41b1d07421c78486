#include "engine/tune.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "base/codes/training.h"
#include "base/files.h"
#include "base/version.h"
#include "engine/entries.h"
#include "engine/search.h"
#include "stdlib/builtins/kernels.h"

namespace mlp::engine {
namespace {

using Json = nlohmann::ordered_json;

// What a trial depends on besides the settings of the model: specs that agree in this share features and bins.
std::string frame_of(const flow::Program& program) {
  flow::Program bare = program;
  bare.model.settings = {};
  return driver::training_identity(bare);
}

// The train rows of which a share is kept, the same rows in every larger share.
std::vector<data::Part> thin(const Data& data, std::uint64_t seed, std::int64_t keep) {
  std::vector<std::pair<std::uint64_t, std::size_t>> order;
  for (std::size_t row = 0; row < data.parts.size(); ++row) {
    const auto key = static_cast<std::int64_t>(row);
    if (data.parts[row] == data::Part::train) order.emplace_back(mlp_hash(reinterpret_cast<const char*>(&key), sizeof key, seed), row);
  }
  std::sort(order.begin(), order.end());
  std::vector<data::Part> parts = data.parts;
  for (std::size_t i = static_cast<std::size_t>(keep); i < order.size(); ++i) parts[order[i].second] = data::Part::none;
  return parts;
}

class Runner {
 public:
  Runner(const Pipeline& pipeline, const std::filesystem::path& directory, const TrialRows& rows, const TrainOptions& options)
      : pipeline_(pipeline), directory_(directory), rows_(rows), options_(options), tune_(pipeline.program().tune.front()) {}

  Tuned run() {
    const std::int64_t full = tune_.resource == TuneResource::trees ? pipeline_.program().model.settings.trees : static_cast<std::int64_t>(rows_.get().train.row.size());
    if (tune_.method != TuneMethod::halving) {
      std::vector<Observation> seen;
      for (std::int64_t i = 0; i < tune_.trials; ++i) {
        const Point point = tune_.method == TuneMethod::random ? random_point(tune_, i) : tpe_point(tune_, seen);
        seen.push_back({point, trial(point, full, full)});
      }
    } else {
      halve(full);
    }
    for (std::size_t i = 0; i < out_.trials.size(); ++i) {
      const Trial& t = out_.trials[i];
      const Trial& b = out_.trials[out_.best];
      if (t.resource > b.resource || (t.resource == b.resource && loss(t) < loss(b))) out_.best = i;
    }
    if (!std::isfinite(loss(out_.trials[out_.best])))
      throw Failure(code::training_diverged, "no trial of `tune` gave a finite `" + objective() + "`", "tune over smaller values");
    return std::move(out_);
  }

 private:
  std::string objective() const { return std::string(ir::enum_words<MetricScope>::words[static_cast<int>(tune_.scope)]) + "." + tune_.metric; }
  double loss(const Trial& t) const { return std::isfinite(t.score) ? (tune_.maximize ? -t.score : t.score) : std::numeric_limits<double>::infinity(); }

  // Successive halving (Jamieson, Talwalkar 2016): all points with little, the best of them with more, to the end.
  void halve(std::int64_t full) {
    std::int64_t rungs = 0;
    for (std::int64_t n = tune_.trials; n >= tune_.factor; n /= tune_.factor) ++rungs;
    std::vector<Point> points;
    for (std::int64_t i = 0; i < tune_.trials; ++i) points.push_back(random_point(tune_, i));
    for (std::int64_t rung = 0; rung <= rungs; ++rung) {
      std::int64_t resource = full;
      for (std::int64_t r = rung; r < rungs; ++r) resource = std::max<std::int64_t>(1, resource / tune_.factor);
      std::vector<std::pair<double, std::size_t>> order;
      for (std::size_t i = 0; i < points.size(); ++i) order.emplace_back(trial(points[i], resource, full), i);
      std::stable_sort(order.begin(), order.end());
      std::vector<Point> next;
      for (std::size_t i = 0; i < std::max<std::size_t>(1, points.size() / static_cast<std::size_t>(tune_.factor)); ++i) next.push_back(points[order[i].second]);
      points = std::move(next);
    }
  }

  // The loss of a point.
  double trial(const Point& point, std::int64_t resource, std::int64_t full) {
    Trial t;
    t.values = spell(tune_, point);
    t.resource = resource;
    std::vector<Assignment> values = t.values;
    if (tune_.resource == TuneResource::trees && resource < full) values.push_back({"trees", std::to_string(resource)});
    Pipeline own = settle(pipeline_, values, is_custom(pipeline_.program().model.settings.loss));
    const bool thinned = tune_.resource == TuneResource::rows && resource < full;
    const std::string key = sha256(std::string("trial 1\n") + version + "\n" + rows_.digest + "\n" + objective() + "\n" + (thinned ? std::to_string(resource) + " of " + std::to_string(tune_.seed) : "") + "\n" + driver::training_identity(own.program()));
    if (!recall(key, t)) {
      measure_trial(own, values, thinned ? resource : 0, t);
      if (options_.trials.keep) {
        Json json = {{"rounds", t.rounds}, {"score", nullptr}};
        if (std::isfinite(t.score)) json["score"] = t.score;
        options_.trials.keep(key, json.dump());
      }
    }
    out_.trials.push_back(t);
    if (options_.on_trial) options_.on_trial(out_.trials);
    return loss(t);
  }

  bool recall(const std::string& key, Trial& t) const {
    const std::optional<std::string> text = options_.trials.find ? options_.trials.find(key) : std::nullopt;
    if (!text) return false;
    const Json json = Json::parse(*text, nullptr, false);
    if (!json.is_object() || !json.contains("rounds") || !json.contains("score") || !json["rounds"].is_number_integer()) return false;  // damaged: run it again
    t.rounds = json["rounds"];
    t.score = json["score"].is_number() ? json["score"].get<double>() : std::numeric_limits<double>::quiet_NaN();
    return true;
  }

  // Rows and features that trials share: those of the spec's frame, at one share of the rows.
  struct Shared {
    std::string frame;
    std::int64_t rows = -1;
    std::shared_ptr<Data> data;  // read again, where the frame needs other columns
    Division division;
    Features features;
    learn::BinCache bins;
    std::vector<Fold> folds;
  };

  void prepare_shared(Pipeline& own, const std::vector<Assignment>& values, std::int64_t rows) {
    std::string frame = frame_of(own.program());
    if (shared_.frame == frame && shared_.rows == rows) return;
    own = settle(pipeline_, values);
    shared_ = {};
    shared_.frame = std::move(frame);
    shared_.rows = rows;
    const Data* data = &rows_.get();
    if (own.program().scan != pipeline_.program().scan) {
      shared_.data = std::make_shared<Data>(read_data(own, directory_, nullptr, options_.threads));
      data = shared_.data.get();
    }
    const std::vector<data::Part> parts = rows > 0 ? thin(*data, tune_.seed, rows) : data->parts;
    if (tune_.scope == MetricScope::cv) {
      shared_.folds = make_folds(own, *data, parts, options_.threads);
    } else {
      shared_.division = divide(own, data->table, parts, nullptr);
      shared_.features = fit_features(own, shared_.division, options_.threads);
    }
  }

  void measure_trial(Pipeline& own, const std::vector<Assignment>& values, std::int64_t rows, Trial& t) {
    t.score = std::numeric_limits<double>::quiet_NaN();
    TrainOptions options = options_;
    options.on_round = nullptr;
    try {
      prepare_shared(own, values, rows);
      if (tune_.scope == MetricScope::cv) {
        const std::vector<FoldScore> scores = cross_validate(own, shared_.folds, options).scores;
        Metrics metrics;
        summarize(scores, metrics);
        t.score = metrics.at("cv").at(tune_.metric);
        for (const FoldScore& fold : scores) t.rounds += fold.rounds;
        t.rounds /= static_cast<std::int64_t>(scores.size());
      } else {
        const learn::Outcome outcome = train_model(own, shared_.division, shared_.features, options, &shared_.bins);
        t.rounds = outcome.best_round;
        t.score = tune_.scope == MetricScope::oob ? outcome.out_of_bag.at(tune_.metric) : measure(outcome.model, shared_.features.valid, shared_.division.valid).at(tune_.metric);
      }
    } catch (const Failure& failure) {
      if (failure.diagnostic.code != code::training_diverged) throw;  // a trial that diverges is a bad trial
    }
  }

  const Pipeline& pipeline_;
  const std::filesystem::path& directory_;
  const TrialRows& rows_;
  const TrainOptions& options_;
  const Tune& tune_;
  Shared shared_;
  Tuned out_;
};

}  // namespace

Tuned run_trials(const Pipeline& pipeline, const std::filesystem::path& directory, const TrialRows& rows, const TrainOptions& options) {
  return Runner(pipeline, directory, rows, options).run();
}

std::optional<Tuned> recall_tuned(const driver::Unit& unit, const std::map<driver::Stage, std::string>& keys, const registry::Cache& cache) {
  if (unit.program.tune.empty()) return {};
  const std::optional<registry::CacheEntry> entry = cache.get(keys.at(driver::Stage::tune));
  if (!entry) return {};
  Tuned tuned;
  Unpacker in(entry->bytes);
  in(tuned);
  return tuned;
}

std::shared_ptr<const driver::Unit> settled_unit(const driver::Unit& unit, const std::vector<Assignment>& tuned) {
  driver::Options options;
  options.stop_after = "plan";
  options.tuned = tuned;
  for (const Param& param : unit.program.params)
    if (param.set) options.set.push_back({param.name, param.value});
  options.read = [&](const std::string& path) {
    for (const driver::Imported& file : unit.imports)
      if (file.path == path) return std::string(unit.sources.text(file.source));
    return read_file(path);
  };
  auto settled = std::make_shared<driver::Unit>(driver::compile(unit.sources.name(0), std::string(unit.sources.text(0)), options));
  if (!settled->ok()) throw SpecError(std::move(*settled));
  return settled;
}

Pipeline settle(const Pipeline& pipeline, const std::vector<Assignment>& tuned, bool kernels) {
  package::Package sources;
  pipeline.write_sources(sources);
  driver::Options options = options_of(sources, false);
  options.tuned = tuned;
  options.passes.disabled = pipeline.unit.disabled;
  if (kernels) return prepare(pipeline.unit.sources.name(0), sources.spec, options);
  driver::Unit unit = driver::compile(pipeline.unit.sources.name(0), sources.spec, options);
  if (!unit.ok()) throw SpecError(std::move(unit));
  return {std::move(unit), nullptr, {}, options.set, options.tuned};
}

}  // namespace mlp::engine
