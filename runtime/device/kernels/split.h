// A matrix of floats as the sum of two that tensor cores multiply without loss: `high` has the 11 leading bits of each number
// (TF32, rounded to nearest), `low` what is left. a b = low high + high low + high high, but for low low, which is below float32.
// Laid one behind the other along k, [low high high] by [high low high], that is one product of three times the length.
// What is not finite has low 0. On the GPU numbers above 2^127 may overflow: tensor cores line sums up above them.
// Or `high` is the number rounded to bfloat16, of two bytes or as a float, and there is no low.
// Both factors of a product in one launch. A block copies 4096 numbers: four rows where they have 1024, more of shorter ones.
#pragma once
#include "runtime/device/kernels/round.h"

namespace mlp::device {

// Rows of numbers that lie side by side, as rows of a copy that are longer, and may be more of them: what was not there is 0.
struct CopySide {
  const float* from;
  void *high, *low, *again;                        // at 16 bytes; again: high once more, or nullptr
  int64_t count, rows, columns, from_row, from_step, to_rows, to_columns, to_row, to_step;  // steps from one of `count` to the next; to_columns, to_row, to_step: multiples of 8
};
struct CopySides {
  CopySide a, b;
};

enum class CopyAs { two_of_tf32, bf16, rounded_floats };

template <CopyAs as>
struct CopyKernel {
  using Call = CopySides;
  struct Shared {};
  struct State {};
  typedef float Four __attribute__((vector_size(16), may_alias));
  typedef uint16_t FourHalves __attribute__((vector_size(8), may_alias));
  static constexpr int each = 4, fours_of_block = threads * each;

  // A row has 2^bits neighbouring threads, a thread `each` rows; fours: of numbers, 2 or more.
  static int bits(int64_t fours) {
    constexpr int most = 31 - __builtin_clz(threads);
    const int enough = fours >= threads ? most : 32 - __builtin_clz(static_cast<uint32_t>(fours) - 1);
    return enough < most ? enough : most;
  }
  struct Tiles {
    uint32_t down, across;                         // of one matrix
  };
  static Tiles tiles(const CopySide& s, int bits) {
    const int down_bits = 31 - __builtin_clz(fours_of_block) - bits;
    return {static_cast<uint32_t>((s.to_rows + (1 << down_bits) - 1) >> down_bits), static_cast<uint32_t>((s.to_columns / 4 + (1 << bits) - 1) >> bits)};
  }
  static int64_t blocks_of(const CopySide& s) {
    const Tiles t = tiles(s, bits(s.to_columns / 4));
    return s.count * t.down * t.across;
  }
  static int64_t blocks(const Call& call) { return blocks_of(call.a) + blocks_of(call.b); }

  static int64_t steps(const Call&, int64_t) { return 0; }
  static void begin(const Call&, int64_t, int, State&) {}
  static void load(const Call&, int64_t, int, int64_t, Shared&, State&) {}
  static void use(const Call&, int64_t, int, int64_t, const Shared&, State&) {}

  // No branches: four numbers are split beside each other.
  static float high_of(float v) {
    uint32_t bits;
    __builtin_memcpy(&bits, &v, 4);
    const uint32_t rounded = bits + 0xfffu + (bits >> 13 & 1u);
    // To the nearest even; cut instead of rounded where that would give infinity; what is not finite stays.
    const uint32_t up = ((rounded & 0x7fffffffu) >= 0x7f800000u ? bits : rounded) & ~0x1fffu;
    const uint32_t out = (bits & 0x7fffffffu) >= 0x7f800000u ? bits : up;
    float high;
    __builtin_memcpy(&high, &out, 4);
    return high;
  }
  static float low_of(float v, float high) {
    const float rest = v - high;
    return rest == rest ? rest : 0;
  }

