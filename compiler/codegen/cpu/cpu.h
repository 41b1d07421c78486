// loop → machine code through LLVM: in process (ORC) for fitting and training, objects for artifacts.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "abi/abi.h"
#include "compiler/ir/loop/loop.h"

namespace mlp::codegen {

struct Options {
  int optimize = 3;          // 0..3
  std::string cpu;           // x86-64-v2 | x86-64-v3 | x86-64-v4; "" = the best that this machine has. Ignored by object()
};

// What is wrong with the C of a module's externals, by place in its text. Throws Failure where no C compiler is installed.
struct CFault {
  std::size_t external = 0;     // of module.externals
  std::size_t begin = 0, end = 0;  // bytes of its text; both 0: in none of its lines
  std::string message;
  enum Kind { broken, missing, signature, impure } kind = broken;
};
std::vector<CFault> check_externals(const std::vector<loop::External>& externals);

// Kernels compiled into this process. Keep it alive as long as its functions are used.
class Compiled {
 public:
  virtual ~Compiled() = default;
  virtual mlp_kernel find(std::string_view kernel) const = 0;  // null when there is none of that name
  virtual mlp_network find_network(std::string_view function) const = 0;  // score or train; null without a network
  virtual mlp_network_update find_update() const = 0;                     // null without a network
};
std::unique_ptr<Compiled> compile(const loop::Module& module, const Options& options);

// A relocatable ELF object with mlp_<kernel>_v2, _v3 and _v4 for each kernel named, and of a network mlp_network_score_<level>. Needs
// nothing but itself.
std::string object(const loop::Module& module, const std::vector<std::string>& kernels, const Options& options);

std::string print_llvm(const loop::Module& module, const Options& options);  // after optimisation
std::string print_asm(const loop::Module& module, const Options& options);

}  // namespace mlp::codegen
