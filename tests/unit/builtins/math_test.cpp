// Elementary functions against the host's long double library, which is good to 2^-62.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>

#include "stdlib/builtins/kernels.h"

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan_ = std::numeric_limits<double>::quiet_NaN();
constexpr double tiny = std::numeric_limits<double>::denorm_min();
const double edges[] = {0.0,    -0.0,   inf,    -inf,   nan_,    tiny,   -tiny,  0x1p-1022, -0x1p-1022, 0x1.fffffffffffffp-1023, 1.0,    -1.0,   0.5,
                        2.0,    -2.0,   10.0,   0.1,    709.78,  709.79, -745.1, -745.2,    -708.4,     1e300,                   -1e300, 1e-300, 0x1.fffffffffffffp+1023,
                        -0x1.fffffffffffffp+1023, 0x1p53, 0x1p52, -0x1p52, 0x1p63, -0x1p63, 3.0, -3.0, 0.3466, 0.7071067811865475, 1.4142135623730951, 1e6, 1048575.9, 1048576.1, 0x1p54};

bool same_bits(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::memcmp(&a, &b, sizeof a) == 0;
}

// Distance of `got` from the exact value in units of the last place of the nearest double.
double ulps(double got, long double exact) {
  const double nearest = static_cast<double>(exact);
  if (std::isnan(nearest) || std::isnan(got)) return std::isnan(nearest) && std::isnan(got) ? 0 : 1e300;
  if (std::isinf(nearest) || std::isinf(got)) {
    if (got == nearest) return 0;
    return std::abs(std::isinf(nearest) ? got : nearest) == std::numeric_limits<double>::max() ? 1 : 1e300;
  }
  if (nearest == 0 && got == 0) return std::signbit(nearest) == std::signbit(got) ? 0 : 1e300;
  int exponent = 0;
  std::frexp(nearest, &exponent);
  const long double unit = std::ldexp(1.0L, std::max(exponent - 53, -1074));
  return static_cast<double>(std::fabs((static_cast<long double>(got) - exact) / unit));
}

struct Case {
  const char* name;
  double (*ours)(double);
  long double (*exact)(long double);
  double low, high, bound;
};

const Case cases[] = {
    {"exp", mlp_exp, std::exp, -746, 711, 1},
    {"exp", mlp_exp, std::exp, -1, 1, 1},
    {"expm1", mlp_expm1, std::expm1, -60, 711, 2},
    {"expm1", mlp_expm1, std::expm1, -1.5, 1.5, 2},
    {"log", mlp_log, std::log, 0, 10, 1},
    {"log", mlp_log, std::log, 0.5, 2, 1},
    {"log", mlp_log, std::log, 0, 1e300, 1},
    {"log2", mlp_log2, std::log2, 0, 10, 1},
    {"log2", mlp_log2, std::log2, 0.5, 2, 1},
    {"log10", mlp_log10, std::log10, 0, 10000, 1},
    {"log10", mlp_log10, std::log10, 0.5, 2, 1},
    {"log1p", mlp_log1p, std::log1p, -1, 10, 1},
    {"log1p", mlp_log1p, std::log1p, -0.5, 1, 1},
    {"log1p", mlp_log1p, std::log1p, -0.3, -0.24, 1},
    {"sin", mlp_sin, std::sin, -10, 10, 1},
    {"sin", mlp_sin, std::sin, -2e6, 2e6, 1},
    {"sin", mlp_sin, std::sin, -1e18, 1e18, 1},
    {"cos", mlp_cos, std::cos, -10, 10, 1},
    {"cos", mlp_cos, std::cos, -2e6, 2e6, 1},
    {"cos", mlp_cos, std::cos, -1e18, 1e18, 1},
    {"asin", mlp_asin, std::asin, -1, 1, 3},
    {"acos", mlp_acos, std::acos, -1, 1, 3},
    {"atan", mlp_atan, std::atan, -5, 5, 1},
    {"atan", mlp_atan, std::atan, -1e6, 1e6, 1},
    {"tanh", mlp_tanh, std::tanh, -25, 25, 3},
    {"tanh", mlp_tanh, std::tanh, -1, 1, 3},
    {"sigmoid", mlp_sigmoid, [](long double v) -> long double { return v < 0 ? std::exp(v) / (1 + std::exp(v)) : 1 / (1 + std::exp(-v)); }, -750, 50, 3},
    {"sigmoid", mlp_sigmoid, [](long double v) -> long double { return v < 0 ? std::exp(v) / (1 + std::exp(v)) : 1 / (1 + std::exp(-v)); }, -2, 2, 3},
    {"softplus", mlp_softplus, [](long double v) -> long double { return (v > 0 ? v : 0) + std::log1p(std::exp(-std::fabs(v))); }, -700, 50, 2},
    {"softplus", mlp_softplus, [](long double v) -> long double { return (v > 0 ? v : 0) + std::log1p(std::exp(-std::fabs(v))); }, -2, 2, 2},
    {"sqrt", mlp_sqrt, std::sqrt, 0, 1e10, 0.5},
};

