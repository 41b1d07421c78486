#include "runtime/learn/bins.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "runtime/model/kernels.h"
#include "runtime/model/walk.h"

namespace mlp::learn {
namespace {

constexpr double biggest = std::numeric_limits<double>::max();

// Numbers as integers of the same order; -0 = 0, infinities = the largest finite values. Four bytes where floats hold all values.
std::uint64_t key_of(double v) {
  v = v > biggest ? biggest : v < -biggest ? -biggest : v;
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(v + 0.0);
  return bits >> 63 ? ~bits : bits | 0x8000000000000000u;
}
std::uint32_t key_of(float v) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(v + 0.0f);
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}
double value_of(std::uint64_t key) { return std::bit_cast<double>(key >> 63 ? key & 0x7fffffffffffffffu : ~key); }
double value_of(std::uint32_t key) { return std::bit_cast<float>(key >> 31 ? key & 0x7fffffffu : ~key); }

template <class Key>
struct Keys {
  std::vector<Key> keys, spare;
};
struct KeyStore {
  Keys<std::uint64_t> doubles;
  Keys<std::uint32_t> floats;
};

// Least significant digit first, 11 bits at a time; digits that are the same everywhere are passed over.
template <class Key>
void radix_sort(std::vector<Key>& keys, std::vector<Key>& spare) {
  if (keys.size() < 2048) {
    std::sort(keys.begin(), keys.end());
    return;
  }
  spare.resize(keys.size());
  constexpr int digits = (8 * sizeof(Key) + 10) / 11;
  std::vector<std::uint32_t> counts(digits * 2048, 0);
  for (const Key k : keys)
    for (int d = 0; d < digits; ++d) ++counts[d * 2048 + ((k >> (11 * d)) & 2047)];
  for (int d = 0; d < digits; ++d) {
    std::uint32_t* count = &counts[d * 2048];
    if (count[(keys[0] >> (11 * d)) & 2047] == keys.size()) continue;
    std::uint32_t sum = 0;
    for (int i = 0; i < 2048; ++i) sum += std::exchange(count[i], sum);
    for (const Key k : keys) spare[count[(k >> (11 * d)) & 2047]++] = k;
    keys.swap(spare);
  }
}

// A finite t with low <= t < high.
double between(double low, double high) {
  const double middle = low / 2 + high / 2;
  return middle >= low && middle < high ? middle : low;
}

// Thresholds between the values that `keys`, sorted, stand for.
template <class Key>
void cut(FeatureBins& out, const std::vector<Key>& keys, std::int64_t bins) {
  const std::size_t n = keys.size();
  const auto end_of = [&](std::size_t i) {  // of the run of equal keys that begins at i
    std::size_t j = i + 1;
    while (j < n && keys[j] == keys[i]) ++j;
    return j;
  };
  const auto cut_before = [&](std::size_t i) { out.thresholds.push_back(between(value_of(keys[i - 1]), value_of(keys[i]))); };
  std::int64_t distinct = n > 0;
  for (std::size_t i = 1; i < n; ++i) distinct += keys[i] != keys[i - 1];
  const std::int64_t limit = std::clamp<std::int64_t>(bins, 2, wide_slots - 1);
  if (distinct <= limit) {
    for (std::size_t i = 1; i < n; ++i)
      if (keys[i] != keys[i - 1]) cut_before(i);
  } else {
    // Values as frequent as a whole bin stand alone; the others share what is left in equal parts.
    std::int64_t rest_rows = static_cast<std::int64_t>(n), rest_bins = limit;
    const double mean = static_cast<double>(rest_rows) / static_cast<double>(limit);
    const auto alone = [&](std::size_t count) { return static_cast<double>(count) >= mean; };
    for (std::size_t i = 0, j; i < n; i = j) {
      j = end_of(i);
      if (!alone(j - i)) continue;
      --rest_bins;
      rest_rows -= static_cast<std::int64_t>(j - i);
    }
    double share = static_cast<double>(rest_rows) / static_cast<double>(std::max<std::int64_t>(rest_bins, 1));
    std::int64_t filled = 0;
    std::size_t i = 0, j = end_of(0);
    while (j < n && static_cast<std::int64_t>(out.thresholds.size()) + 1 < limit) {
      const std::size_t next = end_of(j);
      const bool stands_alone = alone(j - i);
      if (!stands_alone) rest_rows -= static_cast<std::int64_t>(j - i);
      filled += static_cast<std::int64_t>(j - i);
      const bool full = static_cast<double>(filled) >= share;
      const bool next_alone = alone(next - j) && static_cast<double>(filled) >= share / 2;
      if (stands_alone || full || next_alone) {
        cut_before(j);
        filled = 0;
        if (!stands_alone) {
          --rest_bins;
          share = static_cast<double>(rest_rows) / static_cast<double>(std::max<std::int64_t>(rest_bins, 1));
        }
      }
      i = j;
      j = next;
    }
  }
  out.count = n == 0 ? 0 : static_cast<std::int32_t>(out.thresholds.size()) + 1;
}

// value(i): of n rows.
template <class Value>
void bin_numbers(FeatureBins& out, std::size_t n, Value value, std::int64_t bins, KeyStore& store) {
  auto& [floats, spare_floats] = store.floats;
  auto& [doubles, spare_doubles] = store.doubles;
  bool exact = true;
  floats.clear();
  for (std::size_t i = 0; i < n && exact; ++i) {
    const double v = value(i);
    const float f = static_cast<float>(v);
    if (std::isnan(v)) out.has_missing = true;
    else if (static_cast<double>(f) == v && std::isfinite(f)) floats.push_back(key_of(f));
    else exact = false;
  }
  if (exact) {
    radix_sort(floats, spare_floats);
    cut(out, floats, bins);
    return;
  }
  doubles.clear();
  for (std::size_t i = 0; i < n; ++i) {
    const double v = value(i);
    if (std::isnan(v)) {
      out.has_missing = true;
    } else {
      doubles.push_back(key_of(v));
      out.has_infinity |= v > biggest;
    }
  }
  radix_sort(doubles, spare_doubles);
  cut(out, doubles, bins);
}

void bin_categories(FeatureBins& out, const double* column, std::int32_t width, const std::vector<std::int64_t>& rows,
                    std::vector<std::int32_t>& bin_of_code) {
  std::vector<std::int64_t> counts(width, 0);
  for (const std::int64_t r : rows) {
    const std::int32_t code = model::code_of(column[r], width);
    if (code < 0)
      out.has_missing = true;
    else
      ++counts[code];
  }
  std::vector<std::int32_t> seen;
  for (std::int32_t c = 0; c < width; ++c)
    if (counts[c] > 0) seen.push_back(c);
  const std::size_t limit = wide_slots - 2;
  if (seen.size() > limit) {
    std::stable_sort(seen.begin(), seen.end(), [&](std::int32_t a, std::int32_t b) { return counts[a] > counts[b]; });
    seen.resize(limit);
    std::sort(seen.begin(), seen.end());
    out.rest_bin = static_cast<std::int32_t>(limit);
  }
  bin_of_code.assign(width, out.rest_bin);
  for (std::size_t b = 0; b < seen.size(); ++b) bin_of_code[seen[b]] = static_cast<std::int32_t>(b);
  out.code_of_bin = std::move(seen);
  if (out.rest_bin >= 0) out.code_of_bin.push_back(-1);
  out.count = static_cast<std::int32_t>(out.code_of_bin.size());
}

// Number of thresholds below v. No branch depends on a value.
std::int32_t bin_of(const std::vector<double>& thresholds, double v) {
  const double* base = thresholds.data();
  std::size_t size = thresholds.size();
  if (size == 0) return 0;
  while (size > 1) {
    const std::size_t half = size / 2;
    base += half * static_cast<std::size_t>(base[half - 1] < v);
    size -= half;
  }
  return static_cast<std::int32_t>(base - thresholds.data()) + (*base < v);
}

// Bins of the rows begin..end of one feature, into its column.
template <class Bin>
void fill(Bin* out, const FeatureBins& bins, const model::RankTable& table, const std::vector<std::int32_t>& bin_of_code, const double* column,
          std::int32_t width, const std::vector<std::int64_t>& rows, std::int64_t begin, std::int64_t end) {
  if (bins.category || bins.one_hot) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int32_t code = model::code_of(column[rows[i]], width);
      out[i] = static_cast<Bin>(code < 0 ? bins.count : bin_of_code[code]);
    }
    return;
  }
  if constexpr (sizeof(Bin) == 1) {
    double values[chunk_rows];
    for (std::int64_t i = begin; i < end; ++i) values[i - begin] = column[rows[i]];
    model::best_kernels().rank(table, values, end - begin, out + begin);
    if (bins.has_missing)
      for (std::int64_t i = begin; i < end; ++i)
        if (std::isnan(values[i - begin])) out[i] = static_cast<Bin>(bins.count);
  } else {
    for (std::int64_t i = begin; i < end; ++i) {
      const double v = column[rows[i]];
      out[i] = static_cast<Bin>(std::isnan(v) ? bins.count : bin_of(bins.thresholds, v));
    }
  }
}

