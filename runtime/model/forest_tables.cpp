#include "runtime/model/forest_tables.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>
#include <tuple>

#include "runtime/model/walk.h"

namespace mlp::model {
namespace {

constexpr std::size_t lane_memory = 8u << 20;
constexpr std::size_t pass_tests = 8192;           // half a MiB of answers: what a core's second cache holds beside the rest

// A split before it has a place among the tests.
struct Split {
  std::int32_t column = 0;
  std::uint8_t threshold = 0, first = 0, first_right = 0;
};

class Layout {
 public:
  Layout(const Model& of_model, ForestTables& tables) : model(of_model), to(tables) {}
  void make();

 private:
  const Model& model;
  ForestTables& to;
  std::map<std::tuple<std::int32_t, std::int32_t, bool>, std::int32_t> table_ids;
  std::vector<std::vector<Split>> splits;          // by tree, parents before children
  void collect();
  Split split_at(const Tree& tree, std::int32_t node, TreeTable& out);
  void lay_out(const Tree& tree);
  void make_lanes();
  void make_passes();
};

std::int32_t find_number(const std::vector<NumberFeature>& numbers, std::int32_t feature) {
  const auto it = std::lower_bound(numbers.begin(), numbers.end(), feature, [](const NumberFeature& n, std::int32_t f) { return n.feature < f; });
  return static_cast<std::int32_t>(it - numbers.begin());
}
std::int32_t find_category(const std::vector<CategoryFeature>& categories, std::int32_t feature) {
  const auto it = std::lower_bound(categories.begin(), categories.end(), feature, [](const CategoryFeature& c, std::int32_t f) { return c.feature < f; });
  return static_cast<std::int32_t>(it - categories.begin());
}

// Which features, thresholds and directions the forest uses.
void Layout::collect() {
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
        c.narrow = to.narrow_columns++;
      else
        c.wide = to.wide_columns++;
      to.categories.push_back(c);
    } else {
      NumberFeature n;
      n.feature = feature;
      for (double& t : use.thresholds) t += 0.0;  // -0 and 0 are one threshold
      std::sort(use.thresholds.begin(), use.thresholds.end());
      use.thresholds.erase(std::unique(use.thresholds.begin(), use.thresholds.end()), use.thresholds.end());
      n.table.sorted = std::move(use.thresholds);
      n.windows = static_cast<std::int32_t>((n.table.sorted.size() + rank_window - 1) / rank_window);
      prepare(n.table);
      if (n.windows == 1) n.floats = float_ranks(n.table);
      if (use.left) {
        n.left_column = to.number_columns;
        to.number_columns += n.windows;
      }
      if (use.right) {
        n.right_column = to.number_columns;
        to.number_columns += n.windows;
      }
      const std::int32_t term = feature - static_cast<std::int32_t>(model.features.size());
      if (term < 0) {
        to.first_term = to.numbers.size() + 1;
      } else {
        const BagTerm& t = model.forest.terms[term];
        if (to.bags.empty() || to.bags.back().feature != t.feature) to.bags.push_back({t.feature, std::vector<std::int32_t>(model.features[t.feature].terms, -1)});
        to.bags.back().place[t.term] = static_cast<std::int32_t>(to.numbers.size());
      }
      to.numbers.push_back(std::move(n));
    }
  }
}

Split Layout::split_at(const Tree& tree, std::int32_t i, TreeTable& out) {
  if (tree.category_set[i] >= 0) {
    const std::int32_t category = find_category(to.categories, tree.feature[i]);
    const auto [it, fresh] = table_ids.try_emplace({tree.feature[i], tree.category_set[i], tree.default_left[i] != 0}, static_cast<std::int32_t>(to.tables.size()));
    if (fresh) {
      const std::int32_t width = to.categories[category].width;
      CategoryTable table{.category = category, .right = std::vector<std::uint8_t>(std::max(width + 1, 256), 0)};
      for (std::int32_t c = 0; c < width; ++c) table.right[c] = !in_set(model.forest.category_sets[tree.category_set[i]], c);
      table.right[width] = !tree.default_left[i];
      to.tables.push_back(std::move(table));
    }
    auto at = std::find(out.tables.begin(), out.tables.end(), it->second);
    if (at == out.tables.end()) at = out.tables.insert(at, it->second);
    return {.column = to.number_columns + static_cast<std::int32_t>(at - out.tables.begin())};
  }
  const NumberFeature& n = to.numbers[find_number(to.numbers, tree.feature[i])];
  const std::size_t index = std::lower_bound(n.table.sorted.begin(), n.table.sorted.end(), tree.threshold[i]) - n.table.sorted.begin();
  const std::int32_t column = tree.default_left[i] ? n.left_column : n.right_column;
  return {.column = column + static_cast<std::int32_t>(index / rank_window), .threshold = static_cast<std::uint8_t>(index % rank_window)};
}

