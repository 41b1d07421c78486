// Networks as check makes them: shapes, weights and their names, states, the order of what comes in, the optimizer.
#include "tests/unit/check/checked.h"

namespace mlp {
namespace {

const ir::Network& network(const Checked& c) { return c.module.model.network; }

std::vector<std::string> weights(const ir::Network& n) {
  std::vector<std::string> out;
  for (const ir::Weight& w : n.weights) out.push_back(w.name + " " + ir::spell_shape(w.shape));
  return out;
}
std::vector<std::string> layers(const ir::Network& n) {
  std::vector<std::string> out;
  for (const ir::Layer& l : n.layers) out.push_back(l.name + " " + ir::spell_shape(l.shape));
  return out;
}
int count(const ir::Network& n, ir::TensorOp op) {
  return static_cast<int>(std::count_if(n.tensors.begin(), n.tensors.end(), [&](const ir::Tensor& t) { return t.op == op; }));
}

Checked of_layers(const std::string& chain, const std::string& more = "", const std::string& predict = "z") {
  return Checked("net.mlp", "schema Row { v0..v23 : float, y : bool, z : float }\nsource rows: Row = csv(\"rows.csv\")\nfeatures x from rows { v = columns(\"v*\") }\n" + more +
                                "model m = network { predict " + predict + " from x, layers = " + chain + " }\n");
}

TEST(Networks, WeightsAreNamedByLayerNumberAndLet) {
  const Checked c = of_layers("dense(8) |> residual(dense(8) |> dense(8)) |> dense(4) |> dense(1)");
  ASSERT_EQ(c.findings(), std::vector<std::string>{}) << c.text();
  EXPECT_EQ(weights(network(c)), (std::vector<std::string>{"dense_1.w float[24, 8]", "dense_1.b float[8]", "residual_1.dense_1.w float[8, 8]", "residual_1.dense_1.b float[8]",
                                                          "residual_1.dense_2.w float[8, 8]", "residual_1.dense_2.b float[8]", "dense_2.w float[8, 4]", "dense_2.b float[4]", "dense_3.w float[4, 1]", "dense_3.b float[1]"}));
  EXPECT_EQ(layers(network(c)), (std::vector<std::string>{"dense_1 float[8]", "residual_1 float[8]", "dense_2 float[4]", "dense_3 float[1]"}));
  EXPECT_TRUE(network(c).weights[0].decays);
  EXPECT_FALSE(network(c).weights[1].decays);
  EXPECT_TRUE(network(c)[network(c).score].shape.empty());
}

TEST(Networks, ShapesOfTheLibrary) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"image(4, 6)", "float[4, 6, 1]"},
      {"image(4, 3, channels = 2)", "float[4, 3, 2]"},
      {"image(4, 6) |> conv2d(5)", "float[2, 4, 5]"},
      {"image(4, 6) |> conv2d(5, pad = 1)", "float[4, 6, 5]"},
      {"image(4, 6) |> conv2d(5, pad = 1, stride = 2)", "float[2, 3, 5]"},
      {"image(4, 6) |> max_pool", "float[2, 3, 1]"},
      {"image(4, 6) |> avg_pool(3)", "float[1, 2, 1]"},
      {"image(4, 6) |> global_pool", "float[1]"},
      {"image(4, 6) |> flatten", "float[24]"},
      {"image(4, 6) |> dense(3)", "float[4, 6, 3]"},
      {"image(4, 6) |> batch_norm |> layer_norm", "float[4, 6, 1]"},
      {"sequence(6)", "float[6, 4]"},
      {"series(6)", "float[4, 6]"},
      {"embed(100, 5)", "float[24, 5]"},
      {"text_encoder(100, 8, 2)", "float[8]"},
      {"sequence(6) |> attention(2)", "float[6, 4]"},
      {"sequence(6) |> place_waves", "float[6, 4]"},
      {"sequence(8) |> place_waves", "float[8, 3]"},
      {"sequence(6) |> conv1d(5)", "float[4, 5]"},
      {"sequence(6) |> conv1d(5, causal = true)", "float[6, 5]"},
      {"sequence(6) |> conv1d(5, pad = 1, stride = 2)", "float[3, 5]"},
      {"sequence(6) |> gru(3)", "float[3]"},
      {"sequence(6) |> gru(3, all = true)", "float[6, 3]"},
      {"softmax |> dropout |> activate(silu) |> gelu", "float[24]"},
  };
  for (const auto& [chain, shape] : cases) {
    const Checked c = of_layers(chain + " |> flatten |> dense(1)");
    ASSERT_EQ(c.findings(), std::vector<std::string>{}) << chain << c.text();
    const auto& list = network(c).layers;
    EXPECT_EQ(ir::spell_shape(list[list.size() - 3].shape), shape) << chain;
    EXPECT_EQ(sem::verify(c.module), std::vector<std::string>{}) << chain;
  }
}

