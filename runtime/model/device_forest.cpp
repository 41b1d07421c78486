#include "runtime/model/device_forest.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>
#include <tuple>

#include "base/diagnostic.h"
#include "runtime/device/kernels/columns.h"
#include "runtime/device/kernels/forest.h"
#include "runtime/device/kernels/kernels.h"
#include "runtime/model/forest_tables.h"
#include "runtime/model/walk.h"

namespace mlp::model {
namespace {

using device::LongNode;
using device::NarrowNode;
using device::WideNode;

constexpr std::int64_t piece_rows = 1 << 20;       // that are copied and scored together

// Where the bins of a feature lie, -1: nowhere. A missing value is in bin 0 of `left`, and in the last of `right`.
struct Columns {
  std::int32_t left = -1, right = -1;
};

// A tree level by level, the children of a node side by side.
std::vector<std::int32_t> by_level(const Tree& tree) {
  std::vector<std::int32_t> order{0};
  for (std::size_t at = 0; at < order.size(); ++at)
    if (const std::int32_t i = order[at]; tree.left[static_cast<std::size_t>(i)] >= 0) order.insert(order.end(), {tree.left[static_cast<std::size_t>(i)], tree.right[static_cast<std::size_t>(i)]});
  return order;
}

// Whether a tree's nodes have room for what is in it.
template <class Node>
bool fits(const Tree& tree) {
  if (tree.feature.size() > static_cast<std::size_t>(Node::most_nodes)) return false;
  std::int64_t at = 0, child = 1;
  for (const std::int32_t node : by_level(tree)) {
    if (tree.left[static_cast<std::size_t>(node)] >= 0) {
      if (child - at > Node::farthest) return false;
      child += 2;
    }
    ++at;
  }
  return true;
}

std::size_t most_thresholds(const ForestTables& tables) {
  std::size_t most = 0;
  for (const NumberFeature& n : tables.numbers) most = std::max(most, n.table.sorted.size());
  return most;
}

}  // namespace

struct DeviceForest::Impl {
  Impl(const Model& model, device::Device& device, const std::vector<bool>& there);

  // What lies on the device.
  struct Trees {
    std::vector<device::ForestChunk> chunks;
    std::vector<std::int64_t> first_chunk;
    std::vector<std::uint64_t> words;              // device::ForestCall::trees
    std::vector<std::uint32_t> tables;
  };
  template <class Node>
  void put_tree(const Tree& tree, std::int32_t values, std::int32_t value, std::vector<typename Node::Word>& nodes, std::vector<double>& leaves, Trees& to);
  template <class Node>
  Trees put_trees();
  template <class Bin>
  void bins(const Matrix& matrix, std::int64_t first, std::int64_t rows, Bin* to) const;
  void room(std::int64_t rows);
  void take(const Matrix& matrix, std::int64_t first, std::int64_t rows, const std::vector<const double*>& there);
  void start();

  const Model model;
  const ForestTables tables;
  device::Device& device;
  std::vector<Columns> columns;                    // of tables.numbers, then of tables.categories
  std::vector<std::size_t> there;                  // of tables.numbers, those whose numbers lie on the device
  std::int32_t count = 0, from_here = 0;           // of columns; the first are made here
  bool narrow = false;
  std::string kernel_name;
  std::map<std::tuple<std::int32_t, std::int32_t, bool>, std::size_t> words_of_set;  // by feature, category set and default: where the bits begin

