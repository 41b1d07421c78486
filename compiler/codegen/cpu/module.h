// What every target does with a module of LLVM.
#pragma once
#include <llvm/ADT/SmallVector.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/Error.h>
#include <llvm/Target/TargetMachine.h>

#include <memory>
#include <set>
#include <string>

#include "base/diagnostic.h"

namespace mlp::codegen {

template <class T>
T must(llvm::Expected<T> value, const char* what) {
  if (!value) MLP_BUG(std::string(what) + ": " + llvm::toString(value.takeError()));
  return std::move(*value);
}
inline void must(llvm::Error error, const char* what) {
  if (error) MLP_BUG(std::string(what) + ": " + llvm::toString(std::move(error)));
}

// The builtins for the module's target, read as far as they are needed.
std::unique_ptr<llvm::Module> parse_builtins(const llvm::Module& module);
// Links what is needed of them. Everything becomes internal but the functions that the module has now and that are not `foreign`.
void link_builtins(llvm::Module& module, std::unique_ptr<llvm::Module> builtins, const std::set<std::string>& foreign);
void optimize(llvm::Module& module, llvm::TargetMachine& machine, int level, bool unroll);  // level 0..3
llvm::SmallVector<char, 0> write(llvm::Module& module, llvm::TargetMachine& machine, llvm::CodeGenFileType type);

}  // namespace mlp::codegen
