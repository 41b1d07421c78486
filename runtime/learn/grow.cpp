#include "runtime/learn/grow.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <type_traits>

#include "base/codes/training.h"
#include "base/diagnostic.h"
#include "base/timing.h"

namespace mlp::learn {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t parallel_work = 1 << 15;      // histogram updates below which one thread is faster
constexpr std::int64_t parallel_rows = 1 << 12;      // rows, where each is looked at once
constexpr std::int64_t shared_slots = 1 << 12;       // of histograms, where each is looked at once
constexpr std::int64_t side_work = 1 << 22;          // histogram updates of a leaf below which threads take leaves side by side
constexpr std::size_t histogram_memory = 512u << 20;

constexpr std::int64_t ahead = 32;                   // rows to fetch early: the rows of a deep node lie far apart

// The bins of a row, which lie in two cache lines as often as not.
template <class Bin>
void fetch(const Bin* bins, std::int32_t features, std::size_t row) {
  __builtin_prefetch(bins + row * features);
  __builtin_prefetch(bins + row * features + features - 1);
}

// Of cells or of words: `values[row]` is what a row adds. The features lie one after another.
template <class Sum, class Bin, class Values>
void add_rows(Sum* histogram, const std::int32_t* offset, const Bin* bins, std::int32_t features, const Values& values, const std::uint32_t* rows, std::int64_t count) {
  Sum* base[group_features];
  for (std::int32_t j = 0; j < features; ++j) base[j] = histogram + offset[j];
  for (std::int64_t i = 0; i < count; ++i) {
    const std::size_t r = rows[i];
    if (i + ahead < count) {
      if constexpr (std::is_pointer_v<Values>) __builtin_prefetch(&values[rows[i + ahead]]);
      fetch(bins, features, rows[i + ahead]);
    }
    const Sum v = values[r];
    const Bin* b = bins + r * features;
    for (std::int32_t j = 0; j < features; ++j) base[j][b[j]] += v;
  }
}

// Histograms of words lie 256 words a feature, so that all addresses are constants from one base.
template <int features>
void add_words(Word* histogram, const std::uint8_t* bins, const Word* words, const std::uint32_t* rows, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::size_t r = rows[i];
    if (i + ahead < count) {
      __builtin_prefetch(&words[rows[i + ahead]]);
      fetch(bins, features, rows[i + ahead]);
    }
    const Word v = words[r];
    const std::uint8_t* b = bins + r * features;
#pragma GCC unroll 32
    for (int j = 0; j < features; ++j) histogram[j * narrow_slots + b[j]] += v;
  }
}
template <int... features>
constexpr auto adders_of(std::integer_sequence<int, features...>) {
  return std::array{&add_words<features + 1>...};
}
constexpr auto adders = adders_of(std::make_integer_sequence<int, group_features>());

// Moves words to cells, and leaves zeros.
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) void spread_words(Word* words, std::int64_t* cells, std::int64_t n, int count_bits, bool add) {
  const std::int64_t keep = add ? -1 : 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const Cell v = unpack(words[i], count_bits);
    cells[2 * i] = (cells[2 * i] & keep) + v[0];
    cells[2 * i + 1] = (cells[2 * i + 1] & keep) + v[1];
    words[i] = 0;
  }
}

}  // namespace

Grower::Grower(const Binned& binned, const Request& request, Pool& pool)
    : binned_(binned), request_(request), settings_(request.settings), pool_(pool), kept_(pool.threads() > 1 ? binned.rows : 0), moved_(binned.rows) {
  for (const int m : request.monotone) bounded_ |= m != 0;
  for (const FeatureBins& b : binned.features) sorted_categories_ |= b.category && b.slots() > 3;
  spare_.resize(pool.threads() - 1);
  for (auto& s : spare_) s.resize(binned.slots);
  words_.resize(pool.threads());
  for (std::int64_t t = 0; t <= pool.threads(); ++t)
    shares_.push_back(static_cast<std::int32_t>(std::lower_bound(binned.offset.begin(), binned.offset.end(), binned.slots * t / pool.threads()) - binned.offset.begin()));
  for (const Group& group : binned.groups) {
    for (std::int32_t p = group.first; p < group.first + group.features; ++p) {
      word_offset_.push_back(word_slots_);
      word_slots_ += group.wide ? binned.features[binned.used[p]].slots() : narrow_slots;
    }
  }
}

