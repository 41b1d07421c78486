// The functions of layers that stdlib/builtins/tensors.def lists.
#include <algorithm>
#include <cmath>

#include "base/codes/networks.h"
#include "base/codes/stages.h"
#include "base/codes/types.h"
#include "compiler/check/elaborator.h"

namespace mlp::checking {

std::optional<double> Elaborator::number(const Thing& t, const std::string& what, double least, double most) {
  if (t.poison()) return {};
  if (!t.is_number()) {
    report(t.is_tensor() ? code::not_constant : code::type_mismatch, what + " is a number known when the spec is compiled, found " + describe(t), t.span, describe(t)).suggest("write a number, or pass it as a setting of the layer");
    return {};
  }
  if (t.number >= least && t.number <= most) return t.number;
  report(code::out_of_range, what + " is " + (least == most ? "" : "from " + ir::exact(least) + " to " + ir::exact(most)) + ", found " + ir::exact(t.number), t.span, "out of range");
  return {};
}

std::optional<std::int64_t> Elaborator::whole(const Thing& t, const std::string& what, std::int64_t least, std::int64_t most) {
  const auto v = number(t, what, static_cast<double>(least), static_cast<double>(most));
  if (!v) return {};
  if (*v == std::floor(*v)) return static_cast<std::int64_t>(*v);
  report(code::type_mismatch, what + " is a whole number, found " + ir::exact(*v), t.span, "not whole").suggest("round it: `floor(…)`");
  return {};
}

std::optional<Shape> Elaborator::sizes(const Thing& t, const std::string& what, bool rest) {
  if (t.poison()) return {};
  const std::vector<Thing> one = {t};
  const std::vector<Thing>& items = t.kind == Thing::Kind::list ? t.items : one;
  Shape shape;
  for (const Thing& item : items) {
    const auto size = whole(item, what, rest ? -1 : 1, 1 << 30);
    if (!size) return {};
    shape.push_back(*size);
  }
  if (std::count(shape.begin(), shape.end(), 0) == 0 && std::count(shape.begin(), shape.end(), -1) <= 1) return shape;
  report(code::shape_mismatch, what + " has sizes from 1, and -1 at most once", t.span, "not a shape");
  return {};
}

std::optional<std::int64_t> Elaborator::axis(const Thing& t, const Shape& of) {
  const auto rank = static_cast<std::int64_t>(of.size());
  if (t.poison()) return {};
  if (t.is_number() && t.number == std::floor(t.number) && t.number >= static_cast<double>(-rank) && t.number < static_cast<double>(rank)) {
    const auto a = static_cast<std::int64_t>(t.number);
    return a < 0 ? a + rank : a;
  }
  report(code::shape_mismatch, ir::spell_shape(of) + " has no axis " + (t.is_number() ? ir::exact(t.number) : "like " + describe(t)), t.span, "no such axis")
      .suggest(rank == 0 ? "it is a single number" : "axes are counted from 0, and from the end with -1");
  return {};
}

std::optional<std::vector<std::int64_t>> Elaborator::axes(const Thing* t, const Shape& of) {
  std::vector<std::int64_t> list;
  if (!t) {
    for (std::size_t i = 0; i < of.size(); ++i) list.push_back(static_cast<std::int64_t>(i));
    return list;
  }
  if (t->poison()) return {};
  const std::vector<Thing> one = {*t};
  for (const Thing& item : t->kind == Thing::Kind::list ? t->items : one) {
    const auto a = axis(item, of);
    if (!a) return {};
    list.push_back(*a);
  }
  std::vector<std::int64_t> sorted = list;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end()) return list;
  report(code::shape_mismatch, "an axis is named twice", t->span, "twice the same axis");
  return {};
}

