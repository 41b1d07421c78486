#include "runtime/data/duck_library.h"

#include "base/codes/command.h"
#include "base/installed.h"

namespace mlp::data {

const DuckLibrary& duckdb() {
  static const DuckLibrary functions = [] {
    constexpr SharedLibrary library{"libduckdb.so", "the data engine", "install Millrace whole", code::not_installed};
    void* const opened = open_library(library);
    DuckLibrary all{};
#define MLP_FUNCTION(name) all.name = reinterpret_cast<decltype(all.name)>(library_symbol(opened, library, "duckdb_" #name));
    MLP_DUCKDB_FUNCTIONS(MLP_FUNCTION)
#undef MLP_FUNCTION
    return all;
  }();
  return functions;
}

}  // namespace mlp::data
