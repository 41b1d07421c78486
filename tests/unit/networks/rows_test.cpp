// Kernels of rows for a device: their PTX, run on the host, has the bits of the CPU, and assembles.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>

#include "compiler/codegen/gpu/gpu.h"
#include "compiler/driver/driver.h"
#include "runtime/device/rows.h"
#include "tests/harness/gpu.h"
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
  t : timestamp
}
source rows : Row = csv("rows.csv")
features x from rows {
  each(float) |> impute |> log_signed |> standardize |> clamp(-2, 2)
  even = b |> standardize
  zero = if b > 0 then (0 - b) * 0 / b else 2
  logs = log(b)
  whole = c * 3 + 1
  flag = if d then sqrt(b) else exp(b)
  gap = e
  angle = sin(b) + b ^ 1.5
  more = cos(b) + atan2(b, e) + asin(sin(b)) + acos(cos(b)) + atan(b) + tanh(b) + sigmoid(b) + softplus(b) + expm1(b) + log2(b) + log10(b) + b % 3
  share = b / 3
  ratio = b / e
  rounded = round(b) + floor(b) * 2 + ceil(b) * 3 + trunc(b) * 5 + abs(b) + sign(b) + max(b, 2) + min(b, 1)
  wholes = to_float(c % 7) + to_float(hash_bucket(c, 100)) + to_float(abs(c)) + to_float(max(c, 3))
  moments = to_float(year(t) + month(t) * 13 + day(t) * 7 + weekday(t) + hour(t) + minute(t)) + hours(t - to_timestamp(to_date(t)))
}
model m = gbdt { predict y from x }
)";

struct Columns {
  std::vector<std::vector<double>> reals;
  std::vector<std::vector<std::uint8_t>> present;
  std::vector<std::int64_t> integers, moments;
  std::vector<std::uint8_t> booleans;
};