std::vector<Cell>* Grower::take() {
  if (!free_.empty()) {
    std::vector<Cell>* h = free_.back();
    free_.pop_back();
    return h;
  }
  store_.push_back(std::make_unique<std::vector<Cell>>(binned_.slots));
  return store_.back().get();
}
void Grower::give(std::vector<Cell>* histogram) {
  if (histogram != nullptr) free_.push_back(histogram);
}

bool Grower::may_split(const Node& node) const {
  const std::int64_t depth = settings_.growth == Growth::depth_wise && settings_.depth == 0 ? 6 : settings_.depth;
  if (depth > 0 && node.depth >= depth) return false;
  return node.sums.count >= 2 * std::max<std::int64_t>(settings_.min_rows, 1);
}

// Words are for groups whose histogram, moved to cells after each block of rows, is not large against the block.
bool Grower::by_words(const Group& group) const {
  constexpr std::int32_t most = 4 * narrow_slots;
  const std::int32_t last = group.first + group.features - 1;
  return !gradients_->words.empty() && word_offset_[last] + binned_.features[binned_.used[last]].slots() - word_offset_[group.first] <= group.features * most;
}
void Grower::build_by_words(const Group& group, const std::uint32_t* rows, std::int64_t count, std::vector<Word>& words, std::vector<Cell>& out) const {
  const Word* const gradients = gradients_->words.data();
  for (std::int64_t begin = 0; begin == 0 || begin < count; begin += word_rows) {
    const std::int64_t n = std::min(word_rows, count - begin);
    if (group.wide) add_rows(words.data(), &word_offset_[group.first], group.wide_bins.data(), group.features, gradients, rows + begin, n);
    else adders[group.features - 1](words.data() + word_offset_[group.first], group.narrow_bins.data(), gradients, rows + begin, n);
    for (std::int32_t p = group.first; p < group.first + group.features; ++p)
      spread_words(words.data() + word_offset_[p], reinterpret_cast<std::int64_t*>(&out[binned_.offset[p]]), binned_.features[binned_.used[p]].slots(), grid_.count_bits, begin > 0);
  }
}

void Grower::share(std::int64_t slots, Place place, const std::function<void(std::int64_t, std::int32_t, std::int32_t)>& work) {
  if (place != all_threads || pool_.threads() == 1 || slots < shared_slots) return work(0, 0, static_cast<std::int32_t>(binned_.used.size()));
  pool_.each([&](std::int64_t t) { work(t, shares_[t], shares_[t + 1]); });
}

