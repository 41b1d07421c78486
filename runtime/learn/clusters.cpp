#include "runtime/learn/clusters.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/diagnostic.h"
#include "runtime/learn/random.h"
#include "runtime/model/kernels.h"
#include "runtime/model/walk.h"

namespace mlp::learn {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t sample_rows = 2000;
constexpr std::uint64_t sample_stream = std::uint64_t{6} << 56;

// The rows that the silhouette is computed over: all, or those with the smallest random keys of their number.
std::vector<std::int64_t> sample(std::int64_t rows) {
  std::vector<std::pair<std::uint64_t, std::int64_t>> keys;
  for (std::int64_t i = 0; i < rows; ++i) keys.emplace_back(random_bits(0, sample_stream, static_cast<std::uint64_t>(i)), i);
  if (rows > sample_rows) {
    std::nth_element(keys.begin(), keys.begin() + sample_rows, keys.end());
    keys.resize(sample_rows);
  }
  std::vector<std::int64_t> out;
  for (const auto& [key, row] : keys) out.push_back(row);
  std::sort(out.begin(), out.end());
  return out;
}

double silhouette(const model::Model& model, const model::Matrix& columns, const std::vector<std::int32_t>& cluster) {
  const std::vector<std::int64_t> rows = sample(static_cast<std::int64_t>(cluster.size()));
  const std::int64_t n = static_cast<std::int64_t>(rows.size()), k = model.centres.clusters;
  std::vector<std::vector<double>> values(columns.size());
  for (std::size_t f = 0; f < columns.size(); ++f)
    for (const std::int64_t row : rows) values[f].push_back(columns[f][row]);
  std::vector<std::int64_t> size(k, 0);
  for (const std::int64_t row : rows) ++size[cluster[row]];
  if (std::count_if(size.begin(), size.end(), [](std::int64_t s) { return s > 0; }) < 2) return none;

  const model::Kernels& kernels = model::best_kernels();
  std::vector<double> sums(n * k, 0.0), squared(n);  // of the distances of a row to each cluster
  for (std::int64_t i = 0; i < n; ++i) {
    std::fill(squared.begin() + i + 1, squared.end(), 0.0);
    for (std::size_t f = 0; f < columns.size(); ++f) {
      const std::int32_t width = model.features[f].width;
      const double* v = values[f].data();
      if (width == 0) {
        kernels.add_squares(v + i + 1, v[i], n - i - 1, squared.data() + i + 1);
        continue;
      }
      const std::int32_t mine = model::code_of(v[i], width);
      for (std::int64_t j = i + 1; j < n; ++j)
        if (const std::int32_t other = model::code_of(v[j], width); other != mine) squared[j] += mine < 0 || other < 0 ? 1 : 2;
    }
    for (std::int64_t j = i + 1; j < n; ++j) {
      const double distance = std::sqrt(squared[j]);
      sums[i * k + cluster[rows[j]]] += distance;
      sums[j * k + cluster[rows[i]]] += distance;
    }
  }
  double total = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int32_t own = cluster[rows[i]];
    if (size[own] < 2) continue;  // alone in its cluster: 0
    const double inside = sums[i * k + own] / static_cast<double>(size[own] - 1);
    double nearest = std::numeric_limits<double>::infinity();
    for (std::int32_t c = 0; c < k; ++c)
      if (c != own && size[c] > 0) nearest = std::min(nearest, sums[i * k + c] / static_cast<double>(size[c]));
    if (std::max(inside, nearest) > 0) total += (nearest - inside) / std::max(inside, nearest);
  }
  return total / static_cast<double>(n);
}

// Pairs of rows that lie together or apart in both (Hubert, Arabie 1985), over the rows whose truth is known.
double adjusted_rand(const std::vector<std::int32_t>& cluster, const std::vector<double>& truth) {
  std::vector<std::pair<std::int32_t, double>> both;
  for (std::size_t i = 0; i < cluster.size(); ++i)
    if (!std::isnan(truth[i])) both.emplace_back(cluster[i], truth[i]);
  if (both.empty()) return none;
  const auto pairs = [](double n) { return n * (n - 1) / 2; };
  const auto runs = [&](auto list) {  // pairs of equal ones
    std::sort(list.begin(), list.end());
    double sum = 0;
    for (std::size_t i = 0, j = 0; i < list.size(); i = j) {
      while (j < list.size() && list[j] == list[i]) ++j;
      sum += pairs(static_cast<double>(j - i));
    }
    return sum;
  };
  std::vector<std::int32_t> first;
  std::vector<double> second;
  for (const auto& [c, t] : both) first.push_back(c), second.push_back(t);
  const double together = runs(both), a = runs(first), b = runs(second), all = pairs(static_cast<double>(both.size()));
  const double expected = all > 0 ? a * b / all : 0, most = (a + b) / 2;
  return most == expected ? 1 : (together - expected) / (most - expected);
}

}  // namespace

