#include <bit>
#include <cmath>
#include <memory>
#include <new>

#include "base/diagnostic.h"
#include "runtime/product/bf16.h"
#include "runtime/product/product.h"

namespace mlp::product {
namespace {

// a * b + c rounded once, without an instruction for it: the product is exact as a double, and a sum that is rounded to odd loses nothing
// when it is rounded again (Boldo, Melquiond 2008).
inline float fused(float a, float b, float c) {
  const double product = static_cast<double>(a) * b, addend = c, sum = product + addend;
  const double back = sum - product, error = (product - (sum - back)) + (addend - back);  // Knuth's TwoSum
  const auto bits = std::bit_cast<std::uint64_t>(sum);
  const bool inexact = error < 0 || error > 0;  // not where it is NaN: sums that are not finite
  const std::uint64_t toward = (error > 0) == (sum > 0) ? bits + 1 : bits - 1;
  return static_cast<float>(std::bit_cast<double>(inexact && (bits & 1) == 0 ? toward : bits));
}

}  // namespace

MLP_PRODUCT(portable) {
  for (std::int64_t i = 0; i < m; ++i) {
    float* const row = c + i * c_row;
    if (!add)
      for (std::int64_t j = 0; j < n; ++j) row[j] = 0;
    for (std::int64_t p = 0; p < k; ++p) {
      const float left = a[i * a_row + p * a_col];
      const float* const right = b + p * b_row;
      for (std::int64_t j = 0; j < n; ++j) row[j] = fused(left, right[j * b_col], row[j]);
    }
  }
}

mlp_product of(CpuLevel level, Precision precision) {
  MLP_CHECK(level <= best_cpu_level());
  if (precision == Precision::bf16) return bf16_of(level);
#if defined(__x86_64__)
  if (level == CpuLevel::v4) return avx512;
  if (level == CpuLevel::v3) return avx2;
#endif
  return portable;
}

float* left_block() {
  thread_local const std::unique_ptr<float[]> memory(new (std::nothrow) float[static_cast<std::size_t>((left_depth + left_gap) * left_height)]);
  return memory.get();
}

Tile tile_of(CpuLevel level) { return level == CpuLevel::v4 ? avx512_tile : level == CpuLevel::v3 ? avx2_tile : Tile{}; }

}  // namespace mlp::product
