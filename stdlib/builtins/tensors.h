// The table tensors.def as values.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace mlp {

struct TensorFunction {
  struct Parameter {
    std::string name;
    bool optional = false;
  };
  std::string_view name, signature, doc;
  std::vector<Parameter> parameters;
};

const std::vector<TensorFunction>& tensor_functions();            // in table order
const TensorFunction* find_tensor_function(std::string_view name);  // nullptr: no such name

}  // namespace mlp
