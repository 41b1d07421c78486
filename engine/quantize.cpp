#include "engine/quantize.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "base/codes/training.h"
#include "engine/fit.h"
#include "engine/learn.h"
#include "runtime/model/network.h"
#include "runtime/score/probe.h"

namespace mlp::engine {
namespace {

model::Int8Weight to_bytes(const model::NetworkTensor& weight, const model::Int8Site& site, const model::InputRange& range) {
  model::Int8Weight out{site.k, site.n, site.turned, {}, std::vector<float>(static_cast<std::size_t>(site.n)), 1, 0};
  const auto at = [&](std::int64_t p, std::int64_t j) { return weight.values[static_cast<std::size_t>(site.turned ? j * site.k + p : p * site.n + j)]; };
  for (std::int64_t p = 0; p < site.k; ++p)
    for (std::int64_t j = 0; j < site.n; ++j) out.step[static_cast<std::size_t>(j)] = std::max(out.step[static_cast<std::size_t>(j)], std::fabs(at(p, j)));
  for (float& step : out.step) step = step > 0 ? step / 127 : 1;
  out.values.resize(static_cast<std::size_t>(site.k * site.n));
  for (std::int64_t p = 0; p < site.k; ++p)
    for (std::int64_t j = 0; j < site.n; ++j) {
      const double steps = std::nearbyint(static_cast<double>(at(p, j)) / out.step[static_cast<std::size_t>(j)]);
      out.values[static_cast<std::size_t>(p * site.n + j)] = static_cast<std::int8_t>(std::clamp(steps, -127.0, 127.0));
    }
  if (range.high > range.low) {
    out.input_step = (range.high - range.low) / 255;
    out.zero = static_cast<std::int32_t>(std::nearbyint(-static_cast<double>(range.low) / out.input_step));
  }
  return out;
}

}  // namespace

Quantized quantize(const Loaded& loaded, const Data& data, int threads) {
  Quantized out{loaded.engine->package(), {}};
  model::Model& m = out.package.model;
  const std::string& name = out.package.signature.name;
  if (m.kind != ModelKind::network) throw Failure(code::not_quantizable, "`" + name + "` is no network, and only networks multiply by weights", "leave `--quantize` out");
  if (data.test.row.empty()) throw Failure(code::not_quantizable, "no test row can tell what bytes cost `" + name + "`", "give the split a test part: `test = 20%`");

  std::vector<model::Int8Site> sites;
  for (const loop::Function& function : loaded.pipeline.unit.loops.network)
    if (function.name == "score")
      for (const loop::ByWeight& by : loop::only_multiplied(function))
        if (by.k <= model::most_int8_rows) sites.push_back({static_cast<std::size_t>(by.weight), by.k, by.n, by.turned});
  if (sites.empty()) throw Failure(code::not_quantizable, "`" + name + "` multiplies by no weight", "leave `--quantize` out");

  Part some = data.train;
  if (static_cast<std::int64_t>(some.row.size()) > calibration_rows) {  // spread over the part
    std::vector<std::int64_t> rows;
    for (std::int64_t i = 0; i < calibration_rows; ++i) rows.push_back(some.row[static_cast<std::size_t>(i) * some.row.size() / calibration_rows]);
    some = {data.train.table, std::move(rows), {}, {}, 0};
  }
  const FeatureColumns columns = features_of(loaded.pipeline, some, out.package.fitted, {}, threads);
  const std::vector<model::InputRange> ranges = model::NetworkScorer(m).observe(columns.matrix(), static_cast<std::int64_t>(some.row.size()), sites);
  for (const model::NetworkTensor& weight : m.network.weights) out.all += static_cast<std::int64_t>(weight.values.size());
  for (std::size_t i = 0; i < sites.size(); ++i) {
    model::NetworkTensor& weight = m.network.weights[sites[i].weight];
    weight.int8 = to_bytes(weight, sites[i], ranges[i]);
    out.weights += static_cast<std::int64_t>(weight.values.size());
    weight.values = {};
    weight.rounded = {};
  }

  const score::Engine engine(out.package, loaded.pipeline.kernels->find("features"), loaded.pipeline.network());
  const std::map<std::string, double> before = measure(*loaded.engine, data.test), after = measure(engine, data.test);
  out.metric = m.classes.empty() ? "rmse" : "accuracy";
  out.before = before.at(out.metric);
  out.after = after.at(out.metric);
  const double lost = m.classes.empty() ? out.after - out.before : out.before - out.after;
  out.worse = lost == 0 ? 0 : lost / out.before;
  auto manifest = nlohmann::ordered_json::parse(out.package.manifest);
  manifest["quantized"] = {{"weights", "int8"}, {"calibration_rows", some.row.size()}, {"test", {{"before", before}, {"after", after}}}};
  manifest["golden"] = score::golden_predictions(engine);
  out.package.manifest = manifest.dump(1);
  return out;
}

}  // namespace mlp::engine