template <class Bin>
void transpose(const Bin* columns, std::int64_t rows, std::int32_t features, std::int64_t begin, std::int64_t end, Bin* out) {
  for (std::int64_t i = begin; i < end; ++i)
    for (std::int32_t j = 0; j < features; ++j) out[i * features + j] = columns[j * rows + i];
}

// Appends the terms of all bags, behind the groups.
void bin_terms(Binned& out, const Dataset& data, const std::vector<model::FeatureInfo>& features, const std::vector<std::int64_t>& rows, std::int64_t bins,
               std::int64_t min_rows, Pool& pool) {
  constexpr std::int64_t most_bins = 16;
  struct Column {
    std::vector<std::int32_t> rows;
    std::vector<double> values;
  };
  std::vector<Column> columns;
  for (std::size_t f = 0; f < features.size(); ++f) {
    if (!features[f].bag) continue;
    const mlp_bag* const bags = data.columns[f].bags;
    std::vector<std::int64_t> count(features[f].terms, 0);
    for (const std::int64_t r : rows)
      for (std::int64_t t = 0; t < bags[r].size; ++t) ++count[bags[r].terms[t].term];
    std::vector<std::int32_t> place(features[f].terms, -1);
    for (std::int32_t t = 0; t < features[f].terms; ++t) {
      if (count[t] < std::max<std::int64_t>(min_rows, 1)) continue;
      place[t] = static_cast<std::int32_t>(columns.size());
      columns.emplace_back();
      out.terms.push_back({static_cast<std::int32_t>(f), t});
    }
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (std::int64_t t = 0; t < bags[rows[i]].size; ++t) {
        const mlp_term& term = bags[rows[i]].terms[t];
        if (place[term.term] < 0) continue;
        columns[place[term.term]].rows.push_back(static_cast<std::int32_t>(i));
        columns[place[term.term]].values.push_back(term.value);
      }
  }
  const std::size_t own = features.size();
  out.features.resize(own + columns.size());
  std::vector<std::vector<std::int32_t>> bin(columns.size());
  pool.run(static_cast<std::int64_t>(columns.size()), [&](std::int64_t c) {
    const Column& column = columns[c];
    FeatureBins& b = out.features[own + c];
    KeyStore store;
    bin_numbers(b, column.values.size(), [&](std::size_t i) { return column.values[i]; }, std::min(bins, most_bins), store);
    const double least = *std::min_element(column.values.begin(), column.values.end());
    b.thresholds.insert(b.thresholds.begin(), between(0, least));
    ++b.count;
    for (const double v : column.values) bin[c].push_back(bin_of(b.thresholds, v));
  });
  out.term_bins.first = static_cast<std::int32_t>(out.used.size());
  out.term_bins.begin.assign(out.rows + 1, 0);
  for (const Column& column : columns)
    for (const std::int32_t r : column.rows) ++out.term_bins.begin[r + 1];
  for (std::int64_t r = 0; r < out.rows; ++r) out.term_bins.begin[r + 1] += out.term_bins.begin[r];
  out.term_bins.slots.resize(out.term_bins.begin.back());
  std::vector<std::int64_t> next(out.term_bins.begin.begin(), out.term_bins.begin.end() - 1);
  for (std::size_t c = 0; c < columns.size(); ++c) {
    for (std::size_t i = 0; i < columns[c].rows.size(); ++i) out.term_bins.slots[next[columns[c].rows[i]]++] = out.slots + bin[c][i];
    out.group_of.push_back(-1);
    out.offset.push_back(out.slots);
    out.used.push_back(static_cast<std::int32_t>(own + c));
    out.slots += out.features[own + c].slots();
  }
}

}  // namespace

