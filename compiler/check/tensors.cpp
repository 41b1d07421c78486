// One operation on tensors: shapes are checked here, and the node is added to the network.
#include <algorithm>
#include <cmath>

#include "base/codes/networks.h"
#include "base/codes/types.h"
#include "compiler/check/elaborator.h"

namespace mlp::checking {
namespace {

constexpr std::size_t most_tensors = 100'000;

// Of constants, at once; nothing: left to the network.
std::optional<double> folded(const std::string& f, const std::vector<Thing>& args) {
  const auto x = [&](std::size_t i) { return args[i].number; };
  if (args.size() == 1) {
    if (f == "neg") return -x(0);
    if (f == "not") return x(0) == 0;
    if (f == "abs") return std::fabs(x(0));
    if (f == "sqrt") return std::sqrt(x(0));
    if (f == "floor") return std::floor(x(0));
    if (f == "ceil") return std::ceil(x(0));
    if (f == "round") return std::nearbyint(x(0));
    if (f == "trunc" || f == "to_int") return std::trunc(x(0));
    if (f == "to_float") return x(0);
  }
  if (args.size() != 2) return {};
  if (f == "add") return x(0) + x(1);
  if (f == "sub") return x(0) - x(1);
  if (f == "mul") return x(0) * x(1);
  if (f == "div") return x(0) / x(1);
  if (f == "mod" && x(1) != 0) return x(0) - std::floor(x(0) / x(1)) * x(1);
  if (f == "min") return std::min(x(0), x(1));
  if (f == "max") return std::max(x(0), x(1));
  if (f == "pow" && x(1) == std::floor(x(1)) && x(1) >= 0 && x(1) <= 16) {
    double v = 1;
    for (int i = 0; i < static_cast<int>(x(1)); ++i) v *= x(0);
    return v;
  }
  if (f == "eq") return x(0) == x(1);
  if (f == "ne") return x(0) != x(1);
  if (f == "lt") return x(0) < x(1);
  if (f == "le") return x(0) <= x(1);
  if (f == "gt") return x(0) > x(1);
  if (f == "ge") return x(0) >= x(1);
  if (f == "and") return x(0) != 0 && x(1) != 0;
  if (f == "or") return x(0) != 0 || x(1) != 0;
  return {};
}

bool gives_bool(const std::string& f) {
  static const std::set<std::string, std::less<>> those = {"eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "is_nan", "is_finite"};
  return those.contains(f);
}

// Of floats and bools only, and computed by compiled code.
bool maps_elements(const Builtin& row) {
  const auto plain = [](const BuiltinType& t) { return t.shape == BuiltinShape::scalar && (t.type.scalar == Scalar::real || t.type.scalar == Scalar::boolean); };
  return row.kind == BuiltinKind::function && (row.code_class() == "op" || row.code_class() == "call") && plain(row.result) &&
         std::all_of(row.parameters.begin(), row.parameters.end(), [&](const BuiltinParameter& p) { return plain(p.type); });
}

}  // namespace

std::string Elaborator::describe(const Thing& t) const {
  switch (t.kind) {
    case Thing::Kind::poison: return "nothing";
    case Thing::Kind::number: return "the number " + ir::exact(t.number);
    case Thing::Kind::boolean: return t.number != 0 ? "`true`" : "`false`";
    case Thing::Kind::text: return "a text";
    case Thing::Kind::list: return "a list";
    case Thing::Kind::tensor: return ir::spell_shape(shape(t), at(t.tensor).boolean);
    case Thing::Kind::function: return "a function";
  }
  return {};
}

ir::TensorId Elaborator::push(ir::Tensor tensor) {
  if (network_.tensors.size() == most_tensors && !checker_.too_large_) {
    checker_.too_large_ = true;
    report(code::expression_too_large, "this network has more than " + std::to_string(most_tensors) + " operations", at_, "layers are inlined, and sequences unrolled")
        .suggest("make sequences shorter, or layers fewer");
  }
  tensor.span = at_;
  network_.tensors.push_back(std::move(tensor));
  return {static_cast<std::int32_t>(network_.tensors.size()) - 1};
}

ir::TensorId Elaborator::constant(double value) {
  const auto [known, fresh] = constants_.try_emplace(value);
  if (fresh) known->second = push({.op = ir::TensorOp::constant, .real = value});
  return known->second;
}

ir::TensorId Elaborator::map(const std::string& callee, std::vector<ir::TensorId> args, bool boolean) {
  ir::Tensor t{.op = ir::TensorOp::map, .boolean = boolean, .callee = callee};
  for (const ir::TensorId id : args) {
    t.shape = *ir::broadcast_shape(t.shape, at(id).shape);
    t.rows = t.rows || at(id).rows;
  }
  t.args = std::move(args);
  return push(std::move(t));
}

ir::TensorId Elaborator::reshape(ir::TensorId v, Shape shape) {
  if (at(v).shape == shape) return v;
  return push({.op = ir::TensorOp::reshape, .shape = std::move(shape), .rows = at(v).rows, .boolean = at(v).boolean, .args = {v}});
}

ir::TensorId Elaborator::reduce(ir::TensorOp op, ir::TensorId v, const std::vector<std::int64_t>& axes) {
  if (axes.empty()) return v;
  Shape kept = at(v).shape;
  for (const std::int64_t a : axes) kept[static_cast<std::size_t>(a)] = 1;
  return push({.op = op, .shape = std::move(kept), .rows = at(v).rows, .args = {v}, .axes = axes});
}

ir::TensorId Elaborator::slice(ir::TensorId v, std::int64_t axis, std::int64_t start, std::int64_t size) {
  Shape out = at(v).shape;
  if (start == 0 && size == out[static_cast<std::size_t>(axis)]) return v;
  out[static_cast<std::size_t>(axis)] = size;
  return push({.op = ir::TensorOp::slice, .shape = std::move(out), .rows = at(v).rows, .boolean = at(v).boolean, .args = {v}, .integer = axis, .axes = {start, size}});
}

ir::TensorId Elaborator::concat(const std::vector<ir::TensorId>& parts, std::int64_t axis) {
  if (parts.size() == 1) return parts[0];
  ir::Tensor t{.op = ir::TensorOp::concat, .shape = at(parts[0]).shape, .boolean = at(parts[0]).boolean, .args = parts, .integer = axis};
  t.shape[static_cast<std::size_t>(axis)] = 0;
  for (const ir::TensorId id : parts) {
    t.shape[static_cast<std::size_t>(axis)] += at(id).shape[static_cast<std::size_t>(axis)];
    t.rows = t.rows || at(id).rows;
  }
  return push(std::move(t));
}

ir::TensorId Elaborator::add_weight(ir::Weight weight) {
  ir::Tensor t{.op = ir::TensorOp::weight, .shape = weight.shape, .integer = static_cast<std::int64_t>(network_.weights.size())};
  network_.weights.push_back(std::move(weight));
  return push(std::move(t));
}

Thing Elaborator::given(ir::TensorId id, Span span) const {
  Thing t;
  t.kind = Thing::Kind::tensor;
  t.tensor = id;
  t.span = span;
  return t;
}

std::optional<ir::TensorId> Elaborator::tensor(const Thing& t) {
  if (t.is_tensor()) return t.tensor;
  if (t.is_number()) return constant(t.number);
  if (t.kind == Thing::Kind::boolean) return map("ne", {constant(t.number), constant(0)}, true);
  return {};
}

bool Elaborator::need_values(std::vector<Thing>& args, const std::string& what) {
  bool good = true;
  for (Thing& a : args) {
    if (a.poison()) good = false;
    if (a.poison() || a.is_tensor() || a.is_number() || a.kind == Thing::Kind::boolean) continue;
    good = false;
    Diagnostic& d = report(code::type_mismatch, what + " takes tensors and numbers, found " + describe(a), a.span, describe(a));
    if (a.kind == Thing::Kind::function && !a.steps.empty()) d.suggest("call it: `" + a.steps[0].name + "(…)`");
    else d.suggest("a layer computes with floats and bools");
  }
  return good;
}

std::optional<Shape> Elaborator::common_shape(const std::vector<Thing>& args, const std::string& what, Span span) {
  Shape all;
  const Thing* widest = nullptr;  // that gave the shape so far
  for (const Thing& a : args) {
    if (!a.is_tensor()) continue;
    const std::optional<Shape> both = ir::broadcast_shape(all, shape(a));
    if (!both) {
      report(code::shape_mismatch, "`" + what + "` takes " + describe(*widest) + " and " + describe(a) + ", which do not fit", span, "their sizes differ")
          .suggest("sizes are compared from the last axis: they are equal, or one of them is 1");
      return {};
    }
    if (*both != all || !widest) widest = &a;
    all = *both;
  }
  return all;
}

// A function of single values, element by element; of constants a constant.
Thing Elaborator::elementwise(const std::string& name, std::vector<Thing> args, Span span, Span name_span) {
  const std::string shown = spelled_operator(name);
  if (!need_values(args, "`" + shown + "`")) return poison();
  const bool constants = std::none_of(args.begin(), args.end(), [](const Thing& a) { return a.is_tensor(); });
  if (constants) {
    if (const std::optional<double> v = folded(name, args)) {
      Thing t;
      t.kind = gives_bool(name) ? Thing::Kind::boolean : Thing::Kind::number;
      t.number = *v;
      t.span = span;
      return t;
    }
  }
  if (name == "to_float" && args.size() == 1 && args[0].is_tensor() && !at(args[0].tensor).boolean) return args[0];
  const auto boolean = [&](const Thing& a) { return a.is_tensor() ? at(a.tensor).boolean : a.kind == Thing::Kind::boolean; };
  const Builtin* row = nullptr;
  for (const Builtin* r : find_builtins(name)) {
    bool fits = maps_elements(*r) && args.size() <= r->parameters.size();
    for (std::size_t i = 0; fits && i < r->parameters.size(); ++i)
      fits = i < args.size() ? (r->parameters[i].type.type.scalar == Scalar::boolean) == boolean(args[i]) : r->parameters[i].fallback.has_value();
    if (fits && !row) row = r;
  }
  if (!row) {
    const bool any = std::any_of(args.begin(), args.end(), boolean);
    const auto rows = find_builtins(name);
    const bool floats = std::any_of(rows.begin(), rows.end(), [](const Builtin* r) { return maps_elements(*r); });
    std::string found;
    for (const Thing& a : args) found += (found.empty() ? "" : ", ") + describe(a);
    if (floats) report(code::no_matching_call, "`" + shown + "` takes no " + found, name_span, "arguments do not fit").suggest(any ? "make a float of a bool: `if v then 1 else 0`" : "`mlp doc` lists what each function takes");
    else report(code::not_in_layer, "`" + shown + "` does not work on tensors", name_span, "not of floats").suggest("compute it as a feature, and let the network read the feature");
    return poison();
  }
  const std::optional<Shape> fits = common_shape(args, shown, span);
  if (!fits) return poison();
  std::vector<ir::TensorId> ids;
  for (const Thing& a : args) ids.push_back(*tensor(a));
  for (std::size_t i = args.size(); i < row->parameters.size(); ++i) ids.push_back(constant(*row->parameters[i].fallback));
  return given(map(name, std::move(ids), row->result.type.scalar == Scalar::boolean), span);
}

Thing Elaborator::select(const Thing& condition, const Thing& yes, const Thing& no, Span span) {
  std::vector<Thing> parts = {condition, yes, no};
  if (!need_values(parts, "`if`")) return poison();
  if (!at(condition.tensor).boolean) {
    report(code::type_mismatch, "the condition of an `if` must be a bool, found " + describe(condition), condition.span, "not a bool").suggest("compare it: `if v > 0 then … else …`");
    return poison();
  }
  const auto boolean = [&](const Thing& a) { return a.is_tensor() ? at(a.tensor).boolean : a.kind == Thing::Kind::boolean; };
  if (boolean(yes) != boolean(no)) {
    report(code::type_mismatch, "both values of an `if` must have one type, found " + describe(yes) + " and " + describe(no), no.span, describe(no)).suggest("write two numbers or two bools");
    return poison();
  }
  const std::optional<Shape> all = common_shape(parts, "if", span);
  if (!all) return poison();
  ir::Tensor t{.op = ir::TensorOp::select, .shape = *all, .boolean = boolean(yes)};
  for (const Thing& p : parts) {
    t.args.push_back(*tensor(p));
    t.rows = t.rows || at(t.args.back()).rows;
  }
  return given(push(std::move(t)), span);
}

// a [k] is one row, b [k] one column.
Thing Elaborator::product(Thing a, Thing b, Span span) {
  std::vector<Thing> both = {a, b};
  if (!need_values(both, "`@`")) return poison();
  for (const Thing* t : {&a, &b})
    if (!t->is_tensor() || shape(*t).empty() || at(t->tensor).boolean) {
      report(code::shape_mismatch, "`@` multiplies matrices, found " + describe(*t), t->span, "not a matrix").suggest("multiply by a single number with `*`");
      return poison();
    }
  const bool column = shape(b).size() == 1;
  const std::int64_t inner = column ? shape(b)[0] : shape(b)[shape(b).size() - 2];
  if (shape(a).back() != inner) {
    report(code::shape_mismatch, "`@` cannot multiply " + describe(a) + " by " + describe(b), span, "the left has " + std::to_string(shape(a).back()) + " columns, the right " + std::to_string(inner) + " rows")
        .suggest("the last size of the left is the last but one of the right");
    return poison();
  }
  const Shape &left = shape(a), &right = shape(b);
  const bool batched = right.size() > 2;
  if (batched && (left.size() != right.size() || !std::equal(left.begin(), left.end() - 2, right.begin()))) {
    report(code::shape_mismatch, "`@` cannot multiply " + describe(a) + " by " + describe(b), span, "their leading sizes differ").suggest("leading sizes are equal, or the right is one matrix");
    return poison();
  }
  Shape out = left;
  if (column) out.pop_back();
  else out.back() = right.back();
  ir::Tensor t{.op = ir::TensorOp::product, .rows = at(a.tensor).rows || at(b.tensor).rows};
  ir::TensorId factor = column ? reshape(b.tensor, {inner, 1}) : b.tensor;
  const ir::Tensor& f = at(factor);
  if (f.op == ir::TensorOp::transpose) {  // read as it lies, where only the last two axes change places
    std::vector<std::int64_t> swapped(f.axes.size());
    for (std::size_t i = 0; i < swapped.size(); ++i) swapped[i] = static_cast<std::int64_t>(i);
    std::swap(swapped[swapped.size() - 1], swapped[swapped.size() - 2]);
    if (f.axes == swapped) factor = f.args[0], t.transpose_b = true;
  }
  t.args = {a.tensor, factor};
  t.shape = at(a.tensor).shape;
  t.shape.back() = column ? 1 : shape(b).back();
  return given(reshape(push(std::move(t)), std::move(out)), span);
}

}  // namespace mlp::checking
