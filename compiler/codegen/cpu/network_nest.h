// Nests of a network in LLVM: vectors of 16 floats along the last loop at every level, so that all levels compute the same.
#pragma once
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <functional>
#include <vector>

#include "compiler/codegen/cpu/abi_types.h"
#include "compiler/ir/loop/network.h"

namespace mlp::codegen {

constexpr unsigned lanes = 16;

// Where buffers of a kernel lie that several steps are launched as: by launch and column two integers, floats of the scratch before the buffer, and floats for
// each (padded) row.
struct PlaceTable {
  llvm::GlobalVariable* values = nullptr;
  std::int64_t columns = 0;
  std::vector<std::int32_t> column;    // by buffer; -1: not there
};

// The function of a step at work: its call, rows and scratch.
struct NetworkFrame {
  const loop::Function& function;
  const AbiTypes& abi;
  const llvm::Module& builtins;
  llvm::Module& module;
  llvm::IRBuilder<>& b;
  llvm::Function* self = nullptr;
  llvm::Value *call = nullptr, *rows = nullptr, *scratch = nullptr;
  bool update = false;
  std::vector<llvm::Value*> bases{};   // by buffer, once asked for: at the end of `addresses`
  llvm::BasicBlock* addresses = nullptr;  // null: the entry of the function
  unsigned space = 0;                // of addresses: of a device that has several
  llvm::Value* number = nullptr;     // of a device: the launch, of those of one kernel
  const PlaceTable* places = nullptr;

  llvm::Type* pointer() const { return llvm::PointerType::get(b.getContext(), space); }
  // A field of the call. It does not change while the function runs, nor does what it points to of what is only read.
  llvm::Value* field(unsigned index, llvm::Type* type);
  llvm::Value* array_element(unsigned index, std::int64_t element, llvm::Type* type);  // field[element]
  llvm::Value* base(loop::BufferId buffer);
  llvm::Value* extent(const loop::Extent& e);
  llvm::Value* padded_rows();
  llvm::Function* builtin(const std::string& name);  // null when there is none
  // A loop from 0 to `count`: makes its body with the number. unrolled: how often LLVM is to write the body in a row, where above 1.
  void repeat(llvm::Value* count, const std::function<void(llvm::Value*)>& body, unsigned unrolled = 1);
  void when(llvm::Value* condition, const std::function<void()>& yes, const std::function<void()>& no = {});  // null: always
  template <class Instruction>
  Instruction* fixed(Instruction* load) {
    load->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(b.getContext(), {}));
    return load;
  }
};

bool holds_doubles(loop::Memory memory);
void build_nest(NetworkFrame& frame, const loop::Step& step);

}  // namespace mlp::codegen