  __attribute__((always_inline)) static void end(const Call& call, int64_t block, int thread, const State&) {
    const int64_t of_a = blocks_of(call.a);
    const CopySide s = block < of_a ? call.a : call.b;
    copy(s, static_cast<uint32_t>(block < of_a ? block : block - of_a), thread);
  }
  __attribute__((always_inline)) static void copy(const CopySide& s, uint32_t block, int thread) {
    const int across = bits(s.to_columns / 4);
    const uint32_t rows_apart = static_cast<uint32_t>(threads) >> across;
    const Tiles t = tiles(s, across);
    const uint32_t tile = block / t.across, matrix = tile / t.down;
    // Sides are below 2^31 (by_columns), so that places fit 32 bits.
    const auto rows = static_cast<uint32_t>(s.rows), columns = static_cast<uint32_t>(s.columns), to_rows = static_cast<uint32_t>(s.to_rows);
    const uint32_t column = 4 * ((block % t.across << across) + (static_cast<uint32_t>(thread) & ((1u << across) - 1)));
    const uint32_t first = tile % t.down * (rows_apart * each) + (static_cast<uint32_t>(thread) >> across);
    if (column >= static_cast<uint32_t>(s.to_columns)) return;
    const float* const from = s.from + matrix * s.from_step + first * s.from_row + column;
    const int64_t to = matrix * s.to_step + first * s.to_row + column;
    const bool aligned = ((reinterpret_cast<uintptr_t>(s.from) >> 2 | static_cast<uintptr_t>(s.from_row) | static_cast<uintptr_t>(s.from_step)) & 3) == 0;
    Four values[each];                             // all are asked for before the first is used
    if (aligned && column + 4 <= columns && first + (each - 1) * rows_apart < rows) {
#pragma GCC unroll 4
      for (uint32_t i = 0; i < each; ++i) values[i] = *reinterpret_cast<const Four*>(from + static_cast<int64_t>(i * rows_apart) * s.from_row);
    } else {
#pragma GCC unroll 4
      for (uint32_t i = 0; i < each; ++i) {
        const uint32_t row = i * rows_apart;
        for (uint32_t j = 0; j < 4; ++j) values[i][j] = first + row < rows && column + j < columns ? from[row * s.from_row + j] : 0;
      }
    }
#pragma GCC unroll 4
    for (uint32_t i = 0; i < each; ++i) {
      const uint32_t row = i * rows_apart;
      if (first + row >= to_rows) return;
      const int64_t at = to + row * s.to_row;
      Four high, low;
      FourHalves halves;
      for (int j = 0; j < 4; ++j) {
        high[j] = as == CopyAs::two_of_tf32 ? high_of(values[i][j]) : rounded_to_bf16(values[i][j]);
        low[j] = low_of(values[i][j], high[j]);
        uint32_t word;
        const float number = high[j];
        __builtin_memcpy(&word, &number, 4);
        halves[j] = static_cast<uint16_t>(word >> 16);
      }
      if (as == CopyAs::bf16) {
        *reinterpret_cast<FourHalves*>(static_cast<uint16_t*>(s.high) + at) = halves;
        continue;
      }
      *reinterpret_cast<Four*>(static_cast<float*>(s.high) + at) = high;
      if (as == CopyAs::rounded_floats) continue;
      *reinterpret_cast<Four*>(static_cast<float*>(s.low) + at) = low;
      if (s.again) *reinterpret_cast<Four*>(static_cast<float*>(s.again) + at) = high;
    }
  }
};
using CopyTwoOfTf32 = CopyKernel<CopyAs::two_of_tf32>;
using CopyBf16 = CopyKernel<CopyAs::bf16>;
using CopyRoundedFloats = CopyKernel<CopyAs::rounded_floats>;
#define MLP_COPY_KERNELS(X) X(copy_two_of_tf32, CopyTwoOfTf32) X(copy_bf16, CopyBf16) X(copy_rounded_floats, CopyRoundedFloats)

}  // namespace mlp::device
