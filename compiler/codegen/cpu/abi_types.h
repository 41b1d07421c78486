// The LLVM twin of abi/abi.h, made from the same table.
#pragma once
#include <llvm/IR/DataLayout.h>
#include <llvm/IR/DerivedTypes.h>
#include <llvm/IR/IRBuilder.h>

namespace mlp::codegen {

// Field numbers: mlp_column_field::present and so on.
#define MLP_STRUCT(name) namespace name##_field { enum : unsigned {
#define MLP_FIELD(structure, kind, type, field, offset) field,
#define MLP_END(name, size) }; }
#include "abi/abi.def"
#undef MLP_STRUCT
#undef MLP_FIELD
#undef MLP_END

struct AbiTypes {
#define MLP_STRUCT(name) llvm::StructType* name;
#define MLP_FIELD(structure, kind, type, field, offset)
#define MLP_END(name, size)
#include "abi/abi.def"
#undef MLP_STRUCT
#undef MLP_FIELD
#undef MLP_END
  AbiTypes(llvm::LLVMContext& context, const llvm::DataLayout& layout);  // a Bug when an offset or size differs from the table
};

}  // namespace mlp::codegen
