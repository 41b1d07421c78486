// Scores with the tables of runtime/model/forest_tables.h, a block of rows or one row at a time.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "base/diagnostic.h"
#include "runtime/model/forest_tables.h"
#include "runtime/model/kernels.h"
#include "runtime/model/model.h"
#include "runtime/model/network.h"
#include "runtime/model/walk.h"

namespace mlp::model {
namespace {

// Below this a block costs more than its rows one by one, through lanes or walking.
constexpr std::int64_t few_for_lanes = 24, few_to_walk = 8;

// Of a thread, kept between calls.
struct Scratch {
  struct alignas(64) Line {
    std::uint64_t words[8];
  };
  std::vector<std::uint8_t> bytes;                 // columns of block_rows: ranks, of category tables, narrow codes
  std::vector<std::int32_t> wide_codes;
  std::vector<double> sums;
  std::vector<Line> bits, at;                      // of tests and leaves, a line a block
  std::vector<float> turned;                       // 16 columns of block_rows
  std::vector<double> row;                         // by feature
  Matrix matrix;
};

template <class T>
void at_least(std::vector<T>& scratch, std::int64_t size) {
  if (static_cast<std::int64_t>(scratch.size()) < size) scratch.resize(static_cast<std::size_t>(size));
}

// Columns of rows of floats that are taken up together, and the numbers among them.
struct Window {
  std::int32_t first = 0, columns = 0;
  struct Member {
    std::int32_t number = 0, column = 0;           // in ForestTables::numbers; from `first`
  };
  std::vector<Member> members{};
};

// Rows of floats that come next: fetched into the cache while trees are worked on.
struct Next {
  const float* values = nullptr;
  std::int64_t stride = 0, rows = 0;
};

}  // namespace

struct Scorer::Impl {
  Model model;
  Level level = Level::portable;
  ForestTables tables;
  std::optional<Finder> finder;                    // of kmeans
  std::optional<NetworkScorer> network;
  std::vector<std::int32_t> places;                // of features in rows of floats; empty when those are not scored
  std::vector<Window> windows;
  std::vector<std::int32_t> lines;                 // places of a row in the cache lines that windows lie in

  Impl(const Model& m, std::vector<std::int32_t> of_places);
  void put_terms(const Matrix& matrix, std::int64_t first, std::int64_t rows, std::uint8_t* bytes, std::int64_t stride) const;
  void take_columns(const Matrix& matrix, std::int64_t first, std::int64_t rows, Scratch& s) const;
  void take_rows(const float* values, std::int64_t stride, std::int64_t rows, Scratch& s) const;
  CpuLevel cpu() const { return level == Level::avx512 ? CpuLevel::v4 : level == Level::avx2 ? CpuLevel::v3 : CpuLevel::v2; }
  std::int64_t few() const { return level == Level::avx512 && tables.lanes_fit ? few_for_lanes : few_to_walk; }
  void trees(Scratch& s, std::int64_t rows, double* scores, const Next& next = {}) const;
  void single(const Matrix& matrix, std::int64_t row, double* scores) const;
  void linear(const Matrix& matrix, std::int64_t rows, double* scores) const;
  void nearest(const Matrix& matrix, std::int64_t rows, double* scores) const;
};

Scorer::Impl::Impl(const Model& m, std::vector<std::int32_t> of_places) : model(m), level(best_level()), tables(model) {
  if (model.kind == ModelKind::kmeans) finder.emplace(model.centres);
  const bool known = of_places.size() == model.features.size() && std::all_of(of_places.begin(), of_places.end(), [](std::int32_t place) { return place >= 0; });
  const bool by_row = known && (has_trees(model.kind) || model.kind == ModelKind::network) &&
                      std::all_of(model.features.begin(), model.features.end(), [](const FeatureInfo& f) { return f.width == 0 && !f.bag; });
  if (by_row) places = std::move(of_places);
  if (model.kind == ModelKind::network) network.emplace(model, places);
  if (!by_row) return;
  std::vector<std::int32_t> order(tables.numbers.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i);
  const auto place = [&](std::int32_t number) { return places[tables.numbers[number].feature]; };
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) { return place(a) < place(b); });
  for (const std::int32_t number : order) {
    if (windows.empty() || place(number) >= windows.back().first + 16) windows.push_back({.first = place(number)});
    Window& w = windows.back();
    w.members.push_back({number, place(number) - w.first});
    w.columns = w.members.back().column + 1;
  }
  constexpr std::int32_t line = 64 / sizeof(float);
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const std::int32_t last = windows[i].first + windows[i].columns - 1;
    lines.push_back(windows[i].first);
    if (i + 1 == windows.size() || windows[i + 1].first - last >= line) lines.push_back(last);
  }
}

