#include "compiler/codegen/cpu/kernel_builder.h"

#include <llvm/IR/MDBuilder.h>

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "base/diagnostic.h"
#include "compiler/codegen/cpu/host_functions.h"

namespace mlp::codegen {
namespace {

using llvm::BasicBlock;
using llvm::Type;
using llvm::Value;
using loop::Instr;
using loop::Kind;
using loop::Op;

constexpr int block_rows = 256;
constexpr int group_cost = 64;      // instructions in a loop, about
constexpr int group_pointers = 12;  // arrays that a loop walks, about: what general registers hold
constexpr int shared_from = 2;      // so many outputs of one shape share their code

// Cheap to have twice: such a value does not tie two outputs together.
bool is_leaf(Op op) {
  return op == Op::constant || op == Op::load || op == Op::present || op == Op::fitted || op == Op::fitted_text;
}

// The column, slot or number behind an instruction: what differs between outputs of one shape.
bool has_index(Op op) {
  return op == Op::load || op == Op::present || op == Op::fitted || op == Op::fitted_text || op == Op::table_code || op == Op::table_value ||
         op == Op::table_size || op == Op::bag;
}

// Outputs computed together by one function. When `calls` has rows, the function is called once for each of them: a row
// holds the indexes of the instructions that have one, in order, then those of the outputs. The group itself is the first.
struct Group {
  std::vector<int> outputs;
  std::vector<char> needed;  // by instruction
  std::vector<std::vector<std::int64_t>> calls;
};

// Everything about connected outputs but their indexes, which go to `row`: equal texts mean equal code.
std::string shape(const loop::Kernel& kernel, const std::vector<int>& outputs, const std::vector<int>& instructions, std::vector<std::int64_t>& row) {
  std::map<int, int> local;
  std::string text;
  for (const int i : instructions) {
    const Instr& instr = kernel.body[i];
    text += std::to_string(static_cast<int>(instr.op)) + ':' + std::to_string(static_cast<int>(instr.kind));
    for (const loop::ValueId arg : instr.args) text += ' ' + std::to_string(local.at(arg.index));
    if (has_index(instr.op)) row.push_back(instr.integer);
    else text += " = " + std::to_string(instr.integer) + ' ' + ir::exact(instr.real) + ' ' + ir::quote(instr.text);
    text += '\n';
    local.emplace(i, static_cast<int>(local.size()));
  }
  for (const int o : outputs) {
    const loop::Output& output = kernel.outputs[o];
    text += "output " + std::to_string(local.at(output.value.index)) + ' ' + (output.present.known() ? std::to_string(local.at(output.present.index)) : "") + '\n';
    row.push_back(o);
  }
  return text;
}

// Outputs that share computed values go together, as does what is small; text apart from numbers. Outputs of one shape,
// as the pixels of an image, share one function: compile time depends on how many different things a kernel does.
std::vector<Group> group_outputs(const loop::Kernel& kernel) {
  const int count = static_cast<int>(kernel.outputs.size());
  std::vector<int> parent(count);
  std::iota(parent.begin(), parent.end(), 0);
  const auto root = [&](int i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
  };
  struct Need {
    std::vector<int> instructions;
    bool text = false;
    int cost = 0, pointers = 0;
  };
  std::vector<Need> needs(count);
  std::vector<int> owner(kernel.body.size(), -1), mark(kernel.body.size(), -1);
  for (int o = 0; o < count; ++o) {
    std::vector<int> work;
    const auto want = [&](loop::ValueId id) {
      if (!id.known() || mark[id.index] == o) return;
      mark[id.index] = o;
      work.push_back(id.index);
    };
    want(kernel.outputs[o].value);
    want(kernel.outputs[o].present);
    needs[o].pointers = kernel.outputs[o].present.known() ? 2 : 1;
    while (!work.empty()) {
      const int i = work.back();
      work.pop_back();
      const Instr& instr = kernel.body[i];
      if (!is_leaf(instr.op)) {
        // What stands behind a shared value is shared already.
        if (owner[i] >= 0) {
          const int a = root(owner[i]), b = root(o);
          parent[std::max(a, b)] = std::min(a, b);
          continue;
        }
        owner[i] = o;
        ++needs[o].cost;
      } else if (instr.op == Op::load || instr.op == Op::present) {
        ++needs[o].pointers;
      }
      needs[o].text |= instr.kind == Kind::string || instr.kind == Kind::bag;
      needs[o].instructions.push_back(i);
      for (const loop::ValueId arg : instr.args) want(arg);
    }
  }
  // Connected outputs, in order of their first.
  std::map<int, std::vector<int>> components;
  for (int o = 0; o < count; ++o) components[root(o)].push_back(o);

  struct Component {
    std::vector<int> outputs, instructions;
    std::vector<std::int64_t> row;
    std::string shape;
  };
  std::vector<Component> parts;
  std::map<std::string, int> times;
  for (const auto& [first, outputs] : components) {
    Component part{outputs, {}, {}, {}};
    std::set<int> all;
    for (const int o : outputs) all.insert(needs[o].instructions.begin(), needs[o].instructions.end());
    part.instructions.assign(all.begin(), all.end());
    part.shape = shape(kernel, outputs, part.instructions, part.row);
    ++times[part.shape];
    parts.push_back(std::move(part));
  }

  std::vector<Group> groups;
  std::map<std::string, std::size_t> shared;  // shape → its group
  struct Open {
    int group = -1, cost = 0, pointers = 0;
  } open[2];  // numbers, text
  const auto add = [&](Group& group, const Component& part) {
    group.outputs.insert(group.outputs.end(), part.outputs.begin(), part.outputs.end());
    group.needed.resize(kernel.body.size());
    for (const int i : part.instructions) group.needed[i] = 1;
  };
  for (const Component& part : parts) {
    if (times[part.shape] >= shared_from) {
      const auto [at, fresh] = shared.emplace(part.shape, groups.size());
      if (fresh) add(groups.emplace_back(), part);
      groups[at->second].calls.push_back(part.row);
      continue;
    }
    bool text = false;
    int cost = 0, pointers = 0;
    for (const int o : part.outputs) {
      text |= needs[o].text;
      cost += needs[o].cost;
      pointers += needs[o].pointers;
    }
    Open& at = open[text];
    if (at.group < 0 || at.cost + cost > group_cost || at.pointers + pointers > group_pointers) {
      at = {static_cast<int>(groups.size()), 0, 0};
      groups.emplace_back();
    }
    at.cost += cost;
    at.pointers += pointers;
    add(groups[at.group], part);
  }
  return groups;
}

// A value of the loop IR: a text is a pointer and a size.
struct Held {
  Value* value = nullptr;
  Value* size = nullptr;
};

// A column, slot or output: a number, or where the number stands in the row of a shared group.
struct Index {
  std::int64_t number = 0;
  int place = -1;
  std::int64_t key() const { return place < 0 ? number : place; }
};

class Builder {
 public:
  Builder(const loop::Kernel& kernel, const AbiTypes& abi, const llvm::Module& builtins, bool in_process, unsigned space, llvm::Module& into)
      : kernel_(kernel), abi_(abi), builtins_(builtins), in_process_(in_process), space_(space), module_(into), context_(into.getContext()), b_(context_),
        pointer_(llvm::PointerType::get(context_, space)) {}

