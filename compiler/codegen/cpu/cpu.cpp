#include "compiler/codegen/cpu/cpu.h"

#include <llvm/Bitcode/BitcodeReader.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/IR/Module.h>
#include <llvm/Linker/Linker.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/SmallVectorMemoryBuffer.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>

#include <cstring>
#include <set>

#include "base/diagnostic.h"
#include "base/machine.h"
#include "compiler/codegen/cpu/abi_types.h"
#include "compiler/codegen/cpu/externals.h"
#include "compiler/codegen/cpu/host_functions.h"
#include "compiler/codegen/cpu/kernel_builder.h"
#include "compiler/codegen/cpu/module.h"
#include "compiler/codegen/cpu/network_builder.h"

namespace mlp::codegen {
namespace {

constexpr const char* triple = "x86_64-unknown-linux-gnu";
constexpr const char* baseline = "x86-64-v2";  // of functions that are not compiled per level

std::string machine_level() {
  switch (best_cpu_level()) {
    case CpuLevel::v4: return "x86-64-v4";
    case CpuLevel::v3: return "x86-64-v3";
    case CpuLevel::v2: break;
  }
  return "x86-64-v2";
}

std::unique_ptr<llvm::TargetMachine> target_machine(int optimize) {
  static const llvm::Target* const target = [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    std::string error;
    const llvm::Target* const found = llvm::TargetRegistry::lookupTarget(triple, error);
    if (!found) MLP_BUG(error);
    return found;
  }();
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  options.FunctionSections = true;
  return std::unique_ptr<llvm::TargetMachine>(
      target->createTargetMachine(triple, baseline, "", options, llvm::Reloc::PIC_, llvm::CodeModel::Small,
                                  optimize == 0 ? llvm::CodeGenOptLevel::None : llvm::CodeGenOptLevel::Default));
}

// A kernel or a function of a network, the level it is compiled for and the symbol it gets.
struct Wanted {
  const loop::Kernel* kernel;
  const loop::Function* function;
  std::string level, symbol;
};

// One compilation: builds, links the builtins in, optimises, and writes code.
class Compilation {
 public:
  // in_process: text functions are those of this program (host_functions.h).
  Compilation(const std::vector<Wanted>& wanted, const std::vector<loop::External>& externals, int optimize, bool in_process = false) : machine_(target_machine(optimize)), optimize_(optimize) {
    module_ = std::make_unique<llvm::Module>("millrace", context_);
    module_->setTargetTriple(triple);
    module_->setDataLayout(machine_->createDataLayout());
    module_->setPICLevel(llvm::PICLevel::BigPIC);
    link_externals(externals);
    build(wanted, in_process);
    codegen::optimize(*module_, *machine_, optimize_, false);
  }

  const llvm::Module& module() const { return *module_; }

  llvm::SmallVector<char, 0> write(llvm::CodeGenFileType type) { return codegen::write(*module_, *machine_, type); }

 private:
  // The C of a spec comes first, so that kernels find its functions. What it calls of the builtins is linked with theirs.
  void link_externals(const std::vector<loop::External>& externals) {
    for (const CFile& file : compile_externals(externals)) {
      if (!file.made.problems.empty()) MLP_BUG("C that was good does not compile: " + file.made.problems[0].message);
      std::unique_ptr<llvm::Module> module = must(llvm::parseBitcodeFile(llvm::MemoryBufferRef(file.made.bitcode, "c"), context_), "the bitcode of C");
      module->setTargetTriple(triple);
      module->setDataLayout(module_->getDataLayout());
      if (llvm::Linker::linkModules(*module_, std::move(module))) MLP_BUG("the C of the spec does not link");
    }
  }

  void build(const std::vector<Wanted>& wanted, bool in_process) {
    std::set<std::string> foreign;  // functions of C
    for (const llvm::Function& function : *module_)
      if (!function.isDeclaration()) foreign.insert(function.getName().str());
    std::unique_ptr<llvm::Module> builtins = parse_builtins(*module_);
    const AbiTypes abi(context_, module_->getDataLayout());
    for (const Wanted& w : wanted) {
      if (w.kernel) build_kernel(*w.kernel, w.symbol, w.level, abi, *builtins, in_process, *module_);
      else build_network(*w.function, w.symbol, w.level, abi, *builtins, *module_);
    }
    link_builtins(*module_, std::move(builtins), foreign);
  }