// The ranks of all terms: of 0 everywhere, then of those that a row has.
void Scorer::Impl::put_terms(const Matrix& matrix, std::int64_t first, std::int64_t rows, std::uint8_t* bytes, std::int64_t stride) const {
  for (std::size_t i = tables.first_term; i < tables.numbers.size(); ++i) tables.numbers[i].put(0, bytes, stride, rows);
  for (const BagFeature& of : tables.bags)
    for (std::int64_t row = 0; row < rows; ++row) {
      const mlp_bag& bag = matrix[of.feature].bags[first + row];
      for (std::int64_t t = 0; t < bag.size && bag.terms[t].term < static_cast<std::int64_t>(of.place.size()); ++t)
        if (const std::int32_t place = of.place[bag.terms[t].term]; place >= 0) tables.numbers[place].put(bag.terms[t].value, bytes + row, stride, 1);
    }
}

// The bytes of a block of rows of columns.
void Scorer::Impl::take_columns(const Matrix& matrix, std::int64_t first, std::int64_t rows, Scratch& s) const {
  const Kernels& k = kernels_of(level);
  at_least(s.wide_codes, tables.wide_columns * block_rows);
  std::uint8_t* const codes = s.bytes.data() + (tables.number_columns + tables.table_columns) * block_rows;
  put_terms(matrix, first, rows, s.bytes.data(), block_rows);
  for (std::size_t at = 0; at < tables.first_term; ++at) {
    const NumberFeature& n = tables.numbers[at];
    const double* values = matrix[n.feature] + first;
    if (n.windows > 1) {
      for (std::int64_t i = 0; i < rows; ++i) n.put(values[i], s.bytes.data() + i, block_rows, 1);
      continue;
    }
    std::uint8_t* const out = s.bytes.data() + std::max(n.left_column, n.right_column) * block_rows;
    k.rank(n.table, values, rows, out);
    if (n.left_column >= 0 && n.right_column >= 0) std::copy_n(out, rows, s.bytes.data() + n.left_column * block_rows);
    if (n.right_column < 0) continue;
    std::uint8_t* const right = s.bytes.data() + n.right_column * block_rows;
    for (std::int64_t i = 0; i < rows; ++i) right[i] = std::isnan(values[i]) ? 255 : out[i];
  }
  for (const CategoryFeature& c : tables.categories) {
    const double* values = matrix[c.feature] + first;
    for (std::int64_t i = 0; i < rows; ++i) {
      const std::int32_t code = code_of(values[i], c.width);
      if (c.narrow >= 0)
        codes[c.narrow * block_rows + i] = static_cast<std::uint8_t>(code < 0 ? c.width : code);
      else
        s.wide_codes[c.wide * block_rows + i] = code < 0 ? c.width : code;
    }
  }
}

// The same of rows of floats.
void Scorer::Impl::take_rows(const float* values, std::int64_t stride, std::int64_t rows, Scratch& s) const {
  const Kernels& k = kernels_of(level);
  at_least(s.turned, 16 * block_rows);
  for (const Window& w : windows) {
    k.turn(values + w.first, stride, rows, w.columns, s.turned.data());
    for (const Window::Member& m : w.members) {
      const NumberFeature& n = tables.numbers[m.number];
      const float* const column = s.turned.data() + m.column * block_rows;
      const auto to = [&](std::int32_t c) { return c < 0 ? nullptr : s.bytes.data() + c * block_rows; };
      if (n.windows == 1)
        k.rank_floats(n.floats, column, rows, to(n.left_column), to(n.right_column));
      else
        for (std::int64_t i = 0; i < rows; ++i) n.put(column[i], s.bytes.data() + i, block_rows, 1);
    }
  }
}

