// Every layer of the standard library in a spec: its gradients against central differences, its compiled code against the reference.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "compiler/derive/graph.h"
#include "compiler/driver/driver.h"
#include "tests/harness/network_run.h"

namespace mlp {
namespace {

struct Layers {
  const char* layers;
  double smooth = 0.9;  // the share of differences that no corner may disturb
  bool codes = false;   // the numbers that come in are whole, from 0 to 6
};
const Layers all[] = {
    {"dense(7, tanh) |> dense(1)"},
    {"dense(20, relu) |> dense(1)"},
    {"dense(9, gelu) |> dense(1)"},
    {"dense(9, leaky_relu) |> dense(1)"},
    {"dense(8) |> batch_norm |> activate(tanh) |> dense(1)"},
    {"dense(8) |> layer_norm |> activate(tanh) |> dense(1)"},
    {"dense(8) |> residual(dense(8, tanh)) |> dense(1)"},
    {"dense(8) |> softmax |> dense(1)"},
    {"sequence(6) |> conv1d(5, 3, tanh) |> flatten |> dense(1)"},
    {"sequence(6) |> conv1d(5, causal = true) |> activate(tanh) |> flatten |> dense(1)"},
    {"image(4, 6) |> conv2d(3, 3, tanh, pad = 1) |> max_pool |> flatten |> dense(1)"},
    {"image(4, 6) |> conv2d(3, 2, tanh, stride = 2) |> avg_pool |> flatten |> dense(1)"},
    {"image(4, 3, 2) |> conv2d(5, 3, sigmoid) |> global_pool |> dense(1)"},
    {"sequence(6) |> place_waves |> attention(2) |> flatten |> dense(1)"},
    {"sequence(6) |> attention(2, causal = true) |> layer_norm |> global_pool |> dense(1)"},
    {"series(6) |> conv1d(5, 3, tanh) |> flatten |> dense(1)"},
    {"embed(6, 3) |> flatten |> dense(1)", 0.9, true},
    {"text_encoder(6, 4, 2) |> dense(1)", 0.9, true},
    {"sequence(4) |> gru(5) |> dense(1)"},
    {"sequence(4) |> gru(3, all = true) |> flatten |> dense(1)"},
};

flow::Program planned(const std::string& layers) {
  const std::string spec =
      "schema Row {\n  v0..v23 : float\n  c : category\n  y : float\n}\nsource rows: Row = csv(\"rows.csv\")\nfeatures x from rows {\n  v = columns(\"v*\")\n" +
      std::string(layers.starts_with("dense") ? "  c\n" : "") + "}\nmodel m = network {\n  predict y from x\n  layers = " + layers + "\n}\n";
  driver::Options options;
  options.passes.verify = true;
  const driver::Unit unit = driver::compile("layers.mlp", spec, options);
  std::string said;
  for (const Diagnostic& d : unit.diagnostics.all()) said += d.message + "\n";
  EXPECT_TRUE(unit.ok()) << layers << "\n" << said;
  return unit.program;
}

reference::NetworkInputs inputs_for(const flow::Program& program, std::int64_t rows, std::mt19937_64& rng, bool codes) {
  const ir::Network& net = program.model.network;
  reference::NetworkInputs in;
  std::normal_distribution<float> normal;
  in.rows = rows;
  in.training = true;
  in.numbers.resize(program.features.size());
  in.bags.resize(program.features.size());
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::size_t f = 0; f < in.numbers.size(); ++f) in.numbers[f].push_back(codes ? static_cast<double>(rng() % 7) : program.features[f].encoding == ir::Encoding::number ? static_cast<double>(normal(rng)) : static_cast<double>(rng() % 4));
    in.target.push_back(static_cast<double>(normal(rng)));
    in.row_weight.push_back(1);
    in.row_id.push_back(r);
  }
  for (const ir::Weight& w : net.weights) {
    std::vector<std::int64_t> shape = w.shape;
    if (w.table_of >= 0) shape[0] = 4;
    in.weights.emplace_back();
    for (std::int64_t i = 0; i < derive::size_of(shape); ++i) in.weights.back().push_back(static_cast<double>(0.5f * normal(rng)));
  }
  for (const ir::State& s : net.states) in.states.emplace_back(static_cast<std::size_t>(derive::size_of(s.shape)), 0.5);
  return in;
}

TEST(Layers, GradientsAgreeWithFiniteDifferences) {
  std::mt19937_64 rng(8);
  for (const Layers& l : all) {
    SCOPED_TRACE(l.layers);
    const flow::Program program = planned(l.layers);
    const ir::Network& net = program.model.network;
    ASSERT_FALSE(net.empty());
    reference::NetworkInputs in = inputs_for(program, 4, rng, l.codes);
    const reference::NetworkValues values = reference::evaluate(net, in);
    int good = 0, bad = 0;
    for (std::size_t w = 0; w < in.weights.size(); ++w) {
      ASSERT_TRUE(net.gradients[w].known()) << net.weights[w].name;
      for (int n = 0; n < 8; ++n) {
        const std::size_t at = rng() % in.weights[w].size();
        double& x = in.weights[w][at];
        const double was = x, h = 1e-5, middle = reference::weighted_loss(net, in);
        x = was + h;
        const double above = reference::weighted_loss(net, in);
        x = was - h;
        const double below = reference::weighted_loss(net, in);
        x = was;
        const double slope = (above - below) / (2 * h);
        if (std::fabs((above - middle) - (middle - below)) / h > 1e-2 * (1 + std::fabs(slope))) {
          ++bad;
          continue;
        }
        ++good;
        EXPECT_NEAR(values[static_cast<std::size_t>(net.gradients[w].index)][at], slope, 2e-3 * (1 + std::fabs(slope))) << net.weights[w].name << "[" << at << "]";
      }
    }
    EXPECT_GT(good, l.smooth * (good + bad));
  }
}

TEST(Layers, CompiledCodeAgreesWithTheReference) {
  std::mt19937_64 rng(9);
  for (const Layers& l : all) {
    SCOPED_TRACE(l.layers);
    const flow::Program program = planned(l.layers);
    const reference::NetworkInputs in = inputs_for(program, 21, rng, l.codes);
    const auto compiled = codegen::compile(harness::lower_network(program.model.network, {{}, true}, program.exprs), {});
    const harness::Worst worst = harness::difference(program.model.network, in, harness::run_network(*compiled, program.model.network, in));
    EXPECT_LT(worst.error, 1e-4) << worst.where;
  }
}

}  // namespace
}  // namespace mlp
