// Columns of doubles that lie on the device, as a model there takes them: bins of a forest, floats of a network.
#pragma once
#include "runtime/device/kernels/block.h"

namespace mlp::device {

struct BinColumn {
  const double* values;
  const double* sorted;                            // thresholds, ascending
  int64_t size;                                    // of them
  int64_t left, right;                             // columns of bins, -1: none. What is missing is in bin 0 of `left`, and in the last of `right`
};
struct BinCall {
  const BinColumn* columns;
  void* bins;                                      // column by column, `stride` rows each
  int64_t stride;
};

// A bin is how many thresholds are below the value. A thread a row; a block has one column, and its thresholds in shared memory where they fit.
template <class B>
struct BinKernel {
  using Of = BinCall;
  static constexpr int most_shared = 512;
  struct Call {
    BinCall bins;
    int64_t rows;
  };
  struct Shared {
    double sorted[most_shared];
  };
  struct State {};

  static int64_t blocks_of_rows(int64_t rows) { return (rows + threads - 1) / threads; }
  static int64_t blocks(int64_t rows, int64_t columns) { return blocks_of_rows(rows) * columns; }
  static const BinColumn& column(const Call& call, int64_t block) { return call.bins.columns[block / blocks_of_rows(call.rows)]; }

  static int64_t steps(const Call&, int64_t) { return 1; }
  static void begin(const Call&, int64_t, int, State&) {}
  static void load(const Call& call, int64_t block, int thread, int64_t, Shared& shared, State&) {
    const BinColumn& c = column(call, block);
    if (c.size <= most_shared)
      for (int i = thread; i < c.size; i += threads) shared.sorted[i] = c.sorted[i];
  }
  static void use(const Call& call, int64_t block, int thread, int64_t, const Shared& shared, State&) {
    const BinColumn& c = column(call, block);
    const int64_t row = block % blocks_of_rows(call.rows) * threads + thread;
    if (row >= call.rows) return;
    const double v = c.values[row];
    const B bin = c.size <= most_shared ? bin_of(shared.sorted, static_cast<int>(c.size), v) : bin_of(c.sorted, static_cast<int>(c.size), v);
    B* const bins = static_cast<B*>(call.bins.bins) + row;
    if (c.left >= 0) bins[c.left * call.bins.stride] = bin;
    if (c.right >= 0) bins[c.right * call.bins.stride] = v == v ? bin : static_cast<B>(~B{0});
  }
  static void end(const Call&, int64_t, int, const State&) {}

  static B bin_of(const double* sorted, int count, double v) {  // NaN: 0
    int first = 0;
    while (count > 0) {
      const int half = count / 2;
      if (sorted[first + half] < v) {
        first += half + 1;
        count -= half + 1;
      } else {
        count = half;
      }
    }
    return static_cast<B>(first);
  }
};
using BinsNarrow = BinKernel<uint8_t>;
using BinsWide = BinKernel<uint16_t>;

struct NumberColumn {
  const double* values;
  int64_t place;                                   // in a row of numbers
};
struct NumbersCall {
  const NumberColumn* columns;
  float* numbers;                                  // row by row
  int64_t count;                                   // numbers of a row
};
struct NumbersKernel {
  using Of = NumbersCall;
  struct Call {
    NumbersCall of;
    int64_t rows;
  };
  struct Shared {};
  struct State {};
  static int64_t blocks_of_rows(int64_t rows) { return (rows + threads - 1) / threads; }
  static int64_t blocks(int64_t rows, int64_t columns) { return blocks_of_rows(rows) * columns; }
  static int64_t steps(const Call&, int64_t) { return 0; }
  static void begin(const Call&, int64_t, int, State&) {}
  static void load(const Call&, int64_t, int, int64_t, Shared&, State&) {}
  static void use(const Call&, int64_t, int, int64_t, const Shared&, State&) {}
  static void end(const Call& call, int64_t block, int thread, const State&) {
    const NumberColumn& c = call.of.columns[block / blocks_of_rows(call.rows)];
    const int64_t row = block % blocks_of_rows(call.rows) * threads + thread;
    if (row < call.rows) call.of.numbers[row * call.of.count + c.place] = static_cast<float>(c.values[row]);
  }
};
#define MLP_COLUMN_KERNELS(X) X(bins_narrow, BinsNarrow) X(bins_wide, BinsWide) X(numbers, NumbersKernel)

}  // namespace mlp::device
