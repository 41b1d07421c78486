#include "compiler/ir/common/types.h"

#include <algorithm>

namespace mlp::ir {

std::string_view spell(Stage stage) { return enum_words<Stage>::words[static_cast<int>(stage)]; }

std::vector<std::string> verify_exprs(const std::vector<Expr>& exprs, std::size_t columns, bool flow) {
  std::vector<std::string> broken;
  const auto count = static_cast<std::int32_t>(exprs.size());
  for (std::int32_t i = 0; i < count; ++i) {
    const Expr& e = exprs[i];
    const auto breach = [&](const std::string& what) { broken.push_back("expr %" + std::to_string(i) + ": " + what); };
    bool ordered = true;
    for (const ExprId arg : e.args) ordered = ordered && arg.known() && arg.index < i;
    if (!ordered) {
      breach("an argument must stand before its user");
      continue;
    }
    const auto arg = [&](std::size_t n) -> const Expr& { return exprs[e.args[n].index]; };
    const auto needs = [&](bool holds, const char* what) { if (!holds) breach(what); };
    // What the arguments of an ordinary operation make of its stage.
    Stage latest = Stage::constant;
    for (std::size_t a = 0; a < e.args.size(); ++a) {
      latest = std::max(latest, arg(a).stage);
      if (arg(a).op == ExprOp::table && e.op != ExprOp::call) breach("a table is an argument of calls only");
    }
    switch (e.op) {
      case ExprOp::constant:
        needs(e.args.empty(), "a constant has no arguments");
        needs(e.stage == Stage::constant, "a constant is of stage const");
        needs(!e.value.null || e.type.nullable, "a null constant has a nullable type");
        break;
      case ExprOp::column:
        needs(e.args.empty(), "a column has no arguments");
        needs(e.column.known() && static_cast<std::size_t>(e.column.index) < columns, "a column of the schema");
        needs(e.stage == Stage::row, "a column is of stage row");
        break;
      case ExprOp::input:
        needs(e.args.empty() && e.column.known(), "an input has a number and no arguments");
        needs(e.stage == Stage::row && e.type == Type{Scalar::real, false}, "an input is a float of stage row");
        break;
      case ExprOp::call:
        needs(!e.callee.empty(), "a call names its builtin");
        needs(e.stage == std::max(latest, e.stage) && (e.stage == latest || flow), "a call is of the latest stage of its arguments");
        break;
      case ExprOp::select:
        if (e.args.size() != 3) {
          breach("a select has 3 arguments");
          break;
        }
        needs(arg(0).type.scalar == Scalar::boolean, "the condition of a select is a bool");
        for (std::size_t a = 1; a < 3; ++a)
          needs(arg(a).type.scalar == e.type.scalar || (is_text(arg(a).type.scalar) && is_text(e.type.scalar)), "both values of a select have its type");
        needs(e.type.nullable || !(arg(0).type.nullable || arg(1).type.nullable || arg(2).type.nullable), "a select of nullable arguments is nullable");
        needs(e.stage == latest || flow, "a select is of the latest stage of its arguments");
        break;
      case ExprOp::aggregate:
      case ExprOp::table:
        needs(!flow, "aggregates and tables are slots by now");
        needs(!e.callee.empty(), "an aggregate names its builtin");
        needs(!e.args.empty() && arg(0).stage == Stage::row, "an aggregate takes a row value");
        for (std::size_t a = 1; a < e.args.size(); ++a) needs(arg(a).op == ExprOp::constant, "the further arguments of an aggregate are constants");
        needs(e.stage == Stage::fit, "an aggregate is of stage fit");
        break;
      case ExprOp::fitted_number:
      case ExprOp::fitted_text:
      case ExprOp::fitted_table:
        needs(flow, "slots are made by plan");
        needs(e.slot.known(), "a fitted value names its slot");
        needs(e.stage == Stage::fit, "a fitted value is of stage fit");
        break;
    }
  }
  return broken;
}

}  // namespace mlp::ir
