// Expressions in the bodies of layers, and calls: of layers, which are inlined with the shapes that come in, of functions, of what
// is built in.
#include <algorithm>

#include "base/codes/networks.h"
#include "base/codes/types.h"
#include "compiler/check/elaborator.h"

namespace mlp::checking {
namespace {

constexpr int max_depth = 400;

Thing number_thing(double value, Span span, bool boolean = false) {
  Thing t;
  t.kind = boolean ? Thing::Kind::boolean : Thing::Kind::number;
  t.number = value;
  t.span = span;
  return t;
}

const char* operator_callee(const std::string& text) {
  static const std::map<std::string, const char*> names = {
      {"+", "add"}, {"-", "sub"}, {"*", "mul"}, {"/", "div"}, {"%", "mod"}, {"^", "pow"}, {"==", "eq"}, {"!=", "ne"},
      {"<", "lt"},  {"<=", "le"}, {">", "gt"},  {">=", "ge"}, {"and", "and"}, {"or", "or"}};
  const auto found = names.find(text);
  return found == names.end() ? nullptr : found->second;
}

bool reduces(const std::string& name) { return name == "max" || name == "min"; }  // and takes two, element by element

}  // namespace

struct Elaborator::Inside {
  Inside(Elaborator& e, LayerFrame& frame) : e_(e), outer_(e.here_), checker_outer_(e.checker_.frame_) {
    frame.outer = e.here_;
    frame.caller = e.checker_.frame_;
    e.here_ = &frame;
    e.checker_.frame_ = &frame;
  }
  ~Inside() {
    e_.here_ = outer_;
    e_.checker_.frame_ = checker_outer_;
  }
  Elaborator& e_;
  LayerFrame* outer_;
  const Frame* checker_outer_;
};

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
                                                             {"maxpool", "max_pool"}, {"avgpool", "avg_pool"}, {"swish", "silu"}, {"matmul", "@"}, {"view", "reshape"}, {"cat", "concat"}, {"permute", "transpose"}};
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

// ---- calls

Thing Elaborator::eval_call(const ast::Expr& e, const Thing* first) {
  const Span name_span = checker_.callee_span(e);
  std::vector<NamedThing> args;
  if (first) args.push_back({"", {}, *first});
  auto local = here_->things.find(e.text);  // a number does not hide a function of its name: conv2d(pad = 1) may call pad(…)
  if (local != here_->things.end() && local->second.kind != Thing::Kind::function && known(e.text, here_->library)) local = here_->things.end();
  if (local == here_->things.end() && e.text == "weight" && !checker_.find_layer("weight", here_->library) && !checker_.find_function("weight", here_->library)) return make_weight(e, first);
  const Thing called = local == here_->things.end() ? Thing{} : local->second;
  if (local != here_->things.end() && called.kind != Thing::Kind::function) {
    if (!called.poison()) report(code::type_mismatch, "`" + e.text + "` is " + describe(called) + ", and is not called", name_span, "not a function");
    return poison();
  }
  if (called.poison()) {
    if (!known(e.text, here_->library)) return unknown_name(e.text, name_span, true);
    checker_.mean_layer(e.text, name_span);
  }
  const bool one = called.steps.size() == 1;
  for (std::size_t i = 0; i < e.args.size(); ++i) {
    const std::string& named = e.arg_names[i];
    const bool passes = called.poison() ? takes_function(e.text, here_->library, args.size(), named) : one && takes_function(called.steps[0].name, called.steps[0].library, args.size(), named);
    args.push_back({named, e.arg_name_spans[i], passes ? function(e.args[i]) : eval(e.args[i])});
  }
  for (const NamedThing& a : args)
    if (a.value.poison()) return poison();
  if (called.poison()) return call(e.text, here_->library, std::move(args), e.span, name_span);
  if (args.empty() || (!one && args.size() != 1)) {
    report(code::no_matching_call, "`" + e.text + "` takes one tensor", name_span, std::to_string(args.size()) + " arguments");
    return poison();
  }
  // What was bound when the function was passed on follows.
  std::vector<Thing> more;
  for (std::size_t i = 1; i < args.size(); ++i) more.push_back(args[i].value);
  Thing bound = called;
  for (Applied& step : bound.steps) step.span = e.span, step.name_span = name_span;
  return apply(bound, args[0].value, more);
}

