#include "runtime/learn/grow.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <queue>
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
constexpr std::size_t histogram_memory = 512u << 20;

// Category splits. One against the rest up to this many categories; else categories in the order of gradient ratio,
// smoothed towards zero for the rare ones (Fisher 1958; smoothing as in LightGBM).
constexpr std::int32_t one_vs_rest_bins = 4;
constexpr double category_smooth = 10;
constexpr double luck_margin = 1.5;                  // of find_category
constexpr std::int64_t category_rows = 5;            // rarer ones never enter a set

constexpr std::int64_t word_from = 1 << 16;          // rows from which words are used
constexpr double word_spread = 1024;                 // largest value against the mean up to which words are used
constexpr double word_most = (1 << (25 - word_count_bits)) - 1;
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

double soft(double g, double l1) {
  if (l1 == 0) return g;
  return g > l1 ? g - l1 : g < -l1 ? g + l1 : 0;
}

}  // namespace

Grid grid_of(double gradient_sum, double hessian_sum, std::int64_t rows) {
  if (!std::isfinite(gradient_sum) || !std::isfinite(hessian_sum))
    throw Failure(code::training_diverged, "the gradients are no longer finite", "use a smaller `learning_rate`, or scale the label");
  Grid grid;
  grid.count_bits = std::bit_width(static_cast<std::uint64_t>(rows));
  const auto unit = [&](double sum, int bits) {
    // Rounding adds at most half a unit a row: `rows` units of head room are more than enough.
    if (!(sum > 0)) return 1.0;
    const int exponent = std::clamp(std::ilogb(sum) + 1 - bits, -1000, 1000);
    return std::ldexp(1.0, exponent);
  };
  grid.gradient = unit(gradient_sum, 49);
  grid.hessian = unit(hessian_sum, std::min(49, 60 - grid.count_bits));
  return grid;
}

__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) static void quantise_chunk(
    const double* g, const double* h, double g_scale, double h_scale, int count_bits, std::int64_t* out, std::int64_t n) {
  constexpr double magic = 0x1.8p52;  // adding it rounds to a whole number, to even on ties
  const std::int64_t magic_bits = std::bit_cast<std::int64_t>(magic);
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t gq = std::bit_cast<std::int64_t>(g[i] * g_scale + magic) - magic_bits;
    const std::int64_t hq = std::bit_cast<std::int64_t>(h[i] * h_scale + magic) - magic_bits;
    out[2 * i] = gq;
    out[2 * i + 1] = (hq << count_bits) + 1;
  }
}

void quantise(const std::vector<double>& gradient, const std::vector<double>& hessian, const Grid& grid, std::vector<Cell>& out,
              Pool& pool) {
  const std::int64_t n = static_cast<std::int64_t>(gradient.size());
  out.resize(n);
  pool.run(chunks_of(n), [&](std::int64_t chunk) {
    const std::int64_t begin = chunk * chunk_rows;
    quantise_chunk(gradient.data() + begin, hessian.data() + begin, 1 / grid.gradient, 1 / grid.hessian, grid.count_bits,
                   reinterpret_cast<std::int64_t*>(out.data() + begin), std::min(chunk_rows, n - begin));
  });
}

// Rounded up where the noise is above what is left, so right on average.
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) static void pack_chunk(
    const double* g, const double* h, double g_scale, double h_scale, const std::uint32_t* noise, std::uint32_t round, Word* out, std::int64_t n) {
  constexpr double magic = 0x1.8p52;
  const std::int64_t magic_bits = std::bit_cast<std::int64_t>(magic);
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint32_t bits = noise[i] + round;
    const double up = static_cast<double>(static_cast<std::int32_t>(bits)) * 0x1p-32, other = static_cast<double>(static_cast<std::int32_t>(bits * 0x9e3779b9u)) * 0x1p-32;
    const std::int64_t gq = std::bit_cast<std::int64_t>(g[i] * g_scale + up + magic) - magic_bits;
    const std::int64_t hq = std::bit_cast<std::int64_t>(h[i] * h_scale + other + magic) - magic_bits;
    out[i] = (static_cast<Word>(gq) << (word_count_bits + word_hessian_bits)) + (static_cast<Word>(hq > 0 ? hq : 0) << word_count_bits) + 1;
  }
}

