#include "engine/search.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "compiler/ir/text/text.h"
#include "runtime/learn/random.h"

namespace mlp::engine {
namespace {

constexpr std::size_t startup = 20, forgetting = 25;
constexpr int candidates = 24;
constexpr double gamma = 0.25, prior_weight = 1;

// Randomness of one range in one trial.
struct Draw {
  std::uint64_t seed, stream, next = 0;
  Draw(const Tune& tune, std::int64_t trial, std::size_t range) : seed(tune.seed), stream((static_cast<std::uint64_t>(trial) << 16) | range) {}
  double unit() { return learn::random_unit(seed, stream, next++); }
  double normal() {  // Box and Muller
    const double u = 1 - unit(), v = unit();
    return std::sqrt(-2 * std::log(u)) * std::cos(2 * M_PI * v);
  }
};

// The axis of a range of numbers. Whole numbers own the unit around them.
struct Axis {
  double low, high;
  explicit Axis(const TuneRange& r) : low(r.whole ? r.low - 0.5 : r.low), high(r.whole ? r.high + 0.5 : r.high) {
    if (r.log) low = std::log(r.whole ? r.low : low), high = std::log(r.whole ? r.high : high);
  }
};

double settle(const TuneRange& r, double at) {  // the nearest point that the range has
  if (!r.whole) return at;
  const double value = std::clamp(std::round(r.log ? std::exp(at) : at), r.low, r.high);
  return r.log ? std::log(value) : value;
}

double even(const TuneRange& r, Draw& draw) {
  if (!r.choices.empty()) return std::floor(draw.unit() * static_cast<double>(r.choices.size()));
  const Axis axis(r);
  return settle(r, axis.low + draw.unit() * (axis.high - axis.low));
}

// Old observations count less: full weight to the last 25.
std::vector<double> forget(std::size_t n) {
  std::vector<double> weight(n, 1);
  if (n <= forgetting) return weight;
  const std::size_t ramp = n - forgetting;
  for (std::size_t i = 0; i < ramp; ++i) weight[i] = ramp == 1 ? 1.0 / static_cast<double>(n) : 1.0 / static_cast<double>(n) + (1 - 1.0 / static_cast<double>(n)) * static_cast<double>(i) / static_cast<double>(ramp - 1);
  return weight;
}

// A mixture of normals, one around each observation and a wide one around the middle; as wide as the way to their neighbours.
struct Mixture {
  std::vector<double> mean, sd, weight;
  Axis axis;
  Mixture(const TuneRange& range, const std::vector<double>& seen) : axis(range) {
    const double prior = (axis.low + axis.high) / 2, wide = axis.high - axis.low;
    std::vector<std::size_t> order(seen.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return seen[a] < seen[b]; });
    const std::vector<double> recent = forget(seen.size());
    for (const std::size_t i : order) mean.push_back(seen[i]), weight.push_back(recent[i]);
    const auto place = static_cast<std::size_t>(std::lower_bound(mean.begin(), mean.end(), prior) - mean.begin());
    mean.insert(mean.begin() + static_cast<std::ptrdiff_t>(place), prior);
    weight.insert(weight.begin() + static_cast<std::ptrdiff_t>(place), prior_weight);
    const std::size_t n = mean.size();
    const double least = wide / std::min<double>(100, 1 + static_cast<double>(n));
    for (std::size_t i = 0; i < n; ++i) {
      double width = wide;
      if (n == 2) width = wide / 2;
      else if (n > 2) width = std::max(i > 0 ? mean[i] - mean[i - 1] : 0, i + 1 < n ? mean[i + 1] - mean[i] : 0);
      sd.push_back(i == place ? wide : std::clamp(width, least, wide));
    }
    const double sum = std::accumulate(weight.begin(), weight.end(), 0.0);
    for (double& w : weight) w /= sum;
  }
  double draw(Draw& random) const {
    for (;;) {
      double u = random.unit();
      std::size_t i = 0;
      while (i + 1 < weight.size() && u >= weight[i]) u -= weight[i++];
      const double at = mean[i] + sd[i] * random.normal();
      if (at >= axis.low && at < axis.high) return at;
    }
  }
  // Logarithm of the density, or of the mass of the whole number that stands there; up to a constant of the range.
  double score(const TuneRange& range, double at) const {
    double from = at, to = at, sum = 0, inside = 0;
    if (range.whole) {
      const double value = range.log ? std::exp(at) : at;
      from = range.log ? std::log(std::max(value - 0.5, 1e-9)) : value - 0.5;
      to = range.log ? std::log(value + 0.5) : value + 0.5;
    }
    const auto below = [](double x, double m, double s) { return std::erfc(-(x - m) / s / std::sqrt(2.0)) / 2; };
    for (std::size_t i = 0; i < mean.size(); ++i) {
      const double z = (at - mean[i]) / sd[i];
      sum += weight[i] * (range.whole ? below(std::min(to, axis.high), mean[i], sd[i]) - below(std::max(from, axis.low), mean[i], sd[i]) : std::exp(-z * z / 2) / sd[i]);
      inside += weight[i] * (below(axis.high, mean[i], sd[i]) - below(axis.low, mean[i], sd[i]));
    }
    return std::log(std::max(sum, 1e-300)) - std::log(std::max(inside, 1e-300));
  }
};

std::vector<double> shares(const TuneRange& range, const std::vector<double>& seen) {
  std::vector<double> count(range.choices.size(), prior_weight);
  const std::vector<double> recent = forget(seen.size());
  for (std::size_t i = 0; i < seen.size(); ++i) count[static_cast<std::size_t>(seen[i])] += recent[i];
  const double sum = std::accumulate(count.begin(), count.end(), 0.0);
  for (double& c : count) c /= sum;
  return count;
}

}  // namespace