Thing Elaborator::call(const std::string& name, bool library, std::vector<NamedThing> args, Span span, Span name_span) {
  const FunctionRef* layer = checker_.find_layer(name, library);
  const auto* functions = checker_.find_function(name, library);
  if (functions && layer && layer->library && !functions->front().library) layer = nullptr;  // the spec's own goes first
  if (layer) return call_layer(*layer, std::move(args), span, name_span);
  if (functions && !functions->front().library) return call_function(*functions, std::move(args), span, name_span);
  std::size_t positional = 0;
  for (const NamedThing& a : args) positional += a.name.empty();
  if (const TensorFunction* row = find_tensor_function(name); row && !(reduces(name) && positional > 1)) return call_tensor_function(*row, std::move(args), span, name_span);
  if (functions) return call_function(*functions, std::move(args), span, name_span);
  // A builtin of floats: by its first row that has these names.
  std::vector<Thing> values;
  for (const Builtin* row : find_builtins(name)) {
    values.assign(args.size(), {});
    std::vector<bool> there(args.size());
    bool fits = args.size() <= row->parameters.size();
    for (std::size_t i = 0; fits && i < args.size(); ++i) {
      std::size_t slot = i;
      if (!args[i].name.empty())
        for (slot = 0; slot < row->parameters.size() && row->parameters[slot].name != args[i].name;) ++slot;
      fits = slot < args.size() && !there[slot];
      if (fits) values[slot] = args[i].value, there[slot] = true;
    }
    if (fits) return elementwise(name, std::move(values), span, name_span);
  }
  if (find_builtins(name).empty()) return unknown_name(name, name_span, true);
  report(code::no_matching_call, "`" + name + "` takes no such arguments", name_span, "arguments do not fit").note("`" + name + std::string(find_builtins(name).front()->signature) + "`");
  return poison();
}

Thing Elaborator::call_function(const std::vector<FunctionRef>& overloads, std::vector<NamedThing> args, Span span, Span name_span) {
  for (const FunctionRef& ref : overloads) {
    const bool last = &ref == &overloads.back();
    if (ref.function->external()) {
      if (last) report(code::not_in_layer, "`" + ref.function->head.name + "` is a function of C, and has no derivative", name_span, "an `extern fn`").suggest("compute it as a feature, and let the network read the feature");
      continue;
    }
    if (auto bound = bind(ref, args, span, name_span, last)) return inline_body(ref, std::move(*bound), span, false);
  }
  return poison();
}

Thing Elaborator::call_layer(const FunctionRef& ref, std::vector<NamedThing> args, Span span, Span name_span) {
  const ast::Function& f = *ref.function;
  if (!here_->layer) {
    report(code::outside_network, "`" + f.head.name + "` is a layer, and `" + (here_->function ? here_->function->head.name : "") + "` a function without weights", name_span, "a layer")
        .suggest("declare `layer` in place of `fn`");
    return poison();
  }
  if (checker_.broken_functions_.count(f.head.name) && !ref.library) return poison();
  auto bound = bind(ref, args, span, name_span, true);
  return bound ? inline_body(ref, std::move(*bound), span, true) : poison();
}

