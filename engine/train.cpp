#include "engine/train.h"
#include "engine/tune.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include <nlohmann/json.hpp>

#include "base/codes/data.h"
#include "base/codes/training.h"
#include "base/version.h"
#include "engine/archive.h"
#include "engine/findings.h"
#include "engine/kernels.h"
#include "base/files.h"
#include "runtime/learn/metrics.h"
#include "runtime/data/query.h"
#include "runtime/monitor/monitor.h"
#include "runtime/score/probe.h"
#include "stdlib/builtins/kernels.h"

namespace mlp::engine {
namespace {

using flow::AggregateKind;

bool text_target(const flow::Program& program) { return is_text(program[program.model.target].type.scalar); }

[[noreturn]] void bad_row(const flow::Program& program, std::int64_t row, const std::string& column, const std::string& what, const std::string& help) {
  Diagnostic d{.code = code::bad_target, .message = what};
  d.in_data({program.source.paths.empty() ? "" : program.source.paths.front(), row + 1, column, ""});
  d.suggest(help);
  throw Failure(std::move(d));
}

[[noreturn]] void bad_target(const flow::Program& program, std::int64_t row, const std::string& what) {
  bad_row(program, row, program.model.target_name, what, "declare the column without `?` and say `on_violation = drop` in the source, or mend the data");
}

// The classes of a text target: distinct values of the train rows, sorted by bytes.
std::vector<std::string> find_classes(const flow::Program& program, const std::vector<std::string>& texts) {
  std::vector<std::string> classes = texts;
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  if (is_binary(program.model.settings.loss) && classes.size() > 2)
    throw Failure(code::bad_target, "`" + program.model.target_name + "` has " + std::to_string(classes.size()) + " values in the train rows, and the loss takes two",
                  "use `loss = softmax`");
  return classes;
}

Part take_part(const Pipeline& pipeline, const values::Table& table, const std::vector<data::Part>& parts, data::Part wanted) {
  Part part;
  for (std::int64_t row = 0; row < table.rows; ++row)
    if (parts[row] == wanted) part.row.push_back(row);
  part.table = gather(table, part.row);
  if (pipeline.program().model.weight.known()) {
    const mlp_fitted none{};
    const Results run = run_kernel(pipeline.kernels->find("weight"), part.table, &none, {OutputKind::real}, {false}, {}, 1);
    part.weight = run.columns[0].reals;
    for (std::size_t i = 0; i < part.weight.size(); ++i)
      if (!(part.weight[i] >= 0) || std::isinf(part.weight[i])) bad_row(pipeline.program(), part.row[i], "", "the weight of a row is negative, infinite or missing", "weights are 0 or more: mend the expression behind `weight`, or the data");
  }
  return part;
}

// Leaves in the part those rows that the deployment serves, and counts the others.
std::int64_t keep_served(const Pipeline& pipeline, Part& part) {
  const flow::Program& program = pipeline.program();
  if (!program.model.population.known() || part.row.empty()) return 0;
  const mlp_fitted none{};
  const Results run = run_kernel(pipeline.kernels->find("population"), part.table, &none, {OutputKind::real}, {false}, {}, 1);
  std::vector<std::int64_t> keep, rows;
  std::vector<double> weights;
  for (std::size_t i = 0; i < part.row.size(); ++i) {
    if (run.columns[0].reals[i] != 1) continue;
    keep.push_back(static_cast<std::int64_t>(i));
    rows.push_back(part.row[i]);
    if (!part.weight.empty()) weights.push_back(part.weight[i]);
  }
  const auto outside = static_cast<std::int64_t>(part.row.size() - keep.size());
  if (keep.empty())
    throw Failure(code::no_served_rows, "none of the " + std::to_string(outside) + " test rows is of the population that `" + program.deploy.name + "` serves", "correct the condition behind `serve on`, or gather such rows");
  if (outside == 0) return 0;
  part.table = gather(part.table, keep);
  part.row = std::move(rows);
  part.weight = std::move(weights);
  return outside;
}

// Fills part.target: the value, or the index of the class.
void take_target(const Pipeline& pipeline, Part& part, std::vector<std::string>& classes, bool find) {
  const flow::Program& program = pipeline.program();
  const bool text = text_target(program);
  const mlp_fitted none{};
  const Results run = run_kernel(pipeline.kernels->find("target"), part.table, &none, {text ? OutputKind::string : OutputKind::real}, {true}, {}, 1);
  const Result& result = run.columns[0];
  for (std::size_t i = 0; i < part.row.size(); ++i)
    if (!result.present[i] || (!text && std::isnan(result.reals[i])))
      bad_target(program, part.row[i], "`" + program.model.target_name + "` is missing, and a row without it cannot be learned from");
  if (!text) {
    part.target = result.reals;
    for (std::size_t i = 0; i < part.target.size(); ++i) {
      if (std::isinf(part.target[i])) bad_target(program, part.row[i], "`" + program.model.target_name + "` is infinite");
      if (program.model.settings.loss == Loss::poisson && part.target[i] < 0) bad_target(program, part.row[i], "`" + program.model.target_name + "` is negative, and `loss = poisson` takes counts");
    }
    return;
  }
  std::vector<std::string> texts;
  for (const mlp_string& s : result.strings) texts.emplace_back(s.data, static_cast<std::size_t>(s.size));
  if (find) classes = find_classes(program, texts);
  // Rows whose class no train row has cannot be measured: they are left out, counted, and reported.
  std::vector<std::int64_t> keep;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto at = std::lower_bound(classes.begin(), classes.end(), texts[i]);
    if (at == classes.end() || *at != texts[i]) continue;
    part.target.push_back(static_cast<double>(at - classes.begin()));
    keep.push_back(static_cast<std::int64_t>(i));
  }
  if (keep.size() == texts.size()) return;
  part.unseen_class = static_cast<std::int64_t>(texts.size() - keep.size());
  part.table = gather(part.table, keep);
  std::vector<std::int64_t> rows;
  std::vector<double> weights;
  for (const std::int64_t i : keep) {
    rows.push_back(part.row[i]);
    if (!part.weight.empty()) weights.push_back(part.weight[i]);
  }
  part.row = std::move(rows);
  part.weight = std::move(weights);
}

// Out-of-fold numbers: a function of seed and row number alone.
std::vector<std::int32_t> out_of_fold(const Part& part, std::uint64_t seed, std::int64_t folds) {
  std::vector<std::int32_t> fold;
  for (const std::int64_t row : part.row) {
    const std::int64_t key[1] = {row};
    fold.push_back(static_cast<std::int32_t>(mlp_hash(reinterpret_cast<const char*>(key), sizeof key, seed) % static_cast<std::uint64_t>(folds)));
  }
  return fold;
}

bool takes_text(const flow::Program& program, const flow::Aggregate& aggregate) { return is_text(program[aggregate.input].type.scalar); }

std::int64_t fold_count(const flow::Program& program) {
  for (const flow::Aggregate& aggregate : program.aggregates)
    if (aggregate.kind == AggregateKind::target_means) return static_cast<std::int64_t>(aggregate.parameters.at(1));
  return 0;
}

// Runs the fitting passes over the train rows.
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
    const Results run = run_kernel(pipeline.kernels->find("fit_" + std::to_string(p)), train.table, view.get(), kinds, with_present, fold, threads);
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
      }
    }
  }
  return fitted;
}