// The path of the layer and the `let` that the value belongs to; of several with one name, numbered.
std::string Elaborator::own_name(const std::string& fallback) const {
  const std::string name = here_->path + "." + (here_->let.empty() ? fallback : here_->let);
  const auto taken = [&](const std::string& wanted) {
    return std::any_of(network_.weights.begin(), network_.weights.end(), [&](const ir::Weight& w) { return w.name == wanted; }) ||
           std::any_of(network_.states.begin(), network_.states.end(), [&](const ir::State& s) { return s.name == wanted; });
  };
  if (!taken(name)) return name;
  for (int n = 2;; ++n)
    if (!taken(name + "_" + std::to_string(n))) return name + "_" + std::to_string(n);
}

// glorot, he, zeros, ones, normal(0.02), uniform(0.1), or a number.
bool Elaborator::take_init(ast::ExprId id, ir::Weight& w) {
  const ast::Expr& e = node(id);
  static const std::vector<std::string> words = {"glorot", "he", "zeros", "ones", "normal", "uniform"};
  const bool word = (e.kind == ast::ExprKind::name || e.kind == ast::ExprKind::call) && !here_->things.contains(e.text);
  const auto refuse = [&](const std::string& message) -> Diagnostic& { return report(code::bad_setting, message, e.span, "an initial value"); };
  const auto known = std::find(words.begin(), words.end(), e.text);
  if (word && known != words.end()) {
    const bool drawn = e.text == "normal" || e.text == "uniform";
    if (e.args.size() != (drawn ? 1u : 0u)) {
      refuse(drawn ? "`" + e.text + "` needs how far values lie from 0" : "`" + e.text + "` takes no argument").suggest(drawn ? "`" + e.text + "(0.05)`" : "write `" + e.text + "`");
      return false;
    }
    if (drawn) {
      const auto scale = number(eval(e.args[0]), "the scale of `" + e.text + "`", 0, 1e6);
      if (!scale) return false;
      w.scale = *scale;
    }
    w.init = e.text == "glorot" ? ir::WeightInit::glorot : e.text == "he" ? ir::WeightInit::he : e.text == "normal" ? ir::WeightInit::normal : e.text == "uniform" ? ir::WeightInit::uniform : ir::WeightInit::value;
    if (e.text == "ones") w.scale = 1;
    return true;
  }
  if (word && e.kind == ast::ExprKind::name) {
    Diagnostic& d = refuse("there is no initial value `" + e.text + "`");
    checker_.suggest_name(d, e.span, e.text, words);
    if (d.help.empty()) d.suggest("known are: " + listed(words) + ", or a number");
    return false;
  }
  const auto v = number(eval(id), "an initial value", -1e300, 1e300);
  if (!v) return false;
  w.init = ir::WeightInit::value;
  w.scale = *v;
  return true;
}

Thing Elaborator::make_weight(const ast::Expr& e, const Thing* first) {
  const Span name_span = checker_.callee_span(e);
  if (!here_->layer) {
    report(code::outside_network, "`weight` stands in the body of a `layer`", name_span, "not in a layer").suggest("declare `layer` in place of `fn`: only a layer is learned");
    return poison();
  }
  ir::Weight w;
  Thing shape = first ? *first : poison();
  bool shaped = first != nullptr, good = true;
  for (std::size_t i = 0; i < e.args.size(); ++i) {
    const std::string& named = e.arg_names[i];
    const std::size_t place = i + (first ? 1 : 0);
    if ((named.empty() && place == 0) || named == "shape") shape = eval(e.args[i]), shaped = true;
    else if ((named.empty() && place == 1) || named == "init") good = take_init(e.args[i], w) && good;
    else {
      report(code::no_matching_call, "`weight` takes a shape and an initial value", node(e.args[i]).span, "one too many").note("`weight(shape: int[], init: word = glorot) -> float[..]`");
      return poison();
    }
  }
  if (!shaped) {
    report(code::no_matching_call, "`weight` needs its shape", name_span, "which shape?").suggest("`weight([n, units])`");
    return poison();
  }
  const auto list = sizes(shape, "the shape of a weight", false);
  if (!list || !good) return poison();
  w.shape = *list;
  std::int64_t count = 1;
  for (const std::int64_t size : w.shape) count *= std::min<std::int64_t>(size, 1 << 30);
  if (count > (std::int64_t{1} << 31)) {
    report(code::out_of_range, "a weight of shape " + ir::spell_shape(w.shape) + " is too large", name_span, "more than 2^31 numbers");
    return poison();
  }
  w.name = own_name("weight");
  w.decays = w.shape.size() >= 2;
  w.span = at_;
  return given(add_weight(std::move(w)), e.span);
}

