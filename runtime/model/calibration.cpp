#include "runtime/model/calibration.h"

#include <algorithm>
#include <cmath>

#include "runtime/model/exact_math.h"
#include "runtime/model/model.h"

namespace mlp::model {

std::int32_t evidence_width(const Model& model) { return model.outputs(); }

void evidence(const Model& model, const double* scores, std::int64_t rows, double* out) {
  const std::int32_t k = model.outputs();
  if (model.kind == ModelKind::forest) {
    const double trees = static_cast<double>(model.forest.trees.size());
    for (std::int64_t i = 0; i < rows * k; ++i) out[i] = scores[i] / trees;
    return;
  }
  if (k == 1) {
    std::copy_n(scores, rows, out);
    return;
  }
  std::vector<double> part(k), after(k + 1, 0.0);
  for (std::int64_t i = 0; i < rows; ++i) {
    const double* s = scores + i * k;
    const double top = *std::max_element(s, s + k);
    for (std::int32_t c = 0; c < k; ++c) part[c] = exact_exp(s[c] - top);
    for (std::int32_t c = k; c-- > 0;) after[c] = after[c + 1] + part[c];
    double before = 0;
    for (std::int32_t c = 0; c < k; ++c) {
      // Where all others vanish beside this class, as far away as doubles tell.
      out[i * k + c] = s[c] - top - exact_log(std::max(before + after[c + 1], 0x1p-1022));
      before += part[c];
    }
  }
}

double apply(Calibrate method, const Curve& curve, double z) {
  if (method == Calibrate::platt) return sigmoid(-(curve.a * z + curve.b));
  if (std::isnan(z)) return z;
  if (z <= curve.x.front()) return curve.y.front();
  if (z >= curve.x.back()) return curve.y.back();
  const std::size_t i = static_cast<std::size_t>(std::upper_bound(curve.x.begin(), curve.x.end(), z) - curve.x.begin());
  return curve.y[i - 1] + (curve.y[i] - curve.y[i - 1]) * ((z - curve.x[i - 1]) / (curve.x[i] - curve.x[i - 1]));
}

void calibrated(const Model& model, const double* evidence, std::int64_t rows, double* out) {
  const Calibration& c = model.calibration;
  const std::size_t k = c.curves.size();
  if (k == 1) {
    for (std::int64_t i = 0; i < rows; ++i) {
      out[2 * i + 1] = apply(c.method, c.curves[0], evidence[i]);
      out[2 * i] = 1 - out[2 * i + 1];
    }
    return;
  }
  for (std::int64_t i = 0; i < rows; ++i) {
    double* p = out + i * static_cast<std::int64_t>(k);
    double sum = 0;
    for (std::size_t j = 0; j < k; ++j) sum += p[j] = apply(c.method, c.curves[j], evidence[i * static_cast<std::int64_t>(k) + static_cast<std::int64_t>(j)]);
    for (std::size_t j = 0; j < k; ++j) p[j] = sum > 0 ? p[j] / sum : std::isnan(sum) ? sum : 1 / static_cast<double>(k);
  }
}

std::vector<std::string> validate_calibration(const Model& model) {
  const Calibration& c = model.calibration;
  if (c.method == Calibrate::none) return c.curves.empty() ? std::vector<std::string>{} : std::vector<std::string>{"calibration: curves without a method"};
  if (model.classes.empty()) return {"calibration: only probabilities are calibrated"};
  if (c.curves.size() != static_cast<std::size_t>(evidence_width(model))) return {"calibration: one curve per output is needed"};
  for (const Curve& curve : c.curves) {
    if (c.method == Calibrate::platt) {
      if (!curve.x.empty() || !curve.y.empty() || !std::isfinite(curve.a) || !std::isfinite(curve.b)) return {"calibration: a sigmoid has two finite numbers and no points"};
      continue;
    }
    bool good = !curve.x.empty() && curve.x.size() == curve.y.size() && curve.a == 0 && curve.b == 0;
    for (std::size_t i = 0; good && i < curve.x.size(); ++i)
      good = std::isfinite(curve.x[i]) && curve.y[i] >= 0 && curve.y[i] <= 1 && (i == 0 || (curve.x[i - 1] < curve.x[i] && curve.y[i - 1] <= curve.y[i]));
    if (!good) return {"calibration: the points of a curve do not rise from 0 to 1"};
  }
  return {};
}

}  // namespace mlp::model
