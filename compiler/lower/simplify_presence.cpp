#include "compiler/lower/passes.h"

namespace mlp::lowering {

// Readers refuse nulls in columns whose type takes none, so their presence need not be looked up.
void simplify_presence(const flow::Program& program, loop::Module& module) {
  for (loop::Kernel& kernel : module.kernels)
    for (loop::Instr& i : kernel.body)
      if (i.op == loop::Op::present && !program.columns[i.integer].type.nullable) i = {loop::Op::constant, loop::Kind::boolean, {}, 1, 0, {}};
}

}  // namespace mlp::lowering