  void build(const std::string& symbol, const std::string& level) {
    Type* const i64 = b_.getInt64Ty();
    llvm::Function* const function = make_function(symbol, llvm::Function::ExternalLinkage, level, {pointer_, pointer_, pointer_});
    BasicBlock* const entry = BasicBlock::Create(context_, "entry", function);
    BasicBlock* const block = BasicBlock::Create(context_, "block", function);
    BasicBlock* const body = BasicBlock::Create(context_, "rows", function);
    BasicBlock* const done = BasicBlock::Create(context_, "done", function);
    b_.SetInsertPoint(entry);
    Value* const batch = function->getArg(0);
    Value* const rows = field(abi_.mlp_batch, batch, mlp_batch_field::rows, i64);
    b_.CreateBr(block);

    b_.SetInsertPoint(block);
    llvm::PHINode* const base = b_.CreatePHI(i64, 2, "base");
    base->addIncoming(b_.getInt64(0), entry);
    b_.CreateCondBr(b_.CreateICmpSLT(base, rows), body, done);

    b_.SetInsertPoint(body);
    Value* const left = b_.CreateSub(rows, base);
    Value* const count = b_.CreateSelect(b_.CreateICmpULT(left, b_.getInt64(block_rows)), left, b_.getInt64(block_rows), "count");
    int number = 0;
    for (const Group& group : group_outputs(kernel_)) {
      // Functions of their own: the time that LLVM takes for a function grows faster than its size.
      declare_part(symbol + "." + std::to_string(number++), level);
      function_->addFnAttr(llvm::Attribute::NoInline);
      const auto call = [&](Value* row) { b_.CreateCall(function_, {batch, function->getArg(1), function->getArg(2), base, count, row}); };
      if (group.calls.empty()) {
        call(llvm::ConstantPointerNull::get(llvm::cast<llvm::PointerType>(pointer_)));
      } else {
        Value* const table = index_table(group.calls);
        BasicBlock* const before = b_.GetInsertBlock();
        BasicBlock* const calls = BasicBlock::Create(context_, "calls", function, done);
        BasicBlock* const after = BasicBlock::Create(context_, "called", function, done);
        b_.CreateBr(calls);
        b_.SetInsertPoint(calls);
        llvm::PHINode* const at = b_.CreatePHI(i64, 2, "call");
        at->addIncoming(b_.getInt64(0), before);
        call(b_.CreateInBoundsGEP(b_.getInt32Ty(), table, b_.CreateMul(at, b_.getInt64(group.calls[0].size()))));
        Value* const next = b_.CreateNUWAdd(at, b_.getInt64(1));
        at->addIncoming(next, calls);
        b_.CreateCondBr(b_.CreateICmpULT(next, b_.getInt64(group.calls.size())), calls, after);
        b_.SetInsertPoint(after);
      }
      llvm::IRBuilder<>::InsertPointGuard guard(b_);
      build_group(group);
    }
    base->addIncoming(b_.CreateNUWAdd(base, b_.getInt64(block_rows)), b_.GetInsertBlock());
    b_.CreateBr(block);

    b_.SetInsertPoint(done);
    b_.CreateRetVoid();
  }

