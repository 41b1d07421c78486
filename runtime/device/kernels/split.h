// A matrix of floats as the sum of two that tensor cores multiply without loss: `high` has the 11 leading bits of each number
// (TF32, rounded to nearest), `low` what is left. a b = low high + high low + high high, but for low low, which is below float32.
// Where `rounds`, `high` is the number rounded to bfloat16, and there is no low. What is not finite has low 0. On the GPU numbers above 2^127 may overflow: tensor cores line sums up above them.
#pragma once
#include "runtime/device/kernels/round.h"

namespace mlp::device {

struct SplitKernel {
  struct Call {
    const float* from;
    float *high, *low;
    int64_t count, rows, columns, from_row, from_step, to_row, to_step, rounds;  // columns lie side by side; steps from one of `count` to the next
  };
  struct Shared {};
  struct State {};
  static constexpr int each = 4;

  static int64_t blocks(const Call& call) { return (call.count * call.rows * call.columns + threads * each - 1) / (threads * each); }
  static int64_t steps(const Call&, int64_t) { return 0; }
  static void begin(const Call&, int64_t, int, State&) {}
  static void load(const Call&, int64_t, int, int64_t, Shared&, State&) {}
  static void use(const Call&, int64_t, int, int64_t, const Shared&, State&) {}

  static float high_of(float v) {
    uint32_t bits;
    __builtin_memcpy(&bits, &v, 4);
    const uint32_t below = bits & 0x7fffffffu;
    if (below >= 0x7f800000u) return v;
    // To the nearest even; cut instead of rounded where that would give infinity.
    uint32_t up = bits + 0xfffu + (bits >> 13 & 1u);
    if ((up & 0x7fffffffu) >= 0x7f800000u) up = bits;
    up &= ~0x1fffu;
    float high;
    __builtin_memcpy(&high, &up, 4);
    return high;
  }
  static void end(const Call& call, int64_t block, int thread, const State&) {
    for (int i = 0; i < each; ++i) {
      const int64_t e = (block * each + i) * threads + thread, row = e / call.columns, column = e % call.columns;
      const int64_t matrix = row / call.rows, r = row % call.rows;
      if (matrix >= call.count) return;
      const float v = call.from[matrix * call.from_step + r * call.from_row + column], high = call.rounds ? rounded_to_bf16(v) : high_of(v);
      const int64_t to = matrix * call.to_step + r * call.to_row + column;
      call.high[to] = high;
      if (call.rounds) continue;
      float rest = v - high;
      if (!(rest == rest)) rest = 0;
      call.low[to] = rest;
    }
  }
};

}  // namespace mlp::device
