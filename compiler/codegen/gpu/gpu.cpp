#include "compiler/codegen/gpu/gpu.h"

#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/TargetSelect.h>

#include <algorithm>

#include "compiler/codegen/cpu/abi_types.h"
#include "compiler/codegen/cpu/module.h"
#include "compiler/codegen/gpu/division.h"
#include "compiler/codegen/gpu/entry.h"
#include "compiler/codegen/gpu/features.h"
#include "compiler/codegen/gpu/halves.h"
#include "compiler/codegen/gpu/launches.h"
#include "compiler/codegen/gpu/steps.h"

namespace mlp::codegen {
namespace {

struct Architecture {
  int number;
  const char *cpu, *features;
};
constexpr Architecture architectures[] = {{90, "sm_90", "+ptx78"}, {80, "sm_80", "+ptx70"}, {75, "sm_75", "+ptx63"}};

std::unique_ptr<llvm::TargetMachine> machine_for(int architecture) {
  static const bool ready = [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    return true;
  }();
  static_cast<void>(ready);
  const char* const triple = "nvptx64-nvidia-cuda";
  std::string error;
  const llvm::Target* const target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target) MLP_BUG(error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  for (const Architecture& a : architectures)
    if (a.number <= architecture)
      return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(triple, a.cpu, a.features, options, llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Default));
  MLP_BUG("no code for compute capability " + std::to_string(architecture));
}

class Compilation {
 public:
  Compilation(const loop::Module& loops, std::unique_ptr<llvm::TargetMachine> machine) : machine_(std::move(machine)) {
    module_ = std::make_unique<llvm::Module>("millrace", context_);
    module_->setTargetTriple(machine_->getTargetTriple().str());
    module_->setDataLayout(machine_->createDataLayout());
    std::unique_ptr<llvm::Module> builtins = parse_builtins(*module_);
    const AbiTypes abi(context_, module_->getDataLayout());
    llvm::IRBuilder<> b(context_);
    const auto frame = [&](const loop::Function& function) {
      NetworkFrame made{function, abi, *builtins, *module_, b};
      made.update = function.name == "update";
      made.space = global_memory;
      return made;
    };
    for (const loop::Function& function : loops.network) {
      NetworkFrame made = frame(function);
      code_.functions.push_back(build_launches(made));
    }
    if (code_.find("train")) {
      const loop::Function none;
      NetworkFrame made = frame(none);
      build_steps(made);
    }
    const loop::Function none;
    for (const loop::Kernel& kernel : loops.kernels) {
      const loop::Kernel part = with_outputs(kernel, device_outputs(loops, kernel));
      if (part.outputs.empty()) continue;
      NetworkFrame made = frame(none);
      build_rows(made, part);
    }
    link_builtins(*module_, std::move(builtins), {});
    give_bodies(*module_);
    optimize(*module_, *machine_, 3, true);
    by_halves(*module_);
  }
  DeviceCode code() && {
    const auto text = write(*module_, *machine_, llvm::CodeGenFileType::AssemblyFile);
    code_.text.assign(text.data(), text.size());
    return std::move(code_);
  }

 private:
  llvm::LLVMContext context_;
  std::unique_ptr<llvm::TargetMachine> machine_;
  std::unique_ptr<llvm::Module> module_;
  DeviceCode code_;
};

DeviceCode code_of(const loop::Module& module, int architecture) { return Compilation(module, machine_for(architecture)).code(); }

}  // namespace

DeviceCode device_code(const loop::Module& module, int architecture) {
  loop::Module network;
  network.network = module.network;
  return code_of(network, architecture);
}

DeviceRows device_rows(const loop::Module& module, const std::string& kernel, int architecture) {
  const loop::Kernel* const whole = module.find(kernel);
  if (!whole) MLP_BUG("there is no kernel `" + kernel + "`");
  DeviceRows rows;
  rows.outputs = device_outputs(module, *whole);
  if (rows.outputs.empty()) return rows;
  rows.columns = columns_read(with_outputs(*whole, rows.outputs));
  loop::Module alone;
  alone.externals = module.externals;
  alone.kernels.push_back(*whole);
  rows.text = code_of(alone, architecture).text;
  return rows;
}

loop::Module host_rest(const loop::Module& module, const std::string& kernel, const DeviceRows& there, const std::string& name) {
  const loop::Kernel& whole = *module.find(kernel);
  std::vector<std::int32_t> left;
  for (std::int32_t o = 0; o < static_cast<std::int32_t>(whole.outputs.size()); ++o)
    if (!std::binary_search(there.outputs.begin(), there.outputs.end(), o)) left.push_back(o);
  loop::Module rest;
  if (left.empty() || there.outputs.empty()) return rest;
  rest.externals = module.externals;
  rest.kernels.push_back(with_outputs(whole, left));
  rest.kernels.back().name = name;
  return rest;
}

}  // namespace mlp::codegen
