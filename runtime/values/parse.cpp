#include "runtime/values/parse.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#if defined(__SSE4_1__)
#include <immintrin.h>
#endif

#include "base/diagnostic.h"
#include "fast_float/fast_float.h"
#include "stdlib/builtins/kernels.h"

namespace mlp::values {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

constexpr std::int64_t second_us = 1'000'000, minute_us = 60 * second_us, hour_us = 60 * minute_us, day_us = 24 * hour_us;

bool is_day(int year, int month, int day) {
  if (month < 1 || month > 12 || day < 1) return false;
  static constexpr int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return day <= lengths[month - 1] + (month == 2 && leap ? 1 : 0);
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool equals_folded(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) != lower[i]) return false;
  }
  return true;
}

bool is_null_word(const std::vector<std::string>& words, std::string_view text) {
  for (const std::string& word : words)
    if (word.size() == text.size() && (text.empty() || std::memcmp(word.data(), text.data(), text.size()) == 0)) return true;
  return false;
}

#if defined(__SSE4_1__)
constexpr bool plain_texts = true;

// Shuffles that move the first n of 16 bytes to the end: 16 - n places with a top bit (which give 0), then 0, 1, 2, …
alignas(16) constexpr std::array<std::int8_t, 32> to_the_end = [] {
  std::array<std::int8_t, 32> out{};
  for (int i = 0; i < 32; ++i) out[static_cast<std::size_t>(i)] = static_cast<std::int8_t>(i < 16 ? -128 : i - 16);
  return out;
}();
constexpr double powers_of_ten[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16};

// 16 digits, from the places that are told, as one number.
inline std::uint64_t of_digits(__m128i digits, __m128i places) {
  const __m128i pairs = _mm_maddubs_epi16(_mm_shuffle_epi8(digits, places), _mm_set1_epi16(0x010A));
  const __m128i fours = _mm_madd_epi16(pairs, _mm_set1_epi32(0x00010064));
  const __m128i eights = _mm_madd_epi16(_mm_packus_epi32(fours, fours), _mm_set1_epi32(0x00012710));
  const auto both = static_cast<std::uint64_t>(_mm_cvtsi128_si64(eights));
  return (both & 0xffffffff) * 100'000'000 + (both >> 32);
}

// The number that n digits make, at most 16. 16 bytes from p on can be read.
inline std::uint64_t whole_number(const char* p, std::size_t n) {
  const __m128i digits = _mm_sub_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)), _mm_set1_epi8('0'));
  return of_digits(digits, _mm_loadu_si128(reinterpret_cast<const __m128i*>(to_the_end.data() + n)));
}

// Digits, perhaps a minus before and a point among them, in at most 16 characters; false for whatever else. Digits below
// 2^53 over a power of ten up to 10^22 are correctly rounded by one division (Clinger 1990). 17 bytes from p on can be read.
inline bool plain_number(const char* p, std::size_t size, double& out) {
  const bool minus = *p == '-';
  p += minus;
  size -= minus;
  if (size - 1 >= 16) return false;
  const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i digits = _mm_sub_epi8(text, _mm_set1_epi8('0'));
  const unsigned whole = (1u << size) - 1;
  const unsigned rest = whole & ~static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(digits, _mm_set1_epi8(9)), digits)));
  const int point = __builtin_ctz(rest | 1u << size);
  const int count = static_cast<int>(size) - (rest != 0);
  if ((rest & (rest - 1)) != 0 || (rest != 0 && p[point] != '.') || count == 0) return false;
  const __m128i packed = _mm_loadu_si128(reinterpret_cast<const __m128i*>(to_the_end.data() + count));
  const __m128i places = _mm_sub_epi8(packed, _mm_cmpgt_epi8(packed, _mm_set1_epi8(static_cast<char>(point - 1))));
  const std::uint64_t value = of_digits(digits, places);
  if (value > std::uint64_t{1} << 53) return false;
  const double magnitude = static_cast<double>(static_cast<std::int64_t>(value)) / powers_of_ten[count - point];
  // Not a branch: signs are often random.
  out = std::bit_cast<double>(std::bit_cast<std::uint64_t>(magnitude) | static_cast<std::uint64_t>(minus) << 63);
  return true;
}

