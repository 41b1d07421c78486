#include "engine/train.h"

#include <chrono>
#include <optional>

#include "base/codes/command.h"
#include "base/codes/data.h"
#include "base/files.h"
#include "base/timing.h"
#include "engine/entries.h"
#include "engine/kernels.h"
#include "engine/manifest.h"
#include "engine/tune.h"
#include "runtime/learn/pool.h"
#include "runtime/monitor/monitor.h"
#include "runtime/score/probe.h"

namespace mlp::engine {
namespace {

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - last_).count(); }
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    return seconds;
  }
 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// Trains stage by stage. What the cache has is taken from there; rows come into memory when a stage that is made anew
// asks for them. What was made is handed to `Trained::keep`: a train that fails leaves nothing.
class Trainer {
 public:
  Trainer(const Pipeline& pipeline, const std::filesystem::path& directory, const TrainOptions& options) : written_(pipeline), directory_(directory), options_(options) {}

  Trained run() {
    if (options_.device) {
      if (program().model.settings.kind != ModelKind::network)
        throw Failure(code::model_not_on_device, "model `" + program().name + "` is no network: it is trained on the CPU", "leave `--device` out");
      trained_.device = options_.device->name;
    }
    if (options_.cache) {
      digest_ = timed("digest", [&] { return data_digest(program(), directory_); });
      keys_ = keys_of(written_.unit);
    }
    using driver::Stage;
    stage(Stage::read, "reading", [&] { read(); }, [&](Packer& out) { out(data_.report, quarantine_); }, [&](Unpacker& in) { unpack_rows(in); });
    stage(Stage::expect, "checking", [&] { expect_rows(program(), rows()); }, [](Packer&) {}, [](Unpacker&) {});
    if (!program().tune.empty()) {
      stage(Stage::tune, "tuning", [&] { tune(); }, [&](Packer& out) { out(tuned_); }, [&](Unpacker& in) { in(tuned_); });
      settle_spec();
    }
    const auto split = [&](auto& a) { a(data_.classes, data_.train, data_.valid, data_.test, data_.outside); };
    stage(Stage::split, "splitting", [&] { divide_rows(); }, split, split);
    stage(Stage::fit, "fitting", [&] { package_.fitted = fit_all(pipeline(), parted().train, fold(), options_.threads); },
          [&](Packer& out) { out.bytes += package::fitted_to_bytes(package_.fitted); }, [&](Unpacker& in) { package_.fitted = package::fitted_from_bytes(in.rest()); });
    pipeline().write_sources(package_);
    package_.signature = signature_of(program());
    stage(Stage::train, "training", [&] { learn(); }, [&](Packer& out) { pack_model(out); }, [&](Unpacker& in) { unpack_model(in); });
    const auto calibration = [&](auto& a) { a(package_.model.calibration.curves, trained_.calibrated); };
    if (driver::makes(written_.unit, Stage::calibrate)) {
      stage(Stage::calibrate, "calibrating", [&] { calibrate(); }, calibration, calibration);
      package_.model.calibration.method = program().model.settings.calibrate;
    }
    const auto measured = [&](auto& a) { a(trained_.metrics, trained_.findings, trained_.folds, package_.signature.feature_reference, package_.signature.prediction_reference, golden_); };
    stage(Stage::measure, "measuring", [&] { measure_all(); }, measured, measured);
    place(trained_.findings, program());

    trained_.outside = data_.outside;
    trained_.trials = tuned_.trials;
    trained_.best_trial = tuned_.best;
    keep();
    timed("package", [&] {
      package_.manifest = manifest_of(pipeline(), written_.identity, data_, trained_, golden_);
      trained_.bytes = package::to_bytes(package_);
      trained_.digest = sha256(trained_.bytes);
    });
    trained_.package = std::move(package_);
    trained_.unseen_class = data_.valid.unseen_class + data_.test.unseen_class;
    trained_.report = std::move(data_.report);
    return std::move(trained_);
  }

