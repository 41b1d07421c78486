// The elements of a nest in LLVM: at one point of its loops, or at 16 of them along the last.
#pragma once
#include <limits>

#include "compiler/codegen/cpu/network_nest.h"

namespace mlp::codegen {

class NestElements {
 public:
  NestElements(NetworkFrame& frame, const loop::Step& step) : f_(frame), s_(step), b_(frame.b), numbers_(step.loops.size()), held_(step.body.size()) {
    for (std::size_t l = 0; l < s_.loops.size(); ++l)
      if (s_.loops[l].extent.rows) rows_ = l;
    last_ = s_.loops.empty() ? none : s_.loops.size() - 1;
  }

 protected:
  using Value = llvm::Value;
  using Type = llvm::Type;
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  // ---- values
  Value* i64(std::int64_t v) { return b_.getInt64(static_cast<std::uint64_t>(v)); }
  Type* real() { return b_.getFloatTy(); }
  Value* number(double v) { return llvm::ConstantFP::get(real(), static_cast<float>(v)); }
  static bool is_vector(const Value* v) { return v->getType()->isVectorTy(); }
  Value* splat(Value* v) { return is_vector(v) ? v : b_.CreateVectorSplat(lanes, v); }
  Value* held(loop::ElementId id) { return held_[static_cast<std::size_t>(id.index)]; }
  std::vector<Value*> arguments(const loop::Element& e, bool vector);
  Value* each_lane(const std::function<Value*(unsigned)>& make, Type* type);
  Value* lane_numbers(unsigned bits, std::int64_t stride);
  Value* affine(std::int64_t offset, const std::vector<std::int64_t>& strides);
  // An index by element as a 32-bit number, in all lanes where it varies.
  Value* affine32(const loop::Place& p, bool vector);
  std::int64_t along(const std::vector<std::int64_t>& strides) const { return last_ == none ? 0 : strides[last_]; }
  bool doubles(const loop::Place& p) const { return holds_doubles(f_.function.buffers[static_cast<std::size_t>(p.buffer.index)].memory); }
  Value* address(const loop::Place& p) { return b_.CreateInBoundsGEP(doubles(p) ? b_.getDoubleTy() : real(), f_.base(p.buffer), affine(p.offset, p.strides)); }
  // `type` of as many lanes as are active, the others 0.
  Value* load_lanes(Type* type, Value* from);
  Value* first_lanes(Value* v);

  // ---- guards
  bool by_lane(const std::vector<loop::Guard>& guards) const;
  Value* inside(const loop::Guard& g) { return b_.CreateICmpULT(affine(g.offset, g.strides), i64(g.size)); }  // a negative number is a large one
  Value* all_inside(const std::vector<loop::Guard>& guards);
  Value* lanes_inside(const std::vector<loop::Guard>& guards);

  // ---- memory
  Value* load(const loop::Element& e, bool vector);
  void store(const loop::Place& p, const std::vector<loop::Guard>& guards, bool add, Value* value);

  // ---- elements
  Value* of_row(const loop::Element& e, bool vector);
  Value* mask(const loop::Element& e, bool vector);
  Value* call(const loop::Element& e, bool vector);
  Value* compute(const loop::Element& e, bool vector);

  // ---- reductions
  static double identity(const loop::Reduction& r) { return r.maximum ? -std::numeric_limits<double>::infinity() : 0; }
  Value* joined(const loop::Reduction& r, Value* a, Value* b) {
    if (!r.maximum) return b_.CreateFAdd(a, b);
    return b_.CreateSelect(b_.CreateOr(b_.CreateFCmpOGT(a, b), b_.CreateFCmpUNO(a, a)), a, b);
  }

  NetworkFrame& f_;
  const loop::Step& s_;
  llvm::IRBuilder<>& b_;
  std::size_t rows_ = none, last_ = none;
  unsigned width_ = 1, active_ = 1;   // lanes of what is computed now, and how many of them count
  std::vector<Value*> numbers_;       // of the loops; of the last that of the first lane
  std::vector<Value*> held_;          // by element
};

}  // namespace mlp::codegen
