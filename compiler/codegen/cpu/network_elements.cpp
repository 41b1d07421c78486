#include "compiler/codegen/cpu/network_elements.h"

#include <algorithm>

#include "base/diagnostic.h"

namespace mlp::codegen {

using llvm::BasicBlock;
using llvm::Type;
using llvm::Value;
using loop::Element;
using loop::ElementId;
using loop::ElementOp;
using loop::Guard;
using loop::Place;

std::vector<Value*> NestElements::arguments(const Element& e, bool vector) {
  std::vector<Value*> out;
  for (const ElementId arg : e.args) out.push_back(vector ? splat(held(arg)) : held(arg));
  return out;
}

Value* NestElements::each_lane(const std::function<Value*(unsigned)>& make, Type* type) {
  Value* out = llvm::Constant::getNullValue(llvm::FixedVectorType::get(type, lanes));
  for (unsigned lane = 0; lane < active_; ++lane) out = b_.CreateInsertElement(out, make(lane), lane);
  return out;
}

Value* NestElements::lane_numbers(unsigned bits, std::int64_t stride) {
  std::vector<llvm::Constant*> list;
  for (unsigned lane = 0; lane < lanes; ++lane) list.push_back(llvm::ConstantInt::get(b_.getIntNTy(bits), static_cast<std::uint64_t>(stride * lane)));
  return llvm::ConstantVector::get(list);
}

Value* NestElements::affine(std::int64_t offset, const std::vector<std::int64_t>& strides) {
  Value* all = i64(offset);
  for (std::size_t l = 0; l < strides.size(); ++l)
    if (strides[l] != 0) all = b_.CreateAdd(all, b_.CreateMul(numbers_[l], i64(strides[l]), "", false, true), "", false, true);
  return all;
}

Value* NestElements::affine32(const Place& p, bool vector) {
  Value* const first = b_.CreateTrunc(affine(p.offset, p.strides), b_.getInt32Ty());
  return vector ? b_.CreateAdd(splat(first), lane_numbers(32, along(p.strides))) : first;
}

Value* NestElements::load_lanes(Type* type, Value* from) {
  const llvm::Align align(type->isDoubleTy() ? 8 : 4);
  Value* const some = b_.CreateAlignedLoad(llvm::FixedVectorType::get(type, active_), from, align);
  if (active_ == lanes) return some;
  std::vector<int> mask;
  for (unsigned lane = 0; lane < lanes; ++lane) mask.push_back(static_cast<int>(lane < active_ ? lane : active_));
  return b_.CreateShuffleVector(some, llvm::Constant::getNullValue(some->getType()), mask);
}

Value* NestElements::first_lanes(Value* v) {
  if (active_ == lanes) return v;
  std::vector<int> mask;
  for (unsigned lane = 0; lane < active_; ++lane) mask.push_back(static_cast<int>(lane));
  return b_.CreateShuffleVector(v, mask);
}

// ---- guards

bool NestElements::by_lane(const std::vector<Guard>& guards) const {
  return width_ > 1 && std::any_of(guards.begin(), guards.end(), [&](const Guard& g) { return along(g.strides) != 0; });
}

Value* NestElements::all_inside(const std::vector<Guard>& guards) {
  Value* all = nullptr;
  for (const Guard& g : guards) all = all ? b_.CreateAnd(all, inside(g)) : inside(g);
  return all;
}

Value* NestElements::lanes_inside(const std::vector<Guard>& guards) {
  Value* all = b_.CreateICmpULT(lane_numbers(64, 1), splat(i64(active_)));
  for (const Guard& g : guards) {
    Value* const at = b_.CreateAdd(splat(affine(g.offset, g.strides)), lane_numbers(64, along(g.strides)));
    all = b_.CreateAnd(all, b_.CreateICmpULT(at, splat(i64(g.size))));
  }
  return all;
}

// ---- memory

Value* NestElements::load(const Element& e, bool vector) {
  const std::int64_t stride = along(e.place.strides);
  if (vector && by_lane(e.guards)) {
    Value *const mask = lanes_inside(e.guards), *const other = splat(number(e.real)), *const first = address(e.place);
    if (stride == 1) return b_.CreateMaskedLoad(other->getType(), first, llvm::Align(4), mask, other);
    return b_.CreateMaskedGather(other->getType(), b_.CreateGEP(real(), first, lane_numbers(64, stride)), llvm::Align(4), mask, other);
  }
  const auto plain = [&]() -> Value* {
    Value* const first = address(e.place);
    if (!vector || stride == 0) return vector ? splat(b_.CreateAlignedLoad(real(), first, llvm::Align(4))) : b_.CreateAlignedLoad(real(), first, llvm::Align(4));
    if (stride == 1) return load_lanes(real(), first);
    return each_lane([&](unsigned lane) { return b_.CreateAlignedLoad(real(), b_.CreateConstInBoundsGEP1_64(real(), first, static_cast<std::uint64_t>(stride * lane)), llvm::Align(4)); }, real());
  };
  Value* const condition = all_inside(e.guards);
  if (!condition) return plain();
  BasicBlock *const before = b_.GetInsertBlock(), *const yes = BasicBlock::Create(b_.getContext(), "inside", f_.self), *const after = BasicBlock::Create(b_.getContext(), "after", f_.self);
  b_.CreateCondBr(condition, yes, after);
  b_.SetInsertPoint(yes);
  Value* const value = plain();
  BasicBlock* const end = b_.GetInsertBlock();
  b_.CreateBr(after);
  b_.SetInsertPoint(after);
  llvm::PHINode* const out = b_.CreatePHI(value->getType(), 2);
  out->addIncoming(vector ? llvm::ConstantVector::getSplat(llvm::ElementCount::getFixed(lanes), llvm::ConstantFP::get(real(), e.real)) : llvm::ConstantFP::get(real(), e.real), before);
  out->addIncoming(value, end);
  return out;
}

void NestElements::store(const Place& p, const std::vector<Guard>& guards, bool add, Value* value) {
  Type* const type = doubles(p) ? b_.getDoubleTy() : real();
  const llvm::Align align(doubles(p) ? 8 : 4);
  const auto one = [&](Value* to, Value* v, Type* as) {
    if (doubles(p)) v = b_.CreateFPExt(v, as);
    if (add) v = b_.CreateFAdd(b_.CreateAlignedLoad(as, to, align), v);
    b_.CreateAlignedStore(v, to, align);
  };
  if (width_ == 1) return f_.when(all_inside(guards), [&] { one(address(p), value, type); });
  value = splat(value);
  const std::int64_t stride = along(p.strides);
  if (stride == 1 && !by_lane(guards)) return f_.when(all_inside(guards), [&] { one(address(p), first_lanes(value), llvm::FixedVectorType::get(type, active_)); });
  Value *const first = address(p), *const mask = guards.empty() ? nullptr : lanes_inside(guards);
  for (unsigned lane = 0; lane < active_; ++lane)
    f_.when(mask ? b_.CreateExtractElement(mask, lane) : nullptr,
         [&] { one(b_.CreateConstInBoundsGEP1_64(type, first, static_cast<std::uint64_t>(stride * lane)), b_.CreateExtractElement(value, lane), type); });
}

// ---- elements

Value* NestElements::of_row(const Element& e, bool vector) {
  if (e.op == ElementOp::code) {
    Value* const codes = b_.CreateInBoundsGEP(b_.getInt32Ty(), f_.array_element(mlp_network_call_field::codes, e.integer, f_.pointer()), numbers_[rows_]);
    return vector ? b_.CreateSIToFP(load_lanes(b_.getInt32Ty(), codes), llvm::FixedVectorType::get(real(), lanes)) : b_.CreateSIToFP(b_.CreateLoad(b_.getInt32Ty(), codes), real());
  }
  Value* const array = f_.field(e.op == ElementOp::target ? static_cast<unsigned>(mlp_network_call_field::target) : static_cast<unsigned>(mlp_network_call_field::row_weight), f_.pointer());
  Value* const from = b_.CreateInBoundsGEP(b_.getDoubleTy(), array, numbers_[rows_]);
  return b_.CreateFPTrunc(vector ? load_lanes(b_.getDoubleTy(), from) : b_.CreateLoad(b_.getDoubleTy(), from), vector ? llvm::FixedVectorType::get(real(), lanes) : real());
}

Value* NestElements::mask(const Element& e, bool vector) {
  const auto key = [&](Value* row) {
    Value* const ids = f_.field(mlp_network_call_field::row_id, f_.pointer());
    Value* const id = f_.fixed(b_.CreateLoad(b_.getInt64Ty(), b_.CreateInBoundsGEP(b_.getInt64Ty(), ids, row)));
    return b_.CreateCall(f_.builtin("mlp_mask_key"), {f_.field(mlp_network_call_field::seed, b_.getInt64Ty()), f_.field(mlp_network_call_field::step, b_.getInt64Ty()), id, i64(e.integer)});
  };
  Value *const element = affine32(e.place, vector), *unit;
  llvm::Function* const scalar = f_.builtin("mlp_mask_unit");
  if (!vector) {
    unit = b_.CreateCall(scalar, {key(numbers_[rows_]), element});
  } else if (rows_ == last_) {
    unit = each_lane([&](unsigned lane) { return b_.CreateCall(scalar, {key(b_.CreateAdd(numbers_[rows_], i64(lane))), b_.CreateExtractElement(element, lane)}); }, real());
  } else {
    unit = b_.CreateCall(f_.builtin("mlp_mask_unit_f32x16"), {key(numbers_[rows_]), element});
  }
  const auto same = [&](double v) { return vector ? splat(number(v)) : number(v); };
  return b_.CreateSelect(b_.CreateFCmpOGE(unit, same(e.real)), same(1 / (1 - e.real)), same(0));
}

Value* NestElements::call(const Element& e, bool vector) {
  const std::vector<Value*> v = arguments(e, vector);
  const auto same = [&](double n) { return vector ? splat(number(n)) : number(n); };
  const auto magnitude = [&](Value* x) { return b_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x); };
  if (e.text == "mlp_min") return b_.CreateSelect(b_.CreateOr(b_.CreateFCmpOLT(v[0], v[1]), b_.CreateFCmpUNO(v[0], v[0])), v[0], v[1]);
  if (e.text == "mlp_max") return b_.CreateSelect(b_.CreateOr(b_.CreateFCmpOGT(v[0], v[1]), b_.CreateFCmpUNO(v[0], v[0])), v[0], v[1]);
  if (e.text == "mlp_clamp") {
    Value* const raised = b_.CreateSelect(b_.CreateFCmpOLT(v[0], v[1]), v[1], v[0]);
    return b_.CreateSelect(b_.CreateFCmpOGT(raised, v[2]), v[2], raised);
  }
  if (e.text == "mlp_abs") return magnitude(v[0]);
  if (e.text == "mlp_sqrt") return b_.CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, v[0]);
  if (e.text == "mlp_is_nan") return b_.CreateFCmpUNO(v[0], v[0]);
  if (e.text == "mlp_is_finite") return b_.CreateFCmpOLT(magnitude(v[0]), same(std::numeric_limits<double>::infinity()));
  if (llvm::Function* const single = f_.builtin(e.text + (vector ? "_f32x16" : "_f32"))) return b_.CreateCall(single, v);
  // In double precision, rounded.
  llvm::Function* const wide = f_.builtin(e.text);
  if (!wide) MLP_BUG("there is no builtin function `" + e.text + "`");
  const auto one = [&](unsigned lane) -> Value* {
    std::vector<Value*> args;
    for (std::size_t i = 0; i < v.size(); ++i) {
      if (wide->getFunctionType()->getParamType(static_cast<unsigned>(i)) != b_.getDoubleTy()) MLP_BUG("`" + e.text + "` is no function of numbers");
      args.push_back(b_.CreateFPExt(vector ? b_.CreateExtractElement(v[i], lane) : v[i], b_.getDoubleTy()));
    }
    Value* const made = b_.CreateCall(wide, args);
    return e.boolean ? b_.CreateIsNotNull(made) : b_.CreateFPTrunc(made, real());
  };
  return vector ? each_lane(one, e.boolean ? b_.getInt1Ty() : real()) : one(0);
}

