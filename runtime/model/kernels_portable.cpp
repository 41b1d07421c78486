#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "runtime/model/bits.h"

namespace mlp::model {
namespace {

// Eight rows; every 64-bit machine has registers of this size.
std::uint64_t eight(const std::uint8_t* bytes) {
  std::uint64_t out;
  std::memcpy(&out, bytes, 8);
  return out;
}
constexpr std::uint64_t each = 0x0101010101010101;  // 1 in every byte

// Four values side by side, so that none waits alone; no branch depends on them.
template <class T>
void ranks_of(const std::vector<T>& sorted, std::size_t count, const T* values, std::int64_t rows, std::uint8_t* out) {
  constexpr int side = 4;
  for (std::int64_t i = 0; i < rows; i += side) {
    const T* base[side];
    T v[side];
    for (int k = 0; k < side; ++k) {
      base[k] = sorted.data();
      v[k] = values[std::min(i + k, rows - 1)];
    }
    for (std::size_t size = count; size > 1;) {
      const std::size_t half = size / 2;
      for (int k = 0; k < side; ++k) base[k] += half * static_cast<std::size_t>(base[k][half - 1] < v[k]);
      size -= half;
    }
    for (int k = 0; k < side && i + k < rows; ++k) out[i + k] = static_cast<std::uint8_t>(base[k] - sorted.data() + (*base[k] < v[k] ? 1 : 0));
  }
}

void rank(const RankTable& table, const double* values, std::int64_t rows, std::uint8_t* out) {
  ranks_of(table.padded, std::max<std::size_t>(table.sorted.size(), 1), values, rows, out);
}

void rank_floats(const FloatRanks& table, const float* values, std::int64_t rows, std::uint8_t* left, std::uint8_t* right) {
  std::uint8_t* const ranks = left ? left : right;
  ranks_of(table.sorted, table.sorted.size(), values, rows, ranks);
  if (!right) return;
  for (std::int64_t i = 0; i < rows; ++i) right[i] = values[i] == values[i] ? ranks[i] : 255;
}

void turn(const float* rows, std::int64_t stride, std::int64_t count, std::int32_t columns, float* out) {
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int32_t c = 0; c < columns; ++c) out[c * block_rows + i] = rows[i * stride + c];
}

void look_up(const std::uint8_t* table, std::int32_t, const std::uint8_t* codes, std::uint8_t* out) {
  for (std::int64_t i = 0; i < block_rows; ++i) out[i] = table[codes[i]];
}

void compare(const std::uint8_t* column, const std::uint8_t* thresholds, std::int64_t count, std::int64_t rows, std::uint64_t* bits) {
  const std::int64_t words = words_of(rows);
  for (std::int64_t t = 0; t < count; ++t) {
    const std::uint8_t threshold = thresholds[t];
    for (std::int64_t first = 0; first < rows; first += 64) {
      std::uint8_t above[64];
      for (int i = 0; i < 64; ++i) above[i] = column[first + i] > threshold;
      std::uint64_t word = 0;
      // Byte i of eight comes to bit 56 + i: eight sums that do not meet.
      for (int i = 0; i < 8; ++i) word |= (eight(above + 8 * i) * 0x0102040810204080 >> 56) << (8 * i);
      bits[t * words + first / 64] = word;
    }
  }
}

void part(const BitNode* nodes, std::int64_t count, const std::uint64_t* bits, std::int64_t rows, std::uint64_t* at) { part_rows<2>(nodes, count, bits, rows, at); }

void number(std::uint64_t* at, std::int32_t leaves, std::int64_t rows, std::uint8_t* leaf) {
  alignas(64) std::uint64_t planes[8][block_words];
  const int bits = planes_of<2>(at, leaves, rows, planes);
  for (std::int64_t i = 0; i < (rows + 63) / 64 * 64; i += 8) {
    std::uint64_t out = 0;
    for (int b = 0; b < bits; ++b) {
      // Bit j of the byte alone in byte j, then as 0 or 1.
      const std::uint64_t apart = (planes[b][i / 64] >> (i % 64) & 255) * each & 0x8040201008040201;
      out |= ((apart + 0x7f * each) >> 7 & each) << b;
    }
    std::memcpy(leaf + i, &out, 8);
  }
}

void add_leaves(const LeafValues& values, const std::uint8_t* leaf, std::int64_t rows, double* sums) {
  const double* const of = values.values;
  for (std::int64_t first = 0; first < rows; first += 64)
    for (std::int64_t i = first; i < first + 64; ++i) sums[i] += of[leaf[i]];
}

void sigmoids(const double* scores, std::int64_t rows, double* out) { sigmoids_of(scores, rows, out); }

void add_squares(const double* values, double centre, std::int64_t rows, double* sums) {
  for (std::int64_t i = 0; i < rows; ++i) sums[i] += (values[i] - centre) * (values[i] - centre);
}

}  // namespace

const Kernels& portable_kernels() {
  static constexpr Kernels kernels{rank, rank_floats, turn, look_up, compare, part, number, add_leaves, add_squares, sigmoids};
  return kernels;
}

const Kernels& kernels_of(Scorer::Level level) {
#if defined(__x86_64__)
  if (level == Scorer::Level::avx512) return avx512_kernels();
  if (level == Scorer::Level::avx2) return avx2_kernels();
#endif
  return portable_kernels();
}

void prepare(RankTable& table) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::size_t count = table.sorted.size();
  if (count > 255) return;
  table.padded = table.sorted;
  table.padded.resize(256 + 8, infinity);
  for (std::size_t i = 15; i < 256; i += 16) table.coarse.push_back(table.padded[i]);
  table.depth = count <= 15 ? 4 : count <= 31 ? 5 : count <= 63 ? 6 : 0;
  for (int level = 0; level < table.depth; ++level) {
    const std::size_t pivots = std::size_t{1} << level, span = std::size_t{1} << (table.depth - level);
    table.levels[level].assign(std::max<std::size_t>(pivots, 8), infinity);
    for (std::size_t p = 0; p < pivots; ++p) {
      const std::size_t at = p * span + span / 2 - 1;
      if (at < count) table.levels[level][p] = table.sorted[at];
    }
  }
}

FloatRanks float_ranks(const RankTable& table) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  FloatRanks out;
  for (const double t : table.sorted) {
    const float near = static_cast<float>(t);      // beyond the greatest float: infinity, and the greatest is below it
    out.sorted.push_back(static_cast<double>(near) > t ? std::nextafter(near, -infinity) : near);
  }
  const int count = static_cast<int>(out.sorted.size());
  out.depth = count <= 15 ? 4 : count <= 31 ? 5 : count <= 63 ? 6 : count <= 127 ? 7 : 8;
  const auto place = [&](int way, int levels) {    // where a way of so many steps has come to
    int at = 0;
    for (int l = 0; l < levels; ++l) at |= (way >> l & 1) << (out.depth - 1 - l);
    return at;
  };
  out.levels.assign(FloatRanks::level_at[8], infinity);
  for (int level = 0; level < out.depth; ++level)
    for (int i = 0; i < FloatRanks::level_at[level + 1] - FloatRanks::level_at[level]; ++i) {
      const int at = place(i, level) + (1 << (out.depth - 1 - level)) - 1;
      if (at < count) out.levels[FloatRanks::level_at[level] + i] = out.sorted[at];
    }
  for (int way = 0; way < 256; ++way) out.rank_of_way.push_back(static_cast<std::uint8_t>(place(way, out.depth)));
  return out;
}

}  // namespace mlp::model
