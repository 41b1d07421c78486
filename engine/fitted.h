// What a run fitted, as people read it.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "runtime/package/package.h"

namespace mlp::engine {

// Every fitted value of a package by the name that its aggregate has in flow: mean(tenure) → 32.4. Throws SpecError when the
// package's own spec does not compile any more.
std::vector<std::pair<std::string, std::string>> fitted_values(const package::Package& package);

}  // namespace mlp::engine