  std::vector<KernelPart> parts(const std::string& symbol, const std::vector<std::int64_t>& rows) {
    std::vector<KernelPart> made;
    for (const Group& group : group_outputs(kernel_)) {
      KernelPart& part = made.emplace_back();
      if (!group.calls.empty()) {
        part.indexes = index_table(group.calls);
        part.calls = static_cast<std::int64_t>(group.calls.size());
        part.width = static_cast<std::int64_t>(group.calls[0].size());
      }
      const std::string name = symbol + "." + std::to_string(made.size());
      declare_part(name, {});
      part.one = function_;
      build_group(group, {0});
      declare_part(name + ".all", {});
      part.all = function_;
      build_group(group, rows);
    }
    return made;
  }

 private:
  void declare_part(const std::string& name, const std::string& level) {
    Type* const i64 = b_.getInt64Ty();
    function_ = make_function(name, llvm::Function::InternalLinkage, level, {pointer_, pointer_, pointer_, i64, i64, pointer_});
  }
  // Parameters: batch, fitted, outputs; parts of a kernel also take the first row of the block and the rows in it.
  llvm::Function* make_function(const std::string& name, llvm::Function::LinkageTypes linkage, const std::string& level, std::vector<Type*> parameters) {
    llvm::Function* const function = llvm::Function::Create(llvm::FunctionType::get(b_.getVoidTy(), parameters, false), linkage, name, module_);
    function->addFnAttr(llvm::Attribute::NoUnwind);
    if (!level.empty()) {
      function->addFnAttr("target-cpu", level);
      function->addFnAttr("prefer-vector-width", level == "x86-64-v4" ? "512" : level == "x86-64-v3" ? "256" : "128");
    }
    for (unsigned i = 0; i < 3; ++i) {
      function->addParamAttr(i, llvm::Attribute::NoAlias);
      function->addParamAttr(i, llvm::Attribute::NonNull);
      function->addParamAttr(i, llvm::Attribute::ReadOnly);
    }
    return function;
  }
  Value* field(llvm::StructType* type, Value* base, unsigned index, Type* as) {
    return b_.CreateLoad(as, b_.CreateStructGEP(type, base, index));
  }
  // Element `index` of an array, where index is that of an instruction or output: a constant, or a parameter of the group.
  Value* element(Type* type, Value* base, Index index) {
    Value* const number = index.place < 0 ? b_.getInt64(static_cast<std::uint64_t>(index.number))
                                          : hoisted({parameter, index.place}, [&] { return b_.CreateZExt(b_.CreateLoad(b_.getInt32Ty(), b_.CreateConstInBoundsGEP1_64(b_.getInt32Ty(), function_->getArg(5), index.place)), b_.getInt64Ty()); });
    return b_.CreateInBoundsGEP(type, base, number);
  }
  Value* index_table(const std::vector<std::vector<std::int64_t>>& rows) {
    std::vector<std::uint32_t> flat;
    for (const auto& row : rows)
      for (const std::int64_t index : row) flat.push_back(static_cast<std::uint32_t>(index));
    llvm::Constant* const data = llvm::ConstantDataArray::get(context_, llvm::ArrayRef<std::uint32_t>(flat));
    return new llvm::GlobalVariable(module_, data->getType(), true, llvm::GlobalValue::PrivateLinkage, data, "mlp.indexes", nullptr, llvm::GlobalValue::NotThreadLocal, space_);
  }

