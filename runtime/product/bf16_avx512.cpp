#include "runtime/product/bf16.h"
#if defined(__x86_64__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 says so of its own intrinsics
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,fma")
#include <immintrin.h>

namespace mlp::product {
namespace {

#include "runtime/product/avx512_vector.h"

struct Rounded : Vector, Rounding {
  using Word = __m512i;
  static constexpr int steps = 2;
  static Word words(const Pair* p) { return _mm512_loadu_si512(p); }
  static Word broadcast(Pair pair) { return _mm512_set1_epi32(static_cast<int>(pair)); }
  static void store_word(Pair* p, Word w) { _mm512_storeu_si512(p, w); }
  static Word pairs(const float* p) {
    const __m256i low = _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded(_mm512_loadu_ps(p)), 16)), high = _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded(_mm512_loadu_ps(p + 16)), 16));
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
  static Word pair(Type first, Type second) {
    return _mm512_or_si512(_mm512_srli_epi32(rounded(first), 16), _mm512_and_si512(rounded(second), _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
  }
  template <int step> static Type half(Word w) {
    return _mm512_castsi512_ps(step == 0 ? _mm512_and_si512(w, _mm512_set1_epi32(static_cast<int>(0xffff0000u))) : _mm512_slli_epi32(w, 16));
  }
  static Type multiply(Type left, Type right, Type sum) { return _mm512_fmadd_ps(left, right, sum); }
};
#include "runtime/product/bf16_blocked.h"

}  // namespace

MLP_PACKED_PRODUCT(bf16_packed_avx512) { Pairs<Rounded>::run(m, a, a_row, a_col, *static_cast<const PairWeights*>(b), c, c_row, add != 0); }

}  // namespace mlp::product
#endif
