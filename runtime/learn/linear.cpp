// Linear models: minimise  sum of weighted losses + l2/2 |w|^2 + l1 |w|_1,  intercept free; squared loss is half the
// square, and for quantile loss label and weights are in units of the label's mean deviation from its quantile (the
// loss is not quadratic, so else the meaning of l2 would change with the unit of the label). The solver follows from loss, penalty and size:
//   squared, logistic, poisson and losses of the language with up to 2000 columns: Newton steps, by Cholesky or, with l1, by coordinate descent on
//     the quadratic model (Friedman, Hastie, Tibshirani 2010), and a line search; of many rows from the minimum of a sample, and
//     with second derivatives that serve for several steps (docs/decisions/0019-newton-from-a-sample.md);
//   softmax, and more columns: L-BFGS (Liu, Nocedal 1989), with l1 its orthant-wise form (Andrew, Gao 2007);
//   quantile: a primal-dual interior point method (after Portnoy, Koenker 1997).
#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>

#include "base/codes/training.h"
#include "base/diagnostic.h"
#include "base/timing.h"
#include "runtime/learn/design.h"
#include "runtime/learn/learn.h"
#include "runtime/learn/objective.h"

namespace mlp::learn {
namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// The Cholesky factor of a symmetric, positive definite matrix; a pivot lost to rounding is treated as infinite, which
// leaves its unknown at 0 (a column that repeats others, without l2).
void factorise(std::vector<double>& a, std::int64_t n) {
  Vector diagonal(n);
  for (std::int64_t i = 0; i < n; ++i) diagonal[i] = a[i * n + i];
  constexpr std::int64_t block = 8;
  for (std::int64_t i = 0; i < n; ++i) {
    double* row = &a[i * n];
    for (std::int64_t j = 0; j <= i; ++j) {
      const double* other = &a[j * n];
      double lane[block] = {};
      std::int64_t k = 0;
      for (; k + block <= j; k += block)
        for (std::int64_t l = 0; l < block; ++l) lane[l] += row[k + l] * other[k + l];
      double sum = ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
      for (; k < j; ++k) sum += row[k] * other[k];
      if (j < i) {
        row[j] = (row[j] - sum) / other[j];
      } else {
        const double pivot = row[i] - sum;
        row[i] = pivot > 1e-14 * diagonal[i] && pivot > 0 ? std::sqrt(pivot) : 1e150;
      }
    }
  }
}
void solve(const std::vector<double>& a, Vector& b) {
  const std::int64_t n = static_cast<std::int64_t>(b.size());
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t k = 0; k < i; ++k) b[i] -= a[i * n + k] * b[k];
    b[i] /= a[i * n + i];
  }
  for (std::int64_t i = n; i-- > 0;) {
    for (std::int64_t k = i + 1; k < n; ++k) b[i] -= a[k * n + i] * b[k];
    b[i] /= a[i * n + i];
  }
}

// Factors of a pass that lie by output, then by row.
Design::Factor given(const Vector& factors, std::int64_t rows) {
  return [&factors, rows](std::int32_t k, std::int64_t begin, std::int64_t count, const double*, double* out) {
    std::copy_n(factors.data() + k * rows + begin, count, out);
  };
}

struct Problem {
  const Request& request;
  const Design& design;
  const Labels& labels;
  Objective& objective;
  std::int32_t outputs;
  Vector l1, l2;                       // by parameter; 0 for intercepts
  std::function<void(std::int64_t, const Vector&, double)> report;  // iteration, parameters, metric of the train part
  Pool& pool;

  std::int64_t size() const { return design.columns() + 1; }
  void scores(const Vector& x, Vector& out) const {
    out.resize(design.rows() * outputs);
    design.multiply(x.data(), outputs, out.data());
  }
  double penalty(const Vector& x) const {
    double sum = 0;
    for (std::size_t j = 0; j < x.size(); ++j) sum += l2[j] / 2 * x[j] * x[j] + l1[j] * std::fabs(x[j]);
    return sum;
  }
  // Objective at x; leaves scores and what gradients need behind.
  double value(const Vector& x, Vector& at, double* metric = nullptr) const {
    scores(x, at);
    const double m = objective.evaluate(at, true);
    if (metric != nullptr) *metric = m;
    return objective.total() + penalty(x);
  }
};