Thing Elaborator::reduction(const std::string& name, const std::vector<Thing>& args, const std::vector<bool>& there, Span span) {
  const ir::TensorId v = *tensor(args[0]);
  const Shape from = at(v).shape;
  if (at(v).boolean) {
    report(code::type_mismatch, "`" + name + "` takes floats, found " + describe(args[0]), args[0].span, "bools").suggest("count with `if v then 1 else 0`");
    return poison();
  }
  const auto list = axes(there[1] ? &args[1] : nullptr, from);
  if (!list) return poison();
  bool keep = false;
  if (there[2]) {
    if (args[2].kind != Thing::Kind::boolean) {
      if (!args[2].poison()) report(code::type_mismatch, "`keep` is `true` or `false`, found " + describe(args[2]), args[2].span, "not a bool");
      return poison();
    }
    keep = args[2].number != 0;
  }
  ir::TensorId out = v;
  if (name == "min") out = map("neg", {reduce(ir::TensorOp::max, map("neg", {v}, false), *list)}, false);
  else out = reduce(name == "max" ? ir::TensorOp::max : ir::TensorOp::sum, v, *list);
  if (name == "mean") {
    double count = 1;
    for (const std::int64_t a : *list) count *= static_cast<double>(from[static_cast<std::size_t>(a)]);
    if (count != 1) out = map("div", {out, constant(count)}, false);
  }
  if (keep) return given(out, span);
  Shape rest;
  for (std::size_t i = 0; i < from.size(); ++i)
    if (std::find(list->begin(), list->end(), static_cast<std::int64_t>(i)) == list->end()) rest.push_back(from[i]);
  return given(reshape(out, std::move(rest)), span);
}

// state = step(state, v[i]), unrolled.
Thing Elaborator::fold(bool all, const std::vector<Thing>& args, Span span) {
  const Shape from = shape(args[0]);
  if (from.empty()) {
    report(code::shape_mismatch, "a sequence has a first axis, found " + describe(args[0]), args[0].span, "a single number");
    return poison();
  }
  if (args[2].kind != Thing::Kind::function) {
    if (!args[2].poison()) report(code::type_mismatch, "`step` is a function of the state and an element, found " + describe(args[2]), args[2].span, "not a function");
    return poison();
  }
  std::vector<Thing> start = {args[1]};
  if (!need_values(start, "`start`")) return poison();
  Thing state = given(*tensor(args[1]), span);
  const Shape shape_of_state = shape(state);
  std::vector<ir::TensorId> states;
  for (std::int64_t i = 0; i < from[0]; ++i) {
    const Thing element = given(reshape(slice(args[0].tensor, 0, i, 1), Shape(from.begin() + 1, from.end())), span);
    state = apply(args[2], state, {element});
    if (state.poison() || checker_.too_large_) return poison();
    if (!state.is_tensor() || shape(state) != shape_of_state) {
      report(code::shape_mismatch, "`step` gives " + describe(state) + ", and the state is " + ir::spell_shape(shape_of_state), span, "the state changes its shape").suggest("start with a state of the shape that the step gives");
      return poison();
    }
    if (!all) continue;
    Shape one = shape_of_state;
    one.insert(one.begin(), 1);
    states.push_back(reshape(state.tensor, std::move(one)));
  }
  return all ? given(concat(states, 0), span) : state;
}

