// Builtin functions that compiled code calls. Freestanding C++, no library calls, no exceptions, no allocation but from
// the arena: compiled once by the host compiler (runtime, reference evaluator) and once to LLVM bitcode (bitcode.h),
// which code generation links and inlines, so that every path computes the same bits. Never contracted
// (-ffp-contract=off), never reassociated, signed integers wrap (-fwrapv). All NaN count as one value.
//
// loop::Kind ↔ C, arguments in order:  f64 double · i64 int64_t · boolean uint8_t, 0 or 1 · string (const char* data, int64_t size)
// Results by value in the same way; a string result makes the function void, with (mlp_arena* arena, mlp_string* result)
// as its last arguments. The result points into an argument, the arena or constant memory.
// SYM_ok (see builtins.def) has the arguments of SYM and gives a boolean.
// Every function is pure and total: any bits are good arguments (texts need not be UTF-8).
#pragma once
#include "abi/abi.h"

extern "C" {

// ---- numbers (math.cpp). Error bounds in units in the last place, as tested.
double mlp_exp(double v);      // 1
double mlp_expm1(double v);    // 2
double mlp_log(double v);      // 1
double mlp_log2(double v);     // 1
double mlp_log10(double v);    // 1
double mlp_log1p(double v);    // 1
// a / b where |b|, and |a| and |a / b| unless they are 0, are between 2^-900 and 2^900; the sign of 0 may differ. A GPU computes it without a test for that: beyond, where b is a
// number of at least 1 and |a| <= 1, it is still finite and below 2^-800; elsewhere callers must not use it.
double mlp_quotient(double a, double b);
// sum + a * b where a * b is a double: rounded once or twice, it is the same.
double mlp_plus_exact(double sum, double a, double b);
double mlp_pow(double a, double b);  // 1; exact where the result is a double
double mlp_sin(double v);      // 1
double mlp_cos(double v);      // 1
double mlp_asin(double v);     // 3
double mlp_acos(double v);     // 3
double mlp_atan(double v);     // 1
double mlp_atan2(double y, double x);  // 2
double mlp_tanh(double v);     // 3
double mlp_sigmoid(double v);  // 3
double mlp_softplus(double v); // 2
double mlp_sqrt(double v);     // exactly rounded, as are all below
double mlp_abs(double v);
double mlp_sign(double v);
double mlp_floor(double v);
double mlp_ceil(double v);
double mlp_round(double v);
double mlp_trunc(double v);
double mlp_mod(double a, double b);
double mlp_min(double a, double b);
double mlp_max(double a, double b);
double mlp_clamp(double v, double low, double high);
uint8_t mlp_is_nan(double v);
uint8_t mlp_is_finite(double v);
int64_t mlp_to_int(double v);
uint8_t mlp_to_int_ok(double v);
int64_t mlp_abs_int(int64_t v);
int64_t mlp_sign_int(int64_t v);
int64_t mlp_mod_int(int64_t a, int64_t b);
uint8_t mlp_mod_int_ok(int64_t a, int64_t b);
int64_t mlp_min_int(int64_t a, int64_t b);
int64_t mlp_max_int(int64_t a, int64_t b);
int64_t mlp_clamp_int(int64_t v, int64_t low, int64_t high);

// ---- single precision, for networks (floats.cpp). Each has a form for 16 floats in the bitcode, mlp_exp_f32x16, of the same bits.
float mlp_exp_f32(float v);       // 1
float mlp_expm1_f32(float v);     // 2
float mlp_log_f32(float v);       // 1
float mlp_log1p_f32(float v);     // 2
float mlp_tanh_f32(float v);      // 3
float mlp_sigmoid_f32(float v);   // 3
float mlp_softplus_f32(float v);  // 2
float mlp_sign_f32(float v);      // exactly rounded, as are all below
float mlp_trunc_f32(float v);
float mlp_floor_f32(float v);
float mlp_ceil_f32(float v);
float mlp_round_f32(float v);

// ---- chance in networks (floats.cpp). One draw for each element of a row: uniform in [0, 1), a multiple of 2^-24. `stream` tells draws of
// one row and step apart.
uint64_t mlp_mask_key(int64_t seed, int64_t step, int64_t row, int64_t stream);
float mlp_mask_unit(uint64_t key, int32_t element);

// ---- hashes and dictionaries (text.cpp)
// 64-bit hash of bytes (XXH64), the same on every machine. Seed 0 for hash(), hash_bucket() and dictionaries.
uint64_t mlp_hash(const char* data, int64_t size, uint64_t seed);
int64_t mlp_hash_int(int64_t v);
int64_t mlp_hash_bucket_int(int64_t v, int64_t n);
int64_t mlp_text_hash(const char* data, int64_t size);
int64_t mlp_text_hash_bucket(const char* data, int64_t size, int64_t n);
void mlp_text_hash_id(const char* data, int64_t size, mlp_arena* arena, mlp_string* result);

// Fills the index of a dictionary: `slots` has mask + 1 pairs, a power of two greater than `size`.
void mlp_dictionary_index(const mlp_string* keys, int64_t size, int32_t* slots, int64_t mask);
// Code of a key in a dictionary, or dictionary->size when it is absent.
int64_t mlp_dictionary_find(const mlp_dictionary* dictionary, const char* data, int64_t size);
// What a table holds for a code (0..size) in a fold (-1 = outside training).
double mlp_table_value(const mlp_table* table, int64_t code, int32_t fold);

// ---- texts (text.cpp)
uint8_t mlp_text_eq(const char* a, int64_t a_size, const char* b, int64_t b_size);
uint8_t mlp_text_ne(const char* a, int64_t a_size, const char* b, int64_t b_size);
uint8_t mlp_text_lt(const char* a, int64_t a_size, const char* b, int64_t b_size);
uint8_t mlp_text_le(const char* a, int64_t a_size, const char* b, int64_t b_size);
uint8_t mlp_text_gt(const char* a, int64_t a_size, const char* b, int64_t b_size);
uint8_t mlp_text_ge(const char* a, int64_t a_size, const char* b, int64_t b_size);
uint8_t mlp_text_contains(const char* data, int64_t size, const char* part, int64_t part_size);
uint8_t mlp_text_starts_with(const char* data, int64_t size, const char* part, int64_t part_size);
uint8_t mlp_text_ends_with(const char* data, int64_t size, const char* part, int64_t part_size);
int64_t mlp_text_byte(const char* data, int64_t size, int64_t n);
int64_t mlp_text_length(const char* data, int64_t size);
int64_t mlp_text_word_count(const char* data, int64_t size);
int64_t mlp_text_word_code(const char* data, int64_t size, int64_t n, int64_t buckets);  // terms.cpp
double mlp_text_parse_float(const char* data, int64_t size);  // NaN when it spells no number
void mlp_text_from_int(int64_t v, mlp_arena* arena, mlp_string* result);
void mlp_text_from_bool(uint8_t v, mlp_arena* arena, mlp_string* result);
void mlp_text_lower(const char* data, int64_t size, mlp_arena* arena, mlp_string* result);
void mlp_text_upper(const char* data, int64_t size, mlp_arena* arena, mlp_string* result);
void mlp_text_trim(const char* data, int64_t size, mlp_arena* arena, mlp_string* result);
void mlp_text_redact(const char* data, int64_t size, mlp_arena* arena, mlp_string* result);
void mlp_text_concat(const char* a, int64_t a_size, const char* b, int64_t b_size, mlp_arena* arena, mlp_string* result);
void mlp_text_substring(const char* data, int64_t size, int64_t start, int64_t length, mlp_arena* arena, mlp_string* result);
void mlp_text_replace(const char* data, int64_t size, const char* part, int64_t part_size, const char* by, int64_t by_size,
                      mlp_arena* arena, mlp_string* result);

// ---- bags (terms.cpp; see terms.h). The terms of a text by their place in the dictionary of `table`, each with its count times the
// table's value, or, where table is null, by their hash. `recipe` is a packed mlp_terms::Recipe.
void mlp_text_bag(const char* data, int64_t size, const mlp_table* table, int64_t recipe, mlp_arena* arena, mlp_bag* result);

// ---- dates (days since 1970), timestamps and durations (microseconds) (time.cpp)
int64_t mlp_time_between_dates(int64_t a, int64_t b);
double mlp_time_ratio(int64_t a, int64_t b);
int64_t mlp_time_to_date(int64_t timestamp);
int64_t mlp_time_to_timestamp(int64_t date);
double mlp_time_days(int64_t duration);
double mlp_time_hours(int64_t duration);
double mlp_time_minutes(int64_t duration);
double mlp_time_seconds(int64_t duration);
int64_t mlp_time_hour(int64_t timestamp);
int64_t mlp_time_minute(int64_t timestamp);
int64_t mlp_time_second(int64_t timestamp);
int64_t mlp_time_year(int64_t timestamp);
int64_t mlp_time_quarter(int64_t timestamp);
int64_t mlp_time_month(int64_t timestamp);
int64_t mlp_time_day(int64_t timestamp);
int64_t mlp_time_weekday(int64_t timestamp);
int64_t mlp_time_yearday(int64_t timestamp);
int64_t mlp_time_week(int64_t timestamp);
int64_t mlp_time_year_of_date(int64_t date);
int64_t mlp_time_quarter_of_date(int64_t date);
int64_t mlp_time_month_of_date(int64_t date);
int64_t mlp_time_day_of_date(int64_t date);
int64_t mlp_time_weekday_of_date(int64_t date);
int64_t mlp_time_yearday_of_date(int64_t date);
int64_t mlp_time_week_of_date(int64_t date);

// ---- local time (zone.cpp); a zone is a text of rules, see stdlib/zones/README.md
int64_t mlp_time_utc_offset(int64_t timestamp, const char* zone, int64_t size);
int64_t mlp_time_in_zone(int64_t timestamp, const char* zone, int64_t size);
int64_t mlp_time_from_zone(int64_t local, const char* zone, int64_t size);

}
