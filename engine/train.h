// From a spec and its data to a package: read, split, fit, train, measure.
#pragma once
#include <functional>
#include <map>
#include <optional>

#include "engine/pipeline.h"
#include "engine/stages.h"
#include "runtime/data/read.h"
#include "runtime/learn/learn.h"
#include "runtime/registry/cache.h"

namespace mlp::engine {

using Metrics = std::map<std::string, std::map<std::string, double>>;  // part → metric → value

// One trial of a tune block.
struct Trial {
  std::vector<Assignment> values;
  double score = 0;                     // the objective; NaN where training diverged
  std::int64_t rounds = 0;
  std::int64_t resource = 0;            // trees or rows that it was given
};
// Where finished trials are kept, by content: a tune that was interrupted goes on with them.
struct TrialStore {
  std::function<std::optional<std::string>(const std::string& key)> find;
  std::function<void(const std::string& key, const std::string& text)> keep;
};

struct TrainOptions {
  int threads = 1;
  const registry::Cache* cache = nullptr;  // where stages are kept; none: all are made, and none is kept
  bool reuse = true;                       // take from the cache what is there; else only fill it
  std::function<void(const std::string& stage)> on_stage;           // "reading", "fitting", …
  std::function<void(const learn::Progress&)> on_round;
  std::function<void(const std::vector<Trial>&)> on_trial;          // the last one is new
  TrialStore trials;
};

// The rows of one part, ready for kernels, with the target.
struct Part {
  values::Table table;                  // texts point into Data::table
  std::vector<std::int64_t> row;        // index in the rows read
  std::vector<double> target, weight;   // weight empty = 1 each
  std::int64_t unseen_class = 0;        // rows left out because no train row has their class
};

// The rows in three parts.
struct Division {
  std::vector<std::string> classes;     // of the target; found in the train rows when the model does not name them
  Part train, valid, test;
  std::int64_t outside = 0;             // test rows left out: the deployment does not serve them (`serve on`)
  const Part& part(MetricScope scope) const { return scope == MetricScope::train ? train : scope == MetricScope::valid ? valid : test; }
};

// The data of a pipeline, read and split.
struct Data : Division {
  values::Table table;
  data::ReadReport report;
  std::vector<data::Part> parts;        // of each row
};

// Reads, checks expectations, splits and computes targets. `classes` given: targets are measured against them instead of
// being looked for in the train rows; not given: every column of the schema is kept, for what is looked for in data. Throws
// Failure.
Data read_data(const Pipeline& pipeline, const std::filesystem::path& directory, const std::vector<std::string>* classes, int threads);

// Leakage that the data shows; see engine/findings.h.
struct Finding {
  Code code{};
  std::string kind;                     // telling_feature, rows_in_both_parts, …
  std::string subject;                  // feature or column; "" when it is about rows
  std::string message, note, help;
  double measure = 0;                   // AUC, R², or a share of the test rows
  std::int64_t count = 0;               // rows
  std::vector<std::int64_t> rows;       // examples: test and train row by turns, from 1
  Span span;
};
// The parts that `parts` names, with their targets and weights. `classes` as for read_data.
Division divide(const Pipeline& pipeline, const values::Table& table, const std::vector<data::Part>& parts, const std::vector<std::string>* classes);

// What a model sees of a division. Fitted on its train rows alone.
struct Features {
  fit::Fitted fitted;
  std::vector<std::vector<double>> train, valid;  // by feature
};
Features fit_features(const Pipeline& pipeline, const Division& rows, int threads);
learn::Outcome train_model(const Pipeline& pipeline, const Division& rows, const Features& features, const TrainOptions& options, learn::BinCache* bins);
// Of a model on rows whose features are computed; the same as through the scoring path.
std::map<std::string, double> measure(const model::Model& model, const std::vector<std::vector<double>>& columns, const Part& part);

// One fold of a cross-validation: its division, and what a model sees of it.
struct Fold {
  Division rows;                        // test: what it measures
  Features features;
  std::vector<std::vector<double>> test;
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

struct Trained {
  package::Package package;
  std::string bytes;                    // of the package
  std::string digest;                   // SHA-256 of bytes
  Metrics metrics;
  std::vector<FoldScore> folds;
  std::vector<Trial> trials;
  std::size_t best_trial = 0;
  data::ReadReport report;
  std::int64_t unseen_class = 0;        // rows of valid and test left out: no train row has their class
  std::vector<learn::Progress> history;
  std::int64_t best_round = 0;
  std::vector<Finding> findings;
  std::int64_t outside = 0;             // test rows that `serve on` leaves out
  bool converged = true;                // linear: within its tolerance
  std::function<void()> keep;           // puts into the cache what was made, once: when the run is recorded; throws Failure
  std::vector<StageDone> stages;        // those that are made from rows, in order
  std::map<std::string, double> seconds;  // spent now, by stage; for people, never part of the package
};

// The package has the same bytes whichever stages came from the cache.
Trained train(const Pipeline& pipeline, const std::filesystem::path& directory, const TrainOptions& options);

// The matrix that a model sees, one column a feature, as training computes it. `fold`: out-of-fold numbers by row, or empty.
std::vector<std::vector<double>> features_of(const Pipeline& pipeline, const Part& part, const fit::Fitted& fitted, const std::vector<std::int32_t>& fold, int threads);

// The part of a signature that a spec may change without training: names, port, drift rules.
void set_deployment(package::Signature& signature, const flow::Program& program);

// Metrics of a loaded package on parts of its data, through the scoring path.
std::map<std::string, double> measure(const score::Engine& engine, const Part& part);
// Predictions of a part (rows x width), through the scoring path.
std::vector<double> predict(const score::Engine& engine, const Part& part);

}  // namespace mlp::engine