// The value of each parameter: given, or its default, read where the function stands. Nothing: they do not fit.
std::optional<std::vector<Thing>> Elaborator::bind(const FunctionRef& ref, const std::vector<NamedThing>& args, Span span, Span name_span, bool tell) {
  const ast::Function& f = *ref.function;
  std::vector<Thing> bound(f.parameters.size());
  std::vector<bool> there(f.parameters.size());
  const auto refuse = [&](const std::string& message, Span where, const std::string& label) -> Diagnostic* {
    if (!tell) return nullptr;
    std::string signature = f.head.name + "(";
    for (const ast::Parameter& p : f.parameters)
      signature += (&p == f.parameters.data() ? "" : ", ") + p.name + ": " + checker_.text(p.type.span) + (p.fallback.known() ? " = " + checker_.text((*ref.file)[p.fallback].span) : "");
    return &report(code::no_matching_call, message, where, label).note("`" + signature + ")`");
  };
  for (std::size_t i = 0; i < args.size(); ++i) {
    std::size_t slot = i;
    if (!args[i].name.empty())
      for (slot = 0; slot < f.parameters.size() && f.parameters[slot].name != args[i].name;) ++slot;
    if (slot >= bound.size()) {
      const bool named = !args[i].name.empty();
      Diagnostic* d = named ? refuse("`" + f.head.name + "` has no setting `" + args[i].name + "`", args[i].name_span, "not known") : refuse("`" + f.head.name + "` takes no more than " + std::to_string(bound.size()) + " arguments", args[i].value.span, "one too many");
      if (!d) return {};
      std::vector<std::string> names;
      for (std::size_t p = 1; p < f.parameters.size(); ++p) names.push_back(f.parameters[p].name);
      if (named) checker_.suggest_name(*d, args[i].name_span, args[i].name, names);
      if (d->help.empty()) d->suggest(names.empty() ? "it takes the tensor alone" : "known are: " + listed(names));
      return {};
    }
    if (there[slot]) {
      refuse("`" + f.parameters[slot].name + "` of `" + f.head.name + "` is given twice", args[i].name_span.known() ? args[i].name_span : args[i].value.span, "again");
      return {};
    }
    bound[slot] = args[i].value;
    there[slot] = true;
  }
  for (std::size_t i = 0; i < bound.size(); ++i) {
    const ast::Parameter& p = f.parameters[i];
    if (there[i]) continue;
    if (!p.fallback.known()) {
      if (Diagnostic* d = refuse("`" + f.head.name + "` needs `" + p.name + "`", name_span, "an argument is missing")) d->suggest("give it: `" + f.head.name + "(" + p.name + " = …)`");
      return {};
    }
    LayerFrame defaults;
    defaults.file = ref.file;
    defaults.function = &f;
    defaults.library = ref.library;
    defaults.call = span;
    Inside inside(*this, defaults);
    bound[i] = p.type.name == "fn" ? function(p.fallback) : eval(p.fallback);
    if (bound[i].poison()) return {};
  }
  if (tell) return bound;
  // Of several overloads the first whose kinds fit.
  for (std::size_t i = 0; i < bound.size(); ++i) {
    const std::string& type = f.parameters[i].type.name;
    const Thing::Kind kind = bound[i].kind;
    const bool boolean = kind == Thing::Kind::boolean || (kind == Thing::Kind::tensor && at(bound[i].tensor).boolean);
    const bool fits = type == "fn" ? kind == Thing::Kind::function : type == "float" || type == "float32" ? kind == Thing::Kind::number || (kind == Thing::Kind::tensor && !boolean)
                      : type == "int" ? kind == Thing::Kind::number : type == "bool" ? boolean : type == "string" || type == "category" ? kind == Thing::Kind::text : false;
    if (!fits) return {};
  }
  return bound;
}

