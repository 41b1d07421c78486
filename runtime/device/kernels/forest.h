// Rows of bins through the trees of a forest, a thread a row and an output. Trees come in chunks that fit shared memory:
//   chunk   of each tree a Root; then its other nodes, the children of one side by side, and its leaves
//   node    how far its left child is, in nodes (the right one is the next), which column, and the threshold; or where a leaf is
//   leaves  doubles, added in the order of the trees
// A row goes right where its bin is above the threshold; at a category, where the table has a 1 for its code.
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

// Of a tree: its first node, and where that would stand in the chunk, in bytes: before its other nodes.
template <class Word>
using Root __attribute__((vector_size(2 * sizeof(Word)))) = Word;

// Where the bin of a column is in shared memory, in bytes from its row's first: the words of a row are of one bank, so that neighbouring threads never
// wait for each other. The bits of 4 * thread are 0.
template <class Bin>
constexpr uint32_t place(uint32_t column) {
  constexpr uint32_t in_word = 4 / sizeof(Bin);
  return column / in_word * (4 * threads) + column % in_word * sizeof(Bin);
}

// at + (word & 0xffff), and at + 4 * (word >> 24): of an address in shared memory one instruction each, which a compiler does not find.
template <class At>
At add_low_half(uint32_t word, At at) { return at + (word & 0xffff); }
template <class At>
At add_top_byte(uint32_t word, At at) { return at + 4 * (word >> 24); }
#if defined(__NVPTX__)
inline Near add_low_half(uint32_t word, Near at) {
  Near sum;
  asm("dp2a.lo.u32.u32 %0, %1, %2, %3;" : "=r"(sum) : "r"(word), "r"(1), "r"(at));
  return sum;
}
inline Near add_top_byte(uint32_t word, Near at) {
  Near sum;
  asm("dp4a.u32.u32 %0, %1, %2, %3;" : "=r"(sum) : "r"(word), "r"(4 << 24), "r"(at));
  return sum;
}
#endif

