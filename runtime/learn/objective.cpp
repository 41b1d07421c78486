#include "runtime/learn/objective.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "base/codes/training.h"
#include "base/diagnostic.h"
#include "runtime/model/exact_math.h"

namespace mlp::learn {
namespace {

// Element-wise loops, compiled for several instruction sets; without contraction every set gives the same bits.
#define MLP_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))

MLP_CLONES void logistic_loss(const double* s, const double* y, double* out, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = model::softplus(y[i] != 0 ? -s[i] : s[i]);
}
MLP_CLONES void squared_loss(const double* s, const double* y, double* out, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = (y[i] - s[i]) * (y[i] - s[i]);
}
MLP_CLONES void pinball_loss(const double* s, const double* y, double q, double* out, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const double d = y[i] - s[i];
    out[i] = d >= 0 ? q * d : (q - 1) * d;
  }
}
MLP_CLONES void logistic_gradient(const double* s, const double* y, double* g, double* h, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const double p = model::sigmoid(s[i]);
    g[i] = p - y[i];
    h[i] = p * (1 - p);
  }
}
// Loss and derivatives share the exponential.
MLP_CLONES void logistic_all(const double* s, const double* y, double* loss, double* g, double* h, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const double e = model::exact_exp(s[i] < 0 ? s[i] : -s[i]), x = y[i] != 0 ? -s[i] : s[i];
    loss[i] = (x > 0 ? x : 0.0) + model::exact_log(1.0 + e);
    const double p = (s[i] < 0 ? e : 1.0) / (1.0 + e);
    g[i] = p - y[i];
    h[i] = p * (1 - p);
  }
}
MLP_CLONES void squared_gradient(const double* s, const double* y, double* g, double* h, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    g[i] = s[i] - y[i];
    h[i] = 1;
  }
}
MLP_CLONES void poisson_gradient(const double* s, const double* y, double* g, double* h, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const double mean = model::exact_exp(s[i]);
    g[i] = mean - y[i];
    h[i] = mean;
  }
}
MLP_CLONES void quantile_gradient(const double* s, const double* y, double q, double* g, double* h, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    g[i] = s[i] >= y[i] ? 1 - q : -q;
    h[i] = 1;
  }
}
MLP_CLONES void exps(const double* s, const double* top, double* out, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = model::exact_exp(s[i] - top[i]);
}

// In eight lanes on every machine; without weights each is 1.
MLP_CLONES double weighted_sum(const double* v, const double* weight, std::int64_t n) {
  constexpr std::int64_t lanes = 8;
  double sums[lanes] = {};
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (std::int64_t l = 0; l < lanes; ++l) sums[l] += weight ? weight[i + l] * v[i + l] : v[i + l];
  for (std::int64_t l = 0; i < n; ++i, ++l) sums[l] += weight ? weight[i] * v[i] : v[i];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}
// Sums and largest values of |g| and of h, in eight lanes on every machine.
MLP_CLONES void sizes_of(const double* g, const double* h, std::int64_t n, double& g_sum, double& h_sum, double& g_most, double& h_most) {
  constexpr std::int64_t lanes = 8;
  double gs[lanes] = {}, hs[lanes] = {}, gm[lanes] = {}, hm[lanes] = {};
  const auto add = [&](std::int64_t i, std::int64_t l) {
    const double a = std::fabs(g[i]);
    gs[l] += a;
    hs[l] += h[i];
    gm[l] = gm[l] < a ? a : gm[l];
    hm[l] = hm[l] < h[i] ? h[i] : hm[l];
  };
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (std::int64_t l = 0; l < lanes; ++l) add(i + l, l);
  for (std::int64_t l = 0; i < n; ++i, ++l) add(i, l);
  g_sum = h_sum = g_most = h_most = 0;
  for (std::int64_t l = 0; l < lanes; ++l) {
    g_sum += gs[l];
    h_sum += hs[l];
    g_most = std::max(g_most, gm[l]);
    h_most = std::max(h_most, hm[l]);
  }
}

