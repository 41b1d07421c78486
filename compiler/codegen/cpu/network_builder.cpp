#include "compiler/codegen/cpu/network_builder.h"

#include <algorithm>
#include <functional>
#include <map>

#include "base/diagnostic.h"
#include "compiler/codegen/cpu/network_nest.h"
#include "compiler/codegen/cpu/row_product.h"
#include "compiler/codegen/cpu/step_form.h"
#include "compiler/ir/loop/segments.h"

namespace mlp::codegen {

using llvm::BasicBlock;
using llvm::Type;
using llvm::Value;
using loop::Memory;
using loop::Step;
using loop::StepKind;

bool holds_doubles(Memory memory) { return memory == Memory::score || memory == Memory::loss; }

Value* NetworkFrame::field(unsigned index, Type* type) {
  return fixed(b.CreateLoad(type, b.CreateStructGEP(update ? abi.mlp_update_call : abi.mlp_network_call, call, index)));
}

Value* NetworkFrame::array_element(unsigned index, std::int64_t element, Type* type) {
  return fixed(b.CreateLoad(type, b.CreateConstInBoundsGEP1_64(type, field(index, pointer()), static_cast<std::uint64_t>(element))));
}

Value* NetworkFrame::padded_rows() { return b.CreateAnd(b.CreateAdd(rows, b.getInt64(15)), b.getInt64(~std::uint64_t{15})); }

Value* NetworkFrame::base(loop::BufferId id) {
  Value*& slot = bases[static_cast<std::size_t>(id.index)];
  if (slot) return slot;
  llvm::IRBuilder<>::InsertPointGuard guard(b);
  BasicBlock* const there = addresses ? addresses : &self->getEntryBlock();
  if (llvm::Instruction* const end = there->getTerminator()) b.SetInsertPoint(end);
  else b.SetInsertPoint(there);
  const loop::Buffer& buffer = function.buffers[static_cast<std::size_t>(id.index)];
  if (places && places->column[static_cast<std::size_t>(id.index)] >= 0) {
    const std::int32_t column = places->column[static_cast<std::size_t>(id.index)];
    const auto entry = [&](std::int64_t i) {
      Value* const at = b.CreateAdd(b.CreateMul(number, b.getInt64(static_cast<std::uint64_t>(2 * places->columns))), b.getInt64(static_cast<std::uint64_t>(2 * column + i)));
      return fixed(b.CreateLoad(b.getInt64Ty(), b.CreateInBoundsGEP(b.getInt64Ty(), places->values, at)));
    };
    return slot = b.CreateInBoundsGEP(b.getFloatTy(), scratch, b.CreateAdd(entry(0), b.CreateMul(padded_rows(), entry(1))));
  }
  switch (buffer.memory) {
    case Memory::scratch: {
      const auto behind = [&](Value* from, std::int64_t floats) { return b.CreateInBoundsGEP(b.getFloatTy(), from, b.getInt64(static_cast<std::uint64_t>(floats))); };
      const auto behind_rows = [&](Value* from, std::int64_t floats) {
        return b.CreateInBoundsGEP(b.getFloatTy(), from, b.CreateMul(padded_rows(), b.getInt64(static_cast<std::uint64_t>(floats))));
      };
      if (!buffer.rows) return slot = behind(scratch, buffer.offset);
      const std::int64_t lasting = function.each - function.transient;
      Value* const rows_of_call = behind(scratch, function.once);
      if (buffer.offset < lasting || function.transient == 0) return slot = behind_rows(rows_of_call, buffer.offset);
      Value* const given = field(mlp_network_call_field::transient, pointer());
      return slot = behind_rows(b.CreateSelect(b.CreateIsNull(given), behind_rows(rows_of_call, lasting), given), buffer.offset - lasting);
    }
    case Memory::numbers: return slot = field(mlp_network_call_field::numbers, pointer());
    case Memory::weight: return slot = update ? field(mlp_update_call_field::weight, pointer()) : array_element(mlp_network_call_field::weights, buffer.number, pointer());
    case Memory::gradient: return slot = update ? field(mlp_update_call_field::gradient, pointer()) : array_element(mlp_network_call_field::gradients, buffer.number, pointer());
    case Memory::state: return slot = array_element(mlp_network_call_field::states, buffer.number, pointer());
    case Memory::mean: return slot = array_element(mlp_network_call_field::means, buffer.number, pointer());
    case Memory::kept: return slot = array_element(mlp_update_call_field::kept, buffer.number, pointer());
    case Memory::score: return slot = field(mlp_network_call_field::scores, pointer());
    case Memory::loss: return slot = field(mlp_network_call_field::losses, pointer());
  }
  MLP_BUG("a buffer without memory");
}

Value* NetworkFrame::extent(const loop::Extent& e) {
  Value* const count = b.getInt64(static_cast<std::uint64_t>(e.count));
  return !e.rows ? count : e.count == 1 ? rows : b.CreateMul(rows, count);
}

llvm::Function* NetworkFrame::builtin(const std::string& name) {
  if (llvm::Function* const have = module.getFunction(name)) return have;
  const llvm::Function* const known = builtins.getFunction(name);
  return known ? llvm::Function::Create(known->getFunctionType(), llvm::Function::ExternalLinkage, name, module) : nullptr;
}

void NetworkFrame::repeat(Value* count, const std::function<void(Value*)>& body, unsigned unrolled) {
  if (const auto* const known = llvm::dyn_cast<llvm::ConstantInt>(count)) {
    if (known->isZero()) return;
    if (known->isOne()) return body(b.getInt64(0));
  }
  BasicBlock* const before = b.GetInsertBlock();
  BasicBlock* const loop = BasicBlock::Create(b.getContext(), "loop", self);
  BasicBlock* const after = BasicBlock::Create(b.getContext(), "after", self);
  b.CreateCondBr(b.CreateICmpSGT(count, b.getInt64(0)), loop, after);
  b.SetInsertPoint(loop);
  llvm::PHINode* const i = b.CreatePHI(b.getInt64Ty(), 2);
  i->addIncoming(b.getInt64(0), before);
  body(i);
  Value* const next = b.CreateAdd(i, b.getInt64(1), "", true, true);
  i->addIncoming(next, b.GetInsertBlock());
  llvm::BranchInst* const again = b.CreateCondBr(b.CreateICmpSLT(next, count), loop, after);
  if (unrolled > 1) {
    llvm::LLVMContext& context = b.getContext();
    llvm::MDNode* const times = llvm::MDNode::get(context, {llvm::MDString::get(context, "llvm.loop.unroll.count"), llvm::ConstantAsMetadata::get(b.getInt32(unrolled))});
    llvm::MDNode* const wanted = llvm::MDNode::getDistinct(context, {nullptr, times});
    wanted->replaceOperandWith(0, wanted);
    again->setMetadata(llvm::LLVMContext::MD_loop, wanted);
  }
  b.SetInsertPoint(after);
}

void NetworkFrame::when(Value* condition, const std::function<void()>& yes, const std::function<void()>& no) {
  if (!condition) return yes();
  BasicBlock* const then = BasicBlock::Create(b.getContext(), "yes", self);
  BasicBlock* const after = BasicBlock::Create(b.getContext(), "after", self);
  BasicBlock* const other = no ? BasicBlock::Create(b.getContext(), "no", self) : after;
  b.CreateCondBr(condition, then, other);
  b.SetInsertPoint(then);
  yes();
  b.CreateBr(after);
  if (no) {
    b.SetInsertPoint(other);
    no();
    b.CreateBr(after);
  }
  b.SetInsertPoint(after);
}

namespace {

class Builder {
 public:
  Builder(const loop::Function& function, const std::string& symbol, const std::string& level, const AbiTypes& abi, const llvm::Module& builtins, llvm::Module& into)
      : symbol_(symbol), level_(level), b_(into.getContext()), frame_{function, abi, builtins, into, b_, nullptr, nullptr, nullptr, nullptr, false} {
    frame_.update = function.name == "update";
  }

