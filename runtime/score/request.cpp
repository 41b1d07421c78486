#include "runtime/score/request.h"

#include <algorithm>
#include <set>

#include "base/codes/serving.h"
#include "base/diagnostic.h"
#include "runtime/values/parse.h"

namespace mlp::score {
namespace {

constexpr std::size_t max_compared = 256;  // names that are searched for one nearly right: a request may hold a million

std::string list_of(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < 5; ++i) out += (i ? ", `" : "`") + values::printable(names[i]) + "`";
  if (names.size() > 5) out += " and " + std::to_string(names.size() - 5) + " more";
  return out;
}

Failure at(Failure failure, DataPlace place) {
  failure.diagnostic.in_data(std::move(place));
  return failure;
}

}  // namespace

Failure missing_columns(const std::vector<std::string>& missing, const std::vector<std::string>& all, const std::string& input) {
  const std::vector<std::string> present(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), max_compared)));
  std::string help;
  for (const std::string& name : missing)
    if (const std::string near = nearest(name, present); !near.empty() && help.empty()) help = "did you mean `" + values::printable(near) + "`? the schema calls it `" + name + "`";
  if (help.empty()) help = present.empty() ? "" : "the input has " + list_of(present);
  return at({code::request_missing_column, std::string("the input has no column") + (missing.size() > 1 ? "s " : " ") + list_of(missing), help},
            {input, 0, missing.front(), ""});
}

CsvRequest::CsvRequest(const package::Signature& signature, ByteSource source, const std::string& name)
    : signature_(signature), name_(name), reader_(std::move(source), name) {
  const bool has_header = signature.source.format != mlp::Format::csv || signature.source.header;
  const bool fixed = signature.source.format == mlp::Format::csv && !signature.source.delimiter.empty();
  const std::string_view line = reader_.peek_line();
  std::set<std::string_view> names;
  for (const Column& column : signature.request) names.insert(column.name);
  if (fixed) layout_.delimiter = signature.source.delimiter[0];
  std::size_t best = 0, width = 0;
  for (const char delimiter : fixed ? std::vector<char>{layout_.delimiter} : std::vector<char>{',', ';', '\t', '|'}) {
    CsvReader trial(memory_source(line), name);
    trial.set_delimiter(delimiter);
    std::size_t found = 0;
    try {
      if (!trial.next(cells_, true)) break;
      // Without names to go by, the delimiter that makes most cells.
      found = !has_header ? cells_.size() : static_cast<std::size_t>(std::count_if(cells_.begin(), cells_.end(), [&](auto cell) { return names.contains(cell); }));
    } catch (const Failure&) {
      continue;  // no CSV with this delimiter; reported below when none fits
    }
    if (found > best) {
      best = found;
      layout_.delimiter = delimiter;
      width = cells_.size();
    }
  }
  reader_.set_delimiter(layout_.delimiter);
  if (has_header) read_header();
  else if (width > 0) match_places(width);
}

CsvRequest::CsvRequest(const package::Signature& signature, const Layout& layout, const std::string& name) : signature_(signature), name_(name), reader_(name), layout_(layout) {
  reader_.set_delimiter(layout_.delimiter);
}

// No header: the width of the first record says which of the two orders it is.
void CsvRequest::match_places(std::size_t width) {
  const std::size_t all = static_cast<std::size_t>(signature_.schema_size), asked = signature_.request.size();
  layout_.width = width == asked ? asked : all;
  layout_.column_of.assign(layout_.width, -1);
  for (std::size_t c = 0; c < asked; ++c) layout_.column_of[width == asked ? c : static_cast<std::size_t>(signature_.request_place[c])] = static_cast<std::int32_t>(c);
}

void CsvRequest::read_header() {
  if (!reader_.next(cells_, false))
    throw at({code::request_empty, "`" + name_ + "` is empty", "CSV input starts with the names of the columns"}, {name_, 0, "", ""});
  std::vector<std::string> header;
  for (const std::string_view cell : cells_) {
    if (cell.starts_with("\x1f\x8b") || cell.starts_with("PAR1"))
      throw at({code::request_not_utf8, "`" + name_ + "` is " + (cell[0] == 'P' ? "a Parquet file" : "compressed") + ", and rows to score are CSV or JSON lines",
                cell[0] == 'P' ? "write it as CSV or JSON lines first" : "unpack it on the way: `gunzip -c FILE | … score`"}, {name_, 0, "", ""});
    if (!values::valid_utf8(cell))
      throw at({code::request_not_utf8, "the header is not UTF-8", "convert the input: `iconv -f LATIN1 -t UTF-8`"}, {name_, 0, "", values::printable(cell)});
    header.emplace_back(cell);
  }
  match(header);
}

void CsvRequest::match(const std::vector<std::string>& header) {
  layout_.width = header.size();
  layout_.column_of.assign(header.size(), -1);
  std::vector<std::string> missing;
  for (std::size_t c = 0; c < signature_.request.size(); ++c) {
    const std::string& name = signature_.request[c].name;
    const auto found = std::find(header.begin(), header.end(), name);
    if (found == header.end()) {
      missing.push_back(name);
      continue;
    }
    if (std::find(found + 1, header.end(), name) != header.end())
      throw at({code::request_doubled_column, "the header names `" + name + "` twice", "remove one of them"}, {name_, 0, name, ""});
    layout_.column_of[static_cast<std::size_t>(found - header.begin())] = static_cast<std::int32_t>(c);
  }
  if (!missing.empty()) throw missing_columns(missing, header, name_);
}