TEST(Math, ErrorBounds) {
  for (const Case& c : cases) {
    std::mt19937_64 random(7);
    double worst = 0, at = 0;
    const auto look = [&](double v) {
      const double error = ulps(c.ours(v), c.exact(v));
      if (error > worst) {
        worst = error;
        at = v;
      }
    };
    for (double v : edges) look(v);
    for (int i = 0; i < 1'000'000; ++i) look(c.low + (c.high - c.low) * (static_cast<double>(random() >> 11) * 0x1p-53));
    for (int i = 0; i < 200'000; ++i) {  // every exponent
      const std::uint64_t bits = random();
      double v;
      std::memcpy(&v, &bits, sizeof v);
      // The long double library has no exact sine beyond 2^63.
      if ((std::strcmp(c.name, "sin") == 0 || std::strcmp(c.name, "cos") == 0) && std::fabs(v) > 0x1p62) continue;
      look(v);
    }
    RecordProperty(std::string(c.name) + "_" + std::to_string(c.low), std::to_string(worst));
    std::printf("%-8s [%g, %g]: %.3f ulp at %a\n", c.name, c.low, c.high, worst, at);
    EXPECT_LE(worst, c.bound) << c.name << " at " << at;
  }
}

TEST(Math, Log1pAroundItsPowersOfTwo) {
  // Where 1 + v is split otherwise, and where it is rounded there; every power of two, up to the largest number.
  double worst = 0, at = 0;
  const auto look = [&](double v) {
    const double error = ulps(mlp_log1p(v), std::log1p(static_cast<long double>(v)));
    if (error > worst) worst = error, at = v;
  };
  for (int exponent = -54; exponent <= 1023; ++exponent)
    for (const double m : {1.0, 1.25, 1.5, 1.75}) {
      double up = std::ldexp(m, exponent), down = up;
      for (int i = 0; i < 200; ++i) {
        for (const double near : {up, down}) {
          look(near);
          look(near - 1);
          if (near < 1) look(-near);
        }
        up = std::nextafter(up, inf);
        down = std::nextafter(down, 0);
      }
    }
  std::printf("log1p: %.3f ulp at %a\n", worst, at);
  EXPECT_LE(worst, 1) << "at " << at;
}

TEST(Math, HugeAngles) {
  // Values from exact arithmetic with 2,000 bits of pi.
  EXPECT_EQ(mlp_sin(1e22), -0.8522008497671888);
  EXPECT_EQ(mlp_cos(1e22), 0.523214785395139);
  EXPECT_EQ(mlp_sin(0x1.fffffffffffffp+1023), 0.004961954789184062);
  EXPECT_EQ(mlp_cos(0x1.fffffffffffffp+1023), -0.9999876894265599);
  EXPECT_EQ(mlp_sin(-0x1.fffffffffffffp+1023), -0.004961954789184062);
  EXPECT_EQ(mlp_cos(0x1.6ac5b262ca1ffp+849), -4.687165924254628e-19);  // the double nearest to a multiple of pi/2
}