double poisson_deviance(double score, double y) {
  const double mean = model::exact_exp(score);
  return 2 * ((y > 0 ? y * (model::safe_log(y) - score) : 0) - y + mean);
}

}  // namespace

std::vector<std::int64_t> rows_in_use(const Dataset& data) {
  std::vector<std::int64_t> rows;
  if (data.weight.empty()) {
    rows.resize(data.rows);
    std::iota(rows.begin(), rows.end(), 0);
    return rows;
  }
  rows.reserve(data.rows);
  for (std::int64_t i = 0; i < data.rows; ++i) {
    const double w = data.weight[i];
    if (!(w >= 0) || w > 1e30)
      throw Failure(code::bad_weight, "row " + std::to_string(i + 1) + " has the weight " + std::to_string(w),
                    "weights are numbers from 0 to 1e30");
    if (w > 0) rows.push_back(i);
  }
  return rows;
}

Labels labels_of(const Dataset& data, const std::vector<std::int64_t>& rows) {
  Labels out;
  out.target.reserve(rows.size());
  for (const std::int64_t r : rows) out.target.push_back(data.target[r]);
  if (data.weight.empty()) {
    out.total_weight = static_cast<double>(rows.size());
    return out;
  }
  out.weight.reserve(rows.size());
  for (const std::int64_t r : rows) {
    out.weight.push_back(data.weight[r]);
    out.total_weight += data.weight[r];
  }
  return out;
}

void check_targets(const Labels& labels, Loss loss, std::size_t classes) {
  if (labels.rows() == 0)
    throw Failure(code::no_training_rows, "there are no rows to train on",
                  "look at the split, at filters and at weights: the training part needs rows with a positive weight");
  const bool classify = is_binary(loss) || loss == Loss::softmax;
  for (std::int64_t i = 0; i < labels.rows(); ++i) {
    const double y = labels.target[i];
    if (!(std::fabs(y) <= 1e100))
      throw Failure(code::bad_label, "the label of training row " + std::to_string(i + 1) + " is not a finite number of at most 1e100",
                    "filter such rows, or mend them in the source");
    if (loss == Loss::poisson && y < 0)
      throw Failure(code::bad_label, "the label of training row " + std::to_string(i + 1) + " is negative, which `poisson` cannot model",
                    "use `loss = squared`, or predict a count");
    if (classify) MLP_CHECK(y >= 0 && y < static_cast<double>(classes) && y == std::floor(y));
  }
  if (std::ranges::all_of(labels.target, [&](double y) { return y == labels.target[0]; }))
    throw Failure(code::label_single_value, "the label has one value in all " + std::to_string(labels.rows()) + " training rows",
                  "a model needs a label that varies: look at the source, the split and the word for true");
}

std::string metric_name(const ModelSettings& settings) {
  switch (settings.loss) {
    case Loss::squared: return "rmse";
    case Loss::logistic:
    case Loss::softmax: return "logloss";
    case Loss::poisson: return "poisson_deviance";
    case Loss::quantile: return "pinball";
    case Loss::custom:
    case Loss::custom_bool: return settings.loss_name;
    case Loss::none: break;
  }
  MLP_BUG("unknown loss");
}

double weighted_quantile(std::vector<std::pair<double, double>>& values, double q) {
  MLP_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  double total = 0;
  for (const auto& [v, w] : values) total += w;
  double below = 0;
  for (const auto& [v, w] : values) {
    below += w;
    if (below >= q * total) return v;
  }
  return values.back().first;
}

Objective::Objective(const Labels& labels, const Request& request, std::int32_t outputs, Pool& pool)
    : labels_(labels), loss_(request.settings.loss), link_(request.settings.link), quantile_(request.settings.quantile), kernels_(request.loss),
      outputs_(outputs), pool_(pool) {
  if (loss_ == Loss::softmax) probabilities_.resize(static_cast<std::size_t>(labels.rows()) * outputs);
  MLP_CHECK(is_custom(loss_) == (kernels_.value != nullptr));
}

Objective::Objective(const Labels& labels, const Objective& like)
    : labels_(labels), loss_(like.loss_), link_(like.link_), quantile_(like.quantile_), kernels_(like.kernels_), outputs_(like.outputs_), pool_(like.pool_) {}