Binned make_bins(const Dataset& data, const std::vector<model::FeatureInfo>& features, const std::vector<std::int64_t>& rows,
                 std::int64_t bins, std::int64_t min_rows, Pool& pool) {
  Binned out;
  out.rows = static_cast<std::int64_t>(rows.size());
  out.features.resize(features.size());
  std::vector<std::vector<std::int32_t>> bin_of_code(features.size());
  std::atomic<std::size_t> next{0};
  pool.run(pool.threads(), [&](std::int64_t) {
    KeyStore store;  // one for all features that this thread takes
    for (std::size_t f; (f = next++) < features.size();) {
      if (features[f].bag) continue;
      FeatureBins& b = out.features[f];
      b.one_hot = features[f].one_hot;
      b.category = features[f].width > 0 && !b.one_hot;
      if (features[f].width > 0)
        bin_categories(b, data.columns[f], features[f].width, rows, bin_of_code[f]);
      else
        bin_numbers(b, rows.size(), [column = data.columns[f].numbers, &rows](std::size_t i) { return column[rows[i]]; }, bins, store);
    }
  });

  for (const bool wide : {false, true}) {
    bool open = false;
    for (std::size_t f = 0; f < features.size(); ++f) {
      const std::int32_t slots = out.features[f].slots();
      if (slots < 2 || (slots > narrow_slots) != wide) continue;
      if (!open || out.groups.back().features == group_features) {
        out.groups.emplace_back();
        out.groups.back().first = static_cast<std::int32_t>(out.used.size());
        out.groups.back().wide = wide;
        open = true;
      }
      ++out.groups.back().features;
      out.group_of.push_back(static_cast<std::int32_t>(out.groups.size()) - 1);
      out.offset.push_back(out.slots);
      out.used.push_back(static_cast<std::int32_t>(f));
      out.slots += slots;
    }
  }
  for (Group& g : out.groups) {
    const std::size_t cells = static_cast<std::size_t>(out.rows) * g.features;
    if (g.wide) {
      g.wide_bins.resize(cells);
      g.wide_columns.resize(cells);
    } else {
      g.narrow_bins.resize(cells);
      g.narrow_columns.resize(cells + 3);
    }
  }
  std::vector<model::RankTable> tables(features.size());
  for (const std::int32_t f : out.used) {
    tables[f].sorted = out.features[f].thresholds;
    if (features[f].width == 0) model::prepare(tables[f]);
  }
  const std::int64_t chunks = chunks_of(out.rows);
  pool.run(chunks * static_cast<std::int64_t>(out.groups.size()), [&](std::int64_t task) {
    Group& g = out.groups[task / chunks];
    const std::int64_t begin = task % chunks * chunk_rows, end = std::min(begin + chunk_rows, out.rows);
    for (std::int32_t j = 0; j < g.features; ++j) {
      const std::int32_t f = out.used[g.first + j];
      if (g.wide)
        fill(g.wide_columns.data() + j * out.rows, out.features[f], tables[f], bin_of_code[f], data.columns[f].numbers, features[f].width, rows, begin, end);
      else
        fill(g.narrow_columns.data() + j * out.rows, out.features[f], tables[f], bin_of_code[f], data.columns[f].numbers, features[f].width, rows, begin, end);
    }
    if (g.wide)
      transpose(g.wide_columns.data(), out.rows, g.features, begin, end, g.wide_bins.data());
    else
      transpose(g.narrow_columns.data(), out.rows, g.features, begin, end, g.narrow_bins.data());
  });
  bin_terms(out, data, features, rows, bins, min_rows, pool);
  return out;
}

