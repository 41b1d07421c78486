#include "runtime/product/bf16.h"
#if defined(__x86_64__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 says so of its own intrinsics
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,fma")
#include <immintrin.h>

namespace mlp::product {
namespace {

#include "runtime/product/avx512_vector.h"
#include "runtime/product/blocked.h"
#include "runtime/product/bf16_floats.h"

}  // namespace

MLP_PRODUCT(avx512) { Blocked<Vector>::run(m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, add != 0); }
MLP_PRODUCT(bf16_avx512) { Floats<Vector, Rounding>::run(m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, add != 0); }

}  // namespace mlp::product
#endif
