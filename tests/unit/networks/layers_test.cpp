// Every layer of the standard library in a spec: its gradients against central differences, its compiled code against the reference.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "compiler/codegen/gpu/gpu.h"
#include "compiler/derive/graph.h"
#include "compiler/driver/driver.h"
#include "tests/harness/gpu.h"
#include "tests/harness/network_run.h"
#include "tests/harness/ptxas.h"

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
    {"twins(dense(5, tanh) |> dense(3), margin = 2)"},
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
    {"sequence(12) |> gru(3) |> dense(1)"},
    {"image(4, 6) |> conv2d(3, 3, pad = 1) |> batch_norm |> activate(tanh) |> max_pool |> conv2d(4, 2) |> batch_norm |> flatten |> dense(1)"},
    {"dense(6) |> by_means |> dense(1)"},
    {"dense(6) |> by_product_and_means |> dense(1)"},
};

flow::Program planned(const std::string& layers, const std::string& target = "float", const std::string& more = "", const std::string& loss = "") {
  const std::string spec =
      loss + "layer by_means(v: float[n]) -> float[n] {\n  let w = weight([n, n])\n  v @ (w * batch_mean(v * v, start = 1))\n}\nlayer by_product_and_means(v: float[n]) -> float[n] {\n  let w = weight([n, 3]) @ weight([3, n])\n  v @ (w * batch_mean(v * v, start = 1))\n}\nschema Row {\n  v0..v23 : float\n  c : category\n  y : " + target + "\n}\nsource rows: Row = csv(\"rows.csv\")\nfeatures x from rows {\n  v = columns(\"v*\")\n" +
      std::string(layers.starts_with("dense") ? "  c\n" : "") + "}\nmodel m = network {\n  predict y from x\n  layers = " + layers + "\n" + more + "}\n";
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

// Of some elements of each weight. `smooth`: the share of differences that no corner may disturb.
void expect_gradients(const ir::Network& net, reference::NetworkInputs& in, double smooth, std::mt19937_64& rng) {
  ASSERT_FALSE(net.empty());
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
  EXPECT_GT(good, smooth * (good + bad));
}

TEST(Layers, GradientsAgreeWithFiniteDifferences) {
  std::mt19937_64 rng(8);
  for (const Layers& l : all) {
    SCOPED_TRACE(l.layers);
    const flow::Program program = planned(l.layers);
    reference::NetworkInputs in = inputs_for(program, 4, rng, l.codes);
    expect_gradients(program.model.network, in, l.smooth, rng);
  }
}

// Losses over the scores of all classes: the library's against its formula, a spec's own against finite differences, both compiled.
TEST(Losses, OfAllClasses) {
  std::mt19937_64 rng(10);
  const std::pair<const char*, const char*> cases[] = {
      {"loss = smooth_softmax(0.3)", ""},
      {"loss = mine(k = 2)", "loss mine(y: int, score: float[n], k: float = 1, strict: bool = false) -> float {\n  let away = if positions(n) == y then score - k else if strict then exp(score) else score / n\n  sum(away * away)\n}\n"}};
  for (const auto& [setting, loss] : cases) {
    SCOPED_TRACE(setting);
    const flow::Program program = planned("dense(6, tanh) |> dense(3)", "category", std::string("  ") + setting + "\n", loss);
    const ir::Network& net = program.model.network;
    EXPECT_EQ(program.model.settings.loss, Loss::softmax);
    reference::NetworkInputs in = inputs_for(program, 6, rng, false);
    for (std::size_t r = 0; r < 6; ++r) in.target[r] = static_cast<double>(r % 3);
    expect_gradients(net, in, 0.9, rng);
    const reference::NetworkValues values = reference::evaluate(net, in);
    for (std::size_t r = 0; r < 6; ++r) {
      const double* s = values[static_cast<std::size_t>(net.score.index)].data() + 3 * r;
      const std::size_t y = r % 3;
      double want = 0;
      const double all = std::log(std::exp(s[0]) + std::exp(s[1]) + std::exp(s[2]));
      for (std::size_t k = 0; k < 3; ++k) want += *loss == 0 ? ((k == y ? 0.7 : 0) + 0.1) * (all - s[k]) : std::pow(k == y ? s[k] - 2 : s[k] / 3, 2);
      EXPECT_NEAR(values[static_cast<std::size_t>(net.loss.index)][r], want, 1e-9);
    }
    const auto compiled = codegen::compile(harness::lower_network(net, {{}, true}, program.exprs), {});
    const harness::Worst worst = harness::difference(net, in, harness::run_network(*compiled, net, in));
    EXPECT_LT(worst.error, 1e-4) << worst.where;
  }
}

TEST(Layers, CompiledCodeAgreesWithTheReference) {
  std::mt19937_64 rng(9);
  for (const Layers& l : all) {
    SCOPED_TRACE(l.layers);
    const flow::Program program = planned(l.layers);
    const reference::NetworkInputs in = inputs_for(program, 21, rng, l.codes);
    const loop::Module module = harness::lower_network(program.model.network, {{}, true}, program.exprs);
    const auto compiled = codegen::compile(module, {});
    const harness::Worst worst = harness::difference(program.model.network, in, harness::run_network(*compiled, program.model.network, in));
    EXPECT_LT(worst.error, 1e-4) << worst.where;
    const harness::Worst parted = harness::difference(program.model.network, in, harness::run_network_in_parts(*compiled, module, program.model.network, in, 4));
    EXPECT_LT(parted.error, 1e-4) << parted.where << ", in parts";
  }
}

// Recurrences share kernels there, by the number of the launch.
void agrees_on(device::CudaDevice& gpu) {
  std::mt19937_64 rng(11);
  for (const Layers& l : all) {
    SCOPED_TRACE(l.layers);
    const flow::Program program = planned(l.layers);
    const reference::NetworkInputs in = inputs_for(program, 21, rng, l.codes);
    loop::Module module = harness::lower_network(program.model.network, {{}, true}, program.exprs);
    std::erase_if(module.network, [](const loop::Function& f) { return f.name == "update"; });
    const DeviceCode code = codegen::device_code(module, gpu.architecture());
    device::Launches launches(gpu, code);
    const harness::Worst worst = harness::difference(program.model.network, in, harness::run_network(launches, program.model.network, in));
    EXPECT_LT(worst.error, 2e-4) << worst.where;
  }
}

TEST(Layers, KernelsOfADeviceAgreeWithTheReference) {
  agrees_on(*harness::open_fake_gpu());
}

TEST(Layers, CudaAgreesWithTheReference) {
  const std::unique_ptr<device::CudaDevice> gpu = harness::open_gpu();
  if (!gpu) GTEST_SKIP();
  agrees_on(*gpu);
}

// A recurrence is as much code as a few of its steps.
TEST(Layers, RecurrencesShareKernelsOfADevice) {
  const auto text = [](const char* layers) {
    loop::Module module = harness::lower_network(planned(layers).model.network, {{}, true}, planned(layers).exprs);
    return codegen::device_code(module, 80).text;
  };
  const std::string shorter = text("sequence(6) |> gru(4) |> dense(1)"), longer = text("sequence(24) |> gru(4) |> dense(1)");
  const auto entries = [](const std::string& text) {
    int count = 0;
    for (std::size_t at = 0; (at = text.find(".entry", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  EXPECT_LE(entries(longer), entries(shorter) + 10);
  EXPECT_NE(longer.find("_places"), std::string::npos);
  const harness::Assembled assembled = harness::assemble(longer, 80);
  EXPECT_TRUE(assembled.ok) << assembled.log;
}

// One step from 1 with a gradient of 2: Adam's first step is the rate; where the weight decays, rate * decay of it goes too.
TEST(Optimizers, AdamwDecaysWhatItIsTold) {
  const flow::Program program = planned("dense(1)", "float", "  optimizer = adamw(lr = 0.1, decay = 0.5)\n");
  const auto compiled = codegen::compile(harness::lower_network(program.model.network, {{}, true}, program.exprs), {});
  for (const auto& [decays, want] : {std::pair(1.0, 0.85f), std::pair(0.0, 0.9f)}) {
    float w[] = {1, 1, 1}, m[3] = {}, v[3] = {};
    const float g[] = {2, 2, 2};
    float* const kept[] = {m, v};
    const mlp_update_call call{3, w, g, kept, 1, 0.1, decays};
    compiled->find_update()(&call);
    for (int i = 0; i < 3; ++i) {
      EXPECT_NEAR(w[i], want, 1e-6);
      EXPECT_NEAR(m[i], 0.2f, 1e-6);
      EXPECT_NEAR(v[i], 0.004f, 1e-7);
    }
  }
}

}  // namespace
}  // namespace mlp
