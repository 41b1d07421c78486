// Products of matrices of floats, by instruction-set level; every level gives the same bits.
#pragma once
#include <cstdint>

#include "abi/abi.h"
#include "base/machine.h"

namespace mlp::product {

mlp_product of(CpuLevel level);   // must not be above best_cpu_level()
inline mlp_product best() { return of(best_cpu_level()); }

// What `of` chooses from. Strides as in abi/abi.h.
#define MLP_PRODUCT(name) \
  void name(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t a_row, std::int64_t a_col, const float* b, std::int64_t b_row, \
            std::int64_t b_col, float* c, std::int64_t c_row, std::int32_t add)
MLP_PRODUCT(portable);
#if defined(__x86_64__)
MLP_PRODUCT(avx2);
MLP_PRODUCT(avx512);
#endif

}  // namespace mlp::product
