#include <bit>
#include <map>
#include <tuple>

#include "compiler/lower/passes.h"

namespace mlp::lowering {

// Every instruction is pure: what stands twice in a kernel is computed once.
void common_subexpressions(const flow::Program&, loop::Module& module) {
  for (loop::Kernel& kernel : module.kernels) {
    std::map<std::tuple<loop::Op, loop::Kind, std::vector<loop::ValueId>, std::int64_t, std::uint64_t, std::string>, loop::ValueId> first;
    rewrite(kernel, [&](loop::Instr& i, loop::ValueId self) {
      return first.try_emplace({i.op, i.kind, i.args, i.integer, std::bit_cast<std::uint64_t>(i.real), i.text}, self).first->second;
    });
  }
}

}  // namespace mlp::lowering
