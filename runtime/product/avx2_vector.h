#pragma once
// Vectors of floats for blocked.h, and their rounding for bf16_floats.h, by AVX2. Included once by each file of that level, inside of its own anonymous namespace and after its target pragma.

struct Vector {
  using Type = __m256;
  using Mask = __m256i;
  static constexpr int lanes = 8, rows = avx2_tile.rows, vectors = avx2_tile.columns / lanes;  // 12 sums, 2 of b and 1 of a in 16 registers
  static Type zero() { return _mm256_setzero_ps(); }
  static Type load(const float* p) { return _mm256_loadu_ps(p); }
  static Type load(const float* p, Mask mask) { return _mm256_maskload_ps(p, mask); }
  static void store(float* p, Type v) { _mm256_storeu_ps(p, v); }
  static void store(float* p, Type v, Mask mask) { _mm256_maskstore_ps(p, mask, v); }
  static Type broadcast(float x) { return _mm256_set1_ps(x); }
  static Type fma(Type a, Type b, Type c) { return _mm256_fmadd_ps(a, b, c); }
  static void transpose(const float* from, std::int64_t from_row, float* to, std::int64_t to_row) {
    __m256 a[8], b[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) a[i] = _mm256_loadu_ps(from + i * from_row);
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
      b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
      b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 8; i += 4)
#pragma GCC unroll 2
      for (int h = 0; h < 2; ++h) {
        const __m256d low = _mm256_castps_pd(b[i + h]), high = _mm256_castps_pd(b[i + 2 + h]);
        a[i + 2 * h] = _mm256_castpd_ps(_mm256_unpacklo_pd(low, high));
        a[i + 2 * h + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low, high));
      }
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) {
      _mm256_storeu_ps(to + c * to_row, _mm256_permute2f128_ps(a[c], a[4 + c], 0x20));
      _mm256_storeu_ps(to + (4 + c) * to_row, _mm256_permute2f128_ps(a[c], a[4 + c], 0x31));
    }
  }
  static Mask mask(std::int64_t count) { return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)); }
};

struct Rounding {
  struct Mode {
    Mode() { _mm_setcsr(before | 0x8040); }           // flush to zero, denormals are zero
    ~Mode() { _mm_setcsr(before); }
    const unsigned before = _mm_getcsr();
  };
  // to_bf16 of each number, in its upper half.
  static __m256i rounded(__m256 v) {
    const __m256i bits = _mm256_castps_si256(v), exponent = _mm256_and_si256(bits, _mm256_set1_epi32(0x7f800000));
    const __m256i even = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i near = _mm256_add_epi32(bits, _mm256_add_epi32(even, _mm256_set1_epi32(0x7fff)));
    const __m256i number = _mm256_blendv_epi8(near, _mm256_or_si256(bits, _mm256_set1_epi32(0x400000)), _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q)));
    return _mm256_blendv_epi8(number, _mm256_and_si256(bits, _mm256_set1_epi32(static_cast<int>(0x80000000u))), _mm256_cmpeq_epi32(exponent, _mm256_setzero_si256()));
  }
  static __m256 round(__m256 v) { return _mm256_castsi256_ps(_mm256_and_si256(rounded(v), _mm256_set1_epi32(static_cast<int>(0xffff0000u)))); }
  static __m256 swap(__m256 v) { return _mm256_permute_ps(v, 0xb1); }
};
