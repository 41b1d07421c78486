// c = (add ? c : 0) + a b for any strides: where cuBLASLt is not there, or takes no such strides. A block makes 64 x 64 of c, a
// thread 4 x 4 of them 16 apart, each a chain of fused multiply-adds in rising k.
#pragma once
#include "runtime/device/kernels/round.h"

namespace mlp::device {

struct ProductKernel {
  static constexpr int tile = 64, deep = 16, each = 4;
  struct Call {
    int64_t m, n, k, a_m, a_k, b_k, b_n, c_m, a_step, b_step, c_step;
    const float *a, *b;
    float* c;
    int64_t add, rounds;
  };
  struct Shared {
    float a[deep][tile + 1], b[deep][tile + 1];
  };
  struct State {
    float sums[each][each];
  };

  static int64_t tiles(int64_t size) { return (size + tile - 1) / tile; }
  static int64_t blocks(const Call& call, int64_t count) { return tiles(call.m) * tiles(call.n) * count; }
  struct Place {
    int64_t product, row, column;                  // of the first of the tile
  };
  static Place place(const Call& call, int64_t block) {
    const int64_t across = tiles(call.n), of_product = across * tiles(call.m), in = block % of_product;
    return {block / of_product, in / across * tile, in % across * tile};
  }

  static int64_t steps(const Call& call, int64_t) { return (call.k + deep - 1) / deep; }
  static void begin(const Call&, int64_t, int, State& state) {
    for (int i = 0; i < each; ++i)
      for (int j = 0; j < each; ++j) state.sums[i][j] = 0;
  }
  static void load(const Call& call, int64_t block, int thread, int64_t step, Shared& shared, State&) {
    const Place at = place(call, block);
    const float* const a = call.a + at.product * call.a_step;
    const float* const b = call.b + at.product * call.b_step;
    const int64_t first = step * deep;
    for (int i = 0; i < tile * deep / threads; ++i) {
      const int e = thread + i * threads;
      // Neighbouring threads take what lies side by side.
      const bool a_along = call.a_k == 1, b_along = call.b_n != 1;
      const int ak = a_along ? e % deep : e / tile, ar = a_along ? e / deep : e % tile;
      const int bk = b_along ? e % deep : e / tile, bc = b_along ? e / deep : e % tile;
      const float left = at.row + ar < call.m && first + ak < call.k ? a[(at.row + ar) * call.a_m + (first + ak) * call.a_k] : 0;
      const float right = at.column + bc < call.n && first + bk < call.k ? b[(first + bk) * call.b_k + (at.column + bc) * call.b_n] : 0;
      shared.a[ak][ar] = call.rounds ? rounded_to_bf16(left) : left;
      shared.b[bk][bc] = call.rounds ? rounded_to_bf16(right) : right;
    }
  }
  static void use(const Call&, int64_t, int thread, int64_t, const Shared& shared, State& state) {
    const int down = thread / 16, across = thread % 16;
    for (int k = 0; k < deep; ++k) {
      float a[each], b[each];
      for (int i = 0; i < each; ++i) a[i] = shared.a[k][down + 16 * i];
      for (int j = 0; j < each; ++j) b[j] = shared.b[k][across + 16 * j];
      for (int i = 0; i < each; ++i)
        for (int j = 0; j < each; ++j) state.sums[i][j] = __builtin_fmaf(a[i], b[j], state.sums[i][j]);
    }
  }
  static void end(const Call& call, int64_t block, int thread, const State& state) {
    const Place at = place(call, block);
    float* const c = call.c + at.product * call.c_step;
    for (int i = 0; i < each; ++i)
      for (int j = 0; j < each; ++j) {
        const int64_t row = at.row + thread / 16 + 16 * i, column = at.column + thread % 16 + 16 * j;
        if (row >= call.m || column >= call.n) continue;
        float* const to = c + row * call.c_m + column;
        *to = call.add ? *to + state.sums[i][j] : state.sums[i][j];
      }
  }
};

}  // namespace mlp::device
