#include "compiler/codegen/gpu/entry.h"

#include <llvm/IR/IntrinsicsNVPTX.h>

#include "base/launch_threads.h"

namespace mlp::codegen {
namespace {

using llvm::BasicBlock;
using llvm::Value;

// A new function of the frame, whose first block is open for addresses of buffers.
llvm::Function* begin(NetworkFrame& frame, const std::string& name) {
  llvm::IRBuilder<>& b = frame.b;
  llvm::Function* const function = llvm::Function::Create(llvm::FunctionType::get(b.getVoidTy(), {frame.pointer(), b.getInt64Ty()}, false), llvm::Function::ExternalLinkage, name, frame.module);
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

}  // namespace

void write_entry(NetworkFrame& frame, const std::string& name, std::int64_t floats, const ThreadPart& before, const ThreadPart& after) {
  llvm::IRBuilder<>& b = frame.b;
  llvm::LLVMContext& context = b.getContext();
  llvm::Function* const kernel = begin(frame, name);
  kernel->setCallingConv(llvm::CallingConv::PTX_Kernel);
  const auto note = [&](const char* what, int value) {
    frame.module.getOrInsertNamedMetadata("nvvm.annotations")
        ->addOperand(llvm::MDNode::get(context, {llvm::ValueAsMetadata::get(kernel), llvm::MDString::get(context, what), llvm::ConstantAsMetadata::get(b.getInt32(static_cast<unsigned>(value)))}));
  };
  note("kernel", 1);
  note("maxntidx", launch_threads);
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

}  // namespace mlp::codegen