model::Matrix matrix_of(const std::vector<std::vector<double>>& columns) {
  model::Matrix matrix;
  for (const std::vector<double>& column : columns) matrix.push_back(column.data());
  return matrix;
}

learn::Dataset dataset(const Part& part, const std::vector<std::vector<double>>& columns) {
  learn::Dataset set;
  set.rows = static_cast<std::int64_t>(part.row.size());
  set.columns = matrix_of(columns);
  set.target = part.target;
  set.weight = part.weight;
  set.row_id = part.row;
  return set;
}

std::vector<model::FeatureInfo> describe_features(const flow::Program& program, const fit::Fitted& fitted) {
  std::vector<model::FeatureInfo> infos;
  for (const ir::Feature& feature : program.features) {
    model::FeatureInfo info;
    info.name = feature.name;
    if (feature.encoding != ir::Encoding::number) {
      info.category = feature.encoding == ir::Encoding::category;
      info.one_hot = feature.encoding == ir::Encoding::one_hot;
      info.width = static_cast<std::int32_t>(fitted.tables[feature.slot.index].keys.size());
    }
    infos.push_back(std::move(info));
  }
  return infos;
}

std::vector<int> directions(const flow::Program& program) {
  std::vector<int> monotone(program.features.size(), 0);
  const auto mark = [&](const std::vector<std::string>& names, int direction) {
    for (const std::string& name : names)
      for (std::size_t f = 0; f < program.features.size(); ++f)
        if (program.features[f].name == name) monotone[f] = direction;
  };
  mark(program.model.increasing, 1);
  mark(program.model.decreasing, -1);
  return monotone;
}

