#include "compiler/codegen/gpu/gpu.h"

#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/IR/IntrinsicsNVPTX.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/SmallVectorMemoryBuffer.h>
#include <llvm/Support/TargetSelect.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "compiler/codegen/cpu/abi_types.h"
#include "compiler/codegen/cpu/module.h"
#include "compiler/codegen/gpu/division.h"
#include "compiler/codegen/gpu/features.h"
#include "compiler/codegen/gpu/halves.h"
#include "compiler/codegen/gpu/launches.h"
#include "compiler/codegen/gpu/steps.h"

namespace mlp::codegen {
namespace {

using llvm::BasicBlock;
using llvm::Value;

constexpr unsigned global_memory = 1, shared_memory = 3;  // address spaces of NVPTX
constexpr std::int64_t threads = launch_threads;          // of a block

struct Architecture {
  int number;
  const char *cpu, *features;
};
constexpr Architecture architectures[] = {{90, "sm_90", "+ptx78"}, {80, "sm_80", "+ptx70"}, {75, "sm_75", "+ptx63"}};

std::unique_ptr<llvm::TargetMachine> machine_for(const char* triple, const char* cpu, const char* features) {
  std::string error;
  const llvm::Target* const target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target) MLP_BUG(error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(triple, cpu, features, options, llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Default));
}
std::unique_ptr<llvm::TargetMachine> device_machine(int architecture) {
  static const bool ready = [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    return true;
  }();
  static_cast<void>(ready);
  for (const Architecture& a : architectures)
    if (a.number <= architecture) return machine_for("nvptx64-nvidia-cuda", a.cpu, a.features);
  MLP_BUG("no code for compute capability " + std::to_string(architecture));
}
std::unique_ptr<llvm::TargetMachine> host_machine() {
  static const bool ready = [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    return true;
  }();
  static_cast<void>(ready);
  return machine_for("x86_64-unknown-linux-gnu", "x86-64-v2", "");
}

// A new function of the frame, whose entry is open for addresses of buffers.
llvm::Function* begin(NetworkFrame& frame, const std::string& name, std::vector<llvm::Type*> parameters) {
  llvm::IRBuilder<>& b = frame.b;
  llvm::Function* const function = llvm::Function::Create(llvm::FunctionType::get(b.getVoidTy(), parameters, false), llvm::Function::ExternalLinkage, name, frame.module);
  function->addFnAttr(llvm::Attribute::NoUnwind);
  frame.self = function;
  frame.call = function->getArg(0);
  frame.number = function->getArg(1);
  frame.bases.assign(frame.function.buffers.size(), nullptr);
  BasicBlock* const entry = BasicBlock::Create(b.getContext(), "entry", function);
  b.SetInsertPoint(entry);
  BasicBlock* const body = BasicBlock::Create(b.getContext(), "body", function);
  b.CreateBr(body);
  b.SetInsertPoint(entry->getTerminator());
  if (!frame.function.name.empty()) {
    frame.rows = frame.field(frame.update ? static_cast<unsigned>(mlp_update_call_field::count) : static_cast<unsigned>(mlp_network_call_field::rows), b.getInt64Ty());
    frame.scratch = frame.update ? nullptr : frame.field(mlp_network_call_field::scratch, frame.pointer());
  }
  b.SetInsertPoint(body);
  return function;
}

class DeviceWriter final : public KernelWriter {
 public:
  void write(NetworkFrame& frame, const std::string& name, std::int64_t floats, const Part& before, const Part& after) override {
    llvm::IRBuilder<>& b = frame.b;
    llvm::LLVMContext& context = b.getContext();
    llvm::Function* const kernel = begin(frame, name, {frame.pointer(), b.getInt64Ty()});
    kernel->setCallingConv(llvm::CallingConv::PTX_Kernel);
    const auto note = [&](const char* what, int value) {
      frame.module.getOrInsertNamedMetadata("nvvm.annotations")
          ->addOperand(llvm::MDNode::get(context, {llvm::ValueAsMetadata::get(kernel), llvm::MDString::get(context, what), llvm::ConstantAsMetadata::get(b.getInt32(static_cast<unsigned>(value)))}));
    };
    note("kernel", 1);
    note("maxntidx", threads);
    Value* const block = b.CreateIntrinsic(b.getInt32Ty(), llvm::Intrinsic::nvvm_read_ptx_sreg_ctaid_x, {});
    Value* const thread = b.CreateIntrinsic(b.getInt32Ty(), llvm::Intrinsic::nvvm_read_ptx_sreg_tid_x, {});
    Value* shared = nullptr;
    if (floats > 0) {
      llvm::Type* const type = llvm::ArrayType::get(b.getFloatTy(), static_cast<std::uint64_t>(floats));
      auto* const memory = new llvm::GlobalVariable(frame.module, type, false, llvm::GlobalValue::InternalLinkage, llvm::UndefValue::get(type), name + "_shared", nullptr,
                                                    llvm::GlobalValue::NotThreadLocal, shared_memory);
      memory->setAlignment(llvm::Align(16));
      shared = memory;
    }
    before(block, thread, shared);
    if (after) {
      b.CreateIntrinsic(b.getVoidTy(), llvm::Intrinsic::nvvm_barrier0, {});
      after(block, thread, shared);
    }
    b.CreateRetVoid();
  }
};

class HostWriter final : public KernelWriter {
 public:
  void write(NetworkFrame& frame, const std::string& name, std::int64_t floats, const Part& before, const Part& after) override {
    llvm::IRBuilder<>& b = frame.b;
    llvm::Function* const kernel = begin(frame, name, {frame.pointer(), b.getInt64Ty(), b.getInt64Ty()});
    Value* shared = nullptr;
    if (floats > 0) {
      llvm::IRBuilder<>::InsertPointGuard guard(b);
      b.SetInsertPoint(&kernel->getEntryBlock(), kernel->getEntryBlock().begin());
      llvm::AllocaInst* const memory = b.CreateAlloca(llvm::ArrayType::get(b.getFloatTy(), static_cast<std::uint64_t>(floats)));
      memory->setAlignment(llvm::Align(16));
      shared = memory;
    }
    frame.repeat(kernel->getArg(2), [&](Value* block) {
      for (const Part* part : {&before, &after})
        if (*part)
          frame.repeat(b.getInt64(threads), [&](Value* thread) { (*part)(b.CreateTrunc(block, b.getInt32Ty()), b.CreateTrunc(thread, b.getInt32Ty()), shared); });
    });
    b.CreateRetVoid();
  }
};

class Compilation {
 public:
  Compilation(const loop::Module& loops, std::unique_ptr<llvm::TargetMachine> machine, KernelWriter& writer, unsigned space) : machine_(std::move(machine)) {
    module_ = std::make_unique<llvm::Module>("millrace", context_);
    module_->setTargetTriple(machine_->getTargetTriple().str());
    module_->setDataLayout(machine_->createDataLayout());
    std::unique_ptr<llvm::Module> builtins = parse_builtins(*module_);
    const AbiTypes abi(context_, module_->getDataLayout());
    llvm::IRBuilder<> b(context_);
    const auto frame = [&](const loop::Function& function) {
      NetworkFrame made{function, abi, *builtins, *module_, b};
      made.update = function.name == "update";
      made.space = space;
      return made;
    };
    for (const loop::Function& function : loops.network) {
      NetworkFrame made = frame(function);
      code_.functions.push_back(build_launches(made, writer));
    }
    if (code_.find("train")) {
      const loop::Function none;
      NetworkFrame made = frame(none);
      build_steps(made, writer);
    }
    const loop::Function none;
    for (const loop::Kernel& kernel : loops.kernels) {
      const loop::Kernel part = with_outputs(kernel, device_outputs(loops, kernel));
      if (part.outputs.empty()) continue;
      NetworkFrame made = frame(none);
      build_rows(made, part, writer);
    }
    link_builtins(*module_, std::move(builtins), {});
    give_bodies(*module_);
    optimize(*module_, *machine_, 3, true);
    by_halves(*module_);
  }
  DeviceCode& code() { return code_; }
  llvm::SmallVector<char, 0> write(llvm::CodeGenFileType type) { return codegen::write(*module_, *machine_, type); }

