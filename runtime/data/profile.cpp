#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>

#include "base/codes/data.h"
#include "base/machine.h"
#include "runtime/data/files.h"
#include "runtime/data/read.h"
#include "runtime/values/parse.h"

namespace mlp::data {
namespace {

const std::vector<std::string> null_candidates = {"", " ", "?", "NA", "N/A", "#N/A", "NULL", "null", "None", "NaN", "nan", "\\N", "-"};

// Only CSV has null words of its own; the other formats say null, and the empty text counts as it by default.
bool is_candidate(Format format, std::string_view text) {
  return format == Format::csv ? std::find(null_candidates.begin(), null_candidates.end(), text) != null_candidates.end() : text.empty();
}

// The distinct texts of a column with their numbers of rows, in order of first appearance.
struct Texts {
  std::vector<std::string_view> values;
  std::vector<std::int64_t> counts;
  std::int64_t nulls = 0;  // nulls of the format (Parquet, JSON)
};
Texts distinct_texts(const values::ColumnData& column, std::int64_t rows) {
  Texts out;
  std::unordered_map<std::string_view, std::size_t> known;
  for (std::int64_t row = 0; row < rows; ++row) {
    if (!column.is_present(row)) {
      ++out.nulls;
      continue;
    }
    const auto [at, fresh] = known.try_emplace(column.cell(row).text, out.values.size());
    if (fresh) {
      out.values.push_back(at->first);
      out.counts.push_back(0);
    }
    ++out.counts[at->second];
  }
  return out;
}

// 007 and 02134 are names, not numbers.
bool has_leading_zero(std::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  return text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9';
}

bool all_read_as(Scalar scalar, const std::vector<std::string_view>& texts) {
  Column column;
  column.type.scalar = scalar;
  values::Cell cell;
  for (const std::string_view text : texts) {
    if (values::read_text(column, {}, text, cell) != values::Read::ok) return false;
    if (is_number(scalar) && has_leading_zero(text)) return false;
    if (scalar == Scalar::integer && text.find_first_of(".eE") != std::string_view::npos) return false;  // 3.0 says float
  }
  return true;
}

// The words for true and false when the texts are exactly such a pair.
std::optional<std::pair<std::string, std::string>> bool_words(const std::vector<std::string_view>& texts) {
  static const std::array<std::array<const char*, 2>, 7> pairs{{{"true", "false"}, {"yes", "no"}, {"y", "n"}, {"t", "f"}, {"on", "off"}, {"1", "0"}, {"oui", "non"}}};
  if (texts.size() != 2) return std::nullopt;
  const auto lower = [](std::string_view text) {
    std::string out(text);
    for (char& c : out)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return out;
  };
  for (const auto& [yes, no] : pairs) {
    if (lower(texts[0]) == yes && lower(texts[1]) == no) return std::pair{std::string(texts[0]), std::string(texts[1])};
    if (lower(texts[1]) == yes && lower(texts[0]) == no) return std::pair{std::string(texts[1]), std::string(texts[0])};
  }
  return std::nullopt;
}

// Sets the type of a column of texts; `texts` are the distinct ones without null words.
void infer(Column& column, const std::vector<std::string_view>& texts, const std::vector<std::int64_t>& counts) {
  Scalar& scalar = column.type.scalar;
  if (texts.empty()) {
    scalar = Scalar::string;
    return;
  }
  if (const auto words = bool_words(texts)) {
    scalar = Scalar::boolean;
    Column plain;
    plain.type.scalar = Scalar::boolean;
    values::Cell cell;
    const bool known = values::read_text(plain, {}, words->first, cell) == values::Read::ok && cell.integer == 1;
    if (!known) std::tie(column.true_word, column.false_word) = *words;
    return;
  }
  for (const Scalar candidate : {Scalar::integer, Scalar::real, Scalar::date, Scalar::timestamp})
    if (all_read_as(candidate, texts)) {
      scalar = candidate;
      return;
    }
  std::int64_t rows = 0, bytes = 0, most = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    rows += counts[i];
    bytes += counts[i] * static_cast<std::int64_t>(texts[i].size());
    most = std::max(most, counts[i]);
  }
  const double share = static_cast<double>(texts.size()) / static_cast<double>(rows), length = static_cast<double>(bytes) / static_cast<double>(rows);
  if (length > 24 && share > 0.3) scalar = Scalar::text;
  else if (most == 1 && rows >= 5) scalar = Scalar::id;
  else if (share > 0.5 && texts.size() > 50) scalar = Scalar::string;
  else scalar = Scalar::category;
}

void note_bounds(Column& column, const std::vector<std::string_view>& texts) {
  if (!is_number(column.type.scalar)) return;
  Column real = column;
  real.type.scalar = Scalar::real;
  for (const std::string_view text : texts) {
    values::Cell cell;
    if (values::read_text(real, {}, text, cell) != values::Read::ok) continue;
    if (!column.bounds.low || cell.real < *column.bounds.low) column.bounds.low = cell.real;
    if (!column.bounds.high || cell.real > *column.bounds.high) column.bounds.high = cell.real;
  }
}

// Parquet says its types; the texts among them still have to be told apart.
std::vector<Column> parquet_columns(const std::filesystem::path& file) {
  Duck duck(1);
  const auto shape = duck.query("SELECT * FROM read_parquet(" + sql_path(file.string()) + ") LIMIT 0", file.string());
  std::vector<Column> out;
  for (std::int32_t i = 0; i < shape->columns(); ++i) {
    Column column;
    column.name = shape->name(i);
    column.type.nullable = true;
    switch (shape->type(i)) {
      case DUCKDB_TYPE_BOOLEAN: column.type.scalar = Scalar::boolean; break;
      case DUCKDB_TYPE_TINYINT: case DUCKDB_TYPE_SMALLINT: case DUCKDB_TYPE_INTEGER: case DUCKDB_TYPE_BIGINT:
      case DUCKDB_TYPE_UTINYINT: case DUCKDB_TYPE_USMALLINT: case DUCKDB_TYPE_UINTEGER: column.type.scalar = Scalar::integer; break;
      case DUCKDB_TYPE_FLOAT: case DUCKDB_TYPE_DOUBLE: case DUCKDB_TYPE_DECIMAL: case DUCKDB_TYPE_UBIGINT: case DUCKDB_TYPE_HUGEINT:
      case DUCKDB_TYPE_UHUGEINT: column.type.scalar = Scalar::real; break;
      case DUCKDB_TYPE_DATE: column.type.scalar = Scalar::date; break;
      case DUCKDB_TYPE_TIMESTAMP: case DUCKDB_TYPE_TIMESTAMP_S: case DUCKDB_TYPE_TIMESTAMP_MS: case DUCKDB_TYPE_TIMESTAMP_NS:
      case DUCKDB_TYPE_TIMESTAMP_TZ: column.type.scalar = Scalar::timestamp; break;
      case DUCKDB_TYPE_INTERVAL: column.type.scalar = Scalar::duration; break;
      case DUCKDB_TYPE_VARCHAR: case DUCKDB_TYPE_ENUM: case DUCKDB_TYPE_UUID: case DUCKDB_TYPE_TIME: column.type.scalar = Scalar::text; break;
      default: continue;  // lists, maps, structures, bytes: no type of ours
    }
    out.push_back(std::move(column));
  }
  return out;
}

bool can_be_named(const std::string& name) { return !name.empty() && name.find_first_of("`\n\r") == std::string::npos; }

// A first row of numbers only is no header.
bool looks_like_header(const std::vector<std::string>& cells) {
  Column real;
  real.type.scalar = Scalar::real;
  values::Cell cell;
  return std::any_of(cells.begin(), cells.end(), [&](const std::string& text) { return values::read_text(real, {}, text, cell) == values::Read::bad_type; });
}

Format format_of(const std::filesystem::path& file) {
  std::filesystem::path name = file.filename();
  if (name.extension() == ".gz") name = name.stem();
  const std::string end = name.extension().string();
  return end == ".parquet" ? Format::parquet : end == ".jsonl" || end == ".ndjson" || end == ".json" ? Format::jsonl : Format::csv;
}

}  // namespace