  // A block of equal bytes that stands in for an array that a caller left out.
  template <class T>
  Value* constant_block(const char* name, T value) {
    if (llvm::GlobalVariable* const have = module_.getNamedGlobal(name)) return have;
    const std::vector<T> values(block_rows, value);
    llvm::Constant* const data = llvm::ConstantDataArray::get(context_, llvm::ArrayRef<T>(values));
    auto* const global = new llvm::GlobalVariable(module_, data->getType(), true, llvm::GlobalValue::PrivateLinkage, data, name, nullptr, llvm::GlobalValue::NotThreadLocal, space_);
    global->setAlignment(llvm::Align(64));
    return global;
  }
  // `array + base` when the array is there, else the block that stands in for it.
  Value* or_block(Value* array, Type* type, Value* block) {
    return b_.CreateSelect(b_.CreateIsNull(array), block, b_.CreateInBoundsGEP(type, array, base_));
  }

  // Everything that does not change over the rows of a block goes before the loop, on first use.
  template <class Make>
  Value* hoisted(std::pair<int, std::int64_t> key, Make make) {
    Value*& slot = hoisted_[key];
    if (!slot) {
      llvm::IRBuilder<>::InsertPointGuard guard(b_);
      b_.SetInsertPoint(preheader_->getTerminator());
      slot = make();
    }
    return slot;
  }
  enum : int { column_value, column_presence, number, text_data, text_size, dictionary, dictionary_size, table_values, table_folds, folds, output_value, output_presence, parameter, whole_table };

  Value* column_values(Index column, Type* type) {
    return hoisted({column_value, column.key()}, [&] {
      Value* const at = element(abi_.mlp_column, columns_, column);
      return b_.CreateInBoundsGEP(type, field(abi_.mlp_column, at, mlp_column_field::values, pointer_), base_);
    });
  }
  Value* column_present(Index column) {
    return hoisted({column_presence, column.key()}, [&] {
      Value* const at = element(abi_.mlp_column, columns_, column);
      return or_block(field(abi_.mlp_column, at, mlp_column_field::present, pointer_), b_.getInt8Ty(),
                      constant_block<std::uint8_t>("mlp.ones", 1));
    });
  }
  Value* fitted_number(Index slot) {
    return hoisted({number, slot.key()}, [&] {
      Value* const numbers = field(abi_.mlp_fitted, function_->getArg(1), mlp_fitted_field::numbers, pointer_);
      return b_.CreateLoad(b_.getDoubleTy(), element(b_.getDoubleTy(), numbers, slot));
    });
  }
  Value* fitted_text(Index slot, bool size) {
    return hoisted({size ? text_size : text_data, slot.key()}, [&] {
      Value* const texts = field(abi_.mlp_fitted, function_->getArg(1), mlp_fitted_field::texts, pointer_);
      Value* const at = element(abi_.mlp_string, texts, slot);
      return size ? field(abi_.mlp_string, at, mlp_string_field::size, b_.getInt64Ty())
                  : field(abi_.mlp_string, at, mlp_string_field::data, pointer_);
    });
  }
  Value* table_field(Index slot, unsigned index, Type* as) {
    Value* const tables = field(abi_.mlp_fitted, function_->getArg(1), mlp_fitted_field::tables, pointer_);
    return field(abi_.mlp_table, element(abi_.mlp_table, tables, slot), index, as);
  }
  Value* table_dictionary(Index slot) {
    return hoisted({dictionary, slot.key()}, [&] { return table_field(slot, mlp_table_field::dictionary, pointer_); });
  }
  Value* table_itself(Index slot) {
    return hoisted({whole_table, slot.key()}, [&] { return element(abi_.mlp_table, field(abi_.mlp_fitted, function_->getArg(1), mlp_fitted_field::tables, pointer_), slot); });
  }
  Value* table_size(Index slot) {
    Value* const of = table_dictionary(slot);
    return hoisted({dictionary_size, slot.key()}, [&] { return field(abi_.mlp_dictionary, of, mlp_dictionary_field::size, b_.getInt64Ty()); });
  }
  Value* row_fold() {
    Value* const array = hoisted({folds, 0}, [&] {
      return or_block(fold_, b_.getInt32Ty(), constant_block<std::uint32_t>("mlp.no_fold", 0xffffffff));
    });
    return b_.CreateSExt(load_row(b_.getInt32Ty(), array), b_.getInt64Ty());
  }
  // Memory on the stack, made outside the loop.
  Value* stack(Type* type) {
    llvm::IRBuilder<>::InsertPointGuard guard(b_);
    b_.SetInsertPoint(preheader_, preheader_->getFirstInsertionPt());
    return b_.CreateAlloca(type);
  }