// What doubles mostly are when all their digits are written: a point among 16 to 19 digits, perhaps a minus before. They fit
// in 64 bits, and fast_float's product with a power of ten then is exact, or says that it may not be. 32 bytes from p on can
// be read.
inline bool long_number(const char* p, std::size_t size, double& out) {
  const bool minus = *p == '-';
  p += minus;
  size -= minus;
  if (size < 17 || size > 20) return false;
  const __m128i zero = _mm_set1_epi8('0'), nine = _mm_set1_epi8(9);
  const __m128i front = _mm_sub_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)), zero), back = _mm_sub_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + size - 16)), zero);
  const unsigned digits = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(front, nine), front))) |
                          static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(back, nine), back))) << (size - 16);
  const unsigned rest = ((1u << size) - 1) & ~digits;
  const auto point = static_cast<std::size_t>(__builtin_ctz(rest | 1u << size));
  if (rest == 0 || (rest & (rest - 1)) != 0 || p[point] != '.' || point == 0 || point > 16) return false;
  const std::size_t behind = size - point - 1, first = std::min<std::size_t>(behind, 16);
  static constexpr std::uint64_t powers[] = {1, 10, 100, 1000, 10'000, 100'000, 1'000'000, 10'000'000, 100'000'000, 1'000'000'000, 10'000'000'000, 100'000'000'000,
                                             1'000'000'000'000, 10'000'000'000'000, 100'000'000'000'000, 1'000'000'000'000'000, 10'000'000'000'000'000};
  std::uint64_t value = whole_number(p, point) * powers[first] + whole_number(p + point + 1, first);
  for (std::size_t i = point + 1 + first; i < size; ++i) value = value * 10 + static_cast<std::uint64_t>(p[i] - '0');
  const fast_float::adjusted_mantissa made = fast_float::compute_float<fast_float::binary_format<double>>(-static_cast<std::int64_t>(behind), value);
  if (made.power2 < 0) return false;
  fast_float::to_float(minus, made, out);
  return true;
}

// 2024-01-31T09:30:00 in UTC; false for whatever else. 19 bytes from p on can be read.
inline bool plain_moment(const char* p, std::size_t size, std::int64_t& out) {
  if (size != 19) return false;
  const __m128i front = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)), back = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 3));
  const __m128i signs = _mm_setr_epi8(0, 0, 0, 0, '-', 0, 0, '-', 0, 0, 'T', 0, 0, ':', 0, 0);
  if ((_mm_movemask_epi8(_mm_cmpeq_epi8(front, signs)) & 0x2490) != 0x2490 || p[16] != ':') return false;
  const __m128i zero = _mm_set1_epi8('0');
  const __m128i digits = _mm_or_si128(_mm_shuffle_epi8(_mm_sub_epi8(front, zero), _mm_setr_epi8(0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, -1, -1, -1, -1)),
                                      _mm_shuffle_epi8(_mm_sub_epi8(back, zero), _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 14, 15, -1, -1)));
  if (_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(digits, _mm_set1_epi8(9)), digits)) != 0xffff) return false;
  const __m128i pairs = _mm_maddubs_epi16(digits, _mm_set1_epi16(0x010A));
  const int year = _mm_extract_epi16(pairs, 0) * 100 + _mm_extract_epi16(pairs, 1), month = _mm_extract_epi16(pairs, 2), day = _mm_extract_epi16(pairs, 3);
  const int hour = _mm_extract_epi16(pairs, 4), minute = _mm_extract_epi16(pairs, 5), second = _mm_extract_epi16(pairs, 6);
  if (!is_day(year, month, day) || hour > 23 || minute > 59 || second > 59) return false;
  out = days_from_civil(year, static_cast<unsigned>(month), static_cast<unsigned>(day)) * day_us + hour * hour_us + minute * minute_us + second * second_us;
  return true;
}

// At most 31 bytes, all ASCII. 32 bytes from p on can be read.
inline bool plain_text(const char* p, std::size_t size) {
  const auto* const text = reinterpret_cast<const __m128i*>(p);
  const auto high = static_cast<unsigned>(_mm_movemask_epi8(_mm_loadu_si128(text))) | static_cast<unsigned>(_mm_movemask_epi8(_mm_loadu_si128(text + 1))) << 16;
  return size < 32 && (high & ((1u << size) - 1)) == 0;
}
#else
constexpr bool plain_texts = false;
bool plain_number(const char*, std::size_t, double&) { return false; }
bool long_number(const char*, std::size_t, double&) { return false; }
bool plain_moment(const char*, std::size_t, std::int64_t&) { return false; }
bool plain_text(const char*, std::size_t) { return false; }
#endif

