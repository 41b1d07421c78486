#include "runtime/learn/calibrate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/codes/training.h"
#include "base/diagnostic.h"
#include "runtime/model/exact_math.h"

namespace mlp::learn {
namespace {

// One class against the rest; weights above 0.
struct Sample {
  std::vector<double> z, weight;
  std::vector<std::uint8_t> positive;
};

model::Curve isotonic(const Sample& s) {
  std::vector<std::size_t> order(s.z.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return s.z[a] < s.z[b]; });
  struct Block {
    double low, high, weight, positive;
  };
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < order.size();) {
    Block block{s.z[order[i]], s.z[order[i]], 0, 0};
    for (; i < order.size() && s.z[order[i]] == block.low; ++i) {
      block.weight += s.weight[order[i]];
      if (s.positive[order[i]]) block.positive += s.weight[order[i]];
    }
    while (!blocks.empty() && blocks.back().positive * block.weight >= block.positive * blocks.back().weight) {
      const Block& before = blocks.back();
      block = {before.low, block.high, before.weight + block.weight, before.positive + block.positive};
      blocks.pop_back();
    }
    blocks.push_back(block);
  }
  model::Curve curve;
  for (const Block& block : blocks) {
    const double share = std::min(block.positive / block.weight, 1.0);
    for (const double x : {block.low, block.high}) {
      if (!curve.x.empty() && curve.x.back() == x) continue;
      curve.x.push_back(x);
      curve.y.push_back(curve.y.empty() ? share : std::max(share, curve.y.back()));
    }
  }
  return curve;
}

model::Curve platt(const Sample& s) {
  double positives = 0, negatives = 0;
  for (std::size_t i = 0; i < s.z.size(); ++i) (s.positive[i] ? positives : negatives) += s.weight[i];
  const double high = (positives + 1) / (positives + 2), low = 1 / (negatives + 2);
  // The objective: sum of w (t f + log(1 + exp(-f))), f = a z + b, which is minus the log likelihood of 1 / (1 + exp(f)).
  const auto loss = [&](double a, double b) {
    double sum = 0;
    for (std::size_t i = 0; i < s.z.size(); ++i) {
      const double f = a * s.z[i] + b;
      sum += s.weight[i] * ((s.positive[i] ? high : low) * f + model::softplus(-f));
    }
    return sum;
  };
  model::Curve curve;
  double &a = curve.a, &b = curve.b;
  b = model::exact_log((negatives + 1) / (positives + 1));
  double value = loss(a, b);
  for (int round = 0; round < 100; ++round) {
    double ga = 0, gb = 0, haa = 1e-12, hab = 0, hbb = 1e-12, size = 0;  // a ridge keeps the matrix regular
    for (std::size_t i = 0; i < s.z.size(); ++i) {
      const double z = s.z[i], p = model::sigmoid(-(a * z + b)), w = s.weight[i];
      const double d = w * ((s.positive[i] ? high : low) - p), h = w * p * (1 - p);
      ga += z * d, gb += d, size += std::fabs(d);
      haa += z * z * h, hab += z * h, hbb += h;
    }
    if (std::fabs(ga) <= 1e-12 * size && std::fabs(gb) <= 1e-12 * size) break;
    const double determinant = haa * hbb - hab * hab;
    const double da = -(hbb * ga - hab * gb) / determinant, db = -(haa * gb - hab * ga) / determinant;
    const double slope = ga * da + gb * db;
    double step = 1, fresh = value;
    for (; step >= 1e-10; step /= 2)
      if ((fresh = loss(a + step * da, b + step * db)) < value + 1e-4 * step * slope) break;
    if (!(fresh < value)) break;
    a += step * da;
    b += step * db;
    value = fresh;
  }
  return curve;
}

}  // namespace

void Judged::add(const Judged& more) {
  evidence.insert(evidence.end(), more.evidence.begin(), more.evidence.end());
  target.insert(target.end(), more.target.begin(), more.target.end());
  weight.insert(weight.end(), more.weight.begin(), more.weight.end());
}

model::Calibration calibrate(const model::Model& model, Calibrate method, const Judged& rows) {
  const std::size_t curves = static_cast<std::size_t>(model::evidence_width(model));
  MLP_CHECK(rows.evidence.size() == rows.target.size() * curves && (rows.weight.empty() || rows.weight.size() == rows.target.size()));
  model::Calibration out{method, {}};
  if (method == Calibrate::none) return out;
  std::vector<std::size_t> use;
  bool several = false;
  for (std::size_t i = 0; i < rows.target.size(); ++i) {
    if (!rows.weight.empty() && !(rows.weight[i] > 0)) continue;
    several = several || (!use.empty() && rows.target[i] != rows.target[use.front()]);
    use.push_back(i);
  }
  if (!several)
    throw Failure(code::nothing_to_calibrate, use.empty() ? "there are no rows to calibrate on" : "the " + std::to_string(use.size()) + " rows to calibrate on are of one class",
                  "give the valid part more rows, or split by `stratified(…)`; or leave `calibrate` out");
  for (std::size_t c = 0; c < curves; ++c) {
    Sample sample;
    for (const std::size_t i : use) {
      const double z = rows.evidence[i * curves + c];
      if (!std::isfinite(z)) continue;        // a row without an answer
      sample.z.push_back(z);
      sample.weight.push_back(rows.weight.empty() ? 1.0 : rows.weight[i]);
      sample.positive.push_back(rows.target[i] == static_cast<double>(curves == 1 ? 1 : c));
    }
    out.curves.push_back(method == Calibrate::platt ? platt(sample) : isotonic(sample));
  }
  return out;
}

}  // namespace mlp::learn
