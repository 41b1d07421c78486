// Products that wait for more rows give the bits of those that do not.
#include "runtime/learn/late_products.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <random>

#include "runtime/product/product.h"

namespace mlp::learn {
namespace {

int products = 0;
MLP_PRODUCT(counted) {
  ++products;
  product::best(Precision::float32)(m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, add);
}

TEST(LateProducts, GiveTheBitsOfThoseAtOnce) {
  std::mt19937_64 rng(1);
  const std::int64_t m = 700, n = 96, most = 40;
  const auto numbers = [&](std::int64_t count) {
    std::vector<float> out(static_cast<std::size_t>(count));
    for (float& v : out) v = std::uniform_real_distribution<float>(-1, 1)(rng);
    return out;
  };
  std::vector<float> large(static_cast<std::size_t>(m * n)), small(static_cast<std::size_t>(10 * n)), narrow(static_cast<std::size_t>(1100 * 60));
  LateProducts late;
  late.add(large.data(), m * n);
  late.add(small.data(), 10 * n);
  late.add(narrow.data(), 1100 * 60);                    // what waits would be more than what is spared: at once
  for (int round = 0; round < 20; ++round) {
    SCOPED_TRACE(round);
    // 3 parts of 4 rows that fit together; or parts of any sizes, of which some are too large to wait.
    const int parts = round == 0 ? 3 : 1 + static_cast<int>(rng() % 30);
    std::fill(large.begin(), large.end(), std::numeric_limits<float>::quiet_NaN());
    std::fill(small.begin(), small.end(), std::numeric_limits<float>::quiet_NaN());
    std::vector<float> wanted = large, wanted_small = small;
    const mlp_product product = late.begin(counted);
    products = 0;
    for (int p = 0; p < parts; ++p) {
      const std::int64_t k = round == 0 ? 4 : 1 + static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(round % 2 ? most : 5));
      const bool turned = round > 0 && rng() % 8 == 0;   // a left side that lies the other way
      std::vector<float> a = numbers(m * k), b = numbers((n + 3) * k);
      product::best(Precision::float32)(m, n, k, a.data(), turned ? k : 1, turned ? 1 : m, b.data(), n + 3, 1, wanted.data(), n, p > 0);
      product::best(Precision::float32)(10, n, k, a.data(), 1, m, b.data(), n + 3, 1, wanted_small.data(), n, p > 0);
      product(m, n, k, a.data(), turned ? k : 1, turned ? 1 : m, b.data(), n + 3, 1, large.data(), n, p > 0);
      product(10, n, k, a.data(), 1, m, b.data(), n + 3, 1, small.data(), n, p > 0);
      const std::vector<float> tall = numbers(1100 * k);
      std::vector<float> wanted_narrow = narrow;
      product::best(Precision::float32)(1100, 60, k, tall.data(), 1, 1100, b.data(), n + 3, 1, wanted_narrow.data(), 60, p > 0);
      product(1100, 60, k, tall.data(), 1, 1100, b.data(), n + 3, 1, narrow.data(), 60, p > 0);
      ASSERT_EQ(std::memcmp(narrow.data(), wanted_narrow.data(), narrow.size() * sizeof(float)), 0);
      ASSERT_EQ(std::memcmp(small.data(), wanted_small.data(), small.size() * sizeof(float)), 0);  // stays near: at once
      std::fill(a.begin(), a.end(), 0.0f);               // scratch is used again
      std::fill(b.begin(), b.end(), 0.0f);
    }
    if (round == 3) continue;                            // a batch that is given up
    late.finish();
    ASSERT_EQ(std::memcmp(large.data(), wanted.data(), large.size() * sizeof(float)), 0);
    if (round == 0) {
      EXPECT_EQ(products, 3 + 3 + 1);
    }
    late.finish();
    ASSERT_EQ(std::memcmp(large.data(), wanted.data(), large.size() * sizeof(float)), 0);
  }
}

TEST(LateProducts, LeaveProductsAloneWhereNoGradientIsLarge) {
  LateProducts late;
  float gradient = 0;
  late.add(&gradient, 1);
  EXPECT_EQ(late.begin(counted), counted);
  late.finish();
}

}  // namespace
}  // namespace mlp::learn
