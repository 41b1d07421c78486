// C to LLVM bitcode by clang as a library, for extern fn. The room is a shared library that codegen/cpu opens when a spec has
// an extern fn: no other spec needs clang to be installed.
#pragma once
#include <string>
#include <vector>

namespace mlp::codegen {

enum class CType { f64, i64, boolean };

struct CFunction {
  std::string symbol;  // of a function that takes (bool present, arguments…), calls `name` where they are present, else gives 0
  std::string name;
  std::vector<CType> parameters;
  CType result = CType::f64;
};

struct CProblem {
  enum Kind { broken, missing, signature, impure } kind = broken;
  std::size_t begin = 0, end = 0;  // bytes of the text; both 0: of no place
  std::string name;                // missing, signature: of the function
  std::string message;
};

struct CModule {
  std::string bitcode;             // with problems: ""
  std::vector<CProblem> problems;  // in the order of the text
};

// Exported as C: mlp_compile_c. The same text gives the same bitcode on every machine: the headers are those in c.cpp.
using CompileC = void (*)(const std::string& file, const std::string& text, const std::vector<CFunction>& functions, CModule& out);

}  // namespace mlp::codegen