 private:
  template <class Make, class Pack, class Unpack>
  void stage(driver::Stage which, const char* doing, Make make, Pack pack, Unpack unpack) {
    const std::string name(driver::info(which).name);
    const Timed scope(name.c_str());
    Stopwatch watch;
    StageDone done{.stage = which, .key = options_.cache ? keys_.at(which) : ""};
    const bool follows = tuned_anew_ && driver::follows_tune(written_.program(), which);  // so that the plan is right: see engine/compare.h
    if (options_.cache && options_.reuse && !follows)
      if (std::optional<registry::CacheEntry> entry = timed("cache", [&] { return options_.cache->get(done.key); })) {
        Unpacker in(entry->bytes);
        unpack(in);
        done.reused = true;
        done.seconds = entry->seconds;
      }
    if (!done.reused) {
      if (options_.on_stage) options_.on_stage(doing);
      make();
      done.seconds = watch.lap();
      if (options_.cache) made_.push_back({which, done.key, done.seconds, pack});
    }
    trained_.seconds[name] = done.reused ? watch.lap() : done.seconds;
    trained_.stages.push_back(std::move(done));
  }

  // The spec with the values that its tune block has chosen, once they are.
  const Pipeline& pipeline() const { return settled_ ? *settled_ : written_; }
  const flow::Program& program() const { return pipeline().program(); }

  // A device sums in an order of its own: what it trains is kept apart.
  std::map<driver::Stage, std::string> keys_of(const driver::Unit& unit) const {
    std::map<driver::Stage, std::string> keys = stage_keys(unit, digest_);
    if (options_.device)
      for (const driver::Stage stage : {driver::Stage::tune, driver::Stage::train, driver::Stage::calibrate, driver::Stage::measure})
        if (const auto found = keys.find(stage); found != keys.end()) found->second = sha256(found->second + " on " + options_.device->name);
    return keys;
  }

  // ---- making

  void read() {
    read_rows(pipeline(), directory_, true, options_.threads, data_);
    loaded_ = true;
    if (options_.cache && data_.report.digest != digest_)
      throw Failure(code::data_rows_differ, "the data changed while it was read", "run the command again when nothing writes to it");
    const auto keep_rejected = [&](const Source& source, std::int64_t rejected, const std::string& name) {
      if (source.policy == Policy::quarantine && rejected > 0) quarantine_[name] = read_file(quarantine_of(program(), directory_, name));
    };
    if (program().query.empty()) keep_rejected(program().source, data_.report.rejected, "");
    for (std::size_t i = 0; i < data_.report.sources.size(); ++i)
      for (const QuerySource& source : program().query.sources)
        if (source.source.name == data_.report.sources[i].name) keep_rejected(source.source, data_.report.sources[i].rejected, source.source.name);
  }

  void tune() {
    tuned_anew_ = true;
    const TrialRows trial_rows{options_.cache ? digest_ : rows().report.digest, [&]() -> const Data& {
      if (data_.parts.empty()) split_rows(written_, nullptr, rows());
      return data_;
    }};
    tuned_ = run_trials(written_, directory_, trial_rows, options_);
  }
  void settle_spec() {
    settled_ = settle(written_, tuned_.trials[tuned_.best].values);
    if (program().scan != written_.program().scan) {  // a value that was chosen makes a column needed
      std::erase_if(made_, [](const Made& made) { return made.stage == driver::Stage::read; });  // those rows are of the spec as written
      read();
      table_ = {};
    }
    const std::string tune_key = keys_.empty() ? "" : keys_.at(driver::Stage::tune);
    if (options_.cache) keys_ = keys_of(settled_->unit), keys_[driver::Stage::tune] = tune_key;
  }

  void divide_rows() {
    rows();
    split_rows(pipeline(), nullptr, data_);
  }

  // The rows of the source, from the cache when they were not read.
  Data& rows() {
    if (!loaded_) data_.table = std::make_shared<const values::Table>(unpack_table(table_, program()));
    loaded_ = true;
    table_ = {};
    return data_;
  }
  // The rows of each part.
  Data& parted() {
    rows();
    for (Part* part : {&data_.train, &data_.valid, &data_.test}) part->table = data_.table;
    return data_;
  }

  const std::vector<std::int32_t>& fold() {
    if (fold_.empty()) fold_ = out_of_fold(program(), data_.train);
    return fold_;
  }
  const std::vector<std::vector<double>>& train_columns() {
    if (features_.train.numbers.empty()) features_.train = timed("features", [&] { return features_of(pipeline(), parted().train, package_.fitted, fold(), options_.threads); });
    return features_.train.numbers;
  }

