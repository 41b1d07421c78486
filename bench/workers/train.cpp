// Trains gbdt or linear in memory, one thread or more, and measures it.
//   bench_train gbdt ROWS.f32 LABELS.u8 TEST.f32 WIDTHS THREADS OUTPUT TREES LEAVES [LOSS]
//   bench_train linear ROWS.f32 LABELS.u8 TEST.f32 WIDTHS THREADS OUTPUT L2
// WIDTHS: categories by column, 0 = a number, as `0,0,12`. OUTPUT gets the probabilities of the test rows. The figures: the
// seconds from columns of doubles to a model, and, with gbdt, between two rounds. LOSS: a loss of the language, as text.
#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "base/files.h"
#include "bench/workers/worker.h"
#include "engine/pipeline.h"
#include "runtime/learn/learn.h"

namespace {

using namespace mlp;

std::vector<std::vector<double>> columns_of(const std::string& path, std::size_t columns) {
  const std::vector<float> rows = bench::read<float>(path);
  std::vector<std::vector<double>> out(columns, std::vector<double>(rows.size() / columns));
  for (std::size_t i = 0; i < rows.size(); ++i) out[i % columns][i / columns] = rows[i];
  return out;
}
model::Matrix matrix(const std::vector<std::vector<double>>& columns) {
  model::Matrix out;
  for (const auto& column : columns) out.push_back(column.data());
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 9) return 2;
  const bool linear = std::string(argv[1]) == "linear";
  learn::Request request;
  std::istringstream widths(argv[5]);
  for (std::string width; std::getline(widths, width, ',');) {
    model::FeatureInfo feature{.name = "f" + std::to_string(request.features.size())};
    feature.width = std::atoi(width.c_str());
    feature.category = feature.width > 0;
    request.features.push_back(feature);
  }
  const auto train = columns_of(argv[2], request.features.size()), test = columns_of(argv[4], request.features.size());
  request.threads = std::atoi(argv[6]);
  request.train.rows = static_cast<std::int64_t>(train[0].size());
  request.train.columns = matrix(train);
  for (const std::uint8_t label : bench::read<std::uint8_t>(argv[3])) request.train.target.push_back(label);

  std::string spec = "schema Row {\n  a : float\n  y : bool\n}\nsource rows_in: Row = csv(\"rows.csv\")\nfeatures x from rows_in {\n  a\n}\n";
  if (argc > 10) spec += std::string(argv[10]) + "\n";
  spec += std::string("model m = ") + (linear ? "linear" : "gbdt") + " {\n  predict y from x\n";
  spec += linear ? std::string("  l2 = ") + argv[8] + "\n" : std::string("  trees = ") + argv[8] + "\n  leaves = " + argv[9] + "\n";
  if (argc > 10) spec += "  loss = mine\n";
  const engine::Pipeline pipeline = engine::prepare("bench", spec + "}\n");
  request.settings = pipeline.program().model.settings;
  if (argc > 10) request.loss = {pipeline.kernels->find("loss"), pipeline.kernels->find("loss_derivatives")};
  request.classes = {"false", "true"};
  const double most = *std::max_element(request.train.target.begin(), request.train.target.end());
  for (int c = 2; c <= most; ++c) request.classes.push_back(std::to_string(c));
  if (most > 1) request.settings.loss = Loss::softmax;

  learn::Outcome outcome;
  const auto run = [&]() -> std::vector<double> {
    double first = 0, last = 0;
    std::int64_t rounds = 0;
    request.on_round = [&](const learn::Progress&) {
      last = bench::now();
      if (rounds++ == 0) first = last;
    };
    const double start = bench::now();
    outcome = linear ? learn::train_linear(request) : learn::train_gbdt(request);
    const double end = bench::now();
    if (linear) return {end - start};
    return {end - start, (last - first) / static_cast<double>(rounds - 1)};
  };
  run();
  const std::int64_t rows = static_cast<std::int64_t>(test[0].size());
  const auto width = static_cast<std::size_t>(model::width(outcome.model));
  std::vector<double> scores(static_cast<std::size_t>(rows * outcome.model.outputs())), out(static_cast<std::size_t>(rows) * width), positive;
  model::Scorer(outcome.model).score(matrix(test), rows, scores.data());
  model::link(outcome.model, scores.data(), rows, out.data());
  for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) positive.push_back(out[i * width + width - 1]);
  bench::write(argv[7], positive);
  std::string info = std::string("{\"version\": \"mlp\", \"output\": \"") + argv[7] + "\"";
  if (linear) {
    char text[64];
    info += ", \"weights\": [";
    std::snprintf(text, sizeof text, "%.17g", outcome.model.linear.intercept[0]);
    info += text;
    for (const double w : outcome.model.linear.weights) std::snprintf(text, sizeof text, ", %.17g", w), info += text;
    info += "]";
  }
  return bench::serve(info + "}", std::function<std::vector<double>()>(run));
}
