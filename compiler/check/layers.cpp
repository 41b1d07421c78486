// Expressions in the bodies of layers.
#include <algorithm>

#include "base/codes/networks.h"
#include "base/codes/types.h"
#include "compiler/check/elaborator.h"

namespace mlp::checking {
namespace {

const char* operator_callee(const std::string& text) {
  static const std::map<std::string, const char*> names = {
      {"+", "add"}, {"-", "sub"}, {"*", "mul"}, {"/", "div"}, {"%", "mod"}, {"^", "pow"}, {"==", "eq"}, {"!=", "ne"},
      {"<", "lt"},  {"<=", "le"}, {">", "gt"},  {">=", "ge"}, {"and", "and"}, {"or", "or"}};
  const auto found = names.find(text);
  return found == names.end() ? nullptr : found->second;
}

}  // namespace

Elaborator::Elaborator(Checker& checker, ir::Network& network) : checker_(checker), network_(network) {
  root_.file = &checker.file_;
  root_.layer = true;
}

void Elaborator::set(LayerFrame& frame, const std::string& name, Thing value, Span declared) {
  frame.things[name] = std::move(value);
  frame.locals[name];
  frame.declared[name] = declared;
}

bool Elaborator::known(const std::string& name, bool library) const {
  return checker_.find_layer(name, library) || checker_.find_function(name, library) || find_tensor_function(name) || !find_builtins(name).empty();
}

Thing Elaborator::unknown_name(const std::string& name, Span span, bool called) {
  std::vector<std::string> candidates = checker_.layer_names();
  if (called || here_ == &root_)
    for (const std::string& f : checker_.function_names()) candidates.push_back(f);
  if (!called)
    for (const auto& [local, unused] : here_->things) candidates.push_back(local);
  if (called)
    for (const TensorFunction& f : tensor_functions()) candidates.emplace_back(f.name);
  const bool column = checker_.find_column(name).known();
  const std::string where = here_->function ? " in `" + here_->function->head.name + "`" : "";
  Diagnostic& d = called || here_ == &root_ ? report(code::unknown_function, "there is no layer or function `" + name + "`", span, "not known")
                                            : report(code::unknown_name, "`" + name + "` is not known" + where, span, "no parameter and no `let` has this name");
  static const std::map<std::string, const char*> foreign = {{"linear", "dense"}, {"fc", "dense"}, {"fully_connected", "dense"}, {"conv", "conv2d"}, {"batchnorm", "batch_norm"}, {"layernorm", "layer_norm"},
                                                             {"maxpool", "max_pool"}, {"avgpool", "avg_pool"}, {"swish", "silu"}, {"matmul", "@"}, {"view", "reshape"}, {"cat", "concat"}, {"permute", "transpose"}, {"detach", "stop_gradient"}};
  if (column) d.suggest("a layer sees what comes from the layer before it, and its settings: columns enter through the features");
  else if (const auto f = foreign.find(name); f != foreign.end()) {
    d.suggest("it is called `" + std::string(f->second) + "` here");
    if (here_ == &root_) d.edit(span, f->second);
  } else {
    checker_.suggest_name(d, span, name, candidates);
  }
  if (d.help.empty()) d.suggest("layers are: " + listed(checker_.layer_names()) + "; a spec declares its own: `layer " + name + "(v: float[.., n]) -> float[.., n] = v`");
  return poison();
}

// ---- functions that are passed on

Thing Elaborator::function(ast::ExprId id) {
  const ast::Expr& e = node(id);
  Thing f;
  f.span = e.span;
  if (e.kind == ast::ExprKind::name || e.kind == ast::ExprKind::call) {
    const Span name_span = checker_.callee_span(e);
    if (const auto local = here_->things.find(e.text); local != here_->things.end()) {
      if (local->second.poison()) return poison();
      if (local->second.kind != Thing::Kind::function) {
        report(code::type_mismatch, "a function is needed here, and `" + e.text + "` is " + describe(local->second), e.span, "not a function").suggest("pass an activation or a layer: `relu`, `dense(64)`");
        return poison();
      }
      f = local->second;
      f.span = e.span;
      if (e.args.empty()) return f;
      if (f.steps.size() != 1) {
        report(code::no_matching_call, "`" + e.text + "` is a chain of layers, which takes no settings here", e.span, "too many arguments");
        return poison();
      }
    } else if (known(e.text, here_->library)) {
      checker_.mean_layer(e.text, name_span);
      f.steps.push_back({e.text, here_->library, {}, e.span, name_span});
    } else {
      return unknown_name(e.text, name_span, true);
    }
    f.kind = Thing::Kind::function;
    Applied& step = f.steps.front();
    for (std::size_t i = 0; i < e.args.size(); ++i) {
      const bool passes = takes_function(step.name, step.library, i + 1, e.arg_names[i]);
      NamedThing a{e.arg_names[i], e.arg_name_spans[i], passes ? function(e.args[i]) : eval(e.args[i])};
      if (a.value.poison()) return poison();
      step.args.push_back(std::move(a));
    }
    return f;
  }
  if (e.kind == ast::ExprKind::pipe) {
    Thing left = function(e.args[0]), right = function(e.args[1]);
    if (left.poison() || right.poison()) return poison();
    f.kind = Thing::Kind::function;
    f.steps = std::move(left.steps);
    f.steps.insert(f.steps.end(), std::make_move_iterator(right.steps.begin()), std::make_move_iterator(right.steps.end()));
    return f;
  }
  report(code::type_mismatch, "a function is needed here, found `" + checker_.text(e.span) + "`", e.span, "not a function").suggest("pass an activation or a layer: `relu`, `dense(64)`, `dense(64, relu) |> dense(64)`");
  return poison();
}

Thing Elaborator::apply(const Thing& f, Thing first, const std::vector<Thing>& more) {
  for (const Applied& step : f.steps) {
    std::vector<NamedThing> args;
    args.push_back({"", {}, std::move(first)});
    for (const Thing& m : more) args.push_back({"", {}, m});
    args.insert(args.end(), step.args.begin(), step.args.end());
    first = call(step.name, step.library, std::move(args), step.span, step.name_span);
    if (first.poison()) return poison();
  }
  return first;
}

Thing Elaborator::apply_layer(const Applied& step, Thing first) {
  std::vector<NamedThing> args;
  args.push_back({"", {}, std::move(first)});
  args.insert(args.end(), step.args.begin(), step.args.end());
  Inside root(*this, root_);
  root_.caller = nullptr;
  return call(step.name, step.library, std::move(args), step.span, step.name_span);
}

// Whether what stands at this place of a call, its first argument counted, is passed on as a function.
bool Elaborator::takes_function(const std::string& name, bool library, std::size_t place, const std::string& named) const {
  const auto asks = [&](const ast::Function& f) {
    for (std::size_t i = 0; i < f.parameters.size(); ++i)
      if (named.empty() ? i == place : f.parameters[i].name == named) return f.parameters[i].type.name == "fn";
    return false;
  };
  if (const FunctionRef* layer = checker_.find_layer(name, library)) return asks(*layer->function);
  if (find_tensor_function(name)) return (name == "scan" || name == "fold") && (named.empty() ? place == 2 : named == "step");
  const auto* functions = checker_.find_function(name, library);
  return functions && std::any_of(functions->begin(), functions->end(), [&](const FunctionRef& ref) { return asks(*ref.function); });
}

// ---- expressions

Thing Elaborator::eval(ast::ExprId id) {
  const ast::Expr& e = node(id);
  if (checker_.too_large_) return poison();
  if (depth_ >= max_depth) {
    checker_.too_large_ = true;
    report(code::expression_too_large, "this expression is nested more than " + std::to_string(max_depth) + " levels deep", e.span).suggest("split it into several layers");
    return poison();
  }
  ++depth_;
  Thing t = eval_node(e);
  --depth_;
  t.span = e.span;
  return t;
}

Thing Elaborator::eval_node(const ast::Expr& e) {
  switch (e.kind) {
    case ast::ExprKind::number: {
      const Number n = read_number(e.text);
      if (n.kind == Number::integer || n.kind == Number::real) return number_thing(n.value, e.span);
      report(n.kind == Number::bad ? code::bad_literal : code::not_in_layer, n.kind == Number::bad ? "`" + e.text + "` is no number" : "`" + e.text + "` has a unit", e.span, "not a plain number").suggest("write the number alone");
      return poison();
    }
    case ast::ExprKind::boolean: return number_thing(e.text == "true", e.span, true);
    case ast::ExprKind::string: {
      Thing t;
      t.kind = Thing::Kind::text;
      t.text = e.text;
      return t;
    }
    case ast::ExprKind::name: return eval_name(e);
    case ast::ExprKind::list: {
      Thing list;
      list.kind = Thing::Kind::list;
      for (const ast::ExprId arg : e.args) {
        list.items.push_back(eval(arg));
        if (list.items.back().poison()) return poison();
      }
      return list;
    }
    case ast::ExprKind::call: return eval_call(e, nullptr);
    case ast::ExprKind::unary: return elementwise(e.text == "-" ? "neg" : "not", {eval(e.args[0])}, e.span, e.span);
    case ast::ExprKind::binary: {
      Thing a = eval(e.args[0]), b = eval(e.args[1]);
      if (a.poison() || b.poison()) return poison();
      if (e.text == "@") return product(std::move(a), std::move(b), e.span);
      if ((e.text == "==" || e.text == "!=") && a.kind == Thing::Kind::text && b.kind == Thing::Kind::text) return number_thing((a.text == b.text) == (e.text == "=="), e.span, true);
      const char* callee = operator_callee(e.text);
      return callee ? elementwise(callee, {std::move(a), std::move(b)}, e.span, e.span) : poison();
    }
    case ast::ExprKind::conditional: return eval_conditional(e);
    case ast::ExprKind::pipe: {
      Thing first = eval(e.args[0]);
      const ast::Expr& step = node(e.args[1]);
      if (step.kind != ast::ExprKind::name && step.kind != ast::ExprKind::call) {
        report(code::type_mismatch, "`|>` needs a layer or a function on its right", step.span, "not a function").suggest("`v |> f(a)` means `f(v, a)`");
        return poison();
      }
      return first.poison() ? poison() : eval_call(step, &first);
    }
    case ast::ExprKind::block: return eval_block(e);
    case ast::ExprKind::index: return eval_index(e);
    case ast::ExprKind::null:
    case ast::ExprKind::date:
      report(code::not_in_layer, std::string(e.kind == ast::ExprKind::null ? "a null" : "a date") + " is no value of a layer", e.span, "not a float").suggest("a layer computes with floats and bools; features replace nulls");
      return poison();
    case ast::ExprKind::member:
    case ast::ExprKind::range:
    case ast::ExprKind::record:
      report(code::type_mismatch, "`" + checker_.text(e.span) + "` is no value here", e.span, "not a value").suggest("a range stands in an index: `v[1..3]`");
      return poison();
  }
  return poison();
}

Thing Elaborator::eval_name(const ast::Expr& e) {
  if (const auto local = here_->things.find(e.text); local != here_->things.end()) {
    checker_.mean_layer(e.text, e.span);
    return local->second;
  }
  if (!known(e.text, here_->library)) return unknown_name(e.text, e.span, false);
  Thing f;  // an error where a value is needed, but not by itself
  f.kind = Thing::Kind::function;
  f.steps.push_back({e.text, here_->library, {}, e.span, e.span});
  return f;
}

// A constant condition chooses: the other branch makes no weights.
Thing Elaborator::eval_conditional(const ast::Expr& e) {
  const Thing condition = eval(e.args[0]);
  if (condition.poison()) return poison();
  if (condition.kind == Thing::Kind::boolean) return eval(e.args[condition.number != 0 ? 1 : 2]);
  if (!condition.is_tensor()) {
    report(code::type_mismatch, "the condition of an `if` must be a bool, found " + describe(condition), condition.span, "not a bool").suggest("compare it: `if n > 1 then … else …`");
    return poison();
  }
  const Thing yes = eval(e.args[1]), no = eval(e.args[2]);
  return yes.poison() || no.poison() ? poison() : select(condition, yes, no, e.span);
}

Thing Elaborator::eval_block(const ast::Expr& e) {
  const std::string outer = here_->let;
  for (std::size_t i = 0; i + 1 < e.args.size(); ++i) {
    here_->let = e.arg_names[i];
    Thing value = eval(e.args[i]);
    here_->let = outer;
    if (value.poison()) return poison();
    set(*here_, e.arg_names[i], std::move(value), e.arg_name_spans[i]);
  }
  return eval(e.args.back());
}

// v[2], v[1..3], v[.., 0..-1]: axis by axis from the first; a number takes its axis away, and `..` stands for all that are not named.
Thing Elaborator::eval_index(const ast::Expr& e) {
  std::vector<Thing> values = {eval(e.args[0])};
  if (values[0].kind == Thing::Kind::list) {  // of numbers: one of them
    const auto at_place = whole(eval(e.args[1]), "an index", -static_cast<std::int64_t>(values[0].items.size()), static_cast<std::int64_t>(values[0].items.size()) - 1);
    if (!at_place || e.args.size() != 2) return poison();
    return values[0].items[static_cast<std::size_t>(*at_place < 0 ? *at_place + static_cast<std::int64_t>(values[0].items.size()) : *at_place)];
  }
  if (!need_values(values, "an index") ) return poison();
  const auto open = [&](ast::ExprId id) {
    const ast::Expr& part = node(id);
    const auto missing = [&](ast::ExprId end) { return node(end).kind == ast::ExprKind::name && node(end).text.empty(); };
    return part.kind == ast::ExprKind::range && missing(part.args[0]) && missing(part.args[1]);
  };
  const auto opens = std::count_if(e.args.begin() + 1, e.args.end(), open);
  if (opens > 1) {
    report(code::shape_mismatch, "`..` stands for all axes that are not named, and is there once", e.span, "twice `..`").suggest("a whole axis is `0..`");
    return poison();
  }
  if (!values[0].is_tensor() || shape(values[0]).size() + 1 + static_cast<std::size_t>(opens) < e.args.size()) {
    report(code::shape_mismatch, describe(values[0]) + " has fewer axes than the index", e.span, std::to_string(e.args.size() - 1) + " parts").suggest("`..` stands for all axes that are not named, none too");
    return poison();
  }
  ir::TensorId v = values[0].tensor;
  Shape rest = at(v).shape;
  std::vector<std::size_t> dropped;
  std::size_t i = 0;  // the axis
  for (std::size_t p = 1; p < e.args.size(); ++p, ++i) {
    const ast::Expr& part = node(e.args[p]);
    if (open(e.args[p])) {
      i = rest.size() - (e.args.size() - 1 - p) - 1;
      continue;
    }
    const std::int64_t size = rest[i];
    const auto place = [&](ast::ExprId id, std::int64_t open) -> std::optional<std::int64_t> {
      if (node(id).kind == ast::ExprKind::name && node(id).text.empty()) return open;
      const auto at_place = whole(eval(id), "a place in an index", -(std::int64_t{1} << 40), std::int64_t{1} << 40);
      return at_place && *at_place < 0 ? *at_place + size : at_place;
    };
    const bool range = part.kind == ast::ExprKind::range;
    const auto from = range ? place(part.args[0], 0) : place(e.args[p], 0);
    const auto to = range ? place(part.args[1], size) : from ? std::optional(*from + 1) : std::nullopt;
    if (!from || !to) return poison();
    if (*from < 0 || *to > size || *from >= *to) {
      report(code::shape_mismatch, "`" + checker_.text(part.span) + "` takes nothing from an axis of size " + std::to_string(size), part.span, "of " + describe(values[0]))
          .suggest("places are counted from 0; `a..b` takes those from a to before b, and -1 is the last");
      return poison();
    }
    v = slice(v, static_cast<std::int64_t>(i), *from, *to - *from);
    rest[i] = *to - *from;
    if (!range) dropped.push_back(i);
  }
  for (auto d = dropped.rbegin(); d != dropped.rend(); ++d) rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(*d));
  return given(reshape(v, std::move(rest)), e.span);
}

}  // namespace mlp::checking
