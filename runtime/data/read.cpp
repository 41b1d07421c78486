#include "runtime/data/read.h"

#include <algorithm>
#include <future>
#include <map>

#include <nlohmann/json.hpp>

#include "base/codes/data.h"
#include "base/files.h"
#include "runtime/data/files.h"
#include "runtime/pictures/pictures.h"

namespace mlp::data {
namespace {

using values::Cell;
using values::ColumnData;
using values::Read;

// A field being read, and whether it is held to its type and constraints.
struct Field {
  ColumnId id;
  bool strict = true;
  values::Constraints constraints;
};

constexpr std::int64_t chunks_a_group = 16;  // of 2,048 rows

struct Breach {
  std::int64_t rows = 0, record = 0;
  std::string value;
};
using Breaches = std::map<std::pair<std::size_t, std::string>, Breach>;  // by field and rule

struct Group {  // consecutive chunks, converted by one thread
  std::vector<std::unique_ptr<Chunk>> chunks;
  bool header = false;                     // the first row of the first chunk is the header
  std::int64_t first = 0;                  // number of the first row among those that DuckDB gives, without the header
  std::vector<ColumnData> columns;         // by field
  std::vector<std::uint8_t> rejected;      // by row of the group, when any is
  std::vector<std::string> pictures;       // by field: the digests of the files that its cells name
  Breaches breaches;
  std::map<std::int64_t, std::string> reasons;  // by record, for the quarantine
  std::int64_t rows = 0;
};

// Which record of the file the k-th row from DuckDB is, when flawed ones are left out.
std::int64_t record_of(const FilePlan& plan, std::int64_t k) {
  const auto& flawed = plan.census.flawed;
  if (flawed.empty()) return k;
  std::size_t low = 0, high = flawed.size();  // the first i with flawed[i] - i > k
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (flawed[middle].record - static_cast<std::int64_t>(middle) > k) high = middle;
    else low = middle + 1;
  }
  return k + static_cast<std::int64_t>(low);
}

const char* flaw_word(Flaw flaw) {
  switch (flaw) {
    case Flaw::fields: return "fields";
    case Flaw::encoding: return "encoding";
    case Flaw::quoting: return "quoting";
    case Flaw::json: return "json";
    case Flaw::none: break;
  }
  MLP_BUG("a flaw without a kind");
}

void keep_rows(ColumnData& column, const std::vector<std::uint8_t>& rejected) {
  const auto keep = [&](auto& values) {
    std::size_t to = 0;
    for (std::size_t i = 0; i < values.size(); ++i)
      if (rejected[i] == 0) values[to++] = values[i];
    values.resize(to);
  };
  keep(column.reals);
  keep(column.integers);
  keep(column.booleans);
  keep(column.strings);
  keep(column.present);
}

// One file being read.
class FileReader {
 public:
  FileReader(const ReadRequest& request, const std::vector<Field>& fields, const FilePlan& plan) : request_(request), fields_(fields), plan_(plan) {}

  void convert(Group& group) const {
    std::int64_t base = 0;
    group.columns.resize(fields_.size());
    group.pictures.resize(fields_.size());
    for (std::size_t f = 0; f < fields_.size(); ++f) group.columns[f].layout = values::layout_of(column(f).type.scalar);
    std::vector<std::string_view> names;
    for (std::size_t f = 0; f < fields_.size(); ++f) names.push_back(column(f).name);
    for (const auto& chunk : group.chunks) {
      const std::vector<std::vector<std::string_view>> tokens = json() ? tokens_of(*chunk, names) : std::vector<std::vector<std::string_view>>{};
      const std::int64_t skip = group.header && chunk == group.chunks.front() ? 1 : 0;
      for (std::size_t f = 0; f < fields_.size(); ++f) {
        const auto place = static_cast<std::int32_t>(f);
        if (json()) convert_column(group, f, tokens[f].data(), nullptr, chunk->rows(), 0, base);
        else convert_column(group, f, chunk->values(place), chunk->validity(place), chunk->rows(), skip, base - skip);
      }
      base += chunk->rows() - skip;
    }
    group.rows = base;
    if (!group.rejected.empty()) {
      group.rejected.resize(static_cast<std::size_t>(group.rows), 0);
      for (ColumnData& column : group.columns) keep_rows(column, group.rejected);
    }
    group.chunks.clear();
  }

