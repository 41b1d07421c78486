#include "compiler/codegen/cpu/network_nest.h"

#include <algorithm>

#include "base/diagnostic.h"
#include "compiler/codegen/cpu/network_elements.h"

namespace mlp::codegen {
namespace {

using llvm::BasicBlock;
using llvm::Type;
using llvm::Value;
using loop::Element;
using loop::ElementId;
using loop::ElementOp;
using loop::Guard;
using loop::Step;

class NestBuilder : NestElements {
 public:
  NestBuilder(NetworkFrame& frame, const Step& step) : NestElements(frame, step), sums_(step.reductions.size()) {
    for (const bool reduced : {false, true})
      for (std::size_t l = 0; l < s_.loops.size(); ++l)
        if (s_.loops[l].reduced == reduced) order_.push_back(l);
    kept_ = static_cast<std::size_t>(std::count_if(s_.loops.begin(), s_.loops.end(), [](const loop::Loop& l) { return !l.reduced; }));
    for (const Element& e : s_.body) place_in_loops(e);
  }
  void build() { level(0); }

 private:
  // Where an element is computed: within so many loops of `order_`; and whether it differs along the last loop.
  void place_in_loops(const Element& e) {
    std::size_t level = 0;
    bool varies = false;
    const auto depends = [&](std::size_t l) {
      level = std::max(level, static_cast<std::size_t>(std::find(order_.begin(), order_.end(), l) - order_.begin()) + 1);
      varies = varies || l == last_;
    };
    const auto along = [&](const std::vector<std::int64_t>& strides) {
      for (std::size_t l = 0; l < strides.size(); ++l)
        if (strides[l] != 0) depends(l);
    };
    if (e.op == ElementOp::target || e.op == ElementOp::row_weight || e.op == ElementOp::code || e.op == ElementOp::mask) depends(rows_);
    along(e.place.strides);
    for (const Guard& g : e.guards) along(g.strides);
    for (const ElementId arg : e.args) {
      level = std::max(level, level_[static_cast<std::size_t>(arg.index)]);
      varies = varies || varies_[static_cast<std::size_t>(arg.index)];
    }
    level_.push_back(level);
    varies_.push_back(varies);
  }

  // What is computed within the first `p` loops, and the loops inside.
  void level(std::size_t p) {
    for (std::size_t e = 0; e < s_.body.size(); ++e)
      if (level_[e] == p) held_[e] = compute(s_.body[e], varies_[e] && width_ > 1);
    if (p == kept_) begin_reductions();
    if (p == order_.size()) {
      for (const loop::Store& store : s_.stores) this->store(store.place, store.guards, store.add, held(store.value));
      for (std::size_t r = 0; r < sums_.size(); ++r) reduce(r);
    } else if (order_[p] == last_) {
      last_loop(p);
    } else {
      f_.repeat(f_.extent(s_.loops[order_[p]].extent), [&](Value* i) {
        numbers_[order_[p]] = i;
        level(p + 1);
      });
    }
    if (p == kept_) end_reductions();
  }

  void last_loop(std::size_t p) {
    const loop::Extent e = s_.loops[last_].extent;
    const auto vectors = [&](Value* count) {
      width_ = active_ = lanes;
      f_.repeat(count, [&](Value* i) {
        numbers_[last_] = b_.CreateMul(i, i64(lanes), "", true, true);
        level(p + 1);
      });
      width_ = active_ = 1;
    };
    if (!e.rows) {
      vectors(i64(e.count / lanes));
      if (e.count % lanes == 0) return;
      numbers_[last_] = i64(e.count / lanes * lanes);
      width_ = lanes;
      active_ = static_cast<unsigned>(e.count % lanes);
      level(p + 1);
      width_ = active_ = 1;
      return;
    }
    Value *const count = f_.extent(e), *const whole = b_.CreateLShr(count, i64(4)), *const done = b_.CreateShl(whole, i64(4));
    vectors(whole);
    f_.repeat(b_.CreateSub(count, done), [&](Value* i) {
      numbers_[last_] = b_.CreateAdd(done, i);
      level(p + 1);
    });
  }

  // ---- reductions

  bool across() const { return last_ != none && s_.loops[last_].reduced; }  // the lanes hold parts of one result
  void begin_reductions() {
    for (std::size_t r = 0; r < sums_.size(); ++r) {
      const bool vector = across() || width_ > 1;
      Type* const type = vector ? llvm::FixedVectorType::get(real(), lanes) : real();
      {
        llvm::IRBuilder<>::InsertPointGuard guard(b_);
        b_.SetInsertPoint(&f_.self->getEntryBlock(), f_.self->getEntryBlock().begin());
        sums_[r] = b_.CreateAlloca(type);
      }
      Value* const start = number(identity(s_.reductions[r]));
      b_.CreateStore(vector ? splat(start) : start, sums_[r]);
    }
  }
  void reduce(std::size_t r) {
    const loop::Reduction& reduction = s_.reductions[r];
    Value* value = held(reduction.value);
    if (across() || width_ > 1) value = splat(value);
    if (across() && active_ < lanes) value = b_.CreateSelect(b_.CreateICmpULT(lane_numbers(64, 1), splat(i64(active_))), value, splat(number(identity(reduction))));
    b_.CreateStore(joined(reduction, b_.CreateLoad(value->getType(), sums_[r]), value), sums_[r]);
  }
  void end_reductions() {
    for (std::size_t r = 0; r < sums_.size(); ++r) {
      const bool vector = across() || width_ > 1;
      Value* value = b_.CreateLoad(vector ? llvm::FixedVectorType::get(real(), lanes) : real(), sums_[r]);
      if (across()) {
        for (unsigned half = lanes / 2; half >= 1; half /= 2) {
          std::vector<int> low, high;
          for (unsigned lane = 0; lane < half; ++lane) low.push_back(static_cast<int>(lane)), high.push_back(static_cast<int>(lane + half));
          value = joined(s_.reductions[r], b_.CreateShuffleVector(value, low), b_.CreateShuffleVector(value, high));
        }
        value = b_.CreateExtractElement(value, std::uint64_t{0});
      }
      store(s_.reductions[r].place, {}, false, value);
    }
  }

  std::vector<std::size_t> order_;    // of the loops: those that are kept, then the reduced ones
  std::size_t kept_ = 0;
  std::vector<std::size_t> level_;
  std::vector<char> varies_;
  std::vector<Value*> sums_;          // by reduction
};

}  // namespace

void build_nest(NetworkFrame& frame, const Step& step) { NestBuilder(frame, step).build(); }

}  // namespace mlp::codegen
