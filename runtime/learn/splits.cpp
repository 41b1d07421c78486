// The best split of a node, from its histogram.
#include <algorithm>
#include <bit>
#include <cmath>

#include "base/timing.h"
#include "runtime/learn/grow.h"

namespace mlp::learn {
namespace {

// Category splits. One against the rest up to this many categories; else categories in the order of gradient ratio,
// smoothed towards zero for the rare ones (Fisher 1958; smoothing as in LightGBM).
constexpr std::int32_t one_vs_rest_bins = 4;
constexpr double category_smooth = 10;
constexpr double luck_margin = 1.5;                  // of find_category
constexpr std::int64_t category_rows = 5;            // rarer ones never enter a set

double soft(double g, double l1) {
  if (l1 == 0) return g;
  return g > l1 ? g - l1 : g < -l1 ? g + l1 : 0;
}

}  // namespace

double Grower::weight_of(const Sums& s, double l2, const Node& node) const {
  const double h = static_cast<double>(s.hessian) * grid_.hessian + l2;
  if (!(h > 0)) return 0;
  const double w = -soft(static_cast<double>(s.gradient) * grid_.gradient, settings_.l1) / h;
  return bounded_ ? std::clamp(w, node.low, node.high) : w;
}

// What a leaf with these sums takes off the loss (twice).
double Grower::part(const Sums& s, double l2, const Node& node) const {
  const double g = static_cast<double>(s.gradient) * grid_.gradient;
  const double h = static_cast<double>(s.hessian) * grid_.hessian + l2;
  if (!(h > 0)) return 0;
  if (bounded_) {
    const double w = weight_of(s, l2, node);
    return -(2 * g * w + h * w * w + 2 * settings_.l1 * std::fabs(w));
  }
  const double t = soft(g, settings_.l1);
  return t * t / h;
}

bool Grower::heavy_enough(const Sums& s) const {
  return s.count >= settings_.min_rows && s.count > 0 && static_cast<double>(s.hessian) * grid_.hessian >= settings_.min_weight;
}

// Eight at a time, the same on every machine.
typedef double Reals __attribute__((vector_size(64)));
typedef std::int64_t Integers __attribute__((vector_size(64)));
constexpr std::int64_t lanes = 8;
// Below 2^51 in size; every vector unit can add, few can convert.
inline void to_reals(const Integers& v, double unit, Reals& out) {
  constexpr double magic = 0x1.8p52;
  out = (reinterpret_cast<Reals>(v + std::bit_cast<std::int64_t>(magic)) - magic) * unit;
}

// What lies on the left of a cut behind each bin, in units of the grid. Whole vectors; what is not allowed gains nothing.
struct Lefts {
  alignas(64) std::int64_t gradient[narrow_slots], hessian[narrow_slots];
  alignas(64) std::int64_t allowed[narrow_slots];   // 0 or -1
};
// The sum of part() on both sides, without l1 and bounds; 0 where a side is too light. Returns the largest.
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) static double gains_of(const Lefts& left, std::int64_t n, const Sums& node, const Grid& grid, double l2,
                                                                                                 double min_weight, double* out) {
  Reals most{};
  for (std::int64_t b = 0; b < n; b += lanes) {
    const Integers g = *reinterpret_cast<const Integers*>(left.gradient + b), h = *reinterpret_cast<const Integers*>(left.hessian + b);
    Reals left_g, right_g, left_h, right_h;
    to_reals(g, grid.gradient, left_g);
    to_reals(node.gradient - g, grid.gradient, right_g);
    to_reals(h, grid.hessian, left_h);
    to_reals(node.hessian - h, grid.hessian, right_h);
    const Reals gain = left_g * left_g / (left_h + l2) + right_g * right_g / (right_h + l2);
    const Integers allowed = *reinterpret_cast<const Integers*>(left.allowed + b) & (left_h >= min_weight) & (right_h >= min_weight);
    const Reals kept = reinterpret_cast<Reals>(reinterpret_cast<Integers>(gain) & allowed);
    *reinterpret_cast<Reals*>(out + b) = kept;
    most = most < kept ? kept : most;
  }
  return std::max({most[0], most[1], most[2], most[3], most[4], most[5], most[6], most[7]});
}

