// Sequences of a window: the values of the last rows as columns, and what is known of them where the earliest one is there.
#include "base/codes/types.h"
#include "compiler/check/checker.h"

namespace mlp::checking {
namespace {
constexpr std::int64_t longest = 10'000, farthest = 1'000'000'000;
}

// back = lags(v, 1, 3) of a window: columns back3, back2 and back1, the earliest value first, as a sequence is read.
bool Checker::add_lags(Relation& out, QueryStep& step, const ast::Setting& entry) {
  const ast::Expr& e = node(entry.value);
  const Span name_span = callee_span(e);
  const char* example = "`back = lags(amount, 1, 24)` gives `back24` to `back1`, the values of 24 rows before to 1 row before";
  if (step.op != QueryOp::window) {
    report(code::not_in_table, "`lags` is not available in `group_by`", name_span).suggest("`window(by = user, order = time) { back = lags(amount, 1, 24) }`");
    return false;
  }
  for (std::size_t i = 0; i < e.args.size(); ++i)
    if (!e.arg_names[i].empty()) {
      report(code::unknown_setting, "`" + e.arg_names[i] + "` is no setting of `lags`", e.arg_name_spans[i], "not known").suggest(example);
      return false;
    }
  if (e.args.size() != 3) {
    report(code::no_matching_call, "`lags` takes a value, the nearest and the farthest row", name_span).suggest(example);
    return false;
  }
  std::int64_t ends[2];
  for (const std::size_t i : {1, 2}) {
    const auto n = whole(e.args[i]);
    const std::int64_t low = i == 1 ? 1 : ends[0], high = i == 1 ? farthest : ends[0] + longest - 1;
    if (!n || *n < low || *n > high) {
      report(code::out_of_range, std::string("the ") + (i == 1 ? "nearest" : "farthest") + " row of `lags` is a whole number from " + std::to_string(low) + " to " + std::to_string(high), node(e.args[i]).span,
             "found `" + text(node(e.args[i]).span) + "`")
          .suggest(example);
      return false;
    }
    ends[i - 1] = *n;
  }
  ast::Expr lag;
  lag.kind = ast::ExprKind::call;
  lag.text = "lag";
  lag.args = {e.args[0]};
  lag.arg_names = {""};
  lag.arg_name_spans = {Span{}};
  lag.span = e.span;
  for (std::int64_t n = ends[1]; n >= ends[0]; --n) {
    Operand o = step_aggregate(lag, nullptr);
    if (o.poison) return false;
    step.aggregates.back().offset = n;
    if (!add_value(out, step, {entry.name + std::to_string(n), entry.name_span, entry.value}, std::move(o))) return false;
  }
  return true;
}

// The columns that are there where `column` is: the value of n rows before says that there are n rows before, so of what is
// never null the values of fewer rows before are there too.
std::vector<ColumnId> Checker::nearer_lags(StepId id, ColumnId column) const {
  const Query& q = module_.query;
  const auto at = [&](StepId s) -> const QueryStep& { return q.steps[static_cast<std::size_t>(s.index)]; };
  const auto inputs = [&](const QueryStep& s) { return static_cast<std::int32_t>(at(s.inputs[0]).columns.size()); };
  // Filters hand their columns on, windows those of their input, in the same places.
  while (at(id).op == QueryOp::filter || (at(id).op == QueryOp::window && column.index < inputs(at(id)))) id = at(id).inputs[0];
  const QueryStep& s = at(id);
  if (s.op != QueryOp::window) return {};
  const auto lag_of = [&](std::size_t output) -> const QueryAggregate* {
    const QueryExpr& e = s.exprs[static_cast<std::size_t>(s.outputs[output].index)];
    if (e.kind != QueryExprKind::column || e.column.index < inputs(s)) return nullptr;
    const QueryAggregate& a = s.aggregates[static_cast<std::size_t>(e.column.index - inputs(s))];
    return a.kind == QueryAggregateKind::lag ? &a : nullptr;
  };
  std::vector<ColumnId> nearer;
  const QueryAggregate* there = lag_of(static_cast<std::size_t>(column.index));
  for (std::size_t i = 0; there && i < s.outputs.size(); ++i)
    if (const QueryAggregate* a = lag_of(i); a && a->offset <= there->offset && !s.exprs[static_cast<std::size_t>(a->input.index)].type.nullable) nearer.push_back({static_cast<std::int32_t>(i)});
  return nearer;
}

}  // namespace mlp::checking
