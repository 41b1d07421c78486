#include "compiler/codegen/gpu/features.h"

#include <algorithm>
#include <set>

#include "compiler/codegen/cpu/kernel_builder.h"
#include "compiler/codegen/gpu/division.h"
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

void build_rows(NetworkFrame& frame, const loop::Kernel& kernel, KernelWriter& writer) {
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
  for (KernelPart& part : parts) part.all = with_divisions_in_range(part.all);
  writer.write(
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
                         [&](Value* i) { of(part, b.CreateInBoundsGEP(b.getInt64Ty(), part.indexes, b.CreateMul(i, b.getInt64(static_cast<std::uint64_t>(part.width))))); });
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
      },
      nullptr);
}

}  // namespace mlp::codegen