std::vector<double> Objective::start() {
  if (is_custom(loss_)) {
    // One score for all rows: rows of equal targets are one row of their weight. Two classes are two rows.
    constexpr std::size_t few = 256;
    std::map<double, double> weights;
    for (std::int64_t i = 0; i < labels_.rows() && weights.size() <= few; ++i) weights[labels_.target[i]] += labels_.weight_at(i);
    if (weights.size() > few) return {newton_start()};
    Labels distinct{.target = {}, .weight = {}, .total_weight = labels_.total_weight};
    for (const auto& [target, weight] : weights) distinct.target.push_back(target), distinct.weight.push_back(weight);
    return {Objective(distinct, *this).newton_start()};
  }
  std::vector<double> sums(outputs_, 0.0);
  if (loss_ == Loss::quantile) {
    std::vector<std::pair<double, double>> values;
    for (std::int64_t i = 0; i < labels_.rows(); ++i) values.emplace_back(labels_.target[i], labels_.weight_at(i));
    return {weighted_quantile(values, quantile_)};
  }
  for (std::int64_t i = 0; i < labels_.rows(); ++i) {
    if (loss_ == Loss::softmax)
      sums[static_cast<std::size_t>(labels_.target[i])] += labels_.weight_at(i);
    else
      sums[0] += labels_.weight_at(i) * labels_.target[i];
  }
  for (double& s : sums) {
    const double mean = s / labels_.total_weight;
    if (loss_ == Loss::logistic) {
      const double p = std::clamp(mean, 1e-12, 1 - 1e-12);
      s = model::exact_log(p) - model::exact_log(1 - p);
    } else if (loss_ == Loss::softmax) {
      s = model::exact_log(std::max(mean, 1e-12));
    } else if (loss_ == Loss::poisson) {
      s = model::exact_log(std::max(mean, 1e-12));
    } else {
      s = mean;
    }
  }
  return sums;
}

void Objective::custom(mlp_kernel kernel, const double* target, const double* scores, std::int64_t count, double* first, double* second, double* third) const {
  const mlp_column columns[2] = {{target, nullptr}, {scores, nullptr}};
  const mlp_batch batch{count, columns, nullptr, nullptr};
  const mlp_fitted none{};
  const mlp_output outputs[3] = {{first, nullptr}, {second, nullptr}, {third, nullptr}};
  kernel(&batch, &none, outputs);
}

// Newton steps on the summed loss of one score for all rows, halved while they raise it; from the mean target through
// the link, or from 0 where the loss is not finite there.
double Objective::newton_start() {
  const std::int64_t n = labels_.rows();
  double mean = 0;
  for (std::int64_t i = 0; i < n; ++i) mean += labels_.weight_at(i) * labels_.target[i];
  mean /= labels_.total_weight;
  double at = 0;
  if (link_ == Link::identity) at = mean;
  if (link_ == Link::log && mean >= 1e-300) at = model::exact_log(mean);
  if (link_ == Link::logit && mean > 1e-12 && mean < 1 - 1e-12) at = model::exact_log(mean) - model::exact_log(1 - mean);
  std::vector<double> scores, gradient(n), hessian(n);
  const auto value_at = [&](double score) {
    scores.assign(n, score);
    evaluate(scores, false);
    return total_;
  };
  double value = value_at(at);
  if (!std::isfinite(value)) value = value_at(at = 0);
  if (!std::isfinite(value))
    throw Failure(code::training_diverged, "the loss is not finite at the score 0, where training starts",
                  "write it so that it is: mind `log` and `/` of values that may be 0");
  for (int round = 0; round < 100; ++round) {
    scores.assign(n, at);
    double size = 0, curve = 0, slope = 0;
    gradients(scores, 0, gradient, hessian, size, curve);
    for (std::int64_t i = 0; i < n; ++i) slope += gradient[i];
    if (!(std::fabs(slope) > 1e-13 * size)) break;
    double step = -slope / curve, fresh = value;
    for (int half = 0; half < 60; ++half, step /= 2)
      if ((fresh = value_at(at + step)) <= value) break;
    if (!(fresh <= value)) break;
    const bool settled = std::fabs(step) <= 1e-14 * (1 + std::fabs(at));
    at += step;
    value = fresh;
    if (settled) break;
  }
  return at;
}