 private:
  llvm::LLVMContext context_;
  std::unique_ptr<llvm::TargetMachine> machine_;
  std::unique_ptr<llvm::Module> module_;
  DeviceCode code_;
};

class InProcess final : public HostKernels {
 public:
  explicit InProcess(const loop::Module& module) {
    HostWriter writer;
    Compilation compilation(module, host_machine(), writer, 0);
    code_ = compilation.code();
    jit_ = must(llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(llvm::orc::JITTargetMachineBuilder{llvm::Triple("x86_64-unknown-linux-gnu")}).setPlatformSetUp(llvm::orc::setUpInactivePlatform).create(), "LLJIT");
    llvm::orc::SymbolMap symbols;
    const auto add = [&](const char* name, auto* function) {
      symbols[jit_->mangleAndIntern(name)] = {llvm::orc::ExecutorAddr::fromPtr(function), llvm::JITSymbolFlags::Exported};
    };
    add("memcpy", static_cast<void* (*)(void*, const void*, std::size_t)>(std::memcpy));
    add("fma", static_cast<double (*)(double, double, double)>(std::fma));
    add("memset", static_cast<void* (*)(void*, int, std::size_t)>(std::memset));
    must(jit_->getMainJITDylib().define(llvm::orc::absoluteSymbols(std::move(symbols))), "symbols of this program");
    must(jit_->addObjectFile(std::make_unique<llvm::SmallVectorMemoryBuffer>(compilation.write(llvm::CodeGenFileType::ObjectFile), "kernels", false)), "the kernels");
  }
  const DeviceCode& code() const override { return code_; }
  HostKernel find(const std::string& kernel) const override {
    llvm::Expected<llvm::orc::ExecutorAddr> at = jit_->lookup(kernel);
    if (at) return at->toPtr<HostKernel>();
    llvm::consumeError(at.takeError());
    return nullptr;
  }

 private:
  DeviceCode code_;
  std::unique_ptr<llvm::orc::LLJIT> jit_;
};

}  // namespace

namespace {

DeviceCode code_of(const loop::Module& module, int architecture) {
  DeviceWriter writer;
  Compilation compilation(module, device_machine(architecture), writer, global_memory);
  DeviceCode code = compilation.code();
  const auto text = compilation.write(llvm::CodeGenFileType::AssemblyFile);
  code.text.assign(text.data(), text.size());
  return code;
}

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

std::unique_ptr<HostKernels> compile_for_host(const loop::Module& module) { return std::make_unique<InProcess>(module); }

}  // namespace mlp::codegen
