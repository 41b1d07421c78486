#include "runtime/data/files.h"

#include <fcntl.h>
#include <glob.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/codes/command.h"
#include "base/codes/data.h"
#include "base/diagnostic.h"
#include "runtime/data/read.h"

namespace mlp::data {
namespace {

Failure failure(Code code, std::string message, const Source& source, DataPlace place, std::string help = {}) {
  Diagnostic d;
  d.code = code;
  d.message = std::move(message);
  d.span = source.span;
  d.data = std::move(place);
  d.help = std::move(help);
  return Failure(std::move(d));
}

std::string join(const std::vector<std::string>& names, std::size_t most) {
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < most; ++i) out += (i == 0 ? "`" : ", `") + names[i] + "`";
  if (names.size() > most) out += ", … (" + std::to_string(names.size()) + " in all)";
  return out;
}

Failure missing_file(const Source& source, const std::filesystem::path& base, const std::string& written, const std::filesystem::path& full) {
  std::vector<std::string> neighbours;
  std::error_code error;
  for (std::filesystem::directory_iterator at(full.has_parent_path() ? full.parent_path() : ".", error), end; !error && at != end; at.increment(error))
    neighbours.push_back(at->path().filename().string());
  std::sort(neighbours.begin(), neighbours.end());
  const std::string near = nearest(full.filename().string(), neighbours);
  const bool glob = written.find_first_of("*?[") != std::string::npos;
  std::string help = "paths are relative to the spec that names them";
  const std::filesystem::path readme = base / "README.md";  // where examples say what they need
  if (std::filesystem::exists(readme, error)) help += "; " + readme.string() + " may say where to get it";
  if (!near.empty()) help = "did you mean `" + (std::filesystem::path(written).parent_path() / near).string() + "`?";
  return failure(code::data_file_missing, glob ? "no file fits `" + written + "`" : "cannot find `" + written + "`", source, in_file(full), help);
}

// Finds each needed column in the names of a file; several faults are told at once.
std::vector<std::size_t> locate(const Source& source, const std::vector<Column>& schema, const std::vector<ColumnId>& needed,
                                const std::vector<std::string>& names, const std::filesystem::path& path, bool csv) {
  std::vector<std::size_t> places;
  std::vector<const Column*> missing;
  for (const ColumnId id : needed) {
    const Column& column = schema[static_cast<std::size_t>(id.index)];
    const auto found = std::find(names.begin(), names.end(), column.name);
    if (found == names.end()) {
      missing.push_back(&column);
      continue;
    }
    if (std::find(found + 1, names.end(), column.name) != names.end()) {
      Failure f = failure(code::data_column_doubled, "column `" + column.name + "` stands twice in `" + path.string() + "`", source,
                          in_file(path, 0, column.name), "rename or remove one of the two in the file");
      if (column.span.known()) f.diagnostic.also(column.span, "asked for here");
      throw f;
    }
    places.push_back(static_cast<std::size_t>(found - names.begin()));
  }
  if (missing.empty()) return places;
  std::vector<std::string> wanted;
  for (const Column* column : missing) wanted.push_back(column->name);
  const bool data = personal(schema) && places.empty();  // a file without its header: the names may be the first row
  const std::string near = data ? "" : nearest(missing[0]->name, names);
  std::string help;
  if (!near.empty()) help = "did you mean `" + near + "`?";
  else if (csv && names.size() == 1 && schema.size() > 1) help = "the file seems to have one column: give its delimiter, as in `delimiter = \";\"`";
  else if (data) help = "say `header = false` in the source, if the file has no header";
  else help = "the columns of the file are " + join(names, 30);
  Failure f = failure(code::data_column_missing,
                      (missing.size() == 1 ? "column " : "columns ") + join(wanted, 10) + (missing.size() == 1 ? " is" : " are") + " not in `" + path.string() + "`",
                      source, in_file(path, 0, missing[0]->name), help);
  if (missing[0]->span.known()) f.diagnostic.also(missing[0]->span, missing.size() == 1 ? "asked for here" : "the first of them is asked for here");
  if (!near.empty()) f.diagnostic.note("the columns of the file are " + join(names, 30));
  throw f;
}

// The flaws of whole records: with the policy `fail` they end the command before any value is read.
void check_flaws(const Source& source, const std::vector<Column>& schema, const FilePlan& plan, std::size_t width) {
  const Census& census = plan.census;
  const std::string shown = personal(schema) ? "" : values::printable(census.first_flawed);
  if (census.open_quote) {
    throw failure(code::data_quoting, "a quote is opened in row " + std::to_string(*census.open_quote + 1) + " of `" + plan.path.string() + "` and never closed", source,
                  in_file(plan.path, *census.open_quote + 1, {}, shown),
                  "close it, or double a quote that belongs to the text");
  }
  if (census.flawed.empty() || source.policy != Policy::fail) return;
  const Census::Flawed& first = census.flawed.front();
  Code code = code::data_row_fields;
  std::string message, help = "correct the row, or reject such rows with `on_violation = drop` or `quarantine`";
  const std::string row = "row " + std::to_string(first.record + 1);
  switch (first.flaw) {
    case Flaw::fields:
      message = row + " has " + std::to_string(first.fields) + (first.fields == 1 ? " cell" : " cells") + " where the " +
                (source.header ? "header has " + std::to_string(census.header.size()) : "schema has " + std::to_string(width));
      break;
    case Flaw::encoding: code = code::data_encoding; message = row + " is not UTF-8"; help = "convert the file: `iconv -f latin1 -t utf-8`"; break;
    case Flaw::quoting:
      code = code::data_quoting;
      message = row + " has a quote out of place";
      help = "quotes stand around a whole cell, without blanks before them, and a quote inside one is doubled";
      break;
    case Flaw::json: code = code::data_json; message = row + " is not a JSON object"; break;
    case Flaw::none: MLP_BUG("a flaw without a kind");
  }
  if (census.flawed.size() > 1) message += ", and " + std::to_string(census.flawed.size() - 1) + " more are no proper rows";
  throw failure(code, message, source, in_file(plan.path, first.record + 1, {}, shown), help);
}

void check_empty(const Source& source, const Census& census, const std::filesystem::path& path) {
  if (census.bytes == 0 || (source.format == Format::csv && source.header && census.header.empty()))
    throw failure(code::data_file_empty, "`" + path.string() + "` is empty", source, in_file(path), "write the file again: it has not even a header");
}

void copy_clean(const Source& source, std::size_t width, FilePlan& plan) {
  plan.copy = std::make_unique<CleanCopy>();
  const auto each = [&](std::int64_t, const Record& record) {
    if (record.flaw == Flaw::none) plan.copy->add(record.bytes);
    return true;
  };
  const CensusRequest again{.path = plan.path, .delimiter = std::string(1, plan.census.delimiter), .header = source.header,
                            .fields = source.header ? 0 : static_cast<std::int32_t>(width)};
  if (source.format == Format::csv) count_csv(again, each);
  else count_jsonl(again, each);
}

void plan_csv(const Source& source, const std::vector<Column>& schema, const std::vector<ColumnId>& needed, FilePlan& plan, Sha256& digest) {
  plan.census = count_csv({.path = plan.path, .delimiter = source.delimiter, .header = source.header,
                           .fields = source.header ? 0 : static_cast<std::int32_t>(schema.size()), .digest = &digest});
  check_empty(source, plan.census, plan.path);
  const std::size_t width = source.header ? plan.census.header.size() : schema.size();
  std::vector<std::size_t> places;
  if (source.header) {
    places = locate(source, schema, needed, plan.census.header, plan.path, true);
  } else {
    for (const ColumnId id : needed) places.push_back(static_cast<std::size_t>(id.index));
  }
  check_flaws(source, schema, plan, width);
  std::string columns;
  for (std::size_t i = 0; i < width; ++i) columns += (i == 0 ? "'c" : ",'c") + std::to_string(i) + "':'VARCHAR'";
  // Everything is said, nothing found out: DuckDB's own guesses depend on its version.
  const bool clean = !plan.census.flawed.empty() || plan.census.uneven_line_ends || (plan.census.blank_lines_first && width == 1);
  if (clean) copy_clean(source, width, plan);
  plan.from = "read_csv(" + sql_path(clean ? plan.copy->path() : plan.path.string()) + ", auto_detect=false, header=false, quote='\"', escape='\"', delim=" +
              sql_text(std::string(1, plan.census.delimiter)) + ", compression='" + (plan.census.gzip && !clean ? "gzip" : "none") + "', columns={" + columns + "}";
  // Else a line end inside a quoted cell would decide.
  plan.from += std::string(", new_line='") + (clean || plan.census.line_end == "\n" ? "\\n" : plan.census.line_end == "\r" ? "\\r" : "\\r\\n") + "'";
  if (plan.census.longest >= 2'000'000) plan.from += ", max_line_size=" + std::to_string(plan.census.longest + 1024);
  plan.from += ")";
  plan.drop_header = source.header && !clean;
  for (std::size_t i = 0; i < needed.size(); ++i) plan.fields.push_back({needed[i], "c" + std::to_string(places[i]), Arrives::text});
}

void plan_jsonl(const Source& source, const std::vector<Column>& schema, const std::vector<ColumnId>& needed, FilePlan& plan, Sha256& digest) {
  plan.census = count_jsonl({.path = plan.path, .digest = &digest});
  check_empty(source, plan.census, plan.path);
  check_flaws(source, schema, plan, 0);
  locate(source, schema, needed, plan.census.header, plan.path, false);
  const bool clean = !plan.census.flawed.empty();
  if (clean) copy_clean(source, 0, plan);
  plan.from = "read_json_objects(" + sql_path(clean ? plan.copy->path() : plan.path.string()) + ", format='newline_delimited', compression='" +
              (plan.census.gzip && !clean ? "gzip" : "uncompressed") + "'";
  if (plan.census.longest >= 16'000'000) plan.from += ", maximum_object_size=" + std::to_string(plan.census.longest + 1024);
  plan.from += ")";
  for (const ColumnId id : needed) plan.fields.push_back({id, {}, Arrives::json});
}

// Which way a Parquet column of `type` goes into `column`; false when there is none.
bool choose(duckdb_type type, const Column& column, const std::string& name, FieldSource& out) {
  const Scalar scalar = column.type.scalar;
  const auto as = [&](Arrives arrives, const std::string& select) { return out.arrives = arrives, out.select = select, true; };
  const auto as_text = [&] { return as(Arrives::text, "CAST(" + name + " AS VARCHAR)"); };
  switch (type) {
    case DUCKDB_TYPE_BOOLEAN: return is_text(scalar) ? as_text() : is_number(scalar) || scalar == Scalar::boolean ? as(Arrives::boolean, name) : false;
    case DUCKDB_TYPE_TINYINT: case DUCKDB_TYPE_SMALLINT: case DUCKDB_TYPE_INTEGER: case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT: case DUCKDB_TYPE_USMALLINT: case DUCKDB_TYPE_UINTEGER:
      return is_text(scalar) ? as_text() : is_number(scalar) || scalar == Scalar::boolean ? as(Arrives::integer, "CAST(" + name + " AS BIGINT)") : false;
    case DUCKDB_TYPE_FLOAT: case DUCKDB_TYPE_DOUBLE:
      return is_number(scalar) || scalar == Scalar::boolean ? as(Arrives::real, "CAST(" + name + " AS DOUBLE)") : false;
    case DUCKDB_TYPE_UBIGINT: case DUCKDB_TYPE_HUGEINT: case DUCKDB_TYPE_UHUGEINT: case DUCKDB_TYPE_DECIMAL: case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_ENUM: case DUCKDB_TYPE_UUID: case DUCKDB_TYPE_TIME:
      return as_text();
    case DUCKDB_TYPE_DATE: return is_text(scalar) ? as_text() : scalar == Scalar::date || scalar == Scalar::timestamp ? as(Arrives::date, name) : false;
    case DUCKDB_TYPE_TIMESTAMP: case DUCKDB_TYPE_TIMESTAMP_S: case DUCKDB_TYPE_TIMESTAMP_MS: case DUCKDB_TYPE_TIMESTAMP_NS: case DUCKDB_TYPE_TIMESTAMP_TZ:
      return is_text(scalar) ? as_text() : scalar == Scalar::date || scalar == Scalar::timestamp ? as(type == DUCKDB_TYPE_TIMESTAMP_TZ ? Arrives::timestamp : Arrives::local, "epoch_us(" + name + ")") : false;
    case DUCKDB_TYPE_INTERVAL: return scalar == Scalar::duration ? as_text() : false;
    default: return false;
  }
}

void plan_parquet(Duck& duck, const Source& source, const std::vector<Column>& schema, const std::vector<ColumnId>& needed, FilePlan& plan, Sha256& digest) {
  {
    ByteSource bytes(plan.path, &digest);
    std::vector<char> buffer(1 << 20);
    while (const std::size_t n = bytes.read(buffer.data(), buffer.size())) plan.census.bytes += static_cast<std::int64_t>(n);
  }
  check_empty(source, plan.census, plan.path);
  plan.from = "read_parquet(" + sql_path(plan.path.string()) + ")";
  const auto shape = duck.query("SELECT * FROM " + plan.from + " LIMIT 0", plan.path.string());
  std::vector<std::string> names;
  for (std::int32_t i = 0; i < shape->columns(); ++i) names.push_back(shape->name(i));
  const std::vector<std::size_t> places = locate(source, schema, needed, names, plan.path, false);
  for (std::size_t i = 0; i < needed.size(); ++i) {
    const Column& column = schema[static_cast<std::size_t>(needed[i].index)];
    FieldSource field;
    field.column = needed[i];
    if (!choose(shape->type(static_cast<std::int32_t>(places[i])), column, sql_name(column.name), field)) {
      Failure f = failure(code::data_column_type, "column `" + column.name + "` of `" + plan.path.string() + "` cannot be read as `" + spell(column.type) + "`", source,
                          in_file(plan.path, 0, column.name), "change the type in the schema, or the column where the file is written");
      if (column.span.known()) f.diagnostic.also(column.span, "declared here");
      throw f;
    }
    plan.fields.push_back(std::move(field));
  }
  const auto count = duck.query("SELECT count(*) FROM " + plan.from, plan.path.string());
  std::unique_ptr<Chunk> chunk;
  MLP_CHECK(count->next(chunk) && chunk->rows() == 1);
  plan.census.records = static_cast<const std::int64_t*>(chunk->values(0))[0];
}

}  // namespace