Point random_point(const Tune& tune, std::int64_t trial) {
  Point point;
  for (std::size_t r = 0; r < tune.ranges.size(); ++r) {
    Draw draw(tune, trial, r);
    point.push_back(even(tune.ranges[r], draw));
  }
  return point;
}

Point tpe_point(const Tune& tune, const std::vector<Observation>& seen) {
  const auto trial = static_cast<std::int64_t>(seen.size());
  if (seen.size() < startup) return random_point(tune, trial);
  std::vector<std::size_t> order(seen.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return seen[a].loss < seen[b].loss; });
  const auto good = std::min(static_cast<std::size_t>(std::ceil(gamma * std::sqrt(static_cast<double>(seen.size())))), forgetting);
  std::vector<bool> is_good(seen.size(), false);
  for (std::size_t i = 0; i < good; ++i) is_good[order[i]] = true;
  Point point;
  for (std::size_t r = 0; r < tune.ranges.size(); ++r) {
    const TuneRange& range = tune.ranges[r];
    std::vector<double> below, above;  // in the order of the trials
    for (std::size_t i = 0; i < seen.size(); ++i) (is_good[i] ? below : above).push_back(seen[i].at[r]);
    Draw draw(tune, trial, r);
    double best = 0, best_score = -std::numeric_limits<double>::infinity();
    if (!range.choices.empty()) {
      const std::vector<double> l = shares(range, below), g = shares(range, above);
      for (int c = 0; c < candidates; ++c) {
        double u = draw.unit();
        std::size_t i = 0;
        while (i + 1 < l.size() && u >= l[i]) u -= l[i++];
        if (const double score = std::log(l[i] / g[i]); score > best_score) best_score = score, best = static_cast<double>(i);
      }
    } else {
      const Mixture l(range, below), g(range, above);
      for (int c = 0; c < candidates; ++c) {
        const double at = settle(range, l.draw(draw));
        if (const double score = l.score(range, at) - g.score(range, at); score > best_score) best_score = score, best = at;
      }
    }
    point.push_back(best);
  }
  return point;
}

std::vector<Assignment> spell(const Tune& tune, const Point& point) {
  std::vector<Assignment> out;
  for (std::size_t r = 0; r < tune.ranges.size(); ++r) {
    const TuneRange& range = tune.ranges[r];
    if (!range.choices.empty()) {
      out.push_back({range.name, range.choices[static_cast<std::size_t>(point[r])]});
      continue;
    }
    const double value = range.log ? std::exp(point[r]) : point[r];
    if (range.whole) {
      out.push_back({range.name, std::to_string(std::llround(value))});
      continue;
    }
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.6g", value);
    double rounded = value;
    std::from_chars(digits, digits + std::strlen(digits), rounded);
    std::string text = ir::exact(std::clamp(rounded, range.low, range.high));
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
    out.push_back({range.name, text});
  }
  return out;
}

}  // namespace mlp::engine