TEST(Math, AnglesOfPoints) {
  std::mt19937_64 random(13);
  double worst = 0;
  const auto look = [&](double y, double x) {
    const double error = ulps(mlp_atan2(y, x), std::atan2(static_cast<long double>(y), static_cast<long double>(x)));
    if (error > 2) ADD_FAILURE() << "atan2(" << y << ", " << x << ") = " << mlp_atan2(y, x) << ": " << error << " ulp";
    worst = std::max(worst, error);
  };
  for (double y : edges)
    for (double x : edges) look(y, x);
  const auto uniform = [&] { return (static_cast<double>(random() >> 11) * 0x1p-52 - 1) * 10; };
  for (int i = 0; i < 1'000'000; ++i) look(uniform(), uniform());
  for (int i = 0; i < 200'000; ++i) {
    const std::uint64_t bits[2] = {random(), random()};
    double v[2];
    std::memcpy(v, bits, sizeof v);
    look(v[0], v[1]);
  }
  std::printf("atan2: %.3f ulp\n", worst);
}

TEST(Math, Pow) {
  std::mt19937_64 random(11);
  double worst = 0, worst_a = 0, worst_b = 0;
  const auto look = [&](double a, double b) {
    const double error = ulps(mlp_pow(a, b), std::pow(static_cast<long double>(a), static_cast<long double>(b)));
    if (error > worst) worst = error, worst_a = a, worst_b = b;
  };
  for (double a : edges)
    for (double b : edges) {
      const double expected = std::pow(a, b);
      if (std::isfinite(expected) && expected != 0) look(a, b);
      else EXPECT_TRUE(same_bits(mlp_pow(a, b), expected)) << a << " ^ " << b << " = " << mlp_pow(a, b) << ", not " << expected;
    }
  const auto uniform = [&](double low, double high) { return low + (high - low) * (static_cast<double>(random() >> 11) * 0x1p-53); };
  for (int i = 0; i < 500'000; ++i) look(uniform(0, 10), uniform(-300, 300));
  for (int i = 0; i < 500'000; ++i) look(uniform(0.9, 1.1), uniform(-7000, 7000));
  for (int i = 0; i < 500'000; ++i) look(uniform(0, 1e6), uniform(-3, 3));
  for (int i = 0; i < 200'000; ++i) {
    const std::uint64_t x = random(), y = random();
    double a, b;
    std::memcpy(&a, &x, 8);
    std::memcpy(&b, &y, 8);
    look(a, b);
  }
  std::printf("pow: %.3f ulp at %a ^ %a\n", worst, worst_a, worst_b);
  EXPECT_LE(worst, 1);
  // Exact where the result is a double.
  for (int base = -60; base <= 60; ++base) {
    double power = 1;
    for (int n = 0; n <= 60 && std::fabs(power) <= 0x1p53; ++n, power *= base) EXPECT_EQ(mlp_pow(base, n), power) << base << " ^ " << n;
  }
  for (int n = -1074; n <= 1023; ++n) EXPECT_EQ(mlp_pow(2, n), std::ldexp(1.0, n)) << n;
  for (int n = 0; n < 100'000; ++n) EXPECT_EQ(mlp_pow(static_cast<double>(n) * n, 0.5), n);
  EXPECT_EQ(mlp_pow(10, -3), 1e-3);
}

TEST(Math, LogarithmsOfPowers) {
  for (int n = -1074; n <= 1023; ++n) EXPECT_EQ(mlp_log2(std::ldexp(1.0, n)), n);
  double power = 1;
  for (int n = 0; n <= 22; ++n, power *= 10) EXPECT_EQ(mlp_log10(power), n);
}

TEST(Math, Rounding) {
  std::mt19937_64 random(5);
  const auto look = [&](double v) {
    EXPECT_TRUE(same_bits(mlp_floor(v), std::floor(v))) << v;
    EXPECT_TRUE(same_bits(mlp_ceil(v), std::ceil(v))) << v;
    EXPECT_TRUE(same_bits(mlp_trunc(v), std::trunc(v))) << v;
    EXPECT_TRUE(same_bits(mlp_round(v), std::round(v))) << v;
    EXPECT_TRUE(same_bits(mlp_abs(v), std::fabs(v))) << v;
    const bool fits = v >= -0x1p63 && v < 0x1p63;
    EXPECT_EQ(mlp_to_int_ok(v), fits) << v;
    EXPECT_EQ(mlp_to_int(v), fits ? static_cast<std::int64_t>(v) : 0) << v;
    EXPECT_EQ(mlp_is_nan(v), std::isnan(v));
    EXPECT_EQ(mlp_is_finite(v), std::isfinite(v));
  };
  for (double v : edges) look(v);
  for (double v : {0.5, 1.5, 2.5, -0.5, -1.5, 0.49999999999999994, -0.49999999999999994, 0x1p52 + 1, 0x1p51 + 0.5, 4503599627370495.5, 9007199254740993.0}) look(v);
  for (int i = 0; i < 300'000; ++i) {
    look((static_cast<double>(random() >> 11) - 0x1p52) * 0x1p-45);
    const std::uint64_t bits = random();
    double v;
    std::memcpy(&v, &bits, 8);
    look(v);
  }
}

TEST(Math, Remainder) {
  std::mt19937_64 random(3);
  const auto floored = [](double a, double b) {
    double r = std::fmod(a, b);
    if (r == 0) return std::copysign(r, b);
    return (r < 0) != (b < 0) ? r + b : r;
  };
  const auto look = [&](double a, double b) { EXPECT_TRUE(same_bits(mlp_mod(a, b), floored(a, b))) << a << " % " << b << " = " << mlp_mod(a, b); };
  for (double a : edges)
    for (double b : edges) look(a, b);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t x = random(), y = random();
    double a, b;
    std::memcpy(&a, &x, 8);
    std::memcpy(&b, &y, 8);
    look(a, b);
    look(a * 0x1p-1000, b * 0x1p-1000);
    look(static_cast<double>(static_cast<std::int64_t>(x)) * 0x1p-40, static_cast<double>(y % 1000) * 0.25);
  }
  EXPECT_EQ(mlp_mod_int(7, 3), 1);
  EXPECT_EQ(mlp_mod_int(-7, 3), 2);
  EXPECT_EQ(mlp_mod_int(7, -3), -2);
  EXPECT_EQ(mlp_mod_int(-7, -3), -1);
  EXPECT_EQ(mlp_mod_int(std::numeric_limits<std::int64_t>::min(), -1), 0);
  EXPECT_EQ(mlp_mod_int(5, 0), 0);
  EXPECT_EQ(mlp_mod_int_ok(5, 0), 0);
}

TEST(Math, OrderAndSign) {
  EXPECT_TRUE(std::isnan(mlp_min(nan_, 1)) && std::isnan(mlp_min(1, nan_)) && std::isnan(mlp_max(nan_, 1)) && std::isnan(mlp_max(1, nan_)));
  EXPECT_EQ(mlp_min(2, 3), 2);
  EXPECT_EQ(mlp_max(2, inf), inf);
  EXPECT_EQ(mlp_clamp(5, 0, 1), 1);
  EXPECT_EQ(mlp_clamp(-5, 0, 1), 0);
  EXPECT_TRUE(std::isnan(mlp_clamp(nan_, 0, 1)));
  EXPECT_EQ(mlp_clamp_int(5, 0, 1), 1);
  EXPECT_EQ(mlp_sign(-0.1), -1);
  EXPECT_TRUE(same_bits(mlp_sign(-0.0), 0.0));
  EXPECT_TRUE(std::isnan(mlp_sign(std::numeric_limits<double>::quiet_NaN())) && std::isnan(mlp_sign(-std::numeric_limits<double>::quiet_NaN())));
  EXPECT_EQ(mlp_sign_int(std::numeric_limits<std::int64_t>::min()), -1);
  EXPECT_EQ(mlp_abs_int(std::numeric_limits<std::int64_t>::min()), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(mlp_min_int(-1, 2), -1);
  EXPECT_EQ(mlp_max_int(-1, 2), 2);
}

}  // namespace