Split Grower::find_number(const Node& node, std::int32_t position) const {
  const std::int32_t feature = binned_.used[position];
  const FeatureBins& bins = binned_.features[feature];
  const Cell* cells = node.histogram->data() + binned_.offset[position];
  const int monotone = bounded_ ? request_.direction(feature) : 0;
  const double l2 = settings_.l2, hessian = grid_.hessian;
  const std::int64_t min_rows = std::max<std::int64_t>(settings_.min_rows, 1);
  const Sums missing = bins.has_missing ? sums_of(cells[bins.count]) : Sums{};
  Split best;
  const auto keep = [&](double gain, const Sums& left, std::int32_t bin, bool default_left) {
    if (!(gain > best.gain)) return;
    best.gain = gain;
    best.position = position;
    best.bin = bin;
    best.default_left = default_left;
    best.left = left;
  };
  const auto consider = [&](const Sums& left, std::int32_t bin, bool default_left) {
    const Sums right = node.sums - left;
    if (left.count < min_rows || right.count < min_rows) return;
    const double left_h = static_cast<double>(left.hessian) * hessian, right_h = static_cast<double>(right.hessian) * hessian;
    if (!(left_h >= settings_.min_weight) || !(right_h >= settings_.min_weight)) return;
    if (monotone != 0 && (weight_of(left, l2, node) - weight_of(right, l2, node)) * monotone > 0) return;
    keep(part(left, l2, node) + part(right, l2, node), left, bin, default_left);
  };
  // Missing values go left (also where the node saw none), then right.
  for (const bool missing_left : {true, false}) {
    if (!missing_left && missing.count == 0) break;
    if (bins.count <= narrow_slots && !bounded_ && settings_.l1 == 0 && l2 > 0) {
      // In three loops, each fit for vectors: this is where small nodes spend their time.
      Lefts left;
      alignas(64) double gains[narrow_slots];
      const std::int64_t spare = node.sums.count - 2 * min_rows, n = bins.count - 1, whole = (n + lanes - 1) / lanes * lanes;
      Cell sum = missing_left && bins.has_missing ? cells[bins.count] : Cell{0, 0};
      for (std::int64_t b = 0; b < n; ++b) {
        sum += cells[b];
        const Sums s = sums_of(sum);
        left.gradient[b] = s.gradient;
        left.hessian[b] = s.hessian;
        left.allowed[b] = -static_cast<std::int64_t>((cells[b][1] != 0) & (static_cast<std::uint64_t>(s.count - min_rows) <= static_cast<std::uint64_t>(spare)));
      }
      for (std::int64_t b = n; b < whole; ++b) left.gradient[b] = left.hessian[b] = left.allowed[b] = 0;
      const double most = gains_of(left, whole, node.sums, grid_, l2, settings_.min_weight, gains);
      if (!(most > best.gain)) continue;
      const std::int64_t b = std::find(gains, gains + n, most) - gains;
      Sums chosen = missing_left ? missing : Sums{};
      for (std::int64_t i = 0; i <= b; ++i) chosen += sums_of(cells[i]);
      keep(most, chosen, static_cast<std::int32_t>(b), missing_left);
      continue;
    }
    Sums left = missing_left ? missing : Sums{};
    for (std::int32_t b = 0; b + 1 < bins.count; ++b) {
      if (cells[b][1] == 0) continue;
      left += sums_of(cells[b]);
      if (node.sums.count - left.count < min_rows) break;
      consider(left, b, missing_left);
    }
  }
  if (missing.count > 0 && !bins.has_infinity && monotone == 0) consider(node.sums - missing, bins.count - 1, false);
  return best;
}

// Bins that may enter a set, by rising ratio of gradient to Hessian: from the ones that want the highest value.
std::vector<std::int32_t> Grower::category_order(const Node& node, std::int32_t position) const {
  const FeatureBins& bins = binned_.features[binned_.used[position]];
  const Cell* cells = node.histogram->data() + binned_.offset[position];
  std::vector<std::pair<double, std::int32_t>> keyed;
  for (std::int32_t b = 0; b < bins.slots(); ++b) {
    const Sums s = sums_of(cells[b]);
    if (s.count < category_rows || b == bins.rest_bin) continue;
    const double ratio = static_cast<double>(s.gradient) * grid_.gradient / (static_cast<double>(s.hessian) * grid_.hessian + category_smooth);
    keyed.emplace_back(ratio, b);
  }
  std::sort(keyed.begin(), keyed.end());
  std::vector<std::int32_t> order;
  for (const auto& [ratio, b] : keyed) order.push_back(b);
  return order;
}