Objective::Sums Objective::move(const std::vector<double>& scores, const std::uint32_t* rows, std::int64_t count, double step, std::vector<double>& moved) {
  Sums sums;
  double target[chunk_rows], score[chunk_rows], loss[chunk_rows], gradient[chunk_rows], hessian[chunk_rows];
  for (std::int64_t begin = 0; begin < count; begin += chunk_rows) {
    const std::int64_t part = std::min(chunk_rows, count - begin);
    const std::uint32_t* const r = rows + begin;
    for (std::int64_t i = 0; i < part; ++i) {
      target[i] = labels_.target[r[i]];
      score[i] = scores[r[i]] + step;
      moved[r[i]] = score[i];
    }
    custom(kernels_.derivatives, target, score, part, gradient, hessian, loss);
    for (std::int64_t i = 0; i < part; ++i) {
      const double weight = labels_.weight_at(r[i]);
      sums.before += weight * buffer_[r[i]];
      sums.after += weight * loss[i];
      moved_.loss[r[i]] = loss[i];
      moved_.gradient[r[i]] = gradient[i];
      moved_.hessian[r[i]] = hessian[i];
    }
  }
  return sums;
}

double Objective::adopt() {
  buffer_.swap(moved_.loss);
  moved_.adopted = true;
  const std::int64_t n = labels_.rows();
  std::vector<double> sums(chunks_of(n), 0.0);
  pool_.run(chunks_of(n), [&](std::int64_t chunk) {
    const std::int64_t begin = chunk * chunk_rows;
    sums[chunk] = weighted_sum(buffer_.data() + begin, labels_.weight.empty() ? nullptr : labels_.weight.data() + begin, std::min(chunk_rows, n - begin));
  });
  return sum_up(sums);
}

double Objective::sum_up(const std::vector<double>& chunks) {
  double total = 0;
  for (const double s : chunks) total += s;
  total_ = objective_of(total);
  return metric_of(total);
}

void Objective::losses(std::int64_t begin, std::int64_t count, const double* scores, double* out) const {
  const double* y = labels_.target.data() + begin;
  switch (loss_) {
    case Loss::logistic: logistic_loss(scores, y, out, count); break;
    case Loss::squared: squared_loss(scores, y, out, count); break;
    case Loss::quantile: pinball_loss(scores, y, quantile_, out, count); break;
    case Loss::custom:
    case Loss::custom_bool: custom(kernels_.value, y, scores, count, out, nullptr, nullptr); break;
    case Loss::poisson:
      for (std::int64_t i = 0; i < count; ++i) out[i] = poisson_deviance(scores[i], y[i]);
      break;
    case Loss::softmax:
    case Loss::none: MLP_BUG("not a loss of one output");
  }
}

void Objective::derivatives(std::int64_t begin, std::int64_t count, const double* scores, double* gradient, double* hessian) const {
  const double* y = labels_.target.data() + begin;
  switch (loss_) {
    case Loss::logistic: logistic_gradient(scores, y, gradient, hessian, count); break;
    case Loss::squared: squared_gradient(scores, y, gradient, hessian, count); break;
    case Loss::poisson: poisson_gradient(scores, y, gradient, hessian, count); break;
    case Loss::quantile: quantile_gradient(scores, y, quantile_, gradient, hessian, count); break;
    case Loss::custom:
    case Loss::custom_bool: {
      double loss[chunk_rows];
      custom(kernels_.derivatives, y, scores, count, gradient, hessian, loss);
      break;
    }
    case Loss::softmax:
    case Loss::none: MLP_BUG("not a loss of one output");
  }
}

double Objective::loss(std::int64_t begin, std::int64_t count, const double* scores) const {
  double loss[chunk_rows];
  MLP_CHECK(count <= chunk_rows);
  losses(begin, count, scores, loss);
  return weighted_sum(loss, labels_.weight.empty() ? nullptr : labels_.weight.data() + begin, count);
}

