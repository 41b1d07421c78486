// A forest laid out for the kernels of the scorer.
//
// A number becomes its rank among the thresholds that the forest has for its feature, so that `value <= threshold[i]` is
// `rank <= i`; features with more than 255 thresholds take several byte columns, each showing a window of 255. A missing
// value gets rank 0 (left) or 255 (right): a feature whose splits send it both ways has a column of each kind. A category
// split becomes a byte column of its own through a table by code.
// Then each distinct test of trees, a column against a threshold, is answered once for a block of rows, a bit a row, and a
// tree parts the rows of a word of bits at every split. After QuickScorer (Lucchese et al. 2015) and RapidScorer (Ye et al. 2018).
#pragma once
#include <cstdint>
#include <vector>

#include "runtime/model/kernels.h"
#include "runtime/model/model.h"

namespace mlp::model {

inline constexpr std::size_t rank_window = 255;    // thresholds that one byte column can tell apart
inline constexpr std::size_t lane_columns = 128;   // byte columns that the single-row kernel can address

struct NumberFeature {
  std::int32_t feature = 0;
  RankTable table;
  FloatRanks floats;                               // with one window
  std::int32_t left_column = -1, right_column = -1;  // first of `windows` columns; -1 = not needed
  std::int32_t windows = 1;
  // The rank of v, which may be NaN, into `rows` rows of the byte columns, which lie `stride` apart.
  void put(double v, std::uint8_t* bytes, std::int64_t stride, std::size_t rows) const;
};
// The terms of one bag that splits name: of each its place in `numbers`, -1 for the others.
struct BagFeature {
  std::int32_t feature = 0;
  std::vector<std::int32_t> place;
};
struct CategoryFeature {
  std::int32_t feature = 0, width = 0;
  std::int32_t narrow = -1, wide = -1;             // place among the code columns of a byte or of four
};
struct CategoryTable {                             // 1 = right, by code; the last entry is for missing
  std::int32_t category = 0;                       // in `categories`
  std::vector<std::uint8_t> right;
};
struct WalkNode {                                  // of trees with more than 256 leaves
  std::uint32_t column = 0;
  std::uint8_t threshold = 0;
  std::int32_t left = -1, right = -1;              // below 0: leaf, value at -1 - index
};
struct TreeTable {
  std::vector<BitNode> nodes;
  std::vector<WalkNode> walk;                      // used instead of `nodes` when not empty
  std::vector<double> values;                      // by output, then by leaf from left to right, `stride` an output
  std::vector<std::uint8_t> bytes;                 // the same, as LeafValues has them; not of trees to walk
  std::int32_t leaves = 0, stride = 0;
  std::vector<std::int32_t> tables;                // category tables, in the columns after those of numbers
  LeafValues of(std::int32_t output) const { return {values.data() + output * stride, bytes.data() + 8 * static_cast<std::int64_t>(output) * stride, leaves}; }
};
// Trees one after the other whose tests are answered together; few enough for the answers to stay in the cache.
struct Pass {
  std::size_t end = 0;                             // of its trees
  struct Column {
    std::int32_t column = 0;
    std::size_t end = 0;                           // of its thresholds
  };
  std::vector<Column> columns{};
  std::vector<std::uint8_t> thresholds{};          // the tests; those of category tables, by tree, have the numbers after them
};

struct ForestTables {
  explicit ForestTables(const Model& model);
  ForestTables(const ForestTables&) = delete;      // ranked_tables points into it
  ForestTables& operator=(const ForestTables&) = delete;

  std::vector<NumberFeature> numbers;              // by feature; from `first_term` on, terms of bags
  std::size_t first_term = 0;
  std::vector<BagFeature> bags;
  std::vector<CategoryFeature> categories;
  std::vector<CategoryTable> tables;
  std::vector<TreeTable> trees;
  std::vector<Pass> passes;
  std::int32_t number_columns = 0, table_columns = 0, narrow_columns = 0, wide_columns = 0;
  std::size_t most_tests = 0;                      // of a pass and a tree of it

  Lanes lanes;
  bool lanes_fit = false;
  struct Ranked {
    std::int32_t feature, left_column, right_column;
  };
  std::vector<Ranked> ranked;                      // for the single-row kernel: the numbers of one byte, and their tables
  std::vector<const RankTable*> ranked_tables;
};

}  // namespace mlp::model