package::Signature signature_of(const flow::Program& program) {
  package::Signature signature;
  for (const ColumnId id : program.request) {
    Column column = program.columns[id.index];
    column.span = {};
    signature.request.push_back(std::move(column));
    signature.request_place.push_back(id.index);
  }
  signature.schema_size = static_cast<std::int32_t>(program.columns.size());
  for (const ir::Feature& feature : program.features) {
    std::vector<std::int32_t> places;
    for (std::size_t i = 0; i < program.request.size(); ++i)
      if (std::find(feature.columns.begin(), feature.columns.end(), program.request[i]) != feature.columns.end()) places.push_back(static_cast<std::int32_t>(i));
    signature.feature_columns.push_back(std::move(places));
  }
  signature.source = program.source;
  signature.source.span = {};
  signature.source.paths.clear();
  signature.target = program.model.target_name;
  set_deployment(signature, program);
  return signature;
}

nlohmann::ordered_json findings_json(const std::vector<Finding>& findings) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Finding& f : findings)
    list.push_back({{"code", info(f.code).code}, {"kind", f.kind}, {"subject", f.subject}, {"message", f.message}, {"measure", f.measure}, {"count", f.count}, {"rows", f.rows}});
  return list;
}

std::string manifest_of(const Pipeline& pipeline, const std::string& identity, const Data& data, const Trained& trained, const std::vector<std::string>& golden) {
  const flow::Program& program = pipeline.program();
  nlohmann::ordered_json manifest;
  manifest["format"] = 1;
  manifest["toolchain"] = {{"mlp", version}, {"abi", MLP_ABI_VERSION}};
  manifest["pipeline"] = program.name;
  manifest["description"] = program.description;
  manifest["identity"] = identity;
  manifest["spec_sha256"] = sha256(pipeline.unit.sources.text(0));
  for (const driver::Imported& file : pipeline.unit.imports) manifest["imports"][file.path] = sha256(pipeline.unit.sources.text(file.source));
  for (const Param& param : program.params) manifest["params"][param.name] = param.value;
  manifest["data"] = {{"sha256", data.report.digest}, {"present", data.report.present}, {"read", data.report.read}, {"rejected", data.report.rejected}};
  for (const data::SourceReport& source : data.report.sources)
    manifest["data"]["sources"][source.name] = {{"sha256", source.digest}, {"present", source.present}, {"read", source.read}, {"rejected", source.rejected}};
  manifest["rows"] = {{"train", data.train.row.size()}, {"valid", data.valid.row.size()}, {"test", data.test.row.size()}};
  manifest["seed"] = program.model.settings.seed;
  const ModelSettings& settings = program.model.settings;
  manifest["model"] = {{"kind", ir::enum_words<ModelKind>::words[static_cast<int>(settings.kind)]},
                       {"loss", is_custom(settings.loss) ? std::string_view(settings.loss_name) : ir::enum_words<Loss>::words[static_cast<int>(settings.loss)]},
                       {"rounds", trained.best_round}};
  manifest["metrics"] = trained.metrics;
  if (data.outside > 0) manifest["rows"]["not_served"] = data.outside;
  if (!trained.findings.empty()) manifest["findings"] = findings_json(trained.findings);
  if (!trained.trials.empty()) {
    for (const Assignment& chosen : pipeline.tuned) manifest["tuned"][chosen.name] = chosen.value;
    manifest["tune"]["best"] = trained.best_trial + 1;
    for (const Trial& trial : trained.trials) {
      nlohmann::ordered_json values = nlohmann::ordered_json::object();
      for (const Assignment& a : trial.values) values[a.name] = a.value;
      manifest["tune"]["trials"].push_back({{"values", values}, {"score", trial.score}, {"rounds", trial.rounds}, {"resource", trial.resource}});
    }
  }
  for (const FoldScore& fold : trained.folds)
    manifest["folds"].push_back({{"rows", {{"train", fold.train}, {"valid", fold.valid}, {"test", fold.test}}}, {"rounds", fold.rounds}, {"metrics", fold.metrics}});
  manifest["golden"] = golden;  // what an artifact's selftest must give again
  return manifest.dump(1);
}

