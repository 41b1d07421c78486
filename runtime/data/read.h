// Sources through DuckDB: typed columns, constraints checked and counted while reading.
#pragma once
#include <filesystem>

#include "base/diagnostic.h"
#include "base/settings.h"
#include "runtime/values/table.h"

namespace mlp::data {

struct Violation {           // what one rule found
  std::string column, rule;  // rule: "null", "type", ">= 0", "in 0..120", "one_of", "matches", …
  std::int64_t rows = 0;
  std::int64_t first_row = 0;  // 1-based data row of the first case
  std::string first_value;
};
struct ReadReport {
  std::vector<std::string> files;      // after globbing, sorted
  std::string digest;                  // SHA-256 over the bytes of the files, in order
  std::int64_t present = 0, read = 0, rejected = 0;  // read + rejected = present, always
  std::vector<Violation> violations;
};
struct ReadResult {
  values::Table table;
  ReadReport report;
};
struct ReadRequest {
  Source source;
  std::vector<Column> schema;
  std::vector<ColumnId> wanted;        // columns to keep; constraints of the others are still checked
  std::filesystem::path base;          // directory of the spec
  std::filesystem::path quarantine;    // where rejected rows go as CSV when the policy says so
  int threads = 1;
};
ReadResult read(const ReadRequest& request);   // throws Failure; rows keep file order whatever the threads

// Breaches of `expect` blocks, in order.
std::vector<Diagnostic> check_expectations(const std::vector<Expectation>& expectations, const std::vector<Column>& schema, const values::Table& table);

enum class Part : std::uint8_t { train, valid, test, none };  // none: left out by a gap
std::vector<Part> split(const Split& split, const std::vector<Column>& schema, const values::Table& table, std::uint64_t seed);  // throws Failure on an empty part

// What `mlp init` finds out about a file.
struct Profile {
  Source source;                       // delimiter, null words
  std::vector<Column> columns;         // types, nullability, true/false words, ranges
  std::vector<std::int64_t> distinct;  // by column
  std::int64_t rows = 0;
};
Profile profile(const std::filesystem::path& file);

}  // namespace mlp::data
