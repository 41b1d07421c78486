#include "runtime/score/marks.h"

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

}  // namespace

Marker marker(CpuLevel level) {
#if defined(__x86_64__)
  if (level == CpuLevel::v4) return mark_avx512;
  if (level == CpuLevel::v3) return mark_avx2;
#endif
  (void)level;
  return mark_plain;
}

}  // namespace mlp::score