  void build() {
    Type *const pointer = frame_.pointer(), *const number = b_.getInt64Ty();
    llvm::Function* const whole = make(symbol_, llvm::Function::ExternalLinkage, {pointer}, frame_.update ? b_.getVoidTy() : number);
    begin(whole);
    frame_.rows = frame_.field(frame_.update ? static_cast<unsigned>(mlp_update_call_field::count) : static_cast<unsigned>(mlp_network_call_field::rows), number);
    Value* needs = nullptr;
    if (frame_.update) {
      frame_.scratch = llvm::ConstantPointerNull::get(llvm::cast<llvm::PointerType>(pointer));
    } else {
      frame_.scratch = frame_.field(mlp_network_call_field::scratch, pointer);
      needs = b_.CreateAdd(b_.getInt64(static_cast<std::uint64_t>(frame_.function.once)), b_.CreateMul(frame_.padded_rows(), b_.getInt64(static_cast<std::uint64_t>(frame_.function.each))));
      BasicBlock* const asks = BasicBlock::Create(b_.getContext(), "asks", whole);
      BasicBlock* const runs = BasicBlock::Create(b_.getContext(), "runs", whole);
      b_.CreateCondBr(b_.CreateIsNull(frame_.scratch), asks, runs);
      b_.SetInsertPoint(asks);
      Value* const transient = b_.CreateMul(frame_.padded_rows(), b_.getInt64(static_cast<std::uint64_t>(frame_.function.transient)));
      Value* const lasting = b_.CreateICmpSGT(frame_.field(mlp_network_call_field::segment, number), b_.getInt64(0));
      b_.CreateRet(b_.CreateSelect(lasting, b_.CreateSub(needs, transient), needs));
      b_.SetInsertPoint(runs);
      frame_.addresses = runs;           // who asks for the scratch has no arrays yet
      BasicBlock* const steps = BasicBlock::Create(b_.getContext(), "steps", whole);
      b_.CreateBr(steps);
      b_.SetInsertPoint(steps);
    }
    const std::size_t steps = frame_.function.steps.size();
    if (frame_.function.name == "train") segments_ = loop::segments_of(frame_.function);
    if (segments_.barriers.empty()) {
      call_steps(0, steps);
    } else {                             // one segment, or all in order
      Value* const asked = frame_.field(mlp_network_call_field::segment, number);
      BasicBlock* const done = BasicBlock::Create(b_.getContext(), "done", whole);
      std::vector<BasicBlock*> begins;
      for (std::size_t s = 0; s <= segments_.barriers.size(); ++s) begins.push_back(BasicBlock::Create(b_.getContext(), "segment", whole));
      llvm::SwitchInst* const choice = b_.CreateSwitch(asked, begins[0]);
      for (std::size_t s = 0; s < begins.size(); ++s) {
        choice->addCase(b_.getInt64(s + 1), begins[s]);
        b_.SetInsertPoint(begins[s]);
        call_steps(s == 0 ? 0 : segments_.barriers[s - 1].step, s < segments_.barriers.size() ? segments_.barriers[s].step : steps);
        b_.CreateCondBr(b_.CreateICmpEQ(asked, b_.getInt64(s + 1)), done, s + 1 < begins.size() ? begins[s + 1] : done);
      }
      b_.SetInsertPoint(done);
    }
    if (frame_.update) b_.CreateRetVoid();
    else b_.CreateRet(needs);
  }

