// The LLVM side of the contract (its C side: tests/unit/abi).
#include "compiler/codegen/cpu/abi_types.h"

#include <gtest/gtest.h>

#include "abi/abi.h"
#include "base/diagnostic.h"

namespace mlp::codegen {
namespace {

constexpr const char* x86_64 = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128";

TEST(AbiTypes, LlvmAgreesWithC) {
  llvm::LLVMContext context;
  const llvm::DataLayout layout(x86_64);
  const AbiTypes types(context, layout);
#define MLP_STRUCT(name)
#define MLP_FIELD(structure, kind, type, field, offset) \
  EXPECT_EQ(layout.getStructLayout(types.structure)->getElementOffset(structure##_field::field), offsetof(structure, field)) << #structure "." #field;
#define MLP_END(structure, size) EXPECT_EQ(layout.getTypeAllocSize(types.structure), sizeof(structure)) << #structure;
#include "abi/abi.def"
#undef MLP_STRUCT
#undef MLP_FIELD
#undef MLP_END
}

TEST(AbiTypes, AnotherLayoutIsNoticed) {
  llvm::LLVMContext context;
  EXPECT_THROW(AbiTypes(context, llvm::DataLayout("e-p:32:32-i64:64")), Bug);
}

}  // namespace
}  // namespace mlp::codegen
