// exp and log from plain IEEE operations in a fixed order: the same bits on every machine, at every vector width.
// Both stay within 2 ulp of the true value. Algorithms: Cody and Waite reduction; log as in Sun's fdlibm (e_log.c).
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

namespace mlp::model {

// Saturates: below -708 gives exp(-708), above 709 gives exp(709). NaN stays NaN.
inline double exact_exp(double x) {
  x = x < -708.0 ? -708.0 : x;
  x = x > 709.0 ? 709.0 : x;
  const double shifted = x * 1.4426950408889634 + 0x1.8p52;  // the low bits of its mantissa hold the rounded integer
  const double n = shifted - 0x1.8p52;
  const double r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
  double p = 1.0 / 6227020800.0;
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  const std::uint64_t scale = (std::bit_cast<std::uint64_t>(shifted) << 52) + 0x3ff0000000000000u;
  return p * std::bit_cast<double>(scale);
}

// For positive, normal, finite x only.
inline double exact_log(double x) {
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
  const std::uint64_t moved = bits - 0x3fe6a09e667f3bcdu;  // mantissa into [sqrt(1/2), sqrt(2))
  const std::uint64_t exponent_bits = moved & 0xfff0000000000000u;
  const double m = std::bit_cast<double>(bits - exponent_bits);
  // The exponent, 12 bits signed, through the mantissa of 2^52: a conversion that every vector unit has.
  const double dk = std::bit_cast<double>((((moved >> 52) + 2048) & 0xfffu) | 0x4330000000000000u) - (0x1p52 + 2048.0);
  const double f = m - 1.0;
  const double s = f / (2.0 + f);
  const double z = s * s;
  const double w = z * z;
  const double t1 = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  const double t2 = z * (6.666666666666735130e-01 +
                         w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
  const double half = 0.5 * f * f;
  return dk * 6.93147180369123816490e-01 - ((half - (s * (half + (t1 + t2)) + dk * 1.90821492927058770002e-10)) - f);
}

inline double sigmoid(double score) { return 1.0 / (1.0 + exact_exp(-score)); }

// log(1 + exp(x)) without overflow.
inline double softplus(double x) {
  const double away = x < 0 ? x : -x;
  return (x > 0 ? x : 0.0) + exact_log(1.0 + exact_exp(away));
}

// Logarithm for metrics: log(0) = -infinity, log(infinity) = infinity, denormals scaled.
inline double safe_log(double x) {
  if (x == 0) return -HUGE_VAL;
  if (!(x > 0) || x == HUGE_VAL) return x > 0 ? x : std::nan("");
  return x < 0x1p-1022 ? exact_log(x * 0x1p54) - 54 * 0.69314718055994530942 : exact_log(x);
}

}  // namespace mlp::model
