// The standard library, as it travels inside the compiler.
#pragma once
#include <string_view>
#include <vector>

namespace mlp {
struct LibraryFile {
  std::string_view name;  // "missing.mlp"
  std::string_view text;
};
const std::vector<LibraryFile>& library_files();  // by name
}  // namespace mlp
