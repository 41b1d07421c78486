// One column of a DuckDB chunk → values of the schema, through the parser that scoring uses (runtime/values/parse.h).
#pragma once
#include <string>
#include <vector>

#include "runtime/data/duck.h"
#include "runtime/values/parse.h"

namespace mlp::data {

// How the values of a column arrive: as a vector of a DuckDB chunk, or (json) as the tokens of split_object.
enum class Arrives : std::uint8_t { text, json, real, integer, boolean, date, timestamp, local };  // local: a timestamp that says no zone

// Reads one cell of a chunk. Texts in `out` are views of the chunk or of `scratch`.
values::Read read_cell(const Column& column, const std::vector<std::string>& null_words, Arrives arrives, const void* vector,
                       const std::uint64_t* validity, std::int64_t row, std::string& scratch, values::Cell& out);
// The values of a JSON object by name, as they are written: DuckDB's own JSON columns turn 1.50 into 1.5, and a category
// has to be the same text here and in scoring. The line must be an object that the census found good. A name that does
// not occur has a token without data.
void split_object(std::string_view line, const std::vector<std::string_view>& names, std::vector<std::string_view>& tokens);

// The same cell as text, for messages.
std::string spell_cell(Arrives arrives, const void* vector, const std::uint64_t* validity, std::int64_t row);

}  // namespace mlp::data
