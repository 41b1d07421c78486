// Rows of bins through the trees of a forest, a thread a row and an output. Trees come in chunks that fit shared memory:
//   chunk   of each tree two uint32: where its nodes and its leaves begin, in bytes from the chunk's begin; then both
//   node    its children stand side by side; one whose child is 0 is a leaf, its number stands in the bits of the threshold
//   leaves  doubles, added in the order of the trees
// A row goes right, to child + 1, where its bin is above the threshold; at a category, where the table has a 1 for its code.
#pragma once
#include "runtime/device/kernels/block.h"

namespace mlp::device {

struct ForestChunk {
  int64_t first, bytes, trees;                     // bytes of ForestCall::trees
};
struct ForestCall {
  const void* bins;                                // column by column, `stride` rows each
  int64_t stride, columns, outputs;
  const double* base;                              // by output
  const ForestChunk* chunks;
  const int64_t* first_chunk;                      // by output, and the end
  const char* trees;
  const uint32_t* tables;                          // a bit a code
  double* scores;                                  // rows x outputs
};

// Bins of a byte, no categories: threshold 8 bits, column 11, child 13.
struct NarrowNode {
  using Bin = uint8_t;
  using Word = uint32_t;
  static constexpr int64_t most_columns = 2048, most_nodes = 8192;
  static constexpr bool categories = false;
  static Word make(uint32_t threshold, uint32_t column, uint32_t child) { return threshold | column << 8 | child << 19; }
  static uint32_t threshold(Word n) { return n & 255; }
  static uint32_t column(Word n) { return n >> 8 & 2047; }
  static uint32_t child(Word n) { return n >> 19; }
  static uint32_t leaf(Word n) { return n; }
  static bool category(Word) { return false; }
};
// Bins of two bytes: threshold, or the word of `tables` where a category's begins, 24 bits, column 15, child 24, 1 for a category.
struct WideNode {
  using Bin = uint16_t;
  using Word = uint64_t;
  static constexpr int64_t most_columns = 32768, most_nodes = 1 << 24, most_words = 1 << 24;
  static constexpr bool categories = true;
  static Word make(uint32_t threshold, uint32_t column, uint32_t child, bool category = false) { return threshold | static_cast<Word>(column) << 24 | static_cast<Word>(child) << 39 | static_cast<Word>(category) << 63; }
  static uint32_t threshold(Word n) { return n & 0xffffff; }
  static uint32_t column(Word n) { return n >> 24 & 0x7fff; }
  static uint32_t child(Word n) { return n >> 39 & 0xffffff; }
  static uint32_t leaf(Word n) { return n & 0xffffff; }
  static bool category(Word n) { return n >> 63; }
};

// most_bins: bytes of bins of a row that shared memory has room for; 0: they are read where they lie.
template <class N, int most_bins>
struct ForestKernel {
  using Of = ForestCall;
  using Node = N;
  using Bin = typename N::Bin;
  using Word = typename N::Word;
  static constexpr int chunk_bytes = 12 << 10;
  struct Call {
    ForestCall forest;
    int64_t rows;
  };
  struct alignas(16) Shared {
    uint64_t chunk[chunk_bytes / 8];
    uint32_t bins[most_bins > 0 ? most_bins / 4 * threads : 1];
  };
  struct State {
    double sum;
  };

  static int64_t blocks_of_rows(int64_t rows) { return (rows + threads - 1) / threads; }
  static int64_t blocks(int64_t rows, int64_t outputs) { return blocks_of_rows(rows) * outputs; }
  static int64_t output(const Call& call, int64_t block) { return block / blocks_of_rows(call.rows); }
  static int64_t row(const Call& call, int64_t block, int thread) { return block % blocks_of_rows(call.rows) * threads + thread; }

  static int64_t steps(const Call& call, int64_t block) {
    const int64_t o = output(call, block);
    return call.forest.first_chunk[o + 1] - call.forest.first_chunk[o];
  }
  static const ForestChunk& chunk(const Call& call, int64_t block, int64_t step) { return call.forest.chunks[call.forest.first_chunk[output(call, block)] + step]; }
  static void begin(const Call& call, int64_t block, int, State& state) { state.sum = call.forest.base[output(call, block)]; }

