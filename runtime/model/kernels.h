// The inner loops of the scorer, once per instruction-set level. All levels give the same bits: they compare bytes, move
// bits and add doubles row by row, in tree order.
#pragma once
#include <cstdint>
#include <vector>

#include "runtime/model/model.h"

namespace mlp::model {

inline constexpr std::int64_t block_rows = 512;    // rows that are scored together; columns of bytes have this length

// Answers of rows are words of 64 bits, a row a bit: one word in a block of at most 64 rows, else as many as a whole block
// has. Arrays of them begin at a multiple of 64 bytes.
inline constexpr std::int64_t block_words = block_rows / 64;
inline std::int64_t words_of(std::int64_t rows) { return rows <= 64 ? 1 : block_words; }

// A split of a tree, parents before children. `test` is the place of its answer, a bit a row: 1 goes right. Of the rows
// that stand at leaf `first`, the first one below the split, those that go right move to leaf `first_right`.
struct BitNode {
  std::uint16_t test = 0;
  std::uint8_t first = 0, first_right = 0;
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

// The same for numbers of single precision: of each threshold the greatest float that is not above it, for which
// `v <= threshold` holds for the same floats. Pivot i of level l is for the values whose way so far is written in the bits of i, the root's lowest.
struct FloatRanks {
  std::vector<float> sorted;                       // ascending, as many as thresholds
  std::vector<float> levels;                       // level l from level_at[l], 16 floats at least, repeated or +infinity
  std::vector<std::uint8_t> rank_of_way;           // 256
  int depth = 0;                                   // 4 to 8
  static constexpr int level_at[9] = {0, 16, 32, 48, 64, 80, 112, 176, 304};
};
FloatRanks float_ranks(const RankTable& table);    // of at most 255 thresholds

// The leaf values of a tree, for one output.
struct LeafValues {
  const double* values = nullptr;                  // padded to 64, 128 or 256
  const std::uint8_t* bytes = nullptr;             // the same, byte by byte: eight tables as long, the lowest bytes first
  std::int32_t leaves = 0;
};
inline std::int32_t padded_leaves(std::int32_t leaves) { return leaves <= 64 ? 64 : leaves <= 128 ? 128 : 256; }

struct Kernels {
  // out[i] = number of thresholds below values[i] (NaN: 0); at most 255 of them.
  void (*rank)(const RankTable& table, const double* values, std::int64_t rows, std::uint8_t* out);
  // The same; `left` gets 0 for NaN, `right` 255. Either may be null. Reads and writes whole words of 64 rows.
  void (*rank_floats)(const FloatRanks& table, const float* values, std::int64_t rows, std::uint8_t* left, std::uint8_t* right);
  // out[c * block_rows + i] = rows[i * stride + c] for c below `columns`, at most 16.
  void (*turn)(const float* rows, std::int64_t stride, std::int64_t count, std::int32_t columns, float* out);
  // out[i] = table[codes[i]]; `table` has 256 bytes, `size` of them in use. Whole blocks.
  void (*look_up)(const std::uint8_t* table, std::int32_t size, const std::uint8_t* codes, std::uint8_t* out);
  // bits[t * words_of(rows) + w]: of 64 rows those whose byte is above thresholds[t].
  void (*compare)(const std::uint8_t* column, const std::uint8_t* thresholds, std::int64_t count, std::int64_t rows, std::uint64_t* bits);
  // at[l * words_of(rows) + w]: of 64 rows those that reach leaf l.
  void (*part)(const BitNode* nodes, std::int64_t count, const std::uint64_t* bits, std::int64_t rows, std::uint64_t* at);
  // The leaf of each row from what `part` gives, which is destroyed. Writes whole words of 64 rows.
  void (*number)(std::uint64_t* at, std::int32_t leaves, std::int64_t rows, std::uint8_t* leaf);
  // sums[i] += values[leaf[i]]. Whole words of 64 rows.
  void (*add_leaves)(const LeafValues& values, const std::uint8_t* leaf, std::int64_t rows, double* sums);
  // sums[i] += (values[i] - centre)^2.
  void (*add_squares)(const double* values, double centre, std::int64_t rows, double* sums);
  // out[2 * i + 1] = sigmoid(scores[i]), out[2 * i] = sigmoid(-scores[i]).
  void (*sigmoids)(const double* scores, std::int64_t rows, double* out);
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

// One row through 64 trees side by side (a lane each): each tree's leaf so far is a byte, which a split changes as BitNode
// says. Needs AVX-512 with VBMI.
struct Lanes {
  struct Position {                                // the n-th split of each of 64 trees
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
