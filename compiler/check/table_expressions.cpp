// Expressions inside of a table's steps: checked like all others, over the columns of the step, and then written down in the
// closed set of operations that a table knows. Aggregates here are of rows of the table, not of the train rows.
#include <algorithm>
#include <limits>

#include "base/codes/stages.h"
#include "base/codes/types.h"
#include "compiler/check/checker.h"

namespace mlp::checking {
namespace {

// What runtime/data can say to the data engine with exactly the meaning that compiled code gives it. What is left out stands
// in the features block, where it is compiled.
bool available(std::string_view callee, Scalar first) {
  static const std::map<std::string_view, const char*> table = {  // i int, f float, b bool, t text, d date, m timestamp, u duration
      {"add", "ifmu"}, {"sub", "ifdmu"}, {"mul", "ifu"}, {"div", "fu"}, {"mod", "i"}, {"neg", "ifu"},
      {"eq", "ifbtdmu"}, {"ne", "ifbtdmu"}, {"lt", "ifbtdmu"}, {"le", "ifbtdmu"}, {"gt", "ifbtdmu"}, {"ge", "ifbtdmu"},
      {"and", "b"}, {"or", "b"}, {"not", "b"}, {"is_null", "ifbtdmu"}, {"coalesce", "ifbtdmu"},
      {"min", "i"}, {"max", "i"}, {"clamp", "i"}, {"abs", "if"}, {"floor", "f"}, {"ceil", "f"}, {"sqrt", "f"}, {"is_nan", "f"}, {"is_finite", "f"},
      {"to_float", "ib"}, {"to_int", "b"}, {"to_text", "ibt"}, {"to_category", "ibt"},
      {"contains", "t"}, {"starts_with", "t"}, {"ends_with", "t"}, {"concat", "t"}, {"length", "t"}, {"lower", "t"}, {"upper", "t"}, {"trim", "t"},
      {"year", "dm"}, {"quarter", "dm"}, {"month", "dm"}, {"day", "dm"}, {"weekday", "dm"}, {"yearday", "dm"}, {"week", "dm"},
      {"hour", "m"}, {"minute", "m"}, {"second", "m"}, {"to_date", "m"}, {"to_timestamp", "d"}, {"in_zone", "m"}, {"from_zone", "m"}, {"utc_offset", "m"},
      {"days", "u"}, {"hours", "u"}, {"minutes", "u"}, {"seconds", "u"}};
  const char sign = is_text(first) ? 't' : first == Scalar::integer ? 'i' : first == Scalar::boolean ? 'b' : first == Scalar::date ? 'd' : first == Scalar::timestamp ? 'm' : first == Scalar::duration ? 'u' : 'f';
  const auto found = table.find(callee);
  return found != table.end() && std::string_view(found->second).find(sign) != std::string_view::npos;
}

const std::map<std::string, QueryAggregateKind, std::less<>> aggregates = {
    {"count", QueryAggregateKind::count}, {"sum", QueryAggregateKind::sum}, {"mean", QueryAggregateKind::mean}, {"min", QueryAggregateKind::min}, {"max", QueryAggregateKind::max},
    {"first", QueryAggregateKind::first}, {"last", QueryAggregateKind::last}, {"distinct", QueryAggregateKind::distinct}, {"lag", QueryAggregateKind::lag},
    {"diff", QueryAggregateKind::lag}, {"variance", QueryAggregateKind::variance}, {"stddev", QueryAggregateKind::stddev}, {"median", QueryAggregateKind::quantile}, {"quantile", QueryAggregateKind::quantile},
    {"ewm_mean", QueryAggregateKind::ewm}};

}  // namespace

QueryExprId Checker::add_query(QueryStep& step, QueryExpr e) {
  step.exprs.push_back(std::move(e));
  return {static_cast<std::int32_t>(step.exprs.size()) - 1};
}

QueryExprId Checker::column_of(QueryStep& step, ColumnId column, Type type) {
  QueryExpr e;
  e.kind = QueryExprKind::column;
  e.type = type;
  e.column = column;
  return add_query(step, std::move(e));
}

// Runs `body` with the columns of a step's input as the columns that names mean.
bool Checker::in_scope(const Relation& in, QueryStep& step, bool aggregating, const std::function<bool()>& body) {
  StepScope scope;
  scope.step = &step;
  scope.input = &in;
  scope.aggregating = aggregating;
  scope.origins = in.origins;
  std::vector<Column> columns = in.columns;
  std::map<std::string, ColumnId, std::less<>> names;
  for (std::size_t i = 0; i < columns.size(); ++i) names[columns[i].name] = {static_cast<std::int32_t>(i)};
  StepScope* outer = step_scope_;
  bool ok = true;
  std::swap(module_.columns, columns);
  std::swap(columns_, names);
  std::swap(schema_ok_, ok);
  step_scope_ = &scope;
  const bool good = body();
  step_scope_ = outer;
  std::swap(module_.columns, columns);
  std::swap(columns_, names);
  std::swap(schema_ok_, ok);
  return good;
}

// One value of a row; reports anything else.
std::optional<ir::ExprId> Checker::row_value(Operand& o, const std::string& what) {
  if (!need_value(o, what)) return {};
  if (o.vector) {
    report(code::type_mismatch, what + " must be one value, found a vector", o.span);
    return {};
  }
  const ir::ExprId value = o.items[0].value;
  Span at = o.span;
  std::string name;
  walk(value, [&](ir::ExprId id) {
    const ir::Expr& e = module_.exprs[id.index];
    if (e.op == ir::ExprOp::aggregate || e.op == ir::ExprOp::table) name = "`" + e.callee + "`", at = e.span;
    return true;
  });
  if (name.empty()) return value;
  report(code::statistic_in_table, name + " is fitted on the train rows, and a table is made before there are any", at, "of stage fit")
      .suggest("`group_by` and `window` aggregate the rows of a table; what is fitted stands in the features block");
  return {};
}

// The columns that cannot be null where a condition is true: a comparison or sum with a null is null, and not true.
std::vector<ColumnId> Checker::present_where(ir::ExprId condition) const {
  std::set<ColumnId> columns;
  const std::function<void(ir::ExprId)> conjuncts = [&](ir::ExprId id) {
    const ir::Expr& e = module_.exprs[id.index];
    const bool call = e.op == ir::ExprOp::call;
    if (call && e.callee == "and") {
      conjuncts(e.args[0]);
      conjuncts(e.args[1]);
    } else if (call && e.callee == "not" && module_.exprs[e.args[0].index].callee == "is_null") {
      strict_columns(module_.exprs[e.args[0].index].args[0], columns);  // v != null
    } else {
      strict_columns(id, columns);
    }
  };
  conjuncts(condition);
  return {columns.begin(), columns.end()};
}

// Columns whose null makes the value null, whatever the others are.
void Checker::strict_columns(ir::ExprId id, std::set<ColumnId>& into) const {
  const ir::Expr& e = module_.exprs[id.index];
  if (e.op == ir::ExprOp::column) into.insert(e.column);
  if (e.op == ir::ExprOp::select) strict_columns(e.args[0], into);
  if (e.op != ir::ExprOp::call || e.callee == "is_null" || e.callee == "coalesce") return;
  for (const ir::ExprId arg : e.args) strict_columns(arg, into);
}

QueryExprId Checker::translate(ir::ExprId root, Span written) {
  StepScope& scope = *step_scope_;
  scope.translated.resize(module_.exprs.size());
  QueryExprId& done = scope.translated[static_cast<std::size_t>(root.index)];
  if (done.known()) return done;
  const ir::Expr e = module_.exprs[root.index];
  QueryExpr out;
  out.type = e.type;
  const bool own = e.span.source == file_.source;
  switch (e.op) {
    case ir::ExprOp::constant:
      out.value = e.value;
      break;
    case ir::ExprOp::column:
      out.kind = QueryExprKind::column;
      out.column = e.column;
      break;
    case ir::ExprOp::select:
    case ir::ExprOp::call:
      out.kind = e.op == ir::ExprOp::select ? QueryExprKind::select : QueryExprKind::call;
      out.callee = e.callee;
      if (e.op == ir::ExprOp::call && !available(e.callee, type_of(e.args[0]).scalar)) {
        report(code::not_in_table, "`" + e.callee.substr(0, e.callee.find('#')) + "` of a " + show(type_of(e.args[0])) + " is not available in a table", own ? e.span : written, "cannot be asked of the data engine with the same meaning")
            .suggest("compute it in the features block");
        return {};
      }
      for (const ir::ExprId arg : e.args) {
        const QueryExprId id = translate(arg, written);
        if (!id.known()) return {};
        out.args.push_back(id);
      }
      break;
    default: MLP_BUG("a fitted value in a table");
  }
  const QueryExprId id = add_query(*scope.step, std::move(out));
  return scope.translated[static_cast<std::size_t>(root.index)] = id;
}

bool Checker::add_column(Relation& out, Column column, Origins from, Span at) {
  if (const ColumnId before = out.find(column.name); before.known()) {
    report(code::duplicate_name, "column `" + column.name + "` is there twice", at, "again").also(out[before].span, "first here").suggest("give it another name");
    return false;
  }
  out.add(std::move(column), std::move(from));
  return true;
}

// name = value of select, derive, group_by and window.
bool Checker::add_entry(Relation& out, QueryStep& step, const ast::Setting& entry) { return add_value(out, step, entry, eval(entry.value)); }

bool Checker::add_value(Relation& out, QueryStep& step, const ast::Setting& entry, Operand o) {
  const std::optional<ir::ExprId> value = row_value(o, "`" + entry.name + "`");
  if (!value) return false;
  const ir::Expr e = module_.exprs[value->index];
  Column c;
  Origins from;
  const std::size_t input = step_scope_->input->columns.size();
  bool good = true;
  walk(*value, [&](ir::ExprId id) {
    const ir::Expr& part = module_.exprs[id.index];
    if (part.op != ir::ExprOp::column) return true;
    const auto place = static_cast<std::size_t>(part.column.index);
    const Column& of = module_.columns[place];
    c.pii = c.pii || of.pii;
    c.protected_ = c.protected_ || of.protected_;
    c.label = c.label || of.label;
    from.insert(step_scope_->origins[place].begin(), step_scope_->origins[place].end());
    const auto is_key = [&](const QueryKey& k) { return k.left == part.column; };
    if (step.op == QueryOp::group && place < input && std::none_of(step.keys.begin(), step.keys.end(), is_key) && good) {
      good = false;
      report(code::bad_table, "`" + of.name + "` has no single value in a group", part.span, "neither a key nor inside an aggregate")
          .suggest("aggregate it: `sum(" + of.name + ")`, `first(" + of.name + ")`, or make it a key");
    }
    return true;
  });
  if (!good) return false;
  if (e.op == ir::ExprOp::column && static_cast<std::size_t>(e.column.index) < input) {
    c = module_.columns[e.column.index];  // the column itself, under this name
  } else if (e.type.scalar == Scalar::image) {
    report(code::not_in_table, "a table hands pictures on as they are, and `" + entry.name + "` is computed from one", node(entry.value).span, "not the column itself").suggest("name the column: `" + entry.name + " = picture`");
    return false;
  } else {
    c.type = e.type;
    if (const std::vector<std::string>* order = order_of(*value)) c.one_of = *order, c.ordered = true;
  }
  c.name = entry.name;
  c.span = entry.name_span;
  const QueryExprId output = translate(*value, node(entry.value).span);
  mean(entry.name_span, Meaning::Kind::column, c.name, entry.name_span);
  mean_value(entry.name_span, o);
  if (!output.known() || !add_column(out, std::move(c), std::move(from), entry.name_span)) return false;
  step.outputs.push_back(output);
  return true;
}

// A distance along the order of rows, in its units: days of a date, microseconds of a timestamp, or the number itself.
std::optional<std::int64_t> Checker::order_distance(ast::ExprId id, const Column& order, const std::string& name) {
  const ast::Expr& e = node(id);
  const Number n = e.kind == ast::ExprKind::number ? read_number(e.text) : Number{};
  const bool moment = order.type.scalar != Scalar::integer;
  std::int64_t distance = n.whole;
  bool good = n.kind == (moment ? Number::duration : Number::integer) && n.whole > 0;
  if (good && order.type.scalar == Scalar::date) {
    good = n.whole % 86'400'000'000 == 0;
    distance = n.whole / 86'400'000'000;
  }
  if (good) return distance;
  report(code::bad_setting, "`" + name + "` is " + (order.type.scalar == Scalar::date ? "a number of days" : moment ? "a duration" : "a whole number from 1") + " along `" + order.name + "`, found `" + text(e.span) + "`", e.span)
      .also(order.span, "`" + order.name + "` is a " + show(order.type)).suggest("`" + name + " = " + (moment ? "7d" : "10") + "`");
  return {};
}

bool Checker::is_step_aggregate(const std::string& name, const ast::Expr& call, bool piped) const {
  if (!step_scope_ || !step_scope_->aggregating) return false;
  if (name == "lead") return true;
  if (!aggregates.count(name)) return false;
  const std::size_t positional = static_cast<std::size_t>(std::count(call.arg_names.begin(), call.arg_names.end(), "")) + (piped ? 1 : 0);
  return (name != "min" && name != "max") || positional < 2;  // max(a, b) is the greater of two values
}

// sum(v, over = 7d): one value of several rows, which stands behind the columns of the input.
Operand Checker::step_aggregate(const ast::Expr& e, const Operand* piped) {
  StepScope& scope = *step_scope_;
  QueryStep& step = *scope.step;
  const bool window = step.op == QueryOp::window;
  const Span name_span = callee_span(e);
  if (e.text == "lead") {
    report(code::not_in_table, "`lead` would look into the future", name_span, "a row sees itself and earlier rows")
        .suggest("`lag(v)` is the value before; what comes later is a label, not a feature");
    return poison();
  }
  QueryAggregate a;
  a.kind = aggregates.find(e.text)->second;
  const bool lag = a.kind == QueryAggregateKind::lag;
  const bool ewm = a.kind == QueryAggregateKind::ewm, quantile = e.text == "quantile";
  if (window ? a.kind == QueryAggregateKind::distinct : lag || ewm) {
    report(code::not_in_table, "`" + e.text + "` is not available in `" + (window ? "window" : "group_by") + "`", name_span)
        .suggest(window ? "count rows with `count()`, or use `group_by`" : "`window(by = user, order = time) { before = lag(amount) }`");
    return poison();
  }
  std::vector<ast::Setting> settings;
  std::vector<ast::ExprId> positional;
  for (std::size_t i = 0; i < e.args.size(); ++i) {
    if (e.arg_names[i].empty()) positional.push_back(e.args[i]);
    else settings.push_back({e.arg_names[i], e.arg_name_spans[i], e.args[i]});
  }
  const std::size_t given = positional.size() + (piped ? 1 : 0);
  const std::size_t most = lag || quantile ? 2 : 1;
  if (given > most || (given == 0 && a.kind != QueryAggregateKind::count)) {
    report(code::no_matching_call, "`" + e.text + "` takes " + (lag ? "a value and a number of rows" : quantile ? "a value and a share" : "one value"), name_span).suggest("`" + e.text + (lag ? "(amount, 1)`" : quantile ? "(amount, 90%)`" : "(amount)`"));
    return poison();
  }
  bool good = true;
  if (lag && given == 2) {
    const auto n = whole(positional.back());
    if (!n || *n < 1 || *n > 1'000'000'000) {
      report(code::out_of_range, "`lag` goes back a whole number of rows, from 1", node(positional.back()).span, "found `" + text(node(positional.back()).span) + "`").suggest("`lag(amount, 1)` is the value of the row before");
      return poison();
    }
    a.offset = *n;
  }
  if (quantile) {
    const auto p = given == 2 ? number(positional.back()) : std::nullopt;
    if (!p || *p < 0 || *p > 1) {
      report(code::out_of_range, "`p` of `quantile` must lie in 0%..100%", given == 2 ? node(positional.back()).span : name_span, given == 2 ? "found `" + text(node(positional.back()).span) + "`" : "is missing").suggest("`quantile(amount, 90%)`");
      return poison();
    }
    a.p = *p;
  }
  Span over_span, rows_span;
  const Option halflife{"halflife", [&](const ast::Setting& s) {
    const auto d = order_distance(s.value, (*scope.input)[step.order.left], "halflife");
    good = good && d;
    a.halflife = d.value_or(0);
  }};
  const Option over{"over", [&](const ast::Setting& s) {
    over_span = s.name_span;
    const auto d = order_distance(s.value, (*scope.input)[step.order.left], "over");
    good = good && d;
    a.over = d.value_or(0);
  }};
  const Option rows{"rows", [&](const ast::Setting& s) {
    rows_span = s.name_span;
    const auto n = whole(s.value);
    good = good && n && *n >= 1;
    if (!n || *n < 1) report(code::out_of_range, "`rows` is a whole number from 1", node(s.value).span, "found `" + text(node(s.value).span) + "`").suggest("`rows = 10`");
    a.rows = n.value_or(0);
  }};
  const Option current{"current", [&](const ast::Setting& s) {
    const ast::Expr& v = node(s.value);
    if (v.kind == ast::ExprKind::boolean) a.current = v.text == "true";
    else report(code::bad_setting, "`current` is `true` or `false`, found `" + text(v.span) + "`", v.span).suggest("write `current = false`"), good = false;
  }};
  std::vector<Option> options = window && !lag ? std::vector<Option>{over, rows, current} : std::vector<Option>{};
  if (ewm) options.push_back(halflife);
  if (!take_settings(settings, options, "`" + e.text + "`" + (window ? "" : " in `group_by`"), {{"window", "over"}, {"within", "over"}}) || !good) return poison();
  if (ewm && a.halflife == 0) {
    report(code::bad_setting, "`ewm_mean` needs a half-life, after which a value counts half", name_span, "`halflife` is missing").suggest("`ewm_mean(amount, halflife = " + std::string((*scope.input)[step.order.left].type.scalar == Scalar::integer ? "10" : "7d") + ")`");
    return poison();
  }
  // What lies further back weighs less than 1e-15.
  if (ewm && a.over == 0 && a.rows == 0) a.over = a.halflife <= std::numeric_limits<std::int64_t>::max() / 50 ? 50 * a.halflife : 0;
  if (over_span.known() && rows_span.known()) {
    report(code::bad_setting, "`over` and `rows` both say how far back a window goes", rows_span, "say one of them").also(over_span, "the other");
    return poison();
  }

  Operand o;
  Type of{Scalar::integer, false};
  Origins from;
  Column c;
  if (given > 0) {
    o = piped ? *piped : eval(positional[0]);
    const std::optional<ir::ExprId> value = row_value(o, "the argument of `" + e.text + "`");
    if (!value) return poison();
    const std::size_t input = scope.input->columns.size();
    bool nested = false;
    walk(*value, [&](ir::ExprId id) {
      const ir::Expr& part = module_.exprs[id.index];
      if (part.op != ir::ExprOp::column) return true;
      const auto place = static_cast<std::size_t>(part.column.index);
      nested = nested || place >= input;
      c.pii = c.pii || module_.columns[place].pii;
      c.protected_ = c.protected_ || module_.columns[place].protected_;
      c.label = c.label || module_.columns[place].label;
      from.insert(scope.origins[place].begin(), scope.origins[place].end());
      return true;
    });
    if (nested) {
      report(code::not_in_table, "an aggregate of an aggregate", name_span, "its argument is one already").suggest("make two steps: one for the inner aggregate, one for the outer");
      return poison();
    }
    of = type_of(*value);
    const Scalar s = of.scalar;
    const bool number = is_number(s) || s == Scalar::boolean;
    const bool fits = a.kind == QueryAggregateKind::sum ? number || s == Scalar::duration : a.kind == QueryAggregateKind::mean || a.kind == QueryAggregateKind::variance || a.kind == QueryAggregateKind::stddev || a.kind == QueryAggregateKind::quantile || ewm ? number
                      : e.text == "diff" ? is_number(s) || s == Scalar::duration || s == Scalar::timestamp || s == Scalar::date : a.kind == QueryAggregateKind::distinct ? !is_number(s) || s == Scalar::integer : s != Scalar::image || a.kind == QueryAggregateKind::count;
    if (!fits) {
      report(code::no_matching_call, "`" + e.text + "` takes no " + show(of), name_span, "arguments do not fit").also(o.span, "a " + show(of)).suggest("`count()`, `first(v)` and `last(v)` take any column");
      return poison();
    }
    if (const std::vector<std::string>* order = order_of(*value)) {
      if (a.kind == QueryAggregateKind::min || a.kind == QueryAggregateKind::max) {
        report(code::bad_order, "`" + e.text + "` compares texts by their letters, and the labels have an order of their own", name_span, "of a value with an order")
            .suggest("aggregate the rank: `" + e.text + "(rank(" + text(o.span) + "))`").edit(o.span, "rank(" + text(o.span) + ")");
        return poison();
      }
      if (a.kind == QueryAggregateKind::first || a.kind == QueryAggregateKind::last || a.kind == QueryAggregateKind::lag) c.one_of = *order, c.ordered = true;
    }
    a.input = translate(*value, o.span);
    if (!a.input.known()) return poison();
  }
  const bool no_rows = window ? !a.current : step.keys.empty();
  const bool nullable = no_rows || of.nullable;  // no row, or none with a value
  switch (a.kind) {
    case QueryAggregateKind::count:
    case QueryAggregateKind::distinct: a.type = {Scalar::integer, false}; break;
    case QueryAggregateKind::sum: a.type = {of.scalar == Scalar::boolean ? Scalar::integer : of.scalar, false}; break;
    case QueryAggregateKind::mean:
    case QueryAggregateKind::variance:
    case QueryAggregateKind::stddev:
    case QueryAggregateKind::quantile:
    case QueryAggregateKind::ewm: a.type = {Scalar::real, nullable}; break;
    case QueryAggregateKind::lag: a.type = {of.scalar, true}; break;
    default: a.type = {of.scalar, nullable}; break;
  }
  if (lag || (window && !a.current)) from.clear(), c.label = false;  // of rows before this one
  ir::Expr result;
  result.op = ir::ExprOp::column;
  result.column = {static_cast<std::int32_t>(module_.columns.size())};
  result.type = a.type;
  result.stage = ir::Stage::row;
  result.span = e.span;
  c.type = a.type;
  c.span = e.span;
  module_.columns.push_back(std::move(c));  // without a name: nothing else can mean it
  scope.origins.push_back(std::move(from));
  step.aggregates.push_back(a);
  const Operand made = value(add(std::move(result)), e.span);
  if (e.text != "diff") return made;
  bool matched = false;  // diff(v, n) is v - lag(v, n)
  return call_builtin("sub", {{"", {}, o}, {"", {}, made}}, e.span, name_span, matched, true);
}

}  // namespace mlp::checking
