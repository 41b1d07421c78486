// Open Inference Protocol V2, REST: metadata and inference with one tensor per column.
#include <algorithm>
#include <charconv>

#include "base/codes/serving.h"
#include "runtime/serve/api.h"

namespace mlp::serve {
namespace {

using score::Json;
using score::JsonKind;

std::string_view datatype_of(score::OutputKind kind) {
  switch (kind) {
    case score::OutputKind::number: break;
    case score::OutputKind::label: return "BYTES";
    case score::OutputKind::whole: return "INT64";
    case score::OutputKind::truth: return "BOOL";
  }
  return "FP64";
}

std::string_view datatype_of(Scalar scalar) {
  if (scalar == Scalar::boolean) return "BOOL";
  if (scalar == Scalar::integer) return "INT64";
  if (scalar == Scalar::real) return "FP64";
  if (scalar == Scalar::real32) return "FP32";
  return "BYTES";  // texts; dates, timestamps and durations as they are written in CSV
}

enum class Family { boolean, integer, natural, real, bytes };

}  // namespace

struct Datatype {
  std::string_view name;
  Family family;
  int bits;
};

namespace {

constexpr Datatype datatypes[] = {{"BOOL", Family::boolean, 8},   {"INT8", Family::integer, 8},    {"INT16", Family::integer, 16}, {"INT32", Family::integer, 32},
                                  {"INT64", Family::integer, 64}, {"UINT8", Family::natural, 8},   {"UINT16", Family::natural, 16}, {"UINT32", Family::natural, 32},
                                  {"UINT64", Family::natural, 64}, {"FP16", Family::real, 16},     {"FP32", Family::real, 32},     {"FP64", Family::real, 64},
                                  {"BYTES", Family::bytes, 8}};

bool fits(Family family, Scalar scalar) {
  const bool number = family == Family::integer || family == Family::natural || family == Family::real;
  if (is_number(scalar)) return number;
  if (scalar == Scalar::boolean) return family == Family::boolean || family == Family::integer || family == Family::natural || family == Family::bytes;
  return family == Family::bytes;
}

// Whether a value is of its tensor's datatype.
bool holds(JsonKind kind, std::string_view raw, const Datatype& type) {
  if (kind == JsonKind::null) return true;  // the column decides
  switch (type.family) {
    case Family::boolean: return kind == JsonKind::boolean;
    case Family::real: return kind == JsonKind::number;
    case Family::bytes: return kind == JsonKind::string;
    case Family::integer: {
      std::int64_t v = 0;
      const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), v);
      return kind == JsonKind::number && error == std::errc{} && end == raw.data() + raw.size() &&
             (type.bits == 64 || (v >= -(std::int64_t{1} << (type.bits - 1)) && v < std::int64_t{1} << (type.bits - 1)));
    }
    case Family::natural: {
      std::uint64_t v = 0;
      const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), v);
      return kind == JsonKind::number && error == std::errc{} && end == raw.data() + raw.size() && (type.bits == 64 || v < std::uint64_t{1} << type.bits);
    }
  }
  return false;
}

void append(std::string& out, std::int64_t number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

struct Tensor {
  const Datatype* type = nullptr;
  bool nested = false;          // [N, 1]
  std::int64_t rows = 0;
  std::size_t next = 0;         // node of the next value
};

[[noreturn]] void bad(const std::string& message, const std::string& help = {}) { throw ApiError{400, message, help, "", ""}; }

// `whose` names the object, in messages only.
template <class Whose> std::size_t member(const Json& json, std::size_t object, std::string_view name, JsonKind kind, Whose&& whose) {
  const std::size_t node = json.find(object, name);
  if (node == Json::none) bad(whose() + " has no `" + std::string(name) + "`");
  if (json.kind(node) != kind)
    bad("`" + std::string(name) + "` of " + whose() + " must be " + (kind == JsonKind::string ? "a string" : kind == JsonKind::array ? "a list" : "an object"));
  return node;
}

Tensor read_tensor(const Json& json, std::size_t input, std::string_view name, const Column& column) {
  const auto whose = [&] { return "input `" + std::string(name) + "`"; };
  Tensor out;
  std::string scratch;
  const std::string_view datatype = json.string(member(json, input, "datatype", JsonKind::string, whose), scratch);
  for (const Datatype& type : datatypes)
    if (type.name == datatype) out.type = &type;
  if (!out.type) bad(whose() + " has the unknown datatype `" + values::printable(datatype) + "`", "send " + std::string(datatype_of(column.type.scalar)));
  if (!fits(out.type->family, column.type.scalar))
    bad(whose() + " has datatype " + std::string(out.type->name) + ", but the column is of type " + mlp::spell(Type{column.type.scalar, false}),
        "send " + std::string(datatype_of(column.type.scalar)));
  const std::size_t shape = member(json, input, "shape", JsonKind::array, whose);
  std::int64_t dimensions[2] = {0, 1};
  std::size_t node = json.first(shape);
  if (json.children(shape) < 1 || json.children(shape) > 2) bad(whose() + " needs shape [N] or [N, 1]");
  for (std::size_t d = 0; d < json.children(shape); ++d, node = json.next(node)) {
    const std::string_view raw = json.raw(node);
    const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), dimensions[d]);
    if (json.kind(node) != JsonKind::number || error != std::errc{} || end != raw.data() + raw.size() || dimensions[d] < 0) bad("the shape of " + whose() + " is not made of whole numbers");
  }
  if (dimensions[1] != 1) bad(whose() + " needs shape [N] or [N, 1], one value a row", "send each column as its own tensor");
  out.rows = dimensions[0];
  const std::size_t data = member(json, input, "data", JsonKind::array, whose);
  out.next = json.first(data);
  if (json.children(data) > 0 && json.kind(out.next) == JsonKind::array) {
    out.nested = true;
    if (json.children(shape) != 2) bad("the data of " + whose() + " is nested, but its shape is [N]");
  }
  if (static_cast<std::int64_t>(json.children(data)) != out.rows)
    bad("the shape of " + whose() + " says " + std::to_string(out.rows) + " rows, but its data has " + std::to_string(json.children(data)));
  return out;
}

}  // namespace

