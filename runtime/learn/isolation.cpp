// Isolation forest: trees of random splits, in which rows unlike the rest end up alone after few of them (Liu, Ting, Zhou 2008).
// Each tree is grown on a sample without replacement, to the depth ceil(log2(rows of the sample)). A leaf's value is the depth
// of a row there, and what an unsuccessful search among the rows of the leaf would add.
//
// A node splits on one of the features that can part its rows, each as likely. Numbers: at a threshold drawn evenly between
// the smallest and the largest; missing ones take a side by a coin, and where the numbers are all equal the split is between
// missing and not. Categories: each that the node has seen, and missing, takes a side by a coin, so that both sides have some.
// One-hot features: one of the codes against the rest. What a node has not seen goes to the side with fewer rows.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <optional>

#include "base/codes/training.h"
#include "base/diagnostic.h"
#include "runtime/learn/learn.h"
#include "runtime/learn/pool.h"
#include "runtime/learn/random.h"
#include "runtime/model/exact_math.h"
#include "runtime/model/walk.h"

namespace mlp::learn {
namespace {

// Mean path length of an unsuccessful search in a binary search tree of n rows.
double mean_path(std::int64_t n) {
  if (n < 2) return 0;
  if (n == 2) return 1;
  const double rows = static_cast<double>(n);
  return 2 * (model::exact_log(rows - 1) + 0.57721566490153286) - 2 * (rows - 1) / rows;
}

// The randomness of one tree, in the order in which it asks.
struct Draw {
  std::uint64_t seed, stream, next = 0;
  Draw(std::uint64_t s, std::int64_t tree) : seed(s), stream((std::uint64_t{5} << 56) | static_cast<std::uint64_t>(tree)) {}
  double unit() { return random_unit(seed, stream, next++); }
  bool coin() { return random_bits(seed, stream, next++) & 1; }
  std::int64_t below(std::int64_t n) { return std::min(n - 1, static_cast<std::int64_t>(unit() * static_cast<double>(n))); }
};

class Grower {
 public:
  Grower(const Request& request, std::int64_t tree) : request_(request), draw_(request.settings.seed, tree) {}

  void grow(model::Tree& tree, std::vector<std::vector<std::uint64_t>>& sets) {
    std::vector<std::int64_t> rows = sample();
    std::int64_t depth = 0;
    while ((std::int64_t{1} << depth) < static_cast<std::int64_t>(rows.size())) ++depth;
    tree_ = &tree;
    sets_ = &sets;
    split(rows.data(), rows.data() + rows.size(), 0, depth);
  }

 private:
  // Fisher and Yates, with only those places written down that were exchanged.
  std::vector<std::int64_t> sample() {
    const std::int64_t n = request_.train.rows, wanted = std::min(request_.settings.sample, n);
    std::map<std::int64_t, std::int64_t> moved;
    const auto at = [&](std::int64_t i) { const auto found = moved.find(i); return found == moved.end() ? i : found->second; };
    std::vector<std::int64_t> rows;
    for (std::int64_t i = 0; i < wanted; ++i) {
      const std::int64_t j = i + draw_.below(n - i);
      rows.push_back(at(j));
      moved[j] = at(i);
    }
    return rows;
  }

  struct Split {
    double threshold = 0;
    bool missing_left = false;
    bool missing_seen = false;
    std::map<std::int32_t, bool> left;       // of a category feature: the codes that the node has seen
  };

  std::optional<Split> split_by(std::int32_t f, const std::int64_t* begin, const std::int64_t* end) {
    const double* column = request_.train.columns[f].numbers;
    const model::FeatureInfo& info = request_.features[f];
    Split out;
    if (info.width == 0) {
      double low = std::numeric_limits<double>::infinity(), high = -low;
      for (const std::int64_t* row = begin; row < end; ++row) {
        const double v = column[*row];
        if (std::isnan(v)) out.missing_seen = true;
        else low = std::min(low, v), high = std::max(high, v);
      }
      if (low < high) {
        const double u = draw_.unit();
        out.threshold = low * (1 - u) + high * u;
        if (!(out.threshold >= low && out.threshold < high)) out.threshold = low;
        if (out.missing_seen) out.missing_left = draw_.coin();
        return out;
      }
      if (!out.missing_seen || !(low == high)) return {};
      out.threshold = high;
      return out;
    }
    for (const std::int64_t* row = begin; row < end; ++row) {
      const std::int32_t code = model::code_of(column[*row], info.width);
      if (code < 0) out.missing_seen = true;
      else out.left[code] = false;
    }
    const std::int64_t kinds = static_cast<std::int64_t>(out.left.size()) + out.missing_seen;
    if (kinds < 2) return {};
    if (info.one_hot) {
      std::next(out.left.begin(), draw_.below(static_cast<std::int64_t>(out.left.size())))->second = true;
      return out;
    }
    std::vector<bool> side;
    for (std::int64_t i = 0; i < kinds; ++i) side.push_back(draw_.coin());
    if (std::equal(side.begin() + 1, side.end(), side.begin())) side[static_cast<std::size_t>(draw_.below(kinds))].flip();
    std::size_t i = 0;
    for (auto& [code, left] : out.left) left = side[i++];
    if (out.missing_seen) out.missing_left = side[i];
    return out;
  }

