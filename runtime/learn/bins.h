// Feature values → small integers. Histograms, and so every split, see only these.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/large_pages.h"
#include "runtime/learn/learn.h"
#include "runtime/learn/pool.h"

namespace mlp::learn {

// Bins 0..count-1 hold values, bin `count` (when has_missing) the missing ones.
struct FeatureBins {
  bool category = false, one_hot = false;
  std::int32_t count = 0;
  bool has_missing = false;
  bool has_infinity = false;              // +inf seen: no finite threshold lies above all values
  std::vector<double> thresholds;         // number: bin b holds thresholds[b-1] < v <= thresholds[b]; count - 1 of them
  std::vector<std::int32_t> code_of_bin;  // category: ascending; -1 = rest_bin
  std::int32_t rest_bin = -1;             // category: shared by the rarest codes of a very wide feature, never chosen
  std::int32_t slots() const { return count + (has_missing ? 1 : 0); }
};

// Up to 32 features, one or two bytes a bin. Row-major (rows x features) for histograms, which read whole rows, and
// column-major (features x rows) for splits, which read one feature.
inline constexpr std::int32_t group_features = 32, narrow_slots = 256, wide_slots = 65536;
struct Group {
  std::int32_t first = 0, features = 0;   // positions in Binned::used
  bool wide = false;
  LargeVector<std::uint8_t> narrow_bins, narrow_columns;  // the columns with 3 bytes more at the end
  LargeVector<std::uint16_t> wide_bins, wide_columns;
};

// The terms of bags. A row holds the bins of the terms that it has; all others are in bin 0.
struct TermBins {
  std::int32_t first = 0;                 // position in Binned::used; terms come behind all groups
  std::vector<std::int64_t> begin;        // by row: its first slot; one more at the end
  std::vector<std::int32_t> slots;        // of a histogram, ascending within a row
};
// The bins of one term by row.
struct TermColumn {
  const TermBins& terms;
  std::int32_t first, last;               // slots of the term in a histogram
  std::int32_t operator[](std::uint32_t row) const {
    const std::int32_t* const end = terms.slots.data() + terms.begin[row + 1];
    const std::int32_t* const at = std::lower_bound(terms.slots.data() + terms.begin[row], end, first);
    return at != end && *at < last ? *at - first : 0;
  }
};

struct Binned {
  std::int64_t rows = 0;
  std::vector<FeatureBins> features;      // by feature, then by term
  std::vector<model::BagTerm> terms;      // that a split could name, ascending
  std::vector<std::int32_t> used;         // features with more than one slot, in histogram order
  std::vector<std::int32_t> offset;       // by position in `used`: first slot in a histogram
  std::vector<std::int32_t> group_of;     // by position in `used`; of terms -1
  std::int32_t slots = 0;                 // of a whole histogram
  std::vector<Group> groups;
  TermBins term_bins;

  // use(column): with column[row] the bin of a row.
  template <class Use>
  auto with_column(std::int32_t position, Use&& use) const {
    if (group_of[position] < 0) return use(TermColumn{term_bins, offset[position], offset[position] + features[used[position]].slots()});
    const Group& group = groups[group_of[position]];
    const std::int64_t column = (position - group.first) * rows;
    return group.wide ? use(group.wide_columns.data() + column) : use(group.narrow_columns.data() + column);
  }
};
// While trees grow, every term that a split could name has a number; a model keeps those that one does.
void keep_used_terms(model::Forest& forest, std::int32_t features);
// Where bins of this request are kept.
BinCache::key_type bin_key(const Request& request);

// Number features: every distinct value its own bin when there are at most `bins` of them, else bins of near-equal row
// counts with frequent values alone (after LightGBM's GreedyFindBin); thresholds are midpoints between neighbouring
// distinct values, so `value <= threshold` gives exactly the training bins. `rows` names the rows of `data` to use. A term of a bag
// has a bin for 0 and up to 16 for its values; terms in fewer than `min_rows` rows, which no split may set apart, are left out.
Binned make_bins(const Dataset& data, const std::vector<model::FeatureInfo>& features, const std::vector<std::int64_t>& rows,
                 std::int64_t bins, std::int64_t min_rows, Pool& pool);

// The codes of the bins that `left` marks, as a bit set of a category split.
std::vector<std::uint64_t> set_of(const FeatureBins& bins, std::int32_t width, const std::vector<std::uint8_t>& left);

// Stable partition of `rows` by a column of bins: those whose bin `left` marks into `lefts`, which may be `rows` itself, the
// others into `rights`. Returns how many go left.
template <class Column>
std::int64_t part_rows(const Column& column, const std::vector<std::uint8_t>& left, const std::uint32_t* rows, std::int64_t count, std::uint32_t* lefts, std::uint32_t* rights,
                       std::int64_t done = 0, std::int64_t l = 0) {  // rows that were parted before, and how many of them went left
  std::int64_t r = done - l;
  for (std::int64_t i = done; i < count; ++i) {
    const std::uint32_t row = rows[i];
    const std::int64_t to_left = left[column[row]];
    lefts[l] = row;
    rights[r] = row;
    l += to_left;
    r += 1 - to_left;
  }
  return l;
}

// `column` may be read up to 3 bytes beyond its end.
std::int64_t part_rows(const std::uint8_t* column, const std::vector<std::uint8_t>& left, const std::uint32_t* rows, std::int64_t count, std::uint32_t* lefts, std::uint32_t* rights);

}  // namespace mlp::learn
