// Networks scored from columns and from rows of floats, in blocks of any size: always the same bits.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "compiler/derive/graph.h"
#include "runtime/model/network.h"
#include "runtime/product/bf16.h"
#include "tests/harness/network_run.h"

namespace mlp {
namespace {

// `inputs` numbers through a layer of `units`, as a model without its code.
model::Model dense(std::int64_t inputs, std::int64_t units, ir::Network& net) {
  std::mt19937_64 rng(5);
  model::Model m;
  m.kind = ModelKind::network;
  derive::Graph g(net);
  std::vector<std::int32_t> features;
  for (std::int64_t f = 0; f < inputs; ++f) {
    features.push_back(static_cast<std::int32_t>(f));
    m.features.emplace_back().name = "f" + std::to_string(f);
  }
  const auto weight = [&](std::vector<std::int64_t> shape) {
    const auto number = static_cast<std::int64_t>(net.weights.size());
    net.weights.push_back({.name = "w" + std::to_string(number), .shape = shape});
    model::NetworkTensor& made = m.network.weights.emplace_back();
    made.shape = shape;
    made.values.resize(static_cast<std::size_t>(derive::size_of(shape)));
    for (float& v : made.values) v = static_cast<float>(rng() % 2001) / 1000 - 1;
    return g.write({.op = ir::TensorOp::weight, .shape = shape, .integer = number});
  };
  const ir::TensorId x = g.write({.op = ir::TensorOp::numbers, .shape = {inputs}, .rows = true, .features = features});
  const auto layer = [&](ir::TensorId v, std::int64_t from, std::int64_t to) { return g.write({.op = ir::TensorOp::product, .shape = {to}, .args = {v, weight({from, to})}}); };
  net.score = g.reshape(layer(g.map("tanh", {layer(x, inputs, units)}), units, 1), {});
  net.loss = g.map("mul", {net.score, net.score});
  m.network.numbers = features;
  m.network.unit = 3;
  return m;
}

// As training leaves it: both weights are multiplied only.
void round(model::Model& m, const loop::Module& module) {
  m.network.precision = Precision::bf16;
  for (const loop::ByWeight& by : loop::only_multiplied(module.network[0])) {
    model::NetworkTensor& weight = m.network.weights[static_cast<std::size_t>(by.weight)];
    weight.rounded = {by.k, by.n, by.turned};
    for (float& v : weight.values) v = product::from_bf16(product::to_bf16(v));
  }
}

loop::Module module_of(const ir::Network& net, Precision precision) {
  loop::Module module = harness::lower_network(net, {{}, true});
  for (loop::Function& f : module.network)
    for (loop::Step& s : f.steps) s.rounds = precision == Precision::bf16 && s.kind == loop::StepKind::product;
  return module;
}

void same(const std::vector<double>& got, const std::vector<double>& wanted, const std::string& what) {
  ASSERT_EQ(got.size(), wanted.size());
  EXPECT_EQ(std::memcmp(got.data(), wanted.data(), got.size() * sizeof(double)), 0) << what;
}

void rows_columns_and_blocks(Precision precision) {
  for (const std::int64_t units : {8, 1200}) {  // a weight that calls for large blocks, and one that does not
    const std::int64_t inputs = 30, most = 1700;
    ir::Network net;
    model::Model m = dense(inputs, units, net);
    const loop::Module module = module_of(net, precision);
    if (precision == Precision::bf16) round(m, module);
    const auto compiled = codegen::compile(module, {});
    m.network.code = compiled->find_network("score");
    std::mt19937_64 rng(9);
    std::vector<std::vector<double>> columns(inputs, std::vector<double>(most));
    for (auto& column : columns)
      for (double& v : column) v = static_cast<float>(rng() % 1001) / 500 - 1;
    std::vector<std::int32_t> straight, turned;
    for (std::int32_t f = 0; f < inputs; ++f) straight.push_back(f), turned.push_back(static_cast<std::int32_t>(inputs) - f);
    const model::Scorer from_columns(m), as_they_lie(m, straight), picked(m, turned);
    EXPECT_FALSE(from_columns.scores_rows());
    ASSERT_TRUE(as_they_lie.scores_rows() && picked.scores_rows());
    std::vector<double> alone;
    for (std::int64_t i = 0; i < most; ++i) {
      model::Matrix row;
      for (const auto& column : columns) row.push_back(column.data() + i);
      alone.push_back(0);
      from_columns.score(row, 1, &alone.back());
    }
    EXPECT_NE(alone[0], alone[1]);
    for (const std::int64_t rows : {1, 63, 65, 767, 769, 1700}) {
      const std::string what = std::to_string(units) + " units, " + std::to_string(rows) + " rows";
      const std::vector<double> wanted(alone.begin(), alone.begin() + rows);
      std::vector<double> got(static_cast<std::size_t>(rows));
      model::Matrix matrix;
      for (const auto& column : columns) matrix.push_back(column.data());
      from_columns.score(matrix, rows, got.data());
      same(got, wanted, what + ", columns");
      for (const bool wide : {false, true}) {
        const std::int64_t stride = inputs + (wide ? 3 : 0);
        std::vector<float> floats(static_cast<std::size_t>(rows * stride + 2));
        for (std::int64_t i = 0; i < rows; ++i)
          for (std::int64_t f = 0; f < inputs; ++f) {
            floats[static_cast<std::size_t>(1 + i * stride + f)] = static_cast<float>(columns[static_cast<std::size_t>(f)][static_cast<std::size_t>(i)]);
          }
        as_they_lie.score_rows(floats.data() + 1, stride, rows, got.data());  // at no address of a vector
        same(got, wanted, what + ", rows");
        if (!wide) continue;
        std::fill(floats.begin(), floats.end(), 0.0f);
        for (std::int64_t i = 0; i < rows; ++i)
          for (std::int64_t f = 0; f < inputs; ++f)
            floats[static_cast<std::size_t>(i * stride + turned[static_cast<std::size_t>(f)])] = static_cast<float>(columns[static_cast<std::size_t>(f)][static_cast<std::size_t>(i)]);
        picked.score_rows(floats.data(), stride, rows, got.data());
        same(got, wanted, what + ", rows in another order");
      }
    }
  }
}

TEST(NetworkScorer, RowsColumnsAndBlocksGiveTheSameBits) { rows_columns_and_blocks(Precision::float32); }
TEST(NetworkScorer, RowsColumnsAndBlocksGiveTheSameBitsRounded) { rows_columns_and_blocks(Precision::bf16); }

// The code multiplies a row alone itself where the weight is small: 4 sums of 16 columns at once, 8 with AVX-512, the last ones in part.
TEST(NetworkScorer, ARowAloneHasTheBitsOfItsBlockAtEveryLevel) {
  const std::int64_t inputs = 30, rows = 40;
  std::vector<std::string> levels{"x86-64-v2"};
  if (best_cpu_level() >= CpuLevel::v3) levels.push_back("x86-64-v3");
  if (best_cpu_level() >= CpuLevel::v4) levels.push_back("x86-64-v4");
  for (const std::int64_t units : {1, 15, 16, 64, 200, 256, 257}) {
    ir::Network net;
    model::Model m = dense(inputs, units, net);
    const loop::Module module = harness::lower_network(net, {{}, true});
    std::mt19937_64 rng(9);
    std::vector<float> floats(static_cast<std::size_t>(inputs * rows));
    for (float& v : floats) v = static_cast<float>(rng() % 1001) / 500 - 1;
    std::vector<std::int32_t> places;
    for (std::int32_t f = 0; f < inputs; ++f) places.push_back(f);
    std::vector<double> together;
    for (const std::string& level : levels)
      for (const int optimize : {0, 3}) {
        const auto compiled = codegen::compile(module, {optimize, level});
        m.network.code = compiled->find_network("score");
        const model::Scorer scorer(m, places);
        if (together.empty()) {
          together.resize(rows);
          scorer.score_rows(floats.data(), inputs, rows, together.data());
        }
        std::vector<double> alone(rows);
        for (std::int64_t i = 0; i < rows; ++i) scorer.score_rows(floats.data() + i * inputs, inputs, 1, alone.data() + i);
        same(alone, together, std::to_string(units) + " units, " + level + ", O" + std::to_string(optimize));
      }
  }
}

TEST(NetworkScorer, RoundedProductsGiveTheSameBitsAtEveryLevel) {
  const std::int64_t inputs = 30, units = 41, rows = 193;  // the last of them alone
  ir::Network net;
  model::Model m = dense(inputs, units, net);
  const loop::Module module = module_of(net, Precision::bf16);
  const auto of_floats = codegen::compile(module_of(net, Precision::float32), {}), compiled = codegen::compile(module, {});
  m.network.code = of_floats->find_network("score");
  std::vector<std::vector<double>> columns(inputs, std::vector<double>(rows));
  std::mt19937_64 rng(4);
  for (auto& column : columns)
    for (double& v : column) v = static_cast<float>(rng() % 1001) / 500 - 1;
  model::Matrix matrix;
  for (const auto& column : columns) matrix.push_back(column.data());
  std::vector<double> floats(rows), first;
  model::Scorer(m).score(matrix, rows, floats.data());
  m.network.precision = Precision::bf16;
  m.network.code = compiled->find_network("score");
  for (const bool packed : {false, true}) {
    if (packed) round(m, module);
    ASSERT_TRUE(model::validate(m).empty()) << model::validate(m)[0];
    for (const auto level : {model::Scorer::Level::portable, model::Scorer::Level::avx2, model::Scorer::Level::avx512}) {
      if (level > model::Scorer::best_level()) continue;
      model::Scorer scorer(m);
      scorer.set_level(level);
      std::vector<double> got(rows);
      scorer.score(matrix, rows, got.data());
      if (first.empty()) first = got;
      same(got, first, "level " + std::to_string(static_cast<int>(level)) + (packed ? ", packed" : ""));
    }
  }
  m.network.weights[0].values[0] = 0.1f;   // is not rounded
  EXPECT_FALSE(model::validate(m).empty());
  double worst = 0;
  for (std::int64_t i = 0; i < rows; ++i) worst = std::max(worst, std::fabs(first[static_cast<std::size_t>(i)] - floats[static_cast<std::size_t>(i)]));
  EXPECT_LT(worst, 0.3);   // of scores that reach 40
  EXPECT_GT(worst, 1e-4);
}

// Both weights as bytes: the same bits at every level, alone and together, and near what floats give.
TEST(NetworkScorer, BytesGiveTheSameBitsAtEveryLevel) {
  const std::int64_t inputs = 30, units = 40, rows = 200;
  ir::Network net;
  model::Model floats = dense(inputs, units, net);
  const auto compiled = codegen::compile(harness::lower_network(net, {{}, true}), {});
  floats.network.code = compiled->find_network("score");
  std::vector<std::vector<double>> columns(inputs, std::vector<double>(rows));
  std::mt19937_64 rng(4);
  for (auto& column : columns)
    for (double& v : column) v = static_cast<float>(rng() % 1001) / 500 - 1;
  model::Matrix matrix;
  for (const auto& column : columns) matrix.push_back(column.data());
  const loop::Module module = harness::lower_network(net, {{}, true});
  std::vector<model::Int8Site> sites;
  for (const loop::ByWeight& by : loop::only_multiplied(module.network[0])) sites.push_back({static_cast<std::size_t>(by.weight), by.k, by.n, by.turned});
  ASSERT_EQ(sites.size(), 2u);
  const std::vector<model::InputRange> ranges = model::NetworkScorer(floats).observe(matrix, rows, sites);
  EXPECT_FLOAT_EQ(ranges[0].high, 1);
  EXPECT_LT(ranges[1].low, -0.9f);
  model::Model bytes = floats;
  for (std::size_t i = 0; i < 2; ++i) {
    model::NetworkTensor& weight = bytes.network.weights[i];
    weight.int8 = {sites[i].k, sites[i].n, false, {}, std::vector<float>(static_cast<std::size_t>(sites[i].n), 1.0f / 127), (ranges[i].high - ranges[i].low) / 255, 0};
    weight.int8.zero = static_cast<std::int32_t>(-ranges[i].low / weight.int8.input_step + 0.5f);
    for (const float v : weight.values) weight.int8.values.push_back(static_cast<std::int8_t>(std::lround(v * 127)));
    weight.values.clear();
  }
  ASSERT_TRUE(model::validate(bytes).empty()) << model::validate(bytes)[0];
  std::vector<double> wanted(rows), first;
  model::Scorer(floats).score(matrix, rows, wanted.data());
  for (const auto level : {model::Scorer::Level::portable, model::Scorer::Level::avx2, model::Scorer::Level::avx512}) {
    if (level > model::Scorer::best_level()) continue;
    model::Scorer scorer(bytes);
    scorer.set_level(level);
    std::vector<double> got(rows), alone(rows);
    scorer.score(matrix, rows, got.data());
    for (std::int64_t i = 0; i < rows; ++i) {
      model::Matrix row;
      for (const auto& column : columns) row.push_back(column.data() + i);
      scorer.score(row, 1, &alone[static_cast<std::size_t>(i)]);
    }
    same(alone, got, "alone");
    if (first.empty()) first = got;
    same(got, first, "level " + std::to_string(static_cast<int>(level)));
    double worst = 0;
    for (std::int64_t i = 0; i < rows; ++i) worst = std::max(worst, std::fabs(got[static_cast<std::size_t>(i)] - wanted[static_cast<std::size_t>(i)]));
    EXPECT_LT(worst, 0.5);   // of scores that reach 40
    EXPECT_GT(worst, 0);
  }
}

}  // namespace
}  // namespace mlp