// From the bytes of a block of rows to its scores.
void Scorer::Impl::trees(Scratch& s, std::int64_t rows, double* scores, const Next& next) const {
  const Kernels& k = kernels_of(level);
  const std::int32_t outputs = model.forest.outputs, tree_outputs = model.tree_outputs();
  const std::int64_t words = words_of(rows);
  at_least(s.sums, outputs * block_rows);
  at_least(s.bits, static_cast<std::int64_t>(tables.most_tests));
  at_least(s.at, 256);
  std::uint64_t* const bits = s.bits.empty() ? nullptr : s.bits.front().words;
  std::uint64_t* const at = s.at.front().words;
  const std::uint8_t* const codes = s.bytes.data() + (tables.number_columns + tables.table_columns) * block_rows;
  for (std::int32_t o = 0; o < outputs; ++o) std::fill_n(s.sums.data() + o * block_rows, block_rows, model.forest.base[o]);
  std::uint8_t leaf[block_rows];
  std::size_t t = 0;
  // Of the next rows a few at a time, up to a quarter of this tree: many lines at once would wait for each other.
  std::int64_t fetched = 0;
  const auto fetch = [&](std::size_t quarter) {
    for (const std::int64_t end = next.rows * static_cast<std::int64_t>(4 * t + quarter) / static_cast<std::int64_t>(4 * tables.trees.size()); fetched < end; ++fetched)
      for (const std::int32_t place : lines) __builtin_prefetch(next.values + fetched * next.stride + place);
  };
  for (const Pass& pass : tables.passes) {
    std::size_t done = 0;
    for (const Pass::Column& c : pass.columns) {
      k.compare(s.bytes.data() + c.column * block_rows, pass.thresholds.data() + done, static_cast<std::int64_t>(c.end - done), rows, bits + done * words);
      done = c.end;
    }
    for (; t < pass.end; ++t) {
      const TreeTable& tree = tables.trees[t];
      fetch(1);
      for (std::size_t i = 0; i < tree.tables.size(); ++i) {
        const CategoryTable& table = tables.tables[tree.tables[i]];
        const CategoryFeature& c = tables.categories[table.category];
        std::uint8_t* const out = s.bytes.data() + (tables.number_columns + static_cast<std::int64_t>(i)) * block_rows;
        if (c.narrow >= 0) {
          k.look_up(table.right.data(), c.width + 1, codes + c.narrow * block_rows, out);
        } else {
          for (std::int64_t r = 0; r < rows; ++r) out[r] = table.right[s.wide_codes[c.wide * block_rows + r]];
        }
        constexpr std::uint8_t left = 0;
        if (tree.walk.empty()) k.compare(out, &left, 1, rows, bits + (done + i) * words);
      }
      double* const sum = s.sums.data() + (tree_outputs > 1 ? 0 : static_cast<std::int32_t>(t % outputs)) * block_rows;
      if (!tree.walk.empty()) {
        for (std::int64_t i = 0; i < rows; ++i) {
          std::int32_t node = 0;
          while (node >= 0) {
            const WalkNode& split = tree.walk[node];
            node = s.bytes[split.column * block_rows + i] > split.threshold ? split.right : split.left;
          }
          for (std::int32_t o = 0; o < tree_outputs; ++o) sum[o * block_rows + i] += tree.values[o * static_cast<std::int64_t>(tree.stride) - 1 - node];
        }
        continue;
      }
      k.part(tree.nodes.data(), static_cast<std::int64_t>(tree.nodes.size()), bits, rows, at);
      fetch(2);
      k.number(at, tree.leaves, rows, leaf);
      fetch(3);
      for (std::int32_t o = 0; o < tree_outputs; ++o) k.add_leaves(tree.of(o), leaf, rows, sum + o * block_rows);
      fetch(4);
    }
  }
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int32_t o = 0; o < outputs; ++o) scores[i * outputs + o] = s.sums[o * block_rows + i];
}

