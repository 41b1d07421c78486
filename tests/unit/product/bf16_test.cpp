// Products of rounded numbers against their definition, bit for bit, at every level.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "runtime/product/bf16.h"

namespace mlp::product {
namespace {

struct Way {
  std::string name;
  mlp_product product;
  mlp_packed_product packed;
};
std::vector<Way> ways() {
  std::vector<Way> out = {{"portable", bf16_portable, bf16_packed_portable}};
#if defined(__x86_64__)
  if (best_cpu_level() >= CpuLevel::v3) out.push_back({"avx2", bf16_avx2, bf16_packed_avx2});
  if (best_cpu_level() >= CpuLevel::v4) out.push_back({"avx512", bf16_avx512, bf16_packed_avx512});
  if (best_cpu_level() >= CpuLevel::v4 && __builtin_cpu_supports("avx512bf16")) out.push_back({"native", bf16_native, bf16_packed_native});
#endif
  return out;
}

// The nearest of the numbers with 8 leading bits, found by looking at both neighbours.
float rounded(float v) {
  if (std::isnan(v)) return v;
  if (std::fabs(v) < std::numeric_limits<float>::min()) return std::copysign(0.0f, v);
  if (std::isinf(v)) return v;
  int exponent = 0;
  const double part = std::frexp(static_cast<double>(v), &exponent);         // of 0.5 to 1
  return static_cast<float>(std::ldexp(std::nearbyint(part * 256), exponent - 8));  // halves to the even; above the greatest: infinity
}
float flushed(float v) { return std::fabs(v) < std::numeric_limits<float>::min() ? std::copysign(0.0f, v) : v; }
// a * b + c, rounded to 24 bits of any exponent, then 0 where that is below the least normal number.
float step(float a, float b, float c) {
  c = flushed(c);
  const double sum = static_cast<double>(a) * b + c;          // of 16 and 24 bits: exact wherever the exponents lie near enough to matter
  if (!(std::fabs(sum) < 0x1p-120)) return std::fma(a, b, c);
  int exponent = 0;
  const double part = std::frexp(sum, &exponent), bits = std::ldexp(std::nearbyint(std::ldexp(part, 24)), exponent - 24);
  return std::fabs(bits) < 0x1p-126 ? std::copysign(0.0f, static_cast<float>(sum)) : static_cast<float>(bits);
}

struct Case {
  std::int64_t m, n, k;
  bool a_by_column, b_by_column, add;
};

float element(std::mt19937_64& rng, int kind) {
  const double unit = std::uniform_real_distribution<double>(-1, 1)(rng);
  if (kind == 0) return static_cast<float>(unit);
  if (kind == 1) return static_cast<float>(std::ldexp(unit, static_cast<int>(rng() % 80) - 40));  // cancels, and rounds far below
  if (kind == 2) return std::bit_cast<float>(static_cast<std::uint32_t>((rng() & 0x80000000u) | ((0x3f800000u + (rng() % 64 << 15)))));  // halves between two numbers
  if (rng() % 50 == 0) return rng() % 2 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  if (rng() % 50 == 0) return std::numeric_limits<float>::max();
  return static_cast<float>(std::ldexp(unit, -static_cast<int>(rng() % 150)));  // denormals too
}

bool same(float a, float b) { return std::memcmp(&a, &b, sizeof a) == 0 || (std::isnan(a) && std::isnan(b)); }

void check(const Case& at, std::mt19937_64& rng, int kind) {
  std::vector<float> a(static_cast<std::size_t>(at.m * at.k)), b(static_cast<std::size_t>(at.k * at.n)), c(static_cast<std::size_t>(at.m * (at.n + 3)));
  for (float& v : a) v = element(rng, kind);
  for (float& v : b) v = element(rng, kind);
  for (float& v : c) v = element(rng, kind);
  const std::int64_t a_row = at.a_by_column ? 1 : at.k, a_col = at.a_by_column ? at.m : 1;
  const std::int64_t b_row = at.b_by_column ? 1 : at.n, b_col = at.b_by_column ? at.k : 1, c_row = at.n + 3;
  std::vector<float> left, right, wanted = c;
  for (const float v : a) left.push_back(rounded(v));
  for (const float v : b) right.push_back(rounded(v));
  for (std::int64_t i = 0; i < at.m; ++i)
    for (std::int64_t j = 0; j < at.n; ++j) {
      float sum = at.add ? c[static_cast<std::size_t>(i * c_row + j)] : 0;
      const auto term = [&](std::int64_t p) { sum = p < at.k ? step(left[static_cast<std::size_t>(i * a_row + p * a_col)], right[static_cast<std::size_t>(p * b_row + j * b_col)], sum) : step(0, 0, sum); };
      for (std::int64_t p = 0; p < at.k; p += 2) term(p + 1), term(p);
      wanted[static_cast<std::size_t>(i * c_row + j)] = sum;
    }
  const PairWeights weights = pack_pairs(b.data(), b_row, b_col, at.k, at.n);
  for (const Way& way : ways()) for (const bool packed : {false, true}) {
    std::vector<float> got = c;
    if (packed) way.packed(at.m, a.data(), a_row, a_col, &weights, got.data(), c_row, at.add);
    else way.product(at.m, at.n, at.k, a.data(), a_row, a_col, b.data(), b_row, b_col, got.data(), c_row, at.add);
    for (std::size_t i = 0; i < got.size(); ++i)
      ASSERT_TRUE(same(got[i], wanted[i])) << way.name << (packed ? ", packed, " : ", ") << at.m << " x " << at.n << " x " << at.k << (at.a_by_column ? ", a by column" : "") << (at.b_by_column ? ", b by column" : "")
                                           << ", element " << i << ": " << got[i] << ", not " << wanted[i];
  }
}

TEST(Bf16Product, IsItsDefinitionAtEveryLevel) {
  std::mt19937_64 rng(1);
  for (int round = 0; round < 600; ++round) {
    const auto below = [&](std::int64_t n) { return static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(n)); };
    check({1 + below(round % 7 ? 20 : round % 21 ? 70 : 900), 1 + below(round % 5 ? 70 : 300), below(round % 11 ? 40 : 1200), below(2) == 1, below(2) == 1, below(2) == 1}, rng, round % 4);
  }
}

TEST(Bf16Product, OverSeveralBlocks) {  // of rows and of k, and what is left of each
  std::mt19937_64 rng(6);
  for (const bool a_by_column : {false, true})
    for (const bool b_by_column : {false, true}) check({left_height + 47, 130, left_depth + 3, a_by_column, b_by_column, a_by_column != b_by_column}, rng, 0);
}

// Strides that lie together on no side.
TEST(Bf16Product, TakesAnyStrides) {
  std::mt19937_64 rng(3);
  const std::int64_t m = 9, n = 21, k = 15;
  std::vector<float> a(m * k * 3), b(k * n * 2), close_a(m * k), close_b(k * n);
  for (float& v : a) v = element(rng, 0);
  for (float& v : b) v = element(rng, 0);
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t p = 0; p < k; ++p) close_a[static_cast<std::size_t>(i * k + p)] = a[static_cast<std::size_t>((i * k + p) * 3)];
  for (std::int64_t p = 0; p < k; ++p)
    for (std::int64_t j = 0; j < n; ++j) close_b[static_cast<std::size_t>(p * n + j)] = b[static_cast<std::size_t>((p * n + j) * 2)];
  for (const Way& way : ways()) {
    std::vector<float> got(m * n), wanted(m * n);
    way.product(m, n, k, a.data(), 3 * k, 3, b.data(), 2 * n, 2, got.data(), n, 0);
    way.product(m, n, k, close_a.data(), k, 1, close_b.data(), n, 1, wanted.data(), n, 0);
    EXPECT_EQ(std::memcmp(got.data(), wanted.data(), got.size() * sizeof(float)), 0) << way.name;
  }
}

