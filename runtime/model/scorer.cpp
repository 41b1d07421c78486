// Trees from tables. A number becomes its rank among the thresholds that the forest has for its feature, so that
// `value <= threshold[i]` is `rank <= i`; features with more than 255 thresholds take several byte columns, each showing
// a window of 255. A missing value gets rank 0 (left) or 255 (right): a feature whose splits send it both ways has a
// column of each kind. A category split becomes a byte column of its own through a table by code. Then 64 rows a
// register walk a tree's nodes in preorder (see ByteNode), and leaf values are added in tree order.
// After QuickScorer (Lucchese et al. 2015) and RapidScorer (Ye et al. 2018).
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <tuple>

#include "base/diagnostic.h"
#include "runtime/model/kernels.h"
#include "runtime/model/model.h"
#include "runtime/model/walk.h"

namespace mlp::model {
namespace {

constexpr std::size_t window = 255;                // thresholds that one byte column can tell apart
constexpr std::size_t lane_columns = 128;          // byte columns that the single-row kernel can address
constexpr std::size_t lane_memory = 8u << 20;

struct NumberFeature {
  std::int32_t feature = 0;
  RankTable table;
  std::int32_t left_column = -1, right_column = -1;  // first of `windows` columns; -1 = not needed
  std::int32_t windows = 1;
  // The rank of v, which is no NaN, into `rows` rows of the byte columns, which lie `stride` apart.
  void put(double v, std::uint8_t* bytes, std::int64_t stride, std::size_t rows) const {
    const auto rank = std::lower_bound(table.sorted.begin(), table.sorted.end(), v) - table.sorted.begin();
    for (std::int32_t w = 0; w < windows; ++w) {
      const auto byte = static_cast<std::uint8_t>(std::clamp<std::int64_t>(rank - w * 255, 0, 255));
      if (left_column >= 0) std::memset(bytes + (left_column + w) * stride, byte, rows);
      if (right_column >= 0) std::memset(bytes + (right_column + w) * stride, byte, rows);
    }
  }
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
  std::vector<ByteNode> nodes;
  std::vector<WalkNode> walk;                      // used instead of `nodes` when not empty
  std::vector<double> values;                      // by output, then by leaf from left to right; padded to a multiple of 64 an output
  std::int32_t leaves = 0;
  std::size_t stride() const { return (static_cast<std::size_t>(leaves) + 63) / 64 * 64; }  // of the values of an output
  std::vector<std::int32_t> tables;                // category tables, in the columns after those of numbers
};

}  // namespace

struct Scorer::Impl {
  Model model;
  Level level = Level::portable;
  std::vector<NumberFeature> numbers;              // by feature; from `first_term` on, terms of bags
  std::size_t first_term = 0;
  std::vector<BagFeature> bags;
  std::vector<CategoryFeature> categories;
  std::vector<CategoryTable> tables;
  std::vector<TreeTable> trees;
  std::int32_t number_columns = 0, table_columns = 0, narrow_columns = 0, wide_columns = 0;
  Lanes lanes;
  bool lanes_fit = false;
  struct Ranked {
    std::int32_t feature, left_column, right_column;
  };
  std::vector<Ranked> ranked;                      // for the single-row kernel: the numbers of one byte, and their tables
  std::vector<const RankTable*> ranked_tables;
  std::optional<Finder> finder;                    // of kmeans