double Objective::derivatives(std::int64_t begin, std::int64_t count, const double* scores, double least, double* gradient, double* hessian) const {
  derivatives(begin, count, scores, gradient, hessian);
  double curve = 0;
  if (is_custom(loss_)) {
    for (std::int64_t i = 0; i < count; ++i) {
      curve += hessian[i] > 0 ? hessian[i] : 0.0;
      hessian[i] = hessian[i] > least ? hessian[i] : least;
    }
  }
  if (!labels_.weight.empty()) {
    for (std::int64_t i = 0; i < count; ++i) {
      gradient[i] *= labels_.weight[begin + i];
      hessian[i] *= labels_.weight[begin + i];
    }
  }
  return curve;
}

// Where a loss is not convex, or straight, its own second derivative would give no step or a wild one: what lies below 1%
// of the mean positive one is raised to that.
double Objective::least_curve(double curve, std::int64_t rows) const { return is_custom(loss_) ? std::max(0.01 * curve / static_cast<double>(rows), 1e-16) : 0; }

double Objective::metric_of(double loss) const {
  const double mean = loss / labels_.total_weight;
  return loss_ == Loss::squared ? std::sqrt(mean) : mean;
}

double Objective::evaluate(const std::vector<double>& scores, bool prepare) {
  const std::int64_t n = labels_.rows();
  if (n == 0) return std::numeric_limits<double>::quiet_NaN();
  if (is_custom(loss_)) {
    buffer_.resize(n);
    for (std::vector<double>* kept : {&moved_.loss, &moved_.gradient, &moved_.hessian}) kept->resize(prepare ? n : 0);
    moved_.adopted = false;
  }
  std::vector<double> sums(chunks_of(n), 0.0);
  pool_.run(chunks_of(n), [&](std::int64_t chunk) {
    const std::int64_t begin = chunk * chunk_rows, end = std::min(begin + chunk_rows, n), count = end - begin;
    const double* y = labels_.target.data() + begin;
    double passing[chunk_rows];
    double* const loss = buffer_.empty() ? passing : buffer_.data() + begin;
    if (loss_ == Loss::softmax) {
      double top[chunk_rows], sum[chunk_rows], part[chunk_rows];
      for (std::int64_t i = 0; i < count; ++i) top[i] = scores[begin + i], sum[i] = 0;
      for (std::int32_t k = 1; k < outputs_; ++k)
        for (std::int64_t i = 0; i < count; ++i) top[i] = std::max(top[i], scores[k * n + begin + i]);
      for (std::int32_t k = 0; k < outputs_; ++k) {
        double* p = prepare ? probabilities_.data() + k * n + begin : part;
        exps(scores.data() + k * n + begin, top, p, count);
        for (std::int64_t i = 0; i < count; ++i) sum[i] += p[i];
      }
      for (std::int64_t i = 0; i < count; ++i)
        loss[i] = model::exact_log(sum[i]) + top[i] - scores[static_cast<std::int64_t>(y[i]) * n + begin + i];
      if (prepare)
        for (std::int32_t k = 0; k < outputs_; ++k)
          for (std::int64_t i = 0; i < count; ++i) probabilities_[k * n + begin + i] /= sum[i];
    } else {
      losses(begin, count, scores.data() + begin, loss);
    }
    sums[chunk] = weighted_sum(loss, labels_.weight.empty() ? nullptr : labels_.weight.data() + begin, count);
  });
  return sum_up(sums);
}