Thing Elaborator::inline_body(const FunctionRef& ref, std::vector<Thing> bound, Span span, bool layer) {
  const ast::Function& f = *ref.function;
  checker_.used_functions_.insert(&f);
  for (const Frame* up = checker_.frame_; up; up = up->caller) {
    if (up->function != &f) continue;
    // A layer within itself by way of a setting, residual(residual(…)), is another call: only the text of its body recurs.
    const bool passed = std::any_of(here_->things.begin(), here_->things.end(), [](const auto& t) { return t.second.kind == Thing::Kind::function; });
    if (passed && depth_ < max_depth / 2) continue;
    report(code::recursive_function, "`" + f.head.name + "` calls itself", span, "recursion").also(f.head.name_span, "defined here").suggest("layers are inlined and cannot recurse: write the steps out");
    return poison();
  }
  LayerFrame inner;
  inner.file = ref.file;
  inner.function = &f;
  inner.library = ref.library;
  inner.call = span;
  inner.layer = layer;
  inner.elementwise = !layer && std::all_of(f.parameters.begin(), f.parameters.end(), [](const ast::Parameter& p) { return p.type.shape.empty(); });
  if (layer) {
    const std::string name = next_name(f.head.name);
    ++here_->count[f.head.name];
    inner.path = here_->path.empty() ? name : here_->path + "." + name;
  }
  // Settings first: the shapes of tensors may name them.
  for (const bool shaped : {false, true})
    for (std::size_t i = 0; i < bound.size(); ++i) {
      const ast::Parameter& p = f.parameters[i];
      if (p.type.shape.empty() == shaped) continue;
      if (!take_parameter(ref, p, bound[i], inner, span)) return poison();
      if (shaped && !bound[i].is_tensor()) bound[i] = given(*tensor(bound[i]), bound[i].span);
      set(inner, p.name, std::move(bound[i]), p.name_span);
    }
  Thing result;
  {
    Inside inside(*this, inner);
    result = eval(f.body);
  }
  if (result.poison()) return poison();
  if (layer && !give_result(ref, result, span)) return poison();
  if (layer) {
    Inside inside(*this, inner);
    if (!f.result.name.empty()) {
      if (const auto wrong = match_shape(ref, f.result, shape(result), inner)) {
        const ast::Expr& body = (*ref.file)[f.body];
        report(code::shape_mismatch, "`" + f.head.name + "` says that it gives " + *wrong + ", and gives " + describe(result), body.kind == ast::ExprKind::block ? (*ref.file)[body.args.back()].span : body.span, describe(result))
            .also(f.result.span, "declared here");
        return poison();
      }
    }
    result.from = inner.path;
  }
  result.span = span;
  return result;
}

// A layer gives one tensor of floats.
bool Elaborator::give_result(const FunctionRef& ref, Thing& result, Span span) {
  const ast::Function& f = *ref.function;
  if (result.is_number()) result = given(constant(result.number), span);
  if (result.is_tensor() && !at(result.tensor).boolean) return true;
  const ast::Expr& body = (*ref.file)[f.body];
  report(code::type_mismatch, "a layer gives a tensor of floats, and `" + f.head.name + "` gives " + describe(result), body.kind == ast::ExprKind::block ? (*ref.file)[body.args.back()].span : body.span, describe(result))
      .suggest("give floats: `if … then 1 else 0`");
  return false;
}

