#include "compiler/codegen/gpu/division.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicsNVPTX.h>
#include <llvm/IR/MDBuilder.h>
#include <llvm/IR/PatternMatch.h>

#include <functional>
#include <vector>

namespace mlp::codegen {
namespace {

using llvm::Value;
using namespace llvm::PatternMatch;

struct Quotient {
  Value *exact, *rough;                            // by the remainder; its sign, where exact is 0 and b is not above 0
};

Quotient divide(llvm::IRBuilder<>& b, Value* a, Value* by) {
  const auto fma = [&](Value* x, Value* y, Value* z) -> Value* { return b.CreateIntrinsic(b.getDoubleTy(), llvm::Intrinsic::fma, {x, y, z}); };
  Value *const one = llvm::ConstantFP::get(b.getDoubleTy(), 1), *const negated = b.CreateFNeg(by);
  Value* inverse = b.CreateIntrinsic(b.getDoubleTy(), llvm::Intrinsic::nvvm_rcp_approx_ftz_d, {by});
  Value* const off = fma(negated, inverse, one);
  inverse = fma(inverse, fma(off, off, off), inverse);
  inverse = fma(inverse, fma(negated, inverse, one), inverse);
  Value* const rough = b.CreateFMul(a, inverse);
  Value* const over = fma(by, rough, b.CreateFNeg(a));   // +0, never -0
  return {fma(b.CreateFNeg(over), inverse, rough), rough};
}

// 2^-500 <= |v| < 2^500; v, not its size, if it is to be above 0
Value* in_range(llvm::IRBuilder<>& b, Value* v, bool above) {
  constexpr std::uint64_t least = std::uint64_t{1023 - 500} << 20, end = std::uint64_t{1023 + 500} << 20;   // of the upper halves
  Value* const upper = b.CreateIntrinsic(b.getInt32Ty(), llvm::Intrinsic::nvvm_d2i_hi, {v});
  if (above) return b.CreateICmpULT(b.CreateSub(upper, b.getInt32(least)), b.getInt32(end - least));
  return b.CreateICmpULT(b.CreateSub(b.CreateShl(upper, 1), b.getInt32(2 * least)), b.getInt32(2 * (end - least)));   // without the sign
}

// `division` where its divisor is above 0, and something else elsewhere
llvm::SelectInst* guard_of(llvm::Instruction& division) {
  if (!division.hasOneUse()) return nullptr;
  auto* const select = llvm::dyn_cast<llvm::SelectInst>(division.user_back());
  llvm::FCmpInst::Predicate predicate;
  if (select && match(select, m_Select(m_FCmp(predicate, m_Specific(division.getOperand(1)), m_AnyZeroFP()), m_Specific(&division), m_Value())) && predicate == llvm::FCmpInst::FCMP_OGT) return select;
  return nullptr;
}

}  // namespace

void give_bodies(llvm::Module& module) {
  llvm::IRBuilder<> b(module.getContext());
  const auto body = [&](const char* name, const std::function<Value*(llvm::Function*)>& result) {
    llvm::Function* const function = module.getFunction(name);
    if (!function) return;
    function->deleteBody();
    function->setLinkage(llvm::GlobalValue::InternalLinkage);
    b.SetInsertPoint(llvm::BasicBlock::Create(module.getContext(), "entry", function));
    b.CreateRet(result(function));
  };
  body("mlp_quotient", [&](llvm::Function* f) { return divide(b, f->getArg(0), f->getArg(1)).exact; });
  body("mlp_plus_exact", [&](llvm::Function* f) { return b.CreateIntrinsic(b.getDoubleTy(), llvm::Intrinsic::fma, {f->getArg(1), f->getArg(2), f->getArg(0)}); });
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
  std::vector<llvm::Instruction*> divisions, ends;
  for (llvm::BasicBlock& block : *out)
    for (llvm::Instruction& instruction : block) {
      if (instruction.getOpcode() == llvm::Instruction::FDiv && instruction.getType()->isDoubleTy()) divisions.push_back(&instruction);
      if (llvm::isa<llvm::ReturnInst>(instruction)) ends.push_back(&instruction);
    }
  b.SetInsertPoint(&out->getEntryBlock(), out->getEntryBlock().begin());
  llvm::AllocaInst *const all = b.CreateAlloca(boolean), *const or_nothing = b.CreateAlloca(boolean);
  for (llvm::AllocaInst* const test : {all, or_nothing}) b.CreateStore(b.getTrue(), test);
  const auto also = [&](llvm::AllocaInst* test, Value* good) { b.CreateStore(b.CreateAnd(b.CreateLoad(boolean, test), good), test); };
  for (llvm::Instruction* const division : divisions) {
    b.SetInsertPoint(division);
    Value *const a = division->getOperand(0), *const by = division->getOperand(1);
    const Quotient quotient = divide(b, a, by);
    llvm::SelectInst* const guard = guard_of(*division);
    Value *const dividend = in_range(b, a, false), *const divisor = in_range(b, by, guard != nullptr);
    Value* const nothing = b.CreateFCmpUEQ(a, llvm::ConstantFP::get(b.getDoubleTy(), 0));   // or NaN
    also(all, b.CreateAnd(dividend, divisor));
    also(or_nothing, b.CreateAnd(b.CreateOr(dividend, nothing), divisor));
    division->replaceAllUsesWith(guard ? quotient.exact : b.CreateCopySign(quotient.exact, quotient.rough));
    if (guard) guard->replaceAllUsesWith(guard->getTrueValue());
    division->eraseFromParent();
  }
  // Most often no dividend is 0: that is asked only where a number was not in range.
  for (llvm::Instruction* const end : ends) {
    llvm::BasicBlock* const block = end->getParent();
    llvm::BasicBlock *const good = llvm::BasicBlock::Create(context, "good", out), *const rest = llvm::BasicBlock::Create(context, "rest", out);
    end->eraseFromParent();
    b.SetInsertPoint(block);
    b.CreateCondBr(b.CreateLoad(boolean, all), good, rest, llvm::MDBuilder(context).createLikelyBranchWeights());
    b.SetInsertPoint(good);
    b.CreateRet(b.getTrue());
    b.SetInsertPoint(rest);
    b.CreateRet(b.CreateLoad(boolean, or_nothing));
  }
  return out;
}

}  // namespace mlp::codegen
