#include "runtime/model/kernels.h"
#if defined(__x86_64__)
// The intrinsics of g++ 12 pass undefined registers on purpose and are warned about.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#define MLP_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,popcnt")))

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
    const auto next = [&](__m512d pivot) __attribute__((always_inline, target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,popcnt"))) {
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

MLP_AVX512 void look_up(const std::uint8_t* table, std::int32_t size, const std::uint8_t* codes, std::uint8_t* out) {
  const __m512i t0 = _mm512_loadu_si512(table), t1 = _mm512_loadu_si512(table + 64);
  const __m512i t2 = _mm512_loadu_si512(table + 128), t3 = _mm512_loadu_si512(table + 192);
  for (std::int64_t i = 0; i < block_rows; i += 64) {
    const __m512i code = _mm512_loadu_si512(codes + i);
    __m512i result;
    if (size <= 64)
      result = _mm512_permutexvar_epi8(code, t0);
    else if (size <= 128)
      result = _mm512_permutex2var_epi8(t0, code, t1);
    else
      result = _mm512_mask_blend_epi8(_mm512_movepi8_mask(code), _mm512_permutex2var_epi8(t0, code, t1), _mm512_permutex2var_epi8(t2, code, t3));
    _mm512_storeu_si512(out + i, result);
  }
}

MLP_AVX512 void descend(const ByteNode* nodes, std::int64_t count, const std::uint8_t* columns, std::uint8_t* leaf) {
  static_assert(block_rows == 256);
  __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
  for (std::int64_t n = 0; n < count; ++n) {
    const ByteNode node = nodes[n];
    const std::uint8_t* column = columns + node.column * block_rows;
    const __m512i threshold = _mm512_set1_epi8(static_cast<char>(node.threshold));
    const __m512i first = _mm512_set1_epi8(static_cast<char>(node.first)), right = _mm512_set1_epi8(static_cast<char>(node.first_right));
    const __mmask64 ma = _mm512_mask_cmpeq_epi8_mask(_mm512_cmpgt_epu8_mask(_mm512_loadu_si512(column), threshold), a, first);
    const __mmask64 mb = _mm512_mask_cmpeq_epi8_mask(_mm512_cmpgt_epu8_mask(_mm512_loadu_si512(column + 64), threshold), b, first);
    const __mmask64 mc = _mm512_mask_cmpeq_epi8_mask(_mm512_cmpgt_epu8_mask(_mm512_loadu_si512(column + 128), threshold), c, first);
    const __mmask64 md = _mm512_mask_cmpeq_epi8_mask(_mm512_cmpgt_epu8_mask(_mm512_loadu_si512(column + 192), threshold), d, first);
    a = _mm512_mask_mov_epi8(a, ma, right);
    b = _mm512_mask_mov_epi8(b, mb, right);
    c = _mm512_mask_mov_epi8(c, mc, right);
    d = _mm512_mask_mov_epi8(d, md, right);
  }
  _mm512_storeu_si512(leaf, a);
  _mm512_storeu_si512(leaf + 64, b);
  _mm512_storeu_si512(leaf + 128, c);
  _mm512_storeu_si512(leaf + 192, d);
}

MLP_AVX512 void add_leaves(const double* values, std::int32_t leaves, const std::uint8_t* leaf, double* sums) {
  if (leaves > 64) return portable_kernels().add_leaves(values, leaves, leaf, sums);
  __m512d t[8];
  for (int i = 0; i < 8; ++i) t[i] = _mm512_loadu_pd(values + 8 * i);
  const __m512i sixteen = _mm512_set1_epi64(16), thirty_two = _mm512_set1_epi64(32);
  for (std::int64_t i = 0; i < block_rows; i += 8) {
    const __m512i at = _mm512_cvtepu8_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(leaf + i)));
    __m512d v = _mm512_permutex2var_pd(t[0], at, t[1]);
    if (leaves > 16) {
      const __mmask8 bit4 = _mm512_test_epi64_mask(at, sixteen);
      v = _mm512_mask_blend_pd(bit4, v, _mm512_permutex2var_pd(t[2], at, t[3]));
      if (leaves > 32)
        v = _mm512_mask_blend_pd(_mm512_test_epi64_mask(at, thirty_two), v,
                                 _mm512_mask_blend_pd(bit4, _mm512_permutex2var_pd(t[4], at, t[5]), _mm512_permutex2var_pd(t[6], at, t[7])));
    }
    _mm512_storeu_pd(sums + i, _mm512_add_pd(_mm512_loadu_pd(sums + i), v));
  }
}

MLP_AVX512 void add_squares(const double* values, double centre, std::int64_t rows, double* sums) {
  for (std::int64_t i = 0; i < rows; ++i) sums[i] += (values[i] - centre) * (values[i] - centre);
}

}  // namespace

const Kernels& avx512_kernels() {
  static constexpr Kernels kernels{rank, look_up, descend, add_leaves, add_squares};
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
