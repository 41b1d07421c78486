// Small networks trained by compiled code, step by step beside the reference evaluator in double precision.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

#include "compiler/derive/graph.h"
#include "compiler/derive/network.h"
#include "tests/harness/network_run.h"

namespace mlp {
namespace {

using derive::Graph;
using ir::Tensor;
using ir::TensorId;
using ir::TensorOp;

// A network of two dense layers under construction.
struct Built {
  ir::Network network;
  Graph g{network};
  reference::NetworkInputs inputs;
  std::mt19937_64 rng{3};

  TensorId leaf(TensorOp op, std::vector<std::int64_t> shape, bool rows) {
    Tensor t;
    t.op = op;
    t.shape = std::move(shape);
    t.rows = rows;
    if (op == TensorOp::numbers) t.features = {0, 1};
    return g.write(std::move(t));
  }
  TensorId weight(std::vector<std::int64_t> shape) {
    ir::Weight w;
    w.name = "w" + std::to_string(network.weights.size());
    w.shape = shape;
    network.weights.push_back(w);
    std::normal_distribution<double> normal;
    std::vector<double> values(static_cast<std::size_t>(derive::size_of(shape)));
    for (double& v : values) v = static_cast<float>(0.7 * normal(rng));
    inputs.weights.push_back(std::move(values));
    Tensor t;
    t.op = TensorOp::weight;
    t.shape = std::move(shape);
    t.integer = static_cast<std::int64_t>(network.weights.size()) - 1;
    return g.write(std::move(t));
  }
  TensorId dense(TensorId v, std::int64_t units) {
    Tensor t;
    t.op = TensorOp::product;
    const std::int64_t n = g.at(v).shape[0];
    const TensorId w = weight({n, units}), b = weight({units});
    t.shape = {units};
    t.args = {v, w};
    return g.map("add", {g.write(std::move(t)), b});
  }
  // Points around the origin; the target of each.
  template <class Target>
  void data(std::int64_t rows, Target target) {
    std::normal_distribution<float> normal;
    inputs.rows = rows;
    inputs.training = true;
    inputs.numbers.resize(2);
    inputs.bags.resize(2);
    for (std::int64_t r = 0; r < rows; ++r) {
      for (auto& column : inputs.numbers) column.push_back(static_cast<double>(normal(rng)));
      inputs.target.push_back(target(inputs.numbers[0].back(), inputs.numbers[1].back()));
      inputs.row_weight.push_back(1);
      inputs.row_id.push_back(r);
    }
  }
};

// Trains both ways; gives the mean loss of compiled code after each step.
std::vector<double> train(Built& b, int steps, double rate) {
  derive::differentiate(b.network);
  const auto compiled = codegen::compile(harness::lower_network(b.network, {{}, true}), {});
  reference::NetworkInputs doubles = b.inputs;
  std::vector<double> means;
  const auto rows = static_cast<double>(b.inputs.rows);
  for (int step = 0; step < steps; ++step) {
    const harness::NetworkResults got = harness::run_network(*compiled, b.network, b.inputs);
    const reference::NetworkValues want = reference::evaluate(b.network, doubles);
    double ours = 0, theirs = 0;
    for (const double v : got.losses) ours += v / rows;
    for (const double v : want[static_cast<std::size_t>(b.network.loss.index)]) theirs += v / rows;
    EXPECT_NEAR(ours, theirs, 1e-3 * (1 + std::fabs(theirs))) << "step " << step;
    means.push_back(ours);
    for (std::size_t w = 0; w < b.inputs.weights.size(); ++w)
      for (std::size_t i = 0; i < b.inputs.weights[w].size(); ++i) {
        b.inputs.weights[w][i] = static_cast<float>(b.inputs.weights[w][i] - rate * static_cast<double>(got.gradients[w][i]) / rows);
        doubles.weights[w][i] -= rate * want[static_cast<std::size_t>(b.network.gradients[w].index)][i] / rows;
      }
  }
  return means;
}

TEST(NetworkTraining, LearnsAnExclusiveOr) {
  Built b;
  b.data(128, [](double x, double y) { return x * y > 0 ? 1.0 : 0.0; });
  const TensorId x = b.leaf(TensorOp::numbers, {2}, true), y = b.leaf(TensorOp::target, {}, true);
  const TensorId s = b.g.reshape(b.dense(b.g.map("tanh", {b.dense(x, 16)}), 1), {});
  b.network.score = s;
  b.network.loss = b.g.map("sub", {b.g.map("softplus", {s}), b.g.map("mul", {y, s})});
  const std::vector<double> losses = train(b, 400, 1.0);
  EXPECT_GT(losses.front(), 0.5);
  EXPECT_LT(losses.back(), 0.2);
}

TEST(NetworkTraining, LearnsClasses) {
  Built b;
  b.data(90, [](double x, double y) { return std::floor((std::atan2(y, x) + std::numbers::pi) / (2 * std::numbers::pi) * 2.999); });
  const TensorId x = b.leaf(TensorOp::numbers, {2}, true), y = b.leaf(TensorOp::target, {}, true);
  const TensorId s = b.dense(b.g.map("max", {b.dense(x, 24), b.g.constant(0)}), 3);
  b.network.score = s;
  const TensorId away = b.g.map("sub", {s, b.g.reduce(TensorOp::max, s, {0})});
  Tensor pick;
  pick.op = TensorOp::pick;
  pick.args = {away, y};
  const TensorId all = b.g.reshape(b.g.map("log", {b.g.reduce(TensorOp::sum, b.g.map("exp", {away}), {0})}), {});
  b.network.loss = b.g.map("sub", {all, b.g.write(std::move(pick))});
  const std::vector<double> losses = train(b, 300, 0.5);
  EXPECT_GT(losses.front(), 0.8);
  EXPECT_LT(losses.back(), 0.35);
}

// Adam as the language writes it, compiled, against the same in double precision.
TEST(NetworkUpdate, FollowsTheExpressionsOfTheOptimizer) {
  ir::Reader reader(
      "expr %0 op=input column=%0 stage=row\nexpr %1 op=input column=%1 stage=row\nexpr %2 op=input column=%2 stage=row\n"
      "expr %3 op=input column=%3 stage=row\nexpr %4 op=input column=%4 stage=row\nexpr %5 op=input column=%5 stage=row\n"
      "expr %6 value={real=0.9}\nexpr %7 value={real=0.1}\nexpr %8 value={real=0.999}\nexpr %9 value={real=0.001}\nexpr %10 value={real=1}\nexpr %11 value={real=1e-08}\n"
      "expr %12 op=call callee=\"mul\" args=[%6, %4] stage=row\nexpr %13 op=call callee=\"mul\" args=[%7, %1] stage=row\nexpr %14 op=call callee=\"add\" args=[%12, %13] stage=row\n"
      "expr %15 op=call callee=\"mul\" args=[%8, %5] stage=row\nexpr %16 op=call callee=\"mul\" args=[%1, %1] stage=row\nexpr %17 op=call callee=\"mul\" args=[%9, %16] stage=row\n"
      "expr %18 op=call callee=\"add\" args=[%15, %17] stage=row\nexpr %19 op=call callee=\"pow\" args=[%6, %2] stage=row\nexpr %20 op=call callee=\"sub\" args=[%10, %19] stage=row\n"
      "expr %21 op=call callee=\"div\" args=[%14, %20] stage=row\nexpr %22 op=call callee=\"pow\" args=[%8, %2] stage=row\nexpr %23 op=call callee=\"sub\" args=[%10, %22] stage=row\n"
      "expr %24 op=call callee=\"div\" args=[%18, %23] stage=row\nexpr %25 op=call callee=\"sqrt\" args=[%24] stage=row\nexpr %26 op=call callee=\"add\" args=[%25, %11] stage=row\n"
      "expr %27 op=call callee=\"div\" args=[%21, %26] stage=row\nexpr %28 op=call callee=\"mul\" args=[%3, %27] stage=row\nexpr %29 op=call callee=\"sub\" args=[%0, %28] stage=row\n");
  const std::vector<ir::Expr> exprs = reader.records<ir::Expr>("expr");
  Built b;
  b.data(1, [](double, double) { return 0.0; });
  b.network.score = b.network.loss = b.g.reshape(b.dense(b.leaf(TensorOp::numbers, {2}, true), 1), {});
  derive::differentiate(b.network);
  b.network.optimizer = {"adam", 0.01, 2, {{29}, {14}, {18}}};
  std::vector<std::vector<float>> all;
  for (const auto& [optimize, level] : {std::pair(0, "x86-64-v2"), std::pair(3, "")}) {
    const auto compiled = codegen::compile(harness::lower_network(b.network, {{}, true}, exprs), {optimize, level});
    ASSERT_TRUE(compiled->find_update());
    constexpr int count = 37;
    std::vector<float> w(count), g(count), m(count), v(count);
    std::vector<double> dw(count), dm(count), dv(count);
    for (int i = 0; i < count; ++i) dw[static_cast<std::size_t>(i)] = w[static_cast<std::size_t>(i)] = 0.1f * static_cast<float>(i);
    for (int step = 1; step <= 50; ++step) {
      for (std::size_t i = 0; i < count; ++i) {
        g[i] = std::sin(static_cast<float>(step) + static_cast<float>(i));
        const double gradient = static_cast<double>(g[i]);
        dm[i] = 0.9 * dm[i] + 0.1 * gradient;
        dv[i] = 0.999 * dv[i] + 0.001 * gradient * gradient;
        dw[i] -= 0.01 * (dm[i] / (1 - std::pow(0.9, step))) / (std::sqrt(dv[i] / (1 - std::pow(0.999, step))) + 1e-8);
      }
      float* const kept[] = {m.data(), v.data()};
      const mlp_update_call call{count, w.data(), g.data(), kept, static_cast<double>(step), 0.01, 1};
      compiled->find_update()(&call);
    }
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_NEAR(static_cast<double>(w[i]), dw[i], 1e-4);
      EXPECT_NEAR(static_cast<double>(v[i]), dv[i], 1e-6);
    }
    all.push_back(w);
  }
  EXPECT_EQ(all[0], all[1]);
}

// An artifact's object has the scoring of each level, and no training.
TEST(CompiledNetworks, ObjectsHoldTheScoring) {
  Built b;
  b.data(1, [](double, double) { return 0.0; });
  b.network.score = b.network.loss = b.g.reshape(b.dense(b.leaf(TensorOp::numbers, {2}, true), 1), {});
  derive::differentiate(b.network);
  const std::string object = codegen::object(harness::lower_network(b.network, {{}, true}), {}, {});
  for (const char* level : {"v2", "v3", "v4"}) EXPECT_NE(object.find(std::string("mlp_network_score_") + level), std::string::npos);
  EXPECT_EQ(object.find("mlp_network_train"), std::string::npos);
}

}  // namespace
}  // namespace mlp
