#include "runtime/product/int8.h"
#if defined(__x86_64__)
#pragma GCC target("avx2")
#include <immintrin.h>

#include <cstring>

namespace mlp::product {
namespace {

// Bytes as words: sums of two products of bytes do not fit into the words that this level's instruction for bytes would give.
struct Vector {
  using Activation = std::uint16_t;
  static constexpr int rows = 2, blocks = 1;  // 8 sums, 4 of b and 1 of a in 16 registers
  static std::int64_t quantize(const float* from, std::int64_t count, float inverse, std::int32_t zero, Activation* to) {
    const __m256 scale = _mm256_set1_ps(inverse), low = _mm256_set1_ps(-512.0f), high = _mm256_set1_ps(512.0f);
    const __m256i start = _mm256_set1_epi32(zero), most = _mm256_set1_epi32(255);
    std::int64_t p = 0;
    for (; p + 8 <= count; p += 8) {
      const __m256 t = _mm256_min_ps(_mm256_max_ps(_mm256_mul_ps(_mm256_loadu_ps(from + p), scale), low), high);
      const __m256i nearest = _mm256_cvtps_epi32(_mm256_round_ps(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
      const __m256i at = _mm256_min_epi32(_mm256_max_epi32(_mm256_add_epi32(nearest, start), _mm256_setzero_si256()), most);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + p), _mm_packus_epi32(_mm256_castsi256_si128(at), _mm256_extracti128_si256(at, 1)));
    }
    return p;
  }
  template <int rows, int blocks>
  static void tile(std::int64_t groups, const Activation* a, std::int64_t a_row, const std::int8_t* b, std::int64_t, std::int32_t (*sums)[blocks * int8_columns]) {
    __m256i sum[rows][4];  // of 4 columns each, even and odd pairs of k beside each other
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 8
      for (int v = 0; v < 4; ++v) sum[i][v] = _mm256_setzero_si256();
    for (std::int64_t g = 0; g < groups; ++g) {
      __m256i right[4];
#pragma GCC unroll 8
      for (int v = 0; v < 4; ++v) right[v] = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b + g * 64 + v * 16)));
#pragma GCC unroll 8
      for (int i = 0; i < rows; ++i) {
        std::int64_t four;
        std::memcpy(&four, a + i * a_row + g * 4, sizeof four);
        const __m256i left = _mm256_set1_epi64x(four);
#pragma GCC unroll 8
        for (int v = 0; v < 4; ++v) sum[i][v] = _mm256_add_epi32(sum[i][v], _mm256_madd_epi16(left, right[v]));
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 8
      for (int v = 0; v < 4; v += 2)
        _mm256_store_si256(reinterpret_cast<__m256i*>(sums[i] + v * 4), _mm256_permute4x64_epi64(_mm256_hadd_epi32(sum[i][v], sum[i][v + 1]), 0xd8));
  }
};
#include "runtime/product/int8_blocked.h"

}  // namespace

MLP_PACKED_PRODUCT(int8_avx2) { Bytes<Vector>::run(m, a, a_row, a_col, static_cast<const Int8Weights*>(b), c, c_row, add != 0); }

}  // namespace mlp::product
#endif