  template <class Access>
  Access* in_loop(Access* access) {
    access->setMetadata(llvm::LLVMContext::MD_access_group, access_group_);
    return access;
  }
  Value* load_row(Type* type, Value* array) {
    return in_loop(b_.CreateLoad(type, b_.CreateInBoundsGEP(type, array, row_)));
  }
  void store_row(Value* value, Type* type, Value* array) {
    in_loop(b_.CreateStore(value, b_.CreateInBoundsGEP(type, array, row_)));
  }

  // Over the rows of the call, or those that `rows` names, without a loop.
  void build_group(const Group& group, const std::vector<std::int64_t>& rows = {}) {
    preheader_ = BasicBlock::Create(context_, "entry", function_);
    b_.SetInsertPoint(preheader_);
    Value* const batch = function_->getArg(0);
    columns_ = field(abi_.mlp_batch, batch, mlp_batch_field::columns, pointer_);
    fold_ = field(abi_.mlp_batch, batch, mlp_batch_field::fold, pointer_);
    arena_ = field(abi_.mlp_batch, batch, mlp_batch_field::arena, pointer_);
    base_ = function_->getArg(3);
    Value* const count = function_->getArg(4);
    result_ = unread_ = nullptr;
    int place = 0;  // of the next index in a row of a shared group
    const auto index = [&](std::int64_t number) { return Index{number, group.calls.empty() ? -1 : place++}; };
    std::vector<Index> indexes(kernel_.body.size()), of_outputs;
    for (std::size_t i = 0; i < kernel_.body.size(); ++i)
      if (group.needed[i] && has_index(kernel_.body[i].op)) indexes[i] = index(kernel_.body[i].integer);
    for (const int o : group.outputs) of_outputs.push_back(index(o));
    const auto compute_all = [&](auto wanted) {
      for (std::size_t i = 0; i < kernel_.body.size(); ++i)
        if (group.needed[i] && wanted(kernel_.body[i].op)) held_[i] = compute(kernel_.body[i], indexes[i]);
    };
    const auto write_all = [&] {
      for (std::size_t o = 0; o < group.outputs.size(); ++o) write(kernel_.outputs[static_cast<std::size_t>(group.outputs[o])], of_outputs[o]);
    };
    access_group_ = llvm::MDNode::getDistinct(context_, {});
    hoisted_.clear();
    held_.assign(kernel_.body.size(), {});
    BasicBlock* const loop = BasicBlock::Create(context_, "loop", function_);
    BasicBlock* const after = BasicBlock::Create(context_, "after", function_);
    b_.CreateBr(loop);
    b_.SetInsertPoint(loop);
    if (!rows.empty()) {
      // What is read of all the rows comes first, so that it is on its way together.
      const auto is_read = [](Op op) { return op == Op::load || op == Op::present; };
      std::vector<std::vector<Held>> held(rows.size(), held_);
      for (const bool read : {true, false})
        for (std::size_t r = 0; r < rows.size(); ++r) {
          row_ = b_.getInt64(static_cast<std::uint64_t>(rows[r]));
          held_.swap(held[r]);
          compute_all([&](Op op) { return is_read(op) == read; });
          if (!read) write_all();
          held_.swap(held[r]);
        }
      b_.CreateBr(after);
      b_.SetInsertPoint(after);
      b_.CreateRetVoid();
      return;
    }
    llvm::PHINode* const row = b_.CreatePHI(b_.getInt64Ty(), 2, "row");
    row->addIncoming(b_.getInt64(0), preheader_);
    row_ = row;
    compute_all([](Op) { return true; });
    write_all();

    Value* const next = b_.CreateNUWAdd(row_, b_.getInt64(1));
    row->addIncoming(next, b_.GetInsertBlock());
    llvm::BranchInst* const back = b_.CreateCondBr(b_.CreateICmpULT(next, count), loop, after);
    // Rows are independent of each other: no run-time checks of overlap are needed.
    llvm::Metadata* const parallel =
        llvm::MDNode::get(context_, {llvm::MDString::get(context_, "llvm.loop.parallel_accesses"), access_group_});
    llvm::MDNode* const id = llvm::MDNode::getDistinct(context_, {nullptr, parallel});
    id->replaceOperandWith(0, id);
    back->setMetadata(llvm::LLVMContext::MD_loop, id);
    b_.SetInsertPoint(after);
    b_.CreateRetVoid();
  }

