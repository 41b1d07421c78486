// Products of rows of floats with a matrix of weights that are bytes. A float becomes a byte by one rule, sums are integers, and a result is
// rounded twice: as a float, and times its scale. So every level gives the same bits.
#pragma once
#include <cstdint>
#include <vector>

#include "abi/abi.h"
#include "base/machine.h"

namespace mlp::product {

constexpr std::int64_t int8_columns = 16, int8_depth = 4;  // of the blocks of mlp_int8_weights::values

// Bytes of a [k, n] matrix, row by row, in the order of mlp_int8_weights::values, zeros for what is missing.
std::vector<std::int8_t> pack_int8(const std::int8_t* weights, std::int64_t k, std::int64_t n);

mlp_int8_product int8_of(CpuLevel level);   // must not be above best_cpu_level()

#define MLP_INT8_PRODUCT(name) \
  void name(std::int64_t m, const float* a, std::int64_t a_row, std::int64_t a_col, const mlp_int8_weights* b, float* c, std::int64_t c_row, std::int32_t add)
MLP_INT8_PRODUCT(int8_portable);
#if defined(__x86_64__)
MLP_INT8_PRODUCT(int8_avx2);
MLP_INT8_PRODUCT(int8_vnni);
#endif

}  // namespace mlp::product