std::string Api::metadata() const {
  std::string out = "{\"name\":";
  score::append_json_string(out, name_);
  out += ",\"versions\":[";
  score::append_json_string(out, version_);
  out += "],\"platform\":\"millrace\",\"inputs\":[";
  for (const Column& column : package().signature.request) {
    out += out.back() == '[' ? "{\"name\":" : ",{\"name\":";
    score::append_json_string(out, column.name);
    out += ",\"datatype\":\"" + std::string(datatype_of(column.type.scalar)) + "\",\"shape\":[-1],\"parameters\":{\"type\":";
    score::append_json_string(out, mlp::spell(column));
    if (!column.description.empty()) {
      out += ",\"description\":";
      score::append_json_string(out, column.description);
    }
    out += "}}";
  }
  out += "],\"outputs\":[";
  const std::vector<std::string> heads = output_heads();
  for (std::size_t i = 0; i < heads.size(); ++i) out += (i ? "," : "") + heads[i] + "-1]}";
  return out + "]}";
}

std::vector<std::string> Api::output_heads() const {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    std::string& head = out.emplace_back("{\"name\":");
    score::append_json_string(head, outputs_[i]);
    head += ",\"datatype\":\"" + std::string(datatype_of(score::output_kind(package().model, i))) + "\",\"shape\":[";
  }
  return out;
}