 private:
  llvm::Function* make(const std::string& name, llvm::Function::LinkageTypes linkage, std::vector<Type*> parameters, Type* result) {
    llvm::Function* const function = llvm::Function::Create(llvm::FunctionType::get(result, parameters, false), linkage, name, frame_.module);
    function->addFnAttr(llvm::Attribute::NoUnwind);
    function->addFnAttr("target-cpu", level_);
    function->addFnAttr("prefer-vector-width", level_ == "x86-64-v4" ? "512" : level_ == "x86-64-v3" ? "256" : "128");
    return function;
  }
  // Functions of their own, of a step and of many calls: the time that LLVM takes for a function grows faster than its size.
  void call_steps(std::size_t first, std::size_t end) {
    constexpr std::size_t most_calls = 32;
    if (frame_.function.steps.size() <= most_calls) {
      for (std::size_t i = first; i < end; ++i) call_step(i);
      return;
    }
    for (; first < end; first += most_calls)
      apart(symbol_ + ".from." + std::to_string(first), {frame_.call, frame_.rows, frame_.scratch}, [&](llvm::Function* some) {
        frame_.rows = some->getArg(1);
        frame_.scratch = some->getArg(2);
        BasicBlock* const body = BasicBlock::Create(b_.getContext(), "body", some);
        b_.CreateBr(body);  // addresses of buffers go before it
        b_.SetInsertPoint(body);
        for (std::size_t i = first; i < std::min(first + most_calls, end); ++i) call_step(i);
      });
  }

