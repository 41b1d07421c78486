#include "compiler/codegen/gpu/steps.h"

#include "base/diagnostic.h"
#include "compiler/codegen/gpu/entry.h"
#include "stdlib/builtins/device_steps.h"

namespace mlp::codegen {

using llvm::Value;

void build_steps(NetworkFrame& frame) {
  llvm::IRBuilder<>& b = frame.b;
  const auto call = [&](const char* name, std::vector<Value*> args) {
    llvm::Function* const function = frame.builtin(name);
    if (!function) MLP_BUG(std::string("there is no builtin function `") + name + "`");
    llvm::Type* const plain = llvm::PointerType::get(b.getContext(), 0);   // C knows no spaces
    args.insert(args.begin(), frame.call);
    for (Value*& arg : args)
      if (arg->getType()->isPointerTy() && arg->getType() != plain) arg = b.CreateAddrSpaceCast(arg, plain);
    b.CreateCall(function, args);
  };
  const auto wide = [&](Value* v) { return b.CreateZExt(v, b.getInt64Ty()); };
  const auto point = [&](Value* block, Value* thread) { return wide(b.CreateAdd(b.CreateMul(block, b.getInt32(mlp_step_threads)), thread)); };
  for (const char* name : {"begin", "rows", "lost", "norm"})
    write_entry(frame, std::string("mlp_device_") + name, 0, [&](Value* block, Value* thread, Value*) { call((std::string("mlp_step_") + name).c_str(), {point(block, thread)}); });
  for (const char* name : {"scale", "follow"})
    write_entry(frame, std::string("mlp_device_") + name, 0,
                 [&](Value* block, Value* thread, Value*) { call((std::string("mlp_step_") + name).c_str(), {point(block, thread), frame.number}); });
  write_entry(
      frame, "mlp_device_total", 4 * mlp_step_threads, [&](Value*, Value* thread, Value* shared) { call("mlp_step_total", {wide(thread), shared}); },
      [&](Value*, Value* thread, Value* shared) { call("mlp_step_totalled", {wide(thread), shared}); });
  write_entry(
      frame, "mlp_device_square", 2 * mlp_step_threads, [&](Value* block, Value* thread, Value* shared) { call("mlp_step_square", {wide(block), wide(thread), shared}); },
      [&](Value* block, Value* thread, Value* shared) { call("mlp_step_squared", {wide(block), wide(thread), shared}); });
}

}  // namespace mlp::codegen