  std::int32_t split(std::int64_t* begin, std::int64_t* end, std::int64_t depth, std::int64_t deepest) {
    const std::int64_t rows = end - begin;
    const std::int32_t node = tree_->add_leaf(1);
    tree_->cover[node] = static_cast<double>(rows);
    std::optional<Split> by;
    std::int32_t f = 0;
    if (rows > 1 && depth < deepest) {
      std::vector<std::int32_t> rest(request_.features.size());
      for (std::size_t i = 0; i < rest.size(); ++i) rest[i] = static_cast<std::int32_t>(i);
      while (!by && !rest.empty()) {
        const auto at = static_cast<std::size_t>(draw_.below(static_cast<std::int64_t>(rest.size())));
        f = rest[at];
        rest[at] = rest.back();
        rest.pop_back();
        by = split_by(f, begin, end);
      }
    }
    if (!by) {
      tree_->value[node] = static_cast<double>(depth) + mean_path(rows);
      return node;
    }
    const double* column = request_.train.columns[f].numbers;
    const std::int32_t width = request_.features[f].width;
    std::int64_t* const middle = std::stable_partition(begin, end, [&](std::int64_t row) {
      if (width == 0) return std::isnan(column[row]) ? by->missing_left : column[row] <= by->threshold;
      const std::int32_t code = model::code_of(column[row], width);
      return code < 0 ? by->missing_left : by->left.at(code);
    });
    const bool fewer_left = middle - begin < end - middle;
    tree_->feature[node] = f;
    tree_->threshold[node] = by->threshold;
    tree_->default_left[node] = by->missing_seen ? by->missing_left : fewer_left && !request_.features[f].one_hot;
    if (width > 0) {
      tree_->category_set[node] = static_cast<std::int32_t>(sets_->size());
      std::vector<std::uint64_t>& set = sets_->emplace_back((static_cast<std::size_t>(width) + 63) / 64, 0);
      for (std::int32_t code = 0; code < width; ++code) {
        const auto seen = by->left.find(code);
        const bool left = seen != by->left.end() ? seen->second : fewer_left && !request_.features[f].one_hot;
        if (left) set[static_cast<std::size_t>(code) / 64] |= std::uint64_t{1} << (code % 64);
      }
    }
    const std::int32_t left = split(begin, middle, depth + 1, deepest);
    tree_->left[node] = left;
    const std::int32_t right = split(middle, end, depth + 1, deepest);
    tree_->right[node] = right;
    return node;
  }

  const Request& request_;
  Draw draw_;
  model::Tree* tree_ = nullptr;
  std::vector<std::vector<std::uint64_t>>* sets_ = nullptr;
};

// The score above which `share` of the rows lie, between the two nearest by the line through them.
double score_above(std::vector<double> scores, double share) {
  std::sort(scores.begin(), scores.end());
  const double at = static_cast<double>(scores.size() - 1) * (1 - share);
  const auto below = static_cast<std::size_t>(std::floor(at));
  if (below + 1 >= scores.size()) return scores.back();
  return scores[below] + (scores[below + 1] - scores[below]) * (at - std::floor(at));
}

}  // namespace

Outcome train_isolation_forest(const Request& request) {
  const Dataset& data = request.train;
  if (data.rows < 2) throw Failure(data.rows == 0 ? code::no_training_rows : code::too_few_rows, data.rows == 0 ? "there are no rows to train on" : "an isolation forest needs two rows at least, and the train part has one", "look at the split and at filters");
  for (std::size_t f = 0; f < request.features.size(); ++f)
    for (std::int64_t i = 0; request.features[f].width == 0 && i < data.rows; ++i)
      if (std::isinf(data.columns[f][i]))
        throw Failure(code::feature_not_finite, "feature `" + request.features[f].name + "` is infinite in training row " + std::to_string(i + 1), "clip it: `clip_outliers`; missing values are taken as they are");
  Outcome out;
  model::Model& m = out.model;
  m.kind = ModelKind::isolation_forest;
  m.loss = Loss::none;
  m.features = request.features;
  m.forest.base = {0};
  m.forest.trees.resize(request.settings.trees);
  m.isolation.normal = mean_path(std::min(request.settings.sample, data.rows));
  std::vector<std::vector<std::vector<std::uint64_t>>> sets(m.forest.trees.size());
  Pool pool(request.threads);
  pool.run(request.settings.trees, [&](std::int64_t t) { Grower(request, t).grow(m.forest.trees[t], sets[t]); });
  for (std::size_t t = 0; t < sets.size(); ++t) {
    const auto before = static_cast<std::int32_t>(m.forest.category_sets.size());
    for (std::int32_t& set : m.forest.trees[t].category_set) set += set >= 0 ? before : 0;
    std::move(sets[t].begin(), sets[t].end(), std::back_inserter(m.forest.category_sets));
  }
  out.best_round = request.settings.trees;
  if (request.settings.contamination == 0) return out;
  const model::Scorer scorer(m);
  std::vector<double> scores(data.rows);
  pool.run(chunks_of(data.rows), [&](std::int64_t c) {
    const std::int64_t begin = c * chunk_rows, rows = std::min(chunk_rows, data.rows - begin);
    model::Matrix columns = data.columns;
    for (model::FeatureColumn& column : columns) column.numbers += begin;
    std::vector<double> raw(rows), linked(2 * rows);
    scorer.score(columns, rows, raw.data());
    model::link(m, raw.data(), rows, linked.data());
    for (std::int64_t i = 0; i < rows; ++i) scores[begin + i] = linked[2 * i + 1];
  });
  m.isolation.threshold = score_above(std::move(scores), request.settings.contamination);
  return out;
}

}  // namespace mlp::learn
