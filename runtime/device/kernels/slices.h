// A product of long factors and a small result is cut along k, so that every multiprocessor has something to multiply; here its slices
// are added up, always in the same order. A thread makes four neighbouring numbers of a row.
#pragma once
#include "runtime/device/kernels/block.h"

namespace mlp::device {

struct SumSlices {
  static constexpr int most = 8;
  // to = (add ? to : 0) + the sum of `slices` (2, 4 or 8) matrices of `rows` rows that follow each other. from at 16 bytes, from_row a multiple
  // of 4; less than 2^31 numbers each.
  struct Call {
    const float* from;
    float* to;
    int64_t slices, rows, columns, from_row, to_row, add;
  };
  struct Shared {};
  struct State {};
  typedef float Four __attribute__((vector_size(16), may_alias));

  static uint32_t fours(const Call& call) { return static_cast<uint32_t>(call.columns + 3) / 4; }
  static int64_t blocks(const Call& call) { return (call.rows * fours(call) + threads - 1) / threads; }

  static int64_t steps(const Call&, int64_t) { return 0; }
  static void begin(const Call&, int64_t, int, State&) {}
  static void load(const Call&, int64_t, int, int64_t, Shared&, State&) {}
  static void use(const Call&, int64_t, int, int64_t, const Shared&, State&) {}

  __attribute__((always_inline)) static void end(const Call& call, int64_t block, int thread, const State&) {
    const uint32_t number = static_cast<uint32_t>(block) * threads + static_cast<uint32_t>(thread), row = number / fours(call), column = 4 * (number % fours(call));
    if (row >= static_cast<uint32_t>(call.rows)) return;
    if (call.slices == 2) sum<2>(call, row, column);
    if (call.slices == 4) sum<4>(call, row, column);
    if (call.slices == 8) sum<8>(call, row, column);
  }
  template <int slices>
  __attribute__((always_inline)) static void sum(const Call& call, uint32_t row, uint32_t column) {
    const float* const from = call.from + row * call.from_row + column;
    float* const to = call.to + row * call.to_row + column;
    const uint32_t left = static_cast<uint32_t>(call.columns) - column;
    const bool whole = left >= 4 && ((reinterpret_cast<uintptr_t>(call.to) >> 2 | static_cast<uintptr_t>(call.to_row)) & 3) == 0;
    Four parts[slices], before = {0, 0, 0, 0};       // all are asked for before the first is used
#pragma GCC unroll 8
    for (int i = 0; i < slices; ++i) parts[i] = *reinterpret_cast<const Four*>(from + i * call.rows * call.from_row);
    if (call.add && whole) before = *reinterpret_cast<const Four*>(to);
    if (call.add && !whole)
      for (uint32_t j = 0; j < 4; ++j) before[j] = j < left ? to[j] : 0;
    Four out = parts[0];
#pragma GCC unroll 8
    for (int i = 1; i < slices; ++i) out += parts[i];
    if (call.add) out += before;
    if (whole)
      *reinterpret_cast<Four*>(to) = out;
    else
      for (uint32_t j = 0; j < 4; ++j)
        if (j < left) to[j] = out[j];
  }
};

}  // namespace mlp::device
