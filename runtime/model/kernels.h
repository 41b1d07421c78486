// The inner loops of the scorer, once per instruction-set level. All levels give the same bits: they compare bytes and
// add doubles row by row, in tree order.
#pragma once
#include <cstdint>
#include <vector>

#include "runtime/model/model.h"

namespace mlp::model {

inline constexpr std::int64_t block_rows = 256;    // rows that are scored together; columns of bytes have this length

// A split in preorder. A row is at this node when its leaf number so far is `first`, the first leaf below the node; it
// moves to the right child's first leaf when its byte in `column` is above `threshold`.
struct ByteNode {
  std::uint32_t column = 0;
  std::uint8_t threshold = 0, first = 0, first_right = 0;
};

// The thresholds of a number feature as a search tree: level l has 2^l pivots, padded with +infinity.
struct RankTable {
  std::vector<double> sorted;                      // distinct, ascending
  std::vector<double> padded;                      // 256 numbers, where there are at most 255 thresholds
  std::vector<double> coarse;                      // with `padded`: every sixteenth of them
  std::vector<double> levels[6];                   // each padded to 8 at least, where there are at most 63 thresholds
  int depth = 0;                                   // levels in use; 0 = more than 63 thresholds
};

void prepare(RankTable& table);                    // from `sorted`

struct Kernels {
  // out[i] = number of thresholds below values[i] (NaN: 0); at most 255 of them.
  void (*rank)(const RankTable& table, const double* values, std::int64_t rows, std::uint8_t* out);
  // out[i] = table[codes[i]]; `table` has 256 bytes, `size` of them in use. Whole blocks.
  void (*look_up)(const std::uint8_t* table, std::int32_t size, const std::uint8_t* codes, std::uint8_t* out);
  // The leaf of each row of a block.
  void (*descend)(const ByteNode* nodes, std::int64_t count, const std::uint8_t* columns, std::uint8_t* leaf);
  // sums[i] += values[leaf[i]]; `values` is padded to a multiple of 64. Whole blocks.
  void (*add_leaves)(const double* values, std::int32_t leaves, const std::uint8_t* leaf, double* sums);
  // sums[i] += (values[i] - centre)^2.
  void (*add_squares)(const double* values, double centre, std::int64_t rows, double* sums);
};
const Kernels& portable_kernels();
#if defined(__x86_64__)
const Kernels& avx2_kernels();
const Kernels& avx512_kernels();
#endif
const Kernels& kernels_of(Scorer::Level level);
inline const Kernels& best_kernels() { return kernels_of(Scorer::best_level()); }

// The nearest centre of rows, a block at a time; the values of nearest_of (runtime/model/walk.h). Immutable once made.
class Finder {
 public:
  explicit Finder(Centres centres);
  // Of at most block_rows rows from `first`. squared: the distances' squares.
  void find(const Kernels& kernels, const Matrix& matrix, std::int64_t first, std::int64_t rows, std::int32_t* cluster, double* squared) const;
 private:
  Centres centres_;
  std::vector<double> squares_;                    // clusters x features: sum of the squares of a one-hot feature's part
};

// One row through 64 trees side by side (a lane each), after the preorder scheme above. Needs AVX-512 with VBMI.
struct Lanes {
  struct Position {                                // the n-th node of each of 64 trees
    std::uint8_t column[64], threshold[64], first[64], first_right[64];
  };
  std::int32_t groups = 0;                         // of 64 trees
  std::vector<std::int32_t> positions;             // by group
  std::vector<Position> nodes;                     // group by group
  std::int32_t total_positions = 0;
  // Category splits: by feature and code the lanes that go right, a word per position of `nodes`.
  struct Category {
    std::int32_t feature = 0, width = 0;
    std::vector<std::uint64_t> right;              // (width + 1) x total_positions; the last row is for missing
  };
  std::vector<Category> categories;
  std::vector<double> values;                      // leaf values of all trees, the outputs of a leaf side by side
  std::vector<std::uint32_t> first_value;          // by tree
};
#if defined(__x86_64__)
// The ranks of `count` values, each in a table of its own that has `padded`.
void rank_each(const RankTable* const* tables, const double* values, std::int64_t count, std::uint8_t* out);
// bytes: 128 ranks; rights: a row of each category table. leaf: 64 per group.
void descend_lanes(const Lanes& lanes, const std::uint8_t* bytes, const std::uint64_t* const* rights, std::uint8_t* leaf);
#endif

}  // namespace mlp::model