  // Calls a function that is never written in place, made by `body` where it is new.
  template <class Body>
  void apart(const std::string& name, const std::vector<Value*>& arguments, const Body& body) {
    llvm::Function* function = frame_.module.getFunction(name);
    if (!function) {
      std::vector<Type*> parameters;
      for (Value* const argument : arguments) parameters.push_back(argument->getType());
      function = make(name, llvm::Function::InternalLinkage, std::move(parameters), b_.getVoidTy());
      function->addFnAttr(llvm::Attribute::NoInline);
      const NetworkFrame caller = frame_;
      llvm::IRBuilder<>::InsertPointGuard guard(b_);
      begin(function);
      body(function);
      b_.CreateRetVoid();
      frame_.self = caller.self, frame_.call = caller.call, frame_.rows = caller.rows, frame_.scratch = caller.scratch, frame_.bases = caller.bases, frame_.addresses = caller.addresses;
    }
    b_.CreateCall(function, arguments);
  }

  void call_step(std::size_t number) {
    const Step& step = frame_.function.steps[number];
    Step others = step;                  // without what only one of several calls may add
    others.stores.clear();
    for (std::size_t i = 0; i < step.stores.size(); ++i)
      if (!segments_.alike.contains({number, i})) others.stores.push_back(step.stores[i]);
    const bool product = step.kind == StepKind::product && segments_.alike.contains({number, 0});
    if (!product && others.stores.size() == step.stores.size()) return call(step);
    std::function<void()> rest;
    if (!product && !(others.stores.empty() && others.reductions.empty())) rest = [&] { call(others); };
    frame_.when(b_.CreateICmpEQ(frame_.field(mlp_network_call_field::repeats, b_.getInt64Ty()), i64(0)), [&] { call(step); }, rest);
  }

  void call(const Step& step) {
    // The address of each buffer is an argument, but that of a weight, which is known by its number where it is packed.
    const StepForm form = form_of(frame_.function, step, [](const loop::Buffer& buffer) { return buffer.memory != Memory::weight; });
    const std::size_t number = forms_.emplace(form.text, forms_.size()).first->second;
    std::vector<Value*> arguments{frame_.call, frame_.rows};
    for (const loop::Place& begin : form.begins) arguments.push_back(at(begin, {}));
    apart(symbol_ + "." + std::to_string(number), arguments, [&](llvm::Function* part) {
      frame_.rows = part->getArg(1);
      for (std::size_t i = 0; i < form.begins.size(); ++i) frame_.bases[static_cast<std::size_t>(form.begins[i].buffer.index)] = part->getArg(static_cast<unsigned>(2 + i));
      build_step(form.step);
    });
  }

  void begin(llvm::Function* function) {
    frame_.self = function;
    frame_.call = function->getArg(0);
    frame_.bases.assign(frame_.function.buffers.size(), nullptr);
    frame_.addresses = nullptr;
    b_.SetInsertPoint(BasicBlock::Create(b_.getContext(), "entry", function));
  }

  void build_step(const Step& s) {
    switch (s.kind) {
      case StepKind::nest: return build_nest(frame_, s);
      case StepKind::product: return product(s, 0, {});
      case StepKind::gather: case StepKind::gather_bag: case StepKind::scatter: case StepKind::scatter_bag: return lookup(s);
    }
  }

  Value* i64(std::int64_t v) { return b_.getInt64(static_cast<std::uint64_t>(v)); }
  // The address of a place at these loop numbers.
  Value* at(const loop::Place& p, const std::vector<Value*>& numbers) {
    Value* offset = i64(p.offset);
    for (std::size_t l = 0; l < numbers.size(); ++l) offset = b_.CreateAdd(offset, b_.CreateMul(numbers[l], i64(p.strides[l])));
    const bool doubles = holds_doubles(frame_.function.buffers[static_cast<std::size_t>(p.buffer.index)].memory);
    return b_.CreateInBoundsGEP(doubles ? b_.getDoubleTy() : b_.getFloatTy(), frame_.base(p.buffer), offset);
  }

