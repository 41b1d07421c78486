#include "compiler/codegen/cpu/externals.h"

#include <filesystem>

#include "base/codes/command.h"
#include "base/installed.h"
#include "compiler/codegen/cpu/cpu.h"

namespace mlp::codegen {
namespace {

CompileC compiler() {
  static const CompileC found = [] {
    constexpr SharedLibrary library{"libmillrace-c.so", "the C compiler for `extern fn`", "install Millrace whole, and the package libclang-cpp19", code::no_c_compiler};
    return reinterpret_cast<CompileC>(library_symbol(open_library(library), library, "mlp_compile_c"));
  }();
  return found;
}

CType type_of(loop::Kind kind) {
  MLP_CHECK(kind != loop::Kind::string);
  return kind == loop::Kind::f64 ? CType::f64 : kind == loop::Kind::i64 ? CType::i64 : CType::boolean;
}

}  // namespace

std::vector<CFile> compile_externals(const std::vector<loop::External>& externals) {
  std::vector<CFile> files;
  for (std::size_t i = 0; i < externals.size(); ++i) {
    CFile* file = nullptr;
    for (CFile& f : files)
      if (externals[f.of[0]].file == externals[i].file && externals[f.of[0]].text == externals[i].text) file = &f;
    (file ? *file : files.emplace_back()).of.push_back(i);
  }
  for (CFile& file : files) {
    std::vector<CFunction> functions;
    for (const std::size_t i : file.of) {
      CFunction f{externals[i].symbol, externals[i].name, {}, type_of(externals[i].result)};
      for (const loop::Kind kind : externals[i].parameters) f.parameters.push_back(type_of(kind));
      functions.push_back(std::move(f));
    }
    compiler()(std::filesystem::path(externals[file.of[0]].file).filename().string(), externals[file.of[0]].text, functions, file.made);
  }
  return files;
}

std::vector<CFault> check_externals(const std::vector<loop::External>& externals) {
  std::vector<CFault> faults;
  for (const CFile& file : compile_externals(externals))
    for (const CProblem& p : file.made.problems) {
      CFault fault{file.of[0], p.begin, p.end, p.message, static_cast<CFault::Kind>(p.kind)};
      for (const std::size_t i : file.of)
        if (externals[i].name == p.name) fault.external = i;
      faults.push_back(std::move(fault));
    }
  return faults;
}

}  // namespace mlp::codegen
