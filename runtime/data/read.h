// Sources through DuckDB: typed columns, constraints checked and counted while reading.
#pragma once
#include <filesystem>

#include "base/diagnostic.h"
#include "base/settings.h"
#include "runtime/values/table.h"

namespace mlp::data {

struct Violation {           // what one rule found
  std::string column;        // "" when the whole row is no row: fields, encoding, quoting, json
  std::string rule;          // "null", "type", ">= 0", "in 0..120", "one_of", "matches", …
  std::int64_t rows = 0;
  std::string file;          // of the first case
  std::int64_t first_row = 0;  // 1-based data row in that file; the header and blank lines do not count
  std::string first_value;
};
struct SourceReport {        // of one source among those of a table
  std::string name, digest;
  std::int64_t present = 0, read = 0, rejected = 0;
};
struct ReadReport {
  std::vector<std::string> files;      // after globbing, sorted
  std::string digest;                  // SHA-256 over the bytes of the files, in order, and of the pictures that the wanted columns name
  std::int64_t present = 0, read = 0, rejected = 0;  // read + rejected = present, always
  std::vector<Violation> violations;
  std::vector<SourceReport> sources;   // of a table: the counts above are their sums; empty for a source by itself
};
struct ReadResult {
  values::Table table;
  ReadReport report;
};
struct ReadRequest {
  Source source;
  std::vector<Column> schema;
  std::vector<ColumnId> wanted;        // columns to keep, held to their types and constraints
  std::vector<ColumnId> watched;       // columns to keep as they are: what is no value of the type is null. Others are not read
  std::filesystem::path base;          // directory of the spec
  std::filesystem::path quarantine;    // the CSV file (file, row, reason, raw) that rejected rows go to when the policy says so
  int threads = 1;
  bool digest_only = false;            // the digest, which flawed records do not stop; no values
};
// Rows keep file order whatever the threads. Throws Failure. The schema's columns are found by name, so files may have
// them in any order, and others beside them; without a header they are found by position.
ReadResult read(const ReadRequest& request);
// The files that a source names: globs expanded, sorted by bytes. Throws Failure when there is none.
std::vector<std::filesystem::path> find_files(const Source& source, const std::filesystem::path& base);
// What a ReadReport has as its digest, without reading a value. Throws Failure.
std::string digest_of(const ReadRequest& request);

// Breaches of `expect` blocks, in order; nothing when all hold. The table must hold the columns that are asked about.
// unique and distinct look at present values only; missing is a share (0..1); min, max, mean read bool as 0 and 1,
// dates as days, timestamps and durations as microseconds, and do not hold where there is no value.
std::vector<Diagnostic> check_expectations(const std::vector<Expectation>& expectations, const std::vector<Column>& schema, const values::Table& table);

enum class Part : std::uint8_t { train, valid, test, none };  // none: left out by a gap, or by parts that sum to less than 100%
// Which part each row is in. `seed` is used where the split names none. With n rows, parts that are counted have rows
// round(n * train), round(n * (train + valid)) - round(n * train), and so on.
//   random      rows in the order of hash(seed, row index), counted
//   hash        by the value alone: hash(seed, text of the value) as a fraction u, train when u < train, valid when
//               u < train + valid, …; a row stays where it is when others come
//   group       groups in the order of hash(seed, text of the value), laid end to end: each goes where its middle row
//               falls, so that parts have nearly their share of rows and no group stands in two
//   time        rows in the order of the column (then of the file), counted; a row of a later part that is less than
//               `gap` after the last row of the part before is left out
//   stratified  as random, counted within the rows of each value (null is one)
//   every(n)    row index modulo n: 0 is test, 1 is valid when valid > 0, others train
//   column      the column says train, valid or test
// Hashes are XXH64 of the key. Throws Failure: an empty part that was asked for, a null where a value decides.
std::vector<Part> split(const Split& split, const std::vector<Column>& schema, const values::Table& table, std::uint64_t seed);

// Cross-validation: for each fold the part that each row plays in it: train, valid (watched by early stopping), test
// (measured), or none. `parts` is what `split` gave; its train and valid rows are divided, its test rows play no part.
//   time        forward: the rows in order of time; the last `folds` blocks of fold_test rows (or of n / (folds + 1)) are
//               measured in turn, by a model of the rows before, of which at most the last fold_train, and none closer
//               than `gap`. Where the split has a valid part, its share of those rows, the last, is watched.
//   else        each row is measured in one fold and keeps its part in the others: hash by the value; group whole groups,
//               the largest first into the smallest fold; stratified value by value; every in turn; else shuffled
// Throws Failure when a fold has nothing to train on or to measure.
std::vector<std::vector<Part>> folds(const Split& split, const std::vector<Column>& schema, const values::Table& table, std::uint64_t seed, const std::vector<Part>& parts);

// What `mlp init` finds out about a file by reading all of it: a schema under which it reads without a rejected row.
//   null words  of "", " ", ?, NA, N/A, #N/A, NULL, null, None, NaN, nan, \N, -: those that occur where a column is
//               otherwise numbers, dates or bool, and, but for "-", those that occur in a category (CSV only)
//   bool        two words of a known pair (Yes/No, true/false, Y/N, on/off, 1/0 …) and no third
//   int, float, date, timestamp: when every value reads as one; numbers with leading zeros (zip codes) are texts
//   id          texts that are all different · text: long ones, mostly different · string: short ones, mostly
//               different, and columns without any value · category: the rest
// Columns whose name is empty are left out: a spec cannot name them.
struct Profile {
  Source source;                       // path as given, format, delimiter (when not a comma), header, null words
  std::vector<Column> columns;         // types, nullability, true/false words; bounds: least and greatest of numbers
  std::vector<std::int64_t> distinct;  // by column, of present values
  std::vector<std::int64_t> missing;   // by column
  std::int64_t rows = 0;
};
// The format is told by the name: .parquet, .jsonl .ndjson .json, else CSV; each also with .gz. Throws Failure.
Profile profile(const std::filesystem::path& file);

}  // namespace mlp::data
