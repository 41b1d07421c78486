// The passes of lower, one a file; pipeline.cpp says in which order and why.
#pragma once
#include "compiler/ir/flow/flow.h"
#include "compiler/ir/loop/loop.h"

namespace mlp::lowering {

// The translation: kernels, with the presence of every value spelt out.
loop::Module expand(const flow::Program& program);

// The functions of a network: score, train, update (loop/network.h). None when there is no network.
std::vector<loop::Function> network_functions(const flow::Program& program);

void simplify_presence(const flow::Program& program, loop::Module& module);
void common_subexpressions(const flow::Program& program, loop::Module& module);
void fold_constants(const flow::Program& program, loop::Module& module);
void drop_dead(const flow::Program& program, loop::Module& module);
void fuse_nests(const flow::Program& program, loop::Module& module);
void flatten_loops(const flow::Program& program, loop::Module& module);
void share_scratch(const flow::Program& program, loop::Module& module);

loop::Kind kind_of(Scalar scalar);
std::string_view word(loop::Op op);  // as loop prints it

// Rewrites a kernel front to back. `replace` sees each instruction with its arguments already renamed; it may change it
// in place, or return an earlier value that stands for it.
template <class Replace>
void rewrite(loop::Kernel& kernel, Replace&& replace) {
  std::vector<loop::ValueId> now(kernel.body.size());
  for (std::size_t i = 0; i < kernel.body.size(); ++i) {
    loop::Instr& instr = kernel.body[i];
    for (loop::ValueId& arg : instr.args) arg = now[arg.index];
    const loop::ValueId self{static_cast<std::int32_t>(i)};
    const loop::ValueId other = replace(instr, self);
    now[i] = other.known() ? other : self;
  }
  for (loop::Output& o : kernel.outputs) {
    o.value = now[o.value.index];
    if (o.present.known()) o.present = now[o.present.index];
  }
}

}  // namespace mlp::lowering
