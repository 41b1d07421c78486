// The C of a module's externals as bitcode, by the shared library of compiler/codegen/c.
#pragma once
#include <string>
#include <vector>

#include "compiler/codegen/c/c.h"
#include "compiler/ir/loop/loop.h"

namespace mlp::codegen {

// One module a file; `of` are its externals.
struct CFile {
  std::vector<std::size_t> of;  // of module.externals
  CModule made;
};
std::vector<CFile> compile_externals(const std::vector<loop::External>& externals);  // throws Failure when there is no compiler

}  // namespace mlp::codegen
