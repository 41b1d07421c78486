#include <algorithm>
#include <cstring>
#include <limits>

#include "runtime/model/kernels.h"

namespace mlp::model {
namespace {

// Sixteen rows; every 64-bit machine has registers of this size.
typedef std::uint8_t Bytes __attribute__((vector_size(16)));

void rank(const RankTable& table, const double* values, std::int64_t rows, std::uint8_t* out) {
  const double* begin = table.padded.data();
  const std::size_t count = std::max<std::size_t>(table.sorted.size(), 1);
  for (std::int64_t i = 0; i < rows; ++i) {
    const double* base = begin;
    std::size_t size = count;
    while (size > 1) {
      const std::size_t half = size / 2;
      base += half * static_cast<std::size_t>(base[half - 1] < values[i]);  // no branch depends on a value
      size -= half;
    }
    out[i] = static_cast<std::uint8_t>(base - begin + (*base < values[i] ? 1 : 0));
  }
}

void look_up(const std::uint8_t* table, std::int32_t, const std::uint8_t* codes, std::uint8_t* out) {
  for (std::int64_t i = 0; i < block_rows; ++i) out[i] = table[codes[i]];
}

void descend(const ByteNode* nodes, std::int64_t count, const std::uint8_t* columns, std::uint8_t* leaf) {
  constexpr int registers = 4;
  for (std::int64_t start = 0; start < block_rows; start += registers * 16) {
    Bytes at[registers] = {};
    for (std::int64_t n = 0; n < count; ++n) {
      const ByteNode node = nodes[n];
      const std::uint8_t* column = columns + node.column * block_rows + start;
      for (int r = 0; r < registers; ++r) {
        Bytes rank;
        std::memcpy(&rank, column + 16 * r, 16);
        const Bytes go = reinterpret_cast<Bytes>(rank > node.threshold) & reinterpret_cast<Bytes>(at[r] == node.first);
        at[r] = (at[r] & ~go) | (go & node.first_right);
      }
    }
    std::memcpy(leaf + start, at, sizeof at);
  }
}

void add_leaves(const double* values, std::int32_t, const std::uint8_t* leaf, double* sums) {
  for (std::int64_t i = 0; i < block_rows; ++i) sums[i] += values[leaf[i]];
}

void add_squares(const double* values, double centre, std::int64_t rows, double* sums) {
  for (std::int64_t i = 0; i < rows; ++i) sums[i] += (values[i] - centre) * (values[i] - centre);
}

}  // namespace

const Kernels& portable_kernels() {
  static constexpr Kernels kernels{rank, look_up, descend, add_leaves, add_squares};
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

}  // namespace mlp::model
