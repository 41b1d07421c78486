#include "compiler/codegen/cpu/module.h"

#include <llvm/Bitcode/BitcodeReader.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Linker/Linker.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/raw_ostream.h>

#include "stdlib/builtins/bitcode.h"

namespace mlp::codegen {

std::unique_ptr<llvm::Module> parse_builtins(const llvm::Module& module) {
  const std::string_view bitcode = builtins_bitcode();
  std::unique_ptr<llvm::Module> builtins = must(
      llvm::getLazyBitcodeModule(llvm::MemoryBufferRef(llvm::StringRef(bitcode.data(), bitcode.size()), "builtins"), module.getContext()), "the bitcode of the builtins");
  builtins->setTargetTriple(module.getTargetTriple());
  builtins->setDataLayout(module.getDataLayout());
  return builtins;
}

void link_builtins(llvm::Module& module, std::unique_ptr<llvm::Module> builtins, const std::set<std::string>& foreign) {
  std::set<std::string> kernels;  // and their parts
  for (const llvm::Function& function : module) {
    if (!function.isDeclaration() && !foreign.count(function.getName().str())) kernels.insert(function.getName().str());
  }
  if (llvm::Linker::linkModules(module, std::move(builtins), llvm::Linker::LinkOnlyNeeded)) MLP_BUG("the builtins do not link");
  for (llvm::Function& function : module) {
    if (function.isDeclaration()) continue;
    if (!kernels.count(function.getName().str())) {
      function.setLinkage(llvm::GlobalValue::InternalLinkage);
      function.setComdat(nullptr);
      // What the compiler of the builtins said about its own target would keep them from being inlined.
      for (const char* attribute : {"target-cpu", "target-features", "tune-cpu", "min-legal-vector-width", "prefer-vector-width",
                                    "frame-pointer", "stack-protector-buffer-size"}) {
        function.removeFnAttr(attribute);
      }
      function.removeFnAttr(llvm::Attribute::StackProtectStrong);
      function.removeFnAttr(llvm::Attribute::UWTable);
    }
    if (function.getName() == "mlp_quotient" || function.getName() == "mlp_plus_exact") {  // not inlined until here: a device gives them other bodies
      function.removeFnAttr(llvm::Attribute::NoInline);
      function.addFnAttr(llvm::Attribute::AlwaysInline);
    }
    function.addFnAttr("no-builtins");  // no calls of libc behind our back, and the same on both sides of inlining
  }
  for (llvm::GlobalVariable& variable : module.globals()) {
    if (!variable.isDeclaration()) variable.setLinkage(variable.getAddressSpace() == 0 ? llvm::GlobalValue::PrivateLinkage : llvm::GlobalValue::InternalLinkage);
  }
  std::string broken;
  llvm::raw_string_ostream out(broken);
  if (llvm::verifyModule(module, &out)) MLP_BUG("the generated code is malformed: " + broken);
}

void optimize(llvm::Module& module, llvm::TargetMachine& machine, int level, bool unroll) {
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = true;
  tuning.LoopInterleaving = false;  // on a CPU interleaving and unrolling cost compile time and give no speed
  tuning.LoopUnrolling = unroll;
  tuning.SLPVectorization = false;
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager cycles;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine, tuning);
  llvm::TargetLibraryInfoImpl library{llvm::Triple(module.getTargetTriple())};
  library.disableAllFunctions();
  functions.registerPass([&] { return llvm::TargetLibraryAnalysis(library); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(cycles);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, cycles, modules);
  const llvm::OptimizationLevel wanted = level == 1 ? llvm::OptimizationLevel::O1 : level == 2 ? llvm::OptimizationLevel::O2 : llvm::OptimizationLevel::O3;
  llvm::ModulePassManager passes = level == 0 ? builder.buildO0DefaultPipeline(llvm::OptimizationLevel::O0) : builder.buildPerModuleDefaultPipeline(wanted);
  passes.run(module, modules);
}

llvm::SmallVector<char, 0> write(llvm::Module& module, llvm::TargetMachine& machine, llvm::CodeGenFileType type) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream out(bytes);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, out, nullptr, type)) MLP_BUG("LLVM cannot write this kind of file");
  passes.run(module);
  return bytes;
}

}  // namespace mlp::codegen