void Scorer::Impl::single(const Matrix& matrix, std::int64_t row, double* scores) const {
  const std::int32_t outputs = model.forest.outputs;
  for (std::int32_t o = 0; o < outputs; ++o) scores[o] = model.forest.base[o];
#if defined(__x86_64__)
  if (level == Level::avx512 && tables.lanes_fit) {
    thread_local std::vector<std::uint8_t> leaf;
    thread_local std::vector<const std::uint64_t*> rights;
    if (leaf.size() < tables.lanes.groups * 64u) leaf.resize(tables.lanes.groups * 64u);
    if (rights.size() < tables.lanes.categories.size()) rights.resize(tables.lanes.categories.size());
    std::uint8_t bytes[lane_columns] = {};
    put_terms(matrix, row, 1, bytes, 1);
    double values[lane_columns];
    std::uint8_t ranks[lane_columns];
    for (std::size_t i = 0; i < tables.ranked.size(); ++i) values[i] = matrix[tables.ranked[i].feature][row];
    rank_each(tables.ranked_tables.data(), values, static_cast<std::int64_t>(tables.ranked.size()), ranks);
    for (std::size_t i = 0; i < tables.ranked.size(); ++i) {
      if (tables.ranked[i].left_column >= 0) bytes[tables.ranked[i].left_column] = ranks[i];
      if (tables.ranked[i].right_column >= 0) bytes[tables.ranked[i].right_column] = std::isnan(values[i]) ? 255 : ranks[i];
    }
    for (std::size_t at = 0; at < tables.first_term && tables.ranked.size() < tables.first_term; ++at)
      if (const NumberFeature& n = tables.numbers[at]; n.windows > 1) n.put(matrix[n.feature][row], bytes, 1, 1);
    for (std::size_t c = 0; c < tables.lanes.categories.size(); ++c) {
      const Lanes::Category& category = tables.lanes.categories[c];
      const std::int32_t code = code_of(matrix[category.feature][row], category.width);
      rights[c] = category.right.data() + static_cast<std::int64_t>(code < 0 ? category.width : code) * tables.lanes.total_positions;
    }
    descend_lanes(tables.lanes, bytes, rights.data(), leaf.data());
    const std::int32_t tree_outputs = model.tree_outputs();
    const auto value = [&](std::size_t t, std::int32_t o = 0) { return tables.lanes.values[tables.lanes.first_value[t] + leaf[t] * tree_outputs + o]; };
    if (outputs == 1) {
      double sum = scores[0];
      for (std::size_t t = 0; t < tables.trees.size(); ++t) sum += value(t);
      scores[0] = sum;
    } else if (tree_outputs > 1) {
      for (std::size_t t = 0; t < tables.trees.size(); ++t)
        for (std::int32_t o = 0; o < outputs; ++o) scores[o] += value(t, o);
    } else {
      for (std::size_t t = 0; t < tables.trees.size(); ++t) scores[t % outputs] += value(t);
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

Scorer::Scorer(const Model& model, std::vector<std::int32_t> places) : impl_(new Impl(model, std::move(places))) {}
Scorer::~Scorer() { delete impl_; }
Scorer::Scorer(Scorer&& other) noexcept : impl_(other.impl_) { other.impl_ = nullptr; }

namespace {

Scratch& scratch(const ForestTables& tables) {
  static thread_local Scratch s;
  at_least(s.bytes, (tables.number_columns + tables.table_columns + tables.narrow_columns) * block_rows);
  return s;
}

}  // namespace

void Scorer::score(const Matrix& matrix, std::int64_t rows, double* scores) const {
  if (impl_->model.kind == ModelKind::linear) return impl_->linear(matrix, rows, scores);
  if (impl_->finder) return impl_->nearest(matrix, rows, scores);
  if (impl_->network) return impl_->network->score(matrix, rows, scores, impl_->cpu());
  const std::int32_t outputs = impl_->model.forest.outputs;
  for (std::int64_t first = 0; first < rows; first += block_rows) {
    const std::int64_t count = std::min(block_rows, rows - first);
    if (count < impl_->few()) {
      for (std::int64_t i = 0; i < count; ++i) impl_->single(matrix, first + i, scores + (first + i) * outputs);
      continue;
    }
    Scratch& s = scratch(impl_->tables);
    impl_->take_columns(matrix, first, count, s);
    impl_->trees(s, count, scores + first * outputs);
  }
}

bool Scorer::scores_rows() const { return !impl_->places.empty(); }

void Scorer::score_rows(const float* values, std::int64_t stride, std::int64_t rows, double* scores) const {
  MLP_CHECK(scores_rows());
  if (impl_->network) return impl_->network->score_rows(values, stride, rows, scores, impl_->cpu());
  const std::int32_t outputs = impl_->model.forest.outputs;
  Scratch& s = scratch(impl_->tables);
  for (std::int64_t first = 0; first < rows; first += block_rows, values += block_rows * stride) {
    const std::int64_t count = std::min(block_rows, rows - first);
    if (count >= impl_->few()) {
      impl_->take_rows(values, stride, count, s);
      const std::int64_t left = std::min(block_rows, rows - first - count);
      impl_->trees(s, count, scores + first * outputs, {left > 0 ? values + count * stride : nullptr, stride, left});
      continue;
    }
    s.row.resize(impl_->places.size());
    s.matrix.resize(impl_->places.size());
    for (std::size_t f = 0; f < s.row.size(); ++f) s.matrix[f] = &s.row[f];
    for (std::int64_t i = 0; i < count; ++i) {
      for (const NumberFeature& n : impl_->tables.numbers) s.row[n.feature] = values[i * stride + impl_->places[n.feature]];
      impl_->single(s.matrix, 0, scores + (first + i) * outputs);
    }
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
