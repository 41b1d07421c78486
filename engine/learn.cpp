#include "engine/learn.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "base/timing.h"
#include "compiler/ir/loop/segments.h"
#include "engine/kernels.h"
#include "runtime/learn/metrics.h"
#include "runtime/product/bf16.h"

namespace mlp::engine {
namespace {

learn::Dataset dataset(const Part& part, const FeatureColumns& columns) {
  learn::Dataset set;
  set.rows = static_cast<std::int64_t>(part.row.size());
  set.columns = columns.matrix();
  set.target = part.target;
  set.weight = part.weight;
  set.row_id = part.row;
  return set;
}

std::vector<model::FeatureInfo> describe_features(const flow::Program& program, const fit::Fitted& fitted) {
  std::vector<model::FeatureInfo> infos;
  for (const ir::Feature& feature : program.features) {
    model::FeatureInfo info;
    info.name = feature.name;
    if (feature.encoding == ir::Encoding::bag) {
      info.bag = true;
      info.table = feature.slot.known() ? feature.slot.index : -1;
      info.terms = static_cast<std::int32_t>(feature.bag.buckets > 0 ? feature.bag.buckets : static_cast<std::int64_t>(fitted.tables[feature.slot.index].keys.size()));
    } else if (feature.encoding != ir::Encoding::number) {
      info.category = feature.encoding == ir::Encoding::category;
      info.one_hot = feature.encoding == ir::Encoding::one_hot;
      info.width = static_cast<std::int32_t>(fitted.tables[feature.slot.index].keys.size());
    }
    infos.push_back(std::move(info));
  }
  return infos;
}

std::vector<int> directions(const flow::Program& program) {
  std::vector<int> monotone(program.features.size(), 0);
  const auto mark = [&](const std::vector<std::string>& names, int direction) {
    for (const std::string& name : names)
      for (std::size_t f = 0; f < program.features.size(); ++f)
        if (program.features[f].name == name) monotone[f] = direction;
  };
  mark(program.model.increasing, 1);
  mark(program.model.decreasing, -1);
  return monotone;
}

// How the runtime trains the network of the spec. The first axis of a table is as long as its feature has codes or terms.
learn::NetworkPlan plan_network(const Pipeline& pipeline, const std::vector<model::FeatureInfo>& features) {
  const ir::Network& network = pipeline.program().model.network;
  learn::NetworkPlan plan;
  plan.train = pipeline.kernels->find_network("train");
  plan.score = pipeline.kernels->find_network("score");
  plan.update = pipeline.kernels->find_update();
  const std::vector<std::int64_t>& score = network[network.score].shape;
  plan.outputs = score.empty() ? 1 : static_cast<std::int32_t>(score.front());
  for (const ir::Tensor& tensor : network.tensors)
    if (tensor.op == ir::TensorOp::numbers) plan.numbers = tensor.features;
  for (const ir::Weight& weight : network.weights)
    plan.weights.push_back({weight.name, shape_of(weight, features), static_cast<learn::Start>(weight.init), weight.scale, weight.decays});
  for (const ir::State& state : network.states) plan.states.push_back({state.name, state.shape, state.start, state.momentum});
  std::set<std::int64_t> multiplied;
  for (const loop::Function& function : pipeline.unit.loops.network) {
    if (function.name != "train") continue;
    for (const loop::Step& step : function.steps)
      if (step.alone) plan.weights[static_cast<std::size_t>(function.buffers[static_cast<std::size_t>(step.c.buffer.index)].number)].stored = true;
    for (const loop::Step& step : function.steps)
      if (step.kind == loop::StepKind::product && function.buffers[static_cast<std::size_t>(step.b.buffer.index)].memory == loop::Memory::weight)
        multiplied.insert(function.buffers[static_cast<std::size_t>(step.b.buffer.index)].number);
    for (const loop::Barrier& barrier : loop::segments_of(function).barriers) {
      std::vector<learn::NetworkSum>& sums = plan.barriers.emplace_back();
      for (const loop::RowSum& sum : barrier.sums) sums.push_back({sum.offset, sum.floats});
    }
  }
  for (const std::int64_t w : multiplied) {
    const std::vector<std::int64_t>& shape = plan.weights[static_cast<std::size_t>(w)].shape;
    plan.multiplied += std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  }
  plan.kept = network.optimizer.kept;
  plan.rate = network.optimizer.rate;
  return plan;
}

// Weights that are only multiplied are rounded once, as each product would round them: half the bytes, and the same scores.
void round_weights(const loop::Module& loops, model::Network& network) {
  for (const loop::Function& function : loops.network)
    if (function.name == "score")
      for (const loop::ByWeight& by : loop::only_multiplied(function)) {
        model::NetworkTensor& weight = network.weights[static_cast<std::size_t>(by.weight)];
        weight.rounded = {by.k, by.n, by.turned};
        for (float& v : weight.values) v = product::from_bf16(product::to_bf16(v));
      }
}

}  // namespace

std::vector<std::int64_t> shape_of(const ir::Weight& weight, const std::vector<model::FeatureInfo>& features) {
  std::vector<std::int64_t> shape = weight.shape;
  if (weight.table_of >= 0) {
    const model::FeatureInfo& feature = features[static_cast<std::size_t>(weight.table_of)];
    shape[0] = feature.bag ? feature.terms : feature.width;
  }
  return shape;
}

learn::Outcome train_model(const Pipeline& pipeline, const Division& rows, const Features& features, const TrainOptions& options, learn::BinCache* bins) {
  const flow::Program& program = pipeline.program();
  learn::Request request;
  request.settings = program.model.settings;
  request.features = describe_features(program, features.fitted);
  request.classes = rows.classes;
  request.monotone = directions(program);
  request.train = dataset(rows.train, features.train);
  request.valid = dataset(rows.valid, features.valid);
  request.threads = options.threads;
  request.bins = bins;
  if (is_custom(request.settings.loss)) request.loss = {pipeline.kernels->find("loss"), pipeline.kernels->find("loss_derivatives")};
  if (request.settings.kind == ModelKind::network) request.network = plan_network(pipeline, request.features);
  DeviceCode code;
  if (options.device) {
    code = timed("device code", [&] { return options.device->compile(pipeline.unit.loops); });
    request.device = &options.device->device;
    request.device_code = &code;
  }
  request.on_round = options.on_round;
  request.resume = options.resume;
  request.on_gradients = options.on_gradients;
  request.on_checkpoint = options.on_checkpoint;
  learn::Outcome outcome = learn::train(request);
  if (request.settings.precision == Precision::bf16) round_weights(pipeline.unit.loops, outcome.model.network);
  return outcome;
}

learn::Judged judge(const model::Model& model, const FeatureColumns& columns, const Part& part) {
  const auto rows = static_cast<std::int64_t>(part.row.size());
  std::vector<double> scores(static_cast<std::size_t>(rows) * model.outputs());
  model::Scorer(model).score(columns.matrix(), rows, scores.data());
  learn::Judged out{std::vector<double>(static_cast<std::size_t>(rows) * model::evidence_width(model)), part.target, part.weight};
  model::evidence(model, scores.data(), rows, out.evidence.data());
  return out;
}

std::map<std::string, double> measure(const model::Model& model, const FeatureColumns& columns, const Part& part) {
  const auto rows = static_cast<std::int64_t>(part.row.size());
  std::vector<double> scores(static_cast<std::size_t>(rows) * model.outputs()), predicted(static_cast<std::size_t>(rows) * model::width(model));
  model::Scorer(model).score(columns.matrix(), rows, scores.data());
  model::link(model, scores.data(), rows, predicted.data());
  return learn::metrics(model, predicted, part.target, part.weight, columns.matrix());
}

std::vector<double> predict(const score::Engine& engine, const Part& part, std::vector<std::vector<double>>* features) {
  const auto rows = static_cast<std::int64_t>(part.row.size());
  std::vector<double> out(static_cast<std::size_t>(rows) * engine.width());
  Blocks inputs(part, engine.package().signature.request_place);
  std::vector<std::vector<double>> seen;
  if (features) features->resize(engine.package().model.features.size());
  for (std::int64_t first = 0; first < rows; first += block_rows) {
    const std::int64_t count = std::min(block_rows, rows - first);
    engine.run(inputs.at(first, count), count, out.data() + first * engine.width(), features ? &seen : nullptr);
    for (std::size_t f = 0; features && f < seen.size(); ++f) (*features)[f].insert((*features)[f].end(), seen[f].begin(), seen[f].end());
  }
  return out;
}

std::map<std::string, double> measure(const score::Engine& engine, const Part& part) {
  const model::Model& model = engine.package().model;
  if (model.kind != ModelKind::kmeans) return learn::metrics(model, predict(engine, part), part.target, part.weight);
  std::vector<std::vector<double>> features;  // distances are between what the model sees
  const std::vector<double> predicted = predict(engine, part, &features);
  model::Matrix columns;
  for (const std::vector<double>& column : features) columns.push_back(column.data());
  return learn::metrics(model, predicted, part.target, part.weight, columns);
}

}  // namespace mlp::engine
