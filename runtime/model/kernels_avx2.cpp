#include "runtime/model/kernels.h"
#if defined(__x86_64__)
#include <immintrin.h>

#define MLP_AVX2 __attribute__((target("avx2")))

namespace mlp::model {
namespace {

MLP_AVX2 void look_up(const std::uint8_t* table, std::int32_t size, const std::uint8_t* codes, std::uint8_t* out) {
  if (size > 64) {
    for (std::int64_t i = 0; i < block_rows; ++i) out[i] = table[codes[i]];
    return;
  }
  const std::int32_t parts = (size + 15) / 16;
  for (std::int64_t i = 0; i < block_rows; i += 32) {
    const __m256i code = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes + i));
    __m256i result = _mm256_setzero_si256();
    for (std::int32_t p = 0; p < parts; ++p) {
      // Codes of this sixteenth become 0x70..0x7f, all others have the top bit set, for which a shuffle gives 0.
      const __m256i index = _mm256_adds_epu8(_mm256_sub_epi8(code, _mm256_set1_epi8(static_cast<char>(16 * p))), _mm256_set1_epi8(0x70));
      const __m256i part = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table + 16 * p)));
      result = _mm256_or_si256(result, _mm256_shuffle_epi8(part, index));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), result);
  }
}

MLP_AVX2 void descend(const ByteNode* nodes, std::int64_t count, const std::uint8_t* columns, std::uint8_t* leaf) {
  constexpr int registers = 4;
  for (std::int64_t start = 0; start < block_rows; start += registers * 32) {
    __m256i at[registers] = {};
    for (std::int64_t n = 0; n < count; ++n) {
      const ByteNode node = nodes[n];
      const __m256i* column = reinterpret_cast<const __m256i*>(columns + node.column * block_rows + start);
      const __m256i above = _mm256_set1_epi8(static_cast<char>(node.threshold + 1));
      const __m256i first = _mm256_set1_epi8(static_cast<char>(node.first)), right = _mm256_set1_epi8(static_cast<char>(node.first_right));
      for (int r = 0; r < registers; ++r) {
        const __m256i rank = _mm256_loadu_si256(column + r);
        const __m256i go = _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_max_epu8(rank, above), rank), _mm256_cmpeq_epi8(at[r], first));
        at[r] = _mm256_blendv_epi8(at[r], right, go);
      }
    }
    for (int r = 0; r < registers; ++r) _mm256_storeu_si256(reinterpret_cast<__m256i*>(leaf + start) + r, at[r]);
  }
}

MLP_AVX2 void add_squares(const double* values, double centre, std::int64_t rows, double* sums) {
  for (std::int64_t i = 0; i < rows; ++i) sums[i] += (values[i] - centre) * (values[i] - centre);
}

}  // namespace

const Kernels& avx2_kernels() {
  static const Kernels kernels{portable_kernels().rank, look_up, descend, portable_kernels().add_leaves, add_squares};
  return kernels;
}

}  // namespace mlp::model
#endif
