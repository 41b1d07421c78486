#include "compiler/codegen/gpu/halves.h"

#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicsNVPTX.h>
#include <llvm/IR/PatternMatch.h>
#include <llvm/Transforms/Utils/Local.h>

#include <cmath>
#include <map>
#include <vector>

namespace mlp::codegen {
namespace {

using llvm::Value;
using namespace llvm::PatternMatch;

struct Halves {
  Value *low, *high;
};

class Splitting {
 public:
  explicit Splitting(llvm::Function& function)
      : layout_(function.getParent()->getDataLayout()), b_(function.getContext()) {
    std::vector<llvm::Instruction*> all;
    for (llvm::BasicBlock& block : function)
      for (llvm::Instruction& instruction : block) all.push_back(&instruction);
    for (llvm::Instruction* const instruction : all) {
      b_.SetInsertPoint(instruction);
      if (Value* const same = split(*instruction)) {
        instruction->replaceAllUsesWith(same);
        replaced_.push_back(instruction);
      }
    }
    for (llvm::Instruction* const instruction : replaced_) llvm::RecursivelyDeleteTriviallyDeadInstructions(instruction);
  }

 private:
  bool no_low(Value* v) { return llvm::computeKnownBits(v, layout_).countMinTrailingZeros() >= 32; }
  Halves halves(Value* v) {
    if (const auto known = joined_.find(v); known != joined_.end()) return known->second;
    Value* const low = no_low(v) ? b_.getInt32(0) : b_.CreateTrunc(v, b_.getInt32Ty());
    const llvm::APInt* bits;
    if (auto* const operation = llvm::dyn_cast<llvm::BinaryOperator>(v); operation && operation->isBitwiseLogicOp() && match(operation->getOperand(1), m_APInt(bits)))
      return {low, b_.CreateBinOp(operation->getOpcode(), halves(operation->getOperand(0)).high, b_.getInt32(static_cast<std::uint32_t>(bits->getZExtValue() >> 32)))};
    return {low, b_.CreateTrunc(b_.CreateLShr(v, 32), b_.getInt32Ty())};
  }
  Value* join(Halves of) {
    Value* const v = b_.CreateOr(b_.CreateShl(b_.CreateZExt(of.high, b_.getInt64Ty()), 32), b_.CreateZExt(of.low, b_.getInt64Ty()));
    joined_[v] = of;
    return v;
  }
  Halves positive(Value* v) {                      // |v|
    const Halves of = halves(bits(v));
    return {of.low, b_.CreateAnd(of.high, b_.getInt32(0x7fffffff))};
  }
  Value* number(Halves of) {
    return b_.CreateIntrinsic(b_.getDoubleTy(), llvm::Intrinsic::nvvm_lohi_i2d, {of.low, of.high});
  }
  Value* bits(Value* v) { return b_.CreateBitCast(v, b_.getInt64Ty()); }

  Value* split(llvm::Instruction& instruction) {
    Value *x, *y;
    llvm::ICmpInst::Predicate predicate;
    llvm::FCmpInst::Predicate compared;
    if (instruction.getType()->isIntegerTy(64)) {
      if (match(&instruction, m_Add(m_Value(x), m_Value(y))) && no_low(y)) return join({halves(x).low, b_.CreateAdd(halves(x).high, halves(y).high)});
      if (match(&instruction, m_Sub(m_Value(x), m_Value(y))) && no_low(y)) return join({halves(x).low, b_.CreateSub(halves(x).high, halves(y).high)});
      if (match(&instruction, m_And(m_Value(x), m_Value(y))) && no_low(y)) return join({b_.getInt32(0), b_.CreateAnd(halves(x).high, halves(y).high)});
      if (auto* const most = llvm::dyn_cast<llvm::MinMaxIntrinsic>(&instruction); most && no_low(most->getLHS()) && no_low(most->getRHS()))
        return join({b_.getInt32(0), b_.CreateBinaryIntrinsic(most->getIntrinsicID(), halves(most->getLHS()).high, halves(most->getRHS()).high)});
      if (match(&instruction, m_BitCast(m_FAbs(m_Value(x)))) && x->getType()->isDoubleTy()) return join(positive(x));
    }
    if (match(&instruction, m_ICmp(predicate, m_Value(x), m_Value(y))) && x->getType()->isIntegerTy(64) && no_low(y) && (predicate == llvm::ICmpInst::ICMP_SLT || predicate == llvm::ICmpInst::ICMP_ULT || predicate == llvm::ICmpInst::ICMP_SGE || predicate == llvm::ICmpInst::ICMP_UGE))
      return b_.CreateICmp(predicate, halves(x).high, halves(y).high);
    if (match(&instruction, m_FCmp(compared, m_FAbs(m_Value(x)), m_SpecificFP(HUGE_VAL))) && x->getType()->isDoubleTy() && (compared == llvm::FCmpInst::FCMP_OLT || compared == llvm::FCmpInst::FCMP_ONE))
      return b_.CreateICmpULT(positive(x).high, b_.getInt32(0x7ff00000));
    if (auto* const select = llvm::dyn_cast<llvm::SelectInst>(&instruction); select && select->getType()->isDoubleTy())
      for (const unsigned i : {1u, 2u})
        if (match(select->getOperand(i), m_FAbs(m_Value(x)))) select->setOperand(i, number(positive(x)));
    if (instruction.getType()->isDoubleTy() && match(&instruction, m_Intrinsic<llvm::Intrinsic::copysign>(m_Value(x), m_Value(y)))) {
      const Halves of = halves(bits(x));
      Value* const sign = halves(bits(y)).high;
      return number({of.low, b_.CreateXor(b_.CreateAnd(b_.CreateXor(of.high, sign), b_.getInt32(0x7fffffff)), sign)});   // one instruction, with one constant
    }
    return nullptr;
  }

  const llvm::DataLayout& layout_;
  llvm::IRBuilder<> b_;
  std::map<Value*, Halves> joined_;
  std::vector<llvm::Instruction*> replaced_;
};

}  // namespace

void by_halves(llvm::Module& module) {
  for (llvm::Function& function : module) Splitting{function};
}

}  // namespace mlp::codegen
