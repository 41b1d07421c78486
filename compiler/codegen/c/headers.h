// The headers that C of an extern fn may include. Mathematics is that of the language (stdlib/builtins), bit for bit.
#pragma once
#include <utility>

namespace mlp::codegen {

inline constexpr std::pair<const char*, const char*> c_headers[] = {
    {"stdbool.h", "#pragma once\n#define bool _Bool\n#define true 1\n#define false 0\n"},
    {"stddef.h", "#pragma once\ntypedef __SIZE_TYPE__ size_t;\ntypedef __PTRDIFF_TYPE__ ptrdiff_t;\n#define NULL ((void*)0)\n#define offsetof(t, m) __builtin_offsetof(t, m)\n"},
    {"stdint.h",
     "#pragma once\n"
     "typedef signed char int8_t; typedef short int16_t; typedef int int32_t; typedef long int64_t;\n"
     "typedef unsigned char uint8_t; typedef unsigned short uint16_t; typedef unsigned int uint32_t; typedef unsigned long uint64_t;\n"
     "typedef long intptr_t; typedef unsigned long uintptr_t; typedef long intmax_t; typedef unsigned long uintmax_t;\n"
     "#define INT8_MAX 127\n#define INT16_MAX 32767\n#define INT32_MAX 2147483647\n#define INT64_MAX 9223372036854775807L\n"
     "#define INT8_MIN (-INT8_MAX - 1)\n#define INT16_MIN (-INT16_MAX - 1)\n#define INT32_MIN (-INT32_MAX - 1)\n#define INT64_MIN (-INT64_MAX - 1)\n"
     "#define UINT8_MAX 255\n#define UINT16_MAX 65535\n#define UINT32_MAX 4294967295U\n#define UINT64_MAX 18446744073709551615UL\n"
     "#define INT64_C(v) v##L\n#define UINT64_C(v) v##UL\n#define INT32_C(v) v\n#define UINT32_C(v) v##U\n#define SIZE_MAX UINT64_MAX\n"},
    {"limits.h",
     "#pragma once\n#define CHAR_BIT 8\n#define SCHAR_MAX 127\n#define SCHAR_MIN (-128)\n#define UCHAR_MAX 255\n#define SHRT_MAX 32767\n#define SHRT_MIN (-32768)\n"
     "#define INT_MAX 2147483647\n#define INT_MIN (-INT_MAX - 1)\n#define UINT_MAX 4294967295U\n#define LONG_MAX 9223372036854775807L\n#define LONG_MIN (-LONG_MAX - 1)\n"
     "#define ULONG_MAX 18446744073709551615UL\n#define LLONG_MAX LONG_MAX\n#define LLONG_MIN LONG_MIN\n#define ULLONG_MAX ULONG_MAX\n"},
    {"float.h", "#pragma once\n#define DBL_MAX __DBL_MAX__\n#define DBL_MIN __DBL_MIN__\n#define DBL_EPSILON __DBL_EPSILON__\n#define DBL_DIG __DBL_DIG__\n#define DBL_MANT_DIG __DBL_MANT_DIG__\n#define FLT_MAX __FLT_MAX__\n#define FLT_MIN __FLT_MIN__\n#define FLT_EPSILON __FLT_EPSILON__\n"},
    {"math.h",
     "#pragma once\n"
     "#define M_PI 3.14159265358979323846\n#define M_PI_2 1.57079632679489661923\n#define M_PI_4 0.78539816339744830962\n#define M_E 2.7182818284590452354\n"
     "#define M_LN2 0.69314718055994530942\n#define M_LN10 2.30258509299404568402\n#define M_SQRT2 1.41421356237309504880\n"
     "#define INFINITY (__builtin_inf())\n#define NAN (__builtin_nan(\"\"))\n#define HUGE_VAL (__builtin_inf())\n"
     "#define isnan(v) __builtin_isnan(v)\n#define isinf(v) __builtin_isinf(v)\n#define isfinite(v) __builtin_isfinite(v)\n#define signbit(v) __builtin_signbit(v)\n"
     "#define MLP_1(name, of) double of(double); static inline double name(double v) { return of(v); }\n"
     "MLP_1(exp, mlp_exp) MLP_1(expm1, mlp_expm1) MLP_1(log, mlp_log) MLP_1(log2, mlp_log2) MLP_1(log10, mlp_log10) MLP_1(log1p, mlp_log1p)\n"
     "MLP_1(sin, mlp_sin) MLP_1(cos, mlp_cos) MLP_1(asin, mlp_asin) MLP_1(acos, mlp_acos) MLP_1(atan, mlp_atan) MLP_1(tanh, mlp_tanh)\n"
     "MLP_1(sqrt, mlp_sqrt) MLP_1(fabs, mlp_abs) MLP_1(floor, mlp_floor) MLP_1(ceil, mlp_ceil) MLP_1(round, mlp_round) MLP_1(trunc, mlp_trunc)\n"
     "#undef MLP_1\n"
     "double mlp_pow(double, double); double mlp_atan2(double, double); double mlp_mod(double, double);\n"
     "static inline double pow(double a, double b) { return mlp_pow(a, b); }\n"
     "static inline double atan2(double y, double x) { return mlp_atan2(y, x); }\n"
     "static inline double copysign(double a, double b) { return __builtin_copysign(a, b); }\n"
     "static inline double fmod(double a, double b) { return copysign(mlp_mod(fabs(a), fabs(b)), a); }\n"
     "static inline double fmin(double a, double b) { return isnan(a) ? b : isnan(b) ? a : a < b ? a : b; }\n"
     "static inline double fmax(double a, double b) { return isnan(a) ? b : isnan(b) ? a : a > b ? a : b; }\n"
     "static inline double tan(double v) { return sin(v) / cos(v); }\n"
     "static inline double hypot(double a, double b) { return sqrt(a * a + b * b); }\n"},
    {"stdlib.h", "#pragma once\n#include <stddef.h>\nstatic inline int abs(int v) { return v < 0 ? -v : v; }\nstatic inline long labs(long v) { return v < 0 ? -v : v; }\n"},
};

}  // namespace mlp::codegen