  void product(const Step& s, std::size_t loop, std::vector<Value*> numbers) {
    if (loop < s.loops.size()) {
      frame_.repeat(frame_.extent(s.loops[loop].extent), [&](Value* i) {
        std::vector<Value*> inner = numbers;
        inner.push_back(i);
        product(s, loop + 1, std::move(inner));
      });
      return;
    }
    Type *const p = frame_.pointer(), *const n = b_.getInt64Ty();
    llvm::FunctionType* const type = llvm::FunctionType::get(b_.getVoidTy(), {n, n, n, p, n, n, p, n, n, p, n, b_.getInt32Ty()}, false);
    const auto stride = [&](const loop::Place& place, std::size_t i) { return i64(place.strides[s.loops.size() + i]); };
    Value* const add = s.alone ? b_.CreateZExt(b_.CreateICmpEQ(frame_.field(mlp_network_call_field::begins, n), i64(0)), b_.getInt32Ty()) : b_.getInt32(s.add);
    const auto call = [&] {
      b_.CreateCall(type, frame_.field(mlp_network_call_field::product, p),
                    {frame_.extent(s.m), frame_.extent(s.n), frame_.extent(s.k), at(s.a, numbers), stride(s.a, 0), stride(s.a, 1), at(s.b, numbers), stride(s.b, 0), stride(s.b, 1),
                     at(s.c, numbers), stride(s.c, 0), add});
    };
    const std::int64_t registers = level_ == "x86-64-v4" ? 8 : level_ == "x86-64-v3" ? 4 : 0;
    const auto by_floats = [&] {
      if (registers == 0 || !is_row_product(frame_.function, s)) return call();
      frame_.when(b_.CreateICmpEQ(frame_.rows, i64(1)), [&] { build_row_product(frame_, s, registers, at(s.a, numbers), at(s.b, numbers), at(s.c, numbers)); }, call);
    };
    if (frame_.function.name != "score" || !loop::by_weight(frame_.function, s)) return by_floats();
    // Who calls may have packed the weight.
    Value* const weights = frame_.field(mlp_network_call_field::packed, p);
    BasicBlock* const asks = BasicBlock::Create(b_.getContext(), "asks", frame_.self);
    BasicBlock* const packed = BasicBlock::Create(b_.getContext(), "packed", frame_.self);
    BasicBlock* const floats = BasicBlock::Create(b_.getContext(), "floats", frame_.self);
    BasicBlock* const after = BasicBlock::Create(b_.getContext(), "after", frame_.self);
    b_.CreateCondBr(b_.CreateIsNull(weights), floats, asks);
    b_.SetInsertPoint(asks);
    const auto number = static_cast<std::uint64_t>(frame_.function.buffers[static_cast<std::size_t>(s.b.buffer.index)].number);
    Value* const weight = b_.CreateLoad(p, b_.CreateConstInBoundsGEP1_64(p, weights, number));
    b_.CreateCondBr(b_.CreateIsNull(weight), floats, packed);
    b_.SetInsertPoint(packed);
    b_.CreateCall(llvm::FunctionType::get(b_.getVoidTy(), {n, p, n, n, p, p, n, b_.getInt32Ty()}, false), frame_.field(mlp_network_call_field::packed_product, p),
                  {frame_.extent(s.m), at(s.a, numbers), stride(s.a, 0), stride(s.a, 1), weight, at(s.c, numbers), stride(s.c, 0), add});
    b_.CreateBr(after);
    b_.SetInsertPoint(floats);
    by_floats();
    b_.CreateBr(after);
    b_.SetInsertPoint(after);
  }

  // to[i] = from[i] or to[i] + times * from[i], for i < width.
  void line(std::int64_t width, Value* to, Value* from, Value* times, bool add) {
    const auto part = [&](Value* i, std::int64_t n) {
      Type* const type = n == 1 ? b_.getFloatTy() : static_cast<Type*>(llvm::FixedVectorType::get(b_.getFloatTy(), static_cast<unsigned>(n)));
      Value *const out = b_.CreateInBoundsGEP(b_.getFloatTy(), to, i), *const in = b_.CreateInBoundsGEP(b_.getFloatTy(), from, i);
      Value* value = b_.CreateAlignedLoad(type, in, llvm::Align(4));
      if (times) value = b_.CreateFMul(n == 1 ? times : b_.CreateVectorSplat(static_cast<unsigned>(n), times), value);
      if (add) value = b_.CreateFAdd(b_.CreateAlignedLoad(type, out, llvm::Align(4)), value);
      b_.CreateAlignedStore(value, out, llvm::Align(4));
    };
    frame_.repeat(i64(width / lanes), [&](Value* i) { part(b_.CreateMul(i, i64(lanes)), lanes); });
    if (width % lanes) part(i64(width / lanes * lanes), width % lanes);
  }
  void zeros(std::int64_t width, Value* to) { b_.CreateMemSet(to, b_.getInt8(0), i64(width * 4), llvm::MaybeAlign(4)); }

