// From a spec and its data to a package: read, split, fit, train, measure.
#pragma once
#include <functional>
#include <map>

#include "engine/pipeline.h"
#include "runtime/data/read.h"
#include "runtime/learn/learn.h"

namespace mlp::engine {

using Metrics = std::map<std::string, std::map<std::string, double>>;  // part → metric → value

struct TrainOptions {
  int threads = 1;
  std::function<void(const std::string& stage)> on_stage;           // "reading", "fitting", …
  std::function<void(const learn::Progress&)> on_round;
};

// The rows of one part, ready for kernels, with the target.
struct Part {
  values::Table table;                  // texts point into Data::table
  std::vector<std::int64_t> row;        // index in the rows read
  std::vector<double> target, weight;   // weight empty = 1 each
  std::int64_t unseen_class = 0;        // rows left out because no train row has their class
};

// The data of a pipeline, read and split.
struct Data {
  values::Table table;
  data::ReadReport report;
  std::vector<std::string> classes;     // of the target; found in the train rows when the model does not name them
  Part train, valid, test;
  std::int64_t outside = 0;             // test rows left out: the deployment does not serve them (`serve on`)
  const Part& part(MetricScope scope) const { return scope == MetricScope::train ? train : scope == MetricScope::valid ? valid : test; }
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

struct Trained {
  package::Package package;
  std::string bytes;                    // of the package
  std::string digest;                   // SHA-256 of bytes
  Metrics metrics;
  data::ReadReport report;
  std::int64_t unseen_class = 0;        // rows of valid and test left out: no train row has their class
  std::vector<learn::Progress> history;
  std::int64_t best_round = 0;
  std::vector<Finding> findings;
  std::int64_t outside = 0;             // test rows that `serve on` leaves out
  bool converged = true;                // linear: within its tolerance
  std::map<std::string, double> seconds;  // by stage; for people, never part of the package
};

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