bool read_real(std::string_view text, double& out) {
  if (plain_texts && !text.empty() && text.size() <= 21) {
    char padded[21 + Texts::readable] = {};
    std::memcpy(padded, text.data(), text.size());
    if (plain_number(padded, text.size(), out) || long_number(padded, text.size(), out)) return true;
  }
  if (!text.empty() && text.front() == '+') {
    text.remove_prefix(1);
    if (text.empty() || text.front() == '-' || text.front() == '+') return false;
  }
  const char* const end = text.data() + text.size();
  const auto [rest, error] = fast_float::from_chars(text.data(), end, out);
  if (error == std::errc::invalid_argument || rest != end || text.empty()) return false;
  // 1e999 has no double: a wrong value is worse than an error. A literal inf has no digit.
  if (std::isinf(out)) return std::none_of(text.begin(), text.end(), is_digit);
  // nan(payload) is C, not data.
  if (std::isnan(out)) return text.back() != ')';
  return true;
}

bool read_int(std::string_view text, std::int64_t& out) {
  if (!text.empty() && text.front() == '+') {
    text.remove_prefix(1);
    if (text.empty() || !is_digit(text.front())) return false;
  }
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, out);
  if (error == std::errc{} && rest == end) return true;
  if (error == std::errc::result_out_of_range || text.empty()) return false;
  // "3." and "3.000" exactly, at any size; other float texts only where doubles hold every whole number.
  if (error == std::errc{} && *rest == '.' && std::all_of(rest + 1, end, [](char c) { return c == '0'; })) return true;
  double real = 0;
  if (!read_real(text, real) || !(std::fabs(real) <= 9007199254740992.0) || real != std::floor(real)) return false;
  out = static_cast<std::int64_t>(real);
  return true;
}

// `count` digits at the front of text, taken off.
bool take_digits(std::string_view& text, int count, int& out) {
  if (text.size() < static_cast<std::size_t>(count)) return false;
  out = 0;
  for (int i = 0; i < count; ++i) {
    if (!is_digit(text[static_cast<std::size_t>(i)])) return false;
    out = out * 10 + (text[static_cast<std::size_t>(i)] - '0');
  }
  text.remove_prefix(static_cast<std::size_t>(count));
  return true;
}
bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

bool take_date(std::string_view& text, std::int64_t& days) {
  int year = 0, month = 0, day = 0;
  if (!take_digits(text, 4, year) || !take(text, '-') || !take_digits(text, 2, month) || !take(text, '-') || !take_digits(text, 2, day)) return false;
  if (!is_day(year, month, day)) return false;
  days = days_from_civil(year, static_cast<unsigned>(month), static_cast<unsigned>(day));
  return true;
}

// .fraction → microseconds; further digits are dropped.
bool take_fraction(std::string_view& text, std::int64_t& micros) {
  micros = 0;
  if (!take(text, '.')) return true;
  if (text.empty() || !is_digit(text.front())) return false;
  for (std::int64_t unit = 100000; !text.empty() && is_digit(text.front()); unit /= 10, text.remove_prefix(1)) micros += (text.front() - '0') * unit;
  return true;
}

// `zone`: rules of the zone of a text that says no offset; "" = UTC.
bool read_timestamp(std::string_view text, const std::string& zone, std::int64_t& out) {
  std::int64_t days = 0;
  if (!take_date(text, days)) return false;
  out = days * day_us;
  const auto local = [&] { return out = zone.empty() ? out : mlp_time_from_zone(out, zone.data(), static_cast<std::int64_t>(zone.size())), true; };
  if (text.empty()) return local();
  if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return false;
  int hour = 0, minute = 0, second = 0;
  std::int64_t fraction = 0;
  if (!take_digits(text, 2, hour) || !take(text, ':') || !take_digits(text, 2, minute) || hour > 23 || minute > 59) return false;
  if (take(text, ':') && (!take_digits(text, 2, second) || second > 59 || !take_fraction(text, fraction))) return false;
  out += hour * hour_us + minute * minute_us + second * second_us + fraction;
  if (text.empty()) return local();
  if (take(text, 'Z') || take(text, 'z')) return text.empty();
  const bool west = text.front() == '-';
  if (!take(text, '-') && !take(text, '+')) return false;
  int offset_hour = 0, offset_minute = 0;
  if (!take_digits(text, 2, offset_hour)) return false;
  if (!text.empty()) {
    take(text, ':');
    if (!take_digits(text, 2, offset_minute)) return false;
  }
  if (!text.empty() || offset_hour > 18 || offset_minute > 59) return false;
  const std::int64_t offset = offset_hour * hour_us + offset_minute * minute_us;
  out += west ? offset : -offset;
  return true;
}

