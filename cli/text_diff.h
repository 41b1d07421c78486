// What changes between two texts, in the unified format that `patch` and `git apply` read.
#pragma once
#include <string>

namespace mlp::cli {

std::string text_diff(const std::string& name, const std::string& before, const std::string& after);

}  // namespace mlp::cli
