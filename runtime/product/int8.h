// Products of rows of floats with a matrix of weights that are bytes. A float becomes a byte by one rule, sums are integers, and a result is
// rounded twice: as a float, and times its scale. So every level gives the same bits.
#pragma once
#include <cstdint>
#include <vector>

#include "runtime/product/product.h"

namespace mlp::product {

constexpr std::int64_t int8_columns = 16, int8_depth = 4;  // of the blocks of Int8Weights::values

// A matrix of weights [k, n] as bytes, in blocks of 16 columns: of each the values of 4 rows, column by column, then of the next 4; zeros for what is
// missing. A float becomes a byte from 0 to 255 as the nearest whole number to float * inverse, plus zero; offsets are zero times the sum of a column,
// scales what a sum of products counts: c = (add ? c : 0) + scale * (sum of products - offset), the integer as a float.
struct Int8Weights {
  const std::int8_t* values = nullptr;
  const float* scales = nullptr;
  const std::int32_t* offsets = nullptr;
  std::int64_t k = 0, n = 0;
  std::int32_t zero = 0;
  float inverse = 0;
};

// Bytes of a [k, n] matrix, row by row, in the order of Int8Weights::values, zeros for what is missing.
std::vector<std::int8_t> pack_int8(const std::int8_t* weights, std::int64_t k, std::int64_t n);

mlp_packed_product int8_of(CpuLevel level);   // of Int8Weights; must not be above best_cpu_level()

MLP_PACKED_PRODUCT(int8_portable);
#if defined(__x86_64__)
MLP_PACKED_PRODUCT(int8_avx2);
MLP_PACKED_PRODUCT(int8_vnni);
#endif

}  // namespace mlp::product
