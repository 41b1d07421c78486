#include "compiler/codegen/cpu/abi_types.h"

#include "base/diagnostic.h"

namespace mlp::codegen {
namespace {

struct Field {
  llvm::Type* type;
  std::uint64_t offset;
};

llvm::StructType* make(llvm::LLVMContext& context, const llvm::DataLayout& layout, const char* name,
                       std::initializer_list<Field> fields, std::uint64_t size) {
  std::vector<llvm::Type*> types;
  for (const Field& field : fields) types.push_back(field.type);
  llvm::StructType* const type = llvm::StructType::create(context, types, name);
  const llvm::StructLayout* const laid = layout.getStructLayout(type);
  unsigned i = 0;
  for (const Field& field : fields) {
    if (laid->getElementOffset(i++) != field.offset) MLP_BUG(std::string("the layout of ") + name + " differs from abi/abi.def");
  }
  if (laid->getSizeInBytes() != size) MLP_BUG(std::string("the size of ") + name + " differs from abi/abi.def");
  return type;
}

}  // namespace

AbiTypes::AbiTypes(llvm::LLVMContext& context, const llvm::DataLayout& layout) {
  [[maybe_unused]] llvm::Type* const pointer = llvm::PointerType::get(context, 0);
  [[maybe_unused]] llvm::Type* const i64 = llvm::Type::getInt64Ty(context);
  [[maybe_unused]] llvm::Type* const i32 = llvm::Type::getInt32Ty(context);
  [[maybe_unused]] llvm::Type* const f64 = llvm::Type::getDoubleTy(context);
#define MLP_STRUCT(name) name = make(context, layout, #name, {
#define MLP_FIELD(structure, kind, type, field, offset) {kind, offset},
#define MLP_END(name, size) }, size);
#include "abi/abi.def"
#undef MLP_STRUCT
#undef MLP_FIELD
#undef MLP_END
}

}  // namespace mlp::codegen
