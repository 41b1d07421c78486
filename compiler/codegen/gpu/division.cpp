#include "compiler/codegen/gpu/division.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicsNVPTX.h>
#include <llvm/TargetParser/Triple.h>

#include <vector>

namespace mlp::codegen {
namespace {

using llvm::Value;

struct Quotient {
  Value *exact, *rough;                            // by the remainder; a / b of a that is 0 or NaN
};

Quotient divide(llvm::IRBuilder<>& b, Value* a, Value* by) {
  const auto fma = [&](Value* x, Value* y, Value* z) -> Value* { return b.CreateIntrinsic(b.getDoubleTy(), llvm::Intrinsic::fma, {x, y, z}); };
  Value *const one = llvm::ConstantFP::get(b.getDoubleTy(), 1), *const negated = b.CreateFNeg(by);
  // The host, where the same kernels are tested, has no estimate.
  const bool device = llvm::Triple(b.GetInsertBlock()->getModule()->getTargetTriple()).isNVPTX();
  Value* inverse = device ? b.CreateIntrinsic(b.getDoubleTy(), llvm::Intrinsic::nvvm_rcp_approx_ftz_d, {by}) : b.CreateFDiv(one, by);
  Value* const off = fma(negated, inverse, one);
  inverse = fma(inverse, fma(off, off, off), inverse);
  inverse = fma(inverse, fma(negated, inverse, one), inverse);
  Value* const rough = b.CreateFMul(a, inverse);
  return {fma(inverse, fma(negated, rough, a), rough), rough};
}

// 2^-500 <= |v| < 2^500
Value* in_range(llvm::IRBuilder<>& b, Value* v) {
  constexpr std::uint64_t least = std::uint64_t{1023 - 500} << 20, end = std::uint64_t{1023 + 500} << 20;   // of the upper halves
  Value* const upper = b.CreateTrunc(b.CreateLShr(b.CreateBitCast(v, b.getInt64Ty()), 32), b.getInt32Ty());
  Value* const size = b.CreateAnd(upper, b.getInt32(0x7fffffff));
  return b.CreateICmpULT(b.CreateSub(size, b.getInt32(least)), b.getInt32(end - least));
}

}  // namespace

void divide_quotients(llvm::Module& module) {
  llvm::Function* const function = module.getFunction("mlp_quotient");
  if (!function) return;
  function->deleteBody();
  function->setLinkage(llvm::GlobalValue::InternalLinkage);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(module.getContext(), "entry", function));
  b.CreateRet(divide(b, function->getArg(0), function->getArg(1)).exact);
}

llvm::Function* with_divisions_in_range(llvm::Function* function) {
  llvm::LLVMContext& context = function->getContext();
  llvm::Type* const boolean = llvm::Type::getInt1Ty(context);
  llvm::Function* const out = llvm::Function::Create(llvm::FunctionType::get(boolean, function->getFunctionType()->params(), false), function->getLinkage(), function->getName() + "_in_range", function->getParent());
  out->copyAttributesFrom(function);
  out->splice(out->begin(), function);
  for (unsigned i = 0; i < out->arg_size(); ++i) function->getArg(i)->replaceAllUsesWith(out->getArg(i));
  function->eraseFromParent();

  llvm::IRBuilder<> b(context);
  b.SetInsertPoint(&out->getEntryBlock(), out->getEntryBlock().begin());
  llvm::AllocaInst* const all = b.CreateAlloca(boolean);
  b.CreateStore(b.getTrue(), all);
  std::vector<llvm::Instruction*> divisions, ends;
  for (llvm::BasicBlock& block : *out)
    for (llvm::Instruction& instruction : block) {
      if (instruction.getOpcode() == llvm::Instruction::FDiv && instruction.getType()->isDoubleTy()) divisions.push_back(&instruction);
      if (llvm::isa<llvm::ReturnInst>(instruction)) ends.push_back(&instruction);
    }
  for (llvm::Instruction* const division : divisions) {
    b.SetInsertPoint(division);
    Value *const a = division->getOperand(0), *const by = division->getOperand(1);
    const Quotient quotient = divide(b, a, by);
    Value* const nothing = b.CreateFCmpUEQ(a, llvm::ConstantFP::get(b.getDoubleTy(), 0));   // or NaN
    division->replaceAllUsesWith(b.CreateSelect(nothing, quotient.rough, quotient.exact));
    Value* const good = b.CreateAnd(b.CreateOr(in_range(b, a), nothing), in_range(b, by));
    b.CreateStore(b.CreateAnd(b.CreateLoad(boolean, all), good), all);
    division->eraseFromParent();
  }
  for (llvm::Instruction* const end : ends) {
    b.SetInsertPoint(end);
    b.CreateRet(b.CreateLoad(boolean, all));
    end->eraseFromParent();
  }
  return out;
}

}  // namespace mlp::codegen
