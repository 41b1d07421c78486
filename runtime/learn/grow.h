// Grows one tree on binned rows with integer gradients.
//
// Gradients and Hessians are rounded to a grid; from there on every sum is an integer, so histograms, splits and leaves are
// the same in any order and at any number of threads. Up to 2^16 rows the grid is fine enough for 2^50 in the sum over all rows.
// More rows get 12 bits each, rounded up or down by chance, so that sums have no bias, and packed into one word: a histogram
// of words takes half the cache. (Quantised training: Shi et al., NeurIPS 2022, with 2 to 5 bits; packed fields as in
// LightGBM. Gradients with a few rows far above the rest would lose too much, and keep the fine grid.)
#pragma once
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <vector>

#include "runtime/learn/bins.h"

namespace mlp::learn {

// Of one row or of one bin: gradient; Hessian above `count_bits` bits of row count.
typedef std::int64_t Cell __attribute__((vector_size(16)));  // aliases its elements

// Gradient (26 bits, signed), Hessian (25 bits) and count (13 bits) of one row, or of up to `word_rows` rows.
using Word = std::uint64_t;
inline constexpr int word_count_bits = 13, word_hessian_bits = 25;
inline constexpr std::int64_t word_rows = (1 << word_count_bits) - 1;
inline Cell unpack(Word word, int count_bits) {
  const Word hessian = (word >> word_count_bits) & ((Word{1} << word_hessian_bits) - 1);
  return Cell{static_cast<std::int64_t>(word) >> (word_count_bits + word_hessian_bits), static_cast<std::int64_t>((hessian << count_bits) + (word & word_rows))};
}

struct Grid {
  double gradient = 1, hessian = 1;          // real value of one unit
  int count_bits = 0;                        // of a Cell
};
// The finest grid whose sums cannot overflow; throws Failure when the sums are not finite.
Grid grid_of(double gradient_sum, double hessian_sum, std::int64_t rows);
void quantise(const std::vector<double>& gradient, const std::vector<double>& hessian, const Grid& grid, std::vector<Cell>& out, Pool& pool);

// What a tree is fitted to, by row: cells, or words.
struct Gradients {
  Grid grid;
  std::vector<Cell> cells;
  LargeVector<Word> words;                   // empty = cells
  Cell operator[](std::size_t row) const { return words.empty() ? cells[row] : unpack(words[row], grid.count_bits); }
};
// Sums and largest absolute values over rows.
struct Sizes {
  double gradient_sum = 0, hessian_sum = 0, gradient_most = 0, hessian_most = 0;
};
// Chooses the grid. `noise`: 32 random bits by row, to which `round` is added, round the fields of words.
void quantise(const std::vector<double>& gradient, const std::vector<double>& hessian, const Sizes& sizes, const std::vector<std::uint32_t>& noise,
              std::uint32_t round, Gradients& out, Pool& pool);

struct Sums {
  std::int64_t gradient = 0, hessian = 0, count = 0;
};

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
  std::vector<Cell>* take();
  void give(std::vector<Cell>* histogram);
  // `sibling`: the parent's histogram, from which this one is taken off.
  void build(const Node& node, std::vector<Cell>& histogram, std::vector<Cell>* sibling = nullptr);
  // work(t, first, last): positions in Binned::used, always the same ones on the same thread; all of them at once where `slots`
  // are few.
  void share(std::int64_t slots, const std::function<void(std::int64_t, std::int32_t, std::int32_t)>& work);
  std::int32_t slot_at(std::int32_t position) const { return position < static_cast<std::int32_t>(binned_.used.size()) ? binned_.offset[position] : binned_.slots; }
  bool by_words(const Group& group) const;
  void build_by_words(const Group& group, const std::uint32_t* rows, std::int64_t count, std::vector<Word>& words, std::vector<Cell>& out) const;
  double squares_of(const Node& node) const;
  void find(std::initializer_list<Node*> nodes);
  Split find_one(const Node& node, std::int32_t position) const;
  Split find_number(const Node& node, std::int32_t position) const;
  Split find_category(const Node& node, std::int32_t position) const;
  std::vector<std::int32_t> category_order(const Node& node, std::int32_t position) const;
  void split(std::int32_t at, Grown& grown, model::Forest& forest);
  void complete_terms(const Node& node, std::vector<Cell>& histogram);
  std::int64_t partition(const Node& node, std::int32_t position, const std::vector<std::uint8_t>& left);
  bool may_split(const Node& node) const;
  Sums sums_of(const Cell& cell) const;
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