bool read_duration(std::string_view text, std::int64_t& out) {
  const bool negative = take(text, '-');
  const auto signed_value = [&](std::int64_t v) { return negative ? -v : v; };
  std::int64_t whole = 0;
  std::size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) ++digits;
  if (digits == 0) return false;
  if (std::from_chars(text.data(), text.data() + digits, whole).ec != std::errc{}) return false;
  text.remove_prefix(digits);
  if (take(text, ':')) {
    int minute = 0, second = 0;
    std::int64_t fraction = 0, total = 0;
    if (!take_digits(text, 2, minute) || !take(text, ':') || !take_digits(text, 2, second) || minute > 59 || second > 59) return false;
    if (!take_fraction(text, fraction) || !text.empty()) return false;
    if (__builtin_mul_overflow(whole, hour_us, &total) || __builtin_add_overflow(total, minute * minute_us + second * second_us + fraction, &total)) return false;
    out = signed_value(total);
    return true;
  }
  std::int64_t fraction = 0;  // millionths of the unit
  if (!take_fraction(text, fraction)) return false;
  std::int64_t unit = 0;
  if (text == "us") unit = 1;
  else if (text == "ms") unit = 1000;
  else if (text == "s") unit = second_us;
  else if (text == "m") unit = minute_us;
  else if (text == "h") unit = hour_us;
  else if (text == "d") unit = day_us;
  else if (text == "w") unit = 7 * day_us;
  else return false;
  std::int64_t total = 0;
  if (__builtin_mul_overflow(whole, unit, &total)) return false;
  const auto part = static_cast<std::int64_t>(static_cast<__int128>(fraction) * unit / 1'000'000);
  if (__builtin_add_overflow(total, part, &total)) return false;
  out = signed_value(total);
  return true;
}

bool read_bool(const Column& column, std::string_view text, std::int64_t& out) {
  const bool worded = !column.true_word.empty() || !column.false_word.empty();
  if (worded) {
    if (text == column.true_word) return out = 1, true;
    if (text == column.false_word) return out = 0, true;
  }
  if (equals_folded(text, "true")) return out = 1, true;
  if (equals_folded(text, "false")) return out = 0, true;
  if (worded || text.size() != 1) return false;
  if (text[0] == '1') return out = 1, true;
  if (text[0] == '0') return out = 0, true;
  return false;
}

Read finish_real(const Column& column, double value, Cell& out) {
  if (std::isnan(value)) return Read::null;
  if (column.type.scalar == Scalar::real32) {
    const float single = static_cast<float>(value);
    if (std::isinf(single) && !std::isinf(value)) return Read::bad_type;
    value = single;
  }
  out.real = value;
  return Read::ok;
}

void append_padded(std::string& out, std::int64_t value, int width) {
  const std::string digits = std::to_string(value);
  out.append(static_cast<std::size_t>(std::max(0, width - static_cast<int>(digits.size()))), '0');
  out += digits;
}
std::string spell_date(std::int64_t days) {
  std::int64_t year = 0;
  unsigned month = 0, day = 0;
  civil_from_days(days, year, month, day);
  std::string out;
  append_padded(out, year, 4);
  out += '-';
  append_padded(out, month, 2);
  out += '-';
  append_padded(out, day, 2);
  return out;
}
std::string spell_clock(std::int64_t micros) {  // of one day or more hours
  std::string out;
  append_padded(out, micros / hour_us, 2);
  out += ':';
  append_padded(out, micros / minute_us % 60, 2);
  out += ':';
  append_padded(out, micros / second_us % 60, 2);
  if (micros % second_us != 0) {
    out += '.';
    append_padded(out, micros % second_us, 6);
  }
  return out;
}

std::string spell_real(double value) {
  char buffer[40];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

}  // namespace

