// Which files a source names, and what their columns are: the part of reading that comes before any row.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "base/diagnostic.h"
#include "base/settings.h"
#include "runtime/data/census.h"
#include "runtime/data/convert.h"

namespace mlp::data {

inline DataPlace in_file(const std::filesystem::path& path, std::int64_t row = 0, std::string column = {}, std::string value = {}) {
  return {.file = path.string(), .row = row, .column = std::move(column), .value = std::move(value)};
}

// A column of a file that a field of the schema is read from.
struct FieldSource {
  ColumnId column;
  std::string select;  // SQL expression; none for JSON lines, which come whole
  Arrives arrives = Arrives::text;
};
// The good records of a file, for DuckDB to read in its stead: with a row of bad quotes in it, DuckDB loses others too,
// and it takes one kind of line end only. It has no name, so that nothing is left behind.
class CleanCopy {
 public:
  CleanCopy();
  ~CleanCopy();
  CleanCopy(const CleanCopy&) = delete;
  void add(std::string_view record);
  const std::string& path();  // when all is added; throws Failure when not all could be written

 private:
  void flush();
  std::string path_, buffer_;
  int fd_ = -1;
};

// How one file is read.
struct FilePlan {
  std::filesystem::path path;
  std::unique_ptr<CleanCopy> copy;     // when `from` is not `path` itself
  std::string from;                    // SQL table function
  std::vector<FieldSource> fields;
  Census census;                       // records: how many rows there must be
  bool drop_header = false;            // the first row that comes is the header
};
// Whether a schema has personal columns (@pii): then no message shows a record, nor what the data engine says of one.
bool personal(const std::vector<Column>& schema);
// "Conversion Error: Could not convert …" → "Conversion Error": what a message of the data engine says without values.
std::string without_values(const std::string& message);

// SHA-256 over the bytes of files, in order. Throws Failure.
std::string digest_of(const std::vector<std::filesystem::path>& files);

// Ends the command when DuckDB did not give the rows that the census counted (without the flawed ones).
void require_rows(const FilePlan& plan, std::int64_t given);
// Reads the file once on its own, checks its columns against the schema, and says how DuckDB is to read it. `needed`
// columns only; the digest gets the bytes. Throws Failure.
FilePlan plan_file(Duck& duck, const Source& source, const std::vector<Column>& schema, const std::vector<ColumnId>& needed,
                   const std::filesystem::path& path, Sha256& digest);

}  // namespace mlp::data