  const FeatureColumns& valid_columns() {
    if (features_.valid.numbers.empty()) features_.valid = timed("features", [&] { return features_of(pipeline(), parted().valid, package_.fitted, {}, options_.threads); });
    return features_.valid;
  }

  void learn() {
    train_columns();
    valid_columns();
    features_.fitted = package_.fitted;
    learn::Outcome outcome = train_with_checkpoints();
    package_.model = std::move(outcome.model);
    trained_.history = std::move(outcome.history);
    trained_.best_round = outcome.best_round;
    out_of_bag_ = std::move(outcome.out_of_bag);
    trained_.converged = outcome.converged;
  }

  // A network's training that was interrupted goes on where the cache has it.
  learn::Outcome train_with_checkpoints() {
    if (!options_.cache || program().model.settings.kind != ModelKind::network) return train_model(pipeline(), data_, features_, options_, nullptr);
    TrainOptions options = options_;
    const std::string key = sha256(keys_.at(driver::Stage::train) + " checkpoint");
    learn::NetworkCheckpoint from;
    if (options_.reuse)
      if (const std::optional<registry::CacheEntry> entry = options_.cache->get(key)) {
        Unpacker in(entry->bytes);
        in(from);
        options.resume = &from;
        if (options_.on_stage) options_.on_stage("training, from epoch " + std::to_string(from.epoch + 1));
      }
    Stopwatch since;
    options.on_checkpoint = [&](const std::function<learn::NetworkCheckpoint()>& make) {
      if (since.seconds() < options_.checkpoint_seconds) return;
      learn::NetworkCheckpoint now = make();
      Packer out;
      out(now);
      options_.cache->put(key, {std::move(out.bytes), 0});
      since.lap();
    };
    learn::Outcome outcome = train_model(pipeline(), data_, features_, options, nullptr);
    options_.cache->remove(key);
    return outcome;
  }

  const CrossValidation& cross_validated() {
    if (!cross_validated_.scores.empty()) return cross_validated_;
    if (options_.on_stage) options_.on_stage("cross-validating");
    rows();
    if (data_.parts.empty()) data_.parts = data::split(program().split, program().columns, *data_.table, program().split.seed);
    std::vector<Fold> folds = make_folds(pipeline(), data_, data_.parts, options_.threads);
    return cross_validated_ = cross_validate(pipeline(), folds, options_);
  }

  void calibrate() {
    model::Model& model = package_.model;
    const learn::Judged judged = data_.valid.row.empty() && program().split.folds > 0 ? pool(cross_validated().judged, model) : judge(model, valid_columns(), parted().valid);
    model.calibration = learn::calibrate(model, program().model.settings.calibrate, judged);
    trained_.calibrated = static_cast<std::int64_t>(judged.target.size());
  }

  void measure_all() {
    const score::Engine engine(package_, pipeline().kernels->find("features"), pipeline().network());
    for (const MetricScope scope : {MetricScope::train, MetricScope::valid, MetricScope::test}) {
      const Part& part = parted().part(scope);
      if (part.row.empty()) continue;
      const std::string name(ir::enum_words<MetricScope>::words[static_cast<int>(scope)]);
      trained_.metrics[name] = timed(name.c_str(), [&] { return measure(engine, part); });
    }
    if (!out_of_bag_.empty()) trained_.metrics["oob"] = out_of_bag_;
    trained_.findings = timed("findings", [&] { return find_leaks(pipeline(), data_, train_columns(), options_.threads); });
    if (program().split.folds > 0) {
      trained_.folds = cross_validated().scores;
      summarize(trained_.folds, trained_.metrics);
    }
    const Timed scope("references");
    const std::vector<std::vector<double>>& columns = train_columns();
    package_.signature.feature_reference.resize(columns.size());
    learn::Pool(options_.threads).run(static_cast<std::int64_t>(columns.size()), [&](std::int64_t f) {
      package_.signature.feature_reference[f] = monitor::make_reference(columns[f], package_.model.features[f]);
    });
    package_.signature.prediction_reference = monitor::make_prediction_reference(package_.model, predict(engine, data_.train));
    golden_ = score::golden_predictions(engine);  // what an artifact's selftest must give again
  }