Read read_text(const Column& column, const std::vector<std::string>& null_words, std::string_view text, Cell& out) {
  if (is_null_word(null_words, text)) return Read::null;
  if (is_text(column.type.scalar)) {
    if (!valid_utf8(text)) return Read::bad_type;
    out.text = text;
    return Read::ok;
  }
  const std::string_view bare = trim(text);
  if (bare.size() != text.size() && is_null_word(null_words, bare)) return Read::null;
  switch (column.type.scalar) {
    case Scalar::real:
    case Scalar::real32: {
      double value = 0;
      return read_real(bare, value) ? finish_real(column, value, out) : Read::bad_type;
    }
    case Scalar::integer: return read_int(bare, out.integer) ? Read::ok : Read::bad_type;
    case Scalar::boolean: return read_bool(column, bare, out.integer) ? Read::ok : Read::bad_type;
    case Scalar::timestamp: return read_timestamp(bare, column.zone, out.integer) ? Read::ok : Read::bad_type;
    case Scalar::date: {
      std::string_view rest = bare;
      return take_date(rest, out.integer) && rest.empty() ? Read::ok : Read::bad_type;
    }
    case Scalar::duration: return read_duration(bare, out.integer) ? Read::ok : Read::bad_type;
    case Scalar::image:
      out.text = bare;
      return Read::ok;
    default: MLP_BUG("unknown scalar");
  }
}

Reader::Reader(const Column& column, const std::vector<std::string>& null_words) : column_(&column), null_words_(&null_words) {
  for (const std::string& word : null_words) {
    null_sizes_ |= std::uint64_t{1} << std::min<std::size_t>(word.size(), 63);
    plain_ = plain_ && (word.empty() || !(is_digit(word[0]) || word[0] == '-' || word[0] == '.'));
  }
}

// `plain` takes a text that no null word can be; `take` puts what read_text gave.
template <class Plain, class Value, class Take>
std::size_t Reader::each(const Texts& texts, Value* out, std::uint8_t* present, Plain plain, Take take) const {
  for (std::size_t i = 0; i < texts.rows; ++i) {
    const std::string_view text = texts[i];
    const bool found = plain(text, out[i]);
    if (!found) {
      Cell cell;
      const Read read = read_text(*column_, *null_words_, text, cell);
      if (read == Read::bad_type || (read == Read::null && !present)) return i;
      if (read == Read::null) {
        out[i] = Value{};
        present[i] = 0;
        continue;
      }
      take(cell, out[i]);
    }
    if (present) present[i] = 1;
  }
  return texts.rows;
}

bool Reader::real(std::string_view text, std::size_t readable, double& value) const {
  if (!plain_ || column_->type.scalar != Scalar::real || text.empty()) return false;
  if (readable >= Texts::readable && (plain_number(text.data(), text.size(), value) || long_number(text.data(), text.size(), value))) return true;
  // It begins as no null word does and no blank, and all else is read_text's.
  return (is_digit(text.front()) || text.front() == '-') && read_real(text, value) && !std::isnan(value);
}
bool Reader::integer(std::string_view text, std::int64_t& value) const {
  return plain_ && column_->type.scalar == Scalar::integer && !text.empty() && (is_digit(text.front()) || text.front() == '-') && read_int(text, value);
}
bool Reader::string(std::string_view text, std::size_t readable) const {
  return is_text(column_->type.scalar) && readable >= Texts::readable && (null_sizes_ >> std::min<std::size_t>(text.size(), 63) & 1) == 0 && plain_text(text.data(), text.size());
}

std::size_t Reader::reals(const Texts& texts, double* out, std::uint8_t* present) const {
  const bool plain = plain_ && column_->type.scalar == Scalar::real;
  return each(texts, out, present, [&](std::string_view text, double& value) { return plain && !text.empty() && plain_number(text.data(), text.size(), value); },
              [](const Cell& cell, double& value) { value = cell.real; });
}
std::size_t Reader::integers(const Texts& texts, std::int64_t* out, std::uint8_t* present) const {
  const bool plain = plain_ && column_->type.scalar == Scalar::timestamp && column_->zone.empty();
  return each(texts, out, present, [&](std::string_view text, std::int64_t& value) { return plain && plain_moment(text.data(), text.size(), value); },
              [](const Cell& cell, std::int64_t& value) { value = cell.integer; });
}
std::size_t Reader::booleans(const Texts& texts, std::uint8_t* out, std::uint8_t* present) const {
  return each(texts, out, present, [](std::string_view, std::uint8_t&) { return false; }, [](const Cell& cell, std::uint8_t& value) { value = static_cast<std::uint8_t>(cell.integer); });
}
std::size_t Reader::strings(const Texts& texts, mlp_string* out, std::uint8_t* present) const {
  const auto put = [](std::string_view text, mlp_string& value) { value = {text.data(), static_cast<std::int64_t>(text.size())}; };
  return each(texts, out, present,
              [&](std::string_view text, mlp_string& value) {
                if ((null_sizes_ >> std::min<std::size_t>(text.size(), 63) & 1) != 0 || !plain_text(text.data(), text.size())) return false;
                put(text, value);
                return true;
              },
              [&](const Cell& cell, mlp_string& value) { put(cell.text, value); });
}