// Near the least normal number what a sum rounds to decides whether it is 0.
TEST(Bf16Product, FlushesWhatIsTinyAfterRounding) {
  std::mt19937_64 rng(4);
  int zeros = 0, least = 0;
  for (int round = 0; round < 20000; ++round) {
    const float c = std::bit_cast<float>(static_cast<std::uint32_t>(0x00800000u + rng() % 64));
    const float a[2] = {std::bit_cast<float>(static_cast<std::uint32_t>(0x80800000u + (rng() % 128 << 16))), 0};
    const float b[2] = {std::bit_cast<float>(static_cast<std::uint32_t>(0x3f800000u - (rng() % 4000 << 16))), 0};
    const float wanted = step(a[0], rounded(b[0]), step(0, 0, c));
    zeros += wanted == 0;
    least += std::fabs(wanted) == std::numeric_limits<float>::min();
    for (const Way& way : ways()) {
      float got = c;
      way.product(1, 1, 2, a, 2, 1, b, 1, 1, &got, 1, 1);
      ASSERT_TRUE(same(got, wanted)) << way.name << ": " << a[0] << " * " << b[0] << " + " << c << " = " << got << ", not " << wanted;
    }
  }
  EXPECT_GT(zeros, 100);
  EXPECT_GT(least, 10);
}

TEST(Bf16Product, RowsDoNotDependOnEachOther) {
  std::mt19937_64 rng(2);
  const std::int64_t m = 37, n = 70, k = 601;
  std::vector<float> a(m * k), b(k * n), together(m * n), alone(n);
  for (float& v : a) v = element(rng, 0);
  for (float& v : b) v = element(rng, 0);
  for (const Way& way : ways()) {
    way.product(m, n, k, a.data(), k, 1, b.data(), n, 1, together.data(), n, 0);
    for (std::int64_t i = 0; i < m; ++i) {
      way.product(1, n, k, a.data() + i * k, k, 1, b.data(), n, 1, alone.data(), n, 0);
      ASSERT_EQ(std::memcmp(alone.data(), together.data() + i * n, n * sizeof(float)), 0) << way.name << ", row " << i;
    }
  }
}

// What the caller has set for floats is as it was.
TEST(Bf16Product, LeavesDenormalNumbersToOthers) {
  const float a = 1, b = 1, tiny = 0x1p-130f;
  for (const Way& way : ways()) {
    float c = 0;
    way.product(1, 1, 1, &a, 1, 1, &b, 1, 1, &c, 1, 0);
    volatile float half = tiny;
    half = half * 0.5f;
    EXPECT_EQ(half, 0x1p-131f) << way.name;
  }
}

TEST(Bf16Product, IsChosenByLevel) {
  for (const CpuLevel level : {CpuLevel::v2, CpuLevel::v3, CpuLevel::v4}) {
    if (level > best_cpu_level()) continue;
    EXPECT_EQ(of(level, Precision::bf16), bf16_of(level));
    EXPECT_NE(of(level, Precision::bf16), of(level));
    EXPECT_NE(bf16_packed_of(level), nullptr);
  }
}

}  // namespace
}  // namespace mlp::product
