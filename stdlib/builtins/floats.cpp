// Single precision, for networks: each function once as a template, for one float and, as bitcode, for 16 of them. Straight-line code,
// never contracted, so that every level computes the same bits in both. Methods as in math.cpp; the polynomial of log is that of
// fdlibm's logf, the parts of ln 2 are those of S. Moshier's Cephes.
#include "stdlib/builtins/kernels.h"

#ifdef __clang__
#define MLP_INLINE __attribute__((always_inline))
#else
#define MLP_INLINE
#endif

namespace {

template <class F>
struct Bits {
  using type = int32_t;
};
#ifdef __clang__
typedef float float16 __attribute__((vector_size(64)));
typedef int32_t int16 __attribute__((vector_size(64)));
template <>
struct Bits<float16> {
  using type = int16;
};
#endif

template <class F>
MLP_INLINE inline typename Bits<F>::type bits_of(F v) { return __builtin_bit_cast(typename Bits<F>::type, v); }
template <class F, class I>
MLP_INLINE inline F float_of(I bits) { return __builtin_bit_cast(F, bits); }
template <class F, class I>
MLP_INLINE inline F converted(I v) {
#ifdef __clang__
  if constexpr (sizeof(F) > 4) return __builtin_convertvector(v, F);
  else
#endif
    return static_cast<F>(v);
}
template <class F>
MLP_INLINE inline F all(float v) { return F{} + v; }
template <class F>
MLP_INLINE inline F magnitude(F v) { return float_of<F>(bits_of(v) & 0x7fffffff); }
template <class F>
MLP_INLINE inline F with_sign_of(F v, F sign) { return float_of<F>((bits_of(v) & 0x7fffffff) | (bits_of(sign) & static_cast<int32_t>(0x80000000u))); }
constexpr float infinity = __builtin_inff(), not_a_number = __builtin_nanf("");

constexpr float round_magic = 0x1.8p23f;
constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;

// 2^k for -126 <= k <= 127
template <class F, class I>
MLP_INLINE inline F power_of_two(I k) { return float_of<F>((k + 127) << 23); }
// m * 2^k for -252 <= k <= 254, rounded once
template <class F, class I>
MLP_INLINE inline F scale(F m, I k) {
  const I half = k >> 1;
  return m * power_of_two<F>(half) * power_of_two<F>(k - half);
}

template <class F>
struct Reduced {  // v = k ln 2 + r + rest
  typename Bits<F>::type k;
  F r, rest;
};
template <class F>
MLP_INLINE inline Reduced<F> reduce_exp(F v) {
  const F t = v * 0x1.715476p+0f + round_magic, k = t - round_magic;
  const F a = v - k * ln2_high, b = k * ln2_low, r = a - b;
  return {bits_of(t) - __builtin_bit_cast(int32_t, round_magic), r, (a - r) - b};
}
// exp(r) - 1 - r: its Taylor series, |r| <= 0.35
template <class F>
MLP_INLINE inline F exp_tail(F r) {
  F p = r * (1.0f / 5040.0f) + 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  return p * r * r;
}
template <class F>
MLP_INLINE inline F limited(F v, float low, float high) {
  const F raised = v < low ? all<F>(low) : v;
  return raised > high ? all<F>(high) : raised;
}

template <class F>
MLP_INLINE inline F exp(F v) {
  const Reduced<F> x = reduce_exp(limited(v, -105.0f, 89.0f));
  return scale(1.0f + (x.r + (exp_tail(x.r) + x.rest)), x.k);
}

template <class F>
MLP_INLINE inline F expm1(F v) {
  // 2^k exp(r) - 1 = 2^k ((1 - 2^-k) + r + tail)
  const Reduced<F> x = reduce_exp(limited(v, -20.0f, 89.0f));
  const auto down = x.k > 126 ? typename Bits<F>::type{} + 126 : x.k;
  const F away = 1.0f - power_of_two<F>(-down), high = away + x.r, low = (away - high) + x.r;  // |away| >= |r|, or 0
  const F out = scale(high + (low + (exp_tail(x.r) + x.rest)), x.k);
  return v == 0.0f ? v : out;
}

template <class F>
struct Split {  // v = m * 2^k, m in [sqrt(1/2), sqrt(2))
  F m, k;
};
template <class F>
MLP_INLINE inline Split<F> split(F v) {
  const auto tiny = v < 0x1p-126f;
  const auto bits = bits_of(tiny ? v * 0x1p25f : v) + (0x3f800000 - 0x3f3504f3);
  const F k = converted<F>(((bits >> 23) & 0x1ff) - 127);
  return {float_of<F>((bits & 0x007fffff) + 0x3f3504f3), tiny ? k - 25.0f : k};
}
template <class F>
MLP_INLINE inline F log_rest(F f, F half_square) {
  const F s = f / (2.0f + f), z = s * s, w = z * z;
  const F odd = z * (0.66666662693f + w * 0.28498786688f), even = w * (0.40000972152f + w * 0.24279078841f);
  return s * (half_square + (odd + even));
}
template <class F>
MLP_INLINE inline F log_edges(F v, F inside) {
  const F r = v > 0.0f ? (v < infinity ? inside : v) : (v == 0.0f ? all<F>(-infinity) : all<F>(not_a_number));
  return v != v ? v : r;
}
constexpr float log_high = 0x1.62e3p-1f, log_low = 0x1.2fefa2p-17f;  // ln 2, so that k times the high part is exact

template <class F>
MLP_INLINE inline F log(F v) {
  const Split<F> x = split(v);
  const F f = x.m - 1.0f, half_square = 0.5f * f * f;
  return log_edges(v, x.k * log_high - ((half_square - (log_rest(f, half_square) + x.k * log_low)) - f));
}

template <class F>
MLP_INLINE inline F log1p(F v) {
  const auto near = (v > -0.2928f) & (v < 0.4142f);  // there 1 + v needs no splitting
  const F u = 1.0f + v;
  const Split<F> x = split(u);
  const F lost = (v > 1.0f ? 1.0f - (u - v) : v - (u - 1.0f)) / u;  // log(1 + v) = log(u) + lost
  const F f = near ? v : x.m - 1.0f, k = near ? all<F>(0.0f) : x.k, half_square = 0.5f * f * f;
  const F out = k * log_high - ((half_square - (log_rest(f, half_square) + (near ? all<F>(0.0f) : k * log_low + lost))) - f);
  return v == 0.0f ? v : log_edges(u, out);
}

template <class F>
MLP_INLINE inline F tanh(F v) {
  const F t = expm1(-2.0f * magnitude(v));
  return with_sign_of(-t / (t + 2.0f), v);
}
template <class F>
MLP_INLINE inline F sigmoid(F v) {
  const F e = exp(-magnitude(v));
  return (v < 0.0f ? e : all<F>(1.0f)) / (1.0f + e);
}
template <class F>
MLP_INLINE inline F softplus(F v) {
  return (v > 0.0f ? v : v < 0.0f ? all<F>(0.0f) : v) + log1p(exp(-magnitude(v)));
}

template <class F>
MLP_INLINE inline F sign(F v) { return v > 0.0f ? all<F>(1.0f) : v < 0.0f ? all<F>(-1.0f) : v == 0.0f ? all<F>(0.0f) : v; }
template <class F>
MLP_INLINE inline F trunc(F v) {
  const F a = magnitude(v), near = (a + 0x1p23f) - 0x1p23f, t = near > a ? near - 1.0f : near;
  return a < 0x1p23f ? with_sign_of(t, v) : v;
}
template <class F>
MLP_INLINE inline F floor(F v) {
  const F t = trunc(v);
  return t > v ? t - 1.0f : t;
}
template <class F>
MLP_INLINE inline F ceil(F v) {
  const F t = trunc(v);
  return t < v ? with_sign_of(t + 1.0f, v) : t;
}
template <class F>
MLP_INLINE inline F round(F v) {
  const F a = magnitude(v), t = trunc(a);
  return with_sign_of(a - t >= 0.5f ? t + 1.0f : t, v);
}

// Finaliser of SplitMix64 (Steele, Lea, Flood 2014).
inline uint64_t mixed(uint64_t v) {
  v += 0x9e3779b97f4a7c15;
  v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9;
  v = (v ^ (v >> 27)) * 0x94d049bb133111eb;
  return v ^ (v >> 31);
}

}  // namespace