TEST(Networks, WhatATensorIsMadeOf) {
  const auto last = [](const std::string& body) {  // of a layer over [4, 6], as its last tensor
    const Checked c = of_layers("sequence(4) |> probe |> flatten |> dense(1)", "layer probe(v: float[t, n]) -> float[..] = " + body + "\n");
    if (!c.findings().empty()) return c.text();
    return ir::spell_shape(network(c).layers[1].shape);
  };
  EXPECT_EQ(last("v[1]"), "float[6]");
  EXPECT_EQ(last("v[-1, 2..4]"), "float[2]");
  EXPECT_EQ(last("v[.., 0]"), "float[4]");
  EXPECT_EQ(last("v[1.., ..]"), "float[3, 6]");
  EXPECT_EQ(last("v[.., 0..-1]"), "float[4, 5]");
  EXPECT_EQ(last("sum(v)"), "float");
  EXPECT_EQ(last("mean(v, axis = 0)"), "float[6]");
  EXPECT_EQ(last("min(v, axis = [0, 1], keep = true)"), "float[1, 1]");
  EXPECT_EQ(last("max(v, 0)"), "float[4, 6]");
  EXPECT_EQ(last("transpose(v) @ v"), "float[6, 6]");
  EXPECT_EQ(last("v @ v[0]"), "float[4]");
  EXPECT_EQ(last("v[0] @ transpose(v)"), "float[4]");
  EXPECT_EQ(last("v - mean(v, axis = 1, keep = true)"), "float[4, 6]");
  EXPECT_EQ(last("concat([v, v[0..2]], axis = 0)"), "float[6, 6]");
  EXPECT_EQ(last("pad(v, 1, 1, 2)"), "float[4, 9]");
  EXPECT_EQ(last("broadcast(v[0], [3, 2, 6])"), "float[3, 2, 6]");
  EXPECT_EQ(last("v * positions(n)"), "float[4, 6]");
  EXPECT_EQ(last("stop_gradient(v)"), "float[4, 6]");
  EXPECT_EQ(last("if v > 0 and v < 1 then v else 0"), "float[4, 6]");
  EXPECT_EQ(last("if n > 5 then v[0] else v"), "float[6]");
  EXPECT_EQ(last("reshape(v, [2, -1, 3])"), "float[2, 4, 3]");
}

TEST(Networks, FeaturesComeInAsNumbersEmbeddingsAndBags) {
  const Checked c("net.mlp",
                  "schema Row { c : category, a : float, t : text, b : int, y : bool }\nsource rows: Row = csv(\"rows.csv\")\nfeatures x from rows { c, a, t = t |> tf_idf, b }\n"
                  "model m = network { predict y from x, layers = dense(1), embedding = 5 }\n");
  ASSERT_EQ(c.findings(), std::vector<std::string>{}) << c.text();
  const ir::Network& n = network(c);
  EXPECT_EQ(n.tensors[0].features, (std::vector<std::int32_t>{1, 3}));
  EXPECT_EQ(weights(n), (std::vector<std::string>{"embedding.c float[?, 5]", "embedding.t float[?, 5]", "dense_1.w float[12, 1]", "dense_1.b float[1]"}));
  EXPECT_EQ(n.weights[0].table_of, 0);
  EXPECT_EQ(n.weights[1].table_of, 2);
  EXPECT_EQ(count(n, ir::TensorOp::gather), 1);
  EXPECT_EQ(count(n, ir::TensorOp::gather_bag), 1);
}

TEST(Networks, StatesMasksAndBranches) {
  const Checked c = of_layers("batch_norm |> dropout(20%) |> dropout(0) |> dropout(30%) |> dense(1)");
  ASSERT_EQ(c.findings(), std::vector<std::string>{}) << c.text();
  const ir::Network& n = network(c);
  ASSERT_EQ(n.states.size(), 2u);
  EXPECT_EQ(n.states[0].name, "batch_norm_1.mu");
  EXPECT_EQ(n.states[0].start, 0);
  EXPECT_EQ(n.states[1].start, 1);
  EXPECT_EQ(count(n, ir::TensorOp::mask), 2);
  // A branch that is not taken makes no weight.
  const Checked one = of_layers("maybe(false) |> dense(1)", "layer maybe(v: float[n], more: bool) -> float[n] = if more then v * weight([n]) else v\n");
  ASSERT_EQ(one.findings(), std::vector<std::string>{}) << one.text();
  EXPECT_EQ(network(one).weights.size(), 2u);
}

TEST(Networks, LossesAndOptimizers) {
  for (const char* loss : {"squared", "quantile(0.9)", "poisson", "huber", "log_cosh"}) {
    const Checked c = of_layers("dense(1), loss = " + std::string(loss));
    ASSERT_EQ(c.findings(), std::vector<std::string>{}) << loss << c.text();
    EXPECT_EQ(network(c).optimizer.name, "adam");
    EXPECT_EQ(network(c).optimizer.rate, 0.001);
    EXPECT_EQ(network(c).optimizer.kept, 2);
    EXPECT_EQ(c.module.model.settings.learning_rate, 0.001);
  }
  for (const char* loss : {"logistic", "focal", "weighted_logistic(positive = 3)"}) {
    const Checked c = of_layers("dense(1), loss = " + std::string(loss), "", "y");
    EXPECT_EQ(c.findings(), std::vector<std::string>{}) << loss << c.text();
  }
  const std::vector<std::pair<std::string, std::size_t>> kept = {{"sgd", 1}, {"momentum", 2}, {"adam", 3}, {"adamw", 3}, {"rmsprop", 2}, {"adagrad", 2}};
  for (const auto& [name, results] : kept) {
    const Checked c = of_layers("dense(1), optimizer = " + name + "(lr = 0.5)");
    ASSERT_EQ(c.findings(), std::vector<std::string>{}) << name << c.text();
    EXPECT_EQ(network(c).optimizer.results.size(), results) << name;
    EXPECT_EQ(network(c).optimizer.rate, 0.5);
  }
  // A loss without curvature trains a network.
  const Checked straight = of_layers("dense(1), loss = mine", "loss mine(y: float, score: float) -> float = abs(y - score)\n");
  EXPECT_EQ(straight.findings(), std::vector<std::string>{}) << straight.text();
}

}  // namespace
}  // namespace mlp
