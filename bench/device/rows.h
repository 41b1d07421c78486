// The rows of bench_device_rows: 28 columns of numbers, one in twenty of them missing.
#pragma once
#include <cstdint>

constexpr std::size_t row_columns = 28;

inline std::uint64_t row_hash(std::uint64_t v) {  // SplitMix64
  v = (v + 0x9e3779b97f4a7c15) ^ (v >> 30);
  v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9;
  v = (v ^ (v >> 27)) * 0x94d049bb133111eb;
  return v ^ (v >> 31);
}
inline bool row_value(std::int64_t row, std::size_t column, double& value) {  // false: missing
  const std::uint64_t bits = row_hash(static_cast<std::uint64_t>(row) * row_columns + column);
  if (bits % 20 == 0) return value = 0, false;
  value = static_cast<double>(bits >> 11) * 0x1p-53 * 20 - 4;
  return true;
}
