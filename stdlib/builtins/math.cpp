// Numbers. The elementary functions are straight-line code with selects, so that loops over them vectorise; only huge
// angles and the remainder branch. Argument reduction after W. J. Cody and W. Waite, "Software Manual for the Elementary
// Functions" (1980); log, sine and cosine polynomials with the coefficients of fdlibm (Sun Microsystems, 1993; freely
// usable with this notice); exp by its Taylor series; error-free sums and products after T. J. Dekker, "A floating-point
// technique for extending the available precision" (1971).
#include "stdlib/builtins/kernels.h"

#ifdef __clang__
#define MLP_INLINE __attribute__((always_inline))
#define MLP_LATER __attribute__((noinline, const))   // until it is linked (codegen::link_builtins): what is computed depends on the target
#else
#define MLP_INLINE
#define MLP_LATER
#endif

namespace {

inline uint64_t bits_of(double v) { return __builtin_bit_cast(uint64_t, v); }
inline double double_of(uint64_t bits) { return __builtin_bit_cast(double, bits); }
inline double magnitude(double v) { return double_of(bits_of(v) & 0x7fffffffffffffff); }
inline double with_sign_of(double v, double sign) {
  return double_of((bits_of(v) & 0x7fffffffffffffff) | (bits_of(sign) & 0x8000000000000000));
}
constexpr double infinity = __builtin_inf(), not_a_number = __builtin_nan("");
// Both are computed before, so that this can be a select.
inline double choose(bool first, double a, double b) { return first ? a : b; }

// A number as an unevaluated sum, |low| at most half a unit of high.
struct Pair {
  double high, low;
};
inline Pair fast_sum(double a, double b) {  // exact when |a| >= |b| or a = 0
  const double s = a + b;
  return {s, (a - s) + b};
}
inline Pair exact_sum(double a, double b) {
  const double s = a + b, t = s - a;
  return {s, (a - (s - t)) + (b - t)};
}
inline Pair exact_product(double a, double b) {
  constexpr double splitter = 134217729.0;  // 2^27 + 1
  const double ca = splitter * a, ah = ca - (ca - a), al = a - ah;
  const double cb = splitter * b, bh = cb - (cb - b), bl = b - bh;
  const double p = a * b;
  return {p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
}

// Rounds to the nearest whole number, |v| < 2^51; the number is also in the low bits of the first sum.
constexpr double round_magic = 0x1.8p52;
// 2^k for -1022 <= k <= 1023, k as a two's complement number
inline double power_of_two(uint64_t k) { return double_of((k + 1023) << 52); }
// m * 2^k for -2048 < k < 2046, rounded once
inline double scale(double m, uint64_t k) {
  const uint64_t half = ((k + 4096) >> 1) - 2048;
  return m * power_of_two(half) * power_of_two(k - half);
}

constexpr double log2_e = 0x1.71547652b82fep+0;
constexpr double ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33;    // 32 bits, so that k * ln2_high is exact
constexpr double ln2_high21 = 0x1.62e42p-1, ln2_low41 = 0x1.fdf473de6bp-22;           // so that k times each is
constexpr double ln2_high42 = 0x1.62e42fefa3800p-1, ln2_low42 = 0x1.ef35793c76730p-45;

// v + low = k ln 2 + r + rest, |r| <= 0.35
struct Reduced {
  uint64_t k;
  double r, rest;
};
inline Reduced reduce_exp(double v, double low) {
  const double t = v * log2_e + round_magic, k = t - round_magic;
  const double a = v - k * ln2_high, b = k * ln2_low - low;
  const double r = a - b;
  return {bits_of(t) - bits_of(round_magic), r, (a - r) - b};
}
// exp(r) - 1 - r: Taylor series to degree 13, remainder below 2^-57 of exp(r) for |r| <= 0.35
inline double exp_tail(double r) {
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
  return p * r * r;
}
inline double exp_of(double v, double low) {  // exp(v + low), -746 <= v <= 710
  const Reduced x = reduce_exp(v, low);
  const Pair one = fast_sum(1.0, x.r);
  return scale(one.high + (one.low + (exp_tail(x.r) + x.rest)), x.k);
}
inline double limited(double v, double low, double high) { return v < low ? low : v > high ? high : v; }

// v = m * 2^k with m in [sqrt(1/2), sqrt(2)), for finite v > 0
struct Split {
  double m, k;
};
inline Split split_normal(double v) {
  const uint64_t bits = bits_of(v) + (0x3ff0000000000000 - 0x3fe6a09e00000000);
  return {double_of((bits & 0x000fffffffffffff) + 0x3fe6a09e00000000), double_of(0x4330000000000000 | (bits >> 52)) - (0x1p52 + 1023.0)};
}
inline Split split(double v) {
  const bool tiny = v < 0x1p-1022;
  const Split x = split_normal(choose(tiny, v * 0x1p54, v));
  return {x.m, choose(tiny, x.k - 54.0, x.k)};
}
// log(1 + f) = f - (f*f/2 - rest) with s = f/(2+f): rest = s * (f*f/2 + R(s*s)), fdlibm's R
inline double log_rest(double f, double half_square) {
  const double s = mlp_quotient(f, 2.0 + f), z = s * s, w = z * z;
  const double odd = z * (6.666666666666735130e-01 + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
  const double even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  return s * (half_square + (odd + even));
}
// What a logarithm is outside 0 < v < inf
inline double log_edges(double v, double inside) {
  // 0 < v < inf by one comparison of its bits
  return choose(bits_of(v) - 1 < bits_of(infinity) - 1, inside, choose(v == 0, -infinity, choose(v < 0, not_a_number, v)));
}
// log2 and log10: the logarithm as a pair with a short high part, times 1/ln(base) as such a pair (after FreeBSD's e_log2)
inline double log_scaled(double v, double inv_high, double inv_low, double unit_high, double unit_low) {
  const Split x = split(v);
  const double f = x.m - 1.0, half_square = 0.5 * f * f, rest = log_rest(f, half_square);
  const double high = double_of(bits_of(f - half_square) & 0xffffffff00000000);
  const double low = ((f - high) - half_square) + rest;
  const double value_high = high * inv_high, value_low = x.k * unit_low + ((low + high) * inv_low + low * inv_high);
  const Pair sum = exact_sum(x.k * unit_high, value_high);
  return log_edges(v, sum.high + (sum.low + value_low));
}

// Sine and cosine on |x| <= pi/4 of x + low, fdlibm's polynomials.
inline double sin_part(double x, double low) {
  const double z = x * x, cube = z * x;
  const double r = 8.33333333332248946124e-03 + z * (-1.98412698298579493134e-04 + z * (2.75573137070700676789e-06 + z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)));
  return x - ((z * (0.5 * low - cube * r) - low) - cube * -1.66666666666666324348e-01);
}
inline double cos_part(double x, double low) {
  const double z = x * x;
  const double r = z * (4.16666666666666019037e-02 + z * (-1.38888888888741095749e-03 + z * (2.48015872894767294178e-05 + z * (-2.75573143513906633035e-07 + z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11)))));
  const double half = 0.5 * z, w = 1.0 - half;
  return w + (((1.0 - w) - half) + (z * r - x * low));
}

struct Angle {  // v = quadrant * pi/2 + high + low
  uint64_t quadrant;
  double high, low;
};
inline Angle reduce_angle(double v) {  // |v| < 2^20
  // pi/2 in pieces of 33 bits, so that products with a quadrant number are exact
  constexpr double part1 = 0x1.921fb544p+0, part2 = 0x1.0b4611a6p-34, part3 = 0x1.3198a2ep-69, part4 = 0x1.b839a252049c1p-104;
  const double t = v * 0x1.45f306dc9c883p-1 + round_magic, n = t - round_magic;
  const Pair a = exact_sum(v - n * part1, -(n * part2));
  const Pair b = exact_sum(a.high, -(n * part3));
  const Pair c = fast_sum(b.high, (a.low + b.low) - n * part4);
  return {bits_of(t), c.high, c.low};
}
// |v| >= 2^20, finite: the fraction of v * 2/pi from the 192 bits of 2/pi that matter (M. H. Payne and R. N. Hanek,
// "Radian reduction for trigonometric functions", 1983)
__attribute__((noinline)) Angle reduce_huge_angle(double v) {
  static const uint64_t two_over_pi[20] = {  // after 64 zero bits, so that the first bit wanted always exists
      0, 0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561, 0xb7246e3a424dd2e0, 0x06492eea09d1921c,
      0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f,
      0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d, 0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08,
      0x56033046fc7b6bab};
  using wide = unsigned __int128;
  const uint64_t bits = bits_of(v);
  const int exponent = static_cast<int>((bits >> 52) & 0x7ff) - 1075;  // |v| = mantissa * 2^exponent
  const uint64_t mantissa = (bits & 0x000fffffffffffff) | 0x0010000000000000;
  // Bits before 2^-(exponent - 1) give whole turns only.
  const int first = exponent - 1 - 1 + 64, word = first / 64, shift = first % 64;
  uint64_t window[3];
  for (int i = 0; i < 3; ++i) window[i] = shift ? two_over_pi[word + i] << shift | two_over_pi[word + i + 1] >> (64 - shift) : two_over_pi[word + i];
  const wide p0 = static_cast<wide>(mantissa) * window[2];
  const wide p1 = static_cast<wide>(mantissa) * window[1] + static_cast<uint64_t>(p0 >> 64);
  const uint64_t top = mantissa * window[0] + static_cast<uint64_t>(p1 >> 64);
  uint64_t quadrant = top >> 62;
  wide fraction = static_cast<wide>(top << 2 | static_cast<uint64_t>(p1) >> 62) << 64 | (static_cast<uint64_t>(p1) << 2 | static_cast<uint64_t>(p0) >> 62);
  const bool upper = fraction >> 127;  // nearer to the next quadrant
  if (upper) {
    ++quadrant;
    fraction = -fraction;
  }
  // fraction * 2^-128 * pi/2 as a pair
  const int zeros = fraction >> 64 ? __builtin_clzll(static_cast<uint64_t>(fraction >> 64)) : 64;  // the fraction is never below 2^-64
  fraction <<= zeros;
  const double head = static_cast<double>(static_cast<int64_t>(fraction >> 75)) * 0x1p-53;
  const double tail = static_cast<double>(static_cast<int64_t>(static_cast<uint64_t>(fraction >> 12) & 0x7fffffffffffffff)) * 0x1p-116;
  const double unit = power_of_two(static_cast<uint64_t>(-static_cast<int64_t>(zeros)));
  const Pair product = exact_product(head, 0x1.921fb54442d18p+0);
  const double low = product.low + (head * 0x1.1a62633145c07p-54 + tail * 0x1.921fb54442d18p+0);
  const Pair sum = fast_sum(product.high, low);
  const bool negative = (bits >> 63) != 0;
  const double sign = upper != negative ? -unit : unit;
  return {negative ? -quadrant : quadrant, sum.high * sign, sum.low * sign};
}
inline double sin_or_cos(double v, uint64_t turn) {  // turn 1: cosine
  if (!(magnitude(v) < infinity)) return not_a_number;
  const Angle a = magnitude(v) < 0x1p20 ? reduce_angle(v) : reduce_huge_angle(v);
  const uint64_t quadrant = a.quadrant + turn;
  const double r = quadrant & 1 ? cos_part(a.high, a.low) : sin_part(a.high, a.low);
  return quadrant & 2 ? -r : r;
}

// Arc tangent for v >= 0: reduced to |t| <= 7/16 around one of five points, then fdlibm's polynomial.
inline double atan_of(double v) {
  const bool r1 = v >= 0.4375, r2 = v >= 0.6875, r3 = v >= 1.1875, r4 = v >= 2.4375;
  const double top = r4 ? -1.0 : r3 ? v - 1.5 : r2 ? v - 1.0 : r1 ? 2.0 * v - 1.0 : v;
  const double bottom = r4 ? v : r3 ? 1.0 + 1.5 * v : r2 ? v + 1.0 : r1 ? 2.0 + v : 1.0;
  const double high = r4 ? 1.57079632679489655800e+00 : r3 ? 9.82793723247329054082e-01 : r2 ? 7.85398163397448278999e-01 : r1 ? 4.63647609000806093515e-01 : 0.0;
  const double low = r4 ? 6.12323399573676603587e-17 : r3 ? 1.39033110312309984516e-17 : r2 ? 3.06161699786838301793e-17 : r1 ? 2.26987774529616870924e-17 : 0.0;
  const double t = top / bottom, z = t * t, w = z * z;
  const double odd = z * (3.33333333333329318027e-01 + w * (1.42857142725034663711e-01 + w * (9.09088713343650656196e-02 + w * (6.66107313738753120669e-02 + w * (4.97687799461593236017e-02 + w * 1.62858201153657823623e-02)))));
  const double even = w * (-1.99999999998764832476e-01 + w * (-1.11111104054623557880e-01 + w * (-7.69187620504482999495e-02 + w * (-5.83357013379057348645e-02 + w * -3.65315727442169155270e-02))));
  return high - ((t * (odd + even) - low) - t);
}

}  // namespace

