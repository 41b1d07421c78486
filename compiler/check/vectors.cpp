// What the checker itself expands: selectors of columns, and functions that make or take vectors.
#include <algorithm>

#include "base/codes/stages.h"
#include "base/codes/types.h"
#include "compiler/check/checker.h"

namespace mlp::checking {
namespace {

// `*` stands for any text, `?` for one byte.
bool glob(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = std::string_view::npos, mark = 0;
  while (n < name.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n]) && pattern[p] != '*') ++p, ++n;
    else if (p < pattern.size() && pattern[p] == '*') star = p++, mark = n;
    else if (star != std::string_view::npos) p = star + 1, n = ++mark;
    else return false;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace

bool Checker::is_expanded(const std::string& name) const {
  return name == "each" || name == "columns" || name == "except" || name == "one_hot" || name == "quantiles" || name == "bucketize" || name == "rank" || name == "tokens" || makes_bag(name);
}

Operand Checker::expand(const std::string& name, std::vector<Argument> args, Span span, Span name_span) {
  if (name == "each" || name == "columns" || name == "except") {
    if (!in_features_ || frame_->function) {
      report(code::bad_selection, "`" + name + "` selects columns in a `features` block only", name_span, "not here");
      return poison();
    }
    if (name == "each") return expand_each(args, span);
    if (name == "columns") return expand_columns(args, span);
    return expand_except(args, span);
  }
  if (name == "rank") return expand_rank(std::move(args), span, name_span);
  // The rest follows the signature of its row in the table of builtins.
  const Builtin& row = *find_builtins(name).front();
  const std::string described = describe(args);
  std::vector<Argument> bound(row.parameters.size());
  std::vector<bool> given(row.parameters.size());
  for (std::size_t i = 0; i < args.size(); ++i) {
    std::size_t slot = i;
    if (!args[i].name.empty())
      for (slot = 0; slot < row.parameters.size() && row.parameters[slot].name != args[i].name;) ++slot;
    if (slot >= bound.size() || given[slot]) {
      report(code::no_matching_call, "`" + name + "` takes no `" + described + "`", name_span, "arguments do not fit")
          .note("`" + name + std::string(row.signature) + "`");
      return poison();
    }
    const bool word = row.parameters[slot].type.shape == BuiltinShape::word;
    if (word && args[i].value.function.empty()) {
      report(code::no_matching_call, "`" + row.parameters[slot].name + "` takes a word", args[i].value.span, "not a word").note("`" + name + std::string(row.signature) + "`");
      return poison();
    }
    if (!word && !need_value(args[i].value, "an argument of `" + name + "`")) return poison();
    bound[slot] = std::move(args[i]);
    given[slot] = true;
  }
  for (std::size_t i = 0; i < bound.size(); ++i) {
    if (given[i] || row.parameters[i].type.shape == BuiltinShape::word) continue;
    if (!row.parameters[i].fallback) {
      report(code::no_matching_call, "`" + name + "` needs `" + row.parameters[i].name + "`", name_span, "an argument is missing")
          .note("`" + name + std::string(row.signature) + "`");
      return poison();
    }
    Value v;
    v.integer = static_cast<std::int64_t>(*row.parameters[i].fallback);
    bound[i].value = value(constant({Scalar::integer, false}, std::move(v), span), span);
  }
  if (bound[0].value.vector) {
    std::vector<Argument> rest;  // by name: a word may be left out
    for (std::size_t i = 1; i < bound.size(); ++i) {
      if (!given[i] && row.parameters[i].type.shape == BuiltinShape::word) continue;
      rest.push_back(bound[i]);
      rest.back().name = row.parameters[i].name;
    }
    return map_over({bound[0]}, span, [&](std::vector<Argument> one) {
      one.insert(one.end(), rest.begin(), rest.end());
      return expand(name, std::move(one), span, name_span);
    });
  }
  if (makes_bag(name)) return expand_bag(name, bound, span);
  if (name == "tokens") return expand_tokens(bound, span);
  if (name == "one_hot") return expand_one_hot(bound, span);
  return name == "quantiles" ? expand_quantiles(bound, span) : expand_bucketize(bound, span);
}

// Selectors leave out what no model may or should see: the label, what is known too late, ids, and what the split goes by.
bool Checker::selectable(ColumnId id) const {
  const Column& c = module_.columns[id.index];
  if (c.label || c.future || c.group || c.type.scalar == Scalar::id) return false;
  const auto& target = module_.model.target_columns;
  if (std::find(target.begin(), target.end(), id) != target.end()) return false;
  const SplitMethod m = module_.split.method;
  return !(id == module_.split.column && m != SplitMethod::stratified && m != SplitMethod::every && m != SplitMethod::random);
}

// The items of a column under its name.
void Checker::select(const ast::Expr& name, Operand& into) {
  const Operand column = eval_name(name);
  for (std::size_t i = 0; i < column.items.size(); ++i) {
    into.items.push_back(column.items[i]);
    into.items.back().name = name.text + (column.vector ? "[" + std::to_string(i) + "]" : "");
  }
}

// The numbers of a picture: the bytes that its column holds.
Operand Checker::expand_image(const Operand& column, std::int64_t size) {
  Operand o;
  o.vector = true;
  o.span = column.span;
  for (std::int64_t n = 0; n < size; ++n) {
    Value number;
    number.integer = n;
    bool matched = false;
    Operand one = call_builtin("byte", {Argument{"", {}, column}, Argument{"", {}, value(constant({Scalar::integer, false}, std::move(number), column.span), column.span)}}, column.span, column.span, matched, true);
    o.items.push_back(one.items.at(0));
  }
  return o;
}

Operand Checker::expand_each(const std::vector<Argument>& args, Span span) {
  const auto& words = ir::enum_words<Scalar>::words;
  if (args.size() != 1 || args[0].value.function.empty()) {
    report(code::bad_selection, "`each` takes the name of one type", span).suggest("`each(float)`, `each(category)`, `each(number)`");
    return poison();
  }
  const std::string& wanted = args[0].value.function;
  std::vector<std::string> known(std::begin(words), std::end(words));
  known.emplace_back("number");
  if (std::find(known.begin(), known.end(), wanted) == known.end()) {
    Diagnostic& d = report(code::unknown_type, "there is no type `" + wanted + "`", args[0].value.span);
    suggest_name(d, args[0].value.span, wanted, known);
    return poison();
  }
  Operand o;
  o.vector = true;
  o.span = span;
  for (std::size_t i = 0; i < module_.columns.size(); ++i) {
    const ColumnId id{static_cast<std::int32_t>(i)};
    const Column& c = module_.columns[i];
    const bool fits = wanted == "number" ? is_number(c.type.scalar)
                      : wanted == "float" ? c.type.scalar == Scalar::real || c.type.scalar == Scalar::real32
                                          : words[static_cast<int>(c.type.scalar)] == wanted;
    if (!fits || !selectable(id)) continue;
    ast::Expr name;
    name.kind = ast::ExprKind::name;
    name.text = c.name;
    name.span = span;
    select(name, o);
  }
  if (!o.items.empty()) return o;
  if (schema_ok_)
    report(code::empty_selection, "`" + text(span) + "` selects no column", span)
        .suggest("selectors leave out the label, ids and the columns of the split");
  return poison();
}

Operand Checker::expand_columns(const std::vector<Argument>& args, Span span) {
  Operand o;
  o.vector = true;
  o.span = span;
  for (const Argument& a : args) {
    if (!a.value.function.empty() && text(a.value.span).starts_with('"')) continue;
    report(code::bad_selection, "`columns` takes patterns in quotes", a.value.span).suggest("`columns(\"p*\")`");
    return poison();
  }
  for (std::size_t i = 0; i < module_.columns.size(); ++i) {
    const ColumnId id{static_cast<std::int32_t>(i)};
    const Column& c = module_.columns[i];
    const bool fits = std::any_of(args.begin(), args.end(), [&](const Argument& a) { return glob(a.value.function, c.name); });
    if (!fits || !selectable(id)) continue;
    ast::Expr name;
    name.kind = ast::ExprKind::name;
    name.text = c.name;
    name.span = span;
    select(name, o);
  }
  if (!o.items.empty()) return o;
  if (schema_ok_)
    report(code::empty_selection, "`" + text(span) + "` selects no column", span, args.empty() ? "a pattern is missing" : "")
        .suggest("selectors leave out the label, ids and the columns of the split");
  return poison();
}

Operand Checker::expand_except(const std::vector<Argument>& args, Span span) {
  if (args.empty() || !args[0].value.vector || args[0].value.items.empty() || args[0].value.items[0].name.empty()) {
    report(code::bad_selection, "`except` follows a selector", span).suggest("`each(float) except (a, b)`");
    return poison();
  }
  Operand o = args[0].value;
  for (std::size_t i = 1; i < args.size(); ++i) {
    const Operand& out = args[i].value;
    if (out.function.empty()) {
      report(code::bad_selection, "`except` takes names of columns", out.span).suggest("`each(float) except (a, b)`");
      return poison();
    }
    mean_feature(out.function, out.span);
    const std::size_t before = o.items.size();
    std::erase_if(o.items, [&](const Item& item) { return glob(out.function, item.name); });
    if (o.items.size() != before || find_column(out.function).known()) continue;
    column_named(out.function, out.span);  // reports, with the nearest name
    return poison();
  }
  if (!o.items.empty()) return o;
  report(code::empty_selection, "nothing is left of this selection", span).suggest("remove the entry");
  return poison();
}

// The code of the text in the vocabulary of the train rows; the model gives each code a column of its own.
Operand Checker::expand_one_hot(const std::vector<Argument>& args, Span span) {
  const ir::ExprId v = args[0].value.items[0].value;
  if (!is_text(type_of(v).scalar)) {
    Diagnostic& d = report(code::type_mismatch, "`one_hot` takes a category, found " + show(type_of(v)), args[0].value.span, show(type_of(v)));
    if (type_of(v).scalar == Scalar::integer || type_of(v).scalar == Scalar::boolean) d.suggest("make a category of it: `to_category(v) |> one_hot`");
    return poison();
  }
  bool matched = false;
  Operand table = call_builtin("vocabulary", args, span, span, matched, true);
  if (table.poison) return table;
  Operand code = call_builtin("code", {args[0], {"", {}, table}}, span, span, matched, true);
  if (code.poison) return code;
  Item item;
  item.value = to_real(code.items[0].value);
  item.encoding = ir::Encoding::one_hot;
  item.table = table.items[0].value;
  Operand o;
  o.items = {item};
  o.span = span;
  return o;
}

Operand Checker::expand_quantiles(const std::vector<Argument>& args, Span span) {
  const ir::Expr& n = module_.exprs[args[1].value.items[0].value.index];
  if (n.op != ir::ExprOp::constant || n.type.scalar != Scalar::integer || n.value.integer < 2 || n.value.integer > 1000) {
    report(n.op == ir::ExprOp::constant ? code::out_of_range : code::not_constant, "the number of bins must be a constant from 2 to 1000", args[1].value.span).suggest("write a whole number: `quantiles(v, 10)`");
    return poison();
  }
  const std::int64_t bins = n.value.integer;
  Operand o;
  o.vector = true;
  o.span = span;
  for (std::int64_t k = 1; k < bins; ++k) {
    Argument p;
    p.value = value(real_constant(static_cast<double>(k) / static_cast<double>(bins), span), span);
    bool matched = false;
    Operand q = call_builtin("quantile", {args[0], std::move(p)}, span, span, matched, true);
    if (q.poison) return q;
    o.items.push_back(q.items[0]);
  }
  return o;
}

Operand Checker::expand_bucketize(const std::vector<Argument>& args, Span span) {
  const Operand& edges = args[1].value;
  if (!edges.vector) {
    report(code::type_mismatch, "`bucketize` takes a vector of edges", edges.span, show(type_of(edges.items[0].value))).suggest("`bucketize(v, [1, 2, 3])`");
    return poison();
  }
  Operand sum;
  for (const Item& edge : edges.items) {
    bool matched = false;
    Argument limit, above, left;
    limit.value = value(edge.value, edges.span);
    above.value = call_builtin("ge", {args[0], std::move(limit)}, span, span, matched, true);
    if (above.value.poison) return poison();
    Operand one = call_builtin("to_int", {std::move(above)}, span, span, matched, true);
    if (sum.items.empty()) {
      sum = std::move(one);
      continue;
    }
    Argument right;
    left.value = std::move(sum);
    right.value = std::move(one);
    sum = call_builtin("add", {std::move(left), std::move(right)}, span, span, matched, true);
  }
  sum.span = span;
  return sum;
}

}  // namespace mlp::checking
