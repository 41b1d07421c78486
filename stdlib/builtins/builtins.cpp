#include "stdlib/builtins/builtins.h"

#include <cctype>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace mlp {
namespace {

constexpr std::pair<std::string_view, Scalar> scalars[] = {
    {"bool", Scalar::boolean}, {"int", Scalar::integer}, {"float", Scalar::real}, {"float32", Scalar::real32},
    {"string", Scalar::string}, {"category", Scalar::category}, {"text", Scalar::text}, {"id", Scalar::id},
    {"timestamp", Scalar::timestamp}, {"date", Scalar::date}, {"duration", Scalar::duration}};

struct SignatureReader {
  std::string_view text;
  std::size_t at = 0;

  [[noreturn]] void fail() const { throw std::logic_error("builtins.def: bad signature `" + std::string(text) + "`"); }
  void blanks() {
    while (at < text.size() && text[at] == ' ') ++at;
  }
  bool accept(std::string_view token) {
    blanks();
    if (!text.substr(at).starts_with(token)) return false;
    at += token.size();
    return true;
  }
  void expect(std::string_view token) {
    if (!accept(token)) fail();
  }
  std::string_view word() {
    blanks();
    const std::size_t begin = at;
    while (at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) || text[at] == '_' || text[at] == '.')) ++at;
    if (at == begin) fail();
    return text.substr(begin, at - begin);
  }
  BuiltinType type() {
    BuiltinType t;
    const std::string_view name = word();
    if (name == "any") t.shape = BuiltinShape::any;
    else if (name == "table") t.shape = BuiltinShape::table;
    else if (name == "word") t.shape = BuiltinShape::word;
    else {
      bool known = false;
      for (const auto& [spelled, scalar] : scalars) {
        if (spelled != name) continue;
        t.type.scalar = scalar;
        known = true;
      }
      if (!known) fail();
      if (accept("[]")) t.shape = BuiltinShape::list;
    }
    t.type.nullable = accept("?");
    return t;
  }
  void read(Builtin& b) {
    expect("(");
    if (!accept(")")) {
      do {
        BuiltinParameter p;
        p.name = word();
        expect(":");
        p.type = type();
        if (accept("=")) {
          const std::string value(word());
          p.fallback = value == "true" ? 1 : std::strtod(value.c_str(), nullptr);  // the first word and false: 0
        }
        b.parameters.push_back(std::move(p));
      } while (accept(","));
      expect(")");
    }
    expect("->");
    b.result = type();
    if (at != text.size()) fail();
  }
};

bool takes(const BuiltinType& parameter, const BuiltinType& argument, bool widen) {
  if (parameter.shape == BuiltinShape::any) return argument.shape == BuiltinShape::scalar || argument.shape == BuiltinShape::any;
  if (parameter.shape != argument.shape) return false;
  if (parameter.shape != BuiltinShape::scalar) return true;
  const Scalar want = parameter.type.scalar, have = argument.type.scalar;
  if (want == have) return true;
  if (want == Scalar::real) return have == Scalar::real32 || (widen && have == Scalar::integer);
  return want == Scalar::string && is_text(have);
}

}  // namespace

const std::vector<Builtin>& builtins() {
  static const std::vector<Builtin> table = [] {
    std::vector<Builtin> rows;
#define MLP_BUILTIN(name, kind, signature, code, doc, example) \
  rows.push_back({#name, BuiltinKind::kind, signature, code, doc, example, {}, {}});
#include "stdlib/builtins/builtins.def"
#undef MLP_BUILTIN
    for (Builtin& row : rows) SignatureReader{row.signature}.read(row);
    return rows;
  }();
  return table;
}

std::vector<const Builtin*> find_builtins(std::string_view name) {
  std::vector<const Builtin*> found;
  for (const Builtin& row : builtins())
    if (row.name == name) found.push_back(&row);
  return found;
}

const Builtin* resolve_builtin(std::string_view name, const std::vector<BuiltinType>& arguments, bool* exact) {
  const std::vector<const Builtin*> overloads = find_builtins(name);
  for (const bool widen : {false, true}) {
    for (const Builtin* row : overloads) {
      if (arguments.size() > row->parameters.size()) continue;
      bool fits = true;
      for (std::size_t i = 0; i < row->parameters.size() && fits; ++i) {
        const BuiltinParameter& p = row->parameters[i];
        fits = i < arguments.size() ? takes(p.type, arguments[i], widen) : p.fallback.has_value();
      }
      const BuiltinType* same = nullptr;  // all `any` are one type, whatever their nullability
      for (std::size_t i = 0; i < arguments.size() && fits; ++i) {
        if (row->parameters[i].type.shape != BuiltinShape::any) continue;
        if (!same) same = &arguments[i];
        else fits = takes(*same, arguments[i], widen) || takes(arguments[i], *same, widen);
      }
      if (!fits) continue;
      if (exact) *exact = !widen;
      return row;
    }
  }
  return nullptr;
}

std::string spell(const BuiltinType& type) {
  std::string out;
  switch (type.shape) {
    case BuiltinShape::scalar: return spell(type.type);
    case BuiltinShape::any: out = "any"; break;
    case BuiltinShape::table: return "table";
    case BuiltinShape::list: return spell(type.type) + "[]";
    case BuiltinShape::word: return "word";
  }
  if (type.type.nullable) out += '?';
  return out;
}

}  // namespace mlp