 private:
  const Column& column(std::size_t field) const { return request_.schema[static_cast<std::size_t>(fields_[field].id.index)]; }

  static void reject(Group& group, std::int64_t row) {
    if (static_cast<std::int64_t>(group.rejected.size()) <= row) group.rejected.resize(static_cast<std::size_t>(row) + 1, 0);
    group.rejected[static_cast<std::size_t>(row)] = 1;
  }

  bool json() const { return request_.source.format == Format::jsonl; }

  struct Taken {
    values::Picture picture;
    std::string digest;  // of the file that the cell names
  };
  // The pictures of the cells of a vector, by all threads together: a file takes longer than a row.
  std::vector<Taken> take_pictures(const Column& about, Arrives arrives, const void* vector, const std::uint64_t* validity, std::int64_t rows, std::int64_t skip) const {
    std::vector<Taken> out(static_cast<std::size_t>(rows));
    const std::string folder = plan_.path.parent_path().string();
    const std::int64_t threads = std::clamp<std::int64_t>(request_.threads, 1, std::max<std::int64_t>(1, rows));
    const auto part = [&](std::int64_t first) {
      std::string scratch, file;
      for (std::int64_t row = skip + first; row < rows; row += threads) {
        Cell cell;
        if (read_cell(about, request_.source.null_words, arrives, vector, validity, row, scratch, cell) != Read::ok) continue;
        Taken& taken = out[static_cast<std::size_t>(row)];
        if (request_.digest_only) file = pictures::file_of(cell.text, folder);
        else taken.picture = pictures::read(cell.text, about.image, &folder, &file);
        taken.digest = sha256(file);
      }
    };
    std::vector<std::future<void>> others;
    for (std::int64_t t = 1; t < threads; ++t) others.push_back(std::async(std::launch::async, part, t));
    part(0);
    for (auto& other : others) other.get();
    return out;
  }

  // By field and row.
  static std::vector<std::vector<std::string_view>> tokens_of(const Chunk& chunk, const std::vector<std::string_view>& names) {
    std::vector<std::vector<std::string_view>> out(names.size(), std::vector<std::string_view>(static_cast<std::size_t>(chunk.rows())));
    std::vector<std::string_view> tokens;
    const auto* lines = static_cast<const duckdb_string_t*>(chunk.values(0));
    for (std::int64_t row = 0; row < chunk.rows(); ++row) {
      split_object(text_of(lines[row]), names, tokens);
      for (std::size_t f = 0; f < names.size(); ++f) out[f][static_cast<std::size_t>(row)] = tokens[f];
    }
    return out;
  }

  // Rows skip..rows of a vector; `base` is the number of its row 0 in the group.
  void convert_column(Group& group, std::size_t f, const void* vector, const std::uint64_t* validity, std::int64_t rows, std::int64_t skip, std::int64_t base) const {
    const Field& field = fields_[f];
    const Column& about = column(f);
    const Arrives arrives = plan_.fields[f].arrives;
    const bool constrained = field.constraints.any();
    ColumnData& out = group.columns[f];
    std::string scratch;
    std::vector<Taken> taken;
    if (field.strict && about.type.scalar == Scalar::image) taken = take_pictures(about, arrives, vector, validity, rows, skip);
    for (std::int64_t row = skip; row < rows; ++row) {
      Cell cell;
      Read got = read_cell(about, request_.source.null_words, arrives, vector, validity, row, scratch, cell);
      std::string rule;
      if (got == Read::ok && about.type.scalar == Scalar::image) {
        if (taken.empty()) {
          got = Read::null;
        } else {
          const Taken& one = taken[static_cast<std::size_t>(row)];
          group.pictures[f] += one.digest;
          rule = one.picture.fault;
          cell.text = one.picture.pixels;
          if (!rule.empty()) got = Read::null;
        }
      } else if (!field.strict) {
        rule.clear();
      } else if (got == Read::bad_type) rule = "type";
      else if (got == Read::null && !about.type.nullable) rule = "null";
      else if (got == Read::ok && constrained) rule = field.constraints.broken(cell);
      if (!rule.empty()) breach(group, f, rule, base + row, spell_cell(arrives, vector, validity, row));
      if (got == Read::ok) out.append(cell);
      else out.append_null();
    }
  }

