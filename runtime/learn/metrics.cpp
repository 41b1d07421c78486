#include "runtime/learn/metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/diagnostic.h"
#include "runtime/learn/clusters.h"
#include "runtime/model/exact_math.h"

namespace mlp::learn {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

struct Rows {
  const std::vector<double>& weight;
  std::int64_t count;
  double operator()(std::int64_t i) const { return weight.empty() ? 1.0 : weight[i]; }
};

// A share may be 0, of a forest or a calibrated model; its logarithm is bounded as scikit-learn does, by the spacing of doubles at 1.
double surprise(double p) { return -model::safe_log(std::max(p, std::numeric_limits<double>::epsilon())); }

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

// Mann-Whitney: a pair in order counts 1, a tie 1/2 (mid-ranks). NaN when one of the two sides has no weight, or a score is NaN.
template <class Score, class Positive>
double auc(const Rows& rows, const Score& score, const Positive& positive) {
  std::vector<std::pair<double, std::int64_t>> sorted;
  sorted.reserve(rows.count);
  for (std::int64_t i = 0; i < rows.count; ++i) {
    if (std::isnan(score(i))) return none;  // has no place in an order
    sorted.emplace_back(score(i), i);
  }
  std::sort(sorted.begin(), sorted.end());
  double below = 0, positives = 0, pairs = 0;
  for (std::size_t i = 0; i < sorted.size();) {
    double tie_positive = 0, tie_negative = 0;
    std::size_t j = i;
    for (; j < sorted.size() && sorted[j].first == sorted[i].first; ++j)
      (positive(sorted[j].second) ? tie_positive : tie_negative) += rows(sorted[j].second);
    pairs += tie_positive * (below + tie_negative / 2);
    below += tie_negative;
    positives += tie_positive;
    i = j;
  }
  return positives > 0 && below > 0 ? pairs / (positives * below) : none;
}

// Expected calibration error (Naeini et al. 2015; Guo et al. 2017): rows fall into bins by a probability; the mean over rows of
// the distance between a bin's mean probability and its share of hits. A probability of 1 falls into the last bin.
class CalibrationError {
 public:
  void add(double p, bool hit, double w) {
    if (std::isnan(p)) return void(broken_ = true);
    Bin& bin = bins_[static_cast<std::size_t>(std::clamp(p * count, 0.0, count - 1.0))];
    bin.p += w * p;
    bin.hits += hit ? w : 0;
  }
  double value(double total) const {
    double sum = 0;
    for (const Bin& bin : bins_) sum += std::fabs(bin.p - bin.hits);
    return broken_ ? none : sum / total;
  }

