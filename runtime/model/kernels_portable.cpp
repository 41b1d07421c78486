#include <cstring>

#include "runtime/model/kernels.h"

namespace mlp::model {
namespace {

constexpr std::int64_t strip = 64;                 // short fixed loops, which compilers turn into vector code

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
  for (std::int64_t start = 0; start < block_rows; start += strip) {
    std::uint8_t at[strip] = {};
    for (std::int64_t n = 0; n < count; ++n) {
      const ByteNode node = nodes[n];
      const std::uint8_t* column = columns + node.column * block_rows + start;
      for (std::int64_t i = 0; i < strip; ++i) {
        const std::uint8_t go = static_cast<std::uint8_t>(-((column[i] > node.threshold) & (at[i] == node.first)));
        at[i] = static_cast<std::uint8_t>((at[i] & ~go) | (node.first_right & go));
      }
    }
    std::memcpy(leaf + start, at, strip);
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
