#include "runtime/product/int8.h"
#if defined(__x86_64__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 says so of its own intrinsics
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,avx512vnni")
#include <immintrin.h>

#include <cstring>

namespace mlp::product {
namespace {

struct Vector {
  using Activation = std::uint8_t;
  static constexpr int rows = 6, blocks = 4;  // 24 sums, 4 of b and 1 of a in 32 registers
  static std::int64_t quantize(const float* from, std::int64_t count, float inverse, std::int32_t zero, Activation* to) {
    const __m512 scale = _mm512_set1_ps(inverse), low = _mm512_set1_ps(-512.0f), high = _mm512_set1_ps(512.0f);
    const __m512i start = _mm512_set1_epi32(zero);
    std::int64_t p = 0;
    for (; p + 16 <= count; p += 16) {
      const __m512 t = _mm512_min_ps(_mm512_max_ps(_mm512_mul_ps(_mm512_loadu_ps(from + p), scale), low), high);
      const __m512i at = _mm512_max_epi32(_mm512_add_epi32(_mm512_cvt_roundps_epi32(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), start), _mm512_setzero_si512());
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + p), _mm512_cvtusepi32_epi8(at));
    }
    return p;
  }
  template <int rows, int blocks>
  static void tile(std::int64_t groups, const Activation* a, std::int64_t a_row, const std::int8_t* b, std::int64_t block, std::int32_t (*sums)[blocks * int8_columns]) {
    __m512i sum[rows][blocks];
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 8
      for (int v = 0; v < blocks; ++v) sum[i][v] = _mm512_setzero_si512();
    for (std::int64_t g = 0; g < groups; ++g) {
      __m512i right[blocks];
#pragma GCC unroll 8
      for (int v = 0; v < blocks; ++v) right[v] = _mm512_loadu_si512(b + v * block + g * 64);
#pragma GCC unroll 8
      for (int i = 0; i < rows; ++i) {
        std::int32_t four;
        std::memcpy(&four, a + i * a_row + g * 4, sizeof four);
        const __m512i left = _mm512_set1_epi32(four);
#pragma GCC unroll 8
        for (int v = 0; v < blocks; ++v) sum[i][v] = _mm512_dpbusd_epi32(sum[i][v], left, right[v]);
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 8
      for (int v = 0; v < blocks; ++v) _mm512_store_si512(sums[i] + v * int8_columns, sum[i][v]);
  }
};
#include "runtime/product/int8_blocked.h"

}  // namespace

MLP_PACKED_PRODUCT(int8_vnni) { Bytes<Vector>::run(m, a, a_row, a_col, static_cast<const Int8Weights*>(b), c, c_row, add != 0); }

}  // namespace mlp::product
#endif