  void write(const loop::Output& output, Index index) {
    const Kind kind = kernel_.body[output.value.index].kind;
    const Held held = held_[output.value.index];
    Type* const type = memory_type(kind);
    Value* const array = hoisted({output_value, index.key()}, [&] {
      Value* const at = element(abi_.mlp_output, function_->getArg(2), index);
      return b_.CreateInBoundsGEP(type, field(abi_.mlp_output, at, mlp_output_field::values, pointer_), base_);
    });
    if (kind == Kind::string || kind == Kind::bag) {  // both a pointer and a size
      Value* const at = b_.CreateInBoundsGEP(type, array, row_);
      in_loop(b_.CreateStore(held.value, b_.CreateStructGEP(abi_.mlp_string, at, mlp_string_field::data)));
      in_loop(b_.CreateStore(held.size, b_.CreateStructGEP(abi_.mlp_string, at, mlp_string_field::size)));
    } else if (kind == Kind::f64) {
      // Sign and payload of a NaN depend on how it came about: all are written as the one quiet NaN, as are nulls.
      llvm::Constant* const nan = llvm::ConstantFP::get(b_.getDoubleTy(), std::numeric_limits<double>::quiet_NaN());
      Value* value = b_.CreateSelect(b_.CreateFCmpUNO(held.value, held.value), nan, held.value);
      if (output.present.known()) value = b_.CreateSelect(held_[output.present.index].value, value, nan);
      store_row(value, type, array);
    } else {
      store_row(kind == Kind::boolean ? b_.CreateZExt(held.value, b_.getInt8Ty()) : held.value, type, array);
    }
    if (output.present.known()) {
      Value* const present = hoisted({output_presence, index.key()}, [&] {
        Value* const at = element(abi_.mlp_output, function_->getArg(2), index);
        if (!unread_) unread_ = stack(llvm::ArrayType::get(b_.getInt8Ty(), block_rows));
        return or_block(field(abi_.mlp_output, at, mlp_output_field::present, pointer_), b_.getInt8Ty(), unread_);
      });
      store_row(b_.CreateZExt(held_[output.present.index].value, b_.getInt8Ty()), b_.getInt8Ty(), present);
    }
  }

  Type* memory_type(Kind kind) {
    switch (kind) {
      case Kind::f64: return b_.getDoubleTy();
      case Kind::i64: return b_.getInt64Ty();
      case Kind::boolean: return b_.getInt8Ty();
      case Kind::string: case Kind::bag: return abi_.mlp_string;
    }
    MLP_BUG("a kind without a type");
  }

  Value* arg(const Instr& instr, std::size_t i) { return held_[instr.args[i].index].value; }
  Kind kind_of(const Instr& instr, std::size_t i) { return kernel_.body[instr.args[i].index].kind; }

