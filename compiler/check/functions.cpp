// Calls: of builtins, of the standard library and of the spec's own functions, which are inlined.
#include <algorithm>

#include "base/codes/stages.h"
#include "base/codes/types.h"
#include "compiler/check/checker.h"

namespace mlp::checking {
namespace {

// What a constant argument of an aggregate or of a fitted table may be, by the name of its parameter.
struct BuiltinRange { double low, high; const char* text; };
BuiltinRange range_of(std::string_view parameter) {
  if (parameter == "p") return {0, 1, "0%..100%"};
  if (parameter == "folds") return {2, 100, "2..100"};  // with one fold, a row's own label would reach its features
  if (parameter == "smoothing") return {0, 1e12, "0..1e12"};
  if (parameter == "min_count") return {1, 1e15, "1..1e15"};
  return {0, 1e15, "0..1e15"};
}

}  // namespace

// How a builtin reads where the call was written.
std::string spelled_operator(std::string_view callee) {
  static const std::map<std::string, std::string, std::less<>> operators = {
      {"add", "+"}, {"sub", "-"}, {"neg", "-"}, {"mul", "*"}, {"div", "/"}, {"mod", "%"}, {"pow", "^"}, {"eq", "=="}, {"ne", "!="},
      {"lt", "<"},  {"le", "<="}, {"gt", ">"},  {"ge", ">="}, {"and", "and"}, {"or", "or"}, {"not", "not"}};
  const auto found = operators.find(callee);
  return found == operators.end() ? std::string(callee) : found->second;
}

namespace {

// Of `a + b`, the sign between the two.
Span operator_span(const SourceMap& sources, const std::string& sign, const std::vector<Argument>& args, Span whole) {
  if (args.size() != 2 || args[0].value.span.source != args[1].value.span.source || args[0].value.span.end > args[1].value.span.begin) return whole;
  const Span between{whole.source, args[0].value.span.end, args[1].value.span.begin};
  const std::size_t at = sources.text(between).find(sign);
  if (at == std::string_view::npos) return whole;
  const auto begin = static_cast<std::uint32_t>(between.begin + at);
  return {whole.source, begin, static_cast<std::uint32_t>(begin + sign.size())};
}

// The overloads of a builtin, found once.
const std::vector<const Builtin*>& rows_of(std::string_view name) {
  static const auto index = [] {
    std::map<std::string_view, std::vector<const Builtin*>, std::less<>> map;
    for (const Builtin& b : builtins()) map[b.name].push_back(&b);
    return map;
  }();
  static const std::vector<const Builtin*> none;
  const auto found = index.find(name);
  return found == index.end() ? none : found->second;
}

bool launders(std::string_view name) { return name == "hash_id" || name == "redact"; }

}  // namespace

const std::vector<FunctionRef>* Checker::find_function(const std::string& name, bool library_scope) const {
  if (!library_scope)
    if (const auto own = own_functions_.find(name); own != own_functions_.end()) return &own->second;
  const auto found = library_functions_.find(name);
  return found == library_functions_.end() ? nullptr : &found->second;
}

bool Checker::is_function(const std::string& name, bool library_scope) const {
  return find_function(name, library_scope) || is_expanded(name) || !rows_of(name).empty();
}

std::vector<std::string> Checker::function_names() const {
  std::vector<std::string> names;
  for (const auto& [name, unused] : own_functions_) names.push_back(name);
  for (const auto& [name, unused] : library_functions_) names.push_back(name);
  for (const Builtin& b : builtins())
    if (spelled_operator(b.name) == b.name || b.name == "not") names.emplace_back(b.name);  // operators have signs, not names
  for (const char* name : {"each", "columns", "except"}) names.emplace_back(name);
  return names;
}

std::string Checker::describe(const std::vector<Argument>& args) const {
  std::string out = "(";
  for (const Argument& a : args) {
    if (out.size() > 1) out += ", ";
    if (!a.name.empty()) out += a.name + " = ";
    if (a.value.items.empty()) out += "fn";
    else if (module_.exprs[a.value.items[0].value.index].op == ir::ExprOp::table) out += "table";
    else {
      out += spell(type_of(a.value.items[0].value));
      if (a.value.vector) out += "[" + std::to_string(a.value.items.size()) + "]";
    }
  }
  return out + ")";
}

Operand Checker::call(const std::string& name, bool library_scope, std::vector<Argument> args, Span span, Span name_span) {
  const std::vector<FunctionRef>* functions = find_function(name, library_scope);
  const bool builtin = !rows_of(name).empty();
  if (!library_scope && broken_functions_.count(name)) return poison();
  if (!functions && !builtin && !is_expanded(name)) {
    if (outside_of_network(name, name_span) || chooses_by_data(name, name_span)) return poison();
    Diagnostic& d = report(code::unknown_function, "there is no function `" + name + "`", name_span, "not known");
    static const std::map<std::string, const char*> foreign = {
        {"ln", "log"}, {"std", "stddev"}, {"avg", "mean"}, {"average", "mean"}, {"mode", "most_frequent"}, {"fillna", "impute"}, {"zscore", "standardize"},
        {"scale", "standardize"}, {"onehot", "one_hot"}, {"tfidf", "tf_idf"}, {"bag_of_words", "count_terms"}, {"dummies", "one_hot"}, {"len", "length"}, {"clip", "clamp"}, {"bin", "quantile_bins"}, {"isnull", "is_null"}, {"maximum", "max"}, {"minimum", "min"}, {"absolute", "abs"}, {"len", "length"},
        {"ifnull", "coalesce"}, {"float", "to_float"}, {"int", "to_int"}, {"string", "to_text"}, {"category", "to_category"}, {"label_encode", "ordinal"}};
    if (find_column(name).known()) d.suggest("`" + name + "` is a column, and columns are not called");
    else if (const auto f = foreign.find(name); f != foreign.end()) d.suggest("it is called `" + std::string(f->second) + "` here").edit(name_span, f->second);
    else suggest_name(d, name_span, name, function_names());
    if (d.help.empty()) d.suggest("`mlp doc` lists the functions; a spec declares its own: `fn " + name + "(v: float) -> float = v`");
    return poison();
  }
  for (const Argument& a : args)
    if (a.value.poison) return poison();
  if (is_expanded(name) && !(functions && !functions->front().library)) return expand(name, std::move(args), span, name_span);
  // Where the schema declares an order, that is the order of `ordinal`.
  if (name == "ordinal" && functions && functions->front().library && args.size() == 1 && args[0].value.items.size() == 1 && order_of(args[0].value.items[0].value)) {
    Value missing;
    missing.integer = -1;
    bool matched = false;
    Operand rank = rank_of(args[0].value.items[0].value, std::vector<std::string>(*order_of(args[0].value.items[0].value)), false, span);
    return call_builtin("coalesce", {{"", {}, std::move(rank)}, {"", {}, value(constant({Scalar::integer, false}, std::move(missing), span), span)}}, span, name_span, matched, true);
  }
  for (Argument& a : args)
    for (const Item& item : a.value.items)
      if (item.encoding != ir::Encoding::number && !need_value(a.value, "an argument")) return poison();
  if (functions && !functions->front().library) return call_function(name, *functions, args, span, name_span);
  if (builtin) {
    bool matched = false;
    Operand result = call_builtin(name, args, span, name_span, matched, !functions);
    if (matched || !functions) return result;
  }
  return call_function(name, *functions, args, span, name_span);
}

// One call for each element of the vectors among the arguments; the results follow each other in one vector.
Operand Checker::map_over(const std::vector<Argument>& args, Span span, const std::function<Operand(std::vector<Argument>)>& each) {
  const Argument* first = nullptr;
  for (const Argument& a : args) {
    if (!a.value.vector) continue;
    if (!first) first = &a;
    if (a.value.items.size() == first->value.items.size()) continue;
    const auto size = [](const Argument& v) { return std::to_string(v.value.items.size()) + " elements"; };
    report(code::vector_length, "vectors of different length cannot be combined", a.value.span, size(a)).also(first->value.span, size(*first)).suggest("give both the same number of elements, or combine with one value");
    return poison();
  }
  Operand result;
  result.vector = true;
  result.span = span;
  for (std::size_t i = 0; i < first->value.items.size(); ++i) {
    std::vector<Argument> row;
    std::string name;
    for (const Argument& a : args) {
      if (!a.value.vector) {
        row.push_back(a);
        continue;
      }
      const Item& item = a.value.items[i];
      if (name.empty()) name = item.name;
      Argument one{a.name, a.name_span, {}};
      one.value.items = {item};
      one.value.span = a.value.span;
      row.push_back(std::move(one));
    }
    Operand one = each(std::move(row));
    if (one.poison) {
      result.poison = true;
      continue;
    }
    for (std::size_t j = 0; j < one.items.size(); ++j) {
      Item item = one.items[j];
      item.name = one.vector && !name.empty() ? name + "[" + std::to_string(j) + "]" : name;
      result.items.push_back(std::move(item));
    }
  }
  return result.poison ? poison() : result;
}

Operand Checker::call_builtin(std::string_view name, const std::vector<Argument>& args, Span span, Span name_span, bool& matched, bool report_it) {
  if (std::any_of(args.begin(), args.end(), [](const Argument& a) { return a.value.vector; })) {
    bool all = true;
    Operand result = map_over(args, span, [&](std::vector<Argument> row) {
      bool one = false;
      Operand o = call_builtin(name, row, span, name_span, one, report_it);
      all = all && one;
      return o;
    });
    matched = all;
    return result;
  }
  const bool values = std::all_of(args.begin(), args.end(), [](const Argument& a) { return a.value.items.size() == 1; });
  if (std::optional<Operand> compared = values ? compare_ordered(name, args, span) : std::nullopt) {
    matched = true;
    return *compared;
  }
  // Bind and rate each overload; the cheapest wins, the first of equals.
  const Builtin* best = nullptr;
  int best_cost = 0;
  std::vector<const Argument*> best_bound;
  for (const Builtin* row : rows_of(name)) {
    std::vector<const Argument*> bound(row->parameters.size(), nullptr);
    bool fits = true;
    for (std::size_t i = 0; i < args.size() && fits; ++i) {
      std::size_t slot = i;
      if (!args[i].name.empty())
        for (slot = 0; slot < row->parameters.size() && row->parameters[slot].name != args[i].name;) ++slot;
      fits = slot < bound.size() && !bound[slot];
      if (fits) bound[slot] = &args[i];
    }
    int cost = 0;
    for (std::size_t i = 0; i < bound.size() && fits; ++i) {
      const BuiltinParameter& p = row->parameters[i];
      if (!bound[i]) {
        fits = p.fallback.has_value();
        continue;
      }
      if (bound[i]->value.items.empty()) {
        fits = false;
        continue;
      }
      const ir::Expr& e = module_.exprs[bound[i]->value.items[0].value.index];
      const bool table = e.op == ir::ExprOp::table;
      int c = -1;
      if (p.type.shape == BuiltinShape::table) c = table ? 0 : -1;
      else if (p.type.shape == BuiltinShape::any) c = table ? -1 : 0;
      else if (p.type.shape == BuiltinShape::scalar) c = conversion_cost(e, p.type.type.scalar);
      fits = c >= 0;
      cost += c;
    }
    if (fits && (!best || cost < best_cost)) best = row, best_cost = cost, best_bound = bound;
  }
  matched = best != nullptr;
  if (!best) {
    if (!report_it || units_clash(name, args, span)) return poison();
    const std::string shown = spelled_operator(name);
    const bool op = shown != name;
    const auto overloads = rows_of(name);
    Diagnostic& d = report(code::no_matching_call,
                           op ? "`" + shown + "` cannot be applied to `" + describe(args) + "`" : "`" + shown + "` takes no `" + describe(args) + "`",
                           op ? operator_span(sources_, shown, args, span) : name_span, op ? "no such operation" : "arguments do not fit");
    for (std::size_t i = 0; i < overloads.size() && i < 4 && !op; ++i) d.note("`" + shown + std::string(overloads[i]->signature) + "`");
    for (std::size_t i = 0; i < args.size() && op && args.size() > 1 && !frame_->library; ++i)
      if (args[i].value.items.size() == 1) d.also(args[i].value.span, describe({args[i]}).substr(1, describe({args[i]}).size() - 2));
    for (const Argument& a : args)
      if (a.value.items.empty()) d.suggest("`" + a.value.function + "` is a function: call it, `" + a.value.function + "(…)`");
    if (args.size() == 2 && args[0].value.items.size() == 1 && args[1].value.items.size() == 1) {
      const ir::Expr &a = module_.exprs[args[0].value.items[0].value.index], &b = module_.exprs[args[1].value.items[0].value.index];
      if ((name == "eq" || name == "ne") && a.type.scalar == Scalar::boolean && is_text(b.type.scalar))
        d.suggest("a `bool` is true or false: write `" + text(a.span) + "` or `not " + text(a.span) + "`");
    }
    if (std::any_of(args.begin(), args.end(), [&](const Argument& a) { return !a.value.items.empty() && type_of(a.value.items[0].value).scalar == Scalar::boolean; }) && d.help.empty() && !(name == "eq" || name == "ne"))
      d.suggest("`to_float(v)` makes 1 and 0 of a `bool`");
    if (d.help.empty()) d.suggest(conversion_help(name, args, op || overloads.empty() ? "" : shown + std::string(overloads[0]->signature)));
    return poison();
  }

  if (std::optional<Operand> local = call_in_zone(*best, name, best_bound, span, name_span)) return *local;
  if (name == "eq" || name == "ne") check_equality(best_bound[0]->value, best_bound[1]->value);
  ir::Expr e;
  e.callee = std::string(name);
  e.span = span;
  for (std::size_t i = 0; i < best_bound.size(); ++i) {
    const BuiltinParameter& p = best->parameters[i];
    if (!best_bound[i]) {
      Value v;
      if (p.type.type.scalar == Scalar::real) v.real = *p.fallback;
      else v.integer = static_cast<std::int64_t>(*p.fallback);
      e.args.push_back(constant({p.type.type.scalar, false}, std::move(v), span));
      continue;
    }
    const ir::ExprId id = best_bound[i]->value.items[0].value;
    e.args.push_back(p.type.shape == BuiltinShape::scalar ? convert(id, p.type.type.scalar) : id);
  }
  bool nullable = false, all_nullable = true;
  for (const ir::ExprId id : e.args) {
    e.stage = std::max(e.stage, stage_of(id));
    nullable = nullable || type_of(id).nullable;
    all_nullable = all_nullable && type_of(id).nullable;
  }

  if (best->kind != BuiltinKind::function) {
    if (stage_of(e.args[0]) != ir::Stage::row) {
      report(code::aggregate_of_constant, "`" + std::string(name) + "` needs a value that differs from row to row", best_bound[0]->value.span,
             stage_of(e.args[0]) == ir::Stage::fit ? "one value for all train rows" : "a constant")
          .suggest("apply it to a column, or to something computed from columns");
      return poison();
    }
    for (std::size_t i = 1; i < e.args.size(); ++i) {
      if (module_.exprs[e.args[i].index].op == ir::ExprOp::constant) continue;
      report(code::not_constant, "`" + best->parameters[i].name + "` of `" + std::string(name) + "` must be known when the spec is compiled",
             best_bound[i]->value.span, "of stage " + std::string(ir::spell(stage_of(e.args[i]))))
          .suggest("write a number");
      return poison();
    }
    for (std::size_t i = 1; i < e.args.size(); ++i) {
      const BuiltinRange range = range_of(best->parameters[i].name);
      const ir::Expr& given = module_.exprs[e.args[i].index];
      const double v = given.type.scalar == Scalar::integer ? static_cast<double>(given.value.integer) : given.value.real;
      if (v >= range.low && v <= range.high) continue;
      report(code::out_of_range, "`" + best->parameters[i].name + "` of `" + std::string(name) + "` must lie in " + range.text, best_bound[i]->value.span, "outside of it")
          .suggest("write a number in " + std::string(range.text));
      return poison();
    }
    e.op = best->kind == BuiltinKind::aggregate ? ir::ExprOp::aggregate : ir::ExprOp::table;
    e.stage = ir::Stage::fit;
    e.type = best->kind == BuiltinKind::aggregate ? best->result.type : Type{Scalar::real, false};
    return value(add(std::move(e)), span);
  }

  e.op = ir::ExprOp::call;
  const std::string_view code = best->code;
  if (code == "custom:is_null") {
    if (!nullable) {
      Value never;
      return value(constant({Scalar::boolean, false}, std::move(never), span), span);
    }
    e.type = {Scalar::boolean, false};
  } else if (code == "custom:coalesce") {
    // Both values become one type; the first wins unless only the second can hold both.
    const ir::Expr &a = module_.exprs[e.args[0].index], &b = module_.exprs[e.args[1].index];
    const bool texts = is_text(a.type.scalar) && is_text(b.type.scalar);
    if (texts && a.type.scalar != b.type.scalar && a.type.scalar != Scalar::string && b.type.scalar != Scalar::string) {
      // Two kinds of text meet as strings.
      std::vector<Argument> strings;
      for (const Argument* arg : best_bound) {
        bool fits = false;
        strings.push_back({"", {}, call_builtin("to_text", {{"", {}, arg->value}}, arg->value.span, name_span, fits, true)});
      }
      return call_builtin(name, strings, span, name_span, matched, report_it);
    }
    const Scalar to = texts || conversion_cost(b, a.type.scalar) >= 0 ? a.type.scalar : b.type.scalar;
    const Type found_a = a.type, found_b = b.type;
    if (conversion_cost(a, to) < 0 || conversion_cost(b, to) < 0) {
      report(code::type_mismatch, "a missing " + show(found_a) + " cannot be replaced by a " + show(found_b), best_bound[1]->value.span, show(found_b))
          .also(best_bound[0]->value.span, show(found_a));
      return poison();
    }
    for (ir::ExprId& id : e.args) id = convert(id, to);
    if (!type_of(e.args[0]).nullable) return value(e.args[0], span);  // never missing: nothing to replace
    e.type = {to, all_nullable};
  } else {
    if (refuse_constants(name, e.args, best_bound, span)) return poison();
    if (const ir::ExprId folded = fold(name, e.args, best->result.type, span); folded.known()) return value(folded, span);
    e.type = best->result.type;
    e.type.nullable = best->may_give_null() || (best->code_class() == "custom" && code != "custom:same" ? false : nullable);
  }
  Operand result = value(add(std::move(e)), span);
  note_risk(result.items[0].value, span, name_span, best_bound);
  if (launders(name)) laundered_.insert(result.items[0].value);
  return result;
}

// What to do about arguments that fit no form of a function or operator; `form` is one of a function.
std::string Checker::conversion_help(std::string_view name, const std::vector<Argument>& args, const std::string& form) const {
  bool text_given = false, moment = false, number = false;
  for (const Argument& a : args) {
    if (a.value.items.empty()) continue;
    const Scalar s = type_of(a.value.items[0].value).scalar;
    text_given = text_given || is_text(s);
    moment = moment || s == Scalar::date || s == Scalar::timestamp || s == Scalar::duration;
    number = number || is_number(s);
  }
  if (name == "and" || name == "or" || name == "not") return "compare first: `v > 0` is a `bool`";
  static const std::set<std::string_view> comparing = {"eq", "ne", "lt", "le", "gt", "ge"};
  if (text_given && number && comparing.count(name)) return "compare a text with a text: `v == \"a\"`, or a number with a number";
  if (moment && number) return "say the unit of the number, as in `7d`, or take a number of the time, as with `days(v)`";
  if (moment) return form.empty() ? "take numbers of the times, as with `days(a - b)`, `month(a)`" : "call it as `" + form + "`; `to_timestamp(date)` and `to_date(timestamp)` convert";
  if (text_given && form.find("string") == std::string::npos) return "`ordinal(v)` and `frequency_encode(v)` make a number of a category, `length(v)` and `parse_float(v)` of a text";
  if (form.empty()) return "the types of both sides must fit";
  return "call it as `" + form + "`";
}

// Constants that never make sense in their place. `1 / 0` of two constants is a way to write infinity.
bool Checker::refuse_constants(std::string_view name, const std::vector<ir::ExprId>& args, const std::vector<const Argument*>& bound, Span span) {
  if (unreachable_ > 0 || stage_of(args[0]) == ir::Stage::constant) return false;
  const auto constant = [&](std::size_t i) -> std::optional<double> {
    const ir::Expr& e = module_.exprs[args[i].index];
    if (e.op != ir::ExprOp::constant || e.value.null || is_text(e.type.scalar)) return {};
    return e.type.scalar == Scalar::real || e.type.scalar == Scalar::real32 ? e.value.real : static_cast<double>(e.value.integer);
  };
  const auto refuse = [&](std::size_t i, const std::string& what, const std::string& label, const std::string& hint) {
    report(code::out_of_range, what, bound[i] ? bound[i]->value.span : span, label).suggest(hint);
    return true;
  };
  if ((name == "div" || name == "mod") && constant(1) == 0) return refuse(1, "a division by 0", "always 0", "divide by another number, or remove the division");
  if (name == "clamp" && constant(1) && constant(2) && *constant(1) > *constant(2))
    return refuse(1, "`clamp` leaves no value between " + ir::exact(*constant(1)) + " and " + ir::exact(*constant(2)), "greater than the upper limit", "write the lower limit first");
  if (name == "hash_bucket" && constant(1) && *constant(1) < 1) return refuse(1, "`n` of `hash_bucket` must be 1 or more", "no buckets", "write a number from 1: `hash_bucket(v, 100)`");
  if (name == "substring" && constant(2) && *constant(2) < 0) return refuse(2, "`length` of `substring` must not be negative", "below 0", "write a number from 0");
  return false;
}

// city == "Roma" where the schema lists other values: always false.
void Checker::check_equality(const Operand& a, const Operand& b) {
  const ir::Expr &left = module_.exprs[a.items[0].value.index], &right = module_.exprs[b.items[0].value.index];
  const ir::Expr& column = left.op == ir::ExprOp::column ? left : right;
  const ir::Expr& word = left.op == ir::ExprOp::column ? right : left;
  if (column.op != ir::ExprOp::column || !column.column.known() || word.op != ir::ExprOp::constant) return;
  const Column& c = module_.columns[column.column.index];
  if (c.one_of.empty() || std::find(c.one_of.begin(), c.one_of.end(), word.value.text) != c.one_of.end()) return;
  Diagnostic& d = report(code::never_equal, "column `" + c.name + "` never is \"" + word.value.text + "\"", word.span, "not among its values");
  d.also(c.span, "its values are listed here");
  const std::string near = nearest(word.value.text, c.one_of);
  if (near.empty()) return;
  d.suggest("did you mean \"" + near + "\"?");
  if (!frame_->library) d.edit(word.span, "\"" + near + "\"");
}

// The cost of calling `ref` with these arguments, or nothing when it cannot be; `bound` gives the argument of each
// parameter, nullptr where its default stands in.
std::optional<int> Checker::match(const FunctionRef& ref, const std::vector<Argument>& args, std::vector<const Argument*>& bound) {
  const auto& parameters = ref.function->parameters;
  bound.assign(parameters.size(), nullptr);
  for (std::size_t i = 0; i < args.size(); ++i) {
    std::size_t slot = i;
    if (!args[i].name.empty())
      for (slot = 0; slot < parameters.size() && parameters[slot].name != args[i].name;) ++slot;
    if (slot >= parameters.size() || bound[slot]) return {};
    bound[slot] = &args[i];
  }
  int cost = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const ast::Parameter& p = parameters[i];
    if (!bound[i]) {
      if (!p.fallback.known()) return {};
      continue;
    }
    const Operand& o = bound[i]->value;
    if (p.type.name == "fn") {
      if (o.function.empty()) return {};
      continue;
    }
    if (o.items.empty()) return {};
    const bool table = module_.exprs[o.items[0].value.index].op == ir::ExprOp::table;
    if (p.type.name == "table" || table) {
      if (!table || p.type.name != "table") return {};
      continue;
    }
    if (p.type.name == "any") {
      cost += 200;
      continue;
    }
    const Scalar scalar = read_scalar(p.type.name).value_or(Scalar::real);
    if (o.vector != !p.type.shape.empty()) return {};
    if (o.vector) {
      const ast::Expr& shape = (*ref.file)[p.type.shape[0]];
      if (shape.kind == ast::ExprKind::number && read_number(shape.text).whole != static_cast<std::int64_t>(o.items.size())) return {};
    }
    int worst = 0;
    for (const Item& item : o.items) {
      const int c = conversion_cost(module_.exprs[item.value.index], scalar);
      if (c < 0) return {};
      worst = std::max(worst, c);
    }
    cost += worst;
  }
  return cost;
}

