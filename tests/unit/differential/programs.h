// Programs made by hand for differential runs: columns with edge values of every type, expressions over them, each
// observed exactly through a fitting pass.
#pragma once
#include <string>
#include <vector>

#include "stdlib/builtins/builtins.h"
#include "tests/harness/harness.h"

namespace mlp::differential {

// Four nullable columns of each type: `real a`, `real b`, ... by type, then letter.
inline constexpr Scalar types[] = {Scalar::real, Scalar::integer, Scalar::boolean, Scalar::string, Scalar::timestamp, Scalar::date, Scalar::duration};
inline constexpr int letters = 4;

const std::vector<Value>& edges(Scalar scalar);       // of one type, a null among them
values::Table edge_table(std::int64_t rows);          // rows >= 1,100 hold every pair of edges of every type
values::Table random_table(std::uint64_t seed, std::int64_t rows);

class Builder {
 public:
  Builder();
  flow::Program program;
  fit::Fitted fitted;  // slots that expressions may read

  ir::ExprId column(Scalar scalar, int letter);
  ir::ExprId constant(Scalar scalar, const Value& value);
  ir::ExprId fitted_number();
  ir::ExprId fitted_text();
  ir::ExprId call(const Builtin& builtin, std::vector<ir::ExprId> args);
  ir::ExprId select(ir::ExprId condition, ir::ExprId a, ir::ExprId b);
  void observe(ir::ExprId id, const std::string& name);
  const Type& type(ir::ExprId id) const { return program[id].type; }

 private:
  ir::ExprId add(ir::Expr expr);
  void output(ir::ExprId id, const std::string& name);
  ir::ExprId table_;
};

// Compiles and runs the program over the table and compares every observed value with the reference evaluator. Gives the
// differences, the first of each observed value only.
std::vector<std::string> differences(const Builder& builder, const values::Table& table, const harness::Configuration& configuration);

}  // namespace mlp::differential