// Coordinate descent for  g d + d H d / 2 + sum of l1 |x + d|.
Vector descend(const std::vector<double>& h, const Vector& g, const Vector& x, const Vector& l1) {
  const std::int64_t n = static_cast<std::int64_t>(g.size());
  Vector d(n, 0.0), slope = g;         // slope = g + H d
  for (int sweep = 0; sweep < 10000; ++sweep) {
    double largest = 0, decrease = 0;
    for (std::int64_t j = 0; j < n; ++j) {
      const double curve = h[j * n + j];
      if (!(curve > 0)) continue;
      const double old = x[j] + d[j], target = old - slope[j] / curve, t = l1[j] / curve;
      const double fresh = target > t ? target - t : target < -t ? target + t : 0;
      const double step = fresh - old;
      if (step == 0) continue;
      d[j] += step;
      for (std::int64_t k = 0; k < n; ++k) slope[k] += step * h[j * n + k];
      largest = std::max(largest, curve * step * step);
      decrease += curve * step * step;
    }
    double size = 0;
    for (std::int64_t j = 0; j < n; ++j) size += h[j * n + j] * d[j] * d[j];
    if (largest == 0 || decrease <= 1e-24 * size) break;
  }
  return d;
}

// A point of the descent, with what one pass over the rows tells there.
struct Point {
  Vector x, g;                         // parameters, gradient with penalty l2
  double value = 0, metric = 0;        // objective, metric of the train part
  double least = 0;                    // Objective::least_curve
};

// Newton steps on every nth tile of rows, whose sums stand for those of all.
class Newton {
 public:
  Newton(const Problem& p, std::int64_t every) : p_(p), every_(every), rows_(sampled(p.design, every)), up_(static_cast<double>(p.design.rows()) / static_cast<double>(rows_)) {}
  static std::int64_t sampled(const Design& design, std::int64_t every) {
    std::int64_t rows = 0;
    for (std::int64_t t = 0; t < design.tiles(); t += every) rows += std::min(design.tile(), design.rows() - t * design.tile());
    return rows;
  }

  Point look(Vector x) const {
    const std::int64_t n = p_.size(), tile = p_.design.tile();
    Point out;
    out.g.resize(n);
    Vector loss(p_.design.tiles(), 0.0), curve(p_.design.tiles(), 0.0);
    p_.design.multiply_transposed(x.data(), [&](std::int32_t, std::int64_t begin, std::int64_t count, const double* scores, double* factor) {
      double hessian[chunk_rows];
      loss[begin / tile] = p_.objective.loss(begin, count, scores);
      curve[begin / tile] = p_.objective.derivatives(begin, count, scores, 0, factor, hessian);
    }, 1, every_, out.g.data());
    double losses = 0, curves = 0;
    for (const double v : loss) losses += v;
    for (const double v : curve) curves += v;
    for (std::int64_t j = 0; j < n; ++j) out.g[j] = up_ * out.g[j] + p_.l2[j] * x[j];
    out.value = up_ * p_.objective.objective_of(losses) + p_.penalty(x);
    out.metric = p_.objective.metric_of(losses);
    out.least = p_.objective.least_curve(curves, rows_);
    out.x = std::move(x);
    return out;
  }

  // The second derivatives at a point; without l1 their Cholesky factor.
  Vector curvature(const Point& at) const {
    const std::int64_t n = p_.size();
    Vector h = p_.design.gram(at.x.data(), [&](std::int32_t, std::int64_t begin, std::int64_t count, const double* scores, double* factor) {
      double gradient[chunk_rows];
      p_.objective.derivatives(begin, count, scores, at.least, gradient, factor);
    }, every_);
    for (double& v : h) v *= up_;
    for (std::int64_t j = 0; j < n; ++j) h[j * n + j] += p_.l2[j];
    if (!sparse()) factorise(h, n);
    return h;
  }

