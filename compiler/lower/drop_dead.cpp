#include "compiler/lower/passes.h"

namespace mlp::lowering {

// Leaves out instructions that no output needs; values are numbered anew.
void drop_dead(const flow::Program&, loop::Module& module) {
  for (loop::Kernel& kernel : module.kernels) {
    std::vector<bool> live(kernel.body.size());
    for (const loop::Output& o : kernel.outputs) {
      live[o.value.index] = true;
      if (o.present.known()) live[o.present.index] = true;
    }
    for (std::size_t i = live.size(); i-- > 0;)
      if (live[i])
        for (const loop::ValueId arg : kernel.body[i].args) live[arg.index] = true;
    std::vector<loop::Instr> body;
    std::vector<loop::ValueId> now(live.size());
    for (std::size_t i = 0; i < live.size(); ++i) {
      if (!live[i]) continue;
      loop::Instr instr = std::move(kernel.body[i]);
      for (loop::ValueId& arg : instr.args) arg = now[arg.index];
      now[i].index = static_cast<std::int32_t>(body.size());
      body.push_back(std::move(instr));
    }
    kernel.body = std::move(body);
    for (loop::Output& o : kernel.outputs) {
      o.value = now[o.value.index];
      if (o.present.known()) o.present = now[o.present.index];
    }
  }
}

}  // namespace mlp::lowering