// A look-up for each element, one behind the other.
Thing Elaborator::gather(const std::vector<Thing>& args, Span span) {
  std::vector<Thing> given_index = {args[1]};
  if (!need_values(given_index, "`index`")) return poison();
  const ir::TensorId table = args[0].tensor, index = *tensor(args[1]);
  if (at(table).op != ir::TensorOp::weight || at(table).shape.size() != 2 || at(index).boolean || !at(index).rows) {
    const bool of_table = at(table).op != ir::TensorOp::weight || at(table).shape.size() != 2;
    report(code::shape_mismatch, of_table ? "`gather` takes rows of a weight of two axes, found " + describe(args[0]) : "`gather` takes indices that depend on the row, found " + describe(args[1]), args[of_table ? 0 : 1].span, of_table ? "not a table" : "no index")
        .suggest(of_table ? "`let table = weight([size, units])`, and then `gather(table, v)`" : "a fixed row is a part of the weight: `table[2]`");
    return poison();
  }
  const std::int64_t width = at(table).shape[1];
  Shape out = at(index).shape;
  std::int64_t count = 1;
  for (const std::int64_t size : out) count *= size;
  const ir::TensorId flat = reshape(index, {count});
  std::vector<ir::TensorId> rows;
  for (std::int64_t i = 0; i < count; ++i) {
    const ir::TensorId row = push({.op = ir::TensorOp::gather, .shape = {width}, .rows = true, .args = {table, reshape(slice(flat, 0, i, 1), {})}});
    rows.push_back(reshape(row, {1, width}));
  }
  out.push_back(width);
  return given(reshape(concat(rows, 0), std::move(out)), span);
}