Profile profile(const std::filesystem::path& file) {
  Profile out;
  out.source.name = "rows";
  out.source.format = format_of(file);
  out.source.paths = {file.string()};
  out.source.null_words.clear();  // texts come as they are; which words mean null is told below
  find_files(out.source, {});

  std::vector<Column> schema;
  const auto add_texts = [&](const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      Column column;
      column.name = name;
      column.type = {Scalar::text, true};
      schema.push_back(std::move(column));
    }
  };
  if (out.source.format == Format::parquet) {
    schema = parquet_columns(file);
  } else {
    const auto first_only = [](std::int64_t record, const Record&) { return record < 0; };
    const Census first = out.source.format == Format::csv ? count_csv({.path = file}, first_only) : count_jsonl({.path = file});
    if (first.header.empty()) {
      Failure f(code::data_file_empty, "`" + file.string() + "` is empty", "write the file again: it has not even a header");
      throw f;
    }
    if (first.delimiter != ',') out.source.delimiter = std::string(1, first.delimiter);
    out.source.header = out.source.format != Format::csv || looks_like_header(first.header);
    if (out.source.header) {
      add_texts(first.header);
    } else {
      std::vector<std::string> names;
      for (std::size_t i = 0; i < first.header.size(); ++i) names.push_back("column" + std::to_string(i + 1));
      add_texts(names);
    }
  }
  if (out.source.header) std::erase_if(schema, [](const Column& column) { return !can_be_named(column.name); });
  if (schema.empty()) throw Failure(code::data_column_missing, "`" + file.string() + "` has no column that a spec can name", "give the columns names");

  ReadRequest request{.source = out.source, .schema = schema, .wanted = {}, .base = {}, .quarantine = {}};
  for (std::size_t i = 0; i < schema.size(); ++i) request.wanted.push_back({static_cast<std::int32_t>(i)});
  request.threads = std::min(cores(), 8);
  const ReadResult got = read(request);
  out.rows = got.table.rows;

  // First types without the candidates for null words; then the words that were met in columns of a kind that has them.
  std::vector<Texts> texts(schema.size());
  std::vector<std::string> words;
  for (std::size_t c = 0; c < schema.size(); ++c) {
    if (schema[c].type.scalar != Scalar::text) continue;
    texts[c] = distinct_texts(got.table.columns[c], out.rows);
    std::vector<std::string_view> kept;
    std::vector<std::int64_t> counts;
    std::vector<std::string> met;
    for (std::size_t i = 0; i < texts[c].values.size(); ++i) {
      if (is_candidate(out.source.format, texts[c].values[i])) {
        met.emplace_back(texts[c].values[i]);
      } else {
        kept.push_back(texts[c].values[i]);
        counts.push_back(texts[c].counts[i]);
      }
    }
    Column guess = schema[c];
    infer(guess, kept, counts);
    const bool free_text = guess.type.scalar == Scalar::text;
    const bool typed = !is_text(guess.type.scalar);
    for (const std::string& word : met)
      if ((typed || !free_text || word.empty()) && (typed || word != "-") && std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
  }
  out.source.null_words.clear();
  for (const std::string& word : null_candidates)
    if (word.empty() || std::find(words.begin(), words.end(), word) != words.end()) out.source.null_words.push_back(word);

  for (std::size_t c = 0; c < schema.size(); ++c) {
    Column column = schema[c];
    std::int64_t distinct = 0, missing = 0;
    if (column.type.scalar == Scalar::text) {
      std::vector<std::string_view> kept;
      std::vector<std::int64_t> counts;
      missing = texts[c].nulls;
      for (std::size_t i = 0; i < texts[c].values.size(); ++i) {
        if (std::find(out.source.null_words.begin(), out.source.null_words.end(), texts[c].values[i]) != out.source.null_words.end()) {
          missing += texts[c].counts[i];
        } else {
          kept.push_back(texts[c].values[i]);
          counts.push_back(texts[c].counts[i]);
        }
      }
      if (out.source.format == Format::parquet) {  // a text there is meant as one
        Column guess = column;
        infer(guess, kept, counts);
        column.type.scalar = is_text(guess.type.scalar) ? guess.type.scalar : Scalar::category;
      } else {
        infer(column, kept, counts);
        note_bounds(column, kept);
      }
      distinct = static_cast<std::int64_t>(kept.size());
    } else {
      std::vector<values::Cell> cells;
      for (std::int64_t row = 0; row < out.rows; ++row) {
        if (got.table.columns[c].is_present(row)) cells.push_back(got.table.columns[c].cell(row));
        else ++missing;
      }
      const auto before = [](const values::Cell& a, const values::Cell& b) { return a.real != b.real ? a.real < b.real : a.integer < b.integer; };
      std::sort(cells.begin(), cells.end(), before);
      for (std::size_t i = 0; i < cells.size(); ++i) distinct += i == 0 || before(cells[i - 1], cells[i]) ? 1 : 0;
      if (!cells.empty() && is_number(column.type.scalar)) {
        const bool whole = column.type.scalar == Scalar::integer;
        column.bounds.low = whole ? static_cast<double>(cells.front().integer) : cells.front().real;
        column.bounds.high = whole ? static_cast<double>(cells.back().integer) : cells.back().real;
      }
    }
    column.type.nullable = missing > 0;
    out.columns.push_back(std::move(column));
    out.distinct.push_back(distinct);
    out.missing.push_back(missing);
  }
  return out;
}

}  // namespace mlp::data
