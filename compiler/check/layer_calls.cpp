// Calls in the bodies of layers: of layers, which are inlined with the shapes that come in, of functions, of what is built in.
#include <algorithm>

#include "base/codes/networks.h"
#include "base/codes/types.h"
#include "compiler/check/elaborator.h"

namespace mlp::checking {
namespace {

bool reduces(const std::string& name) { return name == "max" || name == "min"; }  // and takes two, element by element

}  // namespace

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
