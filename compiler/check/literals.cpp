#include "compiler/check/literals.h"

#include <charconv>
#include <cmath>
#include <string>

#include "compiler/ir/common/types.h"

namespace mlp::checking {
namespace {

struct Unit {
  const char* name;
  std::int64_t scale;  // microseconds or bytes
  bool duration;
};
constexpr std::int64_t second = 1'000'000;
constexpr Unit units[] = {
    {"us", 1, true},           {"ms", 1000, true},          {"s", second, true},          {"m", 60 * second, true},
    {"h", 3600 * second, true}, {"d", 86400 * second, true}, {"w", 7 * 86400 * second, true}, {"B", 1, false},
    {"KB", 1000, false},       {"MB", 1000000, false},      {"GB", 1000000000, false},    {"KiB", 1 << 10, false},
    {"MiB", 1 << 20, false},   {"GiB", 1 << 30, false},
};

bool read_double(std::string_view text, double& value) {
  const auto r = std::from_chars(text.data(), text.data() + text.size(), value);
  return r.ec == std::errc() && r.ptr == text.data() + text.size() && std::isfinite(value);
}

bool read_whole(std::string_view text, std::int64_t& value) {
  const auto r = std::from_chars(text.data(), text.data() + text.size(), value);
  return r.ec == std::errc() && r.ptr == text.data() + text.size();
}

// Days since 1970-01-01 of a proleptic Gregorian date (Howard Hinnant, "chrono-compatible low-level date algorithms").
std::int64_t days_from_civil(std::int64_t y, unsigned m, unsigned d) {
  y -= m <= 2;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const auto yoe = static_cast<unsigned>(y - era * 400);
  const unsigned doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  const unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + static_cast<std::int64_t>(doe) - 719468;
}

// Exactly `count` digits at the front of `text`, which loses them.
bool digits(std::string_view& text, int count, std::int64_t& value) {
  if (text.size() < static_cast<std::size_t>(count)) return false;
  value = 0;
  for (int i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return true;
}

bool skip(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

Number read_number(std::string_view written) {
  std::string text;
  for (const char c : written)
    if (c != '_') text += c;
  Number n;
  if (!text.empty() && text.back() == '%') {
    text.pop_back();
    // 15% is the double nearest to 0.15: let the decimal reader divide.
    const bool exponent = text.find_first_of("eE") != std::string::npos;
    if (!read_double(exponent ? text : text + "e-2", n.value)) return n;
    if (exponent) n.value /= 100;
    n.kind = Number::real;
    return n;
  }
  std::size_t end = text.size();
  while (end > 0 && ((text[end - 1] >= 'a' && text[end - 1] <= 'z') || (text[end - 1] >= 'A' && text[end - 1] <= 'Z'))) --end;
  const std::string unit = text.substr(end);
  const std::string_view body = std::string_view(text).substr(0, end);
  if (!unit.empty()) {
    for (const Unit& u : units) {
      if (unit != u.name) continue;
      double amount = 0;
      std::int64_t whole = 0;
      if (read_whole(body, whole)) {
        if (__builtin_mul_overflow(whole, u.scale, &n.whole)) return n;
      } else if (read_double(body, amount) && std::fabs(amount * static_cast<double>(u.scale)) < 9e18) {
        n.whole = std::llround(amount * static_cast<double>(u.scale));
      } else {
        return n;
      }
      n.kind = u.duration ? Number::duration : Number::size;
      n.value = u.duration ? static_cast<double>(n.whole) / 1e6 : static_cast<double>(n.whole);
      return n;
    }
    return n;
  }
  if (text.find_first_of(".eE") == std::string::npos) {
    if (!read_whole(text, n.whole)) return n;
    n.kind = Number::integer;
    n.value = static_cast<double>(n.whole);
  } else if (read_double(text, n.value)) {
    n.kind = Number::real;
  }
  return n;
}

Moment read_moment(std::string_view text) {
  Moment m;
  std::int64_t year = 0, month = 0, day = 0, hour = 0, minute = 0, sec = 0, micro = 0;
  skip(text, '@');
  if (!digits(text, 4, year) || !skip(text, '-') || !digits(text, 2, month) || !skip(text, '-') || !digits(text, 2, day)) return m;
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  constexpr int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (month < 1 || month > 12 || day < 1 || day > lengths[month - 1] + (month == 2 && leap)) return m;
  const std::int64_t days = days_from_civil(year, static_cast<unsigned>(month), static_cast<unsigned>(day));
  if (text.empty()) return {Moment::date, days};
  if (!skip(text, 'T') || !digits(text, 2, hour) || !skip(text, ':') || !digits(text, 2, minute)) return m;
  if (skip(text, ':') && !digits(text, 2, sec)) return m;
  if (skip(text, '.')) {
    int places = 0;
    for (std::int64_t d = 0; !text.empty() && digits(text, 1, d); ++places)
      if (places < 6) micro = micro * 10 + d;
    if (places == 0) return m;
    for (; places < 6; ++places) micro *= 10;
  }
  skip(text, 'Z');
  if (!text.empty() || hour > 23 || minute > 59 || sec > 59) return m;
  return {Moment::timestamp, ((days * 24 + hour) * 60 + minute) * 60 * second + sec * second + micro};
}

std::optional<Scalar> read_scalar(std::string_view word) {
  const auto& words = ir::enum_words<Scalar>::words;
  for (std::size_t i = 0; i < std::size(words); ++i)
    if (words[i] == word) return static_cast<Scalar>(i);
  return {};
}

}  // namespace mlp::checking
