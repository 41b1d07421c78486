#include "runtime/product/bf16.h"
#if defined(__x86_64__)
#pragma GCC target("avx2,fma")
#include <immintrin.h>

namespace mlp::product {
namespace {

#include "runtime/product/avx2_vector.h"

struct Rounded : Vector, Rounding {
  using Word = __m256i;
  static constexpr int rows = 4, steps = 2;           // more rows than that do not stay in 16 registers
  static Word words(const Pair* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  static Word broadcast(Pair pair) { return _mm256_set1_epi32(static_cast<int>(pair)); }
  static void store_word(Pair* p, Word w) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), w); }
  static Word pairs(const float* p) {
    const __m256i low = _mm256_srli_epi32(rounded(_mm256_loadu_ps(p)), 16), high = _mm256_srli_epi32(rounded(_mm256_loadu_ps(p + 8)), 16);
    return _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xd8);   // packs within halves
  }
  static Word pair(Type first, Type second) {
    return _mm256_or_si256(_mm256_srli_epi32(rounded(first), 16), _mm256_and_si256(rounded(second), _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
  }
  template <int step> static Type half(Word w) {
    return _mm256_castsi256_ps(step == 0 ? _mm256_and_si256(w, _mm256_set1_epi32(static_cast<int>(0xffff0000u))) : _mm256_slli_epi32(w, 16));
  }
  static Type multiply(Type left, Type right, Type sum) { return _mm256_fmadd_ps(left, right, sum); }
};
#include "runtime/product/bf16_blocked.h"

}  // namespace

MLP_PACKED_PRODUCT(bf16_packed_avx2) { Pairs<Rounded>::run(m, a, a_row, a_col, *static_cast<const PairWeights*>(b), c, c_row, add != 0); }

}  // namespace mlp::product
#endif