  static void load(const Call& call, int64_t block, int thread, int64_t step, Shared& shared, State&) {
    const ForestChunk& c = chunk(call, block, step);
    if (c.bytes <= chunk_bytes) {
      const uint64_t* const from = reinterpret_cast<const uint64_t*>(call.forest.trees + c.first);
#pragma GCC unroll 1
      for (int i = thread; i < c.bytes / 8; i += threads) shared.chunk[i] = from[i];
    }
    const int64_t r = row(call, block, thread);
    if constexpr (most_bins > 0)
      if (step == 0 && r < call.rows) {
        // The bins of a row in words of its own bank: neighbouring threads never wait for each other.
        const Bin* const from = static_cast<const Bin*>(call.forest.bins) + r;
#pragma GCC unroll 1
        for (int column = 0; column < call.forest.columns; ++column) bins(shared)[place(column, thread)] = from[column * call.forest.stride];
      }
  }
  static Bin* bins(Shared& shared) { return reinterpret_cast<Bin*>(shared.bins); }
  static const Bin* bins(const Shared& shared) { return reinterpret_cast<const Bin*>(shared.bins); }
  static uint32_t place(uint32_t column, int thread) {
    constexpr uint32_t in_word = 4 / sizeof(Bin);
    return column / in_word * (threads * in_word) + static_cast<uint32_t>(thread) * in_word + column % in_word;
  }

  static void use(const Call& call, int64_t block, int thread, int64_t step, const Shared& shared, State& state) {
    const int64_t r = row(call, block, thread);
    if (r >= call.rows) return;
    const ForestChunk& c = chunk(call, block, step);
    if (c.bytes <= chunk_bytes)
      walk(call, c, reinterpret_cast<const char*>(shared.chunk), shared, r, thread, state);
    else
      walk(call, c, call.forest.trees + c.first, shared, r, thread, state);
  }
  __attribute__((always_inline)) static void walk(const Call& call, const ForestChunk& c, const char* trees, const Shared& shared, int64_t r, int thread, State& state) {
    const uint32_t* const begins = reinterpret_cast<const uint32_t*>(trees);
    double sum = state.sum;
    const int count = static_cast<int>(c.trees);
    for (int t = 0; t < count; ++t) {
      const Word* const nodes = reinterpret_cast<const Word*>(trees + begins[2 * t]);
      Word node = nodes[0];
      while (N::child(node) != 0) {
        const uint32_t column = N::column(node);
        uint32_t bin;
        if constexpr (most_bins > 0)
          bin = bins(shared)[place(column, thread)];
        else
          bin = static_cast<const Bin*>(call.forest.bins)[column * call.forest.stride + r];
        bool right = bin > N::threshold(node);
        if constexpr (N::categories)
          if (N::category(node)) right = call.forest.tables[N::threshold(node) + bin / 32] >> (bin % 32) & 1;
        node = nodes[N::child(node) + right];
      }
      sum += reinterpret_cast<const double*>(trees + begins[2 * t + 1])[N::leaf(node)];
    }
    state.sum = sum;
  }
  static void end(const Call& call, int64_t block, int thread, const State& state) {
    const int64_t r = row(call, block, thread);
    if (r < call.rows) call.forest.scores[r * call.forest.outputs + output(call, block)] = state.sum;
  }
};

using ForestSmall = ForestKernel<NarrowNode, 40>;  // shared memory for eight blocks on a processor of compute capability 9.0, registers for five
using ForestLarge = ForestKernel<NarrowNode, 136>;
using ForestWide = ForestKernel<WideNode, 136>;
using ForestFar = ForestKernel<WideNode, 0>;
#define MLP_FOREST_KERNELS(X) X(forest_small, ForestSmall) X(forest_large, ForestLarge) X(forest_wide, ForestWide) X(forest_far, ForestFar)

}  // namespace mlp::device