Thing Elaborator::call_tensor_function(const TensorFunction& row, std::vector<NamedThing> args, Span span, Span name_span) {
  const std::string name(row.name);
  if (here_->elementwise) {
    const std::string& function = here_->function->head.name;
    const auto rows = find_builtins(name);
    const bool statistic = std::any_of(rows.begin(), rows.end(), [](const Builtin* row) { return row->kind == BuiltinKind::aggregate; });
    report(code::not_in_layer, "`" + name + "` sees all elements of a tensor, and `" + function + "` takes a single value", name_span, "not element by element")
        .suggest(statistic && here_->library ? "statistics of the train rows belong into the features: `v |> " + function + "`" : "declare the parameter with a shape: `v: float[..]`");
    return poison();
  }
  std::vector<Thing> bound(row.parameters.size());
  std::vector<bool> there(row.parameters.size());
  for (std::size_t i = 0; i < args.size(); ++i) {
    std::size_t slot = i;
    if (!args[i].name.empty())
      for (slot = 0; slot < row.parameters.size() && row.parameters[slot].name != args[i].name;) ++slot;
    if (slot >= bound.size() || there[slot]) {
      Diagnostic& d = report(code::no_matching_call, "`" + name + "` takes no such arguments", args[i].name.empty() ? args[i].value.span : args[i].name_span, "does not fit").note("`" + name + std::string(row.signature) + "`");
      d.suggest("call it as the note says");
      return poison();
    }
    if (args[i].value.poison()) return poison();
    bound[slot] = std::move(args[i].value);
    there[slot] = true;
  }
  for (std::size_t i = 0; i < bound.size(); ++i)
    if (!there[i] && !row.parameters[i].optional) {
      report(code::no_matching_call, "`" + name + "` needs `" + row.parameters[i].name + "`", name_span, "an argument is missing").note("`" + name + std::string(row.signature) + "`");
      return poison();
    }
  const auto known = [&](const Thing& t) {
    std::vector<Thing> one = {t};
    return need_values(one, "`" + name + "`");
  };
  if (name == "positions") {
    const auto n = whole(bound[0], "`n`", 1, 1 << 30);
    return n ? given(push({.op = ir::TensorOp::position, .shape = {*n}, .axes = {0}}), span) : poison();
  }
  if (name == "concat") {
    if (bound[0].kind != Thing::Kind::list || bound[0].items.empty() || !need_values(bound[0].items, "`concat`")) {
      if (bound[0].kind != Thing::Kind::list) report(code::type_mismatch, "`concat` takes a list of tensors, found " + describe(bound[0]), bound[0].span, "not a list").suggest("`concat([a, b], axis = 0)`");
      return poison();
    }
    std::vector<ir::TensorId> parts;
    for (const Thing& item : bound[0].items) parts.push_back(*tensor(item));
    Thing last;
    last.kind = Thing::Kind::number;
    last.number = -1;
    last.span = bound[0].span;
    const auto along = axis(there[1] ? bound[1] : last, at(parts[0]).shape);
    if (!along) return poison();
    for (std::size_t i = 1; i < parts.size(); ++i) {
      Shape a = at(parts[0]).shape, b = at(parts[i]).shape;
      if (a.size() == b.size()) a[static_cast<std::size_t>(*along)] = b[static_cast<std::size_t>(*along)] = 1;
      if (a == b && at(parts[0]).boolean == at(parts[i]).boolean) continue;
      report(code::shape_mismatch, "`concat` takes " + ir::spell_shape(at(parts[0]).shape) + " and " + ir::spell_shape(at(parts[i]).shape) + ", which do not fit along axis " + std::to_string(*along), bound[0].items[i].span, "all other sizes are equal");
      return poison();
    }
    return given(concat(parts, *along), span);
  }
  if (!known(bound[0])) return poison();
  const ir::TensorId v = *tensor(bound[0]);
  bound[0] = given(v, bound[0].span);
  const Shape from = at(v).shape;
  const bool boolean = at(v).boolean, rows = at(v).rows;
  if (name == "sum" || name == "mean" || name == "max" || name == "min") return reduction(name, bound, there, span);
  if (name == "scan" || name == "fold") return fold(name == "scan", bound, span);
  if (name == "gather") return gather(bound, span);
  if (name == "batch_mean" || name == "mask") {
    if (!here_->layer) {
      report(code::outside_network, "`" + name + "` stands in the body of a `layer`", name_span, "not in a layer").suggest("declare `layer` in place of `fn`");
      return poison();
    }
    if (boolean) {
      report(code::type_mismatch, "`" + name + "` takes floats, found " + describe(bound[0]), bound[0].span, "bools");
      return poison();
    }
    if (name == "mask") {
      const auto p = number(bound[1], "`p`", 0, 1);
      if (!p) return poison();
      if (*p >= 1) {
        report(code::out_of_range, "a mask that leaves nothing", bound[1].span, "below 100%").suggest("write a share from 0 to below 1: `20%`");
        return poison();
      }
      if (*p == 0) return given(push({.op = ir::TensorOp::broadcast, .shape = from, .rows = true, .args = {constant(1)}}), span);
      return given(push({.op = ir::TensorOp::mask, .shape = from, .rows = true, .integer = masks_++, .real = *p}), span);
    }
    const auto start = there[1] ? number(bound[1], "`start`", -1e300, 1e300) : 0.0;
    const auto momentum = there[2] ? number(bound[2], "`momentum`", 0, 0.999999999) : 0.9;
    if (!start || !momentum) return poison();
    if (!rows) {
      report(code::shape_mismatch, "`batch_mean` of what is the same for each row", bound[0].span, "no rows");
      return poison();
    }
    network_.states.push_back({.name = own_name("state"), .shape = from, .start = *start, .momentum = *momentum});
    return given(push({.op = ir::TensorOp::batch_mean, .shape = from, .args = {v}, .integer = static_cast<std::int64_t>(network_.states.size()) - 1}), span);
  }
  if (name == "stop_gradient") return given(push({.op = ir::TensorOp::reshape, .shape = from, .rows = rows, .boolean = boolean, .args = {v}, .integer = 1}), span);
  std::int64_t count = 1;
  for (const std::int64_t size : from) count *= size;
  if (name == "reshape") {
    auto to = sizes(bound[1], "a shape", true);
    if (!to) return poison();
    std::int64_t named = 1;
    for (const std::int64_t size : *to) named *= size == -1 ? 1 : size;
    for (std::int64_t& size : *to)
      if (size == -1 && count % named == 0) size = count / named, named = count;
    if (named == count) return given(reshape(v, std::move(*to)), span);
    std::string wanted = "[";
    for (std::size_t i = 0; i < to->size(); ++i) wanted += (i ? ", " : "") + std::to_string((*to)[i]);
    report(code::shape_mismatch, ir::spell_shape(from) + " has " + std::to_string(count) + " elements, which are no " + wanted + "]", span, "cannot be reshaped").suggest("the product of the sizes is the number of elements");
    return poison();
  }
  if (name == "transpose") {
    auto order = axes(there[1] ? &bound[1] : nullptr, from);
    if (!order) return poison();
    if (!there[1]) std::reverse(order->begin(), order->end());
    if (order->size() != from.size()) {
      report(code::shape_mismatch, ir::spell_shape(from) + " has " + std::to_string(from.size()) + " axes, and " + std::to_string(order->size()) + " are named", bound[1].span, "each axis once");
      return poison();
    }
    if (std::is_sorted(order->begin(), order->end())) return bound[0];
    Shape moved;
    for (const std::int64_t a : *order) moved.push_back(from[static_cast<std::size_t>(a)]);
    return given(push({.op = ir::TensorOp::transpose, .shape = std::move(moved), .rows = rows, .boolean = boolean, .args = {v}, .axes = *order}), span);
  }
  if (name == "broadcast") {
    const auto to = sizes(bound[1], "a shape", false);
    if (!to) return poison();
    if (ir::broadcasts_to(from, *to)) return *to == from ? bound[0] : given(push({.op = ir::TensorOp::broadcast, .shape = *to, .rows = rows, .boolean = boolean, .args = {v}}), span);
    report(code::shape_mismatch, ir::spell_shape(from) + " cannot be repeated to " + ir::spell_shape(*to), span, "does not fit").suggest("only sizes of 1 repeat, and new axes in front");
    return poison();
  }
  if (name == "pad") {
    const auto along = axis(bound[1], from);
    const auto before = whole(bound[2], "`before`", 0, 1 << 20), after = whole(bound[3], "`after`", 0, 1 << 20);
    if (!along || !before || !after) return poison();
    Shape out = from;
    out[static_cast<std::size_t>(*along)] += *before + *after;
    return out == from ? bound[0] : given(push({.op = ir::TensorOp::pad, .shape = std::move(out), .rows = rows, .boolean = boolean, .args = {v}, .integer = *along, .axes = {*before, *after}}), span);
  }
  // windows
  if (from.size() != 3) {
    report(code::shape_mismatch, "`windows` takes float[h, w, c], found " + describe(bound[0]), bound[0].span, "not an image").suggest("give it the shape of one: `reshape(v, [28, 28, 1])`");
    return poison();
  }
  const auto height = whole(bound[1], "`height`", 1, 1 << 20), width = whole(bound[2], "`width`", 1, 1 << 20);
  const auto stride = there[3] ? whole(bound[3], "`stride`", 1, 1 << 20) : 1, border = there[4] ? whole(bound[4], "`pad`", 0, 1 << 20) : 0;
  if (!height || !width || !stride || !border) return poison();
  if (there[5] && bound[5].kind != Thing::Kind::boolean) {
    report(code::type_mismatch, "`lowest` is `true` or `false`, found " + describe(bound[5]), bound[5].span, "not a bool");
    return poison();
  }
  std::vector<std::int64_t> how = {*height, *width, *stride, *border};
  const auto out = ir::windows_shape(from, how);
  if (!out) {
    report(code::shape_mismatch, "a window of " + std::to_string(*height) + " × " + std::to_string(*width) + " does not fit into " + ir::spell_shape(from), span, "larger than the image").suggest("take a smaller window, or `pad` the image");
    return poison();
  }
  return given(push({.op = ir::TensorOp::windows, .shape = *out, .rows = rows, .args = {v}, .axes = how, .max_outside = there[5] && bound[5].number != 0}), span);
}

}  // namespace mlp::checking
