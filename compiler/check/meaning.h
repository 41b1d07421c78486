// What names and expressions mean, by place in the text. For editors: recorded while a spec is checked, when asked for.
#pragma once
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "compiler/ir/common/types.h"

namespace mlp {

struct Meaning {
  enum class Kind { column, feature, parameter, local, function, builtin };
  struct Name {
    Kind kind = Kind::column;
    std::string name;
    Span declared;            // unknown for what is built in
  };
  struct Value {
    Type type;
    ir::Stage stage = ir::Stage::constant;
    std::size_t items = 1;    // of a vector
    bool vector = false;
    bool bag = false;         // a bag of terms of the text
  };
  struct BySpan {
    bool operator()(const Span& a, const Span& b) const { return std::tie(a.source, a.begin, a.end) < std::tie(b.source, b.begin, b.end); }
  };
  // The text of a function is checked once for each call: what was found first stands.
  std::map<Span, Name, BySpan> names;
  std::map<Span, Value, BySpan> values;
  std::map<Span, std::vector<std::string>, BySpan> settings;  // that a declaration knows, by its span
  std::vector<std::string> metrics;                           // that the model has
};

}  // namespace mlp