  // ---- keeping

  struct Made {
    driver::Stage stage;
    std::string key;
    double seconds;
    std::function<void(Packer&)> pack;
  };
  // The rows are turned to bytes only when they are written: they are many.
  void keep() {
    if (made_.empty()) return;
    const auto entries = std::make_shared<std::vector<std::pair<std::string, registry::CacheEntry>>>();
    std::string of_rows;
    NamedColumns columns;
    for (const Made& made : made_) {
      Packer out;
      made.pack(out);
      entries->push_back({made.key, {std::move(out.bytes), made.seconds}});
      if (made.stage != driver::Stage::read) continue;
      of_rows = made.key;
      for (std::size_t c = 0; c < program().columns.size(); ++c)
        if (data_.table->columns[c].size() == data_.table->rows) columns.emplace_back(program().columns[c].name, ColumnId{static_cast<std::int32_t>(c)});  // those that were read
    }
    trained_.keep = [cache = *options_.cache, entries, table = of_rows.empty() ? nullptr : data_.table, of_rows, columns] {
      for (auto& [key, entry] : *entries) {
        cache.put(key, entry.seconds, [&, &made = key, &bytes = entry.bytes](const registry::Cache::Out& out) {
          out(bytes);
          if (made != of_rows) return;
          Packer rows;
          rows.out = out;
          pack_table(rows, columns, *table);
          out(rows.bytes);
        });
        entry = {};
      }
    };
  }
  void unpack_rows(Unpacker& in) {
    in(data_.report, quarantine_);
    table_ = in.rest();
    for (const auto& [source, rows] : quarantine_) {  // reading leaves them behind, so reuse does
      const std::filesystem::path rejects = quarantine_of(program(), directory_, source);
      std::error_code error;
      if (!std::filesystem::exists(rejects, error) || read_file(rejects) != rows) write_whole(rejects, rows);
    }
  }

  // A model is kept as a package, so that what validates packages validates it.
  void pack_model(Packer& out) {
    package::Package bare;
    bare.manifest = "{}";
    bare.signature = signature_of(program());
    bare.fitted = package_.fitted;
    bare.model = package_.model;
    bare.model.calibration = {};  // a stage of its own
    for (const model::FeatureInfo& info : bare.model.features) bare.signature.feature_reference.push_back(monitor::make_reference({}, info));
    bare.signature.prediction_reference = monitor::make_prediction_reference(bare.model, {});
    out(trained_.best_round, trained_.converged, trained_.history, out_of_bag_);
    out.bytes += package::to_bytes(bare);
  }
  void unpack_model(Unpacker& in) {
    in(trained_.best_round, trained_.converged, trained_.history, out_of_bag_);
    package_.model = package::from_bytes(in.rest(), "the cached model").model;
    package_.model.network.code = pipeline().network();
    for (std::size_t f = 0; f < program().features.size(); ++f) package_.model.features[f].name = program().features[f].name;  // a name may change
  }

  const Pipeline& written_;
  std::optional<Pipeline> settled_;
  Tuned tuned_;
  bool tuned_anew_ = false;
  const std::filesystem::path directory_;
  const TrainOptions& options_;
  std::string digest_;                    // of the data, when there is a cache
  std::map<driver::Stage, std::string> keys_;
  std::vector<Made> made_;                // what the cache does not have yet
  Data data_;
  std::string table_;                     // the rows as the cache has them, until they are needed
  std::map<std::string, std::string> quarantine_;  // the files of rejected rows that reading left, by source
  bool loaded_ = false;
  std::vector<std::int32_t> fold_;
  Features features_;
  CrossValidation cross_validated_;
  std::vector<std::string> golden_;
  std::map<std::string, double> out_of_bag_;  // metrics of a forest
  package::Package package_;
  Trained trained_;
};

}  // namespace

Trained train(const Pipeline& pipeline, const std::filesystem::path& directory, const TrainOptions& options) { return Trainer(pipeline, directory, options).run(); }

}  // namespace mlp::engine
