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

std::vector<std::string> verify_query(const Query& query, const std::vector<Column>& columns) {
  std::vector<std::string> broken;
  const auto same = [](const std::vector<Column>& a, const std::vector<Column>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Column& x, const Column& y) { return x.name == y.name && x.type == y.type; });
  };
  for (std::size_t i = 0; i < query.steps.size(); ++i) {
    const QueryStep& s = query.steps[i];
    const auto needs = [&](bool holds, const std::string& what) { if (!holds) broken.push_back("step %" + std::to_string(i) + ": " + what); };
    bool ordered = true;
    for (const StepId in : s.inputs) ordered = ordered && in.known() && static_cast<std::size_t>(in.index) < i;
    const std::size_t wanted = s.op == QueryOp::source ? 0 : s.op == QueryOp::join || s.op == QueryOp::asof_join || s.op == QueryOp::union_all ? 2 : 1;
    needs(ordered && s.inputs.size() == wanted, std::to_string(wanted) + " inputs, each before its user");
    if (!ordered || s.inputs.size() != wanted) continue;
    if (s.op == QueryOp::source) {
      const bool known = s.source >= 0 && static_cast<std::size_t>(s.source) < query.sources.size();
      needs(known, "a source");
      if (known) needs(same(s.columns, query.sources[s.source].columns), "the columns of its source");
      continue;
    }
    const auto width = [&](std::size_t input) { return query.steps[s.inputs[input].index].columns.size(); };
    const bool two = s.op == QueryOp::join || s.op == QueryOp::asof_join;
    const std::size_t scope = width(0) + (two ? width(1) : s.aggregates.size());
    const auto column = [](ColumnId id, std::size_t count) { return id.known() && static_cast<std::size_t>(id.index) < count; };
    for (std::size_t e = 0; e < s.exprs.size(); ++e) {
      const QueryExpr& x = s.exprs[e];
      for (const QueryExprId arg : x.args) needs(arg.known() && static_cast<std::size_t>(arg.index) < e, "an argument must stand before its user");
      needs(x.kind != QueryExprKind::column || column(x.column, scope), "a column of the scope");
      needs(x.kind != QueryExprKind::call || !x.callee.empty(), "a call names its builtin");
      needs(x.kind != QueryExprKind::select || x.args.size() == 3, "a select has 3 arguments");
    }
    const auto expr = [&](QueryExprId id) { return id.known() && static_cast<std::size_t>(id.index) < s.exprs.size(); };
    const bool passes = s.op == QueryOp::filter || s.op == QueryOp::distinct || s.op == QueryOp::union_all;
    needs(passes ? s.outputs.empty() : s.outputs.size() == s.columns.size(), "one output a column");
    needs(!passes || s.columns.size() == width(0), "the columns of its input");
    for (const QueryExprId id : s.outputs) needs(expr(id), "outputs are expressions");
    needs((s.op == QueryOp::filter) == s.condition.known() && (!s.condition.known() || expr(s.condition)), "a filter has a condition");
    for (const QueryAggregate& a : s.aggregates) needs(!a.input.known() || expr(a.input), "the input of an aggregate is an expression");
    needs(s.aggregates.empty() || s.op == QueryOp::group || s.op == QueryOp::window, "aggregates stand in group and window");
    for (const QueryKey& k : s.keys) needs(column(k.left, width(0)) && (two ? column(k.right, width(1)) : !k.right.known()), "keys are columns of the inputs");
    const bool ordered_by = s.op == QueryOp::asof_join || s.op == QueryOp::window;
    needs(ordered_by == s.order.left.known() && (!ordered_by || column(s.order.left, width(0))), "an order where it is needed");
    for (const Expectation& x : s.expectations) needs(!x.column.known() || column(x.column, s.columns.size()), "expect: a column of the table");
  }
  if (!query.steps.empty() && !same(query.steps.back().columns, columns)) broken.push_back("query: the last step gives the columns of the module");
  return broken;
}

}  // namespace mlp::ir
