#include "engine/onnx.h"

#include <nlohmann/json.hpp>

#include "base/codes/training.h"
#include "compiler/onnx/network.h"

namespace mlp::engine {
namespace {

using onnx::Element;
using onnx::Graph;
using onnx::Name;
using Json = nlohmann::json;

Name number(Graph& g, double value) { return g.number(static_cast<float>(value)); }

// 1 / (1 + exp(-v)): as exact for a small probability as for a large one, which runtimes' Sigmoid is not.
Name logistic(Graph& g, const Name& minus_v) { return g.node("Div", {number(g, 1), g.node("Add", {number(g, 1), g.node("Exp", {minus_v})})}); }

Name both_classes(Graph& g, const Name& positive) {
  return g.node("Concat", {g.node("Sub", {number(g, 1), positive}), positive}, {{"axis", std::int64_t{1}}});
}

// model::apply for a column of evidence [N, 1].
Name apply(Graph& g, Calibrate method, const model::Curve& curve, const Name& evidence) {
  if (method == Calibrate::platt) return logistic(g, g.node("Add", {g.node("Mul", {evidence, number(g, curve.a)}), number(g, curve.b)}));
  // The first height and of each rise the part that lies below the evidence; in doubles, because steps may be steep.
  std::vector<double> from, width, rise;
  for (std::size_t i = 1; i < curve.x.size(); ++i) {
    from.push_back(curve.x[i - 1]);
    width.push_back(curve.x[i] - curve.x[i - 1]);
    rise.push_back(curve.y[i] - curve.y[i - 1]);
  }
  const auto one = [&](double v) { return g.doubles({}, {v}); };
  const Name z = g.cast(evidence, Element::float64);
  Name height = g.node("Mul", {z, one(0)});
  if (const auto n = static_cast<std::int64_t>(from.size()); n > 0) {
    const Name share = g.node("Clip", {g.node("Div", {g.node("Sub", {z, g.doubles({n}, from)}), g.doubles({n}, width)}), one(0), one(1)});
    height = g.node("MatMul", {share, g.doubles({n, 1}, rise)});
  }
  return g.cast(g.node("Add", {height, one(curve.y.front())}), Element::float32);
}

// model::evidence of several classes: the logarithm of the odds of each against the rest.
Name log_odds(Graph& g, const Name& score, std::int64_t classes) {
  const Name behind = g.node("Sub", {score, g.node("ReduceMax", {score}, {{"axes", onnx::Shape{1}}})});
  std::vector<float> others(static_cast<std::size_t>(classes * classes), 1.0f);
  for (std::int64_t c = 0; c < classes; ++c) others[static_cast<std::size_t>(c * classes + c)] = 0;
  const Name rest = g.node("MatMul", {g.node("Exp", {behind}), g.floats({classes, classes}, others)});
  return g.node("Sub", {behind, g.node("Log", {g.node("Max", {rest, number(g, std::numeric_limits<float>::min())})})});
}

Name calibrated(Graph& g, const model::Model& m, const Name& score) {
  const std::vector<model::Curve>& curves = m.calibration.curves;
  if (curves.size() == 1) return both_classes(g, apply(g, m.calibration.method, curves[0], score));
  const auto classes = static_cast<std::int64_t>(curves.size());
  const Name evidence = log_odds(g, score, classes);
  std::vector<Name> columns;
  for (std::int64_t c = 0; c < classes; ++c)
    columns.push_back(apply(g, m.calibration.method, curves[static_cast<std::size_t>(c)], g.node("Gather", {evidence, g.list({c})}, {{"axis", std::int64_t{1}}})));
  const Name all = g.node("Concat", columns, {{"axis", std::int64_t{1}}}), sum = g.node("ReduceSum", {all, g.list({1})});
  return g.node("Where", {g.node("Equal", {sum, number(g, 0)}), number(g, 1 / static_cast<double>(classes)), g.node("Div", {all, sum})});
}

// model::link of a network.
Name linked(Graph& g, const model::Model& m, const Name& score) {
  if (m.calibration.method != Calibrate::none) return calibrated(g, m, score);
  switch (m.loss) {
    case Loss::logistic: case Loss::custom_bool: return both_classes(g, logistic(g, g.node("Neg", {score})));
    case Loss::softmax: return g.node("Softmax", {score}, {{"axis", std::int64_t{1}}});
    case Loss::poisson: return g.node("Exp", {score});
    case Loss::custom: return m.link == Link::log ? g.node("Exp", {score}) : m.link == Link::logit ? logistic(g, g.node("Neg", {score})) : score;
    case Loss::squared: case Loss::quantile: case Loss::none: return score;
  }
  MLP_BUG("a loss without a link");
}

// What a caller must know to feed the file and to read its answer, as JSON by key.
void describe(Graph& g, const Loaded& loaded, const std::string& digest) {
  const package::Package& package = loaded.engine->package();
  const flow::Program& program = loaded.pipeline.program();
  g.metadata("pipeline", package.signature.name);
  g.metadata("package", digest);
  g.metadata("target", program.model.target_name);
  if (!package.model.classes.empty()) g.metadata("classes", Json(package.model.classes).dump());
  std::vector<std::string> numbers;
  for (const std::int32_t f : package.model.network.numbers) numbers.push_back(package.model.features[static_cast<std::size_t>(f)].name);
  if (!numbers.empty()) g.metadata("numbers", Json(numbers).dump());
  for (const ir::Feature& feature : program.features)
    if (feature.slot.known()) g.metadata((feature.encoding == ir::Encoding::bag ? "terms." : "codes.") + feature.name, Json(package.fitted.tables[static_cast<std::size_t>(feature.slot.index)].keys).dump());
}

}  // namespace

std::string to_onnx(const Loaded& loaded, const std::string& digest) {
  const package::Package& package = loaded.engine->package();
  const model::Model& m = package.model;
  if (m.kind != ModelKind::network)
    throw Failure(code::not_exportable, "`" + package.signature.name + "` is no network, and only networks are written as ONNX", "`mlp build` makes a program or a library of it");
  std::vector<onnx::Learned> weights, states;
  for (const model::NetworkTensor& tensor : m.network.weights) weights.push_back({tensor.shape, tensor.values.data()});
  for (const model::NetworkTensor& tensor : m.network.states) states.push_back({tensor.shape, tensor.values.data()});

  Graph g;
  const flow::Program& program = loaded.pipeline.program();
  Name score = onnx::write_network(g, program.model.network, program.features, weights, states, m.network.precision);
  if (m.network.unit != 1 || m.network.centre != 0) score = g.node("Add", {g.node("Mul", {score, number(g, m.network.unit)}), number(g, m.network.centre)});
  const onnx::Axis rows{0, "rows"};
  g.output("score", score, Element::float32, {rows, {m.network.outputs, {}}});
  const Name answer = linked(g, m, score);
  if (m.classes.empty()) g.output("value", g.node("Reshape", {answer, g.list({-1})}), Element::float32, {rows});
  else g.output("probabilities", answer, Element::float32, {rows, {static_cast<std::int64_t>(m.classes.size()), {}}});
  describe(g, loaded, digest);
  return g.file(package.signature.name);
}

}  // namespace mlp::engine