void quantise(const std::vector<double>& gradient, const std::vector<double>& hessian, const Sizes& sizes, const std::vector<std::uint32_t>& noise,
              std::uint32_t round, Gradients& out, Pool& pool) {
  const std::int64_t n = static_cast<std::int64_t>(gradient.size());
  out.grid = grid_of(sizes.gradient_sum, sizes.hessian_sum, n);
  const auto even = [&](double most, double sum) { return most > 0 && most * static_cast<double>(n) <= word_spread * sum; };
  if (n < word_from || !even(sizes.gradient_most, sizes.gradient_sum) || !even(sizes.hessian_most, sizes.hessian_sum)) {
    out.words.clear();
    quantise(gradient, hessian, out.grid, out.cells, pool);
    return;
  }
  out.grid.gradient = sizes.gradient_most / (word_most - 1);
  out.grid.hessian = sizes.hessian_most / (word_most - 1);
  out.words.resize(n);
  pool.run(chunks_of(n), [&](std::int64_t chunk) {
    const std::int64_t begin = chunk * chunk_rows;
    pack_chunk(gradient.data() + begin, hessian.data() + begin, 1 / out.grid.gradient, 1 / out.grid.hessian, noise.data() + begin, round, out.words.data() + begin,
               std::min(chunk_rows, n - begin));
  });
}

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

inline Sums Grower::sums_of(const Cell& cell) const {
  return {cell[0], cell[1] >> grid_.count_bits, cell[1] & ((std::int64_t{1} << grid_.count_bits) - 1)};
}
static Sums operator-(const Sums& a, const Sums& b) { return {a.gradient - b.gradient, a.hessian - b.hessian, a.count - b.count}; }
static Sums& operator+=(Sums& a, const Sums& b) {
  a.gradient += b.gradient;
  a.hessian += b.hessian;
  a.count += b.count;
  return a;
}

double Grower::weight_of(const Sums& s, double l2, const Node& node) const {
  const double h = static_cast<double>(s.hessian) * grid_.hessian + l2;
  if (!(h > 0)) return 0;
  const double w = -soft(static_cast<double>(s.gradient) * grid_.gradient, settings_.l1) / h;
  return bounded_ ? std::clamp(w, node.low, node.high) : w;
}

// What a leaf with these sums takes off the loss (twice).
double Grower::part(const Sums& s, double l2, const Node& node) const {
  const double g = static_cast<double>(s.gradient) * grid_.gradient;
  const double h = static_cast<double>(s.hessian) * grid_.hessian + l2;
  if (!(h > 0)) return 0;
  if (bounded_) {
    const double w = weight_of(s, l2, node);
    return -(2 * g * w + h * w * w + 2 * settings_.l1 * std::fabs(w));
  }
  const double t = soft(g, settings_.l1);
  return t * t / h;
}

