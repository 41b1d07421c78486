#include "runtime/learn/forest_tree.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/diagnostic.h"
#include "runtime/learn/random.h"

namespace mlp::learn {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::size_t ordering_classes = 4;  // categories are put in order by the shares of this many classes, the most frequent

// Of the four draws that a feature of a node may need: which feature, and what decides a random split of it.
enum Draw : std::int64_t { draw_feature, draw_threshold, draw_missing, draws };

double unit(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

}  // namespace

ForestGrower::ForestGrower(const ForestRows& shared, std::int64_t tree, std::vector<std::uint8_t> times)
    : shared_(shared), binned_(shared.binned), settings_(shared.request.settings), outputs_(shared.outputs), width_(shared.outputs + 1),
      min_rows_(std::max<std::int64_t>(settings_.min_rows, 1)), bits_(shared.grid.count_bits), gradient_(shared.grid.gradient), hessian_(shared.grid.hessian),
      tree_number_(tree), times_(std::move(times)), cells_(shared.cells) {
  for (const int m : shared.request.monotone) bounded_ |= m != 0;
  for (std::int64_t r = 0; r < binned_.rows; ++r) {
    if (times_[r] == 0) continue;
    rows_.push_back(static_cast<std::uint32_t>(r));
    cells_[r] = Cell{cells_[r][0] * times_[r], (cells_[r][1] - 1) * times_[r] + 1};
  }
  moved_.resize(rows_.size());
  std::int32_t slots = 0;
  for (const std::int32_t f : binned_.used) slots = std::max(slots, binned_.features[f].slots());
  histogram_.resize(static_cast<std::size_t>(slots) * width_);
  touched_.resize((slots + 63) / 64);
  total_.resize(width_);
  left_.resize(width_);
}

std::uint64_t ForestGrower::random(std::int32_t node, std::int64_t draw) const {
  return random_bits(settings_.seed, (std::uint64_t{4} << 56) | static_cast<std::uint64_t>(tree_number_),
                     (static_cast<std::uint64_t>(node) << 32) | static_cast<std::uint64_t>(draw));
}

void ForestGrower::add(Sums& sums, std::int32_t b, std::int64_t sign) const {
  const std::int64_t* from = bin(b);
  for (std::int32_t k = 0; k < width_; ++k) sums[k] += sign * from[k];
}

bool ForestGrower::may_split(const Node& node) const {
  if (settings_.depth > 0 && node.depth >= settings_.depth) return false;
  if (node.end - node.begin < 2 * min_rows_) return false;
  const double first = shared_.labels.target[rows_[node.begin]];
  for (std::int64_t i = node.begin + 1; i < node.end; ++i)
    if (shared_.labels.target[rows_[i]] != first) return true;
  return false;
}

template <class Column>
void ForestGrower::count_rows(const Column& column, const Node& node) {
  for (std::int64_t i = node.begin; i < node.end; ++i) {
    const std::uint32_t r = rows_[i];
    const auto b = static_cast<std::size_t>(column[r]);
    touched_[b >> 6] |= std::uint64_t{1} << (b & 63);
    std::int64_t* to = &histogram_[b * width_];
    const Cell& cell = cells_[r];
    if (outputs_ == 1) {
      to[0] += cell[0];
      to[1] += cell[1];
    } else {
      to[static_cast<std::int32_t>(shared_.labels.target[r])] += cell[1] >> bits_;
      to[outputs_] += cell[1];
    }
  }
}

// The histogram of a feature over the rows of a node.
void ForestGrower::count(const Node& node, std::int32_t position) {
  for (const std::int32_t b : present_) std::fill_n(&histogram_[static_cast<std::size_t>(b) * width_], width_, 0);
  present_.clear();
  binned_.with_column(position, [&](const auto& column) { count_rows(column, node); });
  const std::int32_t slots = binned_.features[binned_.used[position]].slots();
  for (std::int32_t w = 0; w * 64 < slots; ++w)
    for (std::uint64_t word = std::exchange(touched_[w], 0); word != 0; word &= word - 1) present_.push_back(w * 64 + std::countr_zero(word));
}

// Whether the node's best split would be this one; then the rest of `best` is the caller's to fill in.
bool ForestGrower::consider(Node& node, std::int32_t position, const std::int64_t* left) {
  const std::int64_t left_rows = rows(left), right_rows = rows(total_.data()) - left_rows;
  if (left_rows < min_rows_ || right_rows < min_rows_) return false;
  const double whole = weight(total_.data()), left_weight = weight(left), right_weight = whole - left_weight;
  if (!(left_weight > 0) || !(right_weight > 0)) return false;
  double gain = 0;
  if (!bounded_) {
    // The sum over outputs of the squared distance of the left mean from the node's, times what both sides weigh.
    for (std::int32_t k = 0; k < outputs_; ++k) {
      const double unit = outputs_ == 1 ? gradient_ : hessian_;
      const double apart = static_cast<double>(left[k]) * unit - left_weight * (static_cast<double>(total_[k]) * unit / whole);
      gain += apart * apart;
    }
    gain *= whole / (left_weight * right_weight);
  } else {
    const double all = static_cast<double>(total_[0]) * gradient_, left_sum = static_cast<double>(left[0]) * gradient_, right_sum = all - left_sum;
    const auto value = [&](double sum, double w) { return std::clamp(sum / w, node.low, node.high); };
    const auto worth = [&](double sum, double w) { return value(sum, w) * (2 * sum - w * value(sum, w)); };
    const int direction = shared_.request.direction(binned_.used[position]);
    if (direction != 0 && (value(left_sum, left_weight) - value(right_sum, right_weight)) * direction > 0) return false;
    gain = worth(left_sum, left_weight) + worth(right_sum, right_weight) - worth(all, whole);
  }
  // Less is rounding.
  const double scale = outputs_ == 1 ? static_cast<double>(total_[0]) * gradient_ * (static_cast<double>(total_[0]) * gradient_) / whole : whole;
  if (!(gain > node.best.gain) || !(gain > 1e-16 * scale)) return false;
  node.best.gain = gain;
  node.best.position = position;
  return true;
}

void ForestGrower::search_number(std::int32_t at, std::int32_t position) {
  Node& node = nodes_[at];
  const FeatureBins& bins = binned_.features[binned_.used[position]];
  const bool missing = !present_.empty() && present_.back() == bins.count;
  const std::size_t values = present_.size() - (missing ? 1 : 0);
  const auto take = [&](std::int32_t b, bool default_left) {
    if (!consider(node, position, left_.data())) return;
    node.best.bin = b;
    node.best.default_left = default_left;
  };
  const auto start = [&](bool missing_left) {
    std::fill(left_.begin(), left_.end(), 0);
    if (missing && missing_left) add(left_, bins.count);
  };
  const bool apart = missing && !bins.has_infinity && (!bounded_ || shared_.request.direction(binned_.used[position]) == 0);
  if (settings_.thresholds == Thresholds::random) {
    if (values < 2) {
      if (values == 0 || !apart) return;
      start(false);
      add(left_, present_[0]);
      return take(bins.count - 1, false);
    }
    // Values stand in the middle of their bins; a threshold is drawn evenly between the smallest and the largest of the node.
    const std::int32_t low = present_[0], high = present_[values - 1];
    const auto& t = bins.thresholds;
    const auto middle = [&](std::int32_t b) {
      const std::int32_t last = bins.count - 1;
      if (last == 1) return t[0] / 2 + (b == 0 ? -1.0 : 1.0);
      const std::int32_t c = std::clamp(b, 1, last - 1);   // at the ends as wide as the neighbour
      return b == 0 ? t[0] - (t[c] / 2 - t[c - 1] / 2) : b == last ? t[last - 1] + (t[c] / 2 - t[c - 1] / 2) : t[b - 1] / 2 + t[b] / 2;
    };
    const double from = middle(low), drawn = from + unit(random(at, position * draws + draw_threshold)) * (middle(high) - from);
    std::int32_t cut = low;
    while (cut + 1 < high && middle(cut + 1) <= drawn) ++cut;
    const bool missing_left = !missing || (random(at, position * draws + draw_missing) >> 63) != 0;
    start(missing_left);
    for (std::size_t i = 0; i < values && present_[i] <= cut; ++i) add(left_, present_[i]);
    return take(cut, missing_left);
  }
  // Missing values go left (also where the node saw none), then right.
  for (const bool missing_left : {true, false}) {
    if (!missing_left && !missing) break;
    start(missing_left);
    for (std::size_t i = 0; i + 1 < values; ++i) {
      add(left_, present_[i]);
      if (rows(total_.data()) - rows(left_.data()) < min_rows_) break;
      take(present_[i], missing_left);
    }
  }
  if (!apart) return;
  left_ = total_;
  add(left_, bins.count, -1);
  take(bins.count - 1, false);
}

// Every beginning of `order` as a left side, or only the whole of it.
void ForestGrower::scan_order(Node& node, std::int32_t position, const std::vector<std::int32_t>& order, bool whole) {
  std::fill(left_.begin(), left_.end(), 0);
  for (std::size_t i = 0; i < order.size(); ++i) {
    add(left_, order[i]);
    if (whole && i + 1 < order.size()) continue;
    if (consider(node, position, left_.data())) node.best.left_bins.assign(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  }
}

// Categories in the order of their mean label: of one output, one of the beginnings is the best of all partitions (Fisher
// 1958). Of several classes in the orders of their shares, and one by one.
void ForestGrower::search_category(std::int32_t at, std::int32_t position) {
  Node& node = nodes_[at];
  const FeatureBins& bins = binned_.features[binned_.used[position]];
  std::vector<std::int32_t> open;            // may be in a set
  for (const std::int32_t b : present_)
    if (b != bins.rest_bin && (!bins.one_hot || b < bins.count)) open.push_back(b);
  if (bins.one_hot || (outputs_ > 1 && settings_.thresholds == Thresholds::best)) {
    for (const std::int32_t b : open)
      if (consider(node, position, bin(b))) node.best.left_bins = {b};
    if (bins.one_hot) return;
  }
  std::vector<std::int32_t> classes(outputs_);
  std::iota(classes.begin(), classes.end(), 0);
  std::stable_sort(classes.begin(), classes.end(), [&](std::int32_t a, std::int32_t b) { return total_[a] > total_[b]; });
  if (classes.size() > ordering_classes) classes.resize(ordering_classes);
  for (const std::int32_t k : classes) {
    std::vector<std::pair<double, std::int32_t>> keyed;
    for (const std::int32_t b : open) keyed.emplace_back(static_cast<double>(bin(b)[k]) / std::max(static_cast<double>(bin(b)[outputs_] >> bits_), 1.0), b);
    std::sort(keyed.begin(), keyed.end());
    std::vector<std::int32_t> order;
    for (const auto& [key, b] : keyed) order.push_back(b);
    if (settings_.thresholds == Thresholds::random) {  // one cut, in the order of one class
      if (order.size() < 2) return;
      order.resize(1 + random(at, position * draws + draw_threshold) % (order.size() - 1));
    }
    scan_order(node, position, order, settings_.thresholds == Thresholds::random);
    if (settings_.thresholds == Thresholds::random) return;
  }
}

void ForestGrower::search(std::int32_t at) {
  const Node& node = nodes_[at];
  std::fill(total_.begin(), total_.end(), 0);
  for (std::int64_t i = node.begin; i < node.end; ++i) {
    const std::uint32_t r = rows_[i];
    total_[outputs_ == 1 ? 0 : static_cast<std::int32_t>(shared_.labels.target[r])] += outputs_ == 1 ? cells_[r][0] : cells_[r][1] >> bits_;
    total_[outputs_] += cells_[r][1];
  }
  // Features in a random order, until enough were drawn and one of them varies.
  order_.resize(binned_.used.size());
  std::iota(order_.begin(), order_.end(), 0);
  const std::int32_t all = static_cast<std::int32_t>(order_.size());
  bool varies = false;
  for (std::int32_t i = 0; i < all; ++i) {
    if (i >= shared_.features && varies) break;
    std::swap(order_[i], order_[i + random(at, i * draws + draw_feature) % static_cast<std::uint64_t>(all - i)]);
    count(node, order_[i]);
    if (present_.size() < 2) continue;
    varies = true;
    const FeatureBins& bins = binned_.features[binned_.used[order_[i]]];
    if (bins.category || bins.one_hot)
      search_category(at, order_[i]);
    else
      search_number(at, order_[i]);
  }
}

// Puts the node's split into the tree and divides its rows.
void ForestGrower::split(std::int32_t at) {
  const Split best = std::move(nodes_[at].best);
  const std::int32_t feature = binned_.used[best.position];
  const FeatureBins& bins = binned_.features[feature];
  model::Tree& tree = out_.tree;
  tree.feature[at] = feature;
  tree.gain[at] = best.gain;
  goes_left_.assign(bins.slots(), 0);
  if (bins.category || bins.one_hot) {
    for (const std::int32_t b : best.left_bins) goes_left_[b] = 1;
    tree.category_set[at] = static_cast<std::int32_t>(out_.sets.size());
    out_.sets.push_back(set_of(bins, shared_.request.features[feature].width, goes_left_));
    tree.default_left[at] = bins.has_missing && goes_left_[bins.count];
  } else {
    std::fill_n(goes_left_.begin(), best.bin + 1, 1);
    if (bins.has_missing) goes_left_[bins.count] = best.default_left;
    tree.threshold[at] = best.bin < bins.count - 1 ? bins.thresholds[best.bin] : std::numeric_limits<double>::max();
    tree.default_left[at] = best.default_left;
  }
  std::uint32_t* rows = rows_.data() + nodes_[at].begin;
  const std::int64_t all = nodes_[at].end - nodes_[at].begin;
  const std::int64_t lefts = binned_.with_column(best.position, [&](const auto& column) { return part_rows(column, goes_left_, rows, all, rows, moved_.data()); });
  MLP_CHECK(lefts > 0 && lefts < all);
  std::copy_n(moved_.data(), all - lefts, rows + lefts);

  const std::int32_t l = tree.add_leaf(outputs_), r = tree.add_leaf(outputs_);
  tree.left[at] = l;
  tree.right[at] = r;
  nodes_.resize(nodes_.size() + 2);
  const Node& parent = nodes_[at];
  Node &a = nodes_[l], &b = nodes_[r];
  a.begin = parent.begin;
  a.end = b.begin = parent.begin + lefts;
  b.end = parent.end;
  a.depth = b.depth = parent.depth + 1;
  a.low = b.low = parent.low;
  a.high = b.high = parent.high;
  if (const int m = bounded_ ? shared_.request.direction(feature) : 0; m != 0) {
    const auto value = [&](const Node& node) {
      std::int64_t sum = 0, w = 0;
      for (std::int64_t i = node.begin; i < node.end; ++i) sum += cells_[rows_[i]][0], w += cells_[rows_[i]][1] >> bits_;
      return std::clamp(static_cast<double>(sum) * gradient_ / (static_cast<double>(w) * hessian_), parent.low, parent.high);
    };
    const double middle = (value(a) + value(b)) / 2;
    (m > 0 ? a.high : a.low) = middle;
    (m > 0 ? b.low : b.high) = middle;
  }
}

// The value of a leaf, from its labels in the order of rows.
void ForestGrower::settle(std::int32_t at) {
  const Node& node = nodes_[at];
  double* value = &out_.tree.value[static_cast<std::size_t>(at) * outputs_];
  double all = 0;
  for (std::int64_t i = node.begin; i < node.end; ++i) {
    const std::uint32_t r = rows_[i];
    const double w = shared_.labels.weight_at(r) * times_[r], y = shared_.labels.target[r];
    all += w;
    if (outputs_ == 1)
      value[0] += w * y;
    else
      value[static_cast<std::int32_t>(y)] += w;
  }
  for (std::int32_t k = 0; k < outputs_; ++k) value[k] /= all;
  if (bounded_) value[0] = std::clamp(value[0], node.low + shared_.origin, node.high + shared_.origin);
  out_.tree.cover[at] = all;
}

ForestTree ForestGrower::grow() {
  out_.tree.add_leaf(outputs_);
  nodes_.push_back({.begin = 0, .end = static_cast<std::int64_t>(rows_.size()), .low = -infinity, .high = infinity, .best = {}});
  // With a limit of leaves the one that gains most is split first, ties to the oldest; else the order does not matter.
  const bool limited = settings_.leaves > 0;
  const auto after = [&](std::int32_t x, std::int32_t y) {
    return nodes_[x].best.gain != nodes_[y].best.gain ? nodes_[x].best.gain < nodes_[y].best.gain : x > y;
  };
  std::vector<std::int32_t> queue;
  const auto offer = [&](std::int32_t at) {
    if (!may_split(nodes_[at])) return;
    search(at);
    if (nodes_[at].best.position < 0) return;
    queue.push_back(at);
    if (limited) std::push_heap(queue.begin(), queue.end(), after);
  };
  if (!binned_.used.empty()) offer(0);
  for (std::int64_t leaves = 1; !queue.empty() && (!limited || leaves < settings_.leaves); ++leaves) {
    if (limited) std::pop_heap(queue.begin(), queue.end(), after);
    const std::int32_t at = queue.back();
    queue.pop_back();
    split(at);
    const std::int32_t l = out_.tree.left[at], r = out_.tree.right[at];
    offer(r);
    offer(l);
  }
  for (std::size_t i = nodes_.size(); i-- > 0;) {  // children come after their parents
    if (out_.tree.left[i] < 0)
      settle(static_cast<std::int32_t>(i));
    else
      out_.tree.cover[i] = out_.tree.cover[out_.tree.left[i]] + out_.tree.cover[out_.tree.right[i]];
  }
  return std::move(out_);
}

}  // namespace mlp::learn
