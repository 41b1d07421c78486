// What the levels of the kernels share: loops over words of bits, a row a bit. Each level inlines them for its own registers.
#pragma once
#include "runtime/model/exact_math.h"
#include "runtime/model/kernels.h"

#define MLP_INLINE [[gnu::always_inline]] inline

namespace mlp::model {

// Words of a row of bits that lie in one register. (Compilers spill a value that takes several.)
template <std::int64_t words>
struct Bits {
  typedef std::uint64_t Value __attribute__((vector_size(8 * words), may_alias));
};
template <>
struct Bits<1> {
  typedef std::uint64_t Value;
};

template <std::int64_t words, std::int64_t lane>
MLP_INLINE void part_words(const BitNode* nodes, std::int64_t count, const std::uint64_t* bits, std::uint64_t* at) {
  using Value = typename Bits<lane>::Value;
  constexpr std::int64_t values = words / lane;
  const auto* const answers = reinterpret_cast<const Value*>(bits);
  auto* const leaves = reinterpret_cast<Value*>(at);
  for (std::int64_t v = 0; v < values; ++v) leaves[v] = ~Value{};
  for (std::int64_t n = 0; n < count; ++n) {
    const BitNode node = nodes[n];
#pragma GCC unroll 8
    for (std::int64_t v = 0; v < values; ++v) {
      Value& here = leaves[node.first * values + v];
      const Value before = here, right = before & answers[node.test * values + v];
      leaves[node.first_right * values + v] = right;
      here = before ^ right;
    }
  }
}
template <std::int64_t lane>
MLP_INLINE void part_rows(const BitNode* nodes, std::int64_t count, const std::uint64_t* bits, std::int64_t rows, std::uint64_t* at) {
  rows <= 64 ? part_words<1, 1>(nodes, count, bits, at) : part_words<block_words, lane>(nodes, count, bits, at);
}

// planes[b]: the rows whose leaf has bit b. Leaves are joined two by two, and what is odd of a pair has the bit. Returns how
// many bits leaves have.
template <std::int64_t words, std::int64_t lane>
MLP_INLINE int planes_of_words(std::uint64_t* at, std::int32_t leaves, std::uint64_t (*planes)[block_words]) {
  using Value = typename Bits<lane>::Value;
  constexpr std::int64_t values = words / lane;
  int bits = 0;
  for (; leaves > 1; leaves = (leaves + 1) / 2, ++bits) {
    for (std::int64_t v = 0; v < values; ++v) {
      Value* const rows = reinterpret_cast<Value*>(at) + v;
      Value odd{};
      std::int32_t i = 0;
      for (; 2 * i + 1 < leaves; ++i) {
        const Value even = rows[2 * i * values], other = rows[(2 * i + 1) * values];
        odd |= other;
        rows[i * values] = even | other;
      }
      if (2 * i < leaves) rows[i * values] = rows[2 * i * values];
      reinterpret_cast<Value*>(planes[bits])[v] = odd;
    }
  }
  return bits;
}
template <std::int64_t lane>
MLP_INLINE int planes_of(std::uint64_t* at, std::int32_t leaves, std::int64_t rows, std::uint64_t (*planes)[block_words]) {
  return rows <= 64 ? planes_of_words<1, 1>(at, leaves, planes) : planes_of_words<block_words, lane>(at, leaves, planes);
}

MLP_INLINE void sigmoids_of(const double* scores, std::int64_t rows, double* out) {
  for (std::int64_t i = 0; i < rows; ++i) {
    out[2 * i + 1] = sigmoid(scores[i]);
    out[2 * i] = sigmoid(-scores[i]);
  }
}

}  // namespace mlp::model