std::filesystem::path quarantine_of(const flow::Program& program, const std::filesystem::path& directory) { return directory / (program.name + ".quarantine.csv"); }

// `whole`: with every column of the schema, for what is looked for in data.
void read_rows(const Pipeline& pipeline, const std::filesystem::path& directory, bool whole, int threads, Data& data) {
  const flow::Program& program = pipeline.program();
  std::vector<ColumnId> wanted = program.scan;
  if (whole) {
    wanted.clear();
    for (std::size_t i = 0; i < program.columns.size(); ++i) wanted.push_back({static_cast<std::int32_t>(i)});
  }
  data::ReadResult read = program.query.empty()
      ? data::read({.source = program.source, .schema = program.columns, .wanted = wanted, .base = directory, .quarantine = quarantine_of(program, directory), .threads = threads})
      : data::read_table({.query = program.query, .wanted = wanted, .base = directory, .quarantine = program.name, .threads = threads});
  data.table = std::move(read.table);
  data.report = std::move(read.report);
}

void expect_rows(const flow::Program& program, const Data& data) {
  std::vector<Diagnostic> broken = data::check_expectations(program.expectations, program.columns, data.table);
  if (broken.empty()) return;
  for (std::size_t i = 1; i < broken.size(); ++i) broken.front().note(broken[i].message);
  throw Failure(std::move(broken.front()));
}

void split_rows(const Pipeline& pipeline, const std::vector<std::string>* classes, Data& data) {
  const flow::Program& program = pipeline.program();
  data.parts = data::split(program.split, program.columns, data.table, program.split.seed);
  static_cast<Division&>(data) = divide(pipeline, data.table, data.parts, classes);
}

class Stopwatch {
 public:
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    return seconds;
  }
 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace

void set_deployment(package::Signature& signature, const flow::Program& program) {
  signature.name = program.name;
  signature.deployment = program.deploy.declared ? program.deploy.name : program.name;
  signature.port = program.deploy.port;
  signature.drift = program.deploy.drift;
}

Data read_data(const Pipeline& pipeline, const std::filesystem::path& directory, const std::vector<std::string>* classes, int threads) {
  Data data;
  read_rows(pipeline, directory, classes == nullptr, threads, data);
  expect_rows(pipeline.program(), data);
  split_rows(pipeline, classes, data);
  return data;
}

Division divide(const Pipeline& pipeline, const values::Table& table, const std::vector<data::Part>& parts, const std::vector<std::string>* classes) {
  Division rows;
  rows.train = take_part(pipeline, table, parts, data::Part::train);
  rows.valid = take_part(pipeline, table, parts, data::Part::valid);
  rows.test = take_part(pipeline, table, parts, data::Part::test);
  rows.outside = keep_served(pipeline, rows.test);
  rows.classes = classes ? *classes : pipeline.program().model.classes;
  take_target(pipeline, rows.train, rows.classes, classes == nullptr);
  take_target(pipeline, rows.valid, rows.classes, false);
  take_target(pipeline, rows.test, rows.classes, false);
  return rows;
}