  explicit Impl(const Model& m);
  void collect();
  void lay_out(const Tree& tree, std::map<std::tuple<std::int32_t, std::int32_t, bool>, std::int32_t>& ids);
  void make_lanes();
  void put_terms(const Matrix& matrix, std::int64_t first, std::int64_t rows, std::uint8_t* bytes, std::int64_t stride) const;
  void block(const Matrix& matrix, std::int64_t first, std::int64_t rows, double* scores) const;
  void single(const Matrix& matrix, std::int64_t row, double* scores) const;
  void linear(const Matrix& matrix, std::int64_t rows, double* scores) const;
  void nearest(const Matrix& matrix, std::int64_t rows, double* scores) const;
};

namespace {

std::int32_t find_number(const std::vector<NumberFeature>& numbers, std::int32_t feature) {
  const auto it = std::lower_bound(numbers.begin(), numbers.end(), feature, [](const NumberFeature& n, std::int32_t f) { return n.feature < f; });
  return static_cast<std::int32_t>(it - numbers.begin());
}
std::int32_t find_category(const std::vector<CategoryFeature>& categories, std::int32_t feature) {
  const auto it = std::lower_bound(categories.begin(), categories.end(), feature, [](const CategoryFeature& c, std::int32_t f) { return c.feature < f; });
  return static_cast<std::int32_t>(it - categories.begin());
}

}  // namespace

Scorer::Impl::Impl(const Model& m) : model(m), level(best_level()) {
  if (model.kind == ModelKind::kmeans) finder.emplace(model.centres);
  if (!has_trees(model.kind)) return;
  collect();
  std::map<std::tuple<std::int32_t, std::int32_t, bool>, std::int32_t> ids;
  for (const Tree& tree : model.forest.trees) lay_out(tree, ids);
  for (const TreeTable& tree : trees) table_columns = std::max(table_columns, static_cast<std::int32_t>(tree.tables.size()));
  make_lanes();
}

// Which features, thresholds and directions the forest uses.
void Scorer::Impl::collect() {
  struct Use {
    std::vector<double> thresholds;
    bool left = false, right = false, category = false;
  };
  std::map<std::int32_t, Use> uses;
  for (const Tree& tree : model.forest.trees) {
    for (std::size_t i = 0; i < tree.feature.size(); ++i) {
      if (tree.left[i] < 0) continue;
      Use& use = uses[tree.feature[i]];
      if (tree.category_set[i] >= 0) {
        use.category = true;
      } else {
        use.thresholds.push_back(tree.threshold[i]);
        (tree.default_left[i] ? use.left : use.right) = true;
      }
    }
  }
  for (auto& [feature, use] : uses) {
    if (use.category) {
      CategoryFeature c{.feature = feature, .width = model.features[feature].width};
      if (c.width < 256)
        c.narrow = narrow_columns++;
      else
        c.wide = wide_columns++;
      categories.push_back(c);
    } else {
      NumberFeature n;
      n.feature = feature;
      for (double& t : use.thresholds) t += 0.0;  // -0 and 0 are one threshold
      std::sort(use.thresholds.begin(), use.thresholds.end());
      use.thresholds.erase(std::unique(use.thresholds.begin(), use.thresholds.end()), use.thresholds.end());
      n.table.sorted = std::move(use.thresholds);
      n.windows = static_cast<std::int32_t>((n.table.sorted.size() + window - 1) / window);
      prepare(n.table);
      if (use.left) {
        n.left_column = number_columns;
        number_columns += n.windows;
      }
      if (use.right) {
        n.right_column = number_columns;
        number_columns += n.windows;
      }
      const std::int32_t term = feature - static_cast<std::int32_t>(model.features.size());
      if (term < 0) {
        first_term = numbers.size() + 1;
      } else {
        const BagTerm& t = model.forest.terms[term];
        if (bags.empty() || bags.back().feature != t.feature) bags.push_back({t.feature, std::vector<std::int32_t>(model.features[t.feature].terms, -1)});
        bags.back().place[t.term] = static_cast<std::int32_t>(numbers.size());
      }
      numbers.push_back(std::move(n));
    }
  }
}

// The ranks of all terms: of 0 everywhere, then of those that a row has.
void Scorer::Impl::put_terms(const Matrix& matrix, std::int64_t first, std::int64_t rows, std::uint8_t* bytes, std::int64_t stride) const {
  for (std::size_t i = first_term; i < numbers.size(); ++i) numbers[i].put(0, bytes, stride, rows);
  for (const BagFeature& of : bags)
    for (std::int64_t row = 0; row < rows; ++row) {
      const mlp_bag& bag = matrix[of.feature].bags[first + row];
      for (std::int64_t t = 0; t < bag.size && bag.terms[t].term < static_cast<std::int64_t>(of.place.size()); ++t)
        if (const std::int32_t place = of.place[bag.terms[t].term]; place >= 0) numbers[place].put(bag.terms[t].value, bytes + row, stride, 1);
    }
}

void Scorer::Impl::lay_out(const Tree& tree, std::map<std::tuple<std::int32_t, std::int32_t, bool>, std::int32_t>& ids) {
  TreeTable out;
  const auto split_at = [&](std::int32_t i) -> std::pair<std::uint32_t, std::uint8_t> {
    if (tree.category_set[i] >= 0) {
      const std::int32_t category = find_category(categories, tree.feature[i]);
      const auto [it, fresh] = ids.try_emplace({tree.feature[i], tree.category_set[i], tree.default_left[i] != 0}, static_cast<std::int32_t>(tables.size()));
      if (fresh) {
        const std::int32_t width = categories[category].width;
        CategoryTable table{.category = category, .right = std::vector<std::uint8_t>(std::max(width + 1, 256), 0)};
        for (std::int32_t c = 0; c < width; ++c) table.right[c] = !in_set(model.forest.category_sets[tree.category_set[i]], c);
        table.right[width] = !tree.default_left[i];
        tables.push_back(std::move(table));
      }
      auto at = std::find(out.tables.begin(), out.tables.end(), it->second);
      if (at == out.tables.end()) at = out.tables.insert(at, it->second);
      return {static_cast<std::uint32_t>(number_columns + (at - out.tables.begin())), 0};
    }
    const NumberFeature& n = numbers[find_number(numbers, tree.feature[i])];
    const std::size_t index = std::lower_bound(n.table.sorted.begin(), n.table.sorted.end(), tree.threshold[i]) - n.table.sorted.begin();
    const std::int32_t column = tree.default_left[i] ? n.left_column : n.right_column;
    return {static_cast<std::uint32_t>(column + static_cast<std::int32_t>(index / window)), static_cast<std::uint8_t>(index % window)};
  };

  const std::size_t nodes = tree.feature.size();
  const bool big = (nodes + 1) / 2 > 256;
  std::vector<std::int32_t> place(nodes, 0);       // of splits: in out.nodes or out.walk; of leaves: their number
  std::vector<std::int32_t> leaf_nodes;
  struct Step {
    std::int32_t node;
    bool left_done;
  };
  std::vector<Step> stack{{0, false}};
  while (!stack.empty()) {
    const Step step = stack.back();
    stack.pop_back();
    const std::int32_t i = step.node;
    if (tree.left[i] < 0) {
      place[i] = out.leaves++;
      leaf_nodes.push_back(i);
    } else if (step.left_done) {
      if (!big) out.nodes[place[i]].first_right = static_cast<std::uint8_t>(out.leaves);
      stack.push_back({tree.right[i], false});
    } else {
      const auto [column, threshold] = split_at(i);
      if (big) {
        place[i] = static_cast<std::int32_t>(out.walk.size());
        out.walk.push_back({.column = column, .threshold = threshold});
      } else {
        place[i] = static_cast<std::int32_t>(out.nodes.size());
        out.nodes.push_back({.column = column, .threshold = threshold, .first = static_cast<std::uint8_t>(out.leaves)});
      }
      stack.push_back({i, true});
      stack.push_back({tree.left[i], false});
    }
  }
  if (big) {
    for (std::size_t i = 0; i < nodes; ++i) {
      if (tree.left[i] < 0) continue;
      const auto to = [&](std::int32_t child) { return tree.left[child] < 0 ? -1 - place[child] : place[child]; };
      out.walk[place[i]].left = to(tree.left[i]);
      out.walk[place[i]].right = to(tree.right[i]);
    }
  }
  const std::int32_t tree_outputs = model.tree_outputs();
  out.values.resize(static_cast<std::size_t>(tree_outputs) * out.stride(), 0.0);
  for (std::int32_t k = 0; k < tree_outputs; ++k)
    for (std::int32_t l = 0; l < out.leaves; ++l) out.values[k * out.stride() + l] = tree.value[leaf_nodes[l] * tree_outputs + k];
  trees.push_back(std::move(out));
}

// The tables of the single-row kernel, where they fit: few enough byte columns, no very large tree, bounded memory.
void Scorer::Impl::make_lanes() {
  if (static_cast<std::size_t>(number_columns) >= lane_columns) return;
  for (const TreeTable& tree : trees)
    if (!tree.walk.empty()) return;
  lanes.groups = static_cast<std::int32_t>((trees.size() + 63) / 64);
  for (std::int32_t g = 0; g < lanes.groups; ++g) {
    std::size_t most = 0;
    for (std::size_t t = g * 64; t < std::min<std::size_t>(trees.size(), (g + 1) * 64); ++t) most = std::max(most, trees[t].nodes.size());
    lanes.positions.push_back(static_cast<std::int32_t>(most));
    lanes.total_positions += static_cast<std::int32_t>(most);
  }
  std::size_t bytes = lanes.total_positions * sizeof(Lanes::Position);
  for (const CategoryFeature& c : categories) bytes += (c.width + 1ull) * lanes.total_positions * 8;
  if (bytes > lane_memory) return;
  // Lanes without a node here compare column 127, which is always 0, with 255: never right.
  Lanes::Position idle;
  std::memset(idle.column, lane_columns - 1, 64);
  std::memset(idle.threshold, 255, 64);
  std::memset(idle.first, 0, 64);
  std::memset(idle.first_right, 0, 64);
  lanes.nodes.assign(lanes.total_positions, idle);
  for (const CategoryFeature& c : categories)
    lanes.categories.push_back({.feature = c.feature, .width = c.width, .right = std::vector<std::uint64_t>((c.width + 1ull) * lanes.total_positions, 0)});
  std::int64_t start = 0;
  for (std::int32_t g = 0; g < lanes.groups; ++g) {
    for (std::size_t t = g * 64; t < std::min<std::size_t>(trees.size(), (g + 1) * 64); ++t) {
      const std::size_t lane = t % 64;
      for (std::size_t p = 0; p < trees[t].nodes.size(); ++p) {
        const ByteNode& node = trees[t].nodes[p];
        Lanes::Position& to = lanes.nodes[start + p];
        to.first[lane] = node.first;
        to.first_right[lane] = node.first_right;
        if (static_cast<std::int32_t>(node.column) < number_columns) {
          to.column[lane] = static_cast<std::uint8_t>(node.column);
          to.threshold[lane] = node.threshold;
          continue;
        }
        const CategoryTable& table = tables[trees[t].tables[node.column - number_columns]];
        Lanes::Category& category = lanes.categories[table.category];
        for (std::int32_t code = 0; code <= category.width; ++code)
          if (table.right[code]) category.right[static_cast<std::int64_t>(code) * lanes.total_positions + start + p] |= std::uint64_t{1} << lane;
      }
    }
    start += lanes.positions[g];
  }
  for (const TreeTable& tree : trees) {
    lanes.first_value.push_back(static_cast<std::uint32_t>(lanes.values.size()));
    for (std::int32_t l = 0; l < tree.leaves; ++l)
      for (std::int32_t o = 0; o < model.tree_outputs(); ++o) lanes.values.push_back(tree.values[o * tree.stride() + l]);
  }
  for (std::size_t at = 0; at < first_term; ++at) {
    if (numbers[at].windows > 1) continue;
    ranked.push_back({numbers[at].feature, numbers[at].left_column, numbers[at].right_column});
    ranked_tables.push_back(&numbers[at].table);
  }
  lanes_fit = true;
}

void Scorer::Impl::block(const Matrix& matrix, std::int64_t first, std::int64_t rows, double* scores) const {
  const Kernels& k = kernels_of(level);
  const std::int32_t outputs = model.forest.outputs, tree_outputs = model.tree_outputs();
  // Scratch of this thread, kept between calls.
  thread_local std::vector<std::uint8_t> bytes;
  thread_local std::vector<std::int32_t> wide_codes;
  thread_local std::vector<double> sums;
  const std::int64_t columns = number_columns + table_columns + narrow_columns;
  if (static_cast<std::int64_t>(bytes.size()) < columns * block_rows) bytes.resize(columns * block_rows);
  if (static_cast<std::int64_t>(wide_codes.size()) < wide_columns * block_rows) wide_codes.resize(wide_columns * block_rows);
  if (static_cast<std::int64_t>(sums.size()) < outputs * block_rows) sums.resize(outputs * block_rows);
  std::uint8_t* const codes = bytes.data() + (number_columns + table_columns) * block_rows;

  put_terms(matrix, first, rows, bytes.data(), block_rows);
  for (std::size_t at = 0; at < first_term; ++at) {
    const NumberFeature& n = numbers[at];
    const double* values = matrix[n.feature] + first;
    const std::int32_t main = n.left_column >= 0 ? n.left_column : n.right_column;
    std::uint8_t* out = bytes.data() + main * block_rows;
    if (n.windows == 1) {
      k.rank(n.table, values, rows, out);
    } else {
      for (std::int64_t i = 0; i < rows; ++i) {
        const std::int64_t rank = std::lower_bound(n.table.sorted.begin(), n.table.sorted.end(), values[i]) - n.table.sorted.begin();
        for (std::int32_t w = 0; w < n.windows; ++w)
          out[w * block_rows + i] = std::isnan(values[i]) ? 0 : static_cast<std::uint8_t>(std::clamp<std::int64_t>(rank - w * 255, 0, 255));
      }
    }
    if (n.right_column < 0) continue;
    std::uint8_t* right = bytes.data() + n.right_column * block_rows;
    for (std::int32_t w = 0; w < n.windows; ++w)
      for (std::int64_t i = 0; i < rows; ++i) right[w * block_rows + i] = std::isnan(values[i]) ? 255 : out[w * block_rows + i];
  }
  for (const CategoryFeature& c : categories) {
    const double* values = matrix[c.feature] + first;
    for (std::int64_t i = 0; i < rows; ++i) {
      const std::int32_t code = code_of(values[i], c.width);
      if (c.narrow >= 0)
        codes[c.narrow * block_rows + i] = static_cast<std::uint8_t>(code < 0 ? c.width : code);
      else
        wide_codes[c.wide * block_rows + i] = code < 0 ? c.width : code;
    }
  }

  for (std::int32_t o = 0; o < outputs; ++o) std::fill_n(sums.data() + o * block_rows, block_rows, model.forest.base[o]);
  std::uint8_t leaf[block_rows];
  for (std::size_t t = 0; t < trees.size(); ++t) {
    const TreeTable& tree = trees[t];
    for (std::size_t s = 0; s < tree.tables.size(); ++s) {
      const CategoryTable& table = tables[tree.tables[s]];
      const CategoryFeature& c = categories[table.category];
      std::uint8_t* out = bytes.data() + (number_columns + static_cast<std::int64_t>(s)) * block_rows;
      if (c.narrow >= 0) {
        k.look_up(table.right.data(), c.width + 1, codes + c.narrow * block_rows, out);
      } else {
        for (std::int64_t i = 0; i < rows; ++i) out[i] = table.right[wide_codes[c.wide * block_rows + i]];
      }
    }
    const std::int32_t first_output = tree_outputs > 1 ? 0 : static_cast<std::int32_t>(t % outputs);
    double* sum = sums.data() + first_output * block_rows;
    if (!tree.walk.empty()) {
      for (std::int64_t i = 0; i < rows; ++i) {
        std::int32_t at = 0;
        while (at >= 0) {
          const WalkNode& node = tree.walk[at];
          at = bytes[node.column * block_rows + i] > node.threshold ? node.right : node.left;
        }
        for (std::int32_t o = 0; o < tree_outputs; ++o) sum[o * block_rows + i] += tree.values[o * tree.stride() - 1 - at];
      }
      continue;
    }
    k.descend(tree.nodes.data(), static_cast<std::int64_t>(tree.nodes.size()), bytes.data(), leaf);
    for (std::int32_t o = 0; o < tree_outputs; ++o) k.add_leaves(tree.values.data() + o * tree.stride(), tree.leaves, leaf, sum + o * block_rows);
  }
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int32_t o = 0; o < outputs; ++o) scores[i * outputs + o] = sums[o * block_rows + i];
}