void Grower::build(const Node& node, std::vector<Cell>& histogram, std::vector<Cell>* sibling, Place place) {
  const Timed scope("histograms");
  const std::int64_t count = node.end - node.begin;
  const std::int64_t dense = static_cast<std::int64_t>(binned_.groups.size()), groups = dense + terms_used_;  // the terms come last
  const std::int64_t parts = place == all_threads && count * static_cast<std::int64_t>(binned_.used.size()) >= parallel_work ? pool_.threads() : 1;
  const auto used = [&](std::int64_t g) { return g == dense || group_used_[g]; };
  const auto slots_of = [&](std::int64_t g) {
    if (g == dense) return std::pair{binned_.offset[binned_.term_bins.first], binned_.slots};
    const Group& group = binned_.groups[g];
    const std::int32_t last = group.first + group.features;
    const std::int32_t end = last < static_cast<std::int32_t>(binned_.used.size()) ? binned_.offset[last] : binned_.slots;
    return std::pair{binned_.offset[group.first], end};
  };
  const auto task = [&](std::int64_t t) {
    const std::int64_t part = t / groups, g = t % groups;
    if (!used(g)) return;
    std::vector<Cell>& out = part == 0 ? histogram : spare_[part - 1];
    const auto [first, last] = slots_of(g);
    const std::int64_t begin = node.begin + count * part / parts, end = node.begin + count * (part + 1) / parts;
    if (g < dense && by_words(binned_.groups[g])) {
      build_by_words(binned_.groups[g], rows_->data() + begin, end - begin, words_[place == all_threads ? part : place], out);
      return;
    }
    std::fill(out.begin() + first, out.begin() + last, Cell{0, 0});
    if (g == dense) {
      const TermBins& terms = binned_.term_bins;
      for (std::int64_t i = begin; i < end; ++i) {
        const std::uint32_t row = (*rows_)[i];
        const Cell v = (*gradients_)[row];
        for (std::int64_t s = terms.begin[row]; s < terms.begin[row + 1]; ++s) out[terms.slots[s]] += v;
      }
      return;
    }
    const Group& group = binned_.groups[g];
    const std::int32_t* offset = &binned_.offset[group.first];
    if (group.wide)
      add_rows(out.data(), offset, group.wide_bins.data(), group.features, *gradients_, rows_->data() + begin, end - begin);
    else
      add_rows(out.data(), offset, group.narrow_bins.data(), group.features, *gradients_, rows_->data() + begin, end - begin);
  };
  const auto build_part = [&](std::int64_t part) {
    for (std::int64_t g = 0; g < groups; ++g) task(part * groups + g);
  };
  parts == 1 ? build_part(0) : pool_.each(build_part);
  const auto take_off = [&](std::int64_t, std::int32_t first, std::int32_t last) {
    for (std::int32_t s = slot_at(first); s < slot_at(last); ++s) (*sibling)[s] -= histogram[s];
  };
  share(binned_.slots, place, [&](std::int64_t t, std::int32_t first, std::int32_t last) {
    for (std::int32_t p = first; parts > 1 && p < last; ++p) {
      if (!used(binned_.group_of[p] < 0 ? dense : binned_.group_of[p])) continue;
      for (std::int64_t part = 1; part < parts; ++part)
        for (std::int32_t s = slot_at(p); s < slot_at(p + 1); ++s) histogram[s] += spare_[part - 1][s];
    }
    if (sibling != nullptr && !terms_used_) take_off(t, first, last);
  });
  if (!terms_used_) return;
  complete_terms(node, histogram);
  if (sibling != nullptr) share(binned_.slots, place, take_off);
}

// Rows that do not have a term were not counted: they are what is left of the node.
void Grower::complete_terms(const Node& node, std::vector<Cell>& histogram) {
  const Cell all{node.sums.gradient, (node.sums.hessian << grid_.count_bits) + node.sums.count};
  for (std::size_t p = static_cast<std::size_t>(binned_.term_bins.first); p < binned_.used.size(); ++p) {
    const std::int32_t first = binned_.offset[p], last = first + binned_.features[binned_.used[p]].slots();
    Cell rest = all;
    for (std::int32_t s = first + 1; s < last; ++s) rest -= histogram[s];
    histogram[first] = rest;
  }
}

