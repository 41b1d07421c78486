#include "runtime/model/bits.h"
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

MLP_AVX2 void compare(const std::uint8_t* column, const std::uint8_t* thresholds, std::int64_t count, std::int64_t rows, std::uint64_t* bits) {
  const std::int64_t words = words_of(rows);
  for (std::int64_t t = 0; t < count; ++t) {
    const __m256i threshold = _mm256_set1_epi8(static_cast<char>(thresholds[t]));
    for (std::int64_t first = 0; first < rows; first += 64) {
      std::uint64_t at_most[2];
      for (int h = 0; h < 2; ++h) {
        const __m256i rank = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(column + first) + h);
        at_most[h] = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_max_epu8(rank, threshold), threshold)));
      }
      bits[t * words + first / 64] = ~(at_most[0] | at_most[1] << 32);
    }
  }
}

MLP_AVX2 void part(const BitNode* nodes, std::int64_t count, const std::uint64_t* bits, std::int64_t rows, std::uint64_t* at) { part_rows<4>(nodes, count, bits, rows, at); }

MLP_AVX2 void number(std::uint64_t* at, std::int32_t leaves, std::int64_t rows, std::uint8_t* leaf) {
  alignas(64) std::uint64_t planes[8][block_words];
  const int bits = planes_of<4>(at, leaves, rows, planes);
  // Byte i / 8 of 32 bits into byte i, then its bit i % 8.
  const __m256i byte = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303), bit = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201));
  for (std::int64_t i = 0; i < (rows + 63) / 64 * 64; i += 32) {
    __m256i out = _mm256_setzero_si256();
    for (int b = 0; b < bits; ++b) {
      const __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int>(planes[b][i / 64] >> (i % 64))), byte);
      out = _mm256_or_si256(out, _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit), _mm256_set1_epi8(static_cast<char>(1 << b))));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(leaf + i), out);
  }
}

MLP_AVX2 void sigmoids(const double* scores, std::int64_t rows, double* out) { sigmoids_of(scores, rows, out); }

MLP_AVX2 void add_squares(const double* values, double centre, std::int64_t rows, double* sums) {
  for (std::int64_t i = 0; i < rows; ++i) sums[i] += (values[i] - centre) * (values[i] - centre);
}

}  // namespace

const Kernels& avx2_kernels() {
  static const Kernels& plain = portable_kernels();
  static const Kernels kernels{plain.rank, plain.rank_floats, plain.turn, look_up, compare, part, number, plain.add_leaves, add_squares, sigmoids};
  return kernels;
}

}  // namespace mlp::model
#endif
