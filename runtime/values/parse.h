// The text of one value → the value. The one parser of training (cells from DuckDB arrive as text) and scoring (CSV,
// JSON), so that both see the same bits. Knows schema types, null words, true/false words, and the constraints.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/settings.h"

namespace mlp::values {

enum class Read { ok, null, bad_type };
struct Cell {
  double real = 0;            // float, float32 (rounded to single)
  std::int64_t integer = 0;   // int; bool 0/1; date days; timestamp, duration microseconds
  std::string_view text;      // text types: a view of the input
};
// float: decimal or scientific, inf, nan (= null: a float column never holds NaN). int: optional sign, digits, or a
// float text with a whole value ("3.0"). timestamp: ISO 8601, blank or T, fraction, Z or offset. date: YYYY-MM-DD.
// Blanks around numbers, dates and booleans are passed over; text is taken as it is. `quoted` cells are never null
// words unless the null word list has them explicitly as "" … (documented in docs/language.md).
Read read_text(const Column& column, const std::vector<std::string>& null_words, std::string_view text, bool quoted, Cell& out);

// The first constraint that a present value breaks ("in 0..120", ">= 0", "one_of", "matches"), or "" when it holds.
std::string broken_constraint(const Column& column, const Cell& cell);

bool valid_utf8(std::string_view text);
std::string spell(const Column& column, const Cell& cell);   // for messages and quarantine files

}  // namespace mlp::values