bool Grower::heavy_enough(const Sums& s) const {
  return s.count >= settings_.min_rows && s.count > 0 && static_cast<double>(s.hessian) * grid_.hessian >= settings_.min_weight;
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

void Grower::share(std::int64_t slots, const std::function<void(std::int64_t, std::int32_t, std::int32_t)>& work) {
  if (pool_.threads() == 1 || slots < shared_slots) return work(0, 0, static_cast<std::int32_t>(binned_.used.size()));
  pool_.each([&](std::int64_t t) { work(t, shares_[t], shares_[t + 1]); });
}

void Grower::build(const Node& node, std::vector<Cell>& histogram, std::vector<Cell>* sibling) {
  const Timed scope("histograms");
  const std::int64_t count = node.end - node.begin;
  const std::int64_t dense = static_cast<std::int64_t>(binned_.groups.size()), groups = dense + terms_used_;  // the terms come last
  const std::int64_t parts = count * static_cast<std::int64_t>(binned_.used.size()) >= parallel_work ? pool_.threads() : 1;
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
      build_by_words(binned_.groups[g], rows_->data() + begin, end - begin, words_[part], out);
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
  share(binned_.slots, [&](std::int64_t t, std::int32_t first, std::int32_t last) {
    for (std::int32_t p = first; parts > 1 && p < last; ++p) {
      if (!used(binned_.group_of[p] < 0 ? dense : binned_.group_of[p])) continue;
      for (std::int64_t part = 1; part < parts; ++part)
        for (std::int32_t s = slot_at(p); s < slot_at(p + 1); ++s) histogram[s] += spare_[part - 1][s];
    }
    if (sibling != nullptr && !terms_used_) take_off(t, first, last);
  });
  if (!terms_used_) return;
  complete_terms(node, histogram);
  if (sibling != nullptr) share(binned_.slots, take_off);
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

double Grower::squares_of(const Node& node) const {
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
  if (node.end - node.begin >= parallel_rows) {
    pool_.run(static_cast<std::int64_t>(sums.size()), task);
  } else {
    for (std::size_t c = 0; c < sums.size(); ++c) task(static_cast<std::int64_t>(c));
  }
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

// Eight at a time, the same on every machine.
typedef double Reals __attribute__((vector_size(64)));
typedef std::int64_t Integers __attribute__((vector_size(64)));
constexpr std::int64_t lanes = 8;
// Below 2^51 in size; every vector unit can add, few can convert.
inline void to_reals(const Integers& v, double unit, Reals& out) {
  constexpr double magic = 0x1.8p52;
  out = (reinterpret_cast<Reals>(v + std::bit_cast<std::int64_t>(magic)) - magic) * unit;
}

// What lies on the left of a cut behind each bin, in units of the grid. Whole vectors; what is not allowed gains nothing.
struct Lefts {
  alignas(64) std::int64_t gradient[narrow_slots], hessian[narrow_slots];
  alignas(64) std::int64_t allowed[narrow_slots];   // 0 or -1
};
// The sum of part() on both sides, without l1 and bounds; 0 where a side is too light. Returns the largest.
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) static double gains_of(const Lefts& left, std::int64_t n, const Sums& node, const Grid& grid, double l2,
                                                                                                 double min_weight, double* out) {
  Reals most{};
  for (std::int64_t b = 0; b < n; b += lanes) {
    const Integers g = *reinterpret_cast<const Integers*>(left.gradient + b), h = *reinterpret_cast<const Integers*>(left.hessian + b);
    Reals left_g, right_g, left_h, right_h;
    to_reals(g, grid.gradient, left_g);
    to_reals(node.gradient - g, grid.gradient, right_g);
    to_reals(h, grid.hessian, left_h);
    to_reals(node.hessian - h, grid.hessian, right_h);
    const Reals gain = left_g * left_g / (left_h + l2) + right_g * right_g / (right_h + l2);
    const Integers allowed = *reinterpret_cast<const Integers*>(left.allowed + b) & (left_h >= min_weight) & (right_h >= min_weight);
    const Reals kept = reinterpret_cast<Reals>(reinterpret_cast<Integers>(gain) & allowed);
    *reinterpret_cast<Reals*>(out + b) = kept;
    most = most < kept ? kept : most;
  }
  return std::max({most[0], most[1], most[2], most[3], most[4], most[5], most[6], most[7]});
}

Split Grower::find_number(const Node& node, std::int32_t position) const {
  const std::int32_t feature = binned_.used[position];
  const FeatureBins& bins = binned_.features[feature];
  const Cell* cells = node.histogram->data() + binned_.offset[position];
  const int monotone = bounded_ ? request_.direction(feature) : 0;
  const double l2 = settings_.l2, hessian = grid_.hessian;
  const std::int64_t min_rows = std::max<std::int64_t>(settings_.min_rows, 1);
  const Sums missing = bins.has_missing ? sums_of(cells[bins.count]) : Sums{};
  Split best;
  const auto keep = [&](double gain, const Sums& left, std::int32_t bin, bool default_left) {
    if (!(gain > best.gain)) return;
    best.gain = gain;
    best.position = position;
    best.bin = bin;
    best.default_left = default_left;
    best.left = left;
  };
  const auto consider = [&](const Sums& left, std::int32_t bin, bool default_left) {
    const Sums right = node.sums - left;
    if (left.count < min_rows || right.count < min_rows) return;
    const double left_h = static_cast<double>(left.hessian) * hessian, right_h = static_cast<double>(right.hessian) * hessian;
    if (!(left_h >= settings_.min_weight) || !(right_h >= settings_.min_weight)) return;
    if (monotone != 0 && (weight_of(left, l2, node) - weight_of(right, l2, node)) * monotone > 0) return;
    keep(part(left, l2, node) + part(right, l2, node), left, bin, default_left);
  };
  // Missing values go left (also where the node saw none), then right.
  for (const bool missing_left : {true, false}) {
    if (!missing_left && missing.count == 0) break;
    if (bins.count <= narrow_slots && !bounded_ && settings_.l1 == 0 && l2 > 0) {
      // In three loops, each fit for vectors: this is where small nodes spend their time.
      Lefts left;
      alignas(64) double gains[narrow_slots];
      const std::int64_t spare = node.sums.count - 2 * min_rows, n = bins.count - 1, whole = (n + lanes - 1) / lanes * lanes;
      Cell sum = missing_left && bins.has_missing ? cells[bins.count] : Cell{0, 0};
      for (std::int64_t b = 0; b < n; ++b) {
        sum += cells[b];
        const Sums s = sums_of(sum);
        left.gradient[b] = s.gradient;
        left.hessian[b] = s.hessian;
        left.allowed[b] = -static_cast<std::int64_t>((cells[b][1] != 0) & (static_cast<std::uint64_t>(s.count - min_rows) <= static_cast<std::uint64_t>(spare)));
      }
      for (std::int64_t b = n; b < whole; ++b) left.gradient[b] = left.hessian[b] = left.allowed[b] = 0;
      const double most = gains_of(left, whole, node.sums, grid_, l2, settings_.min_weight, gains);
      if (!(most > best.gain)) continue;
      const std::int64_t b = std::find(gains, gains + n, most) - gains;
      Sums chosen = missing_left ? missing : Sums{};
      for (std::int64_t i = 0; i <= b; ++i) chosen += sums_of(cells[i]);
      keep(most, chosen, static_cast<std::int32_t>(b), missing_left);
      continue;
    }
    Sums left = missing_left ? missing : Sums{};
    for (std::int32_t b = 0; b + 1 < bins.count; ++b) {
      if (cells[b][1] == 0) continue;
      left += sums_of(cells[b]);
      if (node.sums.count - left.count < min_rows) break;
      consider(left, b, missing_left);
    }
  }
  if (missing.count > 0 && !bins.has_infinity && monotone == 0) consider(node.sums - missing, bins.count - 1, false);
  return best;
}

// Bins that may enter a set, by rising ratio of gradient to Hessian: from the ones that want the highest value.
std::vector<std::int32_t> Grower::category_order(const Node& node, std::int32_t position) const {
  const FeatureBins& bins = binned_.features[binned_.used[position]];
  const Cell* cells = node.histogram->data() + binned_.offset[position];
  std::vector<std::pair<double, std::int32_t>> keyed;
  for (std::int32_t b = 0; b < bins.slots(); ++b) {
    const Sums s = sums_of(cells[b]);
    if (s.count < category_rows || b == bins.rest_bin) continue;
    const double ratio = static_cast<double>(s.gradient) * grid_.gradient / (static_cast<double>(s.hessian) * grid_.hessian + category_smooth);
    keyed.emplace_back(ratio, b);
  }
  std::sort(keyed.begin(), keyed.end());
  std::vector<std::int32_t> order;
  for (const auto& [ratio, b] : keyed) order.push_back(b);
  return order;
}

Split Grower::find_category(const Node& node, std::int32_t position) const {
  const FeatureBins& bins = binned_.features[binned_.used[position]];
  const Cell* cells = node.histogram->data() + binned_.offset[position];
  Split best;
  double luck = 0;
  const auto consider = [&](const Sums& left, std::int32_t bin, bool suffix, bool one) {
    const Sums right = node.sums - left;
    if (!heavy_enough(left) || !heavy_enough(right)) return;
    const double gain = part(left, settings_.l2, node) + part(right, settings_.l2, node) - luck;
    if (gain > best.gain) {
      best.gain = gain;
      best.position = position;
      best.bin = bin;
      best.suffix = suffix;
      best.one = one;
      best.left = left;
    }
  };
  std::int32_t present = 0;
  for (std::int32_t b = 0; b < bins.slots(); ++b) present += cells[b][1] != 0;
  if (bins.one_hot || present <= one_vs_rest_bins) {
    const std::int32_t last = bins.one_hot ? bins.count : bins.slots();
    for (std::int32_t b = 0; b < last; ++b)
      if (cells[b][1] != 0 && b != bins.rest_bin) consider(sums_of(cells[b]), b, false, true);
    if (bins.one_hot || present <= 3) return best;  // up to three categories: these are all the partitions
  }
  const std::vector<std::int32_t> order = category_order(node, position);
  const std::int32_t size = static_cast<std::int32_t>(order.size());
  Sums all;
  double roots = 0;
  for (const std::int32_t b : order) {
    const Sums s = sums_of(cells[b]);
    all += s;
    roots += std::sqrt(static_cast<double>(s.hessian) * grid_.hessian);
  }
  // Sorted by their gradients, categories without any effect still seem to gain: a category's gradient sum is then
  // normal with variance v H, and cutting such sums at 0 gives (2 / pi) v (sum of sqrt H)^2 / H on average. A set is
  // credited with what it gains above that, and a margin. v, the variance of gradients per Hessian, is measured in the node.
  const double node_g = static_cast<double>(node.sums.gradient) * grid_.gradient, node_h = static_cast<double>(node.sums.hessian) * grid_.hessian;
  const double variance = node_h > 0 ? std::max(node.squares - node_g * node_g / node_h, 0.0) / node_h : 0;
  luck = luck_margin * 0.63661977236758138 * variance * roots * roots / std::max(node_h, 1e-300);
  const bool leftovers = all.count != node.sums.count;  // too rare for a set: with the right child
  Sums prefix;
  for (std::int32_t i = 0; i < size; ++i) {
    prefix += sums_of(cells[order[i]]);
    if (i + 1 < size || leftovers) consider(prefix, i + 1, false, false);
    if (leftovers && i + 1 < size) consider(all - prefix, i + 1, true, false);
  }
  return best;
}

Split Grower::find_one(const Node& node, std::int32_t position) const {
  const FeatureBins& bins = binned_.features[binned_.used[position]];
  if (bins.category || bins.one_hot) return find_category(node, position);
  return find_number(node, position);
}

void Grower::find(std::initializer_list<Node*> nodes) {
  const Timed scope("splits");
  std::vector<Node*> open;
  for (Node* node : nodes)
    if (node->histogram != nullptr) open.push_back(node);
  // Ties go to the first position, whichever thread finds it.
  std::vector<Split> found(pool_.threads() * open.size());
  share(static_cast<std::int64_t>(open.size()) * binned_.slots, [&](std::int64_t t, std::int32_t first, std::int32_t last) {
    const auto begin = std::lower_bound(positions_->begin(), positions_->end(), first), end = std::lower_bound(begin, positions_->end(), last);
    for (std::size_t n = 0; n < open.size(); ++n) {
      Split best;
      for (auto p = begin; p != end; ++p)
        if (const Split split = find_one(*open[n], *p); split.gain > best.gain) best = split;
      found[t * open.size() + n] = best;
    }
  });
  for (std::size_t n = 0; n < open.size(); ++n) {
    Node& node = *open[n];
    node.best = {};
    for (std::size_t t = n; t < found.size(); t += open.size())
      if (found[t].gain > node.best.gain) node.best = found[t];
    if (node.best.position < 0) continue;
    const double children = node.best.gain;
    node.best.gain -= part(node.sums, settings_.l2, node);
    if (!(node.best.gain > settings_.min_gain && node.best.gain > 1e-12 * children)) {
      node.best = {};
      continue;
    }
    const FeatureBins& bins = binned_.features[binned_.used[node.best.position]];
    if ((bins.category || bins.one_hot) && !node.best.one) node.order = category_order(node, node.best.position);
  }
}

std::int64_t Grower::partition(const Node& node, std::int32_t position, const std::vector<std::uint8_t>& left) {
  const Timed scope("partition");
  const std::int64_t count = node.end - node.begin;
  const std::int64_t parts = count >= parallel_rows ? pool_.threads() : 1;
  std::uint32_t* rows = rows_->data() + node.begin;
  const auto range = [&](std::int64_t p) { return std::pair{count * p / parts, count * (p + 1) / parts}; };
  // The first part leaves its lefts where they are; those of the others are kept aside until there is room.
  std::vector<std::int64_t> lefts(parts), to(parts);
  const auto all_parts = [&](const std::function<void(std::int64_t)>& task) { parts == 1 ? task(0) : pool_.each(task); };
  all_parts([&](std::int64_t p) {
    const auto [begin, end] = range(p);
    std::uint32_t* const kept = p == 0 ? rows : kept_.data() + begin;
    lefts[p] = binned_.with_column(position, [&](const auto& column) { return part_rows(column, left, rows + begin, end - begin, kept, moved_.data() + begin); });
  });
  std::int64_t total = 0;
  for (std::int64_t p = 0; p < parts; ++p) to[p] = std::exchange(total, total + lefts[p]);
  all_parts([&](std::int64_t p) {
    const auto [begin, end] = range(p);
    if (p > 0) std::copy_n(kept_.data() + begin, lefts[p], rows + to[p]);
    std::copy_n(moved_.data() + begin, end - begin - lefts[p], rows + total + begin - to[p]);
  });
  return total;
}

void Grower::split(std::int32_t at, Grown& grown, model::Forest& forest) {
  const Split best = nodes_[at].best;
  const std::int32_t feature = binned_.used[best.position];
  const FeatureBins& bins = binned_.features[feature];
  std::vector<std::uint8_t> left(bins.slots(), 0);
  model::Tree& tree = grown.tree;
  tree.feature[at] = feature;
  tree.gain[at] = best.gain;
  if (bins.category || bins.one_hot) {
    if (best.one) {
      left[best.bin] = 1;
    } else {
      const std::vector<std::int32_t>& order = nodes_[at].order;
      for (std::int32_t i = best.suffix ? best.bin : 0; i < (best.suffix ? static_cast<std::int32_t>(order.size()) : best.bin); ++i)
        left[order[i]] = 1;
    }
    std::vector<std::uint64_t> words = set_of(bins, request_.features[feature].width, left);
    const auto [it, fresh] = set_ids_.try_emplace(words, static_cast<std::int32_t>(forest.category_sets.size()));
    if (fresh) forest.category_sets.push_back(std::move(words));
    tree.category_set[at] = it->second;
    tree.default_left[at] = bins.has_missing && left[bins.count];
  } else {
    for (std::int32_t b = 0; b <= best.bin; ++b) left[b] = 1;
    if (bins.has_missing) left[bins.count] = best.default_left;
    tree.threshold[at] = best.bin < bins.count - 1 ? bins.thresholds[best.bin] : std::numeric_limits<double>::max();
    tree.default_left[at] = best.default_left;
  }
  const std::int64_t lefts = partition(nodes_[at], best.position, left);
  MLP_CHECK(lefts == best.left.count);

  const std::int32_t l = static_cast<std::int32_t>(nodes_.size()), r = l + 1;
  nodes_.resize(nodes_.size() + 2);
  Node& parent = nodes_[at];
  Node &a = nodes_[l], &b = nodes_[r];
  a.begin = parent.begin;
  a.end = b.begin = parent.begin + lefts;
  b.end = parent.end;
  a.sums = best.left;
  b.sums = parent.sums - best.left;
  a.depth = b.depth = parent.depth + 1;
  a.low = b.low = parent.low;
  a.high = b.high = parent.high;
  if (const int m = bounded_ ? request_.direction(feature) : 0; m != 0) {
    const double middle = (weight_of(a.sums, settings_.l2, parent) + weight_of(b.sums, settings_.l2, parent)) / 2;
    (m > 0 ? a.high : a.low) = middle;
    (m > 0 ? b.low : b.high) = middle;
  }
  tree.left[at] = l;
  tree.right[at] = r;
  for (int i = 0; i < 2; ++i) tree.add_leaf(1);
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
    build(root, *root.histogram);
    root.sums = {};
    for (std::int32_t s = slot_at(positions[0]); s < slot_at(positions[0] + 1); ++s) root.sums += sums_of((*root.histogram)[s]);
  } else {
    root.sums = sums_of_rows(rows);
    if (open) build(root, *root.histogram);
  }
  if (open) {
    root.squares = squares_of(root);
    find({&root});
  }

  // Leaf-wise: the leaf with the largest gain first, ties to the oldest. Depth-wise: in order of age.
  const auto after = [&](std::int32_t x, std::int32_t y) {
    if (leaf_wise && nodes_[x].best.gain != nodes_[y].best.gain) return nodes_[x].best.gain < nodes_[y].best.gain;
    return x > y;
  };
  std::priority_queue<std::int32_t, std::vector<std::int32_t>, decltype(after)> queue(after);
  const auto offer = [&](std::int32_t n) {
    if (nodes_[n].best.position >= 0) {
      queue.push(n);
    } else {
      give(std::exchange(nodes_[n].histogram, nullptr));
    }
    // Over the budget a node keeps its split only; its children are then built from their rows.
    if (store_.size() * binned_.slots * sizeof(Cell) > histogram_memory) give(std::exchange(nodes_[n].histogram, nullptr));
  };
  offer(0);
  std::int64_t leaves = 1;
  while (!queue.empty() && leaves < leaf_limit) {
    const std::int32_t at = queue.top();
    queue.pop();
    split(at, grown, forest);
    ++leaves;
    std::vector<Cell>* inherited = std::exchange(nodes_[at].histogram, nullptr);
    const std::int32_t l = tree.left[at], r = tree.right[at];
    if (leaves >= leaf_limit) {
      give(inherited);
      break;
    }
    const bool a_open = may_split(nodes_[l]), b_open = may_split(nodes_[r]);
    if (!a_open && !b_open) {
      give(inherited);
      continue;
    }
    const bool left_smaller = nodes_[l].end - nodes_[l].begin <= nodes_[r].end - nodes_[r].begin;
    Node &small = nodes_[left_smaller ? l : r], &large = nodes_[left_smaller ? r : l];
    small.histogram = take();
    build(small, *small.histogram, inherited);
    small.squares = squares_of(small);
    large.squares = std::max(nodes_[at].squares - small.squares, 0.0);
    if (inherited != nullptr) {
      large.histogram = inherited;
    } else {
      large.histogram = take();
      build(large, *large.histogram);
    }
    if (!(left_smaller ? a_open : b_open)) give(std::exchange(small.histogram, nullptr));
    if (!(left_smaller ? b_open : a_open)) give(std::exchange(large.histogram, nullptr));
    find({&nodes_[l], &nodes_[r]});
    offer(l);
    offer(r);
  }
  while (!queue.empty()) {
    give(std::exchange(nodes_[queue.top()].histogram, nullptr));
    queue.pop();
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    grown.begin.push_back(nodes_[i].begin);
    grown.end.push_back(nodes_[i].end);
    if (tree.left[i] < 0) tree.value[i] = weight_of(nodes_[i].sums, settings_.l2, nodes_[i]);
  }
  return grown;
}

}  // namespace mlp::learn