// The features of `text` on a device, made of what code generation gives it, beside those of the CPU.
void agree(const driver::Unit& unit, device::Device& device, const DeviceRows& rows_there) {
  const loop::Kernel& kernel = *unit.loops.find("features");
  std::vector<std::string> here;
  for (std::size_t o = 0; o < kernel.outputs.size(); ++o)
    if (!std::binary_search(rows_there.outputs.begin(), rows_there.outputs.end(), static_cast<std::int32_t>(o))) here.push_back(kernel.outputs[o].name);
  ASSERT_EQ(here, (std::vector<std::string>{"gap"})) << "a column as it is, and no other";
  ASSERT_EQ(rows_there.columns, (std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 6, 8}));
  std::int64_t slots = 0;
  for (const loop::Instr& instr : kernel.body)
    if (instr.op == loop::Op::fitted) slots = std::max(slots, instr.integer + 1);
  std::vector<double> numbers;
  for (std::int64_t s = 0; s < slots; ++s) numbers.push_back(s % 7 == 6 ? 0 : 0.25 * static_cast<double>(1 + s % 5));   // means and deviations
  const auto compiled = codegen::compile(unit.loops, {});
  std::mt19937_64 rng(3);
  for (const std::int64_t rows : {0, 1, 255, 1024, 1025, 5000}) {
    std::vector<mlp_column> columns(9);
    Columns made;
    made.reals.resize(9);
    made.present.resize(9);
    const auto real = [&](std::size_t at, bool nulls) {
      for (std::int64_t i = 0; i < rows; ++i) {
        const double odd[] = {0.0, -0.0, 1e300, -3, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN(), 5e-324, 0.25, 0.5, 0.75, 1, 1.25, 0x1.fffffffffffffp1023};
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
      made.moments.push_back(static_cast<std::int64_t>(rng() % 4'000'000'000'000'000) - 1'000'000'000'000'000);
    }
    columns[2] = {made.integers.data(), nullptr};
    columns[3] = {made.booleans.data(), nullptr};
    columns[8] = {made.moments.data(), nullptr};
    const std::size_t count = kernel.outputs.size();
    std::vector<std::vector<double>> wanted(count, std::vector<double>(static_cast<std::size_t>(rows) + 1, 7)), got = wanted;
    std::vector<mlp_output> outputs;
    for (auto& column : wanted) outputs.push_back({column.data(), nullptr});
    const mlp_batch batch{rows, columns.data(), nullptr, nullptr};
    const mlp_fitted fitted{numbers.data(), nullptr, nullptr};
    compiled->find("features")(&batch, &fitted, outputs.data());
    device::RowKernel on_device(device, rows_there.text, "mlp_features", numbers, columns.size(), rows_there.outputs.size());
    on_device.rows(rows);
    for (const std::int32_t at : rows_there.columns) on_device.take(static_cast<std::size_t>(at), columns[static_cast<std::size_t>(at)].values, at == 3 ? 1 : 8, columns[static_cast<std::size_t>(at)].present);
    on_device.start();
    for (std::size_t i = 0; i < rows_there.outputs.size(); ++i) {
      const auto o = static_cast<std::size_t>(rows_there.outputs[i]);
      on_device.get(i, got[o].data(), rows);
      EXPECT_EQ(std::memcmp(got[o].data(), wanted[o].data(), wanted[o].size() * sizeof(double)), 0) << kernel.outputs[o].name << ", rows " << rows;
    }
  }
}

TEST(DeviceRows, HaveTheBitsOfTheCpu) {
  const driver::Unit unit = driver::compile("p.mlp", text);
  ASSERT_TRUE(unit.ok()) << (unit.diagnostics.all().empty() ? "" : unit.diagnostics.all()[0].message);
  const auto gpu = harness::open_fake_gpu();
  for (const int architecture : {75, 80, 90}) agree(unit, *gpu, codegen::device_rows(unit.loops, "features", architecture));
}

TEST(DeviceRows, CudaHasTheBitsOfTheCpu) {
  const std::unique_ptr<device::CudaDevice> gpu = harness::open_gpu();
  if (!gpu) GTEST_SKIP();
  const driver::Unit unit = driver::compile("p.mlp", text);
  for (const int architecture : {75, gpu->architecture()}) agree(unit, *gpu, codegen::device_rows(unit.loops, "features", architecture));
}

TEST(DeviceRows, PtxAssembles) {
  const driver::Unit unit = driver::compile("p.mlp", text);
  for (const int architecture : {75, 80, 90}) {
    const std::string code = codegen::device_rows(unit.loops, "features", architecture).text;
    EXPECT_NE(code.find(".entry mlp_features("), std::string::npos);
    EXPECT_NE(code.find("ld.global.nc.f64"), std::string::npos) << "what is read does not change";
    const harness::Assembled result = harness::assemble(code, architecture);
    EXPECT_TRUE(result.ok) << result.log;
  }
}

TEST(DeviceRows, LeaveTextsTablesAndPlainColumnsToTheCpu) {
  std::string with_text = text;
  with_text.replace(with_text.find("  d : bool"), 0, "  w : text\n  k : category\n");
  with_text.replace(with_text.find("  gap = e"), 0, "  long = length(w)\n  k\n  usual = k |> target_encode\n  both = length(w) + log(b)\n");
  const driver::Unit unit = driver::compile("p.mlp", with_text);
  ASSERT_TRUE(unit.ok()) << (unit.diagnostics.all().empty() ? "" : unit.diagnostics.all()[0].message);
  const DeviceRows there = codegen::device_rows(unit.loops, "features", 80);
  const loop::Module rest = codegen::host_rest(unit.loops, "features", there, "rest");
  ASSERT_EQ(rest.kernels.size(), 1u);
  std::vector<std::string> names;
  for (const loop::Output& output : rest.kernels[0].outputs) names.push_back(output.name);
  EXPECT_EQ(names, (std::vector<std::string>{"long", "k", "usual", "both", "gap"}));
  EXPECT_EQ(there.outputs.size() + names.size(), unit.loops.find("features")->outputs.size());
  EXPECT_TRUE(loop::verify(rest).empty());
  EXPECT_NE(codegen::compile(rest, {})->find("rest"), nullptr);
}

TEST(DeviceRows, TravelAsBytes) {
  DevicePipeline pipeline;
  pipeline.features = {"text\n", {0, 3}, {1, 2, 70000}};
  pipeline.network.text = std::string("a\0b", 3);
  Launch product;
  product.loops = {{{3, true}, -1, 2, 0}};
  product.m = {7, true};
  product.c = {LaunchMemory::mean, 2, -5, 9};
  product.b_k = -11;
  product.add = true;
  Launch kernel;
  kernel.kernel = "mlp_score_0";
  kernel.points = {5, true};
  pipeline.network.functions = {{"score", {kernel, product}, 100, 16}};
  const std::string bytes = to_bytes(pipeline);
  const DevicePipeline read = device_pipeline(bytes);
  EXPECT_EQ(to_bytes(read), bytes);
  EXPECT_EQ(read.features.columns, pipeline.features.columns);
  const Launch& got = read.network.functions[0].launches[1];
  EXPECT_EQ(got.c.offset, -5);
  EXPECT_EQ(got.c.memory, LaunchMemory::mean);
  EXPECT_TRUE(got.loops[0].extent.rows && got.add);
  EXPECT_EQ(read.network.functions[0].launches[0].kernel, "mlp_score_0");
  EXPECT_EQ(read.network.functions[0].scratch(17), 100 + 32 * 16);
  for (const std::size_t size : {std::size_t{0}, std::size_t{20}, bytes.size() - 1}) EXPECT_THROW(device_pipeline(bytes.substr(0, size)), Bug);
  EXPECT_THROW(device_pipeline(bytes + "x"), Bug);
}

}  // namespace
}  // namespace mlp
