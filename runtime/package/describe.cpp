#include "runtime/package/describe.h"

#include <cmath>
#include <stdexcept>

#include "base/diagnostic.h"
#include "runtime/package/strict_json.h"

namespace mlp::package {
namespace {

using nlohmann::json;

// Words of the enumerations, in their order.
template <class E> struct Words;
template <> struct Words<Scalar> {
  static constexpr const char* list[] = {"bool", "int", "float", "float32", "string", "category", "text", "id", "timestamp", "date", "duration", "image"};
};
template <> struct Words<Format> { static constexpr const char* list[] = {"csv", "parquet", "jsonl"}; };
template <> struct Words<Policy> { static constexpr const char* list[] = {"fail", "drop", "quarantine"}; };
template <> struct Words<ModelKind> { static constexpr const char* list[] = {"gbdt", "linear", "forest", "kmeans", "isolation_forest", "network"}; };
template <> struct Words<Loss> { static constexpr const char* list[] = {"squared", "logistic", "softmax", "poisson", "quantile", "custom", "custom_bool", "none"}; };
template <> struct Words<Calibrate> { static constexpr const char* list[] = {"none", "isotonic", "platt"}; };
template <> struct Words<Precision> { static constexpr const char* list[] = {"float32", "bf16"}; };
template <> struct Words<Link> { static constexpr const char* list[] = {"identity", "log", "logit"}; };

// The fields of the model that are no arrays.
struct Heading {
  ModelKind kind{};
  Loss loss{};
  double quantile = 0.5;
  std::string loss_name;
  Link link{};
  std::int64_t outputs = 1;  // of kmeans: clusters
  std::vector<std::string> classes;
  template <class A> void fields(A&& a) { a("kind", kind); a("loss", loss); a("quantile", quantile); a("loss_name", loss_name); a("link", link); a("outputs", outputs); a("classes", classes); }
};

template <class T> concept Fielded = requires(T t) { t.fields([](auto&&...) {}); };

// Declared before use: the overloads call each other for types of other namespaces.
template <class E> requires std::is_enum_v<E> json to_json(E v);
template <class T> json to_json(const std::optional<T>& v);
template <class T> json to_json(const std::vector<T>& v);
template <Fielded T> json to_json(const T& v);
json to_json(const model::FeatureInfo& v);
json to_json(const Column& v);
template <class E> requires std::is_enum_v<E> void read(const json& j, E& v);
template <class T> void read(const json& j, std::optional<T>& v);
template <class T> void read(const json& j, std::vector<T>& v);
template <Fielded T> void read(const json& j, T& v);
void read(const json& j, model::FeatureInfo& v);
void read(const json& j, Column& v);

json to_json(bool v) { return v; }
json to_json(std::int32_t v) { return v; }
json to_json(std::int64_t v) { return v; }
json to_json(double v) {
  MLP_CHECK(std::isfinite(v));
  return v;
}
json to_json(const std::string& v) { return v; }
template <class E> requires std::is_enum_v<E> json to_json(E v) { return Words<E>::list[static_cast<int>(v)]; }
template <class T> json to_json(const std::optional<T>& v) { return v ? to_json(*v) : json(nullptr); }
template <Fielded T> json to_json(const T& v) {
  json out = json::object();
  const_cast<T&>(v).fields([&](const char* name, const auto& field) {  // fields() only hands out references
    if constexpr (!std::is_same_v<std::decay_t<decltype(field)>, Span>) out[name] = to_json(field);  // spans mean nothing outside the spec
  });
  return out;
}
json to_json(const Column& v) {
  json out = to_json<Column>(v);
  if (v.type.scalar != Scalar::image) out.erase("image");
  return out;
}
json to_json(const model::FeatureInfo& v) {
  json out = {{"name", v.name}, {"category", v.category}, {"width", v.width}, {"one_hot", v.one_hot}};
  if (v.bag) out["bag"] = {{"terms", v.terms}, {"table", v.table}};
  return out;
}
template <class T> json to_json(const std::vector<T>& v) {
  json out = json::array();
  for (const T& item : v) out.push_back(to_json(item));
  return out;
}

[[noreturn]] void fail(const std::string& text) { throw std::runtime_error(text); }

void read(const json& j, bool& v) { j.is_boolean() ? void(v = j.get<bool>()) : fail("not a boolean"); }
void read(const json& j, std::int64_t& v) {
  if (!j.is_number_integer() || (j.is_number_unsigned() && j.get<std::uint64_t>() > INT64_MAX)) fail("not a whole number");
  v = j.get<std::int64_t>();
}
void read(const json& j, std::int32_t& v) {
  std::int64_t wide = 0;
  read(j, wide);
  if (wide < INT32_MIN || wide > INT32_MAX) fail("not a 32-bit number");
  v = static_cast<std::int32_t>(wide);
}
void read(const json& j, double& v) { j.is_number() ? void(v = j.get<double>()) : fail("not a number"); }
void read(const json& j, std::string& v) { j.is_string() ? void(v = j.get<std::string>()) : fail("not a text"); }
template <class E> requires std::is_enum_v<E> void read(const json& j, E& v) {
  for (std::size_t i = 0; i < std::size(Words<E>::list); ++i)
    if (j == Words<E>::list[i]) return void(v = static_cast<E>(i));
  fail("an unknown word");
}
template <class T> void read(const json& j, std::optional<T>& v) {
  if (j.is_null()) return v.reset();
  read(j, v.emplace());
}
// Every field once, and nothing else.
template <class Read> void read_object(const json& j, std::size_t fields, Read&& each) {
  if (!j.is_object() || j.size() != fields) fail("not an object with the right fields");
  each([&](const char* name, auto& field) {
    const auto found = j.find(name);
    if (found == j.end()) fail(std::string("`") + name + "` is missing");
    try {
      read(*found, field);
    } catch (const std::runtime_error& error) {
      fail(std::string("`") + name + "`: " + error.what());
    }
  });
}
template <Fielded T> void read(const json& j, T& v) {
  std::size_t count = 0;
  v.fields([&](const char*, const auto& field) { count += std::is_same_v<std::decay_t<decltype(field)>, Span> ? 0 : 1; });
  read_object(j, count, [&](auto&& a) {
    v.fields([&](const char* name, auto& field) {
      if constexpr (!std::is_same_v<std::decay_t<decltype(field)>, Span>) a(name, field);
    });
  });
}
void read(const json& j, Column& v) {
  json whole = j;
  const bool image = whole.is_object() && whole.contains("image");
  if (whole.is_object() && !image) whole["image"] = to_json(ImageShape{});
  read<Column>(whole, v);
  const std::int64_t c = v.image.channels;
  if (image != (v.type.scalar == Scalar::image) || (image && (v.image.height < 1 || v.image.width < 1 || v.image.height > 100'000 / v.image.width || (c != 1 && c != 3)))) fail("not the shape of a picture");
}
void read(const json& j, model::FeatureInfo& v) {
  json rest = j;
  v.bag = rest.is_object() && rest.contains("bag");
  if (v.bag) read_object(rest["bag"], 2, [&](auto&& a) { a("terms", v.terms); a("table", v.table); }), rest.erase("bag");
  read_object(rest, 4, [&](auto&& a) { a("name", v.name); a("category", v.category); a("width", v.width); a("one_hot", v.one_hot); });
}
template <class T> void read(const json& j, std::vector<T>& v) {
  if (!j.is_array()) fail("not a list");
  v.clear();
  for (const json& item : j) read(item, v.emplace_back());
}

template <class A> void signature_fields(Signature& s, A&& a) {
  a("name", s.name); a("deployment", s.deployment); a("request", s.request); a("request_place", s.request_place);
  a("schema_size", s.schema_size); a("source", s.source); a("target", s.target); a("port", s.port); a("drift", s.drift);
  a("feature_columns", s.feature_columns);
}
constexpr std::size_t signature_field_count = 10;

}  // namespace

std::string write_description(const Package& package) {
  json signature = json::object();
  signature_fields(const_cast<Signature&>(package.signature), [&](const char* name, const auto& field) { signature[name] = to_json(field); });
  const model::Model& m = package.model;
  json out = {{"signature", signature},
                    {"model", to_json(Heading{m.kind, m.loss, m.quantile, m.loss_name, m.link, m.kind == ModelKind::kmeans ? m.centres.clusters : m.outputs(), m.classes})},
                    {"features", to_json(m.features)},
                    {"fitted_tables", package.fitted.tables.size()}};
  // What a plain spec has not is not written.
  if (m.calibration.method != Calibrate::none) out["calibrate"] = to_json(m.calibration.method);
  if (m.network.precision != Precision::float32) out["precision"] = to_json(m.network.precision);
  if (!package.imports.empty()) out["imports"] = to_json(package.imports);
  if (!package.set.empty()) out["set"] = to_json(package.set);
  if (!package.tuned.empty()) out["tuned"] = to_json(package.tuned);
  return out.dump();
}

void read_description(std::string_view text, Package& out) {
  const json all = parse_strict(text);
  Heading heading;
  std::int64_t tables = 0;
  if (!all.is_object() || !all.contains("signature")) fail("`signature` is missing");
  read_object(all["signature"], signature_field_count, [&](auto&& a) { signature_fields(out.signature, a); });
  json rest = all;
  rest.erase("signature");
  const auto optional = [&](const char* name, auto& into) {
    if (rest.contains(name)) read(rest[name], into);
    rest.erase(name);
  };
  optional("calibrate", out.model.calibration.method);
  optional("precision", out.model.network.precision);
  optional("imports", out.imports);
  optional("set", out.set);
  optional("tuned", out.tuned);
  read_object(rest, 3, [&](auto&& a) { a("model", heading); a("features", out.model.features); a("fitted_tables", tables); });
  if (tables < 0 || tables > (1 << 20)) fail("too many fitted tables");
  if (heading.outputs < 1 || heading.outputs > (1 << 20)) fail("`outputs` is out of range");
  out.fitted.tables.resize(static_cast<std::size_t>(tables));
  model::Model& m = out.model;
  m.kind = heading.kind;
  m.loss = heading.loss;
  m.quantile = heading.quantile;
  m.loss_name = heading.loss_name;
  m.link = heading.link;
  m.classes = heading.classes;
  if (m.kind == ModelKind::kmeans) m.centres.clusters = static_cast<std::int32_t>(heading.outputs);
  else (has_trees(m.kind) ? m.forest.outputs : m.kind == ModelKind::network ? m.network.outputs : m.linear.outputs) = static_cast<std::int32_t>(heading.outputs);
}

}  // namespace mlp::package