CleanCopy::CleanCopy() {
  std::string name = (std::filesystem::temp_directory_path() / "millrace-rows-XXXXXX").string();
  fd_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd_ < 0) throw Failure(code::write_failed, "cannot write `" + name + "`: " + std::strerror(errno), "set TMPDIR to a directory that has room");
  ::unlink(name.c_str());  // it lives as long as it is open, and nothing is left behind however we end
  path_ = "/proc/self/fd/" + std::to_string(fd_);
}
CleanCopy::~CleanCopy() { ::close(fd_); }
void CleanCopy::add(std::string_view record) {
  (buffer_ += record) += '\n';
  if (buffer_.size() > 1 << 20) flush();
}
const std::string& CleanCopy::path() {
  flush();
  return path_;
}
void CleanCopy::flush() {
  for (std::size_t done = 0; done < buffer_.size();) {
    const ssize_t n = ::write(fd_, buffer_.data() + done, buffer_.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Failure(code::write_failed, "cannot write to `" + std::filesystem::temp_directory_path().string() + "`: " + std::strerror(errno), "set TMPDIR to a directory that has room");
    done += static_cast<std::size_t>(n);
  }
  buffer_.clear();
}

std::vector<std::filesystem::path> find_files(const Source& source, const std::filesystem::path& base) {
  std::vector<std::filesystem::path> out;
  for (const std::string& written : source.paths) {
    const std::filesystem::path full = (base / written).lexically_normal();
    std::error_code error;
    if (std::filesystem::exists(full, error)) {
      out.push_back(full);
      continue;
    }
    glob_t found{};
    std::string pattern = written;
    if (!std::filesystem::path(written).is_absolute() && !base.empty()) {  // signs in the directory of the spec stand for themselves
      pattern.clear();
      for (const char c : base.string()) (pattern += std::string_view("*?[\\").find(c) == std::string_view::npos ? "" : "\\") += c;
      pattern += "/" + written;
    }
    const int state = written.find_first_of("*?[") == std::string::npos ? GLOB_NOMATCH : ::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found);
    std::vector<std::string> paths;
    if (state == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    if (state != GLOB_NOMATCH) ::globfree(&found);
    if (paths.empty()) throw missing_file(source, base, written, full);
    std::sort(paths.begin(), paths.end());
    for (const std::string& path : paths) out.push_back(std::filesystem::path(path).lexically_normal());
  }
  return out;
}

void require_rows(const FilePlan& plan, std::int64_t given) {
  const std::int64_t counted = plan.census.records - static_cast<std::int64_t>(plan.census.flawed.size());
  if (given == counted) return;
  throw Failure(code::data_rows_differ, "`" + plan.path.string() + "` has " + std::to_string(counted) + " rows by our count, and the data engine gives " + std::to_string(given),
                "run the command again if the file was being written; else write it with LF line ends and plain quoting");
}

bool personal(const std::vector<Column>& schema) {
  return std::any_of(schema.begin(), schema.end(), [](const Column& c) { return c.pii; });
}

std::string without_values(const std::string& message) {
  const std::size_t kind = message.find(" Error: ");
  return kind == std::string::npos ? message : message.substr(0, kind + 6) + "; what it says is withheld, since a column is personal";
}

FilePlan plan_file(Duck& duck, const Source& source, const std::vector<Column>& schema, const std::vector<ColumnId>& needed,
                   const std::filesystem::path& path, Sha256& digest) {
  FilePlan plan;
  plan.path = path;
  try {
    switch (source.format) {
      case Format::csv: plan_csv(source, schema, needed, plan, digest); break;
      case Format::jsonl: plan_jsonl(source, schema, needed, plan, digest); break;
      case Format::parquet: plan_parquet(duck, source, schema, needed, plan, digest); break;
    }
  } catch (Failure& f) {
    if (!f.diagnostic.span.known()) f.diagnostic.span = source.span;
    if (!f.diagnostic.data) f.diagnostic.data = in_file(path);
    throw;
  }
  return plan;
}

std::string digest_of(const std::vector<std::filesystem::path>& files) {
  Sha256 digest;
  std::vector<char> buffer(1 << 20);
  for (const std::filesystem::path& path : files) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
    while (file) {
      const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), file.get());
      if (n == 0) break;
      digest.add({buffer.data(), n});
    }
    if (!file || std::ferror(file.get()) != 0) throw Failure(code::data_file_unreadable, "cannot read `" + path.string() + "`: " + std::strerror(errno));
  }
  return digest.hex();
}

}  // namespace mlp::data