bool Elaborator::take_parameter(const FunctionRef& ref, const ast::Parameter& p, const Thing& value, LayerFrame& inner, Span span) {
  const std::string& type = p.type.name;
  const bool layer = inner.layer;
  const std::string who = layer ? "`" + inner.path + "`" : "`" + ref.function->head.name + "`";
  const auto refuse = [&](const std::string& wanted) {
    const Span where = value.span.known() && !value.is_tensor() ? value.span : span;
    Diagnostic& d = report(code::type_mismatch, "`" + p.name + "` of " + who + " is " + wanted + ", found " + describe(value), where, describe(value));
    d.also(p.name_span, "declared here");
    if (type == "fn") d.suggest("pass an activation or a layer: `relu`, `dense(64)`");
    else if (value.kind == Thing::Kind::function && !value.steps.empty()) d.suggest("a layer is passed where a parameter has the type `fn`");
    return false;
  };
  if (type == "fn") return value.kind == Thing::Kind::function || refuse("a function");
  if (type == "string" || type == "category") return value.kind == Thing::Kind::text || refuse("a text");
  if (type == "int") return (value.is_number() && value.number == static_cast<double>(static_cast<std::int64_t>(value.number))) || refuse("a whole number");
  if (type == "bool") return value.kind == Thing::Kind::boolean || (value.is_tensor() && at(value.tensor).boolean && !layer) || refuse("`true` or `false`");
  if (type != "float" && type != "float32") {
    Diagnostic& d = report(code::not_in_layer, "`" + ref.function->head.name + "` takes a `" + type + "`, and a layer has none", span, "not of floats");
    d.also(p.name_span, "declared here").suggest("compute it as a feature, and let the network read the feature");
    return false;
  }
  if (p.type.shape.empty()) {
    if (value.is_number() || (value.is_tensor() && !at(value.tensor).boolean && (!layer || shape(value).empty()))) return true;
    if (!value.is_tensor()) return refuse("a number");
    if (!layer) return refuse("a float");
    report(code::shape_mismatch, who + " takes a single number for `" + p.name + "`, found " + describe(value), span, describe(value)).also(p.type.span, "declared here").suggest("declare it with a shape: `" + p.name + ": float[..]`");
    return false;
  }
  if ((!value.is_tensor() && !value.is_number()) || (value.is_tensor() && at(value.tensor).boolean)) return refuse("a tensor");
  const Shape found = value.is_tensor() ? shape(value) : Shape{};
  std::optional<std::string> wrong;
  {
    Inside inside(*this, inner);
    wrong = match_shape(ref, p.type, found, inner);
  }
  if (!wrong) return true;
  if (*wrong == "") return false;  // reported
  const std::string giver = value.from == "" ? "found " + ir::spell_shape(found) : value.from == "the features" ? "the features give " + ir::spell_shape(found) : "`" + value.from + "` gives " + ir::spell_shape(found);
  Diagnostic& d = report(code::shape_mismatch, who + " takes " + *wrong + ", " + giver, span, "does not fit");
  d.also(p.type.span, "`" + p.name + "` of `" + ref.function->head.name + "`");
  std::int64_t count = 1;
  for (const std::int64_t size : found) count *= size;
  if (p.type.shape.size() > found.size()) d.suggest("give the " + std::to_string(count) + " elements a shape in front, as `image` and `sequence` do");
  else if (p.type.shape.size() < found.size()) d.suggest("take axes away in front, as `flatten` and `global_pool` do");
  return false;
}

// Names of sizes that are not bound yet are bound. What is wanted, as text, where the shape is another; "" when something was reported.
std::optional<std::string> Elaborator::match_shape(const FunctionRef& ref, const ast::TypeRef& type, const Shape& shape, LayerFrame& inner) {
  const auto& declared = type.shape;
  const bool open = !declared.empty() && (*ref.file)[declared[0]].kind == ast::ExprKind::name && (*ref.file)[declared[0]].text == "..";
  const std::size_t named = declared.size() - (open ? 1 : 0);
  std::vector<std::string> wanted;  // of each axis
  bool fits = open ? shape.size() >= named : shape.size() == named;
  const std::size_t leading = fits ? shape.size() - named : 0;
  if (open && fits) {
    const Shape front(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(leading));
    if (!inner.leading) inner.leading = front;
    else if (*inner.leading != front) fits = false;
  }
  if (open) {
    if (!inner.leading || !fits) wanted.emplace_back("..");
    else
      for (const std::int64_t size : *inner.leading) wanted.push_back(std::to_string(size));
  }
  for (std::size_t i = 0; i < named; ++i) {
    const ast::ExprId id = declared[i + (open ? 1 : 0)];
    const ast::Expr& e = (*ref.file)[id];
    const bool there = shape.size() > leading + i;
    const bool fresh = e.kind == ast::ExprKind::name && !inner.things.contains(e.text) && !(checker_.params_.contains(e.text) && !ref.library);
    if (fresh) {
      if (fits && there) set(inner, e.text, number_thing(static_cast<double>(shape[leading + i]), e.span), e.span);
      wanted.push_back(fits && there ? std::to_string(shape[leading + i]) : e.text);
      continue;
    }
    const auto size = whole(eval(id), "a size", 0, std::int64_t{1} << 40);
    if (!size) return "";
    wanted.push_back(std::to_string(*size));
    fits = fits && there && shape[leading + i] == *size;
  }
  if (fits) return {};
  std::string text = type.name;
  for (std::size_t i = 0; i < wanted.size(); ++i) text += (i ? ", " : "[") + wanted[i];
  return wanted.empty() ? text : text + "]";
}

}  // namespace mlp::checking