std::map<std::string, double> cluster_metrics(const model::Model& model, const model::Matrix& columns, const std::vector<double>& predicted, const std::vector<double>& truth,
                                              const std::vector<double>& weight) {
  const model::Centres& centres = model.centres;
  const std::int64_t rows = static_cast<std::int64_t>(predicted.size() / 2), k = centres.clusters;
  const std::size_t total = centres.values.size() / k;
  MLP_CHECK(columns.size() == model.features.size());
  std::map<std::string, double> out;
  std::vector<std::int32_t> cluster;
  std::vector<double> mass(k, 0.0), mean(k * total, 0.0), spread(k, 0.0), middle(total, 0.0);
  const auto weight_of = [&](std::int64_t i) { return weight.empty() ? 1.0 : weight[i]; };
  double inertia = 0, all = 0;
  for (std::int64_t i = 0; i < rows; ++i) {
    cluster.push_back(static_cast<std::int32_t>(predicted[2 * i]));
    mass[cluster[i]] += weight_of(i);
    all += weight_of(i);
    inertia += weight_of(i) * predicted[2 * i + 1] * predicted[2 * i + 1];
  }
  out["inertia"] = inertia;
  out["silhouette"] = silhouette(model, columns, cluster);
  if (!truth.empty()) out["adjusted_rand"] = adjusted_rand(cluster, truth);

  // The centres of these rows, which are not quite those of the model.
  for (std::size_t f = 0; f < columns.size(); ++f)
    for (std::int64_t i = 0; i < rows; ++i) {
      double* const to = &mean[cluster[i] * total + centres.offset[f]];
      if (centres.width[f] == 0) to[0] += weight_of(i) * columns[f][i];
      else if (const std::int32_t code = model::code_of(columns[f][i], centres.width[f]); code >= 0) to[code] += weight_of(i);
    }
  std::vector<std::int64_t> used;
  for (std::int64_t c = 0; c < k; ++c) {
    if (!(mass[c] > 0)) continue;
    used.push_back(c);
    for (std::size_t j = 0; j < total; ++j) {
      middle[j] += mean[c * total + j] / all;
      mean[c * total + j] /= mass[c];
    }
  }
  model::Centres own = centres;
  own.clusters = 1;
  double within = 0, between = 0;
  for (const std::int64_t c : used) {
    own.values.assign(mean.begin() + c * total, mean.begin() + (c + 1) * total);
    for (std::int64_t i = 0; i < rows; ++i)
      if (cluster[i] == c) {
        const double squared = model::nearest_of(own, columns, i).squared;
        within += weight_of(i) * squared;
        spread[c] += weight_of(i) * std::sqrt(squared);
      }
    spread[c] /= mass[c];
    for (std::size_t j = 0; j < total; ++j) between += mass[c] * (own.values[j] - middle[j]) * (own.values[j] - middle[j]);
  }
  const double groups = static_cast<double>(used.size());
  out["calinski_harabasz"] = used.size() > 1 && all > groups ? (within > 0 ? between * (all - groups) / (within * (groups - 1)) : 1) : none;
  double worst = 0;
  for (const std::int64_t a : used) {
    double most = 0;
    for (const std::int64_t b : used) {
      if (a == b) continue;
      double apart = 0;
      for (std::size_t j = 0; j < total; ++j) apart += (mean[a * total + j] - mean[b * total + j]) * (mean[a * total + j] - mean[b * total + j]);
      if (apart > 0) most = std::max(most, (spread[a] + spread[b]) / std::sqrt(apart));
    }
    worst += most;
  }
  out["davies_bouldin"] = used.size() > 1 ? worst / groups : none;
  return out;
}

}  // namespace mlp::learn
