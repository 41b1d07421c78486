// Steps of a table that take a second one: join, asof_join, union.
#include <algorithm>

#include "base/codes/types.h"
#include "compiler/check/checker.h"

namespace mlp::checking {

std::optional<Relation> Checker::step_join(Relation left, const ast::Expr& e) {
  const bool asof = e.text == "asof_join";
  const StepArguments args = arguments_of(e);
  if (!takes(e, args, 1, 1, false, asof ? "asof_join(prices, on = time, by = symbol)" : "join(users, on = user_id)")) return {};
  const std::optional<Relation> right = eval_relation(args.positional[0]);
  if (!right) return {};
  QueryStep step;
  step.op = asof ? QueryOp::asof_join : QueryOp::join;
  step.inputs = {left.step, right->step};
  const ast::Expr* head = &node(args.positional[0]);
  while (head->kind == ast::ExprKind::pipe) head = &node(head->args[0]);
  step.right_name = head->text;
  step.span = e.span;
  bool good = true;
  std::string prefix;
  std::optional<ast::Setting> within;
  std::vector<QueryKey> on;
  Span on_span;
  const auto word = [&](const ast::Setting& s, std::initializer_list<const char*> words) -> int {
    const ast::Expr& v = node(s.value);
    int i = 0;
    std::string list;
    for (const char* w : words) {
      if (v.kind == ast::ExprKind::name && v.text == w) return i;
      list += (list.empty() ? "`" : ", `") + std::string(w) + "`";
      ++i;
    }
    Diagnostic& d = report(code::bad_setting, "`" + s.name + "` is one of " + list + ", found `" + text(v.span) + "`", v.span);
    suggest_name(d, v.span, v.text, {words.begin(), words.end()});
    if (d.help.empty()) d.suggest("write `" + s.name + " = " + *words.begin() + "`");
    good = false;
    return 0;
  };
  const Option take_on{"on", [&](const ast::Setting& s) {
    on_span = node(s.value).span;
    if (asof) {
      const ast::Expr& v = node(s.value);
      const bool pair = v.kind == ast::ExprKind::binary && v.text == "==";
      const ast::Expr& l = pair ? node(v.args[0]) : v;
      const ast::Expr& r = pair ? node(v.args[1]) : v;
      step.order = {column_in(left, l, "`on`"), column_in(*right, r, "`on`")};
      good = step.order.left.known() && step.order.right.known() && check_order(left[step.order.left], l.span, false) && check_order((*right)[step.order.right], r.span, false) && good;
      if (good && left[step.order.left].type.scalar != (*right)[step.order.right].type.scalar) {
        report(code::bad_key, "`on` compares a " + show(left[step.order.left].type) + " with a " + show((*right)[step.order.right].type), v.span).suggest("give both columns one type");
        good = false;
      }
    } else {
      good = take_keys(s.value, left, &*right, step.keys) && good;
    }
  }};
  const Option take_by{"by", [&](const ast::Setting& s) { good = take_keys(s.value, left, &*right, step.keys) && good; }};
  const Option take_kind{"kind", [&](const ast::Setting& s) { step.kind = static_cast<JoinKind>(word(s, {"left", "inner"})); }};
  const Option take_many{"many", [&](const ast::Setting& s) { step.matches = static_cast<Matches>(1 + word(s, {"first", "last", "all"})); }};
  const Option take_prefix{"prefix", [&](const ast::Setting& s) {
    const ast::Expr& v = node(s.value);
    if (v.kind == ast::ExprKind::string && !v.text.empty()) prefix = v.text;
    else report(code::bad_setting, "`prefix` is a text in quotes, found `" + text(v.span) + "`", v.span).suggest("`prefix = \"user_\"`"), good = false;
  }};
  const Option take_strict{"strict", [&](const ast::Setting& s) {
    const ast::Expr& v = node(s.value);
    if (v.kind == ast::ExprKind::boolean) step.strict = v.text == "true";
    else report(code::bad_setting, "`strict` is `true` or `false`, found `" + text(v.span) + "`", v.span).suggest("`strict = true`: the row of the right side must be earlier, not of the same time"), good = false;
  }};
  const Option take_within{"within", [&](const ast::Setting& s) { within = s; }};
  const std::vector<Option> options = asof ? std::vector<Option>{take_on, take_by, take_prefix, take_strict, take_within} : std::vector<Option>{take_on, take_kind, take_many, take_prefix};
  if (!take_settings(args.settings, options, "`" + e.text + "`", {{"how", "kind"}, {"tolerance", "within"}, {"suffix", "prefix"}, {"key", "on"}, {"using", "on"}}) || !good) return {};
  if (!on_span.known()) {
    report(code::bad_table, "`" + e.text + "` lacks `on`", callee_span(e)).suggest(asof ? "`asof_join(prices, on = time, by = symbol)`" : "`join(users, on = user_id)`");
    return {};
  }
  if (within) {
    const auto distance = order_distance(within->value, left[step.order.left], "within");
    if (!distance) return {};
    step.within = *distance;
  }
  Relation out;
  for (std::size_t i = 0; i < left.columns.size(); ++i) {
    out.add(left.columns[i], left.origins[i]);
    step.outputs.push_back(column_of(step, {static_cast<std::int32_t>(i)}, left.columns[i].type));
  }
  for (std::size_t i = 0; i < right->columns.size(); ++i) {
    const ColumnId id{static_cast<std::int32_t>(i)};
    if (std::any_of(step.keys.begin(), step.keys.end(), [&](const QueryKey& k) { return k.right == id; })) continue;  // it equals the left one
    if (asof && id == step.order.right && prefix.empty() && right->columns[i].name == left[step.order.left].name) continue;
    Column c = right->columns[i];
    c.name = prefix + c.name;
    c.event_time = false;  // a row has one: that of the left side
    if (asof || step.kind == JoinKind::left) c.type.nullable = true;
    if (const ColumnId clash = out.find(c.name); clash.known()) {
      report(code::duplicate_name, "column `" + c.name + "` is on both sides of the join", callee_span(e), "two columns of one name")
          .also(out[clash].span, "on the left").also(c.span, "in `" + step.right_name + "`").suggest("`prefix = \"" + (right->name.empty() ? "right" : right->name) + "_\"` goes before the names of the right side");
      return {};
    }
    Origins from = right->origins[i];
    if (asof && step.strict) from.clear(), c.label = false;  // of a row that came before this one
    step.outputs.push_back(column_of(step, {static_cast<std::int32_t>(left.columns.size() + i)}, c.type));
    out.add(std::move(c), std::move(from));
  }
  return finish_step(std::move(out), std::move(step));
}

std::optional<Relation> Checker::step_union(Relation in, const ast::Expr& e, std::size_t from) {
  if (from >= e.args.size()) {
    report(code::bad_table, "`union` lacks an argument", callee_span(e)).suggest("`rows |> union(more_rows)`");
    return {};
  }
  for (std::size_t i = from; i < e.args.size(); ++i) {
    if (!e.arg_names[i].empty()) {
      report(code::unknown_setting, "`" + e.arg_names[i] + "` is no setting of `union`", e.arg_name_spans[i], "not known");
      return {};
    }
    std::optional<Relation> other = eval_relation(e.args[i]);
    if (!other) return {};
    const Span at = node(e.args[i]).span;
    QueryStep select;  // the columns of the other in the order of the first
    select.op = QueryOp::select;
    select.inputs = {other->step};
    select.span = at;
    for (std::size_t k = 0; k < in.columns.size(); ++k) {
      Column& c = in.columns[k];
      const ColumnId match = other->find(c.name);
      const auto shown = [&](const Column& of) { return "`" + spell(of) + "`"; };
      if (!match.known() || (*other)[match].type.scalar != c.type.scalar || (*other)[match].image != c.image) {
        Diagnostic& d = report(code::type_mismatch, match.known() ? "column `" + c.name + "` is a " + shown(c) + " here and a " + shown((*other)[match]) + " there" : "column `" + c.name + "` is missing", at,
                               "both sides of a union have the same columns");
        d.also(c.span, "in the first table");
        d.suggest("choose the same columns in both with `select`");
        return {};
      }
      const Column& o = (*other)[match];
      c.type.nullable = c.type.nullable || o.type.nullable;
      c.pii = c.pii || o.pii;
      c.protected_ = c.protected_ || o.protected_;
      c.label = c.label || o.label;
      c.event_time = c.event_time && o.event_time;
      if (c.bounds.low != o.bounds.low || c.bounds.high != o.bounds.high || c.bounds.low_open != o.bounds.low_open || c.bounds.high_open != o.bounds.high_open) c.bounds = {};
      if (c.one_of != o.one_of || c.ordered != o.ordered) c.ordered = false;
      if (c.one_of != o.one_of) c.one_of.clear();
      if (c.pattern != o.pattern) c.pattern.clear();
      if (c.true_word != o.true_word || c.false_word != o.false_word) c.true_word.clear(), c.false_word.clear();
      in.origins[k].insert(other->origins[static_cast<std::size_t>(match.index)].begin(), other->origins[static_cast<std::size_t>(match.index)].end());
      select.outputs.push_back(column_of(select, match, o.type));
      select.columns.push_back(o);
    }
    if (other->columns.size() != in.columns.size()) {
      const auto extra = std::find_if(other->columns.begin(), other->columns.end(), [&](const Column& c) { return !in.find(c.name).known(); });
      report(code::type_mismatch, "column `" + extra->name + "` is on one side of the union only", at, "both sides of a union have the same columns").also(extra->span, "it stands here")
          .suggest("choose the same columns in both with `select`");
      return {};
    }
    QueryStep step;
    step.op = QueryOp::union_all;
    step.inputs = {in.step, add_step(std::move(select))};
    step.span = e.span;
    in = finish_step(std::move(in), std::move(step));
  }
  return in;
}

}  // namespace mlp::checking
