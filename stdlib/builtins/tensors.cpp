#include "stdlib/builtins/tensors.h"

#include <algorithm>

namespace mlp {
namespace {

// The names between the brackets, and whether ` = ` follows.
std::vector<TensorFunction::Parameter> parameters(std::string_view signature) {
  std::vector<TensorFunction::Parameter> list;
  int depth = 0;
  std::size_t from = 1;
  for (std::size_t i = 0; i < signature.size(); ++i) {
    const char c = signature[i];
    if (c == '(' || c == '[') ++depth;
    if ((c == ',' && depth == 1) || (c == ')' && depth == 1)) {
      const std::string_view one = signature.substr(from, i - from);
      list.push_back({std::string(one.substr(0, one.find(':'))), one.find(" = ") != std::string_view::npos});
      from = i + 2;
      if (c == ')') break;
    }
    if (c == ')' || c == ']') --depth;
  }
  return list;
}

}  // namespace

const std::vector<TensorFunction>& tensor_functions() {
  static const std::vector<TensorFunction> table = {
#define MLP_TENSOR(name, signature, doc) {#name, signature, doc, parameters(signature)},
#include "stdlib/builtins/tensors.def"
#undef MLP_TENSOR
  };
  return table;
}

const TensorFunction* find_tensor_function(std::string_view name) {
  const auto& table = tensor_functions();
  const auto found = std::find_if(table.begin(), table.end(), [&](const TensorFunction& f) { return f.name == name; });
  return found == table.end() ? nullptr : &*found;
}

}  // namespace mlp
