#include "compiler/codegen/cpu/row_product.h"

#include <algorithm>

namespace mlp::codegen {

using llvm::Type;
using llvm::Value;

bool is_row_product(const loop::Function& function, const loop::Step& step) {
  constexpr std::int64_t most_columns = 256, most_numbers = 1 << 14;  // more take longer than the call
  return function.name == "score" && step.kind == loop::StepKind::product && step.loops.empty() && !step.rounds && !step.add && !step.alone && step.m == loop::Extent{1, true} && !step.n.rows && !step.k.rows &&
         step.b.strides[1] == 1 && step.n.count <= most_columns && step.n.count * step.k.count <= most_numbers;
}

void build_row_product(NetworkFrame& f, const loop::Step& step, std::int64_t registers, Value* a, Value* b, Value* c) {
  constexpr std::int64_t unrolled = 4, wide = lanes;
  llvm::IRBuilder<>& builder = f.b;
  Type *const real = builder.getFloatTy(), *const vector = llvm::FixedVectorType::get(real, lanes);
  const llvm::Align align(4);
  const auto i64 = [&](std::int64_t v) { return builder.getInt64(static_cast<std::uint64_t>(v)); };
  const auto behind = [&](Value* from, Value* floats) { return builder.CreateInBoundsGEP(real, from, floats); };
  struct Part {                          // of the columns; mask: of those that are there, null where all are
    Value *first, *mask;
    llvm::AllocaInst* sum;
  };
  for (std::int64_t first = 0; first < step.n.count; first += registers * wide) {
    std::vector<Part> parts;
    for (std::int64_t at = first; at < std::min(step.n.count, first + registers * wide); at += wide) {
      llvm::Constant* mask = nullptr;
      if (at + wide > step.n.count) {
        std::vector<llvm::Constant*> there;
        for (std::int64_t lane = 0; lane < wide; ++lane) there.push_back(builder.getInt1(at + lane < step.n.count));
        mask = llvm::ConstantVector::get(there);
      }
      llvm::IRBuilder<>::InsertPointGuard guard(builder);
      builder.SetInsertPoint(&f.self->getEntryBlock(), f.self->getEntryBlock().begin());
      parts.push_back({i64(at), mask, builder.CreateAlloca(vector)});
    }
    Value* const zeros = llvm::Constant::getNullValue(vector);
    for (const Part& part : parts) builder.CreateStore(zeros, part.sum);
    const auto one = [&](Value* p) {
      Value* const left = builder.CreateVectorSplat(lanes, builder.CreateLoad(real, behind(a, builder.CreateMul(p, i64(step.a.strides[1])))));
      Value* const row = behind(b, builder.CreateMul(p, i64(step.b.strides[0])));
      for (const Part& part : parts) {
        Value* const at = behind(row, part.first);
        Value* const right = part.mask ? static_cast<Value*>(builder.CreateMaskedLoad(vector, at, align, part.mask, zeros)) : builder.CreateAlignedLoad(vector, at, align);
        builder.CreateStore(builder.CreateIntrinsic(llvm::Intrinsic::fma, {vector}, {left, right, builder.CreateLoad(vector, part.sum)}), part.sum);
      }
    };
    const std::int64_t whole = step.k.count / unrolled;
    f.repeat(i64(whole), [&](Value* i) {
      for (std::int64_t u = 0; u < unrolled; ++u) one(builder.CreateAdd(builder.CreateMul(i, i64(unrolled)), i64(u)));
    });
    for (std::int64_t p = whole * unrolled; p < step.k.count; ++p) one(i64(p));
    for (const Part& part : parts) {
      Value *const sum = builder.CreateLoad(vector, part.sum), *const to = behind(c, part.first);
      if (part.mask) builder.CreateMaskedStore(sum, to, align, part.mask);
      else builder.CreateAlignedStore(sum, to, align);
    }
  }
}

}  // namespace mlp::codegen