void Scorer::Impl::single(const Matrix& matrix, std::int64_t row, double* scores) const {
  const std::int32_t outputs = model.forest.outputs;
  for (std::int32_t o = 0; o < outputs; ++o) scores[o] = model.forest.base[o];
#if defined(__x86_64__)
  if (level == Level::avx512 && lanes_fit) {
    thread_local std::vector<std::uint8_t> leaf;
    thread_local std::vector<const std::uint64_t*> rights;
    if (leaf.size() < lanes.groups * 64u) leaf.resize(lanes.groups * 64u);
    if (rights.size() < lanes.categories.size()) rights.resize(lanes.categories.size());
    std::uint8_t bytes[lane_columns] = {};
    put_terms(matrix, row, 1, bytes, 1);
    double values[lane_columns];
    std::uint8_t ranks[lane_columns];
    for (std::size_t i = 0; i < ranked.size(); ++i) values[i] = matrix[ranked[i].feature][row];
    rank_each(ranked_tables.data(), values, static_cast<std::int64_t>(ranked.size()), ranks);
    for (std::size_t i = 0; i < ranked.size(); ++i) {
      if (ranked[i].left_column >= 0) bytes[ranked[i].left_column] = ranks[i];
      if (ranked[i].right_column >= 0) bytes[ranked[i].right_column] = std::isnan(values[i]) ? 255 : ranks[i];
    }
    for (std::size_t at = 0; at < first_term && ranked.size() < first_term; ++at) {
      const NumberFeature& n = numbers[at];
      if (n.windows == 1) continue;
      const double v = matrix[n.feature][row];
      const std::size_t rank = std::isnan(v) ? 0 : std::lower_bound(n.table.sorted.begin(), n.table.sorted.end(), v) - n.table.sorted.begin();
      for (std::int32_t w = 0; w < n.windows; ++w) {
        const std::uint8_t byte = static_cast<std::uint8_t>(std::clamp<std::int64_t>(static_cast<std::int64_t>(rank) - w * 255, 0, 255));
        if (n.left_column >= 0) bytes[n.left_column + w] = byte;
        if (n.right_column >= 0) bytes[n.right_column + w] = std::isnan(v) ? 255 : byte;
      }
    }
    for (std::size_t c = 0; c < lanes.categories.size(); ++c) {
      const Lanes::Category& category = lanes.categories[c];
      const std::int32_t code = code_of(matrix[category.feature][row], category.width);
      rights[c] = category.right.data() + static_cast<std::int64_t>(code < 0 ? category.width : code) * lanes.total_positions;
    }
    descend_lanes(lanes, bytes, rights.data(), leaf.data());
    const std::int32_t tree_outputs = model.tree_outputs();
    const auto value = [&](std::size_t t, std::int32_t o = 0) { return lanes.values[lanes.first_value[t] + leaf[t] * tree_outputs + o]; };
    if (outputs == 1) {
      double sum = scores[0];
      for (std::size_t t = 0; t < trees.size(); ++t) sum += value(t);
      scores[0] = sum;
    } else if (tree_outputs > 1) {
      for (std::size_t t = 0; t < trees.size(); ++t)
        for (std::int32_t o = 0; o < outputs; ++o) scores[o] += value(t, o);
    } else {
      for (std::size_t t = 0; t < trees.size(); ++t) scores[t % outputs] += value(t);
    }
    return;
  }
#endif
  for (std::size_t t = 0; t < model.forest.trees.size(); ++t) add_tree(model, t, matrix, row, scores);
}