std::vector<std::uint64_t> set_of(const FeatureBins& bins, std::int32_t width, const std::vector<std::uint8_t>& left) {
  std::vector<std::uint64_t> words((width + 63) / 64, 0);
  for (std::int32_t b = 0; b < bins.count; ++b)
    if (left[b]) words[bins.code_of_bin[b] >> 6] |= std::uint64_t{1} << (bins.code_of_bin[b] & 63);
  return words;
}

#ifdef __x86_64__
// Sixteen rows at a time: their bins are gathered, and looked up in the set as 256 bits.
__attribute__((target("arch=x86-64-v4"))) static std::int64_t part_by_sixteen(const std::uint8_t* column, const std::vector<std::uint8_t>& left, const std::uint32_t* rows, std::int64_t& at,
                                                                             std::int64_t count, std::uint32_t* lefts, std::uint32_t* rights) {
  alignas(64) std::uint32_t words[16] = {};
  for (std::size_t b = 0; b < left.size(); ++b) words[b / 32] |= static_cast<std::uint32_t>(left[b]) << (b % 32);
  const __m512i set = _mm512_load_si512(words), low_byte = _mm512_set1_epi32(255), one = _mm512_set1_epi32(1);
  constexpr std::int64_t ahead = 64;
  std::int64_t l = 0, i = 0;
  for (; i + 16 <= count; i += 16) {
    if (i + ahead + 16 <= count)
      for (int k = 0; k < 16; ++k) __builtin_prefetch(column + rows[i + ahead + k]);
    const __m512i row = _mm512_loadu_si512(rows + i);
    const __m512i bin = _mm512_and_si512(_mm512_i32gather_epi32(row, column, 1), low_byte);
    const __m512i word = _mm512_permutexvar_epi32(_mm512_srli_epi32(bin, 5), set);
    const __mmask16 goes_left = _mm512_test_epi32_mask(_mm512_srlv_epi32(word, _mm512_and_si512(bin, _mm512_set1_epi32(31))), one);
    _mm512_storeu_si512(lefts + l, _mm512_maskz_compress_epi32(goes_left, row));  // what it overwrites beyond has been read
    _mm512_storeu_si512(rights + (i - l), _mm512_maskz_compress_epi32(static_cast<__mmask16>(~goes_left), row));
    l += __builtin_popcount(goes_left);
  }
  at = i;
  return l;
}
#endif

