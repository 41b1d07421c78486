// One expression of the language → operands over sem expressions.
#include <algorithm>

#include "base/codes/networks.h"
#include "base/codes/types.h"
#include "compiler/check/checker.h"

namespace mlp::checking {
namespace {

constexpr int max_depth = 600;
constexpr std::size_t max_exprs = 1 << 20;

bool is_null_literal(const ir::Expr& e) { return e.op == ir::ExprOp::constant && e.value.null; }

const char* operator_callee(const std::string& text) {
  static const std::map<std::string, const char*> names = {
      {"+", "add"}, {"-", "sub"}, {"*", "mul"}, {"/", "div"}, {"%", "mod"}, {"^", "pow"}, {"==", "eq"}, {"!=", "ne"},
      {"<", "lt"},  {"<=", "le"}, {">", "gt"},  {">=", "ge"}, {"and", "and"}, {"or", "or"}};
  const auto found = names.find(text);
  return found == names.end() ? nullptr : found->second;  // none: text that does not parse, reported there
}

template <class T>
std::optional<bool> compared(std::string_view callee, T a, T b) {
  if (callee == "eq") return a == b;
  if (callee == "ne") return a != b;
  if (callee == "lt") return a < b;
  if (callee == "le") return a <= b;
  if (callee == "gt") return a > b;
  if (callee == "ge") return a >= b;
  return {};
}

}  // namespace

ir::ExprId Checker::add(ir::Expr expr) {
  if (module_.exprs.size() >= max_exprs && !too_large_) {
    too_large_ = true;
    const Frame* inner = frame_;
    Span outermost = expr.span;
    for (; frame_->caller; frame_ = frame_->caller) outermost = frame_->call;
    report(code::expression_too_large, "this expands to more than a million operations", outermost, "functions are inlined here")
        .suggest("bind a value that is used often with `let`, and call the function once");
    frame_ = inner;
  }
  module_.exprs.push_back(std::move(expr));
  return {static_cast<std::int32_t>(module_.exprs.size()) - 1};
}

ir::ExprId Checker::constant(Type type, Value value, Span span) {
  ir::Expr e;
  e.type = type;
  e.value = std::move(value);
  e.span = span;
  return add(std::move(e));
}

ir::ExprId Checker::real_constant(double value, Span span) {
  Value v;
  v.real = value;
  return constant({Scalar::real, false}, std::move(v), span);
}

int Checker::conversion_cost(const ir::Expr& from, Scalar to) const {
  if (from.op == ir::ExprOp::table) return -1;
  if (from.type.scalar == to) return 0;
  if (is_null_literal(from)) return 1;
  if (to == Scalar::real && from.type.scalar == Scalar::integer) return 100;
  if (to == Scalar::real32 && from.type.scalar == Scalar::real) return 0;
  if (to == Scalar::timestamp && from.type.scalar == Scalar::date && from.op == ir::ExprOp::constant) return 50;
  if (is_text(to) && is_text(from.type.scalar)) return to == Scalar::string ? 1 : 2;
  return -1;
}

ir::ExprId Checker::convert(ir::ExprId id, Scalar to) {
  if (to == Scalar::real32) to = Scalar::real;
  const ir::Expr& from = module_.exprs[id.index];
  if (conversion_cost(from, to) < 0) return {};
  if (from.type.scalar == to || (is_text(to) && is_text(from.type.scalar) && !from.value.null)) return id;
  if (from.op == ir::ExprOp::constant) {
    Value value = from.value;
    if (to == Scalar::real) value.real = static_cast<double>(value.integer), value.integer = 0;
    if (to == Scalar::timestamp) value.integer *= 86'400'000'000;
    return constant({to, value.null}, std::move(value), from.span);
  }
  return to_real(id);
}

ir::ExprId Checker::to_real(ir::ExprId id) {
  const ir::Expr& from = module_.exprs[id.index];
  if (from.type.scalar == Scalar::real) return id;
  if (from.op == ir::ExprOp::constant) {
    Value value;
    value.null = from.value.null;
    value.real = static_cast<double>(from.value.integer);
    return constant({Scalar::real, from.type.nullable}, std::move(value), from.span);
  }
  ir::Expr e;
  e.op = ir::ExprOp::call;
  e.callee = "to_float";
  e.type = {Scalar::real, from.type.nullable};
  e.stage = from.stage;
  e.args = {id};
  e.span = from.span;
  return add(std::move(e));
}

// Arithmetic and comparisons of constants, with exactly the meaning that the compiled operations have.
ir::ExprId Checker::fold(std::string_view callee, const std::vector<ir::ExprId>& args, Type type, Span span) {
  for (const ir::ExprId id : args) {
    const ir::Expr& e = module_.exprs[id.index];
    if (e.op != ir::ExprOp::constant || e.value.null || is_text(e.type.scalar)) return {};
  }
  if (args.empty() || args.size() > 2) return {};
  const Value& a = module_.exprs[args[0].index].value;
  const Value& b = module_.exprs[args.back().index].value;
  const Scalar scalar = module_.exprs[args[0].index].type.scalar;
  const bool same = module_.exprs[args.back().index].type.scalar == scalar;
  if (!same) return {};
  Value v;
  if (scalar == Scalar::real) {
    if (callee == "add") v.real = a.real + b.real;
    else if (callee == "sub") v.real = a.real - b.real;
    else if (callee == "mul") v.real = a.real * b.real;
    else if (callee == "div") v.real = a.real / b.real;
    else if (callee == "neg") v.real = -a.real;
    else if (const auto truth = compared(callee, a.real, b.real)) v.integer = *truth;
    else return {};
  } else if (scalar == Scalar::integer) {
    const auto x = static_cast<std::uint64_t>(a.integer), y = static_cast<std::uint64_t>(b.integer);  // wraps, as the operations do
    if (callee == "add") v.integer = static_cast<std::int64_t>(x + y);
    else if (callee == "sub") v.integer = static_cast<std::int64_t>(x - y);
    else if (callee == "mul") v.integer = static_cast<std::int64_t>(x * y);
    else if (callee == "neg") v.integer = static_cast<std::int64_t>(0 - x);
    else if (const auto truth = compared(callee, a.integer, b.integer)) v.integer = *truth;
    else return {};
  } else if (scalar == Scalar::boolean) {
    if (callee == "and") v.integer = a.integer && b.integer;
    else if (callee == "or") v.integer = a.integer || b.integer;
    else if (callee == "not") v.integer = !a.integer;
    else if (const auto truth = compared(callee, a.integer, b.integer)) v.integer = *truth;
    else return {};
  } else {
    return {};
  }
  return constant(type, std::move(v), span);
}

bool Checker::need_value(Operand& operand, const std::string& what) {
  if (operand.poison) return false;
  if (operand.items.empty()) {
    if (!schema_ok_ && !frame_->function && !step_scope_) {  // it may be a column that could not be read
      operand = poison();
      return false;
    }
    report(code::type_mismatch, what + " must be a value, and `" + operand.function + "` is a function", operand.span, "a function")
        .suggest("call it: `" + operand.function + "(…)`");
    operand = poison();
    return false;
  }
  for (const Item& item : operand.items) {
    if (item.encoding == ir::Encoding::number) continue;
    const bool bag = item.encoding == ir::Encoding::bag;
    report(code::one_hot_not_last, std::string(bag ? "a bag of terms" : "`one_hot`") + " must be the last step of a feature", operand.span, bag ? "goes on after the bag" : "goes on after `one_hot`")
        .suggest("use the feature as it is, and compute other features from the column itself");
    operand = poison();
    return false;
  }
  for (const Item& item : operand.items) {
    if (module_.exprs[item.value.index].op != ir::ExprOp::table) continue;
    report(code::table_misused, "a fitted table is no value by itself", operand.span, "a table")
        .suggest("look a text up in it: `code(v, vocabulary(v))`, `lookup(v, frequencies(v))`");
    operand = poison();
    return false;
  }
  return true;
}

Operand Checker::eval(ast::ExprId id) {
  const ast::Expr& e = node(id);
  if (too_large_) return poison();
  if (depth_ >= max_depth) {
    too_large_ = true;
    report(code::expression_too_large, "this expression is nested more than " + std::to_string(max_depth) + " levels deep", e.span)
        .suggest("split it into several features or functions");
    return poison();
  }
  ++depth_;
  Operand result = eval_node(e);
  --depth_;
  mean_value(e.span, result);
  if (result.span.source < 0 || !frame_->function) result.span = e.span;
  return result;
}

// `by = chars`: the name is a word of the function, whatever columns are called so.
bool Checker::is_word_of_bag(const ast::Expr& call, const std::string& parameter, const ast::Expr& argument) const {
  return parameter == "by" && argument.kind == ast::ExprKind::name && makes_bag(call.text) && !frame_->locals.count(call.text) && !own_functions_.count(call.text);
}

Operand Checker::eval_node(const ast::Expr& e) {
  Value v;
  switch (e.kind) {
    case ast::ExprKind::number: return eval_number(e);
    case ast::ExprKind::string:
      v.text = e.text;
      return value(constant({Scalar::string, false}, std::move(v), e.span), e.span);
    case ast::ExprKind::boolean:
      v.integer = e.text == "true";
      return value(constant({Scalar::boolean, false}, std::move(v), e.span), e.span);
    case ast::ExprKind::null:
      v.null = true;
      return value(constant({Scalar::real, true}, std::move(v), e.span), e.span);
    case ast::ExprKind::date: {
      const Moment m = read_moment(e.text);
      if (m.kind == Moment::bad) {
        report(code::bad_literal, "`" + e.text + "` is no date", e.span).suggest("dates are written `@2024-01-31`, moments `@2024-01-31T12:30:00`");
        return poison();
      }
      v.integer = m.value;
      return value(constant({m.kind == Moment::date ? Scalar::date : Scalar::timestamp, false}, std::move(v), e.span), e.span);
    }
    case ast::ExprKind::name: return eval_name(e);
    case ast::ExprKind::list: {
      Operand list;
      list.vector = true;
      list.span = e.span;
      for (const ast::ExprId arg : e.args) {
        Operand o = eval(arg);
        if (!need_value(o, "an element of a vector")) list.poison = true;
        list.items.insert(list.items.end(), o.items.begin(), o.items.end());
      }
      if (list.poison) return poison();
      if (list.items.empty()) {
        report(code::empty_selection, "a vector needs at least one element", e.span);
        return poison();
      }
      return list;
    }
    case ast::ExprKind::call: {
      if (asks_for_rows(e)) return poison();
      if (is_step_aggregate(e.text, e, false)) return step_aggregate(e, nullptr);
      std::vector<Argument> args;
      const auto local = frame_->locals.find(e.text);
      // Type names and patterns in selectors, and names after `except`, are no expressions.
      const bool selector = (e.text == "each" || e.text == "except" || e.text == "columns") && !find_function(e.text, frame_->library);
      for (std::size_t i = 0; i < e.args.size(); ++i) {
        Argument a;
        a.name = i < e.arg_names.size() ? e.arg_names[i] : "";
        a.name_span = i < e.arg_name_spans.size() ? e.arg_name_spans[i] : Span{};
        const ast::Expr& arg = node(e.args[i]);
        if ((selector && (arg.kind == ast::ExprKind::name || (arg.kind == ast::ExprKind::string && e.text != "each"))) || is_word_of_bag(e, a.name, arg)) {
          a.value.function = arg.text;
          a.value.span = arg.span;
        } else {
          a.value = eval(e.args[i]);
        }
        args.push_back(std::move(a));
      }
      const Span name_span = callee_span(e);
      mean_called(e.text, name_span);
      if (local != frame_->locals.end() && !local->second.function.empty())
        return call(local->second.function, local->second.library, std::move(args), e.span, name_span);
      return call(e.text, frame_->library, std::move(args), e.span, name_span);
    }
    case ast::ExprKind::unary: {
      Argument a;
      a.value = eval(e.args[0]);
      return call(e.text == "-" ? "neg" : "not", true, {std::move(a)}, e.span, e.span);
    }
    case ast::ExprKind::binary: return eval_binary(e);
    case ast::ExprKind::conditional: {
      std::vector<Operand> parts;
      static const char* roles[] = {"the condition of an `if`", "the value of an `if`", "the value of an `if`"};
      bool poisoned = false;
      for (std::size_t i = 0; i < 3; ++i) {
        const ir::Expr* condition = i > 0 && !poisoned && parts[0].items.size() == 1 ? &module_.exprs[parts[0].items[0].value.index] : nullptr;
        const bool never = condition && condition->op == ir::ExprOp::constant && !condition->value.null && (condition->value.integer != 0) != (i == 1);
        unreachable_ += never;
        parts.push_back(eval(e.args[i]));
        unreachable_ -= never;
        poisoned = !need_value(parts.back(), roles[i]) || poisoned;
      }
      return poisoned ? poison() : select(parts, e.span);
    }
    case ast::ExprKind::pipe: return eval_pipe(e);
    case ast::ExprKind::block: return eval_block(e);
    case ast::ExprKind::index: return eval_index(e);
    case ast::ExprKind::member:
      report(code::type_mismatch, "`." + e.text + "` is no part of a value", e.span, "members exist in `test` blocks only: `test.auc`");
      return poison();
    case ast::ExprKind::range:
    case ast::ExprKind::record:
      report(code::type_mismatch, std::string(e.kind == ast::ExprKind::range ? "a range" : "a record") + " is no value here", e.span)
          .suggest(e.kind == ast::ExprKind::range ? "compare instead: `v >= 1 and v <= 5`" : "write one feature an entry");
      return poison();
  }
  return poison();
}

Operand Checker::eval_number(const ast::Expr& e) {
  const Number n = read_number(e.text);
  Value v;
  v.integer = n.whole;
  switch (n.kind) {
    case Number::integer: return value(constant({Scalar::integer, false}, std::move(v), e.span), e.span);
    case Number::duration: return value(constant({Scalar::duration, false}, std::move(v), e.span), e.span);
    case Number::real: return value(real_constant(n.value, e.span), e.span);
    case Number::size:
      report(code::bad_literal, "the size `" + e.text + "` is no value here", e.span).suggest("sizes stand in budgets: `size <= 10MiB`");
      return poison();
    case Number::bad: break;
  }
  report(code::bad_literal, "`" + e.text + "` is no number", e.span, "out of range, or an unknown unit")
      .suggest("an int has 64 bits; units are `%`, `us ms s m h d w` and `B KB KiB MB MiB GB GiB`");
  return poison();
}

Operand Checker::eval_name(const ast::Expr& e) {
  const bool function = is_function(e.text, frame_->library);
  Operand o;
  o.span = e.span;
  if (const auto local = frame_->locals.find(e.text); local != frame_->locals.end()) {
    o = local->second;
    o.span = e.span;
    mean_called(e.text, e.span);
    return o;
  }
  if (!frame_->function) {
    const ColumnId column = find_column(e.text);
    if (column.known()) {
      const Column& c = module_.columns[column.index];
      const bool pixels = c.type.scalar == Scalar::image && !step_scope_;  // a table hands pictures on as they are
      ir::Expr expr;
      expr.op = ir::ExprOp::column;
      expr.column = column;
      expr.type = c.type;
      if (expr.type.scalar == Scalar::real32) expr.type.scalar = Scalar::real;  // computed in double
      if (pixels) expr.type.scalar = Scalar::string;
      expr.stage = ir::Stage::row;
      expr.span = e.span;
      o = value(add(std::move(expr)), e.span);
      if (pixels) o = expand_image(o, c.image.size());
      mean(e.span, Meaning::Kind::column, e.text, c.span);
      if (function) o.function = e.text, o.library = frame_->library;
      return o;
    }
    if (in_features_) {
      mean_feature(e.text, e.span);
      if (poisoned_features_.count(e.text)) return poison();
      if (const auto f = feature_values_.find(e.text); f != feature_values_.end()) {
        o = f->second;
        o.span = e.span;
        return o;
      }
    }
    if (!schema_ok_ && !function) return poison();  // the column may be one that could not be read
  }
  if (function) {
    o.function = e.text;
    o.library = frame_->library;
    mean_called(e.text, e.span);
    return o;
  }
  std::vector<std::string> candidates;
  for (const auto& [name, unused] : frame_->locals) candidates.push_back(name);
  if (!frame_->function) {
    for (const Column& c : module_.columns) candidates.push_back(c.name);
    for (const auto& [name, unused] : feature_values_) candidates.push_back(name);
  }
  const std::string where = frame_->function ? "in function `" + frame_->function->head.name + "`" : step_scope_ ? "in this table" : "in the schema";
  Diagnostic& d = report(code::unknown_name, "`" + e.text + "` is not known " + where, e.span,
                         frame_->function ? "no parameter and no `let` has this name" : "no column has this name");
  suggest_name(d, e.span, e.text, candidates);
  if (in_features_ && !frame_->function)
    for (const ast::FeatureEntry& later : file_.features.front().entries)
      if (later.name == e.text && later.name_span.begin > e.span.begin) {
        d.fix.clear();
        d.also(later.name_span, "defined here, further down").suggest("move the definition of `" + e.text + "` up");
      }
  if (frame_->function && d.help.empty() && find_column(e.text).known())
    d.suggest("a function sees its parameters only: pass the column as an argument");
  if (d.help.empty() && !candidates.empty()) d.suggest(std::string(frame_->function ? "known are: " : "columns are: ") + listed(candidates));
  return poison();
}

// Operators are looked up in the scope of the library: a spec's own `add` does not change `+`.
Operand Checker::eval_binary(const ast::Expr& e) {
  Argument a, b;
  a.value = eval(e.args[0]);
  b.value = eval(e.args[1]);
  // `v == null` asks whether v is missing.
  if (e.text == "==" || e.text == "!=") {
    const bool null_right = node(e.args[1]).kind == ast::ExprKind::null;
    if (null_right || node(e.args[0]).kind == ast::ExprKind::null) {
      Argument asked;
      asked.value = null_right ? a.value : b.value;
      Operand missing = call("is_null", true, {std::move(asked)}, e.span, e.span);
      if (e.text == "==") return missing;
      Argument negated;
      negated.value = std::move(missing);
      return call("not", true, {std::move(negated)}, e.span, e.span);
    }
  }
  if (e.text == "@") {
    if (!a.value.poison && !b.value.poison)
      report(code::outside_network, "`@` multiplies the tensors of a layer", e.span, "not in a layer").suggest("multiply numbers and vectors element by element: `*`");
    return poison();
  }
  const char* const callee = operator_callee(e.text);
  if (callee == nullptr) return poison();
  return call(callee, true, {std::move(a), std::move(b)}, e.span, e.span);
}

Operand Checker::eval_pipe(const ast::Expr& e) {
  const ast::Expr& step = node(e.args[1]);
  Argument first;
  first.value = eval(e.args[0]);
  if (step.kind != ast::ExprKind::name && step.kind != ast::ExprKind::call) {
    report(code::type_mismatch, "`|>` needs a function on its right", step.span, "not a function").suggest("`v |> f(a)` means `f(v, a)`");
    return poison();
  }
  if (asks_for_rows(step)) return poison();
  if (is_step_aggregate(step.text, step, true)) return first.value.poison ? poison() : step_aggregate(step, &first.value);
  std::vector<Argument> args;
  args.push_back(std::move(first));
  const bool selector = step.text == "except" && !find_function(step.text, frame_->library);
  for (std::size_t i = 0; i < step.args.size(); ++i) {
    Argument a;
    a.name = i < step.arg_names.size() ? step.arg_names[i] : "";
    a.name_span = i < step.arg_name_spans.size() ? step.arg_name_spans[i] : Span{};
    const ast::Expr& arg = node(step.args[i]);
    if ((selector && (arg.kind == ast::ExprKind::name || arg.kind == ast::ExprKind::string)) || is_word_of_bag(step, a.name, arg)) {
      a.value.function = arg.text;
      a.value.span = arg.span;
    } else {
      a.value = eval(step.args[i]);
    }
    args.push_back(std::move(a));
  }
  const Span name_span = callee_span(step);
  mean_called(step.text, name_span);
  const auto local = frame_->locals.find(step.text);
  if (local != frame_->locals.end() && !local->second.function.empty())
    return call(local->second.function, local->second.library, std::move(args), step.span, name_span);
  return call(step.text, frame_->library, std::move(args), step.span, name_span);
}

// An element of a vector, v[0], or some in a row, v[1..3]: from the first to before the second; negative ones count from the end.
Operand Checker::eval_index(const ast::Expr& e) {
  Operand v = eval(e.args[0]);
  if (!need_value(v, "what has an index")) return poison();
  const auto size = static_cast<std::int64_t>(v.items.size());
  if (!v.vector || e.args.size() != 2) {
    report(code::type_mismatch, v.vector ? "a vector has one axis" : show(type_of(v.items[0].value)) + " is a single value and has no index", e.span, v.vector ? "several parts" : "not a vector")
        .suggest(v.vector ? "`v[0]`, `v[1..3]`" : "take the value itself");
    return poison();
  }
  const ast::Expr& part = node(e.args[1]);
  const bool range = part.kind == ast::ExprKind::range;
  const auto place = [&](ast::ExprId id, std::int64_t open) -> std::optional<std::int64_t> {
    if (node(id).kind == ast::ExprKind::name && node(id).text.empty()) return open;
    const auto n = whole(id);
    return n && *n < 0 ? *n + size : n;
  };
  const auto from = range ? place(part.args[0], 0) : place(e.args[1], 0);
  const auto to = range ? place(part.args[1], size) : from ? std::optional(*from + 1) : std::nullopt;
  if (!from || !to) {
    report(code::type_mismatch, "an index is a whole number, or two: `v[0]`, `v[1..3]`", part.span, "found `" + text(part.span) + "`");
    return poison();
  }
  if (*from < 0 || *to > size || *from >= *to) {
    report(code::out_of_range, "`" + text(part.span) + "` takes nothing from a vector of " + std::to_string(size), part.span, "elements are counted from 0").also(v.span, std::to_string(size) + " elements");
    return poison();
  }
  v.items = {v.items.begin() + *from, v.items.begin() + *to};
  v.vector = range;
  return v;
}

Operand Checker::eval_block(const ast::Expr& e) {
  Frame inner = *frame_;
  const Frame* outer = frame_;
  frame_ = &inner;
  Operand result = poison();
  for (std::size_t i = 0; i < e.args.size(); ++i) {
    Operand o = eval(e.args[i]);
    if (i + 1 == e.args.size()) result = std::move(o);
    else {
      mean_value(e.arg_name_spans[i], o);
      inner.locals[e.arg_names[i]] = std::move(o);
      inner.declared[e.arg_names[i]] = e.arg_name_spans[i];
    }
  }
  frame_ = outer;
  return result;
}

// if parts[0] then parts[1] else parts[2], element by element where one of them is a vector.
Operand Checker::select(const std::vector<Operand>& parts, Span span) {
  if (std::any_of(parts.begin(), parts.end(), [](const Operand& o) { return o.vector; })) {
    std::vector<Argument> args;
    for (const Operand& o : parts) args.push_back({"", {}, o});
    return map_over(args, span, [&](std::vector<Argument> row) {
      return select({row[0].value, row[1].value, row[2].value}, span);
    });
  }
  const ir::ExprId condition = parts[0].items[0].value;
  if (type_of(condition).scalar != Scalar::boolean) {
    report(code::type_mismatch, "the condition of an `if` must be a `bool`, found " + show(type_of(condition)), parts[0].span)
        .suggest("compare it: `if v > 0 then … else …`");
    return poison();
  }
  ir::ExprId yes = parts[1].items[0].value, no = parts[2].items[0].value;
  // The wider of both types, or for two kinds of text, any text.
  const auto joins = [&](ir::ExprId from, ir::ExprId to) { return conversion_cost(module_.exprs[from.index], type_of(to).scalar) >= 0; };
  const bool both_text = is_text(type_of(yes).scalar) && is_text(type_of(no).scalar);
  Scalar joined = type_of(yes).scalar;
  if (both_text && type_of(yes).scalar != type_of(no).scalar) joined = Scalar::string;
  else if (joins(no, yes)) joined = type_of(yes).scalar;
  else if (joins(yes, no)) joined = type_of(no).scalar;
  else {
    report(code::type_mismatch, "both values of an `if` must have one type, found " + show(type_of(yes)) + " and " + show(type_of(no)), parts[2].span,
           show(type_of(no)))
        .also(parts[1].span, show(type_of(yes))).suggest("write two numbers, two texts or two bools; `null` goes with each");
    return poison();
  }
  yes = convert(yes, joined);
  no = convert(no, joined);
  const ir::Expr& c = module_.exprs[condition.index];
  if (c.op == ir::ExprOp::constant && !c.value.null) return value(c.value.integer ? yes : no, span);
  ir::Expr e;
  e.op = ir::ExprOp::select;
  e.args = {condition, yes, no};
  e.type = {joined, type_of(condition).nullable || type_of(yes).nullable || type_of(no).nullable};
  e.stage = std::max({stage_of(condition), stage_of(yes), stage_of(no)});
  e.span = span;
  return value(add(std::move(e)), span);
}

}  // namespace mlp::checking
