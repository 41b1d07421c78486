// What expressions mean, row by row. Simple and slow: the definition that compiled code is compared with.
#pragma once
#include <functional>
#include <vector>

#include "compiler/ir/flow/flow.h"
#include "runtime/fit/fit.h"
#include "runtime/values/table.h"

namespace mlp::reference {

// The value of one expression in one row. `fold` is the out-of-fold number of the row, -1 outside training.
Value evaluate(const flow::Program& program, const fit::Fitted& fitted, const values::Table& table, std::int64_t row, ir::ExprId id, std::int32_t fold = -1);
// Several expressions of one row; what they share is computed once.
std::vector<Value> evaluate_all(const flow::Program& program, const fit::Fitted& fitted, const values::Table& table, std::int64_t row,
                                const std::vector<ir::ExprId>& ids, std::int32_t fold = -1);

// The features of one row, null as NaN; a bag as its digest (tests/reference/bags.h).
std::vector<double> features(const flow::Program& program, const fit::Fitted& fitted, const values::Table& table, std::int64_t row, std::int32_t fold = -1);

// A number as a double, null as NaN.
double number(const Type& type, const Value& value);

// The inputs of one aggregate over the train rows: numbers with NaN for null, or texts with presence.
struct Inputs {
  std::vector<double> reals;
  std::vector<mlp_string> strings;
  std::vector<std::uint8_t> present;
};
// Fills all slots pass by pass. `inputs` gives what the aggregates of a pass are fed; target and folds are for target_means.
using PassInputs = std::function<std::vector<Inputs>(std::size_t pass, const fit::Fitted& so_far)>;
fit::Fitted fit_program(const flow::Program& program, const std::vector<double>& target, const std::vector<std::int32_t>& folds, const PassInputs& inputs);

// The same with inputs from `evaluate`, every row of the table being a train row.
fit::Fitted fit_by_reference(const flow::Program& program, const values::Table& table, const std::vector<std::int32_t>& folds);

}  // namespace mlp::reference