void Api::read_v2(std::string_view body, Worker& worker) const {
  Scratch& w = *worker.scratch;
  LastV2& asked = w.v2;
  begin_learning(body, asked, w);
  parse_body(w.json, body);
  const Json& json = w.json;
  const std::vector<Column>& columns = package().signature.request;

  std::string scratch;
  const auto name_of = [&](std::size_t node, const char* what) {
    return json.string(member(json, node, "name", JsonKind::string, [&] { return std::string(what); }), scratch);
  };
  std::vector<Tensor> tensors(columns.size());
  const std::size_t inputs = member(json, 0, "inputs", JsonKind::array, [] { return std::string("the request"); });
  std::size_t node = json.first(inputs), next = 0;
  asked.rows = -1;
  for (std::size_t i = 0; i < json.children(inputs); ++i, node = json.next(node)) {
    if (json.kind(node) != JsonKind::object) bad("each of `inputs` must be an object");
    const std::string_view name = name_of(node, "an input");
    // Mostly they stand in the order of the columns.
    std::size_t c = next, tried = 0;
    for (; tried < columns.size() && columns[c].name != name; ++tried) c = c + 1 < columns.size() ? c + 1 : 0;
    if (tried == columns.size()) continue;  // not needed
    next = c + 1 < columns.size() ? c + 1 : 0;
    if (tensors[c].type) bad("input `" + std::string(name) + "` is given twice");
    tensors[c] = read_tensor(json, node, name, columns[c]);
    if (asked.rows >= 0 && asked.rows != tensors[c].rows)
      bad("input `" + std::string(name) + "` has " + std::to_string(tensors[c].rows) + " rows, others have " + std::to_string(asked.rows));
    asked.rows = tensors[c].rows;
  }
  std::vector<std::string> missing;
  for (std::size_t c = 0; c < columns.size(); ++c)
    if (!tensors[c].type) missing.push_back(columns[c].name);
  if (!missing.empty()) {
    std::vector<std::string> present;
    node = json.first(inputs);
    for (std::size_t i = 0; i < json.children(inputs); ++i, node = json.next(node)) present.emplace_back(name_of(node, "an input"));
    throw score::missing_columns(missing, present, "the request");
  }

  asked.outputs.clear();
  if (const std::size_t outputs = json.find(0, "outputs"); outputs != Json::none) {
    if (json.kind(outputs) != JsonKind::array) bad("`outputs` must be a list");
    std::size_t output = json.first(outputs);
    for (std::size_t i = 0; i < json.children(outputs); ++i, output = json.next(output)) {
      if (json.kind(output) != JsonKind::object) bad("each of `outputs` must be an object");
      const std::string_view name = name_of(output, "an output");
      const auto found = std::find(outputs_.begin(), outputs_.end(), name);
      if (found == outputs_.end()) {
        const std::string near = nearest(name, outputs_);
        bad("there is no output `" + values::printable(name) + "`", near.empty() ? "outputs are listed at /v2/models/" + name_ : "did you mean `" + near + "`?");
      }
      asked.outputs.push_back(static_cast<std::size_t>(found - outputs_.begin()));
    }
  }
  if (asked.outputs.empty())
    for (std::size_t i = 0; i < outputs_.size(); ++i) asked.outputs.push_back(i);

  asked.types.clear();
  for (const Tensor& t : tensors) asked.types.push_back(t.type);
  for (std::int64_t r = 0; r < asked.rows; ++r) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      Tensor& t = tensors[c];
      std::size_t value = t.next;
      t.next = json.next(t.next);
      if (t.nested) {
        if (json.kind(value) != JsonKind::array || json.children(value) != 1) bad("row " + std::to_string(r + 1) + " of input `" + columns[c].name + "` is not a list of one value");
        value = json.first(value);
      }
      if (!holds(json.kind(value), json.raw(value), *t.type))
        throw ApiError{400, values::named(columns[c], json.raw(value)) + " in row " + std::to_string(r + 1) + " of input `" + columns[c].name + "` is no " + std::string(t.type->name),
                       "", info(code::request_bad_value).code, ""};
      w.json_rows.value(json, value, c, w.rows);
    }
    w.rows.end_row();
    finish_when_full(worker);
  }

  const std::size_t id = json.find(0, "id");
  asked.has_id = id != Json::none;
  if (asked.has_id) {
    if (json.kind(id) != JsonKind::string) bad("`id` must be a string");
    asked.id = json.raw(id);
    w.json_rows.noted().push_back({json.begin(id), json.end(id), columns.size()});
  }
  const std::size_t parameters = json.find(0, "parameters");
  asked.parameters = parameters != Json::none && json.kind(parameters) == JsonKind::object ? json.raw(parameters) : std::string_view();
  learn(body, asked, w, asked.has_id ? 1 : 0);
}

Response Api::infer(const Request& request, Worker& worker) {
  if (request.binary_tensors) throw ApiError{400, "binary tensors are not supported", "send the tensors as JSON", "", ""};
  // What curl sends when nobody says anything is taken for JSON.
  need_media_type(request, {"application/json", "application/x-www-form-urlencoded", "application/octet-stream"}, false);
  Scratch& w = begin(worker);
  LastV2& asked = w.v2;
  const auto accept = [&](std::size_t column, JsonKind kind, std::string_view text) {
    if (column < asked.types.size()) return holds(kind, text, *asked.types[column]);
    asked.id = text;
    return kind == JsonKind::string;
  };
  if (!read_again(request.body, asked, w, accept)) read_v2(request.body, worker);
  finish_request(worker);

  const auto width = static_cast<std::size_t>(engine_.width());
  Response response;
  response.body = body_of(worker);
  std::string& out = response.body;
  out += answer_head_;
  if (asked.has_id) ((out += ",\"id\":\"") += asked.id) += '"';
  if (!asked.parameters.empty()) (out += ",\"parameters\":") += asked.parameters;
  out += ",\"outputs\":[";
  for (std::size_t i = 0; i < asked.outputs.size(); ++i) {
    const std::size_t output = asked.outputs[i];
    if (i) out += ',';
    out += output_heads_[output];
    append(out, asked.rows);
    out += "],\"data\":[";
    for (std::size_t r = 0; r < static_cast<std::size_t>(asked.rows); ++r) {
      if (r) out += ',';
      writer_.value(out, w.predictions.data() + r * width, output);
    }
    out += "]}";
  }
  out += "]}\n";
  return response;
}

}  // namespace mlp::serve