void Scorer::Impl::linear(const Matrix& matrix, std::int64_t rows, double* scores) const {
  const Linear& linear = model.linear;
  const std::int32_t outputs = linear.outputs;
  const std::size_t total = linear.weights.size() / outputs;
  double sum[block_rows];
  for (std::int64_t first = 0; first < rows; first += block_rows) {
    const std::int64_t count = std::min(block_rows, rows - first);
    for (std::int32_t k = 0; k < outputs; ++k) {
      std::fill_n(sum, count, linear.intercept[k]);
      for (std::size_t f = 0; f < linear.offset.size(); ++f) {
        const double* w = linear.weights.data() + k * total + linear.offset[f];
        if (model.features[f].bag) {
          for (std::int64_t i = 0; i < count; ++i) {
            const mlp_bag& bag = matrix[f].bags[first + i];
            for (std::int64_t t = 0; t < bag.size && bag.terms[t].term < model.features[f].terms; ++t) sum[i] += w[bag.terms[t].term] * bag.terms[t].value;
          }
          continue;
        }
        const double* values = matrix[f] + first;
        if (linear.width[f] == 0) {
          for (std::int64_t i = 0; i < count; ++i) sum[i] += w[0] * values[i];
        } else {
          for (std::int64_t i = 0; i < count; ++i)
            if (const std::int32_t code = code_of(values[i], linear.width[f]); code >= 0) sum[i] += w[code];
        }
      }
      for (std::int64_t i = 0; i < count; ++i) scores[(first + i) * outputs + k] = sum[i];
    }
  }
}