  void breach(Group& group, std::size_t f, const std::string& rule, std::int64_t row, const std::string& value) const {
    const std::int64_t record = record_of(plan_, group.first + row);
    Breach& found = group.breaches[{f, rule}];
    if (found.rows++ == 0) {
      found.record = record;
      found.value = values::printable(column(f), value);
    }
    if (request_.source.policy == Policy::quarantine) {
      std::string& reasons = group.reasons[record];
      reasons += (reasons.empty() ? "" : "; ") + column(f).name + ": " + rule;
    }
    reject(group, row);
  }

  const ReadRequest& request_;
  const std::vector<Field>& fields_;
  const FilePlan& plan_;
};

std::string times(std::int64_t n, const char* one, const char* many) { return std::to_string(n) + " " + (n == 1 ? one : many); }

// The failure that ends the command when rows break the schema: the first breach in row order, the others as notes.
Failure breach_failure(const ReadRequest& request, const std::vector<Violation>& violations, std::int64_t rejected) {
  const Violation* first = &violations.front();
  for (const Violation& v : violations)
    if (v.file == first->file && v.first_row < first->first_row) first = &v;
  const Column* column = nullptr;
  for (const Column& c : request.schema)
    if (c.name == first->column) column = &c;
  MLP_CHECK(column != nullptr);
  const std::string where = "row " + std::to_string(first->first_row) + " of column `" + first->column + "`";
  const std::string shown = values::named(*column, first->first_value);
  Diagnostic d;
  if (first->rule == "type") {
    d.code = code::data_value_type;
    d.message = shown + " in " + where + " is no `" + spell(Type{column->type.scalar, false}) + "`";
    if (column->type.scalar == Scalar::boolean) {
      const bool worded = !column->true_word.empty() || !column->false_word.empty();
      d.message += worded ? ": the words are `" + column->true_word + "` and `" + column->false_word + "`" : "";
      if (!worded) d.help = "name the two words: `" + first->column + " : bool from (\"…\", \"…\")`";
    }
    if (d.help.empty() && column->pii) d.help = "correct the row; or say in the null words of the source that it stands for a missing value";
    if (d.help.empty())
      d.help = first->first_value.empty() ? "add `\"\"` to the null words of the source, and declare the column `" + spell(Type{column->type.scalar, true}) + "`"
                                          : "if it stands for a missing value: `null = [\"\", \"" + first->first_value + "\"]` in the source, and `" +
                                                spell(Type{column->type.scalar, true}) + "`";
  } else if (column->type.scalar == Scalar::image && first->rule != "null") {
    d.code = code::data_picture;
    d.message = "the picture " + (column->pii ? std::string() : shown + " ") + "in " + where + " cannot be had: " + first->rule;
    d.help = "a path is taken from the folder of the file that names it; mend the picture, or reject such rows with `on_violation = drop` or `quarantine`";
  } else if (first->rule == "null") {
    d.code = code::data_value_null;
    d.message = "no value in " + where + ", which may not be null";
    if (!first->first_value.empty()) d.message += " (`" + first->first_value + "` stands for null)";
    d.help = "declare it `" + spell(Type{column->type.scalar, true}) + "`, or reject such rows with `on_violation = drop` or `quarantine`";
  } else {
    d.code = code::data_constraint;
    d.message = shown + " in " + where + " breaks `" + first->rule + "`";
    d.help = "correct the row, widen the constraint, or reject such rows with `on_violation = drop` or `quarantine`";
  }
  if (rejected > 1) d.message += "; " + std::to_string(rejected) + " rows break the schema";
  d.span = request.source.span;
  d.data = in_file(first->file, first->first_row, first->column, first->first_value);
  if (column->span.known()) d.also(column->span, "declared here");
  if (violations.size() > 1 || violations.front().rows > 1)
    for (const Violation& v : violations)
      d.note("column `" + v.column + "`: " + times(v.rows, "row breaks", "rows break") + " `" + v.rule + "`, first row " + std::to_string(v.first_row) +
             (v.first_value.empty() ? "" : " with `" + v.first_value + "`"));
  return Failure(std::move(d));
}

std::string csv_cell(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) out.append(c == '"' ? 2 : 1, c);
  return out + "\"";
}