double Grower::squares_of(const Node& node, Place place) const {
  if (!sorted_categories_) return 0;
  std::vector<double> sums(chunks_of(node.end - node.begin), 0.0);
  const auto task = [&](std::int64_t chunk) {
    const std::int64_t begin = node.begin + chunk * chunk_rows, end = std::min(begin + chunk_rows, node.end);
    constexpr std::int64_t lanes = 8;  // the additions of one would wait for each other
    double sum[lanes] = {};
    for (std::int64_t i = begin; i < end; ++i) {
      const double g = static_cast<double>((*gradients_)[(*rows_)[i]][0]) * grid_.gradient;
      sum[(i - begin) % lanes] += g * g;
    }
    sums[chunk] = std::accumulate(sum, sum + lanes, 0.0);
  };
  if (place == all_threads && node.end - node.begin >= parallel_rows) {
    pool_.run(static_cast<std::int64_t>(sums.size()), task);
  } else {
    for (std::size_t c = 0; c < sums.size(); ++c) task(static_cast<std::int64_t>(c));
  }
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

std::int64_t Grower::partition(const Node& node, const std::vector<std::uint8_t>& left, Place place) {
  const Timed scope("partition");
  const std::int64_t count = node.end - node.begin;
  const std::int64_t parts = place == all_threads && count >= parallel_rows ? pool_.threads() : 1;
  std::uint32_t *const rows = rows_->data() + node.begin, *const kept_rows = kept_.data() + node.begin, *const moved_rows = moved_.data() + node.begin;
  const auto range = [&](std::int64_t p) { return std::pair{count * p / parts, count * (p + 1) / parts}; };
  // The first part leaves its lefts where they are; those of the others are kept aside until there is room.
  std::vector<std::int64_t> lefts(parts), to(parts);
  const auto all_parts = [&](const std::function<void(std::int64_t)>& task) { parts == 1 ? task(0) : pool_.each(task); };
  all_parts([&](std::int64_t p) {
    const auto [begin, end] = range(p);
    std::uint32_t* const kept = p == 0 ? rows : kept_rows + begin;
    lefts[p] = binned_.with_column(node.best.position, [&](const auto& column) { return part_rows(column, left, rows + begin, end - begin, kept, moved_rows + begin); });
  });
  std::int64_t total = 0;
  for (std::int64_t p = 0; p < parts; ++p) to[p] = std::exchange(total, total + lefts[p]);
  all_parts([&](std::int64_t p) {
    const auto [begin, end] = range(p);
    if (p > 0) std::copy_n(kept_rows + begin, lefts[p], rows + to[p]);
    std::copy_n(moved_rows + begin, end - begin - lefts[p], rows + total + begin - to[p]);
  });
  return total;
}

std::vector<std::uint8_t> Grower::goes_left(const Node& node) const {
  const Split& best = node.best;
  const FeatureBins& bins = binned_.features[binned_.used[best.position]];
  std::vector<std::uint8_t> left(bins.slots(), 0);
  if (!bins.category && !bins.one_hot) {
    for (std::int32_t b = 0; b <= best.bin; ++b) left[b] = 1;
    if (bins.has_missing) left[bins.count] = best.default_left;
  } else if (best.one) {
    left[best.bin] = 1;
  } else {
    const auto size = static_cast<std::int32_t>(node.order.size());
    for (std::int32_t i = best.suffix ? best.bin : 0; i < (best.suffix ? size : best.bin); ++i) left[node.order[i]] = 1;
  }
  return left;
}

Grower::Children Grower::part_leaf(Node& node, std::vector<Cell>* histogram, Place place) {
  Children out{goes_left(node), {}, {}, {}};
  const std::int64_t lefts = partition(node, out.left, place);
  MLP_CHECK(lefts == node.best.left.count);
  Node &a = out.a, &b = out.b;
  a.begin = node.begin;
  a.end = b.begin = node.begin + lefts;
  b.end = node.end;
  a.sums = node.best.left;
  b.sums = node.sums - node.best.left;
  a.depth = b.depth = node.depth + 1;
  a.low = b.low = node.low;
  a.high = b.high = node.high;
  if (const int m = bounded_ ? request_.direction(binned_.used[node.best.position]) : 0; m != 0) {
    const double middle = (weight_of(a.sums, settings_.l2, node) + weight_of(b.sums, settings_.l2, node)) / 2;
    (m > 0 ? a.high : a.low) = middle;
    (m > 0 ? b.low : b.high) = middle;
  }

  std::vector<Cell>* const inherited = std::exchange(node.histogram, nullptr);
  const bool a_open = may_split(a), b_open = may_split(b);
  if (histogram == nullptr || (!a_open && !b_open)) {
    out.unused = {histogram, inherited};
    return out;
  }
  const bool left_smaller = lefts <= node.end - node.begin - lefts;
  Node &small = left_smaller ? a : b, &large = left_smaller ? b : a;
  small.histogram = histogram;
  build(small, *small.histogram, inherited, place);
  small.squares = squares_of(small, place);
  large.squares = std::max(node.squares - small.squares, 0.0);
  large.histogram = inherited;
  if (inherited == nullptr) {
    MLP_CHECK(place == all_threads);                 // whose histograms are at hand
    large.histogram = take();
    build(large, *large.histogram, nullptr, place);
  }
  if (!a_open) out.unused.push_back(std::exchange(a.histogram, nullptr));
  if (!b_open) out.unused.push_back(std::exchange(b.histogram, nullptr));
  find({&a, &b}, place);
  return out;
}

// Writes the split of a leaf down.
void Grower::split(std::int32_t at, Children&& children, Grown& grown, model::Forest& forest) {
  const Split best = nodes_[at].best;
  const std::int32_t feature = binned_.used[best.position];
  const FeatureBins& bins = binned_.features[feature];
  model::Tree& tree = grown.tree;
  tree.feature[at] = feature;
  tree.gain[at] = best.gain;
  if (bins.category || bins.one_hot) {
    std::vector<std::uint64_t> words = set_of(bins, request_.features[feature].width, children.left);
    const auto [it, fresh] = set_ids_.try_emplace(words, static_cast<std::int32_t>(forest.category_sets.size()));
    if (fresh) forest.category_sets.push_back(std::move(words));
    tree.category_set[at] = it->second;
    tree.default_left[at] = bins.has_missing && children.left[bins.count];
  } else {
    tree.threshold[at] = best.bin < bins.count - 1 ? bins.thresholds[best.bin] : std::numeric_limits<double>::max();
    tree.default_left[at] = best.default_left;
  }
  tree.left[at] = static_cast<std::int32_t>(nodes_.size());
  tree.right[at] = tree.left[at] + 1;
  for (int i = 0; i < 2; ++i) tree.add_leaf(1);
  for (std::vector<Cell>* histogram : children.unused) give(histogram);
  nodes_.push_back(std::move(children.a));
  nodes_.push_back(std::move(children.b));
}

Sums Grower::sums_of_rows(const std::vector<std::uint32_t>& rows) const {
  const std::int64_t n = static_cast<std::int64_t>(rows.size());
  std::vector<Sums> sums(chunks_of(n));
  pool_.run(chunks_of(n), [&](std::int64_t chunk) {
    Cell total{0, 0};
    for (std::int64_t i = chunk * chunk_rows; i < std::min((chunk + 1) * chunk_rows, n); ++i) total += (*gradients_)[rows[i]];
    sums[chunk] = sums_of(total);
  });
  Sums out;
  for (const Sums& s : sums) out += s;
  return out;
}

Grown Grower::grow(const Gradients& gradients, std::vector<std::uint32_t>& rows, const std::vector<std::int32_t>& positions, model::Forest& forest) {
  gradients_ = &gradients;
  grid_ = gradients.grid;
  if (!gradients.words.empty())
    for (std::vector<Word>& histogram : words_) histogram.resize(word_slots_);
  rows_ = &rows;
  positions_ = &positions;
  group_used_.assign(binned_.groups.size(), 0);
  terms_used_ = false;
  for (const std::int32_t p : positions) {
    if (binned_.group_of[p] < 0) terms_used_ = true;
    else group_used_[binned_.group_of[p]] = 1;
  }
  nodes_.assign(1, Node{});

  Grown grown;
  model::Tree& tree = grown.tree;
  tree.add_leaf(1);

  Node& root = nodes_[0];
  root.end = static_cast<std::int64_t>(rows.size());
  root.low = -infinity;
  root.high = infinity;
  const bool leaf_wise = settings_.growth == Growth::leaf_wise;
  const std::int64_t leaf_limit = settings_.leaves > 0 ? settings_.leaves : std::numeric_limits<std::int32_t>::max();
  root.sums.count = root.end;
  const bool open = !positions.empty() && leaf_limit > 1 && may_split(root);
  if (open) root.histogram = take();
  if (open && !terms_used_) {                        // the bins of any feature hold every row
    build(root, *root.histogram, nullptr, all_threads);
    root.sums = {};
    for (std::int32_t s = slot_at(positions[0]); s < slot_at(positions[0] + 1); ++s) root.sums += sums_of((*root.histogram)[s]);
  } else {
    root.sums = sums_of_rows(rows);
    if (open) build(root, *root.histogram, nullptr, all_threads);
  }
  if (open) {
    root.squares = squares_of(root, all_threads);
    find({&root}, all_threads);
  }

  // Leaf-wise: the leaf with the largest gain first, ties to the oldest. Depth-wise: in order of age.
  const auto before = [&](std::int32_t x, std::int32_t y) {
    if (leaf_wise && nodes_[x].best.gain != nodes_[y].best.gain) return nodes_[x].best.gain > nodes_[y].best.gain;
    return x < y;
  };
  std::set<std::int32_t, decltype(before)> queue(before);
  const auto offer = [&](std::int32_t n) {
    if (nodes_[n].best.position >= 0) {
      queue.insert(n);
    } else {
      give(std::exchange(nodes_[n].histogram, nullptr));
    }
    // Over the budget a node keeps its split only; its children are then built from their rows.
    if (store_.size() * binned_.slots * sizeof(Cell) > histogram_memory) give(std::exchange(nodes_[n].histogram, nullptr));
  };
  offer(0);
  std::int64_t leaves = 1;
  std::map<std::int32_t, Children> ready;            // leaves that are parted already: what a split is does not depend on when
  const auto part_next = [&] {
    // Threads take small leaves side by side: for one of them they would wait for each other most of the time. All but a few of the
    // first in the queue will be split.
    std::vector<std::int32_t> next;
    const auto room = static_cast<std::int64_t>(histogram_memory / 4 / (binned_.slots * sizeof(Cell)));
    const std::int64_t most = std::min({std::int64_t{4} * pool_.threads(), (leaf_limit - leaves) / 2, room});
    std::int64_t looked = 0;
    for (auto n = queue.begin(); n != queue.end() && static_cast<std::int64_t>(next.size()) < most && looked < 4 * most; ++n, ++looked) {
      const Node& node = nodes_[*n];
      const bool small = (node.end - node.begin) * static_cast<std::int64_t>(binned_.used.size()) < side_work;
      if (small && node.histogram != nullptr && !ready.contains(*n)) next.push_back(*n);
      else if (n == queue.begin()) break;
    }
    if (pool_.threads() == 1 || next.size() < 2) {
      const std::int32_t first = *queue.begin();
      ready.emplace(first, part_leaf(nodes_[first], leaves + 1 < leaf_limit ? take() : nullptr, all_threads));
      return;
    }
    std::vector<std::vector<Cell>*> histograms;
    for (std::size_t i = 0; i < next.size(); ++i) histograms.push_back(take());
    std::vector<Children> children(next.size());
    std::atomic<std::size_t> given{0};
    const Timed scope("side by side");
    pool_.each([&](std::int64_t thread) {
      for (std::size_t i; (i = given.fetch_add(1, std::memory_order_relaxed)) < next.size();) children[i] = part_leaf(nodes_[next[i]], histograms[i], thread);
    });
    for (std::size_t i = 0; i < next.size(); ++i) ready.emplace(next[i], std::move(children[i]));
  };
  while (!queue.empty() && leaves < leaf_limit) {
    const std::int32_t at = *queue.begin();
    if (!ready.contains(at)) part_next();
    queue.erase(queue.begin());
    split(at, std::move(ready.extract(at).mapped()), grown, forest);
    ++leaves;
    if (leaves >= leaf_limit) break;
    offer(tree.left[at]);
    offer(tree.right[at]);
  }
  for (auto& [at, children] : ready) {               // parted, but no longer split: in order again
    std::inplace_merge(rows.begin() + nodes_[at].begin, rows.begin() + children.b.begin, rows.begin() + nodes_[at].end);
    children.unused.insert(children.unused.end(), {children.a.histogram, children.b.histogram});
    for (std::vector<Cell>* histogram : children.unused) give(histogram);
  }
  for (Node& node : nodes_) give(std::exchange(node.histogram, nullptr));
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    grown.begin.push_back(nodes_[i].begin);
    grown.end.push_back(nodes_[i].end);
    if (tree.left[i] < 0) tree.value[i] = weight_of(nodes_[i].sums, settings_.l2, nodes_[i]);
  }
  return grown;
}

}  // namespace mlp::learn