void Layout::lay_out(const Tree& tree) {
  TreeTable out;
  const std::size_t nodes = tree.feature.size();
  std::vector<std::int32_t> order{0};              // level by level: a split follows its parent, but not closely, so that it does not wait for it
  std::vector<std::int32_t> leaves(nodes, 1), first(nodes, 0);
  for (std::size_t at = 0; at < order.size(); ++at)
    if (const std::int32_t i = order[at]; tree.left[i] >= 0) order.insert(order.end(), {tree.left[i], tree.right[i]});
  for (std::size_t at = order.size(); at-- > 0;)
    if (const std::int32_t i = order[at]; tree.left[i] >= 0) leaves[i] = leaves[tree.left[i]] + leaves[tree.right[i]];
  out.leaves = leaves[0];
  const bool big = out.leaves > 256;
  const std::int32_t outputs = model.tree_outputs();
  out.stride = big ? out.leaves : padded_leaves(out.leaves);
  out.values.resize(static_cast<std::size_t>(outputs) * out.stride, 0.0);
  splits.emplace_back();
  std::vector<std::int32_t> place(nodes, 0);       // of splits in out.walk
  for (const std::int32_t i : order) {
    if (tree.left[i] < 0) {
      for (std::int32_t k = 0; k < outputs; ++k) out.values[static_cast<std::size_t>(k) * out.stride + first[i]] = tree.value[i * outputs + k];
      continue;
    }
    first[tree.left[i]] = first[i];
    first[tree.right[i]] = first[i] + leaves[tree.left[i]];
    Split split = split_at(tree, i, out);
    split.first = static_cast<std::uint8_t>(first[i]);
    split.first_right = static_cast<std::uint8_t>(first[tree.right[i]]);
    if (!big) {
      splits.back().push_back(split);
      continue;
    }
    place[i] = static_cast<std::int32_t>(out.walk.size());
    out.walk.push_back({.column = static_cast<std::uint32_t>(split.column), .threshold = split.threshold});
  }
  for (const std::int32_t i : order) {
    if (!big || tree.left[i] < 0) continue;
    const auto child = [&](std::int32_t c) { return tree.left[c] < 0 ? -1 - first[c] : place[c]; };
    out.walk[place[i]].left = child(tree.left[i]);
    out.walk[place[i]].right = child(tree.right[i]);
  }
  if (!big) {
    out.bytes.resize(8 * out.values.size());
    for (std::size_t v = 0; v < out.values.size(); ++v) {
      std::uint8_t bytes[8];
      std::memcpy(bytes, &out.values[v], 8);
      for (std::size_t b = 0; b < 8; ++b) out.bytes[(8 * (v / out.stride) + b) * out.stride + v % out.stride] = bytes[b];
    }
  }
  to.trees.push_back(std::move(out));
}

// Tests that several trees make are one. A tree whose tests have no room any more begins another pass.
void Layout::make_passes() {
  std::set<std::pair<std::int32_t, std::uint8_t>> tests;
  const auto close = [&](std::size_t begin, std::size_t end) {
    Pass pass{.end = end};
    std::map<std::pair<std::int32_t, std::uint8_t>, std::size_t> places;
    for (const auto& [column, threshold] : tests) {
      places.emplace(std::pair(column, threshold), pass.thresholds.size());
      pass.thresholds.push_back(threshold);
      if (pass.columns.empty() || pass.columns.back().column != column) pass.columns.push_back({column, 0});
      pass.columns.back().end = pass.thresholds.size();
    }
    for (std::size_t t = begin; t < end; ++t) {
      for (const Split& s : splits[t]) {
        const std::size_t test = s.column < to.number_columns ? places.at({s.column, s.threshold}) : pass.thresholds.size() + (s.column - to.number_columns);
        to.trees[t].nodes.push_back({static_cast<std::uint16_t>(test), s.first, s.first_right});
      }
      if (to.trees[t].walk.empty()) to.most_tests = std::max(to.most_tests, pass.thresholds.size() + to.trees[t].tables.size());
    }
    to.passes.push_back(std::move(pass));
    tests.clear();
  };
  std::size_t begin = 0;
  for (std::size_t t = 0; t < splits.size(); ++t) {
    if (tests.size() + splits[t].size() > pass_tests) {
      close(begin, t);
      begin = t;
    }
    for (const Split& s : splits[t])
      if (s.column < to.number_columns) tests.emplace(s.column, s.threshold);
  }
  close(begin, splits.size());
}