  Held compute(const Instr& instr, Index at) {
    const bool real = !instr.args.empty() && kind_of(instr, 0) == Kind::f64;
    switch (instr.op) {
      case Op::constant: return constant(instr);
      case Op::load: {
        Type* const type = memory_type(instr.kind);
        Value* const array = column_values(at, type);
        if (instr.kind == Kind::string) {
          Value* const text = b_.CreateInBoundsGEP(type, array, row_);
          Value* const data = in_loop(b_.CreateLoad(pointer_, b_.CreateStructGEP(abi_.mlp_string, text, mlp_string_field::data)));
          return {data, in_loop(b_.CreateLoad(b_.getInt64Ty(), b_.CreateStructGEP(abi_.mlp_string, text, mlp_string_field::size)))};
        }
        Value* const value = load_row(type, array);
        return {instr.kind == Kind::boolean ? b_.CreateIsNotNull(value) : value};
      }
      case Op::present: return {b_.CreateIsNotNull(load_row(b_.getInt8Ty(), column_present(at)))};
      case Op::fitted: return {fitted_number(at)};
      case Op::fitted_text: return {fitted_text(at, false), fitted_text(at, true)};
      case Op::table_code: {
        const Held key = held_[instr.args[0].index];
        return {b_.CreateCall(builtin("mlp_dictionary_find"), {table_dictionary(at), key.value, key.size})};
      }
      case Op::table_size: return {table_size(at)};
      case Op::table_value: {
        Value* const size = table_size(at);
        Value* const values = hoisted({table_values, at.key()}, [&] { return table_field(at, mlp_table_field::values, pointer_); });
        // A code that no dictionary gave reads as an absent key, never past the table.
        Value* const code = b_.CreateSelect(b_.CreateICmpULT(arg(instr, 0), size), arg(instr, 0), size);
        // A table without this fold has one line only: frequencies beside target means.
        Value* const own = hoisted({table_folds, at.key()}, [&] { return table_field(at, mlp_table_field::folds, b_.getInt64Ty()); });
        Value* const wanted = row_fold();
        Value* const fold = b_.CreateSelect(b_.CreateICmpULT(wanted, own), wanted, b_.getInt64(static_cast<std::uint64_t>(-1)));
        Value* const line = b_.CreateMul(b_.CreateAdd(fold, b_.getInt64(1)), b_.CreateAdd(size, b_.getInt64(1)));
        return {in_loop(b_.CreateLoad(b_.getDoubleTy(), b_.CreateInBoundsGEP(b_.getDoubleTy(), values, b_.CreateAdd(line, code))))};
      }
      case Op::add: return {real ? b_.CreateFAdd(arg(instr, 0), arg(instr, 1)) : b_.CreateAdd(arg(instr, 0), arg(instr, 1))};
      case Op::sub: return {real ? b_.CreateFSub(arg(instr, 0), arg(instr, 1)) : b_.CreateSub(arg(instr, 0), arg(instr, 1))};
      case Op::mul: return {real ? b_.CreateFMul(arg(instr, 0), arg(instr, 1)) : b_.CreateMul(arg(instr, 0), arg(instr, 1))};
      case Op::div: return {b_.CreateFDiv(arg(instr, 0), arg(instr, 1))};
      case Op::neg: return {real ? b_.CreateFNeg(arg(instr, 0)) : b_.CreateNeg(arg(instr, 0))};
      case Op::eq: return compare(instr, real, llvm::CmpInst::FCMP_OEQ, llvm::CmpInst::ICMP_EQ);
      case Op::ne: return compare(instr, real, llvm::CmpInst::FCMP_UNE, llvm::CmpInst::ICMP_NE);
      case Op::lt: return compare(instr, real, llvm::CmpInst::FCMP_OLT, llvm::CmpInst::ICMP_SLT);
      case Op::le: return compare(instr, real, llvm::CmpInst::FCMP_OLE, llvm::CmpInst::ICMP_SLE);
      case Op::gt: return compare(instr, real, llvm::CmpInst::FCMP_OGT, llvm::CmpInst::ICMP_SGT);
      case Op::ge: return compare(instr, real, llvm::CmpInst::FCMP_OGE, llvm::CmpInst::ICMP_SGE);
      case Op::and_: return {b_.CreateAnd(arg(instr, 0), arg(instr, 1))};
      case Op::or_: return {b_.CreateOr(arg(instr, 0), arg(instr, 1))};
      case Op::not_: return {b_.CreateNot(arg(instr, 0))};
      case Op::select: {
        const Held yes = held_[instr.args[1].index], no = held_[instr.args[2].index];
        Held out{b_.CreateSelect(arg(instr, 0), yes.value, no.value)};
        if (instr.kind == Kind::string) out.size = b_.CreateSelect(arg(instr, 0), yes.size, no.size);
        return out;
      }
      case Op::to_f64:
        return {kind_of(instr, 0) == Kind::boolean ? b_.CreateUIToFP(arg(instr, 0), b_.getDoubleTy())
                                                   : b_.CreateSIToFP(arg(instr, 0), b_.getDoubleTy())};
      case Op::to_i64: return {b_.CreateZExt(arg(instr, 0), b_.getInt64Ty())};
      case Op::bag: return bag(instr, table_itself(at));
      case Op::hash_bag: return bag(instr, llvm::ConstantPointerNull::get(llvm::cast<llvm::PointerType>(pointer_)));
      case Op::call: return call(instr);
    }
    MLP_BUG("an operation without code");
  }

  Held bag(const Instr& instr, Value* table) {
    const Held text = held_[instr.args[0].index];
    if (!result_) result_ = stack(abi_.mlp_string);
    b_.CreateCall(builtin("mlp_text_bag"), {text.value, text.size, table, arg(instr, 1), arena_, result_});
    return {field(abi_.mlp_string, result_, mlp_string_field::data, pointer_), field(abi_.mlp_string, result_, mlp_string_field::size, b_.getInt64Ty())};
  }

  Held compare(const Instr& instr, bool real, llvm::CmpInst::Predicate of_reals, llvm::CmpInst::Predicate of_integers) {
    return {real ? b_.CreateFCmp(of_reals, arg(instr, 0), arg(instr, 1)) : b_.CreateICmp(of_integers, arg(instr, 0), arg(instr, 1))};
  }

