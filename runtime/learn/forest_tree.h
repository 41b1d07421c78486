// Grows one tree of a random forest (Breiman 2001; CART) or of extra-trees (Geurts, Ernst, Wehenkel 2006) on binned rows.
// Each node draws features and takes the split that lowers the variance of the label most; of classes that is the Gini
// impurity. Sums are integers on the grid of gradient boosting, randomness is a function of (seed, tree, node, draw), so a
// tree depends on nothing but its rows.
#pragma once
#include <cstdint>
#include <vector>

#include "runtime/learn/grow.h"
#include "runtime/learn/objective.h"

namespace mlp::learn {

// What all trees of a forest share.
struct ForestRows {
  const Binned& binned;
  const Request& request;
  const Labels& labels;
  std::int32_t outputs = 1;                  // values of a leaf: 1, or a share for each of several classes
  std::int32_t features = 1;                 // drawn in a node, at least
  double origin = 0;                         // of labels in `cells`: the mean of a number, 0 of a class
  Grid grid;
  std::vector<Cell> cells;                   // by row: weighted label (one output), weight and count
};

struct ForestTree {
  model::Tree tree;                          // leaf values: mean label, or share by class
  std::vector<std::vector<std::uint64_t>> sets;  // that its category splits name
};

class ForestGrower {
 public:
  // `times`: how often each row is drawn for this tree.
  ForestGrower(const ForestRows& shared, std::int64_t tree, std::vector<std::uint8_t> times);
  ForestTree grow();

 private:
  struct Split {
    double gain = 0;
    std::int32_t position = -1, bin = -1;    // in Binned::used; of a number the last bin on the left
    bool default_left = false;
    std::vector<std::int32_t> left_bins;     // of a category
  };
  struct Node {
    std::int64_t begin = 0, end = 0;         // its rows
    std::int32_t depth = 0;
    double low = 0, high = 0;                // bounds of its value, less the mean label (monotone constraints)
    Split best;
  };
  // Weighted labels by output, then weight and count of rows as in a Cell.
  using Sums = std::vector<std::int64_t>;

  std::uint64_t random(std::int32_t node, std::int64_t draw) const;
  bool may_split(const Node& node) const;
  void search(std::int32_t at);
  void count(const Node& node, std::int32_t position);
  template <class Column> void count_rows(const Column& column, const Node& node);
  void search_number(std::int32_t at, std::int32_t position);
  void search_category(std::int32_t at, std::int32_t position);
  void scan_order(Node& node, std::int32_t position, const std::vector<std::int32_t>& order, bool whole);
  bool consider(Node& node, std::int32_t position, const std::int64_t* left);
  void split(std::int32_t at);
  void settle(std::int32_t at);
  const std::int64_t* bin(std::int32_t b) const { return &histogram_[static_cast<std::size_t>(b) * width_]; }
  void add(Sums& sums, std::int32_t b, std::int64_t sign = 1) const;
  double weight(const std::int64_t* sums) const { return static_cast<double>(sums[outputs_] >> bits_) * hessian_; }
  std::int64_t rows(const std::int64_t* sums) const { return sums[outputs_] & ((std::int64_t{1} << bits_) - 1); }

  const ForestRows& shared_;
  const Binned& binned_;
  const ModelSettings& settings_;
  const std::int32_t outputs_, width_;       // width of a sum
  const std::int64_t min_rows_;
  const int bits_;
  const double gradient_, hessian_;
  const std::int64_t tree_number_;
  bool bounded_ = false;
  std::vector<std::uint8_t> times_;
  std::vector<std::uint32_t> rows_, moved_;
  std::vector<Cell> cells_;                  // by row, as often as it is drawn
  std::vector<Node> nodes_;
  ForestTree out_;
  // Of the node and the feature that are looked at. The histogram is 0 but for the bins in `present_`.
  Sums total_, left_;
  std::vector<std::int64_t> histogram_;
  std::vector<std::uint64_t> touched_;
  std::vector<std::int32_t> present_, order_;
  std::vector<std::uint8_t> goes_left_;
};

}  // namespace mlp::learn