std::vector<std::vector<double>> features_of(const Pipeline& pipeline, const Part& part, const fit::Fitted& fitted, const std::vector<std::int32_t>& fold, int threads) {
  const flow::Program& program = pipeline.program();
  const fit::FittedView view(fitted);
  Results run = run_kernel(pipeline.kernels->find("features"), part.table, view.get(), std::vector<OutputKind>(program.features.size(), OutputKind::real),
                           std::vector<bool>(program.features.size(), false), fold, threads);
  std::vector<std::vector<double>> columns;
  for (Result& result : run.columns) columns.push_back(std::move(result.reals));
  return columns;
}

std::vector<double> predict(const score::Engine& engine, const Part& part) {
  const std::int64_t rows = part.table.rows;
  std::vector<double> out(static_cast<std::size_t>(rows) * engine.width());
  std::vector<mlp_column> columns;
  for (const values::ColumnData& column : part.table.columns) columns.push_back(column.view());
  engine.run(columns.data(), rows, out.data());
  return out;
}

std::map<std::string, double> measure(const score::Engine& engine, const Part& part) {
  return learn::metrics(engine.package().model, predict(engine, part), part.target, part.weight);
}

Features fit_features(const Pipeline& pipeline, const Division& rows, int threads) {
  const flow::Program& program = pipeline.program();
  const std::int64_t folds = fold_count(program);
  const std::vector<std::int32_t> fold = folds > 0 ? out_of_fold(rows.train, program.model.settings.seed, folds) : std::vector<std::int32_t>{};
  Features features;
  features.fitted = fit_all(pipeline, rows.train, fold, threads);
  features.train = features_of(pipeline, rows.train, features.fitted, fold, threads);
  features.valid = features_of(pipeline, rows.valid, features.fitted, {}, threads);
  return features;
}

learn::Outcome train_model(const Pipeline& pipeline, const Division& rows, const Features& features, const TrainOptions& options, learn::BinCache* bins) {
  const flow::Program& program = pipeline.program();
  learn::Request request;
  request.settings = program.model.settings;
  request.features = describe_features(program, features.fitted);
  request.classes = rows.classes;
  request.monotone = directions(program);
  request.train = dataset(rows.train, features.train);
  request.valid = dataset(rows.valid, features.valid);
  request.threads = options.threads;
  request.bins = bins;
  if (is_custom(request.settings.loss)) request.loss = {pipeline.kernels->find("loss"), pipeline.kernels->find("loss_derivatives")};
  request.on_round = options.on_round;
  return program.model.settings.kind == ModelKind::gbdt ? learn::train_gbdt(request) : learn::train_linear(request);
}

std::map<std::string, double> measure(const model::Model& model, const std::vector<std::vector<double>>& columns, const Part& part) {
  const auto rows = static_cast<std::int64_t>(part.row.size());
  std::vector<double> scores(static_cast<std::size_t>(rows) * model.outputs()), predicted(static_cast<std::size_t>(rows) * model::width(model));
  model::Scorer(model).score(matrix_of(columns), rows, scores.data());
  model::link(model, scores.data(), rows, predicted.data());
  return learn::metrics(model, predicted, part.target, part.weight);
}

// ---- what the cache keeps of each stage

template <class A> void parts(A& a, data::Violation& v) { a(v.column, v.rule, v.rows, v.file, v.first_row, v.first_value); }
template <class A> void parts(A& a, data::SourceReport& s) { a(s.name, s.digest, s.present, s.read, s.rejected); }
template <class A> void parts(A& a, data::ReadReport& r) { a(r.files, r.digest, r.present, r.read, r.rejected, r.violations, r.sources); }
template <class A> void parts(A& a, Part& p) { a(p.row, p.target, p.weight, p.unseen_class); }
template <class A> void parts(A& a, learn::Progress& p) { a(p.round, p.rounds, p.metric, p.train, p.valid); }
template <class A> void parts(A& a, package::DriftReference& r) { a(r.edges, r.counts); }
template <class A> void parts(A& a, Finding& f) { a(f.code, f.kind, f.subject, f.message, f.note, f.help, f.measure, f.count, f.rows); }  // a place in the text may move
template <class A> void parts(A& a, FoldScore& f) { a(f.train, f.valid, f.test, f.rounds, f.metrics); }

