// Gradients of networks against central differences of the reference evaluator in double precision.
#include "compiler/derive/network.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <set>

#include "compiler/derive/graph.h"
#include "compiler/derive/rules.h"
#include "tests/harness/networks.h"
#include "tests/reference/network.h"

namespace mlp::derive {
namespace {

using ir::Tensor;
using ir::TensorId;
using ir::TensorOp;

// Compares some elements of each gradient; returns how many, leaving out those near a corner.
struct Compared {
  int near_corner = 0, good = 0;
};
Compared compare(const ir::Network& network, reference::NetworkInputs& inputs, std::mt19937_64& rng) {
  Compared out;
  const reference::NetworkValues values = reference::evaluate(network, inputs);
  bool overflown = false;  // there 0 times infinity is NaN, and rightly so
  for (std::size_t t = 0; t <= static_cast<std::size_t>(network.loss.index); ++t)
    for (const double v : values[t]) overflown |= v > 1e100 || (v < -1e100 && !network.tensors[t].max_outside);
  for (std::size_t w = 0; w < inputs.weights.size(); ++w) {
    for (int n = 0; n < 3; ++n) {
      const std::size_t at = rng() % inputs.weights[w].size();
      double& x = inputs.weights[w][at];
      const double was = x, h = 1e-5, middle = reference::weighted_loss(network, inputs);
      x = was + h;
      const double above = reference::weighted_loss(network, inputs);
      x = was - h;
      const double below = reference::weighted_loss(network, inputs);
      x = was;
      const double slope = (above - below) / (2 * h), bend = std::fabs((above - middle) - (middle - below)) / h;
      const TensorId gradient = network.gradients[w];
      const double got = gradient.known() ? values[static_cast<std::size_t>(gradient.index)][at] : 0;
      if (!(bend < 1e-3 * (1 + std::fabs(slope))) || overflown) {
        ++out.near_corner;
        continue;
      }
      ++out.good;
      EXPECT_NEAR(got, slope, 2e-4 * (1 + std::fabs(slope))) << network.weights[w].name << "[" << at << "]";
    }
  }
  return out;
}

TEST(NetworkGradient, RandomNetworksAgreeWithFiniteDifferences) {
  const char* const size = std::getenv("MLP_NETWORKS");
  const int count = size ? std::atoi(size) : 600;
  int good = 0, corners = 0;
  std::set<TensorOp> seen;
  for (int seed = 0; seed < count; ++seed) {
    std::mt19937_64 rng(static_cast<std::uint64_t>(seed) + 1);
    SCOPED_TRACE("seed " + std::to_string(seed));
    harness::RandomNetwork random = harness::random_network(rng, {4 + static_cast<int>(rng() % 14), true});
    harness::NetworkData data = harness::random_data(rng, random, 1 + static_cast<std::int64_t>(rng() % 5));
    ASSERT_FALSE(obstacle(random.network));
    ASSERT_EQ(ir::verify_network(random.network, random.features, 1), std::vector<std::string>{});
    differentiate(random.network);
    ASSERT_EQ(ir::verify_network(random.network, random.features, 1), std::vector<std::string>{});
    for (const Tensor& t : random.network.tensors) seen.insert(t.op);
    const Compared one = compare(random.network, data.inputs, rng);
    good += one.good;
    corners += one.near_corner;
    if (HasFailure()) break;
  }
  EXPECT_GT(good, 10 * corners);
  EXPECT_GT(good, 4 * count);
  for (int op = 0; op <= static_cast<int>(TensorOp::mask); ++op) {
    if (static_cast<TensorOp>(op) == TensorOp::mask) continue;  // chance has no difference
    if (count >= 600) {
      EXPECT_TRUE(seen.count(static_cast<TensorOp>(op))) << "no network has " << ir::enum_words<TensorOp>::words[op];
    }
  }
}

// A network of one weight of three elements and one function of it.
struct Small {
  ir::Network network;
  Graph g{network};
  reference::NetworkInputs inputs;
  TensorId w;
  Small() {
    network.weights.resize(1);
    network.weights[0].shape = {3};
    Tensor t;
    t.op = TensorOp::weight;
    t.shape = {3};
    w = g.write(t);
    inputs.rows = 1;
    inputs.training = true;
    inputs.row_weight = {1};
    inputs.weights = {{0.3, 0.5, 0.7}};
  }
  TensorId element(std::int64_t i) {
    Tensor t;
    t.op = TensorOp::slice;
    t.args = {w};
    t.shape = {1};
    t.axes = {i, 1};
    return g.reshape(g.write(t), {});
  }
  std::vector<double> gradient(TensorId loss, std::vector<double> at) {
    network.loss = g.broadcast(loss, {}, true);
    inputs.weights = {std::move(at)};
    differentiate(network);
    return network.gradients[0].known() ? reference::evaluate(network, inputs)[static_cast<std::size_t>(network.gradients[0].index)] : std::vector<double>(3);
  }
};

TEST(NetworkGradient, EveryRuleOfABuiltin) {
  std::mt19937_64 rng(5);
  for (const Rule& rule : rule_table()) {
    SCOPED_TRACE(std::string(rule.name));
    Compared all;
    for (int point = 0; point < 20; ++point) {
      Small s;
      std::vector<TensorId> args;
      for (std::size_t i = 0; i < rule.arguments; ++i) args.push_back(s.element(static_cast<std::int64_t>(i)));
      s.network.loss = s.g.broadcast(s.g.map(rule.name, args), {}, true);
      for (double& v : s.inputs.weights[0]) v = 0.1 + 0.8 * static_cast<double>(rng() >> 11) * 0x1p-53;
      if (rule.name == "clamp") s.inputs.weights[0] = {s.inputs.weights[0][0], 0.3, 0.6};
      differentiate(s.network);
      const Compared one = compare(s.network, s.inputs, rng);
      all.good += one.good;
    }
    EXPECT_GE(all.good, 50);
  }
}

TEST(NetworkGradient, BranchesKeepToThemselves) {
  Small s;
  const TensorId x = s.element(0), zero = s.g.constant(0);
  // if x > 0 then log(x) * sqrt(x) else x * x, of 0 and of 4
  const TensorId taken = s.g.map("mul", {s.g.map("log", {x}), s.g.map("sqrt", {x})});
  const TensorId root = s.g.select(s.g.map("gt", {x, zero}), taken, s.g.map("mul", {x, x}));
  EXPECT_EQ(s.gradient(root, {0, 0, 0})[0], 0);
  EXPECT_EQ(s.gradient(root, {-3, 0, 0})[0], -6);
  EXPECT_NEAR(s.gradient(root, {4, 0, 0})[0], 0.5 + std::log(4.0) / 4, 1e-12);
}

TEST(NetworkGradient, CornersHaveTheDocumentedValues) {
  using Row = std::vector<double>;
  {
    Small s;
    EXPECT_EQ(s.gradient(s.g.map("max", {s.element(0), s.element(1)}), {1, 1, 0}), (Row{1, 0, 0}));
  }
  {
    Small s;
    EXPECT_EQ(s.gradient(s.g.map("abs", {s.element(0)}), {0, 1, 0}), (Row{0, 0, 0}));
  }
  {
    Small s;  // a maximum gives its adjoint to the first of equals
    EXPECT_EQ(s.gradient(s.g.reshape(s.g.reduce(TensorOp::max, s.w, {0}), {}), {1, 2, 2}), (Row{0, 1, 0}));
  }
  {
    Small s;
    EXPECT_EQ(s.gradient(s.g.map("mul", {s.element(0), s.g.map("to_float", {s.g.map("gt", {s.element(1), s.element(2)})})}), {5, 2, 1}), (Row{1, 0, 0}));
  }
  {
    Small s;  // stop_gradient(w[1]) * w[0] * w[1]
    Tensor fixed;
    fixed.op = TensorOp::reshape;
    fixed.args = {s.element(1)};
    fixed.integer = 1;
    const TensorId stopped = s.g.write(std::move(fixed));
    EXPECT_EQ(s.gradient(s.g.map("mul", {stopped, s.g.map("mul", {s.element(0), s.element(1)})}), {5, 3, 1}), (Row{9, 15, 0}));
  }
}

TEST(NetworkGradient, WhatHasNoRuleIsNamed) {
  Small s;
  s.network.loss = s.g.broadcast(s.g.map("mystery", {s.element(0)}), {}, true);
  const auto found = obstacle(s.network);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->function, "mystery");
}

}  // namespace
}  // namespace mlp::derive