Operand Checker::call_function(const std::string& name, const std::vector<FunctionRef>& overloads, const std::vector<Argument>& args, Span span,
                               Span name_span) {
  const FunctionRef* best = nullptr;
  int best_cost = 0;
  std::vector<const Argument*> best_bound, bound;
  for (const FunctionRef& ref : overloads) {
    const std::optional<int> cost = match(ref, args, bound);
    if (cost && (!best || *cost < best_cost)) best = &ref, best_cost = *cost, best_bound = bound;
  }
  if (!best) {
    if (std::any_of(args.begin(), args.end(), [](const Argument& a) { return a.value.vector; }))
      return map_over(args, span, [&](std::vector<Argument> row) { return call_function(name, overloads, row, span, name_span); });
    // A named argument that no overload knows is the likeliest slip.
    for (const Argument& a : args) {
      if (a.name.empty()) continue;
      std::vector<std::string> names;
      bool known = false;
      for (const FunctionRef& ref : overloads)
        for (const ast::Parameter& p : ref.function->parameters) {
          names.push_back(p.name);
          known = known || p.name == a.name;
        }
      if (known) continue;
      Diagnostic& d = report(code::no_matching_call, "`" + name + "` has no parameter `" + a.name + "`", a.name_span, "not known");
      suggest_name(d, a.name_span, a.name, names);
      if (d.help.empty()) {
        std::string list;
        for (const ast::Parameter& p : overloads.front().function->parameters) list += (list.empty() ? "`" : ", `") + p.name + "`";
        d.suggest("parameters are: " + list);
      }
      return poison();
    }
    Diagnostic& d = report(code::no_matching_call, "`" + name + "` takes no `" + describe(args) + "`", name_span, "arguments do not fit");
    for (const FunctionRef& ref : overloads) {
      const ast::Function& f = *ref.function;
      std::string signature = "`" + f.head.name + "(";
      for (std::size_t i = 0; i < f.parameters.size(); ++i) {
        if (i) signature += ", ";
        const ast::Parameter& p = f.parameters[i];
        signature += p.name + ": " + text(p.type.span) + (p.fallback.known() ? " = " + text((*ref.file)[p.fallback].span) : "");
      }
      d.note(signature + ")`");
      if (d.help.empty()) d.suggest(conversion_help(name, args, signature.substr(1) + ")"));
    }
    return poison();
  }
  mean_function(*best, name_span, args);
  std::vector<Operand> values;
  for (std::size_t i = 0; i < best_bound.size(); ++i) {
    const ast::Parameter& p = best->function->parameters[i];
    Operand o;
    if (best_bound[i]) {
      o = best_bound[i]->value;
    } else {  // the default is read where the function stands
      Frame defaults;
      defaults.file = best->file;
      defaults.function = best->function;
      defaults.library = best->library;
      defaults.caller = frame_;
      defaults.call = span;
      const Frame* outer = frame_;
      frame_ = &defaults;
      o = eval(p.fallback);
      frame_ = outer;
      if (o.poison) return poison();
    }
    if (p.type.name == "fn") {
      o.items.clear();
      o.vector = false;
    } else {
      o.function.clear();
      if (const auto scalar = read_scalar(p.type.name)) {  // not `any`, not `table`
        for (Item& item : o.items) {
          const ir::ExprId converted = convert(item.value, *scalar);
          if (!converted.known()) {
            report(code::type_mismatch, "the default of `" + p.name + "` is no `" + p.type.name + "`", p.name_span);
            return poison();
          }
          item.value = converted;
          item.name.clear();
        }
      }
    }
    values.push_back(std::move(o));
  }
  return best->function->external() ? call_external(*best, std::move(values), span) : inline_function(*best, std::move(values), span);
}

