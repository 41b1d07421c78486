// The parts of a package that are words rather than arrays, as one JSON text.
#pragma once
#include <string>
#include <string_view>

#include "runtime/package/package.h"

namespace mlp::package {

// Signature (without drift references), heading of the model (kind, loss, classes, features), number of fitted tables.
std::string write_description(const Package& package);
void read_description(std::string_view text, Package& out);  // throws std::runtime_error; sizes `out.fitted.tables`

}  // namespace mlp::package