// The tables of the single-row kernel, where they fit: few enough byte columns, no very large tree, bounded memory.
void Layout::make_lanes() {
  if (static_cast<std::size_t>(to.number_columns) >= lane_columns) return;
  for (const TreeTable& tree : to.trees)
    if (!tree.walk.empty()) return;
  to.lanes.groups = static_cast<std::int32_t>((to.trees.size() + 63) / 64);
  for (std::int32_t g = 0; g < to.lanes.groups; ++g) {
    std::size_t most = 0;
    for (std::size_t t = g * 64; t < std::min<std::size_t>(to.trees.size(), (g + 1) * 64); ++t) most = std::max(most, splits[t].size());
    to.lanes.positions.push_back(static_cast<std::int32_t>(most));
    to.lanes.total_positions += static_cast<std::int32_t>(most);
  }
  std::size_t bytes = to.lanes.total_positions * sizeof(Lanes::Position);
  for (const CategoryFeature& c : to.categories) bytes += (c.width + 1ull) * to.lanes.total_positions * 8;
  if (bytes > lane_memory) return;
  // Lanes without a node here compare column 127, which is always 0, with 255: never right.
  Lanes::Position idle;
  std::memset(idle.column, lane_columns - 1, 64);
  std::memset(idle.threshold, 255, 64);
  std::memset(idle.first, 0, 64);
  std::memset(idle.first_right, 0, 64);
  to.lanes.nodes.assign(to.lanes.total_positions, idle);
  for (const CategoryFeature& c : to.categories)
    to.lanes.categories.push_back({.feature = c.feature, .width = c.width, .right = std::vector<std::uint64_t>((c.width + 1ull) * to.lanes.total_positions, 0)});
  std::int64_t start = 0;
  for (std::int32_t g = 0; g < to.lanes.groups; ++g) {
    for (std::size_t t = g * 64; t < std::min<std::size_t>(to.trees.size(), (g + 1) * 64); ++t) {
      const std::size_t lane = t % 64;
      for (std::size_t p = 0; p < splits[t].size(); ++p) {
        const Split& node = splits[t][p];
        Lanes::Position& position = to.lanes.nodes[start + p];
        position.first[lane] = node.first;
        position.first_right[lane] = node.first_right;
        if (node.column < to.number_columns) {
          position.column[lane] = static_cast<std::uint8_t>(node.column);
          position.threshold[lane] = node.threshold;
          continue;
        }
        const CategoryTable& table = to.tables[to.trees[t].tables[node.column - to.number_columns]];
        Lanes::Category& category = to.lanes.categories[table.category];
        for (std::int32_t code = 0; code <= category.width; ++code)
          if (table.right[code]) category.right[static_cast<std::int64_t>(code) * to.lanes.total_positions + start + p] |= std::uint64_t{1} << lane;
      }
    }
    start += to.lanes.positions[g];
  }
  for (const TreeTable& tree : to.trees) {
    to.lanes.first_value.push_back(static_cast<std::uint32_t>(to.lanes.values.size()));
    for (std::int32_t l = 0; l < tree.leaves; ++l)
      for (std::int32_t o = 0; o < model.tree_outputs(); ++o) to.lanes.values.push_back(tree.values[o * tree.stride + l]);
  }
  for (std::size_t at = 0; at < to.first_term; ++at) {
    if (to.numbers[at].windows > 1) continue;
    to.ranked.push_back({to.numbers[at].feature, to.numbers[at].left_column, to.numbers[at].right_column});
    to.ranked_tables.push_back(&to.numbers[at].table);
  }
  to.lanes_fit = true;
}

void Layout::make() {
  collect();
  for (const Tree& tree : model.forest.trees) lay_out(tree);
  for (const TreeTable& tree : to.trees) to.table_columns = std::max(to.table_columns, static_cast<std::int32_t>(tree.tables.size()));
  make_lanes();
  make_passes();
}

}  // namespace

void NumberFeature::put(double v, std::uint8_t* bytes, std::int64_t stride, std::size_t rows) const {
  const bool missing = std::isnan(v);
  const auto rank = missing ? 0 : std::lower_bound(table.sorted.begin(), table.sorted.end(), v) - table.sorted.begin();
  for (std::int32_t w = 0; w < windows; ++w) {
    const auto byte = static_cast<std::uint8_t>(std::clamp<std::int64_t>(rank - w * static_cast<std::int64_t>(rank_window), 0, 255));
    if (left_column >= 0) std::memset(bytes + (left_column + w) * stride, byte, rows);
    if (right_column >= 0) std::memset(bytes + (right_column + w) * stride, missing ? 255 : byte, rows);
  }
}

ForestTables::ForestTables(const Model& model) {
  if (has_trees(model.kind)) Layout(model, *this).make();
}

}  // namespace mlp::model
