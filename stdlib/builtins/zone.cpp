// Local time. A zone is a text of rules, see stdlib/zones/README.md: steps in seconds since 1970, each nine digits to base 64,
// then a tail of 25 digits. What is no such text counts as UTC.
#include "stdlib/builtins/kernels.h"

namespace {

constexpr int64_t second = 1000000, day = 86400, step_size = 9, tail_size = 25;

inline int64_t floor_div(int64_t a, int64_t b) {  // b > 0
  const int64_t q = a / b;
  return q - (a % b < 0);
}

inline int64_t digit(char c) {
  if (c >= 'a') return c - 'a' + 26;
  if (c >= 'A') return c - 'A';
  if (c >= '0') return c - '0' + 52;
  return c == '+' ? 62 : 63;
}
inline int64_t number(const char* at, int64_t size) {
  int64_t value = 0;
  for (int64_t i = 0; i < size; ++i) value = value * 64 + (digit(at[i]) & 63);
  return value;
}
inline int64_t offset_at(const char* at) { return number(at, 3) - (1 << 17); }

struct Zone {
  const char *steps, *tail;  // steps: null for UTC
  int64_t count;
};
inline Zone zone_of(const char* data, int64_t size) {
  if (size < tail_size) return {nullptr, nullptr, 0};
  const char* const tail = data + size - tail_size;
  const int64_t count = number(tail, 2);
  if (count * step_size + tail_size > size) return {nullptr, nullptr, 0};
  return {tail - count * step_size, tail, count};
}

// Days since 1970 of a day such as 3.2.0, the second Sunday of March; week 5 is the last one.
inline int64_t day_of_rule(int64_t year, int64_t month, int64_t week, int64_t weekday) {
  if (month < 1 || month > 12) month = 1;
  const int64_t y = year - (month <= 2), era = floor_div(y, 400), year_of_era = y - era * 400;
  const int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5;
  const int64_t first = era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
  const int64_t of_first = first + 4 - floor_div(first + 4, 7) * 7;  // Sunday = 0; 1970-01-01 was a Thursday
  int64_t days = weekday - of_first;
  if (days < 0) days += 7;
  days += (week - 1) * 7;
  const int64_t lengths = 0xEEFBB3;  // 28 + two bits for each month, from January
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  const int64_t length = 28 + (lengths >> (2 * (month - 1)) & 3) + (month == 2 && leap);
  return first + (days >= length ? days - 7 : days);
}
inline int64_t second_of_rule(int64_t year, const char* rule) {  // in local time before the change
  return day_of_rule(year, digit(rule[0]) & 63, digit(rule[1]) & 63, digit(rule[2]) & 63) * day + number(rule + 3, 4) - (1 << 20);
}

// The year of a second, by the calendar of all times.
inline int64_t year_of(int64_t seconds) {
  const int64_t z = floor_div(seconds, day) + 719468, era = floor_div(z, 146097), of_era = z - era * 146097;
  const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
  return year + era * 400 + (of_year >= 306);
}

// Seconds that local time is ahead of UTC.
inline int64_t offset_of(const Zone& zone, int64_t seconds) {
  if (zone.steps == nullptr) return 0;
  const auto start = [&](int64_t i) { return number(zone.steps + i * step_size, 6) - (int64_t{1} << 35); };
  if (zone.count > 0 && seconds < start(zone.count - 1)) {
    int64_t low = 0, high = zone.count - 1;  // the first step that lies behind
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      if (start(middle) <= seconds) low = middle + 1;
      else high = middle;
    }
    return low == 0 ? offset_at(zone.tail + 2) : offset_at(zone.steps + (low - 1) * step_size + 6);
  }
  const int64_t standard = offset_at(zone.tail + 5), summer = offset_at(zone.tail + 8);
  const char *const begin = zone.tail + 11, *const end = zone.tail + 18;
  if (begin[0] == 'A') return standard;
  const int64_t year = year_of(seconds + standard);
  const int64_t from = second_of_rule(year, begin) - standard, to = second_of_rule(year, end) - summer;
  const bool inside = from < to ? seconds >= from && seconds < to : !(seconds >= to && seconds < from);
  return inside ? summer : standard;
}

}  // namespace

extern "C" {

int64_t mlp_time_utc_offset(int64_t timestamp, const char* zone, int64_t size) {
  return offset_of(zone_of(zone, size), floor_div(timestamp, second)) * second;
}

int64_t mlp_time_in_zone(int64_t timestamp, const char* zone, int64_t size) { return timestamp + mlp_time_utc_offset(timestamp, zone, size); }

// A time that occurs twice is the earlier one; one that does not occur is as far behind the change as it was meant to be
// behind the hour before it (RFC 5545; "compatible" of ECMAScript's Temporal).
int64_t mlp_time_from_zone(int64_t local, const char* data, int64_t size) {
  const Zone zone = zone_of(data, size);
  const int64_t seconds = floor_div(local, second);
  const int64_t before = offset_of(zone, seconds - day), after = offset_of(zone, seconds + day);
  const int64_t candidates[] = {before, offset_of(zone, seconds - before), offset_of(zone, seconds - after), after};
  int64_t best = before;
  bool found = false;
  for (const int64_t offset : candidates) {
    if (offset_of(zone, seconds - offset) != offset || (found && offset <= best)) continue;
    best = offset;
    found = true;
  }
  return local - best * second;
}

}  // extern "C"
