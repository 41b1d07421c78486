// The rows of a pipeline: read, checked, in three parts, with their targets and weights.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/pipeline.h"
#include "runtime/data/read.h"

namespace mlp::engine {

// The rows of one part, with the target.
struct Part {
  std::shared_ptr<const values::Table> table;  // all rows read: parts share them
  std::vector<std::int64_t> row;        // which of them, ascending
  std::vector<double> target, weight;   // weight empty = 1 each; of a model without a target the truth, NaN = not known; empty = none
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
  std::shared_ptr<const values::Table> table;
  data::ReadReport report;
  std::vector<data::Part> parts;        // of each row
};

// Reads, checks expectations, splits and computes targets. `classes` given: targets are measured against them instead of
// being looked for in the train rows; not given: columns are kept that findings look at, too. Throws Failure.
Data read_data(const Pipeline& pipeline, const std::filesystem::path& directory, const std::vector<std::string>* classes, int threads);

// The parts that `parts` names, with their targets and weights. `classes` as for read_data.
Division divide(const Pipeline& pipeline, const std::shared_ptr<const values::Table>& table, const std::vector<data::Part>& parts, const std::vector<std::string>* classes);

// The steps of read_data. `findings`: with the columns that only leakage is looked for in.
void read_rows(const Pipeline& pipeline, const std::filesystem::path& directory, bool findings, int threads, Data& data);
void expect_rows(const flow::Program& program, const Data& data);
void split_rows(const Pipeline& pipeline, const std::vector<std::string>* classes, Data& data);

// The file of the rows that `on_violation = quarantine` rejects; `source`: of a table, else "".
std::filesystem::path quarantine_of(const flow::Program& program, const std::filesystem::path& directory, const std::string& source);

}  // namespace mlp::engine