// Of a node: `go` is where a row with such a bin goes from the node at `at`; `leaf`, where a leaf's double is in the chunk, in bytes.
// Bins of a byte, no categories. In 32 bits, so that nothing is unpacked: place of the bin 16, 255 - threshold 8, child 8. The bin is added to
// the threshold, and carries into the child where it is above.
struct NarrowNode {
  using Bin = uint8_t;
  using Word = uint32_t;
  static constexpr int64_t most_columns = 256, most_nodes = (1 << 21) - 1, farthest = 254;
  static constexpr bool categories = false;
  static Word make(uint32_t threshold, uint32_t column, uint32_t child) { return place<Bin>(column) | (255 - threshold) << 16 | child << 24; }
  static Word make_leaf(uint32_t at) { return at; }
  static bool is_leaf(Word n) { return n < 1 << 24; }
  static uint32_t leaf(Word n) { return n; }
  static Near bin(Word n, Near bins) { return add_low_half(n, bins); }
  template <class At>
  static At go(Word n, At at, uint32_t bin, const uint32_t*) { return add_top_byte(n + (bin << 16), at); }
};
// The same for trees whose children are farther: column 8, 255 - threshold 8, child 16.
struct LongNode {
  using Bin = uint8_t;
  using Word = uint32_t;
  static constexpr int64_t most_columns = 256, most_nodes = (1 << 16) - 1, farthest = 65534;
  static constexpr bool categories = false;
  static Word make(uint32_t threshold, uint32_t column, uint32_t child) { return column | (255 - threshold) << 8 | child << 16; }
  static Word make_leaf(uint32_t at) { return at / 8; }
  static bool is_leaf(Word n) { return n < 1 << 16; }
  static uint32_t leaf(Word n) { return n * 8; }
  static Near bin(Word n, Near bins) { return bins + place<Bin>(n & 255); }
  template <class At>
  static At go(Word n, At at, uint32_t bin, const uint32_t*) { return at + 4 * ((n + (bin << 8)) >> 16); }
};
// Bins of two bytes: threshold, or the word of `tables` where a category's begins, 24 bits, column 15, child 24, 1 for a category.
struct WideNode {
  using Bin = uint16_t;
  using Word = uint64_t;
  static constexpr int64_t most_columns = 32768, most_nodes = (1 << 24) - 1, farthest = (1 << 24) - 2, most_words = 1 << 24;
  static constexpr bool categories = true;
  static Word make(uint32_t threshold, uint32_t column, uint32_t child, bool category = false) { return threshold | static_cast<Word>(column) << 24 | static_cast<Word>(child) << 39 | static_cast<Word>(category) << 63; }
  static Word make_leaf(uint32_t at) { return at; }
  static bool is_leaf(Word n) { return child(n) == 0; }
  static uint32_t child(Word n) { return n >> 39 & 0xffffff; }
  static uint32_t leaf(Word n) { return static_cast<uint32_t>(n); }
  static uint32_t column(Word n) { return n >> 24 & 0x7fff; }
  static Near bin(Word n, Near bins) { return bins + place<Bin>(column(n)); }
  template <class At>
  static At go(Word n, At at, uint32_t bin, const uint32_t* tables) {
    const uint32_t threshold = n & 0xffffff;
    bool right = bin > threshold;
    if (n >> 63) right = tables[threshold + bin / 32] >> (bin % 32) & 1;
    return at + 8 * (child(n) + right);
  }
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
    const ForestCall& forest;                      // read when it is needed: what lies in registers meanwhile keeps other blocks out
    int64_t rows;
  };
  static_assert(most_bins / sizeof(Bin) <= N::most_columns);
  using Piece = uint32_t __attribute__((vector_size(16), may_alias));  // what a thread copies at once
  struct Shared {
    Piece chunk[chunk_bytes / sizeof(Piece)];
    uint32_t bins[most_bins > 0 ? most_bins / 4 * threads : 1];
  };
  struct State {
    double sum;
    const ForestChunk* chunk;                      // the next
  };

  // A launch has less than 2^31 blocks.
  static uint32_t blocks_of_rows(int64_t rows) { return static_cast<uint32_t>((rows + threads - 1) / threads); }
  static int64_t blocks(int64_t rows, int64_t outputs) { return blocks_of_rows(rows) * outputs; }
  static uint32_t output(const Call& call, int64_t block) { return static_cast<uint32_t>(block) / blocks_of_rows(call.rows); }
  static int64_t row(const Call& call, int64_t block, int thread) { return static_cast<int64_t>(static_cast<uint32_t>(block) % blocks_of_rows(call.rows)) * threads + thread; }

  static int64_t steps(const Call& call, int64_t block) {
    const uint32_t o = output(call, block);
    return call.forest.first_chunk[o + 1] - call.forest.first_chunk[o];
  }
  static void begin(const Call& call, int64_t block, int, State& state) {
    const uint32_t o = output(call, block);
    state.sum = call.forest.base[o];
    state.chunk = call.forest.chunks + call.forest.first_chunk[o];
  }

  static void load(const Call& call, int64_t block, int thread, int64_t step, Shared& shared, State& state) {
    const ForestChunk& c = *state.chunk;
    if (c.bytes <= chunk_bytes) {
      constexpr int each = chunk_bytes / sizeof(Piece) / threads;
      static_assert(each == 3);
      const Piece* const from = reinterpret_cast<const Piece*>(call.forest.trees + c.first);
      const int last = static_cast<int>(c.bytes / sizeof(Piece)) - 1;
      // All three are on their way before the first is there. What is beyond the last is the last, and goes where nothing is read.
      const int second = thread + threads, third = second + threads;
      const Piece a = from[thread < last ? thread : last], b = from[second < last ? second : last], d = from[third < last ? third : last];
      shared.chunk[thread] = a;
      shared.chunk[second] = b;
      shared.chunk[third] = d;
    }
    const int64_t r = row(call, block, thread);
    if constexpr (most_bins > 0)
      if (step == 0 && r < call.rows) {
        constexpr int in_word = 4 / sizeof(Bin);
        const int columns = static_cast<int>(call.forest.columns);
        const Bin* from = static_cast<const Bin*>(call.forest.bins) + r;
#pragma GCC unroll 1
        for (int column = 0; column < columns; column += in_word) {
          uint32_t word = 0;
#pragma GCC unroll 4
          for (int i = 0; i < in_word; ++i, from += call.forest.stride)
            if (column + i < columns) word |= static_cast<uint32_t>(*from) << (8 * sizeof(Bin) * i);
          shared.bins[column / in_word * threads + thread] = word;
        }
      }
  }

  static void use(const Call& call, int64_t block, int thread, int64_t, const Shared& shared, State& state) {
    const int64_t r = row(call, block, thread);
    const ForestChunk& c = *state.chunk++;
    if (r >= call.rows) return;
    if (c.bytes <= chunk_bytes)
      walk(call, c, near(shared.chunk), shared, r, thread, state);
    else
      walk(call, c, call.forest.trees + c.first, shared, r, thread, state);
  }
  template <class At>
  __attribute__((always_inline)) static void walk(const Call& call, const ForestChunk& c, At trees, const Shared& shared, int64_t r, int thread, State& state) {
    const Near bins = near(shared.bins + thread);
    const Bin* const far = static_cast<const Bin*>(call.forest.bins) + r;
    const int64_t stride = call.forest.stride;
    const uint32_t* const tables = call.forest.tables;
    double sum = state.sum;
    constexpr uint32_t root_bytes = sizeof(Root<Word>);
    static_assert(root_bytes == 2 * sizeof(Word));
    const At end = trees + static_cast<uint32_t>(c.trees) * root_bytes;
#pragma GCC unroll 1
    for (At root = trees; root != end; root += root_bytes) {
      const Root<Word> tree = read<Root<Word>>(root);
      Word node = tree[0];
      At at = trees + static_cast<uint32_t>(tree[1]);
      while (!N::is_leaf(node)) {
        uint32_t bin;
        if constexpr (most_bins > 0)
          bin = read<Bin>(N::bin(node, bins));
        else
          bin = far[N::column(node) * stride];
        at = N::go(node, at, bin, tables);
        node = read<Word>(at);
      }
      sum += read<double>(trees + N::leaf(node));
    }
    state.sum = sum;
  }
  static void end(const Call& call, int64_t block, int thread, const State& state) {
    const int64_t r = row(call, block, thread);
    if (r < call.rows) call.forest.scores[r * call.forest.outputs + output(call, block)] = state.sum;
  }
};

using ForestSmall = ForestKernel<NarrowNode, 40>;  // shared memory and registers for as many warps as a processor of compute capability 9.0 has
using ForestLarge = ForestKernel<NarrowNode, 136>;
using ForestLong = ForestKernel<LongNode, 136>;
using ForestWide = ForestKernel<WideNode, 136>;
using ForestFar = ForestKernel<WideNode, 0>;
#define MLP_FOREST_KERNELS(X) X(forest_small, ForestSmall) X(forest_large, ForestLarge) X(forest_long, ForestLong) X(forest_wide, ForestWide) X(forest_far, ForestFar)

}  // namespace mlp::device