std::int64_t part_rows(const std::uint8_t* column, const std::vector<std::uint8_t>& left, const std::uint32_t* rows, std::int64_t count, std::uint32_t* lefts, std::uint32_t* rights) {
  std::int64_t l = 0, i = 0;
#ifdef __x86_64__
  static const bool sixteen = __builtin_cpu_supports("x86-64-v4");
  if (sixteen) l = part_by_sixteen(column, left, rows, i, count, lefts, rights);
#endif
  return part_rows<const std::uint8_t*>(column, left, rows, count, lefts, rights, i, l);
}

void keep_used_terms(model::Forest& forest, std::int32_t features) {
  std::vector<std::int32_t> now(forest.terms.size(), -1);
  for (const model::Tree& tree : forest.trees)
    for (std::size_t i = 0; i < tree.feature.size(); ++i)
      if (tree.left[i] >= 0 && tree.feature[i] >= features) now[tree.feature[i] - features] = 0;
  std::vector<model::BagTerm> used;
  for (std::size_t t = 0; t < now.size(); ++t) {
    if (now[t] < 0) continue;
    now[t] = static_cast<std::int32_t>(used.size());
    used.push_back(forest.terms[t]);
  }
  forest.terms = std::move(used);
  for (model::Tree& tree : forest.trees)
    for (std::size_t i = 0; i < tree.feature.size(); ++i)
      if (tree.left[i] >= 0 && tree.feature[i] >= features) tree.feature[i] = features + now[tree.feature[i] - features];
}

BinCache::key_type bin_key(const Request& request) {
  const bool bags = std::any_of(request.features.begin(), request.features.end(), [](const model::FeatureInfo& f) { return f.bag; });
  return {request.settings.bins, bags ? request.settings.min_rows : 0};
}

}  // namespace mlp::learn