namespace {

// Columns by name: their places in the schema may change.
using NamedColumns = std::vector<std::pair<std::string, ColumnId>>;

void pack_table(Packer& out, const NamedColumns& columns, const values::Table& table) {
  std::int64_t rows = table.rows, count = static_cast<std::int64_t>(columns.size());
  out(rows, count);
  for (const auto& [column_name, id] : columns) {
    std::string name = column_name, texts;
    values::ColumnData column;
    const values::ColumnData& from = table.columns[id.index];
    std::vector<std::int64_t> ends;
    for (const mlp_string& s : from.strings) {
      texts.append(s.data, static_cast<std::size_t>(s.size));
      ends.push_back(static_cast<std::int64_t>(texts.size()));
    }
    column.reals = from.reals, column.integers = from.integers, column.booleans = from.booleans, column.present = from.present;
    out(name, column.reals, column.integers, column.booleans, column.present, texts, ends);
  }
}

values::Table unpack_table(std::string_view bytes, const flow::Program& program) {
  Unpacker in(bytes);
  values::Table table;
  std::int64_t count = 0;
  in(table.rows, count);
  table.columns.resize(program.columns.size());
  for (std::size_t i = 0; i < program.columns.size(); ++i) table.columns[i].layout = values::layout_of(program.columns[i].type.scalar);
  for (; count > 0; --count) {
    std::string name, texts;
    std::vector<std::int64_t> ends;
    in(name);
    const auto at = std::find_if(program.columns.begin(), program.columns.end(), [&](const Column& c) { return c.name == name; });
    MLP_CHECK(at != program.columns.end());  // the key names the columns
    values::ColumnData& column = table.columns[at - program.columns.begin()];
    in(column.reals, column.integers, column.booleans, column.present, texts, ends);
    std::int64_t begin = 0;
    for (const std::int64_t end : ends) {
      column.strings.push_back(column.storage.keep({texts.data() + begin, static_cast<std::size_t>(end - begin)}));
      begin = end;
    }
    MLP_CHECK(column.size() == table.rows);
  }
  return table;
}

// Trains stage by stage. What the cache has is taken from there; rows come into memory when a stage that is made anew
// asks for them. What was made is handed to `Trained::keep`: a train that fails leaves nothing.
class Trainer {
 public:
  // `identity`: of the spec as it was written; `tuned`: how its tune block chose the values of this pipeline, or nothing.
  Trainer(const Pipeline& pipeline, std::string identity, const std::filesystem::path& directory, const TrainOptions& options, Tuned tuned)
      : pipeline_(pipeline), program_(pipeline.program()), identity_(std::move(identity)), directory_(directory), options_(options) {
    trained_.trials = std::move(tuned.trials);
    trained_.best_trial = tuned.best;
  }

  Trained run() {
    if (options_.cache) {
      digest_ = data_digest(program_, directory_);
      keys_ = stage_keys(pipeline_.unit, digest_);
    }
    using driver::Stage;
    stage(Stage::read, "reading", [&] { read(); }, [&](Packer& out) { out(data_.report, quarantine_); }, [&](Unpacker& in) { unpack_rows(in); });
    stage(Stage::expect, "checking", [&] { expect_rows(program_, rows()); }, [](Packer&) {}, [](Unpacker&) {});
    const auto split = [&](auto& a) { a(data_.classes, data_.train, data_.valid, data_.test, data_.outside); };
    stage(Stage::split, "splitting", [&] { rows(), split_rows(pipeline_, nullptr, data_), gathered_ = true; }, split, split);
    stage(Stage::fit, "fitting", [&] { package_.fitted = fit_all(pipeline_, parted().train, fold(), options_.threads); },
          [&](Packer& out) { out.bytes += package::fitted_to_bytes(package_.fitted); }, [&](Unpacker& in) { package_.fitted = package::fitted_from_bytes(in.rest()); });
    pipeline_.write_sources(package_);
    package_.signature = signature_of(program_);
    stage(Stage::train, "training", [&] { learn(); }, [&](Packer& out) { pack_model(out); }, [&](Unpacker& in) { unpack_model(in); });
    const auto measured = [&](auto& a) { a(trained_.metrics, trained_.findings, trained_.folds, package_.signature.feature_reference, package_.signature.prediction_reference, golden_); };
    stage(Stage::measure, "measuring", [&] { measure_all(); }, measured, measured);

    trained_.outside = data_.outside;
    keep();
    package_.manifest = manifest_of(pipeline_, identity_, data_, trained_, golden_);
    trained_.bytes = package::to_bytes(package_);
    trained_.digest = sha256(trained_.bytes);
    trained_.package = std::move(package_);
    trained_.unseen_class = data_.valid.unseen_class + data_.test.unseen_class;
    trained_.report = std::move(data_.report);
    return std::move(trained_);
  }

