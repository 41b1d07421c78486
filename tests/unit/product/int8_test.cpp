// Products by weights that are bytes against their definition, bit for bit, at every level.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "runtime/product/int8.h"

namespace mlp::product {
namespace {

// As abi/abi.def says it.
std::int64_t byte_of(float v, double inverse, std::int64_t zero) {
  const float steps = v * static_cast<float>(inverse);
  if (std::isnan(steps) || steps < -1000) return 0;
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(std::nearbyint(std::fmin(steps, 1000.0f))) + zero, 0, 255);
}

TEST(Int8Product, IsItsDefinitionAtEveryLevel) {
  std::mt19937_64 rng(1);
  const auto below = [&](std::int64_t n) { return static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(n)); };
  std::vector<mlp_packed_product> ways = {int8_portable};
  for (const CpuLevel level : {CpuLevel::v2, CpuLevel::v3, CpuLevel::v4})
    if (level <= best_cpu_level()) ways.push_back(int8_of(level));
  for (int round = 0; round < 400; ++round) {
    const std::int64_t m = 1 + below(round % 20 ? 20 : 600), k = 1 + below(round % 7 ? 40 : 300), n = 1 + below(round % 5 ? 40 : 200), zero = below(256), c_row = n + 3;
    const bool by_column = below(2) == 1, add = below(2) == 1;
    std::vector<float> a(static_cast<std::size_t>(m * k)), c(static_cast<std::size_t>(m * c_row)), scales(static_cast<std::size_t>(n + 15));
    for (float& v : a) {
      v = static_cast<float>(below(2001) - 1000) / 256;  // halves between bytes, too
      if (below(60) == 0) v = below(2) ? 1e30f : -std::numeric_limits<float>::infinity();
      if (below(90) == 0) v = std::numeric_limits<float>::quiet_NaN();
    }
    for (float& v : c) v = static_cast<float>(below(100));
    for (float& v : scales) v = static_cast<float>(1 + below(9)) / 1000;
    std::vector<std::int8_t> weights(static_cast<std::size_t>(k * n));
    for (std::int8_t& w : weights) w = static_cast<std::int8_t>(below(255) - 127);
    std::vector<std::int32_t> offsets(static_cast<std::size_t>(n + 15));
    for (std::int64_t j = 0; j < n; ++j)
      for (std::int64_t p = 0; p < k; ++p) offsets[static_cast<std::size_t>(j)] += static_cast<std::int32_t>(zero * weights[static_cast<std::size_t>(p * n + j)]);
    const std::vector<std::int8_t> packed = pack_int8(weights.data(), k, n);
    const Int8Weights b{packed.data(), scales.data(), offsets.data(), k, n, static_cast<std::int32_t>(zero), 32};
    const std::int64_t a_row = by_column ? 1 : k, a_col = by_column ? m : 1;
    std::vector<float> wanted = c;
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        std::int64_t sum = 0;
        for (std::int64_t p = 0; p < k; ++p) sum += (byte_of(a[static_cast<std::size_t>(i * a_row + p * a_col)], b.inverse, zero) - zero) * weights[static_cast<std::size_t>(p * n + j)];
        float& to = wanted[static_cast<std::size_t>(i * c_row + j)];
        to = (add ? to : 0) + static_cast<float>(sum) * scales[static_cast<std::size_t>(j)];
      }
    for (std::size_t way = 0; way < ways.size(); ++way) {
      std::vector<float> got = c;
      ways[way](m, a.data(), a_row, a_col, &b, got.data(), c_row, add);
      for (std::size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], wanted[i]) << "way " << way << ", " << m << " x " << n << " x " << k << ", element " << i;
    }
  }
}

}  // namespace
}  // namespace mlp::product
