#include "runtime/model/bits.h"
#if defined(__x86_64__)
// The intrinsics of g++ 12 pass undefined registers on purpose and are warned about.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#define MLP_AVX512_TARGET "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,popcnt,prefer-vector-width=512"
#define MLP_AVX512 __attribute__((target(MLP_AVX512_TARGET)))

namespace mlp::model {
namespace {

// Eight rows at a time down a search tree whose levels lie in registers.
template <int depth>
MLP_AVX512 void rank_in_registers(const RankTable& table, const double* values, std::int64_t rows, std::uint8_t* out) {
  const __m512d l0 = _mm512_set1_pd(table.levels[0][0]);
  const __m512d l1 = _mm512_loadu_pd(table.levels[1].data());
  const __m512d l2 = _mm512_loadu_pd(table.levels[2].data());
  const __m512d l3 = _mm512_loadu_pd(table.levels[3].data());
  __m512d l4[2] = {l0, l0}, l5[4] = {l0, l0, l0, l0};
  if (depth > 4)
    for (int i = 0; i < 2; ++i) l4[i] = _mm512_loadu_pd(table.levels[4].data() + 8 * i);
  if (depth > 5)
    for (int i = 0; i < 4; ++i) l5[i] = _mm512_loadu_pd(table.levels[5].data() + 8 * i);
  const __m512i one = _mm512_set1_epi64(1);
  for (std::int64_t i = 0; i < rows; i += 8) {
    const __mmask8 live = rows - i >= 8 ? 0xff : static_cast<__mmask8>((1u << (rows - i)) - 1);
    const __m512d v = _mm512_maskz_loadu_pd(live, values + i);
    __m512i at = _mm512_maskz_mov_epi64(_mm512_cmp_pd_mask(l0, v, _CMP_LT_OQ), one);
    const auto next = [&](__m512d pivot) __attribute__((always_inline, target(MLP_AVX512_TARGET))) {
      const __m512i twice = _mm512_add_epi64(at, at);
      at = _mm512_mask_add_epi64(twice, _mm512_cmp_pd_mask(pivot, v, _CMP_LT_OQ), twice, one);
    };
    next(_mm512_permutexvar_pd(at, l1));
    next(_mm512_permutexvar_pd(at, l2));
    next(_mm512_permutexvar_pd(at, l3));
    if (depth > 4) next(_mm512_permutex2var_pd(l4[0], at, l4[1]));
    if (depth > 5)
      next(_mm512_mask_blend_pd(_mm512_test_epi64_mask(at, _mm512_set1_epi64(16)), _mm512_permutex2var_pd(l5[0], at, l5[1]),
                                _mm512_permutex2var_pd(l5[2], at, l5[3])));
    _mm512_mask_cvtepi64_storeu_epi8(out + i, live, at);
  }
}

// Which sixteenth, then where in it, by counting compares.
MLP_AVX512 inline std::uint8_t rank_of(const double* fine, __m512d low, __m512d high, double value) {
  const __m512d v = _mm512_set1_pd(value);
  const int c = _mm_popcnt_u32(_mm512_kunpackb(_mm512_cmp_pd_mask(high, v, _CMP_LT_OQ), _mm512_cmp_pd_mask(low, v, _CMP_LT_OQ)));
  fine += 16 * c;  // the last threshold is +infinity, so c is at most 15
  const int f = _mm_popcnt_u32(_mm512_kunpackb(_mm512_cmp_pd_mask(_mm512_loadu_pd(fine + 8), v, _CMP_LT_OQ),
                                               _mm512_cmp_pd_mask(_mm512_loadu_pd(fine), v, _CMP_LT_OQ)));
  return static_cast<std::uint8_t>(16 * c + f);
}
MLP_AVX512 void rank_by_counting(const RankTable& table, const double* values, std::int64_t rows, std::uint8_t* out) {
  const __m512d low = _mm512_loadu_pd(table.coarse.data()), high = _mm512_loadu_pd(table.coarse.data() + 8);
  for (std::int64_t i = 0; i < rows; ++i) out[i] = rank_of(table.padded.data(), low, high, values[i]);
}

void rank(const RankTable& table, const double* values, std::int64_t rows, std::uint8_t* out) {
  switch (table.depth) {
    case 4: return rank_in_registers<4>(table, values, rows, out);
    case 5: return rank_in_registers<5>(table, values, rows, out);
    case 6: return rank_in_registers<6>(table, values, rows, out);
    default: return rank_by_counting(table, values, rows, out);
  }
}

// What 64 codes find in a table of 256 bytes, `size` of them in use.
MLP_AVX512 inline __m512i look_up_64(const std::uint8_t* table, std::int32_t size, __m512i codes) {
  const __m512i t0 = _mm512_loadu_si512(table);
  if (size <= 64) return _mm512_permutexvar_epi8(codes, t0);
  const __m512i low = _mm512_permutex2var_epi8(t0, codes, _mm512_loadu_si512(table + 64));
  if (size <= 128) return low;
  return _mm512_mask_blend_epi8(_mm512_movepi8_mask(codes), low, _mm512_permutex2var_epi8(_mm512_loadu_si512(table + 128), codes, _mm512_loadu_si512(table + 192)));
}

// Of row i of 64 the byte, where 16 rows lie in the lowest bytes of a register's words, the next 16 in the second ones, ….
alignas(64) constexpr std::uint8_t interleaved[64] = {0,  4,  8,  12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 1,  5,  9,  13, 17, 21, 25, 29, 33, 37, 41, 45, 49, 53, 57, 61,
                                                      2,  6,  10, 14, 18, 22, 26, 30, 34, 38, 42, 46, 50, 54, 58, 62, 3,  7,  11, 15, 19, 23, 27, 31, 35, 39, 43, 47, 51, 55, 59, 63};

// Sixteen rows at a time down a search tree whose levels lie in registers; the ways of 64 rows then become their ranks.
template <int depth>
MLP_AVX512 void rank_floats_in_registers(const FloatRanks& table, const float* values, std::int64_t rows, std::uint8_t* left, std::uint8_t* right) {
  const float* const levels = table.levels.data();
  const __m512 l0 = _mm512_loadu_ps(levels), l1 = _mm512_loadu_ps(levels + 16), l2 = _mm512_loadu_ps(levels + 32), l3 = _mm512_loadu_ps(levels + 48);
  __m512 l4 = l0, l5[2] = {l0, l0}, l6[4] = {l0, l0, l0, l0}, l7[8] = {l0, l0, l0, l0, l0, l0, l0, l0};
  if (depth > 4) l4 = _mm512_loadu_ps(levels + FloatRanks::level_at[4]);
  if (depth > 5)
    for (int i = 0; i < 2; ++i) l5[i] = _mm512_loadu_ps(levels + FloatRanks::level_at[5] + 16 * i);
  if (depth > 6)
    for (int i = 0; i < 4; ++i) l6[i] = _mm512_loadu_ps(levels + FloatRanks::level_at[6] + 16 * i);
  if (depth > 7)
    for (int i = 0; i < 8; ++i) l7[i] = _mm512_loadu_ps(levels + FloatRanks::level_at[7] + 16 * i);
  const __m512i ranks = _mm512_loadu_si512(table.rank_of_way.data()), byte_of_row = _mm512_loadu_si512(interleaved);
  constexpr int parts = 4;                         // of 16 rows, so that their waits overlap
  for (std::int64_t i = 0; i < rows; i += 64) {
    __m512 v[parts];
    __m512i way[parts];
    __mmask16 right5[parts], right6[parts];
    for (int p = 0; p < parts; ++p) {
      v[p] = _mm512_loadu_ps(values + i + 16 * p);
      way[p] = _mm512_maskz_mov_epi32(_mm512_cmp_ps_mask(l0, v[p], _CMP_LT_OQ), _mm512_set1_epi32(1));
    }
    for (int p = 0; p < parts; ++p) way[p] = _mm512_mask_or_epi32(way[p], _mm512_cmp_ps_mask(_mm512_permutexvar_ps(way[p], l1), v[p], _CMP_LT_OQ), way[p], _mm512_set1_epi32(2));
    for (int p = 0; p < parts; ++p) way[p] = _mm512_mask_or_epi32(way[p], _mm512_cmp_ps_mask(_mm512_permutexvar_ps(way[p], l2), v[p], _CMP_LT_OQ), way[p], _mm512_set1_epi32(4));
    for (int p = 0; p < parts; ++p) way[p] = _mm512_mask_or_epi32(way[p], _mm512_cmp_ps_mask(_mm512_permutexvar_ps(way[p], l3), v[p], _CMP_LT_OQ), way[p], _mm512_set1_epi32(8));
    if (depth > 4)
      for (int p = 0; p < parts; ++p) way[p] = _mm512_mask_or_epi32(way[p], _mm512_cmp_ps_mask(_mm512_permutexvar_ps(way[p], l4), v[p], _CMP_LT_OQ), way[p], _mm512_set1_epi32(16));
    if (depth > 5)
      for (int p = 0; p < parts; ++p) right5[p] = _mm512_cmp_ps_mask(_mm512_permutex2var_ps(l5[0], way[p], l5[1]), v[p], _CMP_LT_OQ);
    if (depth > 6)
      for (int p = 0; p < parts; ++p)
        right6[p] = _mm512_cmp_ps_mask(_mm512_mask_blend_ps(right5[p], _mm512_permutex2var_ps(l6[0], way[p], l6[1]), _mm512_permutex2var_ps(l6[2], way[p], l6[3])), v[p], _CMP_LT_OQ);
    if (depth > 7)
      for (int p = 0; p < parts; ++p) {
        const __m512 low = _mm512_mask_blend_ps(right5[p], _mm512_permutex2var_ps(l7[0], way[p], l7[1]), _mm512_permutex2var_ps(l7[2], way[p], l7[3]));
        const __m512 high = _mm512_mask_blend_ps(right5[p], _mm512_permutex2var_ps(l7[4], way[p], l7[5]), _mm512_permutex2var_ps(l7[6], way[p], l7[7]));
        way[p] = _mm512_mask_or_epi32(way[p], _mm512_cmp_ps_mask(_mm512_mask_blend_ps(right6[p], low, high), v[p], _CMP_LT_OQ), way[p], _mm512_set1_epi32(128));
      }
    if (depth > 5)
      for (int p = 0; p < parts; ++p) way[p] = _mm512_mask_or_epi32(way[p], right5[p], way[p], _mm512_set1_epi32(32));
    if (depth > 6)
      for (int p = 0; p < parts; ++p) way[p] = _mm512_mask_or_epi32(way[p], right6[p], way[p], _mm512_set1_epi32(64));
    __m512i bytes = _mm512_or_si512(_mm512_or_si512(way[0], _mm512_slli_epi32(way[1], 8)), _mm512_or_si512(_mm512_slli_epi32(way[2], 16), _mm512_slli_epi32(way[3], 24)));
    bytes = _mm512_permutexvar_epi8(byte_of_row, bytes);
    bytes = depth <= 6 ? _mm512_permutexvar_epi8(bytes, ranks) : look_up_64(table.rank_of_way.data(), depth == 7 ? 128 : 256, bytes);
    if (left) _mm512_storeu_si512(left + i, bytes);
    if (!right) continue;
    __mmask64 missing = 0;
    for (int p = 0; p < parts; ++p) missing |= static_cast<__mmask64>(_mm512_cmp_ps_mask(v[p], v[p], _CMP_UNORD_Q)) << (16 * p);
    _mm512_storeu_si512(right + i, _mm512_mask_mov_epi8(bytes, missing, _mm512_set1_epi8(-1)));
  }
}

MLP_AVX512 void rank_floats(const FloatRanks& table, const float* values, std::int64_t rows, std::uint8_t* left, std::uint8_t* right) {
  switch (table.depth) {
    case 4: return rank_floats_in_registers<4>(table, values, rows, left, right);
    case 5: return rank_floats_in_registers<5>(table, values, rows, left, right);
    case 6: return rank_floats_in_registers<6>(table, values, rows, left, right);
    case 7: return rank_floats_in_registers<7>(table, values, rows, left, right);
    default: return rank_floats_in_registers<8>(table, values, rows, left, right);
  }
}

// Sixteen rows by sixteen columns at a time.
MLP_AVX512 void turn(const float* rows, std::int64_t stride, std::int64_t count, std::int32_t columns, float* out) {
  constexpr std::int64_t ahead = 64;               // rows that are on their way from memory
  const auto live = static_cast<__mmask16>((1u << columns) - 1);
  for (std::int64_t first = 0; first < count; first += 16, out += 16) {
    __m512 a[16], b[16];
    for (int i = 0; i < 16; ++i) {
      const bool there = first + i < count;
      const float* const row = rows + (there ? first + i : 0) * stride;
      a[i] = _mm512_maskz_loadu_ps(there ? live : 0, row);
      _mm_prefetch(reinterpret_cast<const char*>(reinterpret_cast<std::uintptr_t>(row) + static_cast<std::uintptr_t>(ahead * stride) * sizeof(float)), _MM_HINT_T0);
    }
    for (int i = 0; i < 16; i += 2) {
      b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
      b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
    }
    const auto pairs = [&](__m512 low, __m512 high, bool upper) __attribute__((always_inline, target(MLP_AVX512_TARGET))) {
      const __m512d l = _mm512_castps_pd(low), h = _mm512_castps_pd(high);
      return _mm512_castpd_ps(upper ? _mm512_unpackhi_pd(l, h) : _mm512_unpacklo_pd(l, h));
    };
    for (int i = 0; i < 16; i += 4)                // a[i + c], quarter q: column 4q + c of rows i to i + 3
      for (int c = 0; c < 4; ++c) a[i + c] = pairs(b[i + c / 2], b[i + 2 + c / 2], c % 2);
    for (int c = 0; c < 4; ++c) {
      const __m512 even0 = _mm512_shuffle_f32x4(a[c], a[4 + c], 0x88), odd0 = _mm512_shuffle_f32x4(a[c], a[4 + c], 0xdd);
      const __m512 even8 = _mm512_shuffle_f32x4(a[8 + c], a[12 + c], 0x88), odd8 = _mm512_shuffle_f32x4(a[8 + c], a[12 + c], 0xdd);
      const __m512 turned[4] = {_mm512_shuffle_f32x4(even0, even8, 0x88), _mm512_shuffle_f32x4(odd0, odd8, 0x88), _mm512_shuffle_f32x4(even0, even8, 0xdd), _mm512_shuffle_f32x4(odd0, odd8, 0xdd)};
      for (int q = 0; q < 4; ++q)
        if (4 * q + c < columns) _mm512_storeu_ps(out + (4 * q + c) * block_rows, turned[q]);
    }
  }
}

MLP_AVX512 void look_up(const std::uint8_t* table, std::int32_t size, const std::uint8_t* codes, std::uint8_t* out) {
  for (std::int64_t i = 0; i < block_rows; i += 64) _mm512_storeu_si512(out + i, look_up_64(table, size, _mm512_loadu_si512(codes + i)));
}

template <std::int64_t used>                       // words of 64 rows, which stay in registers
MLP_AVX512 void compare_words(const std::uint8_t* column, const std::uint8_t* thresholds, std::int64_t count, std::int64_t words, std::uint64_t* bits) {
  __m512i rows[used];
  for (std::int64_t w = 0; w < used; ++w) rows[w] = _mm512_loadu_si512(column + 64 * w);
  for (std::int64_t t = 0; t < count; ++t, bits += words) {
    const __m512i threshold = _mm512_set1_epi8(static_cast<char>(thresholds[t]));
    for (std::int64_t w = 0; w < used; ++w) bits[w] = _cvtmask64_u64(_mm512_cmpgt_epu8_mask(rows[w], threshold));
  }
}
MLP_AVX512 void compare(const std::uint8_t* column, const std::uint8_t* thresholds, std::int64_t count, std::int64_t rows, std::uint64_t* bits) {
  const std::int64_t words = words_of(rows);
  if (rows > block_rows - 64) return compare_words<block_words>(column, thresholds, count, words, bits);
  for (std::int64_t w = 0; 64 * w < rows; ++w) compare_words<1>(column + 64 * w, thresholds, count, words, bits + w);
}

MLP_AVX512 void part(const BitNode* nodes, std::int64_t count, const std::uint64_t* bits, std::int64_t rows, std::uint64_t* at) { part_rows<8>(nodes, count, bits, rows, at); }

MLP_AVX512 void number(std::uint64_t* at, std::int32_t leaves, std::int64_t rows, std::uint8_t* leaf) {
  alignas(64) std::uint64_t planes[8][block_words];
  const int bits = planes_of<8>(at, leaves, rows, planes);
  for (std::int64_t w = 0; 64 * w < rows; ++w) {
    __m512i out = _mm512_setzero_si512();
    for (int b = 0; b < bits; ++b) out = _mm512_mask_add_epi8(out, _cvtu64_mask64(planes[b][w]), out, _mm512_set1_epi8(static_cast<char>(1 << b)));
    _mm512_storeu_si512(leaf + 64 * w, out);
  }
}

// Looks up the eight bytes of 64 values each in a table of its own, and puts them together.
template <int size>
MLP_AVX512 void add_from_bytes(const std::uint8_t* bytes, const std::uint8_t* leaf, std::int64_t rows, double* sums) {
  // The row whose leaf byte i holds, so that after three rounds of unpacking within quarters the rows are in order.
  alignas(64) static constexpr std::uint8_t places[64] = {0,  1,  8,  9,  16, 17, 24, 25, 32, 33, 40, 41, 48, 49, 56, 57, 2,  3,  10, 11, 18, 19, 26, 27, 34, 35, 42, 43, 50, 51, 58, 59,
                                                          4,  5,  12, 13, 20, 21, 28, 29, 36, 37, 44, 45, 52, 53, 60, 61, 6,  7,  14, 15, 22, 23, 30, 31, 38, 39, 46, 47, 54, 55, 62, 63};
  const __m512i place = _mm512_load_si512(places);
  const auto add = [&](double* to, __m512i values) __attribute__((always_inline, target(MLP_AVX512_TARGET))) {
    _mm512_storeu_pd(to, _mm512_add_pd(_mm512_loadu_pd(to), _mm512_castsi512_pd(values)));
  };
  for (std::int64_t i = 0; i < rows; i += 64, sums += 64) {
    const __m512i at = _mm512_permutexvar_epi8(place, _mm512_loadu_si512(leaf + i));
    __m512i b[8], halves[2][4];
    for (int k = 0; k < 8; ++k) b[k] = look_up_64(bytes + k * size, size, at);
    for (int k = 0; k < 4; ++k) {
      halves[0][k] = _mm512_unpacklo_epi8(b[2 * k], b[2 * k + 1]);
      halves[1][k] = _mm512_unpackhi_epi8(b[2 * k], b[2 * k + 1]);
    }
    for (int h = 0; h < 2; ++h) {
      const __m512i* const q = halves[h];
      const __m512i low0 = _mm512_unpacklo_epi16(q[0], q[1]), low1 = _mm512_unpackhi_epi16(q[0], q[1]), high0 = _mm512_unpacklo_epi16(q[2], q[3]), high1 = _mm512_unpackhi_epi16(q[2], q[3]);
      add(sums + 32 * h, _mm512_unpacklo_epi32(low0, high0));
      add(sums + 32 * h + 8, _mm512_unpackhi_epi32(low0, high0));
      add(sums + 32 * h + 16, _mm512_unpacklo_epi32(low1, high1));
      add(sums + 32 * h + 24, _mm512_unpackhi_epi32(low1, high1));
    }
  }
}
MLP_AVX512 void add_leaves(const LeafValues& values, const std::uint8_t* leaf, std::int64_t rows, double* sums) {
  switch (padded_leaves(values.leaves)) {
    case 64: return add_from_bytes<64>(values.bytes, leaf, rows, sums);
    case 128: return add_from_bytes<128>(values.bytes, leaf, rows, sums);
    default: return add_from_bytes<256>(values.bytes, leaf, rows, sums);
  }
}

MLP_AVX512 void sigmoids(const double* scores, std::int64_t rows, double* out) { sigmoids_of(scores, rows, out); }

MLP_AVX512 void add_squares(const double* values, double centre, std::int64_t rows, double* sums) {
  for (std::int64_t i = 0; i < rows; ++i) sums[i] += (values[i] - centre) * (values[i] - centre);
}

}  // namespace

const Kernels& avx512_kernels() {
  static constexpr Kernels kernels{rank, rank_floats, turn, look_up, compare, part, number, add_leaves, add_squares, sigmoids};
  return kernels;
}

MLP_AVX512 void rank_each(const RankTable* const* tables, const double* values, std::int64_t count, std::uint8_t* out) {
  for (std::int64_t i = 0; i < count; ++i) {
    const double* const coarse = tables[i]->coarse.data();
    out[i] = rank_of(tables[i]->padded.data(), _mm512_loadu_pd(coarse), _mm512_loadu_pd(coarse + 8), values[i]);
  }
}

MLP_AVX512 void descend_lanes(const Lanes& lanes, const std::uint8_t* bytes, const std::uint64_t* const* rights, std::uint8_t* leaf) {
  const __m512i low = _mm512_loadu_si512(bytes), high = _mm512_loadu_si512(bytes + 64);
  const std::size_t categories = lanes.categories.size();
  const Lanes::Position* node = lanes.nodes.data();
  std::int64_t number = 0;
  for (std::int32_t g = 0; g < lanes.groups; ++g) {
    __m512i at = _mm512_setzero_si512();
    for (std::int32_t p = 0; p < lanes.positions[g]; ++p, ++node, ++number) {
      const __m512i rank = _mm512_permutex2var_epi8(low, _mm512_loadu_si512(node->column), high);
      std::uint64_t go = _cvtmask64_u64(_mm512_cmpgt_epu8_mask(rank, _mm512_loadu_si512(node->threshold)));
      for (std::size_t c = 0; c < categories; ++c) go |= rights[c][number];
      const __mmask64 here = _mm512_mask_cmpeq_epi8_mask(_cvtu64_mask64(go), at, _mm512_loadu_si512(node->first));
      at = _mm512_mask_mov_epi8(at, here, _mm512_loadu_si512(node->first_right));
    }
    _mm512_storeu_si512(leaf + 64 * g, at);
  }
}

}  // namespace mlp::model
#endif