extern "C" {

MLP_INLINE uint64_t mlp_mask_key(int64_t seed, int64_t step, int64_t row, int64_t stream) {
  return mixed(mixed(mixed(mixed(static_cast<uint64_t>(seed)) ^ static_cast<uint64_t>(step)) ^ static_cast<uint64_t>(row)) ^ static_cast<uint64_t>(stream));
}

// Two rounds of 32 bits, each with half of the key (the multipliers of lowbias32, C. Wellons 2018).
#define MLP_MASK_UNIT(F, U, I, name)                                        \
  MLP_INLINE F name(uint64_t key, I element) {                              \
    U h = (U)element * 0x9e3779b9u + static_cast<uint32_t>(key);            \
    h = (h ^ (h >> 16)) * 0x7feb352du;                                      \
    h = (h ^ (h >> 15)) * 0x846ca68bu;                                      \
    h ^= (h >> 16) ^ static_cast<uint32_t>(key >> 32);                      \
    h = (h ^ (h >> 16)) * 0x7feb352du;                                      \
    h = (h ^ (h >> 15)) * 0x846ca68bu;                                      \
    h ^= h >> 16;                                                           \
    return converted<F>((I)(h >> 8)) * 0x1p-24f;                            \
  }
MLP_MASK_UNIT(float, uint32_t, int32_t, mlp_mask_unit)

#ifdef __clang__
typedef uint32_t uint16 __attribute__((vector_size(64)));
MLP_MASK_UNIT(float16, uint16, int16, mlp_mask_unit_f32x16)
#define MLP_FLOAT(name)                                              \
  MLP_INLINE float mlp_##name##_f32(float v) { return name(v); }     \
  MLP_INLINE float16 mlp_##name##_f32x16(float16 v) { return name(v); }
#else
#define MLP_FLOAT(name) \
  float mlp_##name##_f32(float v) { return name(v); }
#endif
MLP_FLOAT(exp)
MLP_FLOAT(expm1)
MLP_FLOAT(log)
MLP_FLOAT(log1p)
MLP_FLOAT(tanh)
MLP_FLOAT(sigmoid)
MLP_FLOAT(softplus)
MLP_FLOAT(sign)
MLP_FLOAT(trunc)
MLP_FLOAT(floor)
MLP_FLOAT(ceil)
MLP_FLOAT(round)

}  // extern "C"
