// From a spec and its data to a package: read, split, fit, train, measure.
#pragma once
#include <functional>
#include <map>

#include "engine/pipeline.h"
#include "engine/stages.h"
#include "runtime/data/read.h"
#include "runtime/learn/learn.h"
#include "runtime/registry/cache.h"

namespace mlp::engine {

using Metrics = std::map<std::string, std::map<std::string, double>>;  // part → metric → value

struct TrainOptions {
  int threads = 1;
  const registry::Cache* cache = nullptr;  // where stages are kept; none: all are made, and none is kept
  bool reuse = true;                       // take from the cache what is there; else only fill it
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
  const Part& part(MetricScope scope) const { return scope == MetricScope::train ? train : scope == MetricScope::valid ? valid : test; }
};

// Reads, checks expectations, splits and computes targets. `classes` given: targets are measured against them instead of
// being looked for in the train rows. Throws Failure.
Data read_data(const Pipeline& pipeline, const std::filesystem::path& directory, const std::vector<std::string>* classes, int threads);

struct Trained {
  package::Package package;
  std::string bytes;                    // of the package
  std::string digest;                   // SHA-256 of bytes
  Metrics metrics;
  data::ReadReport report;
  std::int64_t unseen_class = 0;        // rows of valid and test left out: no train row has their class
  std::vector<learn::Progress> history;
  std::int64_t best_round = 0;
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
