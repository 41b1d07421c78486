#include <bit>
#include <tuple>

#include "compiler/plan/passes.h"

namespace mlp::planning {
namespace {

// What an expression says, without its place in the text.
auto meaning(const ir::Expr& e) {
  return std::tuple(e.op, e.type.scalar, e.type.nullable, e.stage, e.callee, e.args, e.value.null, e.value.integer,
                    std::bit_cast<std::uint64_t>(e.value.real), e.value.text, e.column, e.slot);
}

}  // namespace

// One expression for all that say the same; with them, one aggregate for all that compute the same.
void share_common_expressions(flow::Program& program) {
  std::vector<ir::ExprId> now(program.exprs.size());
  std::map<decltype(meaning(program.exprs[0])), ir::ExprId> first;
  for (std::size_t i = 0; i < program.exprs.size(); ++i) {
    ir::Expr& e = program.exprs[i];
    for (ir::ExprId& arg : e.args) arg = now[arg.index];
    now[i] = first.try_emplace(meaning(e), ir::ExprId{static_cast<std::int32_t>(i)}).first->second;
  }
  each_root(program, [&](ir::ExprId& id) { id = now[id.index]; });
}

}  // namespace mlp::planning