  // From `at` on, at most so many steps. `h` is a curvature of some other point or rows, or empty; it is taken anew when a
  // step promises more than a twentieth of what the one before did: with a curvature that is about right a step leaves less.
  bool descend_from(Point& at, Vector& h, double tolerance, std::int64_t steps) const {
    const std::int64_t n = p_.size();
    const bool all = every_ == 1;
    double before = std::numeric_limits<double>::infinity();
    for (std::int64_t iteration = 0; iteration < steps; ++iteration) {
      bool fresh = h.empty();
      if (fresh) h = curvature(at);
      Vector step;
      double expected = direction(h, at, step);
      const auto renew = [&] {
        if (fresh) return false;
        h = curvature(at);
        fresh = true;
        expected = direction(h, at, step);
        return true;
      };
      if (!(expected < 0) || -expected > 0.05 * before) renew();
      Point next;
      const auto move = [&](double t) {
        Vector x = at.x;
        for (std::int64_t j = 0; j < n; ++j) x[j] += t * step[j];
        next = look(std::move(x));
        return next.value <= at.value + 1e-4 * t * expected;
      };
      if (!(expected < 0)) return true;
      if (!move(1) && (!renew() || !move(1)))
        for (double t = 0.5; t >= 1e-10 && !move(t);) t /= 2;
      if (!(next.value <= at.value)) return true;  // rounding: no smaller value in sight
      at = std::move(next);
      before = -expected;
      if (all) p_.report(iteration + 1, at.x, at.metric);
      // The quadratic model promises half of `expected`; one step later the gap is far below it, and with a second
      // derivative from elsewhere at least not above a twentieth. (A loss of the language may be negative.)
      if (-expected / 2 <= (fresh ? 1 : 1e-3) * tolerance * std::max(std::fabs(at.value), 1e-12 * p_.labels.total_weight)) return true;
    }
    return false;
  }

 private:
  bool sparse() const { return p_.request.settings.l1 > 0; }
  // The step to the minimum of the quadratic model; returns the first-order change of the objective along it, negative.
  double direction(const Vector& h, const Point& at, Vector& step) const {
    if (!sparse()) {
      step = at.g;
      for (double& v : step) v = -v;
      solve(h, step);
      return dot(at.g, step);
    }
    double expected = 0;
    step = descend(h, at.g, at.x, p_.l1);
    for (std::size_t j = 0; j < step.size(); ++j) expected += at.g[j] * step[j] + p_.l1[j] * (std::fabs(at.x[j] + step[j]) - std::fabs(at.x[j]));
    return expected;
  }

  const Problem& p_;
  std::int64_t every_, rows_;
  double up_;                            // rows for one of the sample
};

// Of many rows a sample first: its minimum is near, and its curvature serves on.
bool newton(const Problem& p, Vector& x) {
  const ModelSettings& s = p.request.settings;
  const Newton whole(p, 1);
  double lightest = static_cast<double>(p.design.rows());
  for (const double mass : p.design.mass())
    if (mass > 0) lightest = std::min(lightest, mass / p.labels.total_weight * static_cast<double>(p.design.rows()));
  const std::int64_t least = std::max<std::int64_t>(16384, 256 * p.size());
  const std::int64_t every = std::min({p.design.rows() / least, static_cast<std::int64_t>(lightest / 64), std::int64_t{16}});
  Vector h;
  Point at;
  if (every > 1) {
    const Newton sample(p, every);
    at = sample.look(x);
    const double start = at.value;
    sample.descend_from(at, h, static_cast<double>(p.size() * every) / static_cast<double>(p.design.rows()), 20);
    h = sample.curvature(at);
    at = whole.look(at.x);
    if (!(at.value <= start)) h.clear();
  }
  if (h.empty()) at = whole.look(x);
  const bool converged = whole.descend_from(at, h, s.tolerance, s.iterations);
  x = at.x;
  return converged;
}

