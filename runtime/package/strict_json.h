// JSON as packages need it: no doubled keys, bounded nesting.
#pragma once
#include <string_view>

#include "nlohmann/json.hpp"

namespace mlp::package {

nlohmann::json parse_strict(std::string_view text);  // throws std::runtime_error

}  // namespace mlp::package