extern "C" {

MLP_LATER double mlp_quotient(double a, double b) { return a / b; }
MLP_LATER double mlp_plus_exact(double sum, double a, double b) { return a * b + sum; }

MLP_INLINE double mlp_exp(double v) { return exp_of(limited(v, -746.0, 710.0), 0.0); }

MLP_INLINE double mlp_expm1(double v) {
  // 2^k exp(r) - 1 = 2^k ((1 - 2^-k) + r + tail)
  const Reduced x = reduce_exp(limited(v, -50.0, 710.0), 0.0);
  const double away = 1.0 - power_of_two(-(static_cast<int64_t>(x.k) > 1000 ? 1000 : x.k));
  const Pair sum = fast_sum(away, x.r);
  const double r = scale(sum.high + (sum.low + (exp_tail(x.r) + x.rest)), x.k);
  return v == 0 ? v : r;
}

MLP_INLINE double mlp_log(double v) {
  const Split x = split(v);
  const double f = x.m - 1.0, half_square = 0.5 * f * f;
  return log_edges(v, x.k * ln2_high - ((half_square - (log_rest(f, half_square) + x.k * ln2_low)) - f));
}

MLP_INLINE double mlp_log2(double v) {
  return log_scaled(v, 1.44269504072144627571e+00, 1.67517131648865118353e-10, 1.0, 0.0);
}

MLP_INLINE double mlp_log10(double v) {
  return log_scaled(v, 4.34294481878168880939e-01, 2.50829467116452752298e-11, 3.01029995663611771306e-01, 3.69423907715893078616e-13);
}

MLP_INLINE double mlp_log1p(double v) {
  // 1 + v = (1 + f) * 2^k with 3/4 <= 1 + f < 3/2. Then v * 2^-k and 1 - 2^-k are within a factor of 2 of each other, or k = 0, or k > 53 where 2^-k
  // does not count: so f, their difference, is exact, whatever 1 + v lost.
  const double u = 1.0 + v;
  const uint64_t twice = ~(bits_of(u) + (bits_of(1.0) - bits_of(0.75))) & 0x7ff0000000000000;  // 2^(1 - k)
  const double f = (0.5 * double_of(twice) - 1.0) + double_of(bits_of(v) + twice - bits_of(2.0));
  const double k = (0x1p52 + 1024 * 0x1p20) - double_of(bits_of(0x1p52) | twice >> 32);  // times 2^20
  const double s = mlp_quotient(f, 2.0 + f), z = s * s, w = z * z, half_square = 0.5 * f * f;
  // 2 atanh(s) / s - 2, within 2^-57 for |s| <= 1/5: by Remez' algorithm, each coefficient rounded before those below it are found; the last to 21 bits,
  // which a GPU's instructions have room for
  const double odd = z * (0x1.555555555557ep-1 + w * (0x1.249249238c180p-2 + w * (0x1.745c5p-3 + w * 0x1.0dcf1p-3)));
  const double even = w * (0x1.99999999967e2p-2 + w * (0x1.c71c742a4e882p-3 + w * (0x1.3b359p-3 + w * 0x1.1b69fp-3)));
  const double small = mlp_plus_exact(s * (half_square + (odd + even)), k, ln2_low41 * 0x1p-20);
  const double inside = mlp_plus_exact(-((half_square - small) - f), k, ln2_high21 * 0x1p-20);
  const double r = choose(v > -1 && v < infinity, inside, choose(v == -1, -infinity, choose(v < -1, not_a_number, u)));
  return with_sign_of(r, v);  // of -0 too
}

double mlp_pow(double a, double b) {
  const double size = magnitude(a);
  // log(size) as a pair good to 2^-65: 2 atanh(s), s = (m - 1) / (m + 1), by its Taylor series
  const Split x = split(size);
  const double f = x.m - 1.0;
  const Pair d = exact_sum(x.m, 1.0);
  const double s = f / d.high;
  const Pair back = exact_product(s, d.high);
  const double s_low = (((f - back.high) - back.low) - s * d.low) / d.high;
  Pair z = exact_product(s, s);
  z.low += 2.0 * s * s_low;
  double q = 1.0 / 27.0;
  q = q * z.high + 1.0 / 25.0;
  q = q * z.high + 1.0 / 23.0;
  q = q * z.high + 1.0 / 21.0;
  q = q * z.high + 1.0 / 19.0;
  q = q * z.high + 1.0 / 17.0;
  q = q * z.high + 1.0 / 15.0;
  q = q * z.high + 1.0 / 13.0;
  q = q * z.high + 1.0 / 11.0;
  q = q * z.high + 1.0 / 9.0;
  q = q * z.high + 1.0 / 7.0;
  q = q * z.high + 1.0 / 5.0;
  q = q * z.high * z.high;
  const double third = 0x1.5555555555555p-2, third_low = 0x1.5555555555555p-56;
  const Pair u = exact_product(z.high, third);
  const Pair g = fast_sum(u.high, (u.low + (z.high * third_low + z.low * third)) + q);
  const Pair w = exact_product(s, g.high);
  const Pair half = fast_sum(s, w.high);
  const double half_low = half.low + (s_low + (w.low + (s * g.low + s_low * g.high)));
  const Pair sum = fast_sum(x.k * ln2_high42, 2.0 * half.high);
  const Pair log = fast_sum(sum.high, sum.low + (2.0 * half_low + x.k * ln2_low42));

  const double y = limited(b, -0x1p65, 0x1p65);  // beyond, the result is 0, 1 or inf in any case
  const Pair t = exact_product(y, log.high);
  const bool in_range = t.high > -746.0 && t.high < 710.0;
  double r = exp_of(limited(t.high, -746.0, 710.0), in_range ? t.low + y * log.low : 0.0);

  // IEEE 754's pow at the edges
  r = size == 0 ? (b < 0 ? infinity : 0.0) : r;
  r = size == infinity ? (b < 0 ? 0.0 : infinity) : r;
  const double b_size = magnitude(b);
  const bool whole = !(b_size < 0x1p52) || (b_size + 0x1p52) - 0x1p52 == b_size;
  const double b_half = 0.5 * b_size;
  const bool odd = whole && b_size < 0x1p53 && (b_half + 0x1p52) - 0x1p52 != b_half;
  r = odd ? with_sign_of(r, a) : r;
  r = a < 0 && size < infinity && !whole ? not_a_number : r;
  r = a != a || b != b ? not_a_number : r;
  return b == 0 || a == 1 ? 1.0 : r;
}

double mlp_sin(double v) { return v == 0 ? v : sin_or_cos(v, 0); }
double mlp_cos(double v) { return sin_or_cos(v, 1); }

MLP_INLINE double mlp_atan(double v) { return with_sign_of(atan_of(magnitude(v)), v); }

// By the quotient, and IEEE 754's atan2 at the edges.
MLP_INLINE double mlp_atan2(double y, double x) {
  constexpr double pi = 3.14159265358979311600e+00, pi_low = 1.22464679914735317720e-16;
  const double height = magnitude(y), width = magnitude(x);
  const double both = height == width ? 1.0 : height / width;  // 0 / 0 and inf / inf are settled here and below
  const double steep = atan_of(height == 0 ? 0.0 : both);
  const double angle = bits_of(x) >> 63 ? pi - (steep - pi_low) : steep;
  return x != x || y != y ? not_a_number : with_sign_of(angle, y);
}
MLP_INLINE double mlp_asin(double v) {
  const double r = mlp_atan2(v, __builtin_sqrt((1.0 - v) * (1.0 + v)));
  return magnitude(v) <= 1.0 ? r : not_a_number;
}
MLP_INLINE double mlp_acos(double v) {
  const double r = 2.0 * mlp_atan2(__builtin_sqrt(1.0 - v), __builtin_sqrt(1.0 + v));
  return magnitude(v) <= 1.0 ? r : not_a_number;
}

MLP_INLINE double mlp_tanh(double v) {
  const double t = mlp_expm1(-2.0 * magnitude(v));
  return with_sign_of(-t / (t + 2.0), v);
}

MLP_INLINE double mlp_sigmoid(double v) {
  const double e = mlp_exp(-magnitude(v));
  return (v < 0 ? e : 1.0) / (1.0 + e);
}

MLP_INLINE double mlp_softplus(double v) {
  return (v > 0 ? v : v < 0 ? 0.0 : v) + mlp_log1p(mlp_exp(-magnitude(v)));
}

MLP_INLINE double mlp_sqrt(double v) { return __builtin_sqrt(v); }
MLP_INLINE double mlp_abs(double v) { return magnitude(v); }
MLP_INLINE double mlp_sign(double v) { return choose(magnitude(v) > 0, with_sign_of(1.0, v), magnitude(v)); }

MLP_INLINE double mlp_trunc(double v) {
  const double a = magnitude(v), near = (a + 0x1p52) - 0x1p52;
  const double t = near > a ? near - 1.0 : near;
  return a < 0x1p52 ? with_sign_of(t, v) : v;
}
MLP_INLINE double mlp_floor(double v) {
  const double t = mlp_trunc(v);
  return t > v ? t - 1.0 : t;
}
MLP_INLINE double mlp_ceil(double v) {
  const double t = mlp_trunc(v);
  return t < v ? with_sign_of(t + 1.0, v) : t;
}
MLP_INLINE double mlp_round(double v) {
  const double a = magnitude(v), t = mlp_trunc(a);
  return with_sign_of(a - t >= 0.5 ? t + 1.0 : t, v);
}

// Binary long division, exact; then to the sign of the divisor.
double mlp_mod(double a, double b) {
  const double x = magnitude(a), y = magnitude(b);
  if (!(x < infinity) || !(y > 0)) return not_a_number;
  double r = x;
  if (x >= y) {
    const auto parts = [](double v, uint64_t& mantissa) {
      const uint64_t bits = bits_of(v), exponent = bits >> 52;
      mantissa = exponent ? (bits & 0x000fffffffffffff) | 0x0010000000000000 : bits;
      return static_cast<int64_t>(exponent ? exponent : 1);
    };
    uint64_t mx, my;
    int64_t ex = parts(x, mx);
    const int64_t ey = parts(y, my);
    for (;; --ex, mx <<= 1) {
      if (mx >= my) mx %= my;
      if (ex == ey || mx == 0) break;
    }
    if (mx == 0) r = 0;
    else {
      const int zeros = __builtin_clzll(mx) - 11;  // until the leading bit stands at 52
      const int64_t exponent = ey - zeros;
      r = exponent > 0 ? double_of((mx << zeros) - 0x0010000000000000 + (static_cast<uint64_t>(exponent) << 52)) : double_of(mx << (ey - 1));
    }
  }
  r = with_sign_of(r, r == 0 ? b : a);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

MLP_INLINE double mlp_min(double a, double b) { return a < b || a != a ? a : b; }
MLP_INLINE double mlp_max(double a, double b) { return a > b || a != a ? a : b; }
MLP_INLINE double mlp_clamp(double v, double low, double high) {
  const double raised = v < low ? low : v;
  return raised > high ? high : raised;
}
MLP_INLINE uint8_t mlp_is_nan(double v) { return v != v; }
MLP_INLINE uint8_t mlp_is_finite(double v) { return magnitude(v) < infinity; }

MLP_INLINE uint8_t mlp_to_int_ok(double v) { return v >= -0x1p63 && v < 0x1p63; }
MLP_INLINE int64_t mlp_to_int(double v) { return static_cast<int64_t>(v >= -0x1p63 && v < 0x1p63 ? v : 0.0); }

MLP_INLINE int64_t mlp_abs_int(int64_t v) { return v < 0 ? -v : v; }
MLP_INLINE int64_t mlp_sign_int(int64_t v) { return (v > 0) - (v < 0); }
MLP_INLINE uint8_t mlp_mod_int_ok(int64_t, int64_t b) { return b != 0; }
MLP_INLINE int64_t mlp_mod_int(int64_t a, int64_t b) {
  const int64_t divisor = b == 0 || b == -1 ? 1 : b;  // by -1 nothing remains, and the hardware traps on the smallest int
  const int64_t r = a % divisor;
  return r != 0 && (r < 0) != (divisor < 0) ? r + divisor : r;
}
MLP_INLINE int64_t mlp_min_int(int64_t a, int64_t b) { return a < b ? a : b; }
MLP_INLINE int64_t mlp_max_int(int64_t a, int64_t b) { return a > b ? a : b; }
MLP_INLINE int64_t mlp_clamp_int(int64_t v, int64_t low, int64_t high) {
  const int64_t raised = v < low ? low : v;
  return raised > high ? high : raised;
}

}  // extern "C"
