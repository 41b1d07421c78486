#pragma once
// Vectors of floats for blocked.h, and their rounding for bf16_floats.h, by AVX-512. Included once by each file of that level, inside of its own anonymous namespace and after its target pragma.

struct Vector {
  using Type = __m512;
  using Mask = __mmask16;
  static constexpr int lanes = 16, rows = avx512_tile.rows, vectors = avx512_tile.columns / lanes;  // 24 sums, 4 of b and 1 of a in 32 registers
  static Type zero() { return _mm512_setzero_ps(); }
  static Type load(const float* p) { return _mm512_loadu_ps(p); }
  static Type load(const float* p, Mask mask) { return _mm512_maskz_loadu_ps(mask, p); }
  static void store(float* p, Type v) { _mm512_storeu_ps(p, v); }
  static void store(float* p, Type v, Mask mask) { _mm512_mask_storeu_ps(p, mask, v); }
  static Type broadcast(float x) { return _mm512_set1_ps(x); }
  static Type fma(Type a, Type b, Type c) { return _mm512_fmadd_ps(a, b, c); }
  static void transpose(const float* from, std::int64_t from_row, float* to, std::int64_t to_row) {
    __m512 a[16], b[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) a[i] = _mm512_loadu_ps(from + i * from_row);
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {               // pairs of floats
      b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
      b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4)                 // fours: in part l of row i + c stand rows i..i+3 of column 4 l + c
#pragma GCC unroll 2
      for (int h = 0; h < 2; ++h) {
        const __m512d low = _mm512_castps_pd(b[i + h]), high = _mm512_castps_pd(b[i + 2 + h]);
        a[i + 2 * h] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
        a[i + 2 * h + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
      }
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) {
      const __m512 even_low = _mm512_shuffle_f32x4(a[c], a[4 + c], 0x88), odd_low = _mm512_shuffle_f32x4(a[c], a[4 + c], 0xdd);
      const __m512 even_high = _mm512_shuffle_f32x4(a[8 + c], a[12 + c], 0x88), odd_high = _mm512_shuffle_f32x4(a[8 + c], a[12 + c], 0xdd);
      _mm512_storeu_ps(to + c * to_row, _mm512_shuffle_f32x4(even_low, even_high, 0x88));
      _mm512_storeu_ps(to + (4 + c) * to_row, _mm512_shuffle_f32x4(odd_low, odd_high, 0x88));
      _mm512_storeu_ps(to + (8 + c) * to_row, _mm512_shuffle_f32x4(even_low, even_high, 0xdd));
      _mm512_storeu_ps(to + (12 + c) * to_row, _mm512_shuffle_f32x4(odd_low, odd_high, 0xdd));
    }
  }
  static Mask mask(std::int64_t count) { return static_cast<Mask>((1u << count) - 1); }
};

struct Rounding {
  struct Mode {
    Mode() { _mm_setcsr(before | 0x8040); }           // flush to zero, denormals are zero
    ~Mode() { _mm_setcsr(before); }
    const unsigned before = _mm_getcsr();
  };
  // to_bf16 of each number, in its upper half.
  static __m512i rounded(__m512 v) {
    const __m512i bits = _mm512_castps_si512(v);
    const __m512i even = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i out = _mm512_add_epi32(bits, _mm512_add_epi32(even, _mm512_set1_epi32(0x7fff)));
    out = _mm512_mask_or_epi32(out, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), bits, _mm512_set1_epi32(0x400000));
    return _mm512_mask_and_epi32(out, _mm512_testn_epi32_mask(bits, _mm512_set1_epi32(0x7f800000)), bits, _mm512_set1_epi32(static_cast<int>(0x80000000u)));
  }
  static __m512 round(__m512 v) { return _mm512_castsi512_ps(_mm512_and_si512(rounded(v), _mm512_set1_epi32(static_cast<int>(0xffff0000u)))); }
  static __m512 swap(__m512 v) { return _mm512_permute_ps(v, 0xb1); }
};
