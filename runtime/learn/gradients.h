// Gradients and Hessians are rounded to a grid; from there on every sum is an integer, so histograms, splits and leaves are
// the same in any order and at any number of threads. Up to 2^16 rows the grid is fine enough for 2^50 in the sum over all rows.
// More rows get 12 bits each, rounded up or down by chance, so that sums have no bias, and packed into one word: a histogram
// of words takes half the cache. (Quantised training: Shi et al., NeurIPS 2022, with 2 to 5 bits; packed fields as in
// LightGBM. Gradients with a few rows far above the rest would lose too much, and keep the fine grid.)
#pragma once
#include <cstdint>
#include <vector>

#include "runtime/learn/bins.h"
#include "runtime/learn/pool.h"

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

}  // namespace mlp::learn