bool lbfgs(const Problem& p, Vector& x) {
  const ModelSettings& s = p.request.settings;
  const std::int64_t rows = p.design.rows(), n = static_cast<std::int64_t>(x.size()), per = p.size();
  const bool sparse = s.l1 > 0;
  constexpr std::size_t memory = 10;
  Vector at, gradient(rows), hessian(rows), gradients(rows * p.outputs), g(n), scale(n);
  const auto gradient_at = [&](Vector& out) {
    for (std::int32_t k = 0; k < p.outputs; ++k) {
      double gs, hs;
      p.objective.gradients(at, k, gradient, hessian, gs, hs);
      std::copy(gradient.begin(), gradient.end(), gradients.begin() + k * rows);
    }
    p.design.multiply_transposed(nullptr, given(gradients, rows), p.outputs, 1, out.data());
    for (std::int64_t j = 0; j < n; ++j) out[j] += p.l2[j] * x[j];
  };
  double metric = 0, value = p.value(x, at, &metric);
  for (std::int32_t k = 0; k < p.outputs; ++k) {  // the Hessian's diagonal at the start scales all steps
    double gs, hs;
    p.objective.gradients(at, k, gradient, hessian, gs, hs);
    const double mean = hs / p.labels.total_weight;
    for (std::int64_t j = 0; j < per; ++j) {
      const double mass = j + 1 < per ? p.design.mass()[j] : p.labels.total_weight;
      scale[k * per + j] = 1 / std::max(mean * mass + p.l2[k * per + j], 1e-12 * p.labels.total_weight);
    }
  }
  gradient_at(g);
  std::deque<std::pair<Vector, Vector>> pairs;  // steps, gradient changes
  std::deque<double> values{value};
  for (std::int64_t iteration = 0; iteration < s.iterations; ++iteration) {
    Vector slope = g;                           // the steepest subgradient
    if (sparse) {
      for (std::int64_t j = 0; j < n; ++j) {
        if (x[j] != 0)
          slope[j] += x[j] > 0 ? p.l1[j] : -p.l1[j];
        else
          slope[j] = slope[j] > p.l1[j] ? slope[j] - p.l1[j] : slope[j] < -p.l1[j] ? slope[j] + p.l1[j] : 0;
      }
    }
    Vector step = slope;
    std::vector<double> alpha(pairs.size());
    for (std::size_t i = pairs.size(); i-- > 0;) {
      alpha[i] = dot(pairs[i].first, step) / dot(pairs[i].first, pairs[i].second);
      for (std::int64_t j = 0; j < n; ++j) step[j] -= alpha[i] * pairs[i].second[j];
    }
    double gamma = 1;
    if (!pairs.empty()) {
      const auto& [ds, dg] = pairs.back();
      double scaled = 0;
      for (std::int64_t j = 0; j < n; ++j) scaled += dg[j] * dg[j] * scale[j];
      gamma = dot(ds, dg) / scaled;
    }
    for (std::int64_t j = 0; j < n; ++j) step[j] *= gamma * scale[j];
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const double beta = dot(pairs[i].second, step) / dot(pairs[i].first, pairs[i].second);
      for (std::int64_t j = 0; j < n; ++j) step[j] += (alpha[i] - beta) * pairs[i].first[j];
    }
    for (std::int64_t j = 0; j < n; ++j) step[j] = sparse && step[j] * slope[j] <= 0 ? 0 : -step[j];
    if (!(dot(step, slope) < 0)) {
      if (pairs.empty()) return true;
      pairs.clear();                            // a spoilt memory: start over from the gradient
      continue;
    }
    const Vector old_x = x, old_g = g;
    double fresh = 0;
    bool lower = false;
    for (double t = 1; t > 1e-12; t /= 2) {
      double expected = 0;
      for (std::int64_t j = 0; j < n; ++j) {
        x[j] = old_x[j] + t * step[j];
        if (sparse && p.l1[j] > 0) {
          const double orthant = old_x[j] != 0 ? old_x[j] : -slope[j];
          if (x[j] * orthant < 0) x[j] = 0;
        }
        expected += slope[j] * (x[j] - old_x[j]);
      }
      fresh = p.value(x, at, &metric);
      if (fresh <= value + 1e-4 * expected) {
        lower = true;
        break;
      }
    }
    if (!lower) {
      x = old_x;
      p.value(x, at, &metric);
      if (pairs.empty()) return true;
      pairs.clear();
      continue;
    }
    gradient_at(g);
    Vector ds(n), dg(n);
    for (std::int64_t j = 0; j < n; ++j) {
      ds[j] = x[j] - old_x[j];
      dg[j] = g[j] - old_g[j];
    }
    if (dot(ds, dg) > 1e-12 * std::sqrt(dot(ds, ds) * dot(dg, dg))) {
      pairs.emplace_back(std::move(ds), std::move(dg));
      if (pairs.size() > memory) pairs.pop_front();
    }
    value = fresh;
    p.report(iteration + 1, x, metric);
    values.push_back(value);
    if (values.size() > 10) {
      if (values.front() - value <= s.tolerance * std::max(std::fabs(value), 1e-12 * p.labels.total_weight)) return true;
      values.pop_front();
    }
  }
  return false;
}