Read read_number(const Column& column, double value, Cell& out) {
  switch (column.type.scalar) {
    case Scalar::real:
    case Scalar::real32: return finish_real(column, value, out);
    case Scalar::integer:
    case Scalar::boolean:
      if (std::isnan(value)) return Read::null;
      if (!(std::fabs(value) <= 9007199254740992.0) || value != std::floor(value)) return Read::bad_type;
      return read_integer(column, static_cast<std::int64_t>(value), out);
    default: return Read::bad_type;
  }
}

Read read_integer(const Column& column, std::int64_t value, Cell& out) {
  switch (column.type.scalar) {
    case Scalar::real:
    case Scalar::real32: return finish_real(column, static_cast<double>(value), out);
    case Scalar::integer: out.integer = value; return Read::ok;
    case Scalar::boolean: {
      // The column's words decide first: bool from ("2", "1") reads the number 1 as false, as its text does.
      char digits[24];
      const std::string_view text(digits, static_cast<std::size_t>(std::to_chars(digits, digits + sizeof digits, value).ptr - digits));
      return read_bool(column, text, out.integer) ? Read::ok : Read::bad_type;
    }
    default: return Read::bad_type;
  }
}

Constraints::Constraints(const Column& column) : column_(&column), sorted_(column.one_of) {
  bounded_ = column.bounds.low || column.bounds.high;
  std::sort(sorted_.begin(), sorted_.end());
  if (!column.pattern.empty()) {
    std::string error;
    pattern_ = Pattern::compile(column.pattern, error);
    if (!pattern_) MLP_BUG("pattern of column `" + column.name + "`: " + error);
  }
}

std::string Constraints::broken(const Cell& cell) const {
  const Scalar scalar = column_->type.scalar;
  if (bounded_) {
    const Bounds& b = column_->bounds;
    bool good = true;
    if (scalar == Scalar::real || scalar == Scalar::real32) {
      if (b.low) good = good && (b.low_open ? cell.real > *b.low : cell.real >= *b.low);
      if (b.high) good = good && (b.high_open ? cell.real < *b.high : cell.real <= *b.high);
    } else if (!is_text(scalar)) {
      // long double holds every 64-bit integer and every double: the comparison is exact.
      const auto v = static_cast<long double>(cell.integer);
      if (b.low) good = good && (b.low_open ? v > static_cast<long double>(*b.low) : v >= static_cast<long double>(*b.low));
      if (b.high) good = good && (b.high_open ? v < static_cast<long double>(*b.high) : v <= static_cast<long double>(*b.high));
    }
    if (!good) return spell_bounds(*column_);
  }
  if (sorted_.empty() && !pattern_) return {};
  const std::string made = is_text(scalar) ? std::string() : spell(*column_, cell);
  const std::string_view text = is_text(scalar) ? cell.text : std::string_view(made);
  if (!sorted_.empty() && !std::binary_search(sorted_.begin(), sorted_.end(), text)) return column_->ordered ? "ordered" : "one_of";
  if (pattern_ && !pattern_->matches(text)) return "matches";
  return {};
}

std::int64_t local_moment(const Column& column, std::int64_t moment) {
  return column.zone.empty() ? moment : mlp_time_from_zone(moment, column.zone.data(), static_cast<std::int64_t>(column.zone.size()));
}

std::string spell_bounds(const Column& column) {
  const Bounds& b = column.bounds;
  const bool real = is_number(column.type.scalar);
  const auto number = [&](double v) {
    if (real) return spell_real(v);
    Cell cell;  // days or microseconds
    cell.integer = static_cast<std::int64_t>(v);
    return spell(column, cell);
  };
  if (b.low && b.high && !b.low_open && !b.high_open) return "in " + number(*b.low) + ".." + number(*b.high);
  std::string out;
  if (b.low) out = (b.low_open ? "> " : ">= ") + number(*b.low);
  if (b.high) out += std::string(out.empty() ? "" : " and ") + (b.high_open ? "< " : "<= ") + number(*b.high);
  return out;
}