Split Grower::find_category(const Node& node, std::int32_t position) const {
  const FeatureBins& bins = binned_.features[binned_.used[position]];
  const Cell* cells = node.histogram->data() + binned_.offset[position];
  Split best;
  double luck = 0;
  const auto consider = [&](const Sums& left, std::int32_t bin, bool suffix, bool one) {
    const Sums right = node.sums - left;
    if (!heavy_enough(left) || !heavy_enough(right)) return;
    const double gain = part(left, settings_.l2, node) + part(right, settings_.l2, node) - luck;
    if (gain > best.gain) {
      best.gain = gain;
      best.position = position;
      best.bin = bin;
      best.suffix = suffix;
      best.one = one;
      best.left = left;
    }
  };
  std::int32_t present = 0;
  for (std::int32_t b = 0; b < bins.slots(); ++b) present += cells[b][1] != 0;
  if (bins.one_hot || present <= one_vs_rest_bins) {
    const std::int32_t last = bins.one_hot ? bins.count : bins.slots();
    for (std::int32_t b = 0; b < last; ++b)
      if (cells[b][1] != 0 && b != bins.rest_bin) consider(sums_of(cells[b]), b, false, true);
    if (bins.one_hot || present <= 3) return best;  // up to three categories: these are all the partitions
  }
  const std::vector<std::int32_t> order = category_order(node, position);
  const std::int32_t size = static_cast<std::int32_t>(order.size());
  Sums all;
  double roots = 0;
  for (const std::int32_t b : order) {
    const Sums s = sums_of(cells[b]);
    all += s;
    roots += std::sqrt(static_cast<double>(s.hessian) * grid_.hessian);
  }
  // Sorted by their gradients, categories without any effect still seem to gain: a category's gradient sum is then
  // normal with variance v H, and cutting such sums at 0 gives (2 / pi) v (sum of sqrt H)^2 / H on average. A set is
  // credited with what it gains above that, and a margin. v, the variance of gradients per Hessian, is measured in the node.
  const double node_g = static_cast<double>(node.sums.gradient) * grid_.gradient, node_h = static_cast<double>(node.sums.hessian) * grid_.hessian;
  const double variance = node_h > 0 ? std::max(node.squares - node_g * node_g / node_h, 0.0) / node_h : 0;
  luck = luck_margin * 0.63661977236758138 * variance * roots * roots / std::max(node_h, 1e-300);
  const bool leftovers = all.count != node.sums.count;  // too rare for a set: with the right child
  Sums prefix;
  for (std::int32_t i = 0; i < size; ++i) {
    prefix += sums_of(cells[order[i]]);
    if (i + 1 < size || leftovers) consider(prefix, i + 1, false, false);
    if (leftovers && i + 1 < size) consider(all - prefix, i + 1, true, false);
  }
  return best;
}

Split Grower::find_one(const Node& node, std::int32_t position) const {
  const FeatureBins& bins = binned_.features[binned_.used[position]];
  if (bins.category || bins.one_hot) return find_category(node, position);
  return find_number(node, position);
}

void Grower::find(std::initializer_list<Node*> nodes, Place place) {
  const Timed scope("splits");
  std::vector<Node*> open;
  for (Node* node : nodes)
    if (node->histogram != nullptr) open.push_back(node);
  // Ties go to the first position, whichever thread finds it.
  std::vector<Split> found(pool_.threads() * open.size());
  share(static_cast<std::int64_t>(open.size()) * binned_.slots, place, [&](std::int64_t t, std::int32_t first, std::int32_t last) {
    const auto begin = std::lower_bound(positions_->begin(), positions_->end(), first), end = std::lower_bound(begin, positions_->end(), last);
    for (std::size_t n = 0; n < open.size(); ++n) {
      Split best;
      for (auto p = begin; p != end; ++p)
        if (const Split split = find_one(*open[n], *p); split.gain > best.gain) best = split;
      found[t * open.size() + n] = best;
    }
  });
  for (std::size_t n = 0; n < open.size(); ++n) {
    Node& node = *open[n];
    node.best = {};
    for (std::size_t t = n; t < found.size(); t += open.size())
      if (found[t].gain > node.best.gain) node.best = found[t];
    if (node.best.position < 0) continue;
    const double children = node.best.gain;
    node.best.gain -= part(node.sums, settings_.l2, node);
    if (!(node.best.gain > settings_.min_gain && node.best.gain > 1e-12 * children)) {
      node.best = {};
      continue;
    }
    const FeatureBins& bins = binned_.features[binned_.used[node.best.position]];
    if ((bins.category || bins.one_hot) && !node.best.one) node.order = category_order(node, node.best.position);
  }
}

}  // namespace mlp::learn
