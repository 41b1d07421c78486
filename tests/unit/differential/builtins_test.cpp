// Every builtin, over every pair of edge values, in every configuration: compiled code and reference agree bit for bit.
#include <gtest/gtest.h>

#include "tests/harness/gpu.h"
#include "tests/harness/ptxas.h"
#include "tests/unit/differential/on_device.h"

namespace mlp::differential {
namespace {

bool is_scalar_function(const Builtin& row) {
  if (row.kind != BuiltinKind::function || row.result.shape == BuiltinShape::list) return false;
  for (const BuiltinParameter& p : row.parameters)
    if (p.type.shape == BuiltinShape::list) return false;
  return true;
}

// One call of each builtin on plain columns; of those for any type, one for each.
void call_all(Builder& b) {
  for (const Builtin& row : builtins()) {
    if (!is_scalar_function(row)) continue;
    const bool any = row.parameters[0].type.shape == BuiltinShape::any;
    for (const Scalar scalar : types) {
      std::vector<ir::ExprId> args;
      for (std::size_t i = 0; i < row.parameters.size(); ++i) {
        const BuiltinType& p = row.parameters[i].type;
        if (p.shape == BuiltinShape::table) continue;
        args.push_back(b.column(any ? scalar : p.type.scalar, static_cast<int>(i)));
      }
      b.observe(b.call(row, args), std::string(row.name) + std::string(row.signature));
      if (!any) break;
    }
  }
  for (const Scalar scalar : types) b.observe(b.select(b.column(Scalar::boolean, 0), b.column(scalar, 1), b.column(scalar, 2)), "select " + spell(Type{scalar, false}));
}

class Configurations : public testing::TestWithParam<std::size_t> {};

TEST_P(Configurations, EveryBuiltinOnEdgeValues) {
  Builder b;
  call_all(b);
  ASSERT_GT(b.program.aggregates.size(), 170u);
  for (const std::string& line : differences(b, edge_table(1'100), harness::all()[GetParam()])) ADD_FAILURE() << line;
}

INSTANTIATE_TEST_SUITE_P(All, Configurations, testing::Range<std::size_t>(0, harness::all().size()));

// Those that need no texts as a device computes them: the bits of the CPU, and PTX that assembles.
TEST(Device, EveryBuiltinOnEdgeValues) {
  Builder b;
  call_all(b);
  const OnDevice got = on_device(*harness::open_fake_gpu(), 75, b, edge_table(1'100));
  EXPECT_GT(got.outputs, 80u) << "of " << b.program.aggregates.size();
  for (const std::string& name : got.differences) ADD_FAILURE() << name;
  const loop::Module module = lower(b.program, {{}, true});
  for (const int architecture : {75, 80, 90}) {
    const harness::Assembled result = harness::assemble(codegen::device_rows(module, "fit_0", architecture).text, architecture);
    EXPECT_TRUE(result.ok) << result.log;
  }
}

TEST(Device, CudaHasEveryBuiltinOnEdgeValues) {
  const std::unique_ptr<device::CudaDevice> gpu = harness::open_gpu();
  if (!gpu) GTEST_SKIP();
  Builder b;
  call_all(b);
  for (const std::string& name : on_device(*gpu, gpu->architecture(), b, edge_table(1'100)).differences) ADD_FAILURE() << name;
}

TEST(Differences, AreFound) {  // a test that cannot fail proves nothing
  Builder b;
  for (const Builtin* row : find_builtins("add"))
    if (row->parameters[0].type.type.scalar == Scalar::real) b.observe(b.call(*row, {b.column(Scalar::real, 0), b.fitted_number()}), "a + fitted");
  values::Table table = edge_table(40);
  EXPECT_TRUE(differences(b, table, harness::all()[0]).empty());
  harness::Machine machine(b.program, harness::all()[0]);
  const auto right = machine.pass(table, b.fitted, 0);
  b.fitted.numbers[0] = 2.7500000000000004;
  EXPECT_FALSE(harness::same(machine.pass(table, b.fitted, 0)[0].reals[1], right[0].reals[1]));
}

}  // namespace
}  // namespace mlp::differential