bool CsvRequest::next(RowBuilder& rows) {
  if (layout_.width > 0) {
    constexpr std::size_t cached = 128;  // rows whose text stays in the first cache while it is read column by column
    const values::Texts texts = reader_.plain(layout_.width, cached);
    if (texts.rows > 0) return rows.add_rows(texts, layout_.column_of), true;
  }
  try {
    if (!reader_.next(cells_, layout_.width == 1)) return false;
  } catch (const Failure& failure) {
    throw at(failure, {name_, rows.row_number(), "", ""});
  }
  if (layout_.width == 0) match_places(cells_.size());
  const std::size_t width = layout_.width;
  if (cells_.size() != width)
    throw at({code::request_ragged_row,
              "row " + std::to_string(rows.row_number()) + " has " + std::to_string(cells_.size()) + " value" + (cells_.size() == 1 ? "" : "s") + " where " +
                  std::to_string(width) + (width == 1 ? " is" : " are") + " expected",
              "put values that contain the delimiter in quotes"},
             {name_, rows.row_number(), "", ""});
  for (std::size_t i = 0; i < width; ++i)
    if (layout_.column_of[i] >= 0) rows.add_text(static_cast<std::size_t>(layout_.column_of[i]), cells_[i]);
  rows.end_row();
  return true;
}

JsonRequest::JsonRequest(const package::Signature& signature) : signature_(signature) {
  for (std::size_t c = 0; c < signature.request.size(); ++c) sorted_.emplace_back(signature.request[c].name, c);
  std::sort(sorted_.begin(), sorted_.end());
  filled_.resize(sorted_.size());
  near_.resize(sorted_.size(), Near::not_asked);
}

std::size_t JsonRequest::find(std::string_view key, std::size_t place) {
  if (place < last_.size() && last_[place].key == key) return last_[place].column;
  const auto found = std::lower_bound(sorted_.begin(), sorted_.end(), key, [](const auto& entry, std::string_view k) { return entry.first < k; });
  const std::size_t column = found != sorted_.end() && found->first == key ? found->second : Json::none;
  if (place == last_.size() && place < 4096) last_.push_back({std::string(key), column});
  else if (place < last_.size()) last_[place] = {std::string(key), column};
  return column;
}

void JsonRequest::value(JsonKind kind, std::string_view text, std::size_t readable, std::size_t column, RowBuilder& rows) {
  if (kind == JsonKind::null) return rows.add_null(column);
  if (kind != JsonKind::array && kind != JsonKind::object) return rows.add_text(column, text, readable);
  const std::string& name = signature_.request[column].name;
  throw at({code::request_bad_value, "`" + name + "` in row " + std::to_string(rows.row_number()) + " is " + (kind == JsonKind::array ? "a list" : "an object") + ", not a value",
            "give one plain value for each column"},
           {rows.input(), rows.row_number(), name, ""});
}

bool JsonRequest::nearly_there(std::size_t column) {
  Near& near = near_[column];
  if (near == Near::not_asked) near = nearest(signature_.request[column].name, unknown_).empty() ? Near::no : Near::yes;
  return near == Near::yes;
}

void JsonRequest::read(const Json& json, std::size_t object, RowBuilder& rows) {
  const auto row = [&] { return "row " + std::to_string(rows.row_number()); };
  if (json.kind(object) != JsonKind::object)
    throw at({code::request_bad_json, row() + " is not an object", "write rows as {\"column\": value, …}"}, {rows.input(), rows.row_number(), "", ""});
  ++row_;
  std::size_t node = json.first(object), found = 0;
  for (std::size_t i = 0; i < json.children(object); ++i) {
    const std::size_t child = json.next(node);
    const std::size_t column = find(json.string(node, key_), i);
    if (column != Json::none) {
      const std::string& name = signature_.request[column].name;
      if (filled_[column] == row_) throw at({code::request_doubled_column, row() + " has `" + name + "` twice", "remove one of them"}, {rows.input(), rows.row_number(), name, ""});
      filled_[column] = row_;
      ++found;
      value(json, child, column, rows);
    }
    node = json.next(child);
  }
  if (found < filled_.size()) {
    std::vector<std::string> unknown, missing;
    node = json.first(object);
    for (std::size_t i = 0; i < json.children(object) && unknown.size() < max_compared; ++i) {
      const std::string_view key = json.string(node, key_);
      if (find(key, i) == Json::none) unknown.emplace_back(key);
      node = json.next(json.next(node));
    }
    if (unknown != unknown_) {
      unknown_ = std::move(unknown);
      near_.assign(filled_.size(), Near::not_asked);
    }
    for (std::size_t c = 0; c < filled_.size(); ++c) {
      if (filled_[c] == row_) continue;
      const Column& column = signature_.request[c];
      // A key that may be left out, unless one that is hardly different was meant to be it.
      if (column.type.nullable && !nearly_there(c)) rows.add_null(c);
      else missing.push_back(column.name);
    }
    if (!missing.empty()) {
      Failure failure = missing_columns(missing, unknown_, rows.input());
      failure.diagnostic.message = row() + " has no " + list_of(missing);
      failure.diagnostic.data->row = rows.row_number();
      throw failure;
    }
  }
  rows.end_row();
}

}  // namespace mlp::score
