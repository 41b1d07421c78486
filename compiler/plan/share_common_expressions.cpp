#include "compiler/plan/passes.h"

namespace mlp::planning {

// One expression for all that say the same; with them, one aggregate for all that compute the same.
void share_common_expressions(flow::Program& program) {
  std::vector<ir::ExprId> now(program.exprs.size());
  std::map<std::string, ir::ExprId> first;  // by what it says, without its place in the text
  for (std::size_t i = 0; i < program.exprs.size(); ++i) {
    ir::Expr& e = program.exprs[i];
    for (ir::ExprId& arg : e.args) arg = now[arg.index];
    ir::Expr nameless = e;
    nameless.span = {};
    ir::Writer w;
    w.record("expr", -1, nameless);
    now[i] = first.emplace(w.take(), ir::ExprId{static_cast<std::int32_t>(i)}).first->second;
  }
  each_root(program, [&](ir::ExprId& id) { id = now[id.index]; });
}

}  // namespace mlp::planning