void Scorer::Impl::nearest(const Matrix& matrix, std::int64_t rows, double* scores) const {
  std::int32_t cluster[block_rows];
  double squared[block_rows];
  for (std::int64_t first = 0; first < rows; first += block_rows) {
    const std::int64_t count = std::min(block_rows, rows - first);
    finder->find(kernels_of(level), matrix, first, count, cluster, squared);
    for (std::int64_t i = 0; i < count; ++i) {
      scores[2 * (first + i)] = cluster[i];
      scores[2 * (first + i) + 1] = squared[i];
    }
  }
}

Scorer::Scorer(const Model& model) : impl_(new Impl(model)) {}
Scorer::~Scorer() { delete impl_; }
Scorer::Scorer(Scorer&& other) noexcept : impl_(other.impl_) { other.impl_ = nullptr; }

void Scorer::score(const Matrix& matrix, std::int64_t rows, double* scores) const {
  if (impl_->model.kind == ModelKind::linear) return impl_->linear(matrix, rows, scores);
  if (impl_->finder) return impl_->nearest(matrix, rows, scores);
  const std::int32_t outputs = impl_->model.forest.outputs;
  constexpr std::int64_t few = 8;                  // below this a block costs more than its rows one by one
  for (std::int64_t first = 0; first < rows; first += block_rows) {
    const std::int64_t count = std::min(block_rows, rows - first);
    if (count < few)
      for (std::int64_t i = 0; i < count; ++i) impl_->single(matrix, first + i, scores + (first + i) * outputs);
    else
      impl_->block(matrix, first, count, scores + first * outputs);
  }
}

Scorer::Level Scorer::best_level() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi"))
    return Level::avx512;
  if (__builtin_cpu_supports("avx2")) return Level::avx2;
#endif
  return Level::portable;
}

void Scorer::set_level(Level level) {
  MLP_CHECK(level <= best_level());
  impl_->level = level;
}

}  // namespace mlp::model