  Held constant(const Instr& instr) {
    switch (instr.kind) {
      case Kind::f64: return {llvm::ConstantFP::get(b_.getDoubleTy(), instr.real)};
      case Kind::i64: return {b_.getInt64(static_cast<std::uint64_t>(instr.integer))};
      case Kind::boolean: return {b_.getInt1(instr.integer != 0)};
      case Kind::string: case Kind::bag: break;
    }
    return {b_.CreateGlobalString(instr.text, "text", 0, &module_, false), b_.getInt64(instr.text.size())};
  }

  llvm::Function* builtin(const std::string& name) {
    const auto& host = host_functions();
    const bool here = in_process_ && std::any_of(host.begin(), host.end(), [&](const auto& known) { return known.first == name; });
    const std::string symbol = here ? host_prefix + name : name;
    if (llvm::Function* const have = module_.getFunction(symbol)) return have;
    const llvm::Function* const known = builtins_.getFunction(name);
    if (!known) MLP_BUG("there is no builtin function `" + name + "`");
    return llvm::Function::Create(known->getFunctionType(), llvm::Function::ExternalLinkage, symbol, module_);
  }

  // Arguments by the C signature (stdlib/builtins/kernels.h): a text is a pointer and a size; a function that gives a text
  // takes the arena and the place of the result last.
  Held call(const Instr& instr) {
    llvm::Function* const callee = builtin(instr.text);
    const bool gives_text = instr.kind == Kind::string;
    std::vector<Value*> args;
    for (std::size_t i = 0; i < instr.args.size(); ++i) {
      const Held held = held_[instr.args[i].index];
      const Kind kind = kind_of(instr, i);
      args.push_back(kind == Kind::boolean ? b_.CreateZExt(held.value, b_.getInt8Ty()) : held.value);
      if (kind == Kind::string) args.push_back(held.size);
    }
    if (gives_text) {
      if (!result_) result_ = stack(abi_.mlp_string);
      args.push_back(arena_);
      args.push_back(result_);
    }
    Type* const gives = gives_text ? b_.getVoidTy() : memory_type(instr.kind);
    const llvm::FunctionType* const type = callee->getFunctionType();
    bool fits = type->getReturnType() == gives && type->getNumParams() == args.size();
    for (unsigned i = 0; fits && i < args.size(); ++i) fits = type->getParamType(i) == args[i]->getType();
    if (!fits) MLP_BUG("a call of `" + instr.text + "` does not fit its C signature");
    llvm::CallInst* const made = b_.CreateCall(callee, args);
    if (gives_text) {
      return {field(abi_.mlp_string, result_, mlp_string_field::data, pointer_),
              field(abi_.mlp_string, result_, mlp_string_field::size, b_.getInt64Ty())};
    }
    // Loads of constant tables inside inherit this, so that they do not stand in the way of vectorising.
    made->setMetadata(llvm::LLVMContext::MD_access_group, access_group_);
    return {instr.kind == Kind::boolean ? b_.CreateIsNotNull(made) : static_cast<Value*>(made)};
  }

  const loop::Kernel& kernel_;
  const AbiTypes& abi_;
  const llvm::Module& builtins_;
  const bool in_process_;
  const unsigned space_;             // of addresses
  llvm::Module& module_;
  llvm::LLVMContext& context_;
  llvm::IRBuilder<> b_;
  Type* const pointer_;
  llvm::Function* function_ = nullptr;  // of the group at work, as all that follows
  BasicBlock* preheader_ = nullptr;
  Value *columns_ = nullptr, *fold_ = nullptr, *arena_ = nullptr;
  Value* base_ = nullptr;            // first row of the block
  Value* row_ = nullptr;             // within the block
  Value* result_ = nullptr;          // takes the text that a call gives
  Value* unread_ = nullptr;          // takes the presence of outputs whose caller wants none
  llvm::MDNode* access_group_ = nullptr;
  std::map<std::pair<int, std::int64_t>, Value*> hoisted_;
  std::vector<Held> held_;           // by instruction
};

}  // namespace

void build_kernel(const loop::Kernel& kernel, const std::string& symbol, const std::string& level, const AbiTypes& abi,
                  const llvm::Module& builtins, bool in_process, llvm::Module& into) {
  Builder(kernel, abi, builtins, in_process, 0, into).build(symbol, level);
}

std::vector<KernelPart> build_parts(const loop::Kernel& kernel, const std::string& symbol, const std::vector<std::int64_t>& rows, unsigned space, const AbiTypes& abi, const llvm::Module& builtins,
                                    llvm::Module& into) {
  return Builder(kernel, abi, builtins, false, space, into).parts(symbol, rows);
}

}  // namespace mlp::codegen