  llvm::LLVMContext context_;
  std::unique_ptr<llvm::TargetMachine> machine_;
  std::unique_ptr<llvm::Module> module_;
  int optimize_;
};

std::vector<Wanted> all_kernels(const loop::Module& module, const Options& options) {
  std::vector<Wanted> wanted;
  const std::string level = options.cpu.empty() ? machine_level() : options.cpu;
  for (const loop::Kernel& kernel : module.kernels) wanted.push_back({&kernel, nullptr, level, "mlp_" + kernel.name});
  for (const loop::Function& function : module.network) wanted.push_back({nullptr, &function, level, "mlp_network_" + function.name});
  return wanted;
}

class InProcess final : public Compiled {
 public:
  InProcess(const loop::Module& module, const Options& options) {
    Compilation compilation(all_kernels(module, options), module.externals, options.optimize, options.cpu.empty());
    llvm::orc::JITTargetMachineBuilder target{llvm::Triple(triple)};
    jit_ = must(llvm::orc::LLJITBuilder()
                    .setJITTargetMachineBuilder(std::move(target))
                    .setPlatformSetUp(llvm::orc::setUpInactivePlatform)
                    .create(),
                "LLJIT");
    // Large copies are the one thing that LLVM leaves to libc.
    llvm::orc::SymbolMap symbols;
    const auto add = [&](const char* name, auto* function) {
      symbols[jit_->mangleAndIntern(name)] = {llvm::orc::ExecutorAddr::fromPtr(function), llvm::JITSymbolFlags::Exported};
    };
    add("memcpy", static_cast<void* (*)(void*, const void*, std::size_t)>(std::memcpy));
    add("memmove", static_cast<void* (*)(void*, const void*, std::size_t)>(std::memmove));
    add("memset", static_cast<void* (*)(void*, int, std::size_t)>(std::memset));
    add("memcmp", static_cast<int (*)(const void*, const void*, std::size_t)>(std::memcmp));
    for (const auto& [name, function] : host_functions()) {
      symbols[jit_->mangleAndIntern(host_prefix + name)] = {llvm::orc::ExecutorAddr::fromPtr(function), llvm::JITSymbolFlags::Exported};
    }
    must(jit_->getMainJITDylib().define(llvm::orc::absoluteSymbols(std::move(symbols))), "symbols of this program");
    must(jit_->addObjectFile(std::make_unique<llvm::SmallVectorMemoryBuffer>(compilation.write(llvm::CodeGenFileType::ObjectFile), "kernels", false)),
         "the kernels");
    for (const loop::Kernel& kernel : module.kernels) {
      functions_.emplace_back(kernel.name, must(jit_->lookup("mlp_" + kernel.name), "a kernel").toPtr<mlp_kernel>());
    }
    for (const loop::Function& function : module.network) {
      const llvm::orc::ExecutorAddr at = must(jit_->lookup("mlp_network_" + function.name), "a function of a network");
      if (function.name == "update") update_ = at.toPtr<mlp_network_update>();
      else networks_.emplace_back(function.name, at.toPtr<mlp_network>());
    }
  }
  mlp_kernel find(std::string_view kernel) const override {
    for (const auto& [name, function] : functions_) {
      if (name == kernel) return function;
    }
    return nullptr;
  }
  mlp_network find_network(std::string_view function) const override {
    for (const auto& [name, at] : networks_) {
      if (name == function) return at;
    }
    return nullptr;
  }
  mlp_network_update find_update() const override { return update_; }

 private:
  std::unique_ptr<llvm::orc::LLJIT> jit_;
  std::vector<std::pair<std::string, mlp_kernel>> functions_;
  std::vector<std::pair<std::string, mlp_network>> networks_;
  mlp_network_update update_ = nullptr;
};

}  // namespace

std::unique_ptr<Compiled> compile(const loop::Module& module, const Options& options) {
  return std::make_unique<InProcess>(module, options);
}

std::string object(const loop::Module& module, const std::vector<std::string>& kernels, const Options& options) {
  std::vector<Wanted> wanted;
  for (const std::string& name : kernels) {
    const loop::Kernel* const kernel = module.find(name);
    if (!kernel) MLP_BUG("there is no kernel `" + name + "`");
    for (const char* level : {"v2", "v3", "v4"}) wanted.push_back({kernel, nullptr, std::string("x86-64-") + level, "mlp_" + name + "_" + level});
  }
  for (const loop::Function& function : module.network) {
    if (function.name != "score") continue;
    for (const char* level : {"v2", "v3", "v4"}) wanted.push_back({nullptr, &function, std::string("x86-64-") + level, "mlp_network_score_" + std::string(level)});
  }
  Compilation compilation(wanted, module.externals, options.optimize);
  const auto bytes = compilation.write(llvm::CodeGenFileType::ObjectFile);
  return {bytes.data(), bytes.size()};
}

std::string print_llvm(const loop::Module& module, const Options& options) {
  const Compilation compilation(all_kernels(module, options), module.externals, options.optimize);
  std::string text;
  llvm::raw_string_ostream out(text);
  compilation.module().print(out, nullptr);
  return text;
}

std::string print_asm(const loop::Module& module, const Options& options) {
  Compilation compilation(all_kernels(module, options), module.externals, options.optimize);
  const auto bytes = compilation.write(llvm::CodeGenFileType::AssemblyFile);
  return {bytes.data(), bytes.size()};
}

}  // namespace mlp::codegen
