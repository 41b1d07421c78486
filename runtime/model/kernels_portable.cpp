#include <cstring>

#include "runtime/model/kernels.h"

namespace mlp::model {
namespace {

// Sixteen rows; every 64-bit machine has registers of this size.
typedef std::uint8_t Bytes __attribute__((vector_size(16)));

void rank(const RankTable& table, const double* values, std::int64_t rows, std::uint8_t* out) {
  const double* begin = table.sorted.data();
  const std::size_t count = table.sorted.size();
  for (std::int64_t i = 0; i < rows; ++i) {
    const double* base = begin;
    std::size_t size = count;
    while (size > 1) {
      const std::size_t half = size / 2;
      base += base[half - 1] < values[i] ? half : 0;
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

}  // namespace

const Kernels& portable_kernels() {
  static constexpr Kernels kernels{rank, look_up, descend, add_leaves};
  return kernels;
}

}  // namespace mlp::model