// minimise  sum of w (q u + (1 - q) v) + l2/2 |x|^2  with  X x + u - v = y,  u, v >= 0. The duals a of the rows lie in
// [-(1 - q) w, q w]; the term l1 |x_j| is a row of its own: x_j, target 0, duals in [-l1, l1].
bool interior_point(const Problem& p, Vector& x) {
  const ModelSettings& s = p.request.settings;
  const std::int64_t rows = p.design.rows(), n = p.size();
  std::vector<std::int64_t> sparse;             // columns with a row of their own
  for (std::int64_t j = 0; j < n; ++j)
    if (p.l1[j] > 0) sparse.push_back(j);
  const std::int64_t all = rows + static_cast<std::int64_t>(sparse.size());
  Vector y(all, 0.0), upper(all), lower(all), a(all, 0.0), u(all), v(all), fit(all);
  double spread = 0;
  for (std::int64_t i = 0; i < rows; ++i) {
    y[i] = p.labels.target[i];
    upper[i] = s.quantile * p.labels.weight_at(i);
    lower[i] = (1 - s.quantile) * p.labels.weight_at(i);
    spread += p.labels.weight_at(i) * std::fabs(y[i] - x[n - 1]);
  }
  spread = std::max(spread / p.labels.total_weight, 1e-300);
  for (std::size_t i = 0; i < sparse.size(); ++i) upper[rows + i] = lower[rows + i] = p.l1[sparse[i]];
  const auto fits = [&](const Vector& at, Vector& out) {
    p.design.multiply(at.data(), 1, out.data());
    for (std::size_t i = 0; i < sparse.size(); ++i) out[rows + i] = at[sparse[i]];
  };
  const auto transposed = [&](const Vector& factor, Vector& out) {
    p.design.multiply_transposed(nullptr, given(factor, rows), 1, 1, out.data());
    for (std::size_t i = 0; i < sparse.size(); ++i) out[sparse[i]] += factor[rows + i];
  };
  fits(x, fit);
  for (std::int64_t i = 0; i < all; ++i) {
    const double r = y[i] - fit[i];
    u[i] = std::max(r, 0.0) + spread;
    v[i] = std::max(-r, 0.0) + spread;
  }
  Vector slope(n), dx(n), da(all), d(all), middle(all), move(all), du(all), dv(all);
  for (std::int64_t iteration = 0; iteration < s.iterations; ++iteration) {
    double gap = 0, value = p.penalty(x), infeasible = 0;
    for (std::int64_t i = 0; i < all; ++i) gap += u[i] * (upper[i] - a[i]) + v[i] * (lower[i] + a[i]);
    for (std::int64_t i = 0; i < rows; ++i) {
      const double r = y[i] - fit[i];
      value += r >= 0 ? upper[i] * r : -lower[i] * r;
      infeasible = std::max(infeasible, std::fabs(r - u[i] + v[i]));
    }
    double metric = 0;
    Vector at(fit.begin(), fit.begin() + rows);
    metric = p.objective.evaluate(at, false);
    if (iteration > 0) p.report(iteration, x, metric);
    if (gap <= s.tolerance * std::max(value, 1e-9 * p.labels.total_weight * spread) && infeasible <= 1e-9 * spread) return true;

    // Predictor step (no centring) to see how far it gets, then the step with centring and second-order correction.
    transposed(a, slope);
    for (std::int64_t j = 0; j < n; ++j) slope[j] -= p.l2[j] * x[j];
    for (std::int64_t i = 0; i < all; ++i) d[i] = 1 / (u[i] / (upper[i] - a[i]) + v[i] / (lower[i] + a[i]));
    std::vector<double> h = p.design.gram(nullptr, given(d, rows), 1);
    for (std::int64_t j = 0; j < n; ++j) h[j * n + j] += p.l2[j];
    for (std::size_t i = 0; i < sparse.size(); ++i) h[sparse[i] * n + sparse[i]] += d[rows + i];
    factorise(h, n);
    double mu = 0, reach_primal = 1, reach_dual = 1;
    for (const bool corrector : {false, true}) {
      for (std::int64_t i = 0; i < all; ++i) {
        const double su = upper[i] - a[i], sv = lower[i] + a[i];
        const double cu = corrector ? mu + du[i] * da[i] : 0, cv = corrector ? mu - dv[i] * da[i] : 0;
        middle[i] = (y[i] - fit[i] - u[i] + v[i]) - (cu / su - u[i]) + (cv / sv - v[i]);
        move[i] = d[i] * middle[i];
      }
      transposed(move, dx);
      for (std::int64_t j = 0; j < n; ++j) dx[j] += slope[j];
      solve(h, dx);
      fits(dx, move);
      for (std::int64_t i = 0; i < all; ++i) {
        const double su = upper[i] - a[i], sv = lower[i] + a[i];
        const double cu = corrector ? mu + du[i] * da[i] : 0, cv = corrector ? mu - dv[i] * da[i] : 0;
        const double change = d[i] * (middle[i] - move[i]);
        du[i] = (cu + u[i] * change) / su - u[i];
        dv[i] = (cv - v[i] * change) / sv - v[i];
        da[i] = change;
      }
      reach_primal = reach_dual = 1;
      for (std::int64_t i = 0; i < all; ++i) {
        if (du[i] < 0) reach_primal = std::min(reach_primal, -u[i] / du[i]);
        if (dv[i] < 0) reach_primal = std::min(reach_primal, -v[i] / dv[i]);
        if (da[i] > 0) reach_dual = std::min(reach_dual, (upper[i] - a[i]) / da[i]);
        if (da[i] < 0) reach_dual = std::min(reach_dual, -(lower[i] + a[i]) / da[i]);
      }
      if (!corrector) {
        double after = 0;
        for (std::int64_t i = 0; i < all; ++i)
          after += (u[i] + reach_primal * du[i]) * (upper[i] - a[i] - reach_dual * da[i]) +
                   (v[i] + reach_primal * dv[i]) * (lower[i] + a[i] + reach_dual * da[i]);
        const double share = after / gap;
        mu = share * share * share * gap / static_cast<double>(2 * all);
      }
    }
    // With l2 the dual equation holds x too, so both sides take one common step.
    double primal = std::min(1.0, 0.9995 * reach_primal), dual = std::min(1.0, 0.9995 * reach_dual);
    if (s.l2 > 0) primal = dual = std::min(primal, dual);
    for (std::int64_t j = 0; j < n; ++j) x[j] += primal * dx[j];
    for (std::int64_t i = 0; i < all; ++i) {
      u[i] += primal * du[i];
      v[i] += primal * dv[i];
      a[i] += dual * da[i];
    }
    fits(x, fit);
    if (!(std::max(primal, dual) > 1e-12)) return false;
  }
  return false;
}

}  // namespace

