#include <cmath>
#include <memory>

#include "base/diagnostic.h"
#include "runtime/product/bf16.h"

namespace mlp::product {
namespace {

struct Rounded {
  using Type = float;
  using Mask = bool;
  using Word = Pair;
  struct Mode {};                                     // denormal numbers are 0 by `multiply`
  static constexpr int lanes = 1, rows = 1, vectors = 16, steps = 2;
  static Type zero() { return 0; }
  static Type load(const float* p, Mask = true) { return *p; }
  static void store(float* p, Type v, Mask = true) { *p = v; }
  static Mask mask(std::int64_t) { return true; }
  static Word words(const Pair* p) { return *p; }
  static Word broadcast(Pair pair) { return pair; }
  static void store_word(Pair* p, Word w) { *p = w; }
  static Word pairs(const float* p) { return pair_of(p[0], p[1]); }
  static Word pair(Type first, Type second) { return pair_of(first, second); }
  template <int step> static Type half(Word w) { return from_bf16(step == 0 ? w >> 16 : w & 0xffffu); }
  static Type multiply(Type left, Type right, Type sum) {
    // The product has 16 bits: what a double rounds of the sum lies too far below the last of 24 bits to matter when it is rounded again.
    const double exact = static_cast<double>(left) * right + (std::fabs(sum) < 0x1p-126f ? std::copysign(0.0f, sum) : sum);
    // 0 where 24 bits of any exponent would be less than the least normal number.
    return std::fabs(exact) < 0x1p-126 - 0x1p-151 ? std::copysign(0.0f, static_cast<float>(exact)) : static_cast<float>(exact);
  }
};
#include "runtime/product/bf16_blocked.h"

}  // namespace

MLP_PRODUCT(bf16_portable) { Pairs<Rounded>::run(m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, add != 0); }
MLP_PACKED_PRODUCT(bf16_packed_portable) { Pairs<Rounded>::run(m, a, a_row, a_col, *static_cast<const PairWeights*>(b), c, c_row, add != 0); }

PairWeights pack_pairs(const float* b, std::int64_t b_row, std::int64_t b_col, std::int64_t k, std::int64_t n) {
  PairWeights out{std::vector<Pair>(static_cast<std::size_t>((n + bf16_columns - 1) / bf16_columns * bf16_columns * ((k + 1) / 2))), k, n};
  Pairs<Rounded>::pack_right(b, b_row, b_col, k, n, out.values.data());
  return out;
}

Pair* bf16_left() {
  constexpr std::int64_t by_row = bf16_height * (bf16_depth / 2 + bf16_columns), by_pair = bf16_depth / 2 * (bf16_height + bf16_columns);
  thread_local const std::unique_ptr<Pair[]> memory(new Pair[static_cast<std::size_t>(by_row > by_pair ? by_row : by_pair)]);
  return memory.get();
}

#if defined(__x86_64__)
// VDPBF16PS of an Intel Xeon (Emerald Rapids) takes four times as long as a multiply-add of floats, which does half as much (decision 0028).
static bool instruction_pays() { return __builtin_cpu_supports("avx512bf16") && !__builtin_cpu_is("intel"); }
#endif

mlp_product bf16_of(CpuLevel level) {
  MLP_CHECK(level <= best_cpu_level());
#if defined(__x86_64__)
  if (level == CpuLevel::v4) return instruction_pays() ? bf16_native : bf16_avx512;
  if (level == CpuLevel::v3) return bf16_avx2;
#endif
  return bf16_portable;
}

mlp_packed_product bf16_packed_of(CpuLevel level) {
  MLP_CHECK(level <= best_cpu_level());
#if defined(__x86_64__)
  if (level == CpuLevel::v4) return instruction_pays() ? bf16_packed_native : bf16_packed_avx512;
  if (level == CpuLevel::v3) return bf16_packed_avx2;
#endif
  return bf16_packed_portable;
}

}  // namespace mlp::product
