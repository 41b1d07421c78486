// What the types cannot see and the data shows: leakage that is found while training. The same data and spec give the
// same findings at any number of threads.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/diagnostic.h"
#include "engine/parts.h"

namespace mlp::engine {

// Leakage that the data shows.
struct Finding {
  Code code{};
  std::string kind;                     // telling_feature, rows_in_both_parts, …
  std::int32_t feature = -1;            // of the program, when it is about one
  std::string subject;                  // feature or column; "" when it is about rows
  std::string message, note, help;
  double measure = 0;                   // AUC, R², or a share of the test rows
  std::int64_t count = 0;               // rows
  std::vector<std::int64_t> rows;       // examples: test and train row by turns, from 1
  Span span;
};

// Looks for a feature that alone predicts the label too well, rows that stand in train and in test, columns that name
// groups which stand on both sides, and a population of which the test part has hardly a row. `columns` are the features
// of the train rows. Looks at the columns that training reads and at those of driver::watched. Costs a sort of at most 10,000
// values a feature, a hash of every cell, and a sort of the rows for each column with many values.
std::vector<Finding> find_leaks(const Pipeline& pipeline, const Data& data, const std::vector<std::vector<double>>& columns, int threads);

// Where findings stand in the spec, and what it calls their features: what came from the cache may stand elsewhere now.
void place(std::vector<Finding>& findings, const flow::Program& program);

Diagnostic to_diagnostic(const Finding& finding);

}  // namespace mlp::engine
