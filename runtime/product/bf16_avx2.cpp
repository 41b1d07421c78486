#include "runtime/product/bf16.h"
#if defined(__x86_64__)
#pragma GCC target("avx2,fma")
#include <immintrin.h>

namespace mlp::product {
namespace {

#include "runtime/product/avx2_vector.h"

struct Rounded : Vector {
  struct Mode {
    Mode() { _mm_setcsr(before | 0x8040); }           // flush to zero, denormals are zero
    ~Mode() { _mm_setcsr(before); }
    const unsigned before = _mm_getcsr();
  };
  using Word = __m256i;
  static constexpr int rows = 4, steps = 2;           // more rows than that do not stay in 16 registers
  static Word words(const Pair* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  static Word broadcast(Pair pair) { return _mm256_set1_epi32(static_cast<int>(pair)); }
  static void store_word(Pair* p, Word w) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), w); }
  // to_bf16 of each number, in its upper half.
  static Word rounded(Type v) {
    const __m256i bits = _mm256_castps_si256(v), exponent = _mm256_and_si256(bits, _mm256_set1_epi32(0x7f800000));
    const __m256i even = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i near = _mm256_add_epi32(bits, _mm256_add_epi32(even, _mm256_set1_epi32(0x7fff)));
    const __m256i number = _mm256_blendv_epi8(near, _mm256_or_si256(bits, _mm256_set1_epi32(0x400000)), _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q)));
    return _mm256_blendv_epi8(number, _mm256_and_si256(bits, _mm256_set1_epi32(static_cast<int>(0x80000000u))), _mm256_cmpeq_epi32(exponent, _mm256_setzero_si256()));
  }
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
  static Type round(Type v) { return half<0>(rounded(v)); }
  static Type swap(Type v) { return _mm256_permute_ps(v, 0xb1); }
};
#include "runtime/product/bf16_blocked.h"
#include "runtime/product/blocked.h"
#include "runtime/product/bf16_floats.h"

}  // namespace

MLP_PRODUCT(bf16_avx2) { Floats<Vector, Rounded>::run(m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, add != 0); }
MLP_PACKED_PRODUCT(bf16_packed_avx2) { Pairs<Rounded>::run(m, a, a_row, a_col, *static_cast<const PairWeights*>(b), c, c_row, add != 0); }

}  // namespace mlp::product
#endif
