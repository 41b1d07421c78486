// Single precision against double, over every 1021st float there is.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <limits>

#include "stdlib/builtins/kernels.h"

namespace {

// Distance in units of the last place of the float nearest to what is exact.
double ulps(float got, double exact) {
  const float nearest = static_cast<float>(exact);
  if (std::isnan(exact)) return std::isnan(got) ? 0 : 1e9;
  if (std::isinf(nearest) || std::isinf(got)) return got == nearest || std::nextafter(std::fabs(got), std::numeric_limits<float>::infinity()) == std::fabs(nearest) ? 0 : 1e9;
  const int exponent = std::max(std::ilogb(exact == 0 ? 1e-300 : exact), -126);
  return std::fabs(static_cast<double>(got) - exact) / std::ldexp(1.0, exponent - 23);
}

double exact_sigmoid(double v) { return v < 0 ? std::exp(v) / (1 + std::exp(v)) : 1 / (1 + std::exp(-v)); }
double exact_softplus(double v) { return std::fmax(v, 0.0) + std::log1p(std::exp(-std::fabs(v))); }
double exact_sign(double v) { return v > 0 ? 1 : v < 0 ? -1 : v; }

TEST(Floats, KeepTheirErrorBounds) {
  const struct {
    const char* name;
    float (*ours)(float);
    double (*exact)(double);
    double bound;
  } all[] = {{"exp", mlp_exp_f32, std::exp, 1},          {"expm1", mlp_expm1_f32, std::expm1, 2},          {"log", mlp_log_f32, std::log, 1},
             {"log1p", mlp_log1p_f32, std::log1p, 2},    {"tanh", mlp_tanh_f32, std::tanh, 3},             {"sigmoid", mlp_sigmoid_f32, exact_sigmoid, 3},
             {"softplus", mlp_softplus_f32, exact_softplus, 2}, {"sign", mlp_sign_f32, exact_sign, 0},     {"trunc", mlp_trunc_f32, std::trunc, 0},
             {"floor", mlp_floor_f32, std::floor, 0},    {"ceil", mlp_ceil_f32, std::ceil, 0},             {"round", mlp_round_f32, std::round, 0}};
  for (const auto& f : all) {
    double worst = 0;
    float at = 0;
    for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += 1021) {
      const float v = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
      const double error = ulps(f.ours(v), f.exact(v));
      if (error > worst) worst = error, at = v;
    }
    std::printf("%-8s %.3f ulp at %a\n", f.name, worst, static_cast<double>(at));
    EXPECT_LE(worst, f.bound) << f.name << " at " << at;
  }
}

TEST(Floats, MasksFallOutAsOftenAsTheyShould) {
  int out = 0;
  double sum = 0;
  for (std::int64_t row = 0; row < 200; ++row) {
    const std::uint64_t key = mlp_mask_key(1, 2, row, 3);
    for (std::int32_t element = 0; element < 500; ++element) {
      const float unit = mlp_mask_unit(key, element);
      ASSERT_TRUE(unit >= 0 && unit < 1);
      out += unit < 0.3f;
      sum += unit;
    }
  }
  EXPECT_NEAR(out / 1e5, 0.3, 0.01);
  EXPECT_NEAR(sum / 1e5, 0.5, 0.005);
  EXPECT_NE(mlp_mask_key(1, 2, 3, 4), mlp_mask_key(2, 1, 3, 4));
  EXPECT_NE(mlp_mask_key(1, 2, 3, 4), mlp_mask_key(1, 2, 4, 3));
}

}  // namespace
