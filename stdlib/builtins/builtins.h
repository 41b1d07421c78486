// The table builtins.def as values, with parsed signatures and the one overload rule that every phase uses.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/schema.h"

namespace mlp {

enum class BuiltinKind { function, aggregate, table };

// scalar: `type` · any: every scalar type (all `any` of one signature are the same type) · table: a fitted table ·
// list: float[], a vector of the language · word: one of the words that the function knows, written as a name
enum class BuiltinShape { scalar, any, table, list, word };

struct BuiltinType {
  BuiltinShape shape = BuiltinShape::scalar;
  Type type;  // of a scalar; of `any` only nullable counts
  friend bool operator==(const BuiltinType&, const BuiltinType&) = default;
};

struct BuiltinParameter {
  std::string name;
  BuiltinType type;
  std::optional<double> fallback;  // may be left out: this number stands for it
};

struct Builtin {
  std::string_view name;
  BuiltinKind kind = BuiltinKind::function;
  std::string_view signature;  // as in builtins.def
  std::string_view code;       // "op:add", "call:mlp_exp", "custom:coalesce", "agg:mean"
  std::string_view doc;
  std::string_view example;
  std::vector<BuiltinParameter> parameters;
  BuiltinType result;

  std::string_view code_class() const { return code.substr(0, code.find(':')); }   // op | call | custom | agg
  std::string_view code_name() const { return code.substr(code.find(':') + 1); }   // what stands after the colon
  // The function itself can give null, whatever its arguments are (see builtins.def).
  bool may_give_null() const { return result.shape == BuiltinShape::scalar && result.type.nullable; }
};

const std::vector<Builtin>& builtins();                               // in table order
std::vector<const Builtin*> find_builtins(std::string_view name);     // every overload, in table order; empty: no such name

// The overload for these argument types: the first that takes them as they are, else the first that takes them with
// int widened to float. Nullability does not choose an overload. string, category, text and id all fit `string`;
// float32 fits `float`. Arguments with a fallback may be missing at the end. nullptr when none fits.
// `exact` says that nothing was widened; check writes widening as to_float calls, so later phases always see exact.
const Builtin* resolve_builtin(std::string_view name, const std::vector<BuiltinType>& arguments, bool* exact = nullptr);

std::string spell(const BuiltinType& type);  // "float?", "any", "table", "float[]", "word"

}  // namespace mlp
