#include "runtime/score/marks.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mlp::score {
namespace {

void mark_plain(const char* bytes, std::size_t words, char delimiter, std::uint64_t* marks) {
  for (std::size_t w = 0; w < words; ++w, bytes += 64) {
    std::uint64_t word = 0;
    for (int i = 0; i < 64; ++i) {
      const char c = bytes[i];
      word |= static_cast<std::uint64_t>((c == delimiter) | (c == '"') | (c == '\n') | (c == '\r')) << i;
    }
    marks[w] = word;
  }
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) void mark_avx2(const char* bytes, std::size_t words, char delimiter, std::uint64_t* marks) {
  const __m256i d = _mm256_set1_epi8(delimiter), q = _mm256_set1_epi8('"'), lf = _mm256_set1_epi8('\n'), cr = _mm256_set1_epi8('\r');
  for (std::size_t w = 0; w < words; ++w, bytes += 64) {
    std::uint64_t word = 0;
    for (int half = 0; half < 2; ++half) {
      const __m256i c = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes + 32 * half));
      const __m256i any = _mm256_or_si256(_mm256_or_si256(_mm256_cmpeq_epi8(c, d), _mm256_cmpeq_epi8(c, q)), _mm256_or_si256(_mm256_cmpeq_epi8(c, lf), _mm256_cmpeq_epi8(c, cr)));
      word |= static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm256_movemask_epi8(any))) << (32 * half);
    }
    marks[w] = word;
  }
}
__attribute__((target("avx512f,avx512bw"))) void mark_avx512(const char* bytes, std::size_t words, char delimiter, std::uint64_t* marks) {
  const __m512i d = _mm512_set1_epi8(delimiter), q = _mm512_set1_epi8('"'), lf = _mm512_set1_epi8('\n'), cr = _mm512_set1_epi8('\r');
  for (std::size_t w = 0; w < words; ++w, bytes += 64) {
    const __m512i c = _mm512_loadu_si512(bytes);
    marks[w] = _mm512_cmpeq_epi8_mask(c, d) | _mm512_cmpeq_epi8_mask(c, q) | _mm512_cmpeq_epi8_mask(c, lf) | _mm512_cmpeq_epi8_mask(c, cr);
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
