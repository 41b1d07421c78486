// Products against their definition, bit for bit, at every level.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "runtime/product/product.h"

namespace mlp::product {
namespace {

std::vector<CpuLevel> levels() {
  std::vector<CpuLevel> out;
  for (const CpuLevel level : {CpuLevel::v2, CpuLevel::v3, CpuLevel::v4})
    if (level <= best_cpu_level()) out.push_back(level);
  return out;
}

struct Case {
  std::int64_t m, n, k;
  bool a_by_column, b_by_column, add;
  std::int64_t gap = 3;  // behind each row of c
};

float element(std::mt19937_64& rng, int kind) {
  const double unit = std::uniform_real_distribution<double>(-1, 1)(rng);
  if (kind == 0) return static_cast<float>(unit);
  if (kind == 1) return static_cast<float>(std::ldexp(unit, static_cast<int>(rng() % 80) - 40));  // cancels, and rounds far below
  if (rng() % 50 == 0) return rng() % 2 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  return static_cast<float>(std::ldexp(unit, -static_cast<int>(rng() % 150)));  // denormals too
}

void check(const Case& at, std::mt19937_64& rng, int kind) {
  std::vector<float> a(static_cast<std::size_t>(at.m * at.k)), b(static_cast<std::size_t>(at.k * at.n)), c(static_cast<std::size_t>(at.m * (at.n + at.gap)));
  for (float& v : a) v = element(rng, kind);
  for (float& v : b) v = element(rng, kind);
  for (float& v : c) v = element(rng, kind);
  const std::int64_t a_row = at.a_by_column ? 1 : at.k, a_col = at.a_by_column ? at.m : 1;
  const std::int64_t b_row = at.b_by_column ? 1 : at.n, b_col = at.b_by_column ? at.k : 1, c_row = at.n + at.gap;
  std::vector<float> wanted = c;
  for (std::int64_t i = 0; i < at.m; ++i)
    for (std::int64_t j = 0; j < at.n; ++j) {
      float sum = at.add ? c[i * c_row + j] : 0;
      for (std::int64_t p = 0; p < at.k; ++p) sum = std::fma(a[i * a_row + p * a_col], b[p * b_row + j * b_col], sum);
      wanted[i * c_row + j] = sum;
    }
  for (const CpuLevel level : levels()) {
    std::vector<float> got = c;
    of(level)(at.m, at.n, at.k, a.data(), a_row, a_col, b.data(), b_row, b_col, got.data(), c_row, at.add);
    for (std::size_t i = 0; i < got.size(); ++i)
      ASSERT_TRUE(std::memcmp(&got[i], &wanted[i], sizeof(float)) == 0 || (std::isnan(got[i]) && std::isnan(wanted[i])))
          << "level " << static_cast<int>(level) << ", " << at.m << " x " << at.n << " x " << at.k << ", element " << i << ": " << got[i] << ", not " << wanted[i];
  }
}

TEST(Product, IsItsDefinitionAtEveryLevel) {
  std::mt19937_64 rng(1);
  for (int round = 0; round < 600; ++round) {
    const auto below = [&](std::int64_t n) { return static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(n)); };
    check({1 + below(round % 7 ? 20 : round % 21 ? 70 : 900), 1 + below(round % 5 ? 70 : 300), below(round % 11 ? 40 : 600), below(2) == 1, below(2) == 1, below(2) == 1}, rng, round % 3);
  }
}

TEST(Product, OfALeftSideThatIsPacked) {  // by columns, many columns of b: several blocks of rows and of k, and what is left of each
  std::mt19937_64 rng(3);
  for (const std::int64_t m : {std::int64_t{5}, std::int64_t{47}, left_height + 5})
    for (const bool add : {false, true}) check({m, 8 * avx512_tile.columns + 3, m < left_height ? 70 : left_depth + 3, true, add, add}, rng, 0);
}

TEST(Product, OfAColumn) {  // from 13 rows on that of the transposed sides
  std::mt19937_64 rng(4);
  for (const std::int64_t m : {std::int64_t{1}, std::int64_t{12}, std::int64_t{13}, std::int64_t{47}, std::int64_t{260}, left_height + 5})
    for (const std::int64_t k : {std::int64_t{0}, std::int64_t{1}, std::int64_t{5}, std::int64_t{70}, left_depth + 3})
      for (const bool by_column : {false, true})
        for (const bool add : {false, true})
          for (const std::int64_t gap : {0, 3}) check({m, 1, k, by_column, add, add, gap}, rng, static_cast<int>(m + k) % 3);
}

TEST(Product, RowsDoNotDependOnEachOther) {
  std::mt19937_64 rng(2);
  const std::int64_t m = 37, n = 70, k = 200;
  std::vector<float> a(m * k), b(k * n), together(m * n), alone(n);
  for (float& v : a) v = element(rng, 0);
  for (float& v : b) v = element(rng, 0);
  for (const CpuLevel level : levels()) {
    of(level)(m, n, k, a.data(), k, 1, b.data(), n, 1, together.data(), n, 0);
    for (std::int64_t i = 0; i < m; ++i) {
      of(level)(1, n, k, a.data() + i * k, k, 1, b.data(), n, 1, alone.data(), n, 0);
      ASSERT_EQ(std::memcmp(alone.data(), together.data() + i * n, n * sizeof(float)), 0) << "row " << i;
    }
  }
}

}  // namespace
}  // namespace mlp::product
