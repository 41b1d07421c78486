// Kernels of rows for a device: by the host that plays one, bit for bit those of the CPU; their PTX assembles.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "compiler/driver/driver.h"
#include "runtime/device/rows.h"
#include "tests/harness/host_device.h"
#include "tests/harness/ptxas.h"

namespace mlp {
namespace {

const char* const text = R"(pipeline p
schema Row {
  a : float?
  b : float
  c : int
  d : bool
  e : float?
  f : float?
  g : float?
  y : bool
}
source rows : Row = csv("rows.csv")
features x from rows {
  each(float) |> impute |> log_signed |> standardize |> clamp(-2, 2)
  logs = log(b)
  whole = c * 3 + 1
  flag = if d then sqrt(b) else exp(b)
  gap = e
  angle = sin(b) + b ^ 1.5
}
model m = gbdt { predict y from x }
)";

struct Columns {
  std::vector<std::vector<double>> reals;
  std::vector<std::vector<std::uint8_t>> present;
  std::vector<std::int64_t> integers;
  std::vector<std::uint8_t> booleans;
};

TEST(DeviceRows, HaveTheBitsOfTheCpu) {
  const driver::Unit unit = driver::compile("p.mlp", text);
  ASSERT_TRUE(unit.ok()) << (unit.diagnostics.all().empty() ? "" : unit.diagnostics.all()[0].message);
  const loop::Kernel& kernel = *unit.loops.find("features");
  ASSERT_EQ(codegen::refused_by_device(kernel), "");
  std::int64_t slots = 0;
  for (const loop::Instr& instr : kernel.body)
    if (instr.op == loop::Op::fitted) slots = std::max(slots, instr.integer + 1);
  std::vector<double> numbers;
  for (std::int64_t s = 0; s < slots; ++s) numbers.push_back(0.3 + 0.1 * static_cast<double>(s % 5));
  const auto compiled = codegen::compile(unit.loops, {});
  const auto on_host = codegen::compile_for_host(unit.loops);
  harness::HostDevice device(*on_host);
  std::mt19937_64 rng(3);
  for (const std::int64_t rows : {0, 1, 255, 1024, 1025, 5000}) {
    std::vector<mlp_column> columns(8);
    Columns made;
    made.reals.resize(8);
    made.present.resize(8);
    const auto real = [&](std::size_t at, bool nulls) {
      for (std::int64_t i = 0; i < rows; ++i) {
        const double odd[] = {0.0, -0.0, 1e300, -3, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN(), 5e-324};
        made.reals[at].push_back(rng() % 9 == 0 ? odd[rng() % std::size(odd)] : std::ldexp(static_cast<double>(rng() % 100000) - 20000, -12));
        made.present[at].push_back(!nulls || rng() % 5 != 0);
        if (!made.present[at].back()) made.reals[at].back() = 0;
      }
      columns[at] = {made.reals[at].data(), nulls ? made.present[at].data() : nullptr};
    };
    for (const std::size_t at : {0u, 4u, 5u, 6u}) real(at, true);
    real(1, false);
    for (std::int64_t i = 0; i < rows; ++i) {
      made.integers.push_back(static_cast<std::int64_t>(rng()) >> (rng() % 60));
      made.booleans.push_back(rng() % 2);
    }
    columns[2] = {made.integers.data(), nullptr};
    columns[3] = {made.booleans.data(), nullptr};
    const std::size_t count = kernel.outputs.size();
    std::vector<std::vector<double>> wanted(count, std::vector<double>(static_cast<std::size_t>(rows) + 1, 7)), got = wanted;
    std::vector<mlp_output> outputs;
    for (auto& column : wanted) outputs.push_back({column.data(), nullptr});
    const mlp_batch batch{rows, columns.data(), nullptr, nullptr};
    const mlp_fitted fitted{numbers.data(), nullptr, nullptr};
    compiled->find("features")(&batch, &fitted, outputs.data());
    device::RowKernel on_device(device, on_host->code().text, "mlp_features", numbers, columns.size(), count);
    on_device.rows(rows);
    for (const std::size_t at : {0u, 1u, 2u, 3u, 4u, 5u, 6u}) on_device.take(at, columns[at].values, at == 3 ? 1 : 8, columns[at].present);
    on_device.start();
    for (std::size_t o = 0; o < count; ++o) {
      on_device.get(o, got[o].data(), rows);
      EXPECT_EQ(std::memcmp(got[o].data(), wanted[o].data(), wanted[o].size() * sizeof(double)), 0) << kernel.outputs[o].name << ", rows " << rows;
    }
  }
}

TEST(DeviceRows, PtxAssembles) {
  const driver::Unit unit = driver::compile("p.mlp", text);
  for (const int architecture : {75, 80, 90}) {
    const std::string code = codegen::device_rows_code(*unit.loops.find("features"), architecture);
    EXPECT_NE(code.find(".entry mlp_features("), std::string::npos);
    EXPECT_NE(code.find("ld.global.nc.f64"), std::string::npos) << "what is read does not change";
    const harness::Assembled result = harness::assemble(code, architecture);
    EXPECT_TRUE(result.ok) << result.log;
  }
}

TEST(DeviceRows, SayWhichOutputNeedsTheCpu) {
  std::string with_text = text;
  with_text.replace(with_text.find("  d : bool"), 0, "  w : text\n");
  with_text.replace(with_text.find("  gap = e"), 0, "  long = length(w)\n");
  const driver::Unit unit = driver::compile("p.mlp", with_text);
  ASSERT_TRUE(unit.ok());
  EXPECT_EQ(codegen::refused_by_device(*unit.loops.find("features")), "long");
}

}  // namespace
}  // namespace mlp
