// Products of matrices of floats that are rounded to bfloat16 first, summed in single precision. With a, b rounded to the nearest (halves to the
// even), an element is, for each pair p, p + 1 of k from the first on,
//   sum = fma(a[p + 1], b[p + 1], sum), then sum = fma(a[p], b[p], sum)
// where what k lacks of its last pair is 0, and a denormal number is 0 of its sign wherever it stands: what VDPBF16PS computes, and at each level
// the same bits.
#pragma once
#include <bit>
#include <cstdint>
#include <vector>

#include "runtime/product/product.h"

namespace mlp::product {

using Pair = std::uint32_t;                           // two neighbours along k as bfloat16, the first in the lower half

inline std::uint32_t to_bf16(float v) {
  const auto bits = std::bit_cast<std::uint32_t>(v), above = bits & 0x7fffffffu;
  if (above > 0x7f800000u) return (bits >> 16) | 0x40u;     // NaN, a quiet one
  if (above < 0x00800000u) return bits >> 31 << 15;         // denormal
  return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
}
inline float from_bf16(std::uint32_t half) { return std::bit_cast<float>(half << 16); }
inline Pair pair_of(float first, float second) { return to_bf16(first) | to_bf16(second) << 16; }

mlp_product bf16_of(CpuLevel level);                  // must not be above best_cpu_level()

// A right side [k, n] that is rounded and packed once: blocks of 16 columns, of each pair after pair, column by column; zeros for what is missing.
struct PairWeights {
  std::vector<Pair> values;
  std::int64_t k = 0, n = 0;
};
PairWeights pack_pairs(const float* b, std::int64_t b_row, std::int64_t b_col, std::int64_t k, std::int64_t n);
mlp_packed_product bf16_packed_of(CpuLevel level);    // of PairWeights; the bits of bf16_of

// What these choose from: native where the processor has AVX512_BF16 and is fast at it.
MLP_PRODUCT(bf16_portable);
MLP_PACKED_PRODUCT(bf16_packed_portable);
#if defined(__x86_64__)
MLP_PRODUCT(bf16_avx2);
MLP_PRODUCT(bf16_avx512);
MLP_PRODUCT(bf16_native);
MLP_PACKED_PRODUCT(bf16_packed_avx2);
MLP_PACKED_PRODUCT(bf16_packed_avx512);
MLP_PACKED_PRODUCT(bf16_packed_native);
#endif

// The blocks of pairs: of k in numbers, of rows, and how many columns lie together. Products of two sides of floats at the levels avx2 and avx512 are not of pairs (bf16_floats.h).
constexpr std::int64_t bf16_depth = 512, bf16_height = 768, bf16_columns = 16;
// Of this thread, for the left side of a block: it is compiled once, for any processor.
Pair* bf16_left();

}  // namespace mlp::product