 private:
  static constexpr int count = 15;
  struct Bin {
    double p = 0, hits = 0;
  };
  std::array<Bin, count> bins_;
  bool broken_ = false;
};

void binary(std::map<std::string, double>& out, const Rows& rows, const std::vector<double>& predicted, const std::vector<double>& target) {
  double total = 0, loss = 0, brier = 0, hit_positive = 0, hit_negative = 0, called = 0, positives = 0;
  CalibrationError calibration;  // of the positive class
  for (std::int64_t i = 0; i < rows.count; ++i) {
    const double w = rows(i), p = predicted[2 * i + 1];
    const bool y = target[i] != 0, call = p >= 0.5;
    total += w;
    loss += w * surprise(predicted[2 * i + (y ? 1 : 0)]);
    brier += w * (p - y) * (p - y);
    calibration.add(p, y, w);
    positives += y ? w : 0;
    called += call ? w : 0;
    (y ? hit_positive : hit_negative) += call == y ? w : 0;
  }
  const double precision = ratio(hit_positive, called), recall = ratio(hit_positive, positives);
  out["auc"] = auc(rows, [&](std::int64_t i) { return predicted[2 * i + 1]; }, [&](std::int64_t i) { return target[i] != 0; });
  out["accuracy"] = (hit_positive + hit_negative) / total;
  out["logloss"] = loss / total;
  out["brier"] = brier / total;
  out["ece"] = calibration.value(total);
  out["precision"] = precision;
  out["recall"] = recall;
  out["f1"] = ratio(2 * precision * recall, precision + recall);
}

void classes(std::map<std::string, double>& out, const Rows& rows, std::int64_t k, const std::vector<double>& predicted,
             const std::vector<double>& target) {
  double total = 0, loss = 0, right = 0;
  CalibrationError calibration;  // of the most probable class
  std::vector<double> hit(k, 0), called(k, 0), actual(k, 0);
  for (std::int64_t i = 0; i < rows.count; ++i) {
    const double w = rows(i);
    const double* p = &predicted[i * k];
    const std::int64_t y = static_cast<std::int64_t>(target[i]), call = std::max_element(p, p + k) - p;
    total += w;
    loss += w * surprise(p[y]);
    calibration.add(p[call], call == y, w);
    actual[y] += w;
    called[call] += w;
    if (call == y) {
      hit[y] += w;
      right += w;
    }
  }
  double f1 = 0, auc_sum = 0;
  std::int64_t f1_classes = 0, auc_classes = 0;
  for (std::int64_t c = 0; c < k; ++c) {
    if (actual[c] + called[c] > 0) {
      f1 += 2 * hit[c] / (actual[c] + called[c]);
      ++f1_classes;
    }
    const double a = auc(rows, [&](std::int64_t i) { return predicted[i * k + c]; }, [&](std::int64_t i) { return target[i] == static_cast<double>(c); });
    if (!std::isnan(a)) {
      auc_sum += a;
      ++auc_classes;
    }
  }
  out["accuracy"] = right / total;
  out["logloss"] = loss / total;
  out["ece"] = calibration.value(total);
  out["macro_f1"] = f1_classes > 0 ? f1 / static_cast<double>(f1_classes) : none;
  out["auc"] = auc_classes > 0 ? auc_sum / static_cast<double>(auc_classes) : none;
}

void regression(std::map<std::string, double>& out, const Rows& rows, const model::Model& model, const std::vector<double>& predicted,
                const std::vector<double>& target) {
  double total = 0, sum = 0;
  for (std::int64_t i = 0; i < rows.count; ++i) {
    total += rows(i);
    sum += rows(i) * target[i];
  }
  const double mean = sum / total;
  double squares = 0, absolute = 0, variance = 0, relative = 0, relative_weight = 0, deviance = 0, pinball = 0;
  for (std::int64_t i = 0; i < rows.count; ++i) {
    const double w = rows(i), y = target[i], p = predicted[i], d = y - p;
    squares += w * d * d;
    absolute += w * std::fabs(d);
    variance += w * (y - mean) * (y - mean);
    if (y != 0) {
      relative += w * std::fabs(d / y);
      relative_weight += w;
    }
    deviance += w * 2 * ((y > 0 ? y * (model::safe_log(y) - model::safe_log(p)) : 0) - d);
    pinball += w * (d >= 0 ? model.quantile * d : (model.quantile - 1) * d);
  }
  out["rmse"] = std::sqrt(squares / total);
  out["mae"] = absolute / total;
  out["r2"] = variance > 0 ? 1 - squares / variance : none;
  out["mape"] = relative_weight > 0 ? relative / relative_weight : none;
  if (model.loss == Loss::poisson) out["poisson_deviance"] = deviance / total;
  if (model.loss == Loss::quantile) out["pinball"] = pinball / total;
}

// Mean precision over the positive rows, by falling score; equal scores come together (as scikit-learn has it). NaN without positives.
double average_precision(std::vector<std::pair<double, bool>> scored) {
  std::sort(scored.begin(), scored.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  double called = 0, hit = 0, sum = 0;
  for (std::size_t i = 0; i < scored.size();) {
    const double before = hit, score = scored[i].first;
    for (; i < scored.size() && scored[i].first == score; ++i) ++called, hit += scored[i].second;
    sum += (hit - before) * hit / called;
  }
  return hit > 0 ? sum / hit : none;
}

void anomalies(std::map<std::string, double>& out, std::int64_t count, const std::vector<double>& predicted, const std::vector<double>& truth) {
  double called = 0;
  for (std::int64_t i = 0; i < count; ++i) called += predicted[2 * i];
  out["anomaly_share"] = called / static_cast<double>(count);
  if (truth.empty()) return;
  std::vector<std::pair<double, bool>> scored;
  double positives = 0, known_called = 0, hit = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    if (std::isnan(truth[i])) continue;
    const bool positive = truth[i] != 0, call = predicted[2 * i] != 0;
    scored.emplace_back(predicted[2 * i + 1], positive);
    positives += positive;
    known_called += call;
    hit += positive && call;
  }
  const double precision = ratio(hit, known_called), recall = ratio(hit, positives);
  const std::vector<double> one_each;
  const Rows known{one_each, static_cast<std::int64_t>(scored.size())};
  out["auc"] = auc(known, [&](std::int64_t i) { return scored[i].first; }, [&](std::int64_t i) { return scored[i].second; });
  out["average_precision"] = average_precision(scored);
  out["precision"] = precision;
  out["recall"] = recall;
  out["f1"] = ratio(2 * precision * recall, precision + recall);
}

}  // namespace

std::map<std::string, double> metrics(const model::Model& model, const std::vector<double>& predicted, const std::vector<double>& target,
                                      const std::vector<double>& weight, const model::Matrix& columns) {
  const std::int64_t k = model::width(model);
  const Rows rows{weight, static_cast<std::int64_t>(predicted.size()) / k};
  const auto count = static_cast<std::size_t>(rows.count);
  MLP_CHECK(predicted.size() == count * static_cast<std::size_t>(k) && (target.size() == count || (target.empty() && !has_target(model.kind))));
  MLP_CHECK(weight.empty() || weight.size() == count);
  std::map<std::string, double> out;
  out["rows"] = static_cast<double>(rows.count);
  double total = 0;
  for (std::int64_t i = 0; i < rows.count; ++i) total += rows(i);
  if (!(total > 0)) return out;  // nothing to measure
  if (model.kind == ModelKind::kmeans)
    out.merge(cluster_metrics(model, columns, predicted, target, weight));
  else if (model.kind == ModelKind::isolation_forest)
    anomalies(out, rows.count, predicted, target);
  else if (is_binary(model.loss))
    binary(out, rows, predicted, target);
  else if (model.loss == Loss::softmax)
    classes(out, rows, k, predicted, target);
  else
    regression(out, rows, model, predicted, target);
  return out;
}

const std::vector<MetricInfo>& metric_table() {
  static const std::vector<MetricInfo> table = {
#define MLP_METRIC(name, unit, higher, meaning) {#name, unit, higher, meaning},
#include "runtime/learn/metrics.def"
#undef MLP_METRIC
  };
  return table;
}

}  // namespace mlp::learn