constexpr std::string_view withheld = "(personal)";

// A record as the quarantine file shows it: without what is personal, and not at all where that cannot be told.
std::string without_personal(const ReadRequest& request, const FilePlan& plan, std::int64_t record, std::string_view raw) {
  if (!personal(request.schema)) return std::string(raw);
  for (const Census::Flawed& flaw : plan.census.flawed)
    if (flaw.record == record) return std::string(withheld);
  if (request.source.format != Format::csv) {
    nlohmann::ordered_json object = nlohmann::ordered_json::parse(raw, nullptr, false);
    if (!object.is_object()) return std::string(withheld);
    for (const Column& column : request.schema)
      if (column.pii && object.contains(column.name)) object[column.name] = withheld;
    return object.dump();
  }
  const std::vector<std::string> cells = split_record(raw, plan.census.delimiter);
  std::string out;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto named = std::find_if(request.schema.begin(), request.schema.end(), [&](const Column& c) { return request.source.header ? i < plan.census.header.size() && c.name == plan.census.header[i] : &c == &request.schema[std::min(i, request.schema.size() - 1)]; });
    const std::string cell(named != request.schema.end() && named->pii ? withheld : std::string_view(cells[i]));
    if (i > 0) out += plan.census.delimiter;
    out += cell.find_first_of(std::string("\"\r\n") + plan.census.delimiter) == std::string::npos ? cell : csv_cell(cell);
  }
  return out;
}

// The rows of the quarantine file that come from one file: record → reasons, in order.
void quarantine_rows(Duck& duck, const ReadRequest& request, const FilePlan& plan, const std::map<std::int64_t, std::string>& reasons, std::string& out) {
  const auto line = [&](std::int64_t record, const std::string& reason, std::string_view raw) {
    out += csv_cell(plan.path.string()) + "," + std::to_string(record + 1) + "," + csv_cell(reason) + "," + csv_cell(without_personal(request, plan, record, raw)) + "\n";
  };
  if (reasons.empty()) return;
  if (request.source.format == Format::parquet) {
    std::string numbers;
    for (const auto& [record, reason] : reasons) numbers += (numbers.empty() ? "" : ",") + std::to_string(record);
    const auto result = duck.query("SELECT file_row_number, CAST(to_json(mlp_whole_row) AS VARCHAR) FROM read_parquet(" + sql_path(plan.path.string()) +
                                       ", file_row_number=true) AS mlp_whole_row WHERE file_row_number IN (" + numbers + ") ORDER BY 1",
                                   plan.path.string());
    std::unique_ptr<Chunk> chunk;
    while (result->next(chunk))
      for (std::int64_t row = 0; row < chunk->rows(); ++row) {
        const std::int64_t record = static_cast<const std::int64_t*>(chunk->values(0))[row];
        line(record, reasons.at(record), text_of(static_cast<const duckdb_string_t*>(chunk->values(1))[row]));
      }
    return;
  }
  auto next = reasons.begin();
  const auto each = [&](std::int64_t record, const Record& bytes) {
    if (record == next->first) {
      line(record, next->second, bytes.bytes);
      ++next;
    }
    return next != reasons.end();
  };
  const CensusRequest census{.path = plan.path, .delimiter = std::string(1, plan.census.delimiter), .header = request.source.header,
                             .fields = request.source.header ? 0 : static_cast<std::int32_t>(request.schema.size())};
  if (request.source.format == Format::csv) count_csv(census, each);
  else count_jsonl(census, each);
}

// The header came as the first row: it must be the one that we saw.
void check_header(const FilePlan& plan, const std::vector<std::size_t>& places, const Chunk& chunk) {
  for (std::size_t f = 0; f < places.size(); ++f) {
    const auto column = static_cast<std::int32_t>(f);
    const std::string_view seen = is_valid(chunk.validity(column), 0) ? text_of(static_cast<const duckdb_string_t*>(chunk.values(column))[0]) : std::string_view{};
    if (seen != plan.census.header[places[f]])
      throw Failure(code::data_rows_differ, "the header of `" + plan.path.string() + "` reads differently a second time", "run the command again; the file may have changed meanwhile");
  }
}

