#include "compiler/codegen/gpu/features.h"

#include "compiler/codegen/cpu/kernel_builder.h"
#include "compiler/codegen/gpu/gpu.h"

namespace mlp::codegen {

using llvm::Value;

std::string refused_by_device(const loop::Kernel& kernel) {
  for (const loop::Output& output : kernel.outputs) {
    std::vector<char> needed(kernel.body.size(), 0);
    needed[static_cast<std::size_t>(output.value.index)] = 1;
    bool texts = output.present.known();
    for (std::size_t i = kernel.body.size(); i-- > 0;) {
      if (!needed[i]) continue;
      const loop::Instr& instr = kernel.body[i];
      texts |= instr.kind == loop::Kind::string || instr.kind == loop::Kind::bag;
      for (const loop::ValueId arg : instr.args) needed[static_cast<std::size_t>(arg.index)] = 1;
    }
    if (texts) return output.name;
  }
  return {};
}

void build_rows(NetworkFrame& frame, const loop::Kernel& kernel, KernelWriter& writer) {
  llvm::IRBuilder<>& b = frame.b;
  constexpr std::int64_t threads = 256, each = device_rows / threads;
  std::vector<std::int64_t> rows;                  // of a thread, neighbours of those of the threads beside it
  for (std::int64_t i = 0; i < each; ++i) rows.push_back(i * threads);
  const std::vector<KernelPart> parts = build_parts(kernel, "mlp_" + kernel.name + "_part", rows, frame.space, frame.abi, frame.builtins, frame.module);
  // Nothing that a kernel reads is written while it runs: so what comes later may be read early.
  for (const KernelPart& part : parts)
    for (llvm::Function* const function : {part.one, part.all}) {
      function->addFnAttr(llvm::Attribute::AlwaysInline);
      for (llvm::BasicBlock& block : *function)
        for (llvm::Instruction& instruction : block)
          if (auto* const load = llvm::dyn_cast<llvm::LoadInst>(&instruction)) frame.fixed(load);
    }
  writer.write(
      frame, "mlp_" + kernel.name, 0,
      [&](Value* block, Value* thread, Value*) {
        const llvm::DataLayout& layout = frame.module.getDataLayout();
        const auto behind = [&](std::uint64_t bytes) { return b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), frame.call, bytes); };
        const std::uint64_t batch = layout.getTypeAllocSize(frame.abi.mlp_batch), fitted = layout.getTypeAllocSize(frame.abi.mlp_fitted);
        Value* const outputs = frame.fixed(b.CreateLoad(frame.pointer(), behind(batch + fitted)));
        Value* const first = b.CreateAdd(b.CreateMul(b.CreateZExt(block, b.getInt64Ty()), b.getInt64(device_rows)), b.CreateZExt(thread, b.getInt64Ty()));
        const auto call = [&](llvm::Function* function, Value* at, Value* indexes) { b.CreateCall(function, {frame.call, behind(batch), outputs, at, b.getInt64(1), indexes}); };
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
        // Whole blocks take all rows of a thread at once.
        Value* const end = b.CreateMul(b.CreateAdd(b.CreateZExt(block, b.getInt64Ty()), b.getInt64(1)), b.getInt64(device_rows));
        frame.when(
            b.CreateICmpULE(end, frame.number),
            [&] { every_part([&](const KernelPart& part, Value* indexes) { call(part.all, first, indexes); }); },
            [&] {
              every_part([&](const KernelPart& part, Value* indexes) {
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
