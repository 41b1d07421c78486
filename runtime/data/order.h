// What orders and divides rows: hashes of rows and keys, and times.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/values/table.h"

namespace mlp::data {
std::uint64_t hash_of_row(std::int64_t row, std::uint64_t seed);
std::uint64_t hash_of_key(const std::string& key, std::uint64_t seed);
// Microseconds of a date or timestamp; other numbers as they are.
std::vector<long double> times_of(const Column& about, const values::ColumnData& column, std::int64_t rows);
}  // namespace mlp::data
