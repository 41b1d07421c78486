// Numbers with units, dates, and names of types, as they are written.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/schema.h"

namespace mlp::checking {

struct Number {
  enum Kind { bad, integer, real, duration, size } kind = bad;  // bad: out of range or an unknown unit
  std::int64_t whole = 0;  // integer; duration in microseconds; size in bytes
  double value = 0;        // every kind as a double; a percentage as its fraction; a duration in seconds
};
Number read_number(std::string_view text);  // 1_000  0.5  1e-3  15%  250ms  64MiB

struct Moment {
  enum Kind { bad, date, timestamp } kind = bad;
  std::int64_t value = 0;  // days, or microseconds, since 1970-01-01
};
Moment read_moment(std::string_view text);  // @2024-01-31  @2024-01-31T12:30:00Z

std::optional<Scalar> read_scalar(std::string_view word);  // "float"

}  // namespace mlp::checking
