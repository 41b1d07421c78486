#include "runtime/score/marks.h"

#include <bit>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mlp::score {
namespace {

void mark_plain(const char* bytes, std::size_t words, char delimiter, Marks* marks) {
  for (std::size_t w = 0; w < words; ++w, bytes += 64) {
    Marks word;
    for (int i = 0; i < 64; ++i) {
      const char c = bytes[i];
      word.quotes |= static_cast<std::uint64_t>(c == '"') << i;
      word.delimiters |= static_cast<std::uint64_t>(c == delimiter) << i;
      word.line_ends |= static_cast<std::uint64_t>((c == '\n') | (c == '\r')) << i;
    }
    marks[w] = word;
  }
}

#if defined(__x86_64__)
#define MLP_AVX2 __attribute__((target("avx2")))
MLP_AVX2 inline std::uint64_t mask_of(__m256i low, __m256i high) {
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(low)) | static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm256_movemask_epi8(high))) << 32;
}
MLP_AVX2 void mark_avx2(const char* bytes, std::size_t words, char delimiter, Marks* marks) {
  const __m256i d = _mm256_set1_epi8(delimiter), q = _mm256_set1_epi8('"'), lf = _mm256_set1_epi8('\n'), cr = _mm256_set1_epi8('\r');
  for (std::size_t w = 0; w < words; ++w, bytes += 64) {
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes)), high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes + 32));
    marks[w] = {mask_of(_mm256_cmpeq_epi8(low, q), _mm256_cmpeq_epi8(high, q)), mask_of(_mm256_cmpeq_epi8(low, d), _mm256_cmpeq_epi8(high, d)),
                mask_of(_mm256_or_si256(_mm256_cmpeq_epi8(low, lf), _mm256_cmpeq_epi8(low, cr)), _mm256_or_si256(_mm256_cmpeq_epi8(high, lf), _mm256_cmpeq_epi8(high, cr)))};
  }
}
__attribute__((target("avx512f,avx512bw"))) void mark_avx512(const char* bytes, std::size_t words, char delimiter, Marks* marks) {
  const __m512i d = _mm512_set1_epi8(delimiter), q = _mm512_set1_epi8('"'), lf = _mm512_set1_epi8('\n'), cr = _mm512_set1_epi8('\r');
  for (std::size_t w = 0; w < words; ++w, bytes += 64) {
    const __m512i c = _mm512_loadu_si512(bytes);
    marks[w] = {_mm512_cmpeq_epi8_mask(c, q), _mm512_cmpeq_epi8_mask(c, d), _mm512_cmpeq_epi8_mask(c, lf) | _mm512_cmpeq_epi8_mask(c, cr)};
  }
}
#endif

std::uint32_t* places_plain(const std::uint64_t* words, std::size_t count, std::uint32_t base, std::uint32_t* out) {
  for (std::size_t w = 0; w < count; ++w, base += 64)
    for (std::uint64_t bits = words[w]; bits != 0; bits &= bits - 1) *out++ = base + static_cast<std::uint32_t>(std::countr_zero(bits));
  return out;
}

#if defined(__x86_64__)
// The bytes that say 0 to 63 where a bit is, moved together, sixteen at a time.
__attribute__((target("avx512f,avx512bw,avx512vbmi2,popcnt"))) std::uint32_t* places_avx512(const std::uint64_t* words, std::size_t count, std::uint32_t base, std::uint32_t* out) {
  const __m512i numbers = _mm512_set_epi64(0x3f3e3d3c3b3a3938, 0x3736353433323130, 0x2f2e2d2c2b2a2928, 0x2726252423222120, 0x1f1e1d1c1b1a1918, 0x1716151413121110, 0x0f0e0d0c0b0a0908, 0x0706050403020100);
  for (std::size_t w = 0; w < count; ++w, base += 64) {
    const int n = __builtin_popcountll(words[w]);
    const __m512i places = _mm512_maskz_compress_epi8(words[w], numbers), add = _mm512_set1_epi32(static_cast<int>(base));
    _mm512_storeu_si512(out, _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(places)), add));
    if (n > 16) {
      _mm512_storeu_si512(out + 16, _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(places, 1)), add));
      _mm512_storeu_si512(out + 32, _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(places, 2)), add));
      _mm512_storeu_si512(out + 48, _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(places, 3)), add));
    }
    out += n;
  }
  return out;
}
#endif

}  // namespace

Placer placer(CpuLevel level) {
#if defined(__x86_64__)
  if (level == CpuLevel::v4 && __builtin_cpu_supports("avx512vbmi2")) return places_avx512;
#endif
  (void)level;
  return places_plain;
}

Marker marker(CpuLevel level) {
#if defined(__x86_64__)
  if (level == CpuLevel::v4) return mark_avx512;
  if (level == CpuLevel::v3) return mark_avx2;
#endif
  (void)level;
  return mark_plain;
}

}  // namespace mlp::score