 private:
  template <class Make, class Pack, class Unpack>
  void stage(driver::Stage which, const char* doing, Make make, Pack pack, Unpack unpack) {
    const std::string name(driver::info(which).name);
    Stopwatch watch;
    StageDone done{.stage = which, .key = options_.cache ? keys_.at(which) : ""};
    if (options_.cache && options_.reuse)
      if (std::optional<registry::CacheEntry> entry = options_.cache->get(done.key)) {
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

  // ---- making

  void read() {
    read_rows(pipeline_, directory_, true, options_.threads, data_);
    loaded_ = true;
    if (options_.cache && data_.report.digest != digest_)
      throw Failure(code::data_rows_differ, "the data changed while it was read", "run the command again when nothing writes to it");
    const std::filesystem::path rejects = quarantine_of(program_, directory_);
    if (program_.source.policy == Policy::quarantine && data_.report.rejected > 0) quarantine_ = read_file(rejects);
  }

  // The rows of the source, from the cache when they were not read.
  Data& rows() {
    if (!loaded_) data_.table = unpack_table(table_, program_);
    loaded_ = true;
    table_ = {};
    return data_;
  }
  // The rows of each part.
  Data& parted() {
    rows();
    for (Part* part : {&data_.train, &data_.valid, &data_.test})
      if (!gathered_) part->table = gather(data_.table, part->row);
    gathered_ = true;
    return data_;
  }

  const std::vector<std::int32_t>& fold() {
    const std::int64_t folds = fold_count(program_);
    if (folds > 0 && fold_.empty()) fold_ = out_of_fold(data_.train, program_.model.settings.seed, folds);
    return fold_;
  }
  const std::vector<std::vector<double>>& train_columns() {
    if (features_.train.empty()) features_.train = features_of(pipeline_, parted().train, package_.fitted, fold(), options_.threads);
    return features_.train;
  }

  void learn() {
    train_columns();
    features_.fitted = package_.fitted;
    features_.valid = features_of(pipeline_, parted().valid, package_.fitted, {}, options_.threads);
    learn::Outcome outcome = train_model(pipeline_, data_, features_, options_, nullptr);
    package_.model = std::move(outcome.model);
    trained_.history = std::move(outcome.history);
    trained_.best_round = outcome.best_round;
    trained_.converged = program_.model.settings.kind == ModelKind::gbdt || outcome.converged;
  }

  void measure_all() {
    const score::Engine engine(package_, pipeline_.kernels->find("features"));
    for (const MetricScope scope : {MetricScope::train, MetricScope::valid, MetricScope::test}) {
      const Part& part = parted().part(scope);
      if (part.row.empty()) continue;
      trained_.metrics[std::string(ir::enum_words<MetricScope>::words[static_cast<int>(scope)])] = measure(engine, part);
    }
    trained_.findings = find_leaks(pipeline_, data_, train_columns(), options_.threads);
    if (program_.split.folds > 0) {
      if (options_.on_stage) options_.on_stage("cross-validating");
      if (data_.parts.empty()) data_.parts = data::split(program_.split, program_.columns, data_.table, program_.split.seed);
      std::vector<Fold> folds = make_folds(pipeline_, data_, data_.parts, options_.threads);
      trained_.folds = cross_validate(pipeline_, folds, options_);
      summarize(trained_.folds, trained_.metrics);
    }
    for (std::size_t f = 0; f < train_columns().size(); ++f)
      package_.signature.feature_reference.push_back(monitor::make_reference(train_columns()[f], package_.model.features[f]));
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
    const auto table = std::make_shared<values::Table>();
    std::string of_rows;
    NamedColumns columns;
    for (const Made& made : made_) {
      Packer out;
      made.pack(out);
      entries->push_back({made.key, {std::move(out.bytes), made.seconds}});
      if (made.stage != driver::Stage::read) continue;
      of_rows = made.key;
      for (std::size_t c = 0; c < program_.columns.size(); ++c) columns.emplace_back(program_.columns[c].name, ColumnId{static_cast<std::int32_t>(c)});
      *table = std::move(data_.table);
    }
    trained_.keep = [cache = *options_.cache, entries, table, of_rows, columns] {
      for (auto& [key, entry] : *entries) {
        if (key == of_rows) {
          Packer rows;
          rows.bytes = std::move(entry.bytes);
          pack_table(rows, columns, *table);
          entry.bytes = std::move(rows.bytes);
        }
        cache.put(key, entry);
        entry = {};
      }
    };
  }
  void unpack_rows(Unpacker& in) {
    in(data_.report, quarantine_);
    table_ = in.rest();
    if (quarantine_.empty()) return;
    const std::filesystem::path rejects = quarantine_of(program_, directory_);  // reading leaves it behind, so reuse does
    std::error_code error;
    if (!std::filesystem::exists(rejects, error) || read_file(rejects) != quarantine_) write_whole(rejects, quarantine_);
  }

  // A model is kept as a package, so that what validates packages validates it.
  void pack_model(Packer& out) {
    package::Package bare;
    bare.manifest = "{}";
    bare.signature = signature_of(program_);
    bare.fitted = package_.fitted;
    bare.model = package_.model;
    const auto nothing = [](std::size_t bins) { return package::DriftReference{{}, std::vector<double>(bins, 0)}; };
    for (const model::FeatureInfo& info : bare.model.features) bare.signature.feature_reference.push_back(nothing(info.width > 0 ? static_cast<std::size_t>(info.width) + 1 : 2));
    bare.signature.prediction_reference = nothing(bare.model.classes.size() > 2 ? bare.model.classes.size() + 1 : 2);
    out(trained_.best_round, trained_.converged, trained_.history);
    out.bytes += package::to_bytes(bare);
  }
  void unpack_model(Unpacker& in) {
    in(trained_.best_round, trained_.converged, trained_.history);
    package_.model = package::from_bytes(in.rest(), "the cached model").model;
    for (std::size_t f = 0; f < program_.features.size(); ++f) package_.model.features[f].name = program_.features[f].name;  // a name may change
  }

  const Pipeline& pipeline_;
  const flow::Program& program_;
  const std::string identity_;
  const std::filesystem::path directory_;
  const TrainOptions& options_;
  std::string digest_;                    // of the data, when there is a cache
  std::map<driver::Stage, std::string> keys_;
  std::vector<Made> made_;                // what the cache does not have yet
  Data data_;
  std::string table_;                     // the rows as the cache has them, until they are needed
  std::string quarantine_;                // the file of rejected rows that reading left
  bool loaded_ = false, gathered_ = false;
  std::vector<std::int32_t> fold_;
  Features features_;
  std::vector<std::string> golden_;
  package::Package package_;
  Trained trained_;
};

}  // namespace

Trained train(const Pipeline& pipeline, const std::filesystem::path& directory, const TrainOptions& options) {
  if (pipeline.program().tune.empty()) return Trainer(pipeline, pipeline.identity, directory, options, {}).run();
  const auto stage = [&](const char* name) { if (options.on_stage) options.on_stage(name); };
  Stopwatch watch;
  stage("reading");
  const Data data = read_data(pipeline, directory, nullptr, options.threads);
  stage("tuning");
  Tuned tuned = run_trials(pipeline, directory, data, options);
  const double seconds = watch.lap();
  const Pipeline settled = settle(pipeline, tuned.trials[tuned.best].values);  // with the values that the tune block chose
  Trained trained = Trainer(settled, pipeline.identity, directory, options, std::move(tuned)).run();
  trained.seconds["tune"] = seconds;
  return trained;
}

}  // namespace mlp::engine
