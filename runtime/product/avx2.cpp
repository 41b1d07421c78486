#include "runtime/product/bf16.h"
#if defined(__x86_64__)
#pragma GCC target("avx2,fma")
#include <immintrin.h>

namespace mlp::product {
namespace {

#include "runtime/product/avx2_vector.h"
#include "runtime/product/blocked.h"
#include "runtime/product/bf16_floats.h"

}  // namespace

MLP_PRODUCT(avx2) { Blocked<Vector>::run(m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, add != 0); }
MLP_PRODUCT(bf16_avx2) { Floats<Vector, Rounding>::run(m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, add != 0); }

}  // namespace mlp::product
#endif
