#include "compiler/codegen/gpu/features.h"

#include <llvm/IR/IntrinsicsNVPTX.h>
#include <llvm/TargetParser/Triple.h>

#include <algorithm>
#include <functional>
#include <set>
#include <vector>

#include "compiler/codegen/cpu/kernel_builder.h"
#include "compiler/codegen/gpu/division.h"
#include "compiler/codegen/gpu/entry.h"
#include "compiler/codegen/gpu/gpu.h"

namespace mlp::codegen {

using llvm::Value;

namespace {

// By instruction, whether these outputs need it.
std::vector<char> needed_by(const loop::Kernel& kernel, const std::vector<loop::Output>& outputs) {
  std::vector<char> needed(kernel.body.size(), 0);
  for (const loop::Output& output : outputs) {
    needed[static_cast<std::size_t>(output.value.index)] = 1;
    if (output.present.known()) needed[static_cast<std::size_t>(output.present.index)] = 1;
  }
  for (std::size_t i = needed.size(); i-- > 0;)
    if (needed[i])
      for (const loop::ValueId arg : kernel.body[i].args) needed[static_cast<std::size_t>(arg.index)] = 1;
  return needed;
}

// Moves what is read from memory, and the addresses of it, to the begin of its block: a thread waits once for all of its rows. ptxas would move it back to where
// it is used, but for a barrier of the warp behind it, and for what it does not know to never change. Parts have no branch on data, so all threads of a warp meet there.
void read_first(llvm::BasicBlock& block) {
  constexpr std::size_t most = 64;                 // numbers that registers have room for
  std::set<llvm::Instruction*> first;
  std::vector<llvm::Instruction*> numbers;
  const std::function<bool(Value*)> movable = [&](Value* value) {
    auto* const instruction = llvm::dyn_cast<llvm::Instruction>(value);
    if (!instruction || instruction->getParent() != &block || first.count(instruction)) return true;
    if (instruction->mayHaveSideEffects() || llvm::isa<llvm::PHINode>(instruction)) return false;
    if (instruction->mayReadFromMemory() && !instruction->hasMetadata(llvm::LLVMContext::MD_invariant_load)) return false;
    if (!std::all_of(instruction->op_begin(), instruction->op_end(), [&](const llvm::Use& use) { return movable(use.get()); })) return false;
    first.insert(instruction);
    return true;
  };
  for (llvm::Instruction& instruction : block)
    if (llvm::isa<llvm::LoadInst>(instruction) && movable(&instruction) && !instruction.getType()->isPointerTy()) numbers.push_back(&instruction);
  if (numbers.empty() || numbers.size() > most) return;
  std::vector<llvm::Instruction*> in_order;
  llvm::Instruction* rest = nullptr;               // the first that stays
  for (llvm::Instruction& instruction : block) {
    if (first.count(&instruction)) in_order.push_back(&instruction);
    else if (!rest && !llvm::isa<llvm::PHINode>(instruction)) rest = &instruction;
  }
  for (llvm::Instruction* const instruction : in_order) instruction->moveBefore(rest);
  for (llvm::Instruction* const number : numbers) number->setMetadata(llvm::LLVMContext::MD_invariant_load, nullptr);
  llvm::IRBuilder<> b(rest);
  if (llvm::Triple(block.getModule()->getTargetTriple()).isNVPTX()) b.CreateIntrinsic(b.getVoidTy(), llvm::Intrinsic::nvvm_bar_warp_sync, {b.getInt32(~0u)});
}

}  // namespace

std::vector<std::int32_t> device_outputs(const loop::Module& module, const loop::Kernel& kernel) {
  const auto for_the_cpu = [&](const loop::Instr& instr) {
    switch (instr.op) {
      case loop::Op::fitted_text: case loop::Op::table_code: case loop::Op::table_value: case loop::Op::table_size: case loop::Op::bag: case loop::Op::hash_bag: return true;
      default: break;
    }
    if (instr.kind == loop::Kind::string) return true;
    return instr.op == loop::Op::call && std::any_of(module.externals.begin(), module.externals.end(), [&](const loop::External& e) { return e.symbol == instr.text; });
  };
  const std::vector<std::int32_t> plain = loop::plain_columns(kernel);
  std::vector<std::int32_t> out;
  for (std::size_t o = 0; o < kernel.outputs.size(); ++o) {
    const loop::Output& output = kernel.outputs[o];
    if (plain[o] >= 0 || output.present.known() || kernel.body[static_cast<std::size_t>(output.value.index)].kind != loop::Kind::f64) continue;
    const std::vector<char> needed = needed_by(kernel, {output});
    bool here = false;
    for (std::size_t i = 0; i < needed.size() && !here; ++i) here = needed[i] && for_the_cpu(kernel.body[i]);
    if (!here) out.push_back(static_cast<std::int32_t>(o));
  }
  return out;
}

loop::Kernel with_outputs(const loop::Kernel& kernel, const std::vector<std::int32_t>& outputs) {
  loop::Kernel out{kernel.name, kernel.body, {}};
  for (const std::int32_t o : outputs) out.outputs.push_back(kernel.outputs[static_cast<std::size_t>(o)]);
  return out;
}

std::vector<std::int32_t> columns_read(const loop::Kernel& kernel) {
  const std::vector<char> needed = needed_by(kernel, kernel.outputs);
  std::set<std::int32_t> columns;
  for (std::size_t i = 0; i < needed.size(); ++i)
    if (const loop::Instr& instr = kernel.body[i]; needed[i] && (instr.op == loop::Op::load || instr.op == loop::Op::present)) columns.insert(static_cast<std::int32_t>(instr.integer));
  return {columns.begin(), columns.end()};
}

void build_rows(NetworkFrame& frame, const loop::Kernel& kernel) {
  llvm::IRBuilder<>& b = frame.b;
  constexpr std::int64_t threads = launch_threads, each = launch_rows / threads;
  std::vector<std::int64_t> rows;                  // of a thread, neighbours of those of the threads beside it
  for (std::int64_t i = 0; i < each; ++i) rows.push_back(i * threads);
  std::vector<KernelPart> parts = build_parts(kernel, "mlp_" + kernel.name + "_part", rows, frame.space, frame.abi, frame.builtins, frame.module);
  // Nothing that a kernel reads is written while it runs: so what comes later may be read early.
  for (const KernelPart& part : parts)
    for (llvm::Function* const function : {part.one, part.all}) {
      function->addFnAttr(llvm::Attribute::AlwaysInline);
      for (llvm::BasicBlock& block : *function)
        for (llvm::Instruction& instruction : block)
          if (auto* const load = llvm::dyn_cast<llvm::LoadInst>(&instruction)) frame.fixed(load);
    }
  for (KernelPart& part : parts) {
    for (llvm::BasicBlock& block : *part.all) read_first(block);
    part.all = with_divisions_in_range(part.all);
  }
  write_entry(
      frame, "mlp_" + kernel.name, 0,
      [&](Value* block, Value* thread, Value*) {
        const llvm::DataLayout& layout = frame.module.getDataLayout();
        const auto behind = [&](std::uint64_t bytes) { return b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), frame.call, bytes); };
        const std::uint64_t batch = layout.getTypeAllocSize(frame.abi.mlp_batch), fitted = layout.getTypeAllocSize(frame.abi.mlp_fitted);
        Value* const outputs = frame.fixed(b.CreateLoad(frame.pointer(), behind(batch + fitted)));
        Value* const first = b.CreateAdd(b.CreateMul(b.CreateZExt(block, b.getInt64Ty()), b.getInt64(launch_rows)), b.CreateZExt(thread, b.getInt64Ty()));
        const auto call = [&](llvm::Function* function, Value* at, Value* indexes) { return b.CreateCall(function, {frame.call, behind(batch), outputs, at, b.getInt64(1), indexes}); };
        llvm::IRBuilder<> entry(&frame.self->getEntryBlock(), frame.self->getEntryBlock().begin());
        llvm::AllocaInst* const done = entry.CreateAlloca(b.getInt1Ty());
        const auto every_part = [&](const std::function<void(const KernelPart&, Value*)>& of) {
          for (const KernelPart& part : parts) {
            if (!part.indexes) {
              of(part, llvm::ConstantPointerNull::get(llvm::cast<llvm::PointerType>(frame.pointer())));
              continue;
            }
            frame.repeat(b.getInt64(static_cast<std::uint64_t>(part.calls)),
                         [&](Value* i) { of(part, b.CreateInBoundsGEP(b.getInt32Ty(), part.indexes, b.CreateMul(i, b.getInt64(static_cast<std::uint64_t>(part.width))))); });
          }
        };
        // Whole blocks take all rows of a thread at once; again one by one where a division was out of range.
        Value* const end = b.CreateMul(b.CreateAdd(b.CreateZExt(block, b.getInt64Ty()), b.getInt64(1)), b.getInt64(launch_rows));
        Value* const whole = b.CreateICmpULE(end, frame.number);
        every_part([&](const KernelPart& part, Value* indexes) {
          b.CreateStore(b.getFalse(), done);
          frame.when(whole, [&] { b.CreateStore(call(part.all, first, indexes), done); });
          frame.when(b.CreateNot(b.CreateLoad(b.getInt1Ty(), done)), [&] {
            frame.repeat(b.getInt64(each), [&](Value* i) {
              Value* const at = b.CreateAdd(first, b.CreateMul(i, b.getInt64(threads)));
              frame.when(b.CreateICmpULT(at, frame.number), [&] { call(part.one, at, indexes); });
            });
          });
        });
      });
}

}  // namespace mlp::codegen
