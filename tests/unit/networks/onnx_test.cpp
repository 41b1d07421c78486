// Networks as ONNX: what ONNX Runtime computes of them against the reference evaluator.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/files.h"
#include "compiler/derive/graph.h"
#include "compiler/onnx/network.h"
#include "stdlib/builtins/builtins.h"
#include "tests/harness/network_run.h"

namespace mlp {
namespace {

using Json = nlohmann::json;

struct Exported {
  std::string file;
  Json inputs;                    // as tests/tools/onnx_run.py takes them
  std::vector<double> scores;     // by the reference
};

// A network with its data as a file and what goes into it.
Exported export_network(const ir::Network& net, const std::vector<ir::Feature>& features, const std::vector<std::int64_t>& table_rows, reference::NetworkInputs in) {
  std::vector<std::vector<float>> values;
  const auto learned = [&](const std::vector<double>& v, std::vector<std::int64_t> shape, std::int64_t rows) {
    if (rows) shape[0] = rows;
    values.emplace_back(v.begin(), v.end());
    return onnx::Learned{shape, values.back().data()};
  };
  values.reserve(in.weights.size() + in.states.size());
  std::vector<onnx::Learned> weights, states;
  for (std::size_t w = 0; w < in.weights.size(); ++w) weights.push_back(learned(in.weights[w], net.weights[w].shape, table_rows[w]));
  for (std::size_t s = 0; s < in.states.size(); ++s) states.push_back(learned(in.states[s], net.states[s].shape, 0));
  Exported out;
  onnx::Graph graph;
  const onnx::Name score = onnx::write_network(graph, net, features, weights, states);
  const std::vector<std::int64_t>& shape = net[net.score].shape;
  graph.output("score", score, onnx::Element::float32, {{0, "rows"}, {shape.empty() ? 1 : shape[0], {}}});
  out.file = graph.file("random");
  std::vector<double> numbers;
  const auto input = [&](const std::string& name, const char* type, const Json& of, const Json& data) { out.inputs[name] = {{"type", type}, {"shape", of}, {"data", data}}; };
  for (const ir::Tensor& t : net.tensors) {
    const auto f = static_cast<std::size_t>(t.integer);
    if (t.op == ir::TensorOp::numbers && numbers.empty()) {
      for (std::int64_t row = 0; row < in.rows; ++row)
        for (const std::int32_t n : t.features) numbers.push_back(in.numbers[static_cast<std::size_t>(n)][static_cast<std::size_t>(row)]);
      input("numbers", "float32", {in.rows, t.features.size()}, numbers);
    } else if (t.op == ir::TensorOp::code) {
      std::vector<std::int64_t> codes;
      for (const double v : in.numbers[f]) codes.push_back(std::isnan(v) ? -1 : static_cast<std::int64_t>(v));
      input("code." + features[f].name, "int64", {in.rows}, codes);
    } else if (t.op == ir::TensorOp::bag) {
      std::vector<std::int64_t> terms, offsets;
      std::vector<double> weight;
      for (const mlp_bag& bag : in.bags[f]) {
        offsets.push_back(static_cast<std::int64_t>(terms.size()));
        for (std::int64_t i = 0; i < bag.size; ++i) terms.push_back(bag.terms[i].term), weight.push_back(bag.terms[i].value);
      }
      const std::string name = "bag." + features[f].name;
      input(name + ".terms", "int64", {terms.size()}, terms);
      input(name + ".values", "float32", {terms.size()}, weight);
      input(name + ".offsets", "int64", {in.rows}, offsets);
    }
  }
  in.training = false;
  out.scores = reference::evaluate(net, in)[static_cast<std::size_t>(net.score.index)];
  return out;
}

class Onnx : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(python_)) GTEST_SKIP() << "no ONNX Runtime: scripts/install-dependencies --tests";
    directory_ = std::filesystem::temp_directory_path() / ("mlp_onnx_" + std::to_string(getpid()));
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  // The scores of all, by ONNX Runtime.
  std::vector<std::vector<double>> run(const std::vector<Exported>& all) {
    std::ofstream cases(directory_ / "cases");
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::filesystem::path model = directory_ / (std::to_string(i) + ".onnx");
      write_whole(model, all[i].file);
      cases << Json{{"model", model.string()}, {"inputs", all[i].inputs}, {"output", "score"}}.dump() << '\n';
    }
    cases.close();
    const std::string command = python_ + " " + MLP_SOURCE_DIR + "/tests/tools/onnx_run.py " + (directory_ / "cases").string() + " > " + (directory_ / "answers").string();
    EXPECT_EQ(std::system(command.c_str()), 0);
    std::vector<std::vector<double>> out;
    std::ifstream answers(directory_ / "answers");
    for (std::string line; std::getline(answers, line);) {
      out.emplace_back();
      std::istringstream words(line);
      for (std::string word; words >> word;) out.back().push_back(std::strtod(word.c_str(), nullptr));
    }
    EXPECT_EQ(out.size(), all.size());
    out.resize(all.size());
    return out;
  }

 private:
  const std::string python_ = std::string(MLP_SOURCE_DIR) + "/third_party/onnxruntime/bin/python";
  std::filesystem::path directory_;
};