  void lookup(const Step& s) {
    const bool scatters = s.kind == StepKind::scatter || s.kind == StepKind::scatter_bag, bags = s.kind == StepKind::gather_bag || s.kind == StepKind::scatter_bag;
    const loop::Place &table = scatters ? s.c : s.a, &row_of = scatters ? s.a : s.c;
    Value* const base = at(table, {});
    const auto entry = [&](Value* index) { return b_.CreateInBoundsGEP(b_.getFloatTy(), base, b_.CreateMul(index, i64(s.width))); };
    frame_.repeat(frame_.rows, [&](Value* row) {
      Value* const mine = at(row_of, {row});
      if (bags) {
        if (!scatters) zeros(s.width, mine);
        Value* const bag = b_.CreateInBoundsGEP(frame_.abi.mlp_bag, frame_.array_element(mlp_network_call_field::bags, s.integer, frame_.pointer()), row);
        Value* const terms = frame_.fixed(b_.CreateLoad(frame_.pointer(), b_.CreateStructGEP(frame_.abi.mlp_bag, bag, mlp_bag_field::terms)));
        Value* const count = frame_.fixed(b_.CreateLoad(b_.getInt64Ty(), b_.CreateStructGEP(frame_.abi.mlp_bag, bag, mlp_bag_field::size)));
        frame_.repeat(count, [&](Value* i) {
          Value* const term = b_.CreateInBoundsGEP(frame_.abi.mlp_term, terms, i);
          Value* const index = frame_.fixed(b_.CreateLoad(b_.getInt64Ty(), b_.CreateStructGEP(frame_.abi.mlp_term, term, mlp_term_field::term)));
          Value* const times = b_.CreateFPTrunc(frame_.fixed(b_.CreateLoad(b_.getDoubleTy(), b_.CreateStructGEP(frame_.abi.mlp_term, term, mlp_term_field::value))), b_.getFloatTy());
          scatters ? line(s.width, entry(index), mine, times, true) : line(s.width, mine, entry(index), times, true);
        });
        return;
      }
      Value *index, *inside;
      if (s.integer >= 0) {  // -1: a missing code
        Value* const codes = frame_.array_element(mlp_network_call_field::codes, s.integer, frame_.pointer());
        index = b_.CreateSExt(frame_.fixed(b_.CreateLoad(b_.getInt32Ty(), b_.CreateInBoundsGEP(b_.getInt32Ty(), codes, row))), b_.getInt64Ty());
        inside = b_.CreateICmpSGE(index, i64(0));
      } else {  // NaN, a negative or a large number are no row
        Value *const number = b_.CreateLoad(b_.getFloatTy(), at(s.b, {row})), *const zero = llvm::ConstantFP::get(b_.getFloatTy(), 0);
        inside = b_.CreateAnd(b_.CreateFCmpOGE(number, zero), b_.CreateFCmpOLT(number, llvm::ConstantFP::get(b_.getFloatTy(), static_cast<double>(s.m.count))));
        index = b_.CreateFPToSI(b_.CreateSelect(inside, number, zero), b_.getInt64Ty());
      }
      if (scatters) frame_.when(inside, [&] { line(s.width, entry(index), mine, nullptr, true); });
      else frame_.when(inside, [&] { line(s.width, mine, entry(index), nullptr, false); }, [&] { zeros(s.width, mine); });
    });
  }

  const std::string& symbol_;
  const std::string& level_;
  llvm::IRBuilder<> b_;
  NetworkFrame frame_;
  loop::Segments segments_;
  std::map<std::string, std::size_t> forms_;   // by their texts, in order of appearance
};

}  // namespace

void build_network(const loop::Function& function, const std::string& symbol, const std::string& level, const AbiTypes& abi, const llvm::Module& builtins, llvm::Module& into) {
  Builder(function, symbol, level, abi, builtins, into).build();
}

}  // namespace mlp::codegen
