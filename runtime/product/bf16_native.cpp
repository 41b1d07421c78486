#include "runtime/product/bf16.h"
#if defined(__x86_64__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 says so of its own intrinsics
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,fma")
#include <immintrin.h>

namespace mlp::product {
namespace {

#include "runtime/product/avx512_vector.h"

struct Rounded : Vector {
  struct Mode {};                                     // the instructions of bfloat16 know no denormal numbers
  using Word = __m512i;
  static constexpr int steps = 1;
  static Word words(const Pair* p) { return _mm512_loadu_si512(p); }
  static Word broadcast(Pair pair) { return _mm512_set1_epi32(static_cast<int>(pair)); }
  static void store_word(Pair* p, Word w) { _mm512_storeu_si512(p, w); }
  static Word pairs(const float* p) { return (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(p + 16), _mm512_loadu_ps(p)); }
  static Word pair(Type first, Type second) {
    const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(first)), high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(second));
    return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
  }
  template <int step> static Word half(Word w) { return w; }
  static Type multiply(Word left, Word right, Type sum) { return _mm512_dpbf16_ps(sum, (__m512bh)left, (__m512bh)right); }
};
#include "runtime/product/bf16_blocked.h"

}  // namespace

MLP_PRODUCT(bf16_native) { Pairs<Rounded>::run(m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, add != 0); }
MLP_PACKED_PRODUCT(bf16_packed_native) { Pairs<Rounded>::run(m, a, a_row, a_col, *static_cast<const PairWeights*>(b), c, c_row, add != 0); }

}  // namespace mlp::product
#endif