TEST_F(Onnx, RandomNetworksAgreeWithTheReference) {
  const char *const size = std::getenv("MLP_NETWORKS"), *const first = std::getenv("MLP_NETWORKS_FROM");
  const int count = size ? std::atoi(size) : 120, from = first ? std::atoi(first) : 0;
  std::vector<Exported> all;
  for (int seed = from; seed < from + count; ++seed) {
    std::mt19937_64 rng(static_cast<std::uint64_t>(seed) + 1);
    const harness::RandomNetwork random = harness::random_network(rng, {4 + seed % 14, false, 3 + static_cast<std::int64_t>(rng() % 30)});
    const harness::NetworkData data = harness::random_data(rng, random, 1 + static_cast<std::int64_t>(rng() % 40));
    all.push_back(export_network(random.network, random.features, random.table_rows, data.inputs));
  }
  const std::vector<std::vector<double>> got = run(all);
  for (std::size_t i = 0; i < all.size(); ++i) {
    ASSERT_EQ(got[i].size(), all[i].scores.size()) << "seed " << from + static_cast<int>(i);
    harness::Worst worst;
    for (std::size_t n = 0; n < got[i].size(); ++n) worst.see(got[i][n], all[i].scores[n], 1, "score " + std::to_string(n));
    EXPECT_LT(worst.error, 2e-4) << "seed " << from + static_cast<int>(i) << ": " << worst.where;
  }
}

// Each function of floats and bools on numbers where it bends, breaks and ends, and on what is none.
TEST_F(Onnx, EveryFunctionAgreesWithTheReference) {
  const std::vector<double> values = {-1e30, -90, -20, -2.5, -1.5, -1, -0.5, -0.49999997, -1e-4, -1e-7, 0, 1e-7, 1e-4, 0.3, 0.49999997, 0.5, 0.7, 1, 1.5, 2.5, 7, 20, 88, 1e30};
  reference::NetworkInputs in;
  in.numbers.resize(3);
  for (const double a : values)
    for (const double b : values) {
      in.numbers[0].push_back(static_cast<float>(a));
      in.numbers[1].push_back(static_cast<float>(b));
      in.numbers[2].push_back(static_cast<float>(std::max(b, 0.6)));
    }
  in.rows = static_cast<std::int64_t>(in.numbers[0].size());
  std::vector<Exported> all;
  std::vector<std::string> names;
  for (const Builtin& b : builtins()) {
    const auto plain = [](const BuiltinType& t) { return t.shape == BuiltinShape::scalar && (t.type.scalar == Scalar::real || t.type.scalar == Scalar::boolean); };
    if (b.kind != BuiltinKind::function || (b.code_class() != "op" && b.code_class() != "call") || !plain(b.result) || b.result.type.nullable) continue;
    if (!std::all_of(b.parameters.begin(), b.parameters.end(), [&](const BuiltinParameter& p) { return plain(p.type); })) continue;
    for (const bool broken : {false, true}) {
      ir::Network net;
      derive::Graph g(net);
      const ir::TensorId numbers = g.write({.op = ir::TensorOp::numbers, .shape = {3}, .rows = true, .features = {0, 1, 2}});
      std::vector<ir::TensorId> args;
      for (std::size_t i = 0; i < b.parameters.size(); ++i) {
        ir::TensorId v = g.write({.op = ir::TensorOp::slice, .shape = {1}, .args = {numbers}, .integer = 0, .axes = {static_cast<std::int64_t>(i), 1}});
        if (broken && i == 0) v = g.select(g.map("gt", {v, g.constant(0)}), v, g.constant(std::numeric_limits<double>::quiet_NaN()));
        args.push_back(b.parameters[i].type.type.scalar == Scalar::boolean ? g.map("gt", {v, g.constant(0.4)}) : v);
      }
      net.score = g.map(b.name, args);
      if (b.result.type.scalar == Scalar::boolean) net.score = g.select(net.score, g.constant(1), g.constant(0));
      all.push_back(export_network(net, std::vector<ir::Feature>(3), {}, in));
      names.push_back(std::string(b.name) + (broken ? " of what may be no number" : ""));
    }
  }
  EXPECT_GT(names.size(), 80u);
  const std::vector<std::vector<double>> got = run(all);
  for (std::size_t i = 0; i < all.size(); ++i) {
    ASSERT_EQ(got[i].size(), all[i].scores.size()) << names[i];
    harness::Worst worst;
    for (std::size_t n = 0; n < got[i].size(); ++n)
      worst.see(got[i][n], static_cast<float>(all[i].scores[n]), 1e-2, names[i] + " of " + std::to_string(in.numbers[0][n]) + ", " + std::to_string(in.numbers[1][n]));
    EXPECT_LT(worst.error, 2e-5) << worst.where;
  }
}

}  // namespace
}  // namespace mlp