Outcome train_linear(const Request& request) {
  const ModelSettings& settings = request.settings;
  MLP_CHECK(request.train.columns.size() == request.features.size());
  Pool pool(std::max(request.threads, 1));
  const std::vector<std::int64_t> rows = rows_in_use(request.train), valid_rows = rows_in_use(request.valid);
  const Labels labels = labels_of(request.train, rows), valid_labels = labels_of(request.valid, valid_rows);
  check_targets(labels, settings.loss, request.classes.size());
  const Design design = timed("design", [&] { return Design(request.train, request.features, rows, labels, pool); });
  constexpr std::int64_t most_columns = 10'000;  // of a dense system, 800 MB
  if (settings.loss == Loss::quantile && design.columns() > most_columns)
    throw Failure(code::too_many_columns, "the model has " + std::to_string(design.columns()) + " columns, and a quantile regression takes " + std::to_string(most_columns),
                  "limit the vocabulary: `max_size = 2_000`; or use `gbdt`");
  const std::int32_t outputs = settings.loss == Loss::softmax ? static_cast<std::int32_t>(request.classes.size()) : 1;
  Objective objective(labels, request, outputs, pool), valid_objective(valid_labels, request, outputs, pool);

  Outcome out;
  model::Model& model = out.model;
  model.kind = ModelKind::linear;
  model.loss = settings.loss;
  model.quantile = settings.quantile;
  model.loss_name = settings.loss_name;
  model.link = settings.link;
  model.classes = request.classes;
  model.features = request.features;
  model::Linear& linear = model.linear;
  linear.outputs = outputs;
  linear.intercept.resize(outputs);
  for (const model::FeatureInfo& f : request.features) {
    linear.offset.push_back(linear.offset.empty() ? 0 : linear.offset.back() + model::columns_of(request.features[linear.offset.size() - 1]));
    linear.width.push_back(f.width);
  }
  const std::int64_t columns = design.columns(), size = columns + 1;
  linear.weights.resize(columns * outputs);
  const auto publish = [&](const Vector& x) {
    for (std::int32_t k = 0; k < outputs; ++k) linear.intercept[k] = design.to_raw(&x[k * size], linear.weights.data() + k * columns);
  };

  double l2_unit = 1;
  const std::vector<double> start = objective.start();
  if (settings.loss == Loss::quantile) {
    l2_unit = 0;
    for (std::int64_t i = 0; i < labels.rows(); ++i) l2_unit += labels.weight_at(i) * std::fabs(labels.target[i] - start[0]);
    l2_unit /= labels.total_weight;
  }
  Problem problem{request, design, labels, objective, outputs, Vector(size * outputs, 0.0), Vector(size * outputs, 0.0), {}, pool};
  for (std::int32_t k = 0; k < outputs; ++k) {
    for (std::int64_t j = 0; j < columns; ++j) {
      problem.l1[k * size + j] = settings.l1 / design.scale()[j];
      problem.l2[k * size + j] = settings.l2 / l2_unit / (design.scale()[j] * design.scale()[j]);
    }
  }
  problem.report = [&](std::int64_t iteration, const Vector& x, double metric) {
    Progress progress{.round = iteration, .rounds = settings.iterations, .metric = metric_name(settings), .train = metric};
    progress.valid = std::numeric_limits<double>::quiet_NaN();
    if (valid_labels.rows() > 0) {
      publish(x);
      Vector scores(valid_labels.rows() * outputs), by_output(scores.size());
      model::Matrix matrix = request.valid.columns;
      std::vector<Vector> kept(matrix.size());
      std::vector<std::vector<mlp_bag>> kept_bags(matrix.size());
      if (static_cast<std::int64_t>(valid_rows.size()) != request.valid.rows) {
        for (std::size_t f = 0; f < matrix.size(); ++f) {
          for (const std::int64_t r : valid_rows) kept[f].push_back(matrix[f][r]);
          if (matrix[f].bags)
            for (const std::int64_t r : valid_rows) kept_bags[f].push_back(matrix[f].bags[r]);
          matrix[f] = {kept[f].data(), kept_bags[f].data()};
        }
      }
      model::score_reference(model, matrix, valid_labels.rows(), scores.data());
      for (std::int64_t i = 0; i < valid_labels.rows(); ++i)
        for (std::int32_t k = 0; k < outputs; ++k) by_output[k * valid_labels.rows() + i] = scores[i * outputs + k];
      progress.valid = valid_objective.evaluate(by_output, false);
    }
    out.history.push_back(progress);
    if (request.on_round) request.on_round(progress);
  };

  Vector x(size * outputs, 0.0);
  for (std::int32_t k = 0; k < outputs; ++k) x[k * size + columns] = start[k];
  out.converged = timed("solve", [&] {
    if (settings.loss == Loss::quantile) return interior_point(problem, x);
    if (outputs == 1 && columns <= 2000) return newton(problem, x);
    return lbfgs(problem, x);
  });
  publish(x);
  for (const double w : linear.weights)
    if (!std::isfinite(w)) throw Failure(code::training_diverged, "a weight of the linear model is no longer finite", "scale the features and the label, or raise `l2`");
  out.best_round = static_cast<std::int64_t>(out.history.size());
  return out;
}

}  // namespace mlp::learn