// `fill` gives a chunk its derivatives; then they are weighted, and summed up while they are near.
void Objective::add_up(const std::function<void(std::int64_t chunk)>& fill, std::vector<double>& gradient, std::vector<double>& hessian, double& gradient_sum, double& hessian_sum) {
  const std::int64_t n = labels_.rows();
  std::vector<double> gs(chunks_of(n)), hs(chunks_of(n)), g_most(chunks_of(n)), h_most(chunks_of(n));
  pool_.run(chunks_of(n), [&](std::int64_t chunk) {
    fill(chunk);
    const std::int64_t begin = chunk * chunk_rows, end = std::min(begin + chunk_rows, n);
    if (!labels_.weight.empty()) {
      for (std::int64_t i = begin; i < end; ++i) {
        gradient[i] *= labels_.weight[i];
        hessian[i] *= labels_.weight[i];
      }
    }
    sizes_of(gradient.data() + begin, hessian.data() + begin, end - begin, gs[chunk], hs[chunk], g_most[chunk], h_most[chunk]);
  });
  gradient_sum = hessian_sum = 0;
  for (const double v : gs) gradient_sum += v;
  for (const double v : hs) hessian_sum += v;
  gradient_most_ = *std::max_element(g_most.begin(), g_most.end());
  hessian_most_ = *std::max_element(h_most.begin(), h_most.end());
}

double Objective::evaluate_with_gradients(const std::vector<double>& scores, std::vector<double>& gradient, std::vector<double>& hessian, double& gradient_sum, double& hessian_sum) {
  const std::int64_t n = labels_.rows();
  std::vector<double> sums(chunks_of(n), 0.0);
  add_up(
      [&](std::int64_t chunk) {
        const std::int64_t begin = chunk * chunk_rows, count = std::min(chunk_rows, n - begin);
        const double* const s = scores.data() + begin;
        double *const g = gradient.data() + begin, *const h = hessian.data() + begin, loss[chunk_rows];
        if (loss_ == Loss::logistic) {
          logistic_all(s, labels_.target.data() + begin, loss, g, h, count);
        } else {
          losses(begin, count, s, loss);
          derivatives(begin, count, s, g, h);
        }
        sums[chunk] = weighted_sum(loss, labels_.weight.empty() ? nullptr : labels_.weight.data() + begin, count);
      },
      gradient, hessian, gradient_sum, hessian_sum);
  return sum_up(sums);
}

void Objective::gradients(const std::vector<double>& scores, std::int32_t k, std::vector<double>& gradient,
                          std::vector<double>& hessian, double& gradient_sum, double& hessian_sum) {
  const std::int64_t n = labels_.rows();
  const auto fill = [&](std::int64_t chunk) {
    const std::int64_t begin = chunk * chunk_rows, count = std::min(chunk_rows, n - begin);
    double *const g = gradient.data() + begin, *const h = hessian.data() + begin;
    if (loss_ != Loss::softmax) return derivatives(begin, count, scores.data() + begin, g, h);
    // The diagonal of the Hessian understates the curvature; K / (K - 1) corrects it (Friedman 2001, LightGBM).
    const double factor = static_cast<double>(outputs_) / (outputs_ - 1);
    const double *const p = probabilities_.data() + k * n + begin, *const y = labels_.target.data() + begin;
    for (std::int64_t i = 0; i < count; ++i) {
      g[i] = p[i] - (y[i] == k ? 1.0 : 0.0);
      h[i] = factor * p[i] * (1 - p[i]);
    }
  };
  if (!is_custom(loss_)) return add_up(fill, gradient, hessian, gradient_sum, hessian_sum);
  std::vector<double> curves(chunks_of(n));
  const bool known = std::exchange(moved_.adopted, false);
  if (known) gradient.swap(moved_.gradient), hessian.swap(moved_.hessian);
  pool_.run(chunks_of(n), [&](std::int64_t chunk) {
    if (!known) fill(chunk);
    for (std::int64_t i = chunk * chunk_rows; i < std::min((chunk + 1) * chunk_rows, n); ++i) curves[chunk] += hessian[i] > 0 ? hessian[i] : 0.0;
  });
  double curve = 0;
  for (const double v : curves) curve += v;
  const double least = least_curve(curve, n);
  add_up(
      [&](std::int64_t chunk) {
        for (std::int64_t i = chunk * chunk_rows; i < std::min((chunk + 1) * chunk_rows, n); ++i) hessian[i] = hessian[i] > least ? hessian[i] : least;
      },
      gradient, hessian, gradient_sum, hessian_sum);
}

}  // namespace mlp::learn