bool valid_utf8(std::string_view text) {
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = p + text.size();
  while (p < end) {
    std::uint64_t eight = 0;
    if (end - p >= 8 && (std::memcpy(&eight, p, 8), (eight & 0x8080808080808080ULL) == 0)) {
      p += 8;
      continue;
    }
    if (*p < 0x80) {
      ++p;
      continue;
    }
    int more = 0;
    unsigned char low = 0x80, high = 0xBF;  // of the second byte: no overlong forms, no surrogates, at most U+10FFFF
    if (*p >= 0xC2 && *p <= 0xDF) more = 1;
    else if (*p >= 0xE0 && *p <= 0xEF) { more = 2; if (*p == 0xE0) low = 0xA0; if (*p == 0xED) high = 0x9F; }
    else if (*p >= 0xF0 && *p <= 0xF4) { more = 3; if (*p == 0xF0) low = 0x90; if (*p == 0xF4) high = 0x8F; }
    else return false;
    if (end - p <= more || p[1] < low || p[1] > high) return false;
    for (int i = 2; i <= more; ++i)
      if ((p[i] & 0xC0) != 0x80) return false;
    p += more + 1;
  }
  return true;
}

std::string spell(const Column& column, const Cell& cell) {
  switch (column.type.scalar) {
    case Scalar::real: return spell_real(cell.real);
    case Scalar::real32: {
      char buffer[40];
      return {buffer, std::to_chars(buffer, buffer + sizeof buffer, static_cast<float>(cell.real)).ptr};
    }
    case Scalar::integer: return std::to_string(cell.integer);
    case Scalar::boolean:
      if (column.true_word.empty() && column.false_word.empty()) return cell.integer ? "true" : "false";
      return cell.integer ? column.true_word : column.false_word;
    case Scalar::date: return spell_date(cell.integer);
    case Scalar::timestamp: {
      const std::int64_t days = cell.integer / day_us - (cell.integer % day_us < 0 ? 1 : 0);
      return spell_date(days) + "T" + spell_clock(cell.integer - days * day_us) + "Z";
    }
    case Scalar::duration: {
      const std::uint64_t size = cell.integer < 0 ? 0 - static_cast<std::uint64_t>(cell.integer) : static_cast<std::uint64_t>(cell.integer);
      if (size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return "-" + std::to_string(size) + "us";
      return (cell.integer < 0 ? "-" : "") + spell_clock(static_cast<std::int64_t>(size));
    }
    default: return std::string(cell.text);
  }
}

std::string printable(const Column& column, std::string_view text) { return column.pii ? "" : printable(text); }
std::string named(const Column& column, std::string_view text) { return column.pii ? "the value" : "`" + printable(text) + "`"; }

std::string printable(std::string_view text) {
  static const char* const hex = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    if (out.size() >= 57) return out + "…";
    std::size_t length = 1;
    while (length < 4 && i + length < text.size() && (static_cast<unsigned char>(text[i + length]) & 0xC0) == 0x80) ++length;
    const std::string_view one = text.substr(i, length);
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != 0x7F && valid_utf8(one)) {
      out += one;
      i += length;
    } else {
      if (c == '\n') out += "\\n";
      else if (c == '\t') out += "\\t";
      else if (c == '\r') out += "\\r";
      else (out += "\\x") += {hex[c >> 4], hex[c & 15]};
      ++i;
    }
  }
  return out;
}

std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day) {
  year -= month <= 2;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto year_of_era = static_cast<unsigned>(year - era * 400);
  const unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + static_cast<std::int64_t>(day_of_era) - 719468;
}

void civil_from_days(std::int64_t days, std::int64_t& year, unsigned& month, unsigned& day) {
  days += 719468;
  const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const auto day_of_era = static_cast<unsigned>(days - era * 146097);
  const unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned m = (5 * day_of_year + 2) / 153;
  day = day_of_year - (153 * m + 2) / 5 + 1;
  month = m < 10 ? m + 3 : m - 9;
  year = static_cast<std::int64_t>(year_of_era) + era * 400 + (month <= 2);
}

}  // namespace mlp::values