Value* NestElements::compute(const Element& e, bool vector) {
  switch (e.op) {
    case ElementOp::load: return load(e, vector);
    case ElementOp::target: case ElementOp::row_weight: case ElementOp::code: return of_row(e, vector);
    case ElementOp::mask: return mask(e, vector);
    case ElementOp::call: return call(e, vector);
    case ElementOp::constant: return number(e.real);
    case ElementOp::row_share: {
      Value* const batch = f_.field(mlp_network_call_field::batch_rows, b_.getInt64Ty());
      return b_.CreateFDiv(number(1), b_.CreateSIToFP(b_.CreateSelect(b_.CreateICmpSGT(batch, i64(0)), batch, f_.rows), real()));
    }
    case ElementOp::step: return b_.CreateFPTrunc(f_.field(mlp_update_call_field::step, b_.getDoubleTy()), real());
    case ElementOp::decays: return b_.CreateFPTrunc(f_.field(mlp_update_call_field::decays, b_.getDoubleTy()), real());
    case ElementOp::rate: return b_.CreateFPTrunc(f_.field(mlp_update_call_field::rate, b_.getDoubleTy()), real());
    case ElementOp::position: return b_.CreateSIToFP(affine32(e.place, vector), vector ? llvm::FixedVectorType::get(real(), lanes) : real());
    default: break;
  }
  const std::vector<Value*> v = arguments(e, vector);
  switch (e.op) {
    case ElementOp::add: return b_.CreateFAdd(v[0], v[1]);
    case ElementOp::sub: return b_.CreateFSub(v[0], v[1]);
    case ElementOp::mul: return b_.CreateFMul(v[0], v[1]);
    case ElementOp::div: return b_.CreateFDiv(v[0], v[1]);
    case ElementOp::neg: return b_.CreateFNeg(v[0]);
    case ElementOp::eq: return b_.CreateFCmpOEQ(v[0], v[1]);
    case ElementOp::ne: return b_.CreateFCmpUNE(v[0], v[1]);
    case ElementOp::lt: return b_.CreateFCmpOLT(v[0], v[1]);
    case ElementOp::le: return b_.CreateFCmpOLE(v[0], v[1]);
    case ElementOp::gt: return b_.CreateFCmpOGT(v[0], v[1]);
    case ElementOp::ge: return b_.CreateFCmpOGE(v[0], v[1]);
    case ElementOp::and_: return b_.CreateAnd(v[0], v[1]);
    case ElementOp::or_: return b_.CreateOr(v[0], v[1]);
    case ElementOp::not_: return b_.CreateNot(v[0]);
    case ElementOp::select: return b_.CreateSelect(v[0], v[1], v[2]);
    case ElementOp::to_float: return b_.CreateUIToFP(v[0], vector ? llvm::FixedVectorType::get(real(), lanes) : real());
    default: break;
  }
  MLP_BUG("an element without code");
}

}  // namespace mlp::codegen
