// MLflow's scoring protocol: one of dataframe_split, dataframe_records, instances, inputs; or CSV. Answers
// {"predictions": [{"prediction": …, "p_<label>": …}, …]}.
#include "base/codes/serving.h"
#include "runtime/serve/api.h"

namespace mlp::serve {
namespace {

using score::Json;
using score::JsonKind;

[[noreturn]] void bad(const std::string& message, const std::string& help = {}) { throw ApiError{400, message, help, "", ""}; }

void need(const Json& json, std::size_t node, JsonKind kind, const std::string& what) {
  if (json.kind(node) != kind) bad(what + (kind == JsonKind::array ? " must be a list" : " must be an object"));
}

}  // namespace

void Api::read_invocation(std::string_view body, Worker& worker) const {
  Scratch& w = *worker.scratch;
  begin_learning(body, w.invocation, w);
  parse_body(w.json, body);
  const Json& json = w.json;
  const std::vector<Column>& columns = package().signature.request;
  const auto row_done = [&] {
    w.rows.end_row();
    finish_when_full(worker);
  };
  const auto records = [&](std::size_t list, const char* name) {
    need(json, list, JsonKind::array, std::string("`") + name + "`");
    std::size_t node = json.first(list);
    for (std::size_t i = 0; i < json.children(list); ++i, node = json.next(node)) {
      w.json_rows.read(json, node, w.rows);
      finish_when_full(worker);
    }
  };
  // A list of lists whose places have these columns (request column, or -1 for one that is not needed).
  const auto table = [&](std::size_t list, const std::vector<std::int32_t>& places) {
    std::size_t row = json.first(list);
    for (std::size_t i = 0; i < json.children(list); ++i, row = json.next(row)) {
      need(json, row, JsonKind::array, "row " + std::to_string(i + 1));
      if (json.children(row) != places.size())
        throw ApiError{400, "row " + std::to_string(i + 1) + " has " + std::to_string(json.children(row)) + " values where " + std::to_string(places.size()) + " are expected", "",
                       info(code::request_ragged_row).code, ""};
      std::size_t value = json.first(row);
      for (const std::int32_t column : places) {
        if (column >= 0) w.json_rows.value(json, value, static_cast<std::size_t>(column), w.rows);
        value = json.next(value);
      }
      row_done();
    }
  };
  // Where each name stands among the columns; all must be there, once.
  const auto match = [&](const std::vector<std::string>& names) {
    std::vector<std::int32_t> places(names.size(), -1);
    std::vector<std::string> missing;
    for (std::size_t c = 0; c < columns.size(); ++c) {
      int found = 0;
      for (std::size_t i = 0; i < names.size(); ++i)
        if (names[i] == columns[c].name) {
          places[i] = static_cast<std::int32_t>(c);
          ++found;
        }
      if (found == 0) missing.push_back(columns[c].name);
      if (found > 1) throw ApiError{400, "column `" + columns[c].name + "` is given twice", "", info(code::request_doubled_column).code, ""};
    }
    if (!missing.empty()) throw score::missing_columns(missing, names, "the request");
    return places;
  };

  std::size_t chosen = Json::none;
  std::string name, scratch;
  std::size_t key = json.first(0);
  for (std::size_t i = 0; i < json.children(0); ++i) {
    const std::string_view text = json.string(key, scratch);
    const std::size_t value = json.next(key);
    if (text == "dataframe_split" || text == "dataframe_records" || text == "instances" || text == "inputs") {
      if (chosen != Json::none) bad("`" + name + "` and `" + std::string(text) + "` are both given", "send exactly one of dataframe_split, dataframe_records, instances, inputs");
      chosen = value;
      name = text;
    } else if (text != "params") {
      bad("unknown key `" + values::printable(text) + "`", "send exactly one of dataframe_split, dataframe_records, instances, inputs");
    }
    key = json.next(value);
  }
  if (chosen == Json::none) bad("the request has no rows", "send exactly one of dataframe_split, dataframe_records, instances, inputs");
  if (name == "dataframe_split") {
    need(json, chosen, JsonKind::object, "`dataframe_split`");
    const std::size_t names = json.find(chosen, "columns"), data = json.find(chosen, "data");
    if (names == Json::none || data == Json::none) bad("`dataframe_split` needs `columns` and `data`");
    need(json, names, JsonKind::array, "`columns`");
    need(json, data, JsonKind::array, "`data`");
    std::vector<std::string> list;
    std::size_t node = json.first(names);
    for (std::size_t i = 0; i < json.children(names); ++i, node = json.next(node)) {
      if (json.kind(node) != JsonKind::string) bad("`columns` must hold strings");
      list.emplace_back(json.string(node, scratch));
    }
    table(data, match(list));
  } else if (name == "inputs" && json.kind(chosen) == JsonKind::object) {
    // Column name → list of values, or one value.
    std::vector<std::string> list;
    std::vector<std::size_t> nodes, sizes;
    std::size_t node = json.first(chosen);
    for (std::size_t i = 0; i < json.children(chosen); ++i) {
      list.emplace_back(json.string(node, scratch));
      const std::size_t value = json.next(node);
      const bool many = json.kind(value) == JsonKind::array;
      nodes.push_back(many ? json.first(value) : value);
      sizes.push_back(many ? json.children(value) : 1);
      node = json.next(value);
    }
    const std::vector<std::int32_t> places = match(list);
    for (std::size_t i = 0; i < sizes.size(); ++i)
      if (sizes[i] != sizes[0]) bad("column `" + list[i] + "` has " + std::to_string(sizes[i]) + " values, `" + list[0] + "` has " + std::to_string(sizes[0]));
    for (std::size_t r = 0; r < sizes[0]; ++r) {
      for (std::size_t i = 0; i < places.size(); ++i) {
        if (places[i] >= 0) w.json_rows.value(json, nodes[i], static_cast<std::size_t>(places[i]), w.rows);
        nodes[i] = json.next(nodes[i]);
      }
      row_done();
    }
  } else if (name != "dataframe_records" && json.kind(chosen) == JsonKind::array && json.children(chosen) > 0 && json.kind(json.first(chosen)) == JsonKind::array) {
    std::vector<std::int32_t> places(columns.size());
    for (std::size_t c = 0; c < columns.size(); ++c) places[c] = static_cast<std::int32_t>(c);
    table(chosen, places);
  } else {
    records(chosen, name.c_str());
  }
  w.invocation.rows = w.rows.rows();
  learn(body, w.invocation, w);
}

Response Api::invocations(const Request& request, Worker& worker) {
  need_media_type(request, {"application/json", "text/csv"}, true);
  Scratch& w = begin(worker);
  if (media_type(request.content_type).size() == 8) {  // text/csv
    score::CsvRequest csv(package().signature, score::memory_source(request.body), "the request");
    while (csv.next(w.rows)) finish_when_full(worker);
  } else if (!read_again(request.body, w.invocation, w, [](std::size_t, JsonKind, std::string_view) { return true; })) {
    read_invocation(request.body, worker);
  }
  finish_request(worker);

  Response response;
  response.body = body_of(worker);
  response.body += "{\"predictions\":[";
  const auto width = static_cast<std::size_t>(engine_.width());
  for (std::size_t r = 0; r * width < w.predictions.size(); ++r) {
    if (r) response.body += ',';
    writer_.object(response.body, w.predictions.data() + r * width);
  }
  response.body += "]}\n";
  return response;
}

}  // namespace mlp::serve
