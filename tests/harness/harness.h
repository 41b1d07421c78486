// Compiled programs in process, for comparison with the reference evaluator.
#pragma once
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "compiler/codegen/cpu/cpu.h"
#include "compiler/pass/pass.h"
#include "tests/reference/reference.h"

namespace mlp::harness {

// How a program is compiled. `all()`: O0 and O3, each level of the processor family that this machine runs, and each
// optional pass of lowering off in turn.
struct Configuration {
  std::string name;
  codegen::Options codegen;
  PassOptions passes;
};
const std::vector<Configuration>& all();

class Machine {
 public:
  Machine(const flow::Program& program, const Configuration& configuration);

  // Outputs of kernel fit_<pass>, as the aggregates of that pass are fed.
  std::vector<reference::Inputs> pass(const values::Table& table, const fit::Fitted& fitted, std::size_t pass, const std::vector<std::int32_t>& folds = {});
  fit::Fitted fit(const values::Table& table, const std::vector<double>& target, const std::vector<std::int32_t>& folds);
  // By feature, then row; a bag as its digest (tests/reference/bags.h).
  std::vector<std::vector<double>> features(const values::Table& table, const fit::Fitted& fitted, const std::vector<std::int32_t>& folds = {});

 private:
  void run(const std::string& kernel, const values::Table& table, const fit::Fitted& fitted, const std::vector<std::int32_t>& folds, std::vector<mlp_output>& outputs);
  const flow::Program& program_;
  std::unique_ptr<codegen::Compiled> compiled_;
  std::deque<std::vector<char>> texts_;  // made by kernels; kept while the machine lives
};

// Equal bits; all NaN are one value.
bool same(double a, double b);

// Columns for tables.
values::ColumnData reals(std::vector<double> values, std::vector<std::uint8_t> present = {});
values::ColumnData integers(std::vector<std::int64_t> values, std::vector<std::uint8_t> present = {});
values::ColumnData booleans(std::vector<std::uint8_t> values, std::vector<std::uint8_t> present = {});
values::ColumnData strings(std::vector<std::string> values, std::vector<std::uint8_t> present = {});

}  // namespace mlp::harness
