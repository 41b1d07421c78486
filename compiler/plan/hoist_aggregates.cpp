#include <algorithm>

#include "base/diagnostic.h"
#include "compiler/plan/passes.h"
#include "stdlib/builtins/builtins.h"

namespace mlp::planning {
namespace {

const Builtin& aggregate_builtin(const ir::Expr& e) {
  for (const Builtin* row : find_builtins(e.callee))
    if (row->code_class() == "agg") return *row;
  MLP_BUG("`" + e.callee + "` is no aggregate");
}

// A constant argument of an aggregate.
double parameter(const flow::Program& program, const ir::Expr& e, std::size_t n) {
  const ir::Expr& constant = program[e.args[n]];
  MLP_CHECK(constant.op == ir::ExprOp::constant);
  return constant.type.scalar == Scalar::real ? constant.value.real : static_cast<double>(constant.value.integer);
}

// An expression as a person would write it, cut short when it is long; parameters at their default are left out.
using Names = std::map<Slot, std::string>;  // of the aggregates hoisted so far
std::string describe(const flow::Program& program, const Names& names, ir::ExprId id, int depth = 4) {
  const ir::Expr& e = program[id];
  if (depth == 0 && !e.args.empty()) return "…";
  const auto arg = [&](std::size_t n) { return describe(program, names, e.args[n], depth - 1); };
  static const std::map<std::string, const char*, std::less<>> infix = {
      {"add", " + "}, {"sub", " - "}, {"mul", " * "}, {"div", " / "}, {"mod", " % "}, {"pow", " ^ "}, {"eq", " == "}, {"ne", " != "},
      {"lt", " < "}, {"le", " <= "}, {"gt", " > "}, {"ge", " >= "}, {"and", " and "}, {"or", " or "}};
  switch (e.op) {
    case ir::ExprOp::constant:
      if (e.value.null) return "null";
      if (is_text(e.type.scalar)) return ir::quote(e.value.text);
      if (e.type.scalar == Scalar::boolean) return e.value.integer ? "true" : "false";
      return e.type.scalar == Scalar::real || e.type.scalar == Scalar::real32 ? ir::exact(e.value.real) : std::to_string(e.value.integer);
    case ir::ExprOp::column: return program.columns[e.column.index].name;
    case ir::ExprOp::select: return "if " + arg(0) + " then " + arg(1) + " else " + arg(2);
    case ir::ExprOp::fitted_number: case ir::ExprOp::fitted_text: case ir::ExprOp::fitted_table: return names.at(*slot_read(e));
    default: break;
  }
  const auto sign = infix.find(e.callee);
  if (sign != infix.end() && e.args.size() == 2) {
    const auto part = [&](std::size_t n) {
      const bool compound = program[e.args[n]].args.size() == 2 && infix.contains(program[e.args[n]].callee);
      return compound ? "(" + arg(n) + ")" : arg(n);
    };
    return part(0) + sign->second + part(1);
  }
  if (e.callee == "to_float") return arg(0);  // written by the compiler
  std::size_t said = e.args.size();
  if (e.op != ir::ExprOp::call)
    while (said > 1 && parameter(program, e, said - 1) == aggregate_builtin(e).parameters[said - 1].fallback) --said;
  if (e.callee == "terms") {  // by words, as in the call that it stands behind
    std::string out = "terms(" + arg(0);
    for (std::size_t n = 1; n < said; ++n) {
      const BuiltinParameter& p = aggregate_builtin(e).parameters[n];
      const double value = parameter(program, e, n);
      if (value != p.fallback) out += ", " + p.name + " = " + (n == 1 ? std::string(ir::enum_words<TermKind>::words[static_cast<std::size_t>(value)]) : arg(n));
    }
    return out + ")";
  }
  std::string out = e.callee.substr(0, e.callee.find('#')) + "(";  // of an extern without the digest
  for (std::size_t n = 0; n < said; ++n) out += (n ? ", " : "") + arg(n);
  return out + ")";
}

flow::AggregateKind kind_of(std::string_view word) {
  if (word == "median") return flow::AggregateKind::quantile;
  int i = 0;
  for (const std::string_view known : ir::enum_words<flow::AggregateKind>::words) {
    if (known == word) return static_cast<flow::AggregateKind>(i);
    ++i;
  }
  MLP_BUG("no fitting pass computes `" + std::string(word) + "`");
}

flow::Aggregate aggregate_of(const flow::Program& program, const Names& names, ir::ExprId id) {
  const ir::Expr& e = program[id];
  const Builtin& builtin = aggregate_builtin(e);
  flow::Aggregate a;
  a.kind = kind_of(builtin.code_name());
  a.slot_kind = e.op == ir::ExprOp::table ? flow::SlotKind::table : is_text(e.type.scalar) ? flow::SlotKind::text : flow::SlotKind::number;
  a.input = e.args[0];
  if (builtin.code_name() == "median") a.parameters.push_back(0.5);
  for (std::size_t n = 1; n < builtin.parameters.size(); ++n)
    a.parameters.push_back(n < e.args.size() ? parameter(program, e, n) : builtin.parameters[n].fallback.value());
  a.name = describe(program, names, id);
  a.span = e.span;
  return a;
}

}  // namespace

// Every aggregate becomes a slot, and a fitting pass of its own that fills it.
void hoist_aggregates(flow::Program& program) {
  Names names;
  for (std::size_t i = 0; i < program.exprs.size(); ++i) {
    const ir::ExprId id{static_cast<std::int32_t>(i)};
    if (program[id].op != ir::ExprOp::aggregate && program[id].op != ir::ExprOp::table) continue;
    flow::Aggregate a = aggregate_of(program, names, id);
    const bool number = a.slot_kind == flow::SlotKind::number, text = a.slot_kind == flow::SlotKind::text;
    std::int32_t& count = number ? program.numbers : text ? program.texts : program.tables;
    a.slot.index = count++;
    names[{a.slot_kind, a.slot.index}] = a.name;
    ir::Expr& e = program.exprs[i];
    e.op = number ? ir::ExprOp::fitted_number : text ? ir::ExprOp::fitted_text : ir::ExprOp::fitted_table;
    e.slot = a.slot;
    e.callee.clear();
    e.args.clear();
    program.aggregates.push_back(std::move(a));
  }
  for (ir::Feature& f : program.features) {
    if (!f.table.known()) continue;
    f.slot = program[f.table].slot;
    f.table = {};
  }
  const std::vector<std::int32_t> level = levels(program);
  for (std::size_t i = 0; i < level.size(); ++i) program.passes.push_back({{flow::AggregateId{static_cast<std::int32_t>(i)}}});
  std::stable_sort(program.passes.begin(), program.passes.end(), [&](const flow::FitPass& a, const flow::FitPass& b) {
    return level[a.aggregates[0].index] < level[b.aggregates[0].index];
  });
}

}  // namespace mlp::planning
