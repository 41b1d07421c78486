// Grows one tree on binned rows with integer gradients (gradients.h): histograms, splits and leaves are the same in any order and at any
// number of threads.
#pragma once
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <vector>

#include "runtime/learn/bins.h"
#include "runtime/learn/gradients.h"

namespace mlp::learn {

struct Sums {
  std::int64_t gradient = 0, hessian = 0, count = 0;
  Sums& operator+=(const Sums& b) {
    gradient += b.gradient;
    hessian += b.hessian;
    count += b.count;
    return *this;
  }
};
inline Sums operator-(const Sums& a, const Sums& b) { return {a.gradient - b.gradient, a.hessian - b.hessian, a.count - b.count}; }

struct Split {
  double gain = 0;
  std::int32_t position = -1;                // in Binned::used; -1 = none
  std::int32_t bin = -1;                     // number: last bin on the left; category: how many bins in sorted order
  bool default_left = false;
  bool suffix = false, one = false;          // category: the set is the end of the order, or the one bin `bin`
  Sums left;
};

struct Grown {
  model::Tree tree;
  std::vector<std::int64_t> begin, end;      // by node: its rows, a range of `rows`
};

class Grower {
 public:
  Grower(const Binned& binned, const Request& request, Pool& pool);
  // `rows` is reordered so that each node's rows lie together. Leaf values come without the learning rate.
  Grown grow(const Gradients& gradients, std::vector<std::uint32_t>& rows, const std::vector<std::int32_t>& positions, model::Forest& forest);

 private:
  struct Node {
    std::int64_t begin = 0, end = 0;
    Sums sums;
    double squares = 0;                      // sum of squared gradients; kept where a category needs it
    std::int32_t depth = 0;
    double low = 0, high = 0;                // bounds of the leaf value (monotone constraints)
    std::vector<Cell>* histogram = nullptr;
    Split best;
    std::vector<std::int32_t> order;         // bins in order, when the best split takes a range of categories
  };
  // What becomes of a leaf when it is split: which bins go left, its children, and histograms that nobody needs any more.
  struct Children {
    std::vector<std::uint8_t> left;
    Node a, b;
    std::vector<std::vector<Cell>*> unused;
  };
  // Where work runs: on one thread of the pool while the others do other work, or on all of them together.
  using Place = std::int64_t;
  static constexpr Place all_threads = -1;
  std::vector<Cell>* take();
  void give(std::vector<Cell>* histogram);
  // `sibling`: the parent's histogram, from which this one is taken off.
  void build(const Node& node, std::vector<Cell>& histogram, std::vector<Cell>* sibling, Place place);
  // work(t, first, last): positions in Binned::used, always the same ones on the same thread; all of them at once where `slots`
  // are few, or where one thread has the place.
  void share(std::int64_t slots, Place place, const std::function<void(std::int64_t, std::int32_t, std::int32_t)>& work);
  std::int32_t slot_at(std::int32_t position) const { return position < static_cast<std::int32_t>(binned_.used.size()) ? binned_.offset[position] : binned_.slots; }
  bool by_words(const Group& group) const;
  void build_by_words(const Group& group, const std::uint32_t* rows, std::int64_t count, std::vector<Word>& words, std::vector<Cell>& out) const;
  double squares_of(const Node& node, Place place) const;
  void find(std::initializer_list<Node*> nodes, Place place);
  Split find_one(const Node& node, std::int32_t position) const;
  Split find_number(const Node& node, std::int32_t position) const;
  Split find_category(const Node& node, std::int32_t position) const;
  std::vector<std::int32_t> category_order(const Node& node, std::int32_t position) const;
  std::vector<std::uint8_t> goes_left(const Node& node) const;   // by bin
  // Parts the rows of a leaf. `histogram` becomes that of the smaller child; null: children are not looked at, the tree is full.
  Children part_leaf(Node& node, std::vector<Cell>* histogram, Place place);
  void split(std::int32_t at, Children&& children, Grown& grown, model::Forest& forest);
  void complete_terms(const Node& node, std::vector<Cell>& histogram);
  std::int64_t partition(const Node& node, const std::vector<std::uint8_t>& left, Place place);
  bool may_split(const Node& node) const;
  Sums sums_of(const Cell& cell) const { return {cell[0], cell[1] >> grid_.count_bits, cell[1] & ((std::int64_t{1} << grid_.count_bits) - 1)}; }
  Sums sums_of_rows(const std::vector<std::uint32_t>& rows) const;
  double weight_of(const Sums& s, double l2, const Node& node) const;
  double part(const Sums& s, double l2, const Node& node) const;
  bool heavy_enough(const Sums& s) const;

  const Binned& binned_;
  const Request& request_;
  const ModelSettings& settings_;
  Pool& pool_;
  bool bounded_ = false, sorted_categories_ = false;
  std::vector<std::unique_ptr<std::vector<Cell>>> store_;
  std::vector<std::vector<Cell>*> free_;
  std::vector<std::int32_t> shares_;         // of thread t: the positions from shares_[t], about as many slots for each
  std::vector<std::vector<Cell>> spare_;     // one more histogram per extra thread
  std::vector<std::vector<Word>> words_;     // by thread: histogram of a block of rows, zeros in between
  std::vector<std::int32_t> word_offset_;    // by position in Binned::used, of groups: its first slot there
  std::int32_t word_slots_ = 0;
  std::map<std::vector<std::uint64_t>, std::int32_t> set_ids_;
  // Of the tree that grows.
  const Gradients* gradients_ = nullptr;
  Grid grid_;
  std::vector<std::uint32_t>* rows_ = nullptr;
  std::vector<std::uint32_t> kept_, moved_;  // rows that a partition sends left and right
  const std::vector<std::int32_t>* positions_ = nullptr;
  std::vector<std::uint8_t> group_used_;
  bool terms_used_ = false;
  std::vector<Node> nodes_;
};

}  // namespace mlp::learn
