#include "compiler/pass/arithmetic.h"
#include "compiler/plan/passes.h"
#include "stdlib/builtins/builtins.h"

namespace mlp::planning {
namespace {

std::optional<Constant> to_constant(const ir::Expr& e) {
  const Scalar scalar = e.type.scalar;
  if (e.op != ir::ExprOp::constant || e.value.null || is_text(scalar)) return {};
  if (scalar == Scalar::boolean) return Constant::of(e.value.integer != 0);
  if (scalar == Scalar::real || scalar == Scalar::real32) return Constant::of(e.value.real);
  return Constant::of(e.value.integer);
}

// The value of a call of constants, when it is one operation.
std::optional<Value> call_value(const flow::Program& program, const ir::Expr& call) {
  std::vector<Constant> constants;
  std::vector<BuiltinType> types;
  for (const ir::ExprId arg : call.args) {
    const auto constant = to_constant(program[arg]);
    if (!constant) return {};
    constants.push_back(*constant);
    types.push_back({BuiltinShape::scalar, program[arg].type});
  }
  const Builtin* builtin = resolve_builtin(call.callee, types);
  if (!builtin || builtin->code_class() != "op") return {};
  const auto result = compute(builtin->code_name(), constants);
  if (!result) return {};
  return Value{.null = false, .integer = result->integer, .real = result->real, .text = {}};
}

}  // namespace

// Constants in place of calls of constants; the branch taken in place of an `if` whose condition is known.
void fold_constants(flow::Program& program) {
  std::vector<ir::ExprId> now(program.exprs.size());
  for (std::size_t i = 0; i < program.exprs.size(); ++i) {
    now[i] = ir::ExprId{static_cast<std::int32_t>(i)};
    ir::Expr& e = program.exprs[i];
    for (ir::ExprId& arg : e.args) arg = now[arg.index];
    if (e.op == ir::ExprOp::call) {
      if (const auto value = call_value(program, e))
        e = {.op = ir::ExprOp::constant, .type = e.type, .stage = ir::Stage::constant, .callee = {}, .args = {}, .value = *value, .column = {}, .slot = {}, .span = e.span};
    } else if (e.op == ir::ExprOp::select) {
      const auto condition = to_constant(program[e.args[0]]);
      if (condition) now[i] = e.args[condition->integer ? 1 : 2];
    }
  }
  each_root(program, [&](ir::ExprId& id) { id = now[id.index]; });
}

}  // namespace mlp::planning
