// The text of one value → the value. The one parser of training (cells from DuckDB arrive as text) and scoring (CSV,
// JSON), so that both see the same bits. Knows schema types, null words, true/false words, and the constraints.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "abi/abi.h"
#include "base/pattern.h"
#include "base/settings.h"

namespace mlp::values {

enum class Read { ok, null, bad_type };
struct Cell {
  double real = 0;            // float, float32 (rounded to single)
  std::int64_t integer = 0;   // int; bool 0/1; date days; timestamp, duration microseconds
  std::string_view text;      // text types, image: a view of the input; of an image in memory, its pixels
};

// Null words: a text that equals one of them is null, quoted or not, in every format, so that `"NA"` in JSON and NA in
// CSV mean the same. For types other than text, blanks (space, tab, line ends) around the value are passed over
// first; text is taken as it is and must be UTF-8.
//   float      decimal or scientific, inf; nan is null (a float column never holds NaN); too large is bad_type
//   float32    the same, then rounded to single
//   int        sign and digits, or a float text whose value is whole ("3.0", "1e3"); outside 64 bits is bad_type
//   bool       the two words of the column; true, false in any case and, in a column without words, 1 and 0
//   timestamp  YYYY-MM-DD, then blank or T and HH:MM[:SS[.fraction]], then Z or ±HH[[:]MM]; without offset it is local time of the column's zone, or UTC;
//              digits past the microsecond are dropped
//   date       YYYY-MM-DD
//   duration   a number and a unit (us ms s m h d w), or [-]H:MM:SS[.fraction]
//   image      any text: where the picture is to be had from (runtime/values/picture.h)
Read read_text(const Column& column, const std::vector<std::string>& null_words, std::string_view text, Cell& out);

// Texts of one column, row i's at base + spans[i * stride]. The `readable` bytes behind each may be read.
struct Span {
  std::uint32_t begin = 0, size = 0;
};
struct Texts {
  static constexpr std::size_t readable = 32;
  const char* base = nullptr;
  const Span* spans = nullptr;
  std::size_t rows = 0, stride = 1;
  std::string_view operator[](std::size_t i) const { return {base + spans[i * stride].begin, spans[i * stride].size}; }
};
// read_text for many texts: what is written plainly (12.50, 2024-01-31T09:30:00, text in ASCII) costs a few instructions.
// Each gives the rows before the first bad one. present[i] tells whether row i has a value; a null one is 0 or "". Without
// `present`, null is bad.
class Reader {
 public:
  Reader(const Column& column, const std::vector<std::string>& null_words);  // which must outlive this
  // One text that is written plainly; false for what read_text must read: whatever may be null, and all that is not as usual.
  // `readable` bytes behind the text may be read.
  bool real(std::string_view text, std::size_t readable, double& value) const;
  bool integer(std::string_view text, std::int64_t& value) const;
  bool string(std::string_view text, std::size_t readable) const;
  std::size_t reals(const Texts& texts, double* out, std::uint8_t* present) const;
  std::size_t integers(const Texts& texts, std::int64_t* out, std::uint8_t* present) const;
  std::size_t booleans(const Texts& texts, std::uint8_t* out, std::uint8_t* present) const;
  std::size_t strings(const Texts& texts, mlp_string* out, std::uint8_t* present) const;  // views of the texts

 private:
  template <class Plain, class Value, class Take>
  std::size_t each(const Texts& texts, Value* out, std::uint8_t* present, Plain plain, Take take) const;
  const Column* column_;
  const std::vector<std::string>* null_words_;
  std::uint64_t null_sizes_ = 0;         // bit n: a null word has n bytes; the last: that or more
  bool plain_ = true;                    // no null word looks like a number or a moment
};

// The same for a JSON number or a typed vector: a value that arrives as a number, not as text. bad_type for text types
// (a number is not a text), and for values outside the type.
Read read_number(const Column& column, double value, Cell& out);
Read read_integer(const Column& column, std::int64_t value, Cell& out);

// The constraints of one column, made ready once.
class Constraints {
 public:
  explicit Constraints(const Column& column);
  bool any() const { return bounded_ || !sorted_.empty() || pattern_; }
  // The first constraint that a present value breaks, as written ("in 0..120", ">= 0", "one_of", "matches"), or "".
  std::string broken(const Cell& cell) const;

 private:
  const Column* column_;                // must outlive this
  bool bounded_ = false;
  std::vector<std::string> sorted_;     // one_of
  std::optional<Pattern> pattern_;
};
std::int64_t local_moment(const Column& column, std::int64_t moment);  // the moment of a calendar and clock without an offset
std::string spell_bounds(const Column& column);  // "in 0..120", ">= 2024-01-31", "> 0 and <= 9"; "" without bounds

bool valid_utf8(std::string_view text);
std::string spell(const Column& column, const Cell& cell);   // for messages and quarantine files; reads back the same (of an image: its pixels)
std::string printable(std::string_view text);                // for messages: at most 60 bytes, controls and bad UTF-8 as \xNN
std::string printable(const Column& column, std::string_view text);  // "" for personal data (@pii), which no message shows
std::string named(const Column& column, std::string_view text);      // the same in backticks; "the value" for personal data

// Days since 1970-01-01 of a date of the proleptic Gregorian calendar, and back (Howard Hinnant's algorithms).
std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day);
void civil_from_days(std::int64_t days, std::int64_t& year, unsigned& month, unsigned& day);

}  // namespace mlp::values