Operand Checker::inline_function(const FunctionRef& ref, std::vector<Operand> bound, Span span) {
  const ast::Function& f = *ref.function;
  used_functions_.insert(&f);
  for (const Frame* up = frame_; up; up = up->caller) {
    if (up->function != &f) continue;
    report(code::recursive_function, "`" + f.head.name + "` calls itself", span, "recursion").also(f.head.name_span, "defined here")
        .suggest("functions are inlined and cannot recurse: write the steps out");
    return poison();
  }
  Frame inner;
  inner.file = ref.file;
  inner.function = &f;
  inner.library = ref.library;
  inner.caller = frame_;
  inner.call = span;
  bool propagates = false;  // a null may come in where the function did not ask for one
  for (std::size_t i = 0; i < bound.size(); ++i) {
    const ast::Parameter& p = f.parameters[i];
    for (const Item& item : bound[i].items) propagates = propagates || (type_of(item.value).nullable && !p.type.nullable);
    inner.locals[p.name] = std::move(bound[i]);
    inner.declared[p.name] = p.name_span;
  }
  const Frame* outer = frame_;
  frame_ = &inner;
  for (const ast::Parameter& p : f.parameters) mean_value(p.name_span, inner.locals[p.name]);
  Operand result = eval(f.body);
  if (const auto scalar = read_scalar(f.result.name); !result.poison && scalar) {
    const Span body = (*ref.file)[f.body].kind == ast::ExprKind::block ? (*ref.file)[(*ref.file)[f.body].args.back()].span : (*ref.file)[f.body].span;
    for (Item& item : result.items) {
      if (item.encoding != ir::Encoding::number) continue;
      const ir::ExprId converted = convert(item.value, *scalar);
      if (!converted.known() || result.vector != !f.result.shape.empty()) {
        report(code::type_mismatch, "`" + f.head.name + "` says that it gives " + "`" + text(f.result.span) + "`, and gives " +
                                        show(type_of(item.value)) + (result.vector ? " in a vector" : ""), body)
            .also(f.result.span, "declared here");
        result = poison();
        break;
      }
      item.value = converted;
      if (type_of(converted).nullable && !f.result.nullable && !propagates) {
        report(code::null_not_allowed, "`" + f.head.name + "` says that it gives no null, and can give one", body)
            .also(f.result.span, "declared here").suggest("declare `-> " + f.result.name + "?`, or replace the null with `coalesce`");
        result = poison();
        break;
      }
    }
  }
  frame_ = outer;
  if (launders(f.head.name) && ref.library)
    for (const Item& item : result.items) laundered_.insert(item.value);
  result.span = span;
  return result;
}

}  // namespace mlp::checking
