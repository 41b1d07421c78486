// What a loss of the language costs: the builtin logistic and squared loss against the same written in the language, on
// gbdt and linear, one run of each in turn. Prints the median of the pairs' ratios, by processor time and by the clock.
//   bench_loss_speed [rows] [pairs]
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/pipeline.h"
#include "runtime/learn/learn.h"
#include "runtime/learn/metrics.h"
#include "runtime/learn/random.h"

namespace {

using namespace mlp;

constexpr int columns = 28;

double processor() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct Sample {
  std::vector<std::vector<double>> x;
  std::vector<double> number, truth;
};
Sample make(std::int64_t rows) {
  Sample s;
  for (int c = 0; c < columns; ++c) {
    std::vector<double>& column = s.x.emplace_back(rows);
    for (std::int64_t i = 0; i < rows; ++i) column[i] = learn::random_unit(1, c, i) * 2 - 1;
  }
  for (std::int64_t i = 0; i < rows; ++i) {
    double v = 0;
    for (int c = 0; c < columns; ++c) v += s.x[c][i] * (c % 5 - 2) / 3.0;
    v += s.x[0][i] * s.x[1][i] + (s.x[2][i] > 0.3 ? 1 : 0);
    s.number.push_back(v + learn::random_unit(2, 0, i));
    s.truth.push_back(1 / (1 + std::exp(-2 * v)) > learn::random_unit(3, 0, i));
  }
  return s;
}

engine::Pipeline prepare(bool classes, bool linear, bool custom) {
  std::string spec = "schema Row {\n  a: float\n  y: " + std::string(classes ? "bool" : "float") + "\n}\nsource rows: Row = csv(\"rows.csv\")\nfeatures x from rows { a }\n";
  if (custom && classes) spec += "loss mine(y: bool, score: float) -> float {\n  let p = sigmoid(score)\n  if y then -log(p) else -log(1 - p)\n}\n";
  if (custom && !classes) spec += "loss mine(y: float, score: float) -> float = (y - score) ^ 2 / 2\n";
  spec += "model m = " + std::string(linear ? "linear" : "gbdt") + " {\n  predict y from x\n  loss = " + (custom ? "mine" : classes ? "logistic" : "squared") + (linear ? "" : "\n  trees = 20") + "\n}\n";
  return engine::prepare("bench", spec);
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v.size() % 2 ? v[v.size() / 2] : (v[v.size() / 2 - 1] + v[v.size() / 2]) / 2;
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t rows = argc > 1 ? std::atoll(argv[1]) : 500'000;
  const int pairs = argc > 2 ? std::atoi(argv[2]) : 15;
  const Sample sample = make(rows);
  std::printf("%lld rows, %d columns, %d pairs, 1 thread\n", static_cast<long long>(rows), columns, pairs);
  bool within = true;
  for (const bool linear : {false, true}) {
    for (const bool classes : {true, false}) {
      double seconds[2] = {}, clock[2] = {}, metric[2] = {};
      std::vector<double> ratio, clock_ratio, builtin;
      const engine::Pipeline pipelines[2] = {prepare(classes, linear, false), prepare(classes, linear, true)};
      for (int pair = 0; pair < pairs; ++pair) {
        for (const int custom : {pair % 2, 1 - pair % 2}) {
          const engine::Pipeline& pipeline = pipelines[custom];
          learn::Request request;
          request.settings = pipeline.program().model.settings;
          if (custom) request.loss = {pipeline.kernels->find("loss"), pipeline.kernels->find("loss_derivatives")};
          request.train.rows = rows;
          for (int c = 0; c < columns; ++c) {
            request.train.columns.push_back(sample.x[c].data());
            request.features.push_back({.name = "x" + std::to_string(c)});
          }
          request.train.target = classes ? sample.truth : sample.number;
          if (classes) request.classes = {"false", "true"};
          const auto start = std::chrono::steady_clock::now();
          const double begin = processor();
          const learn::Outcome outcome = linear ? learn::train_linear(request) : learn::train_gbdt(request);
          seconds[custom] = processor() - begin;
          clock[custom] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
          std::vector<double> scores(rows), out(rows * model::width(outcome.model));
          model::Scorer(outcome.model).score(request.train.columns, rows, scores.data());
          model::link(outcome.model, scores.data(), rows, out.data());
          metric[custom] = learn::metrics(outcome.model, out, request.train.target, {}).at(classes ? "logloss" : "rmse");
        }
        ratio.push_back(seconds[1] / seconds[0]);
        clock_ratio.push_back(clock[1] / clock[0]);
        builtin.push_back(seconds[0]);
      }
      within = within && median(ratio) <= 1.2;
      std::printf("%-6s %-8s  builtin %.3f s   ratio %.3f by processor time (%.3f to %.3f), %.3f by the clock   %s %.9f builtin, %.9f written\n", linear ? "linear" : "gbdt",
                  classes ? "logistic" : "squared", median(builtin), median(ratio), *std::min_element(ratio.begin(), ratio.end()), *std::max_element(ratio.begin(), ratio.end()),
                  median(clock_ratio), classes ? "logloss" : "rmse", metric[0], metric[1]);
      std::fflush(stdout);
    }
  }
  return within ? 0 : 1;
}
