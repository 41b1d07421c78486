#include "base/diagnostic.h"
#include "runtime/product/int8.h"

namespace mlp::product {
namespace {

struct Vector {
  using Activation = std::uint8_t;
  static constexpr int rows = 1, blocks = 1;
  static std::int64_t quantize(const float*, std::int64_t, float, std::int32_t, Activation*) { return 0; }
  template <int rows, int blocks>
  static void tile(std::int64_t groups, const Activation* a, std::int64_t, const std::int8_t* b, std::int64_t, std::int32_t (*sums)[blocks * int8_columns]) {
    for (std::int64_t j = 0; j < int8_columns; ++j) sums[0][j] = 0;
    for (std::int64_t g = 0; g < groups; ++g)
      for (std::int64_t j = 0; j < int8_columns; ++j)
        for (std::int64_t p = 0; p < int8_depth; ++p) sums[0][j] += a[g * int8_depth + p] * b[(g * int8_columns + j) * int8_depth + p];
  }
};
#include "runtime/product/int8_blocked.h"

}  // namespace

MLP_PACKED_PRODUCT(int8_portable) { Bytes<Vector>::run(m, a, a_row, a_col, static_cast<const Int8Weights*>(b), c, c_row, add != 0); }

std::vector<std::int8_t> pack_int8(const std::int8_t* weights, std::int64_t k, std::int64_t n) {
  const std::int64_t groups = (k + int8_depth - 1) / int8_depth, blocks = (n + int8_columns - 1) / int8_columns;
  std::vector<std::int8_t> out(static_cast<std::size_t>(blocks * groups * int8_columns * int8_depth));
  for (std::int64_t p = 0; p < k; ++p)
    for (std::int64_t j = 0; j < n; ++j)
      out[static_cast<std::size_t>((((j / int8_columns) * groups + p / int8_depth) * int8_columns + j % int8_columns) * int8_depth + p % int8_depth)] = weights[p * n + j];
  return out;
}

mlp_packed_product int8_of(CpuLevel level) {
  MLP_CHECK(level <= best_cpu_level());
#if defined(__x86_64__)
  if (level == CpuLevel::v4 && __builtin_cpu_supports("avx512vnni")) return int8_vnni;
  if (level >= CpuLevel::v3) return int8_avx2;
#endif
  return int8_portable;
}

}  // namespace mlp::product