ReadResult read_files(const ReadRequest& request) {
  ReadResult out;
  std::vector<Field> fields;
  std::vector<ColumnId> needed;
  std::vector<ColumnId> kept = request.wanted;
  kept.insert(kept.end(), request.watched.begin(), request.watched.end());
  if (kept.empty()) kept.push_back({0});  // rows are counted by one
  std::sort(kept.begin(), kept.end());
  for (const ColumnId id : kept) {
    const bool strict = std::find(request.wanted.begin(), request.wanted.end(), id) != request.wanted.end();
    const Column& column = request.schema[static_cast<std::size_t>(id.index)];
    needed.push_back(id);
    fields.push_back({.id = id, .strict = strict, .constraints = values::Constraints(column)});
  }
  MLP_CHECK(!fields.empty());
  out.table.columns.resize(request.schema.size());
  for (std::size_t i = 0; i < request.schema.size(); ++i) out.table.columns[i].layout = values::layout_of(request.schema[i].type.scalar);

  const std::vector<std::filesystem::path> files = find_files(request.source, request.base);
  Duck duck(request.threads);
  Sha256 digest, picture_digest;
  const auto is_picture = [&](const Field& field) { return field.strict && request.schema[static_cast<std::size_t>(field.id.index)].type.scalar == Scalar::image; };
  const bool has_pictures = std::any_of(fields.begin(), fields.end(), is_picture);
  std::map<std::pair<std::string, std::string>, std::size_t> known;  // column and rule → place in violations
  std::vector<Violation>& violations = out.report.violations;
  const auto note = [&](const std::string& column, const std::string& rule, std::int64_t rows, const std::filesystem::path& file, std::int64_t record, const std::string& value) {
    const auto [at, fresh] = known.try_emplace({column, rule}, violations.size());
    if (fresh) violations.push_back({.column = column, .rule = rule, .rows = 0, .file = file.string(), .first_row = record + 1, .first_value = value});
    violations[at->second].rows += rows;
  };
  std::string quarantine;

  for (const std::filesystem::path& file : files) {
    out.report.files.push_back(file.string());
    const FilePlan plan = plan_file(duck, request.source, request.schema, needed, file, digest);
    // Room for what comes: doubling it on the way would take twice as much. Of many files each would move all before it.
    if (files.size() == 1)
      for (const Field& field : fields) out.table.columns[static_cast<std::size_t>(field.id.index)].reserve(plan.census.records);
    std::map<std::int64_t, std::string> reasons;
    for (const Census::Flawed& flaw : plan.census.flawed) {
      note("", flaw_word(flaw.flaw), 1, file, flaw.record, flaw.record == plan.census.flawed.front().record && !personal(request.schema) ? values::printable(plan.census.first_flawed) : "");
      if (request.source.policy == Policy::quarantine) reasons[flaw.record] = flaw_word(flaw.flaw);
    }
    std::string select;
    std::vector<std::size_t> places;  // of the fields in the header
    for (const FieldSource& field : plan.fields) {
      if (field.arrives == Arrives::json) continue;
      select += (select.empty() ? "" : ", ") + field.select;
      if (plan.drop_header) places.push_back(std::stoul(field.select.substr(1)));
    }
    if (request.source.format == Format::jsonl) select = "json";
    const auto result = duck.stream("SELECT " + select + " FROM " + plan.from, file.string());
    const FileReader reader(request, fields, plan);
    std::vector<Sha256> pictures(fields.size());
    Breaches breaches;
    std::int64_t given = 0, rejected = 0;
    bool more = true, header = plan.drop_header;
    while (more) {
      std::vector<Group> groups;
      for (int g = 0; g < (has_pictures ? 1 : std::max(1, request.threads)) && more; ++g) {
        Group group;
        group.first = given;
        for (std::int64_t c = 0; c < (has_pictures ? 1 : chunks_a_group) && more; ++c) {
          std::unique_ptr<Chunk> chunk;
          more = result->next(chunk);
          if (!more) break;
          if (header) {
            check_header(plan, places, *chunk);
            group.header = true;
            header = false;
            --given;
          }
          given += chunk->rows();
          group.chunks.push_back(std::move(chunk));
        }
        if (!group.chunks.empty()) groups.push_back(std::move(group));
      }
      std::vector<std::future<void>> others;
      for (std::size_t g = 1; g < groups.size(); ++g) others.push_back(std::async(std::launch::async, [&, g] { reader.convert(groups[g]); }));
      if (!groups.empty()) reader.convert(groups[0]);
      for (auto& other : others) other.get();
      for (Group& group : groups) {
        for (std::size_t f = 0; f < fields.size(); ++f) pictures[f].add(group.pictures[f]);
        for (std::size_t f = 0; f < fields.size(); ++f)
          out.table.columns[static_cast<std::size_t>(fields[f].id.index)].append(std::move(group.columns[f]));
        rejected += std::count(group.rejected.begin(), group.rejected.end(), 1);
        for (auto& [key, found] : group.breaches) {
          Breach& all = breaches[key];
          if (all.rows == 0) all = found;
          else all.rows += found.rows;
        }
        reasons.merge(group.reasons);
      }
    }
    for (std::size_t f = 0; f < fields.size(); ++f)
      if (is_picture(fields[f])) picture_digest.add(pictures[f].hex());
    const auto flawed = static_cast<std::int64_t>(plan.census.flawed.size());
    require_rows(plan, given);
    for (const auto& [key, found] : breaches) note(request.schema[static_cast<std::size_t>(fields[key.first].id.index)].name, key.second, found.rows, file, found.record, found.value);
    rejected += flawed;
    out.report.present += plan.census.records;
    out.report.rejected += rejected;
    if (request.source.policy == Policy::quarantine) quarantine_rows(duck, request, plan, reasons, quarantine);
  }
  out.report.read = out.report.present - out.report.rejected;
  out.report.digest = digest.hex();
  if (has_pictures) out.report.digest = sha256(out.report.digest + " " + picture_digest.hex());
  if (request.digest_only) return out;
  out.table.rows = out.report.read;
  if (request.source.policy == Policy::fail && out.report.rejected > 0) throw breach_failure(request, violations, out.report.rejected);
  for (const ColumnId id : kept) {
    ColumnData& column = out.table.columns[static_cast<std::size_t>(id.index)];
    MLP_CHECK(column.size() == out.table.rows);
    column.resize_to(out.table.rows);  // a column whose null rows were all rejected has none
  }
  if (request.source.policy == Policy::quarantine && !quarantine.empty()) {
    MLP_CHECK(!request.quarantine.empty());
    if (request.quarantine.has_parent_path()) std::filesystem::create_directories(request.quarantine.parent_path());
    write_whole(request.quarantine, "file,row,reason,raw\n" + quarantine);
  }
  if (out.report.read == 0) {
    Diagnostic d;
    d.code = code::data_no_rows;
    d.message = out.report.present == 0 ? "`" + files.front().string() + "` has a header and no rows" : "all " + std::to_string(out.report.present) + " rows of `" + request.source.name + "` were rejected";
    for (const Violation& v : violations) d.note((v.column.empty() ? "" : "column `" + v.column + "`: ") + times(v.rows, "row breaks", "rows break") + " `" + v.rule + "`, first row " + std::to_string(v.first_row));
    d.span = request.source.span;
    d.data = in_file(files.front());
    throw Failure(std::move(d));
  }
  return out;
}

}  // namespace

ReadResult read(const ReadRequest& request) {
  try {
    return read_files(request);
  } catch (Failure& failure) {
    if (failure.diagnostic.code == code::data_engine && personal(request.schema)) failure.diagnostic.message = without_values(failure.diagnostic.message);
    throw;
  }
}

std::string digest_of(const ReadRequest& request) {
  ReadRequest only = request;
  std::erase_if(only.wanted, [&](ColumnId id) { return request.schema[static_cast<std::size_t>(id.index)].type.scalar != Scalar::image; });
  if (only.wanted.empty()) return digest_of(find_files(request.source, request.base));
  only.watched.clear();
  only.source.policy = Policy::drop;
  only.digest_only = true;
  return read(only).report.digest;
}

}  // namespace mlp::data