  std::unique_ptr<device::Program> program;
  const void *kernel = nullptr, *binning = nullptr;
  device::Array<double> base, scores;
  std::vector<device::Array<double>> thresholds;   // of `there`
  device::Array<device::BinColumn> bin_columns;
  device::Array<device::BinCall> bin_call;
  device::Array<device::ForestChunk> chunks;
  device::Array<std::int64_t> first_chunk;
  device::Array<std::uint64_t> trees;
  device::Array<std::uint32_t> codes;
  device::Array<std::uint8_t> on_device;           // bins
  device::Array<device::ForestCall> call;
  std::vector<std::uint8_t> here;                  // bins, before they are copied
  std::int64_t capacity = -1, rows = -1;           // of the columns of bins, as the device knows them: `rows` apart
};

std::string DeviceForest::refusal(const Model& model) {
  if (!has_trees(model.kind)) return "only models of trees are scored on a device";
  std::int64_t words = 0;                          // of tables of categories
  for (const FeatureInfo& f : model.features)
    if (f.category && f.width >= 65535) return "`" + f.name + "` has 65,535 categories or more";
  std::vector<std::uint8_t> used(model.features.size() + model.forest.terms.size(), 0);
  for (const Tree& tree : model.forest.trees) {
    if (tree.feature.size() > static_cast<std::size_t>(WideNode::most_nodes)) return "a tree has 16,777,216 nodes or more";
    for (std::size_t i = 0; i < tree.feature.size(); ++i) {
      if (tree.left[i] < 0) continue;
      used[static_cast<std::size_t>(tree.feature[i])] = 2;
      if (tree.category_set[i] >= 0) words += model.features[static_cast<std::size_t>(tree.feature[i])].width / 32 + 1;
    }
  }
  if (words >= WideNode::most_words) return "its splits by category do not fit";
  if (std::accumulate(used.begin(), used.end(), std::int64_t{0}) > WideNode::most_columns) return "its trees ask for more than 16,384 features";
  const ForestTables tables(model);
  for (const NumberFeature& n : tables.numbers)
    if (n.table.sorted.size() >= 65535) return "a feature has 65,535 thresholds or more";
  return {};
}

DeviceForest::Impl::Impl(const Model& m, device::Device& on, const std::vector<bool>& lies_there) : model(m), tables(model), device(on), columns(tables.numbers.size()) {
  const auto place = [&](std::size_t at) {
    if (tables.numbers[at].left_column >= 0) columns[at].left = count++;
    if (tables.numbers[at].right_column >= 0) columns[at].right = count++;
  };
  for (std::size_t at = 0; at < tables.numbers.size(); ++at) {
    if (at < tables.first_term && !lies_there.empty() && lies_there[static_cast<std::size_t>(tables.numbers[at].feature)]) there.push_back(at);
    else place(at);
  }
  for (std::size_t i = 0; i < tables.categories.size(); ++i) columns.push_back({count++, -1});
  from_here = count;
  for (const std::size_t at : there) place(at);
  constexpr std::int32_t small = 40, large = 136;  // bytes of bins: device::ForestSmall; ForestLarge, ForestLong, ForestWide
  const auto all_fit = [&](const auto& fit) { return std::all_of(model.forest.trees.begin(), model.forest.trees.end(), fit); };
  narrow = tables.categories.empty() && most_thresholds(tables) <= rank_window && count <= large && all_fit(fits<LongNode>);
  const bool near = narrow && all_fit(fits<NarrowNode>);
  kernel_name = near ? count <= small ? "forest_small" : "forest_large" : narrow ? "forest_long" : 2 * count <= large ? "forest_wide" : "forest_far";
  const Trees made = near ? put_trees<NarrowNode>() : narrow ? put_trees<LongNode>() : put_trees<WideNode>();

  program = device.load(std::string(device::kernels_ptx()));
  kernel = program->kernel(kernel_name);
  const auto put = [&](auto& array, const auto& values) {
    array = std::decay_t<decltype(array)>(device, static_cast<std::int64_t>(values.size()));
    if (!values.empty()) device.copy_in(array.data(), values.data(), values.size() * sizeof(values[0]));
  };
  put(base, model.forest.base);
  put(chunks, made.chunks);
  put(first_chunk, made.first_chunk);
  put(trees, made.words);
  put(codes, made.tables);
  if (there.empty()) return;
  binning = program->kernel(narrow ? "bins_narrow" : "bins_wide");
  for (const std::size_t at : there) put(thresholds.emplace_back(), tables.numbers[at].table.sorted);
  bin_columns = device::Array<device::BinColumn>(device, static_cast<std::int64_t>(there.size()));
  bin_call = device::Array<device::BinCall>(device, 1);
}

template <class Node>
void DeviceForest::Impl::put_tree(const Tree& tree, std::int32_t values, std::int32_t value, std::vector<typename Node::Word>& nodes, std::vector<double>& leaves, Trees& to) {
  std::uint32_t next = 1;                          // where the children of the next split go
  for (const std::int32_t node : by_level(tree)) {
    const auto i = static_cast<std::size_t>(node);
    if (tree.left[i] < 0) {
      nodes.push_back(Node::make_leaf(static_cast<std::uint32_t>(8 * leaves.size())));
      leaves.push_back(tree.value[i * static_cast<std::size_t>(values) + static_cast<std::size_t>(value)]);
      continue;
    }
    const std::uint32_t child = next - static_cast<std::uint32_t>(nodes.size());
    next += 2;
    if constexpr (Node::categories) {
      if (tree.category_set[i] >= 0) {
        const auto category = static_cast<std::size_t>(std::lower_bound(tables.categories.begin(), tables.categories.end(), tree.feature[i], [](const CategoryFeature& c, std::int32_t f) { return c.feature < f; }) - tables.categories.begin());
        const std::int32_t width = tables.categories[category].width;
        // The code of what is missing is `width`.
        const auto [at, fresh] = words_of_set.try_emplace({tree.feature[i], tree.category_set[i], tree.default_left[i] != 0}, to.tables.size());
        const std::size_t word = at->second;
        if (fresh) {
          to.tables.resize(to.tables.size() + static_cast<std::size_t>(width / 32 + 1), 0);
          for (std::int32_t c = 0; c <= width; ++c)
            if (c < width ? !in_set(model.forest.category_sets[static_cast<std::size_t>(tree.category_set[i])], c) : tree.default_left[i] == 0) to.tables[word + static_cast<std::size_t>(c / 32)] |= 1u << (c % 32);
        }
        nodes.push_back(Node::make(static_cast<std::uint32_t>(word), static_cast<std::uint32_t>(columns[tables.numbers.size() + category].left), child, true));
        continue;
      }
    }
    const auto number = static_cast<std::size_t>(std::lower_bound(tables.numbers.begin(), tables.numbers.end(), tree.feature[i], [](const NumberFeature& n, std::int32_t f) { return n.feature < f; }) - tables.numbers.begin());
    const std::vector<double>& sorted = tables.numbers[number].table.sorted;
    const auto threshold = std::lower_bound(sorted.begin(), sorted.end(), tree.threshold[i]) - sorted.begin();
    const std::int32_t column = tree.default_left[i] ? columns[number].left : columns[number].right;
    nodes.push_back(Node::make(static_cast<std::uint32_t>(threshold), static_cast<std::uint32_t>(column), child));
  }
}

template <class Node>
DeviceForest::Impl::Trees DeviceForest::Impl::put_trees() {
  using Word = typename Node::Word;
  constexpr std::size_t most = device::ForestKernel<Node, 0>::chunk_bytes;
  const Forest& forest = model.forest;
  const std::int32_t values = model.tree_outputs();
  Trees to;
  struct Made {
    std::vector<Word> nodes;                       // the first goes to the roots
    std::vector<double> leaves;
    std::size_t node_bytes() const { return (nodes.size() - 1) * sizeof(Word); }
    std::size_t bytes() const { return 2 * sizeof(Word) + node_bytes() + leaves.size() * 8; }
  };
  std::vector<Made> chunk;
  const auto close = [&] {
    if (chunk.empty()) return;
    std::size_t at = 2 * sizeof(Word) * chunk.size(), bytes = 0;
    for (const Made& tree : chunk) bytes += tree.bytes();
    bytes = (bytes + 15) / 16 * 16;                // as threads copy them
    const std::size_t first = to.words.size();
    to.words.resize(first + bytes / 8, 0);
    char* const begin = reinterpret_cast<char*>(to.words.data() + first);
    for (std::size_t t = 0; t < chunk.size(); ++t) {
      Made& tree = chunk[t];
      const std::size_t leaves = at + tree.node_bytes();
      for (Word& node : tree.nodes)
        if (Node::is_leaf(node)) node = Node::make_leaf(static_cast<std::uint32_t>(leaves) + Node::leaf(node));
      const Word root[2] = {tree.nodes[0], static_cast<Word>(at - sizeof(Word))};
      std::memcpy(begin + sizeof root * t, root, sizeof root);
      std::memcpy(begin + at, tree.nodes.data() + 1, tree.node_bytes());
      std::memcpy(begin + leaves, tree.leaves.data(), tree.leaves.size() * 8);
      at = leaves + tree.leaves.size() * 8;
    }
    to.chunks.push_back({static_cast<std::int64_t>(8 * first), static_cast<std::int64_t>(bytes), static_cast<std::int64_t>(chunk.size())});
    chunk.clear();
  };
  for (std::int32_t output = 0; output < forest.outputs; ++output) {
    to.first_chunk.push_back(static_cast<std::int64_t>(to.chunks.size()));
    std::size_t bytes = 0;
    for (std::size_t t = 0; t < forest.trees.size(); ++t) {
      if (model.kind != ModelKind::forest && t % static_cast<std::size_t>(forest.outputs) != static_cast<std::size_t>(output)) continue;
      Made tree;
      put_tree<Node>(forest.trees[t], values, values > 1 ? output : 0, tree.nodes, tree.leaves, to);
      if (bytes + tree.bytes() > most) {
        close();
        bytes = 0;
      }
      bytes += tree.bytes();
      chunk.push_back(std::move(tree));
    }
    close();
  }
  to.first_chunk.push_back(static_cast<std::int64_t>(to.chunks.size()));
  return to;
}

// Bins of rows, column by column, `rows` apart, of the features that are here.
template <class Bin>
void DeviceForest::Impl::bins(const Matrix& matrix, std::int64_t first, std::int64_t rows, Bin* to) const {
  constexpr Bin last = static_cast<Bin>(~Bin{0});
  const auto rank = [](const NumberFeature& n, double v) { return std::isnan(v) ? Bin{0} : static_cast<Bin>(std::lower_bound(n.table.sorted.begin(), n.table.sorted.end(), v) - n.table.sorted.begin()); };
  const auto column = [&](std::int32_t c) { return to + c * rows; };
  for (std::size_t at = 0; at < tables.first_term; ++at) {
    if (std::binary_search(there.begin(), there.end(), at)) continue;
    const NumberFeature& n = tables.numbers[at];
    const double* const values = matrix[static_cast<std::size_t>(n.feature)] + first;
    const Columns c = columns[at];
    Bin* const out = column(c.right >= 0 ? c.right : c.left);
    if constexpr (sizeof(Bin) == 1) {
      best_kernels().rank(n.table, values, rows, out);
    } else {
      for (std::int64_t i = 0; i < rows; ++i) out[i] = rank(n, values[i]);
    }
    if (c.left >= 0 && c.right >= 0) std::copy_n(out, rows, column(c.left));
    for (std::int64_t i = 0; c.right >= 0 && i < rows; ++i)
      if (std::isnan(values[i])) out[i] = last;
  }
  // Terms of bags: the bin of 0, but for those that a row has. None is missing.
  const auto put_term = [&](std::size_t number, double v, std::int64_t row, std::int64_t count) {
    const Bin bin = rank(tables.numbers[number], v);
    for (const std::int32_t c : {columns[number].left, columns[number].right})
      if (c >= 0) std::fill_n(column(c) + row, count, std::isnan(v) && c == columns[number].right ? last : bin);
  };
  for (std::size_t at = tables.first_term; at < tables.numbers.size(); ++at) put_term(at, 0, 0, rows);
  for (const BagFeature& of : tables.bags)
    for (std::int64_t i = 0; i < rows; ++i) {
      const mlp_bag& bag = matrix[static_cast<std::size_t>(of.feature)].bags[first + i];
      for (std::int64_t t = 0; t < bag.size && bag.terms[t].term < static_cast<std::int64_t>(of.place.size()); ++t)
        if (const std::int32_t place = of.place[static_cast<std::size_t>(bag.terms[t].term)]; place >= 0) put_term(static_cast<std::size_t>(place), bag.terms[t].value, i, 1);
    }
  for (std::size_t at = 0; at < tables.categories.size(); ++at) {
    const CategoryFeature& c = tables.categories[at];
    const double* const values = matrix[static_cast<std::size_t>(c.feature)] + first;
    Bin* const out = column(columns[tables.numbers.size() + at].left);
    for (std::int64_t i = 0; i < rows; ++i) {
      const std::int32_t code = code_of(values[i], c.width);
      out[i] = static_cast<Bin>(code < 0 ? c.width : code);
    }
  }
}

void DeviceForest::Impl::room(std::int64_t wanted) {
  if (wanted <= capacity) return;
  capacity = wanted;
  rows = -1;
  on_device = {};
  scores = {};
  call = {};
  on_device = device::Array<std::uint8_t>(device, capacity * count * (narrow ? 1 : 2));
  scores = device::Array<double>(device, capacity * model.forest.outputs);
  call = device::Array<device::ForestCall>(device, 1);
}

void DeviceForest::Impl::take(const Matrix& matrix, std::int64_t first, std::int64_t count_rows, const std::vector<const double*>& there_at) {
  room(count_rows);
  if (rows != count_rows) {
    rows = count_rows;
    const device::ForestCall at{.bins = on_device.data(), .stride = rows, .columns = count, .outputs = model.forest.outputs, .base = base.data(), .chunks = chunks.data(), .first_chunk = first_chunk.data(),
                                .trees = reinterpret_cast<const char*>(trees.data()), .tables = codes.data(), .scores = scores.data()};
    device.copy_in(call.data(), &at, sizeof at);
  }
  // Ranks are found for 64 rows at a time, and may be written beyond the last of a column's rows.
  const auto bytes = static_cast<std::size_t>(from_here * rows * (narrow ? 1 : 2));
  here.resize(bytes + 64);
  if (narrow)
    bins(matrix, first, rows, here.data());
  else
    bins(matrix, first, rows, reinterpret_cast<std::uint16_t*>(here.data()));
  device.copy_in(on_device.data(), here.data(), bytes);
  if (there.empty()) return;
  std::vector<device::BinColumn> of;
  for (std::size_t i = 0; i < there.size(); ++i) {
    const NumberFeature& n = tables.numbers[there[i]];
    const Columns& c = columns[there[i]];
    of.push_back({there_at[static_cast<std::size_t>(n.feature)] + first, thresholds[i].data(), static_cast<std::int64_t>(n.table.sorted.size()), c.left, c.right});
  }
  const device::BinCall at{bin_columns.data(), on_device.data(), rows};
  device.copy_in(bin_columns.data(), of.data(), of.size() * sizeof(device::BinColumn));
  device.copy_in(bin_call.data(), &at, sizeof at);
  device.launch(binning, device::BinsNarrow::blocks(rows, static_cast<std::int64_t>(of.size())), bin_call.data(), rows);
}

void DeviceForest::Impl::start() { device.launch(kernel, device::ForestSmall::blocks(rows, model.forest.outputs), call.data(), rows); }

DeviceForest::DeviceForest(const Model& model, device::Device& device, const std::vector<bool>& there) : impl_(new Impl(model, device, there)) {}
DeviceForest::~DeviceForest() { delete impl_; }

void DeviceForest::reserve(std::int64_t rows) { impl_->room(rows); }

void DeviceForest::score(const Matrix& matrix, std::int64_t rows, double* scores, const std::vector<const double*>& on_device) {
  const std::int64_t outputs = impl_->model.forest.outputs;
  for (std::int64_t first = 0; first < rows; first += piece_rows) {
    const std::int64_t count = std::min(piece_rows, rows - first);
    impl_->take(matrix, first, count, on_device);
    impl_->start();
    impl_->device.copy_out(scores + first * outputs, impl_->scores.data(), static_cast<std::size_t>(count * outputs) * sizeof(double));
  }
}

void DeviceForest::take(const Matrix& matrix, std::int64_t rows) { impl_->take(matrix, 0, rows, {}); }
void DeviceForest::start() { impl_->start(); }
const double* DeviceForest::scores_at() const { return impl_->scores.data(); }
std::string DeviceForest::kernel() const { return impl_->kernel_name; }
std::int64_t DeviceForest::row_bytes() const { return impl_->count * (impl_->narrow ? 1 : 2); }

}  // namespace mlp::model
