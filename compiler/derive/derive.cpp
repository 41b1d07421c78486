#include "compiler/derive/derive.h"

#include <bit>

#include "base/diagnostic.h"
#include "compiler/derive/rules.h"

namespace mlp::derive {
namespace {

bool comparison(std::string_view callee) {
  return callee == "eq" || callee == "ne" || callee == "lt" || callee == "le" || callee == "gt" || callee == "ge";
}

// What depends on the variable, by expression.
std::vector<char> active(const std::vector<ir::Expr>& exprs, ir::ExprId variable) {
  std::vector<char> out(exprs.size());
  out[static_cast<std::size_t>(variable.index)] = 1;
  for (std::size_t i = static_cast<std::size_t>(variable.index) + 1; i < exprs.size(); ++i)
    for (const ir::ExprId arg : exprs[i].args) out[i] |= out[static_cast<std::size_t>(arg.index)];
  return out;
}

// What `root` needs, in the order of the store: arguments first.
std::vector<ir::ExprId> needed(const std::vector<ir::Expr>& exprs, ir::ExprId root) {
  std::vector<char> mark(static_cast<std::size_t>(root.index) + 1);
  mark.back() = 1;
  std::vector<ir::ExprId> out;
  for (std::size_t i = mark.size(); i-- > 0;)
    if (mark[i])
      for (const ir::ExprId arg : exprs[i].args) mark[static_cast<std::size_t>(arg.index)] = 1;
  for (std::size_t i = 0; i < mark.size(); ++i)
    if (mark[i]) out.push_back({static_cast<std::int32_t>(i)});
  return out;
}

bool real(const ir::Expr& e) { return e.type.scalar == Scalar::real; }

}  // namespace

// ---- writing

ir::ExprId Writer::add(ir::Expr e) {
  e.span = span_;
  for (const ir::ExprId arg : e.args) e.stage = std::max(e.stage, at(arg).stage);
  exprs_.push_back(std::move(e));
  return {static_cast<std::int32_t>(exprs_.size()) - 1};
}

bool Writer::is(ir::ExprId id, double value) const {
  const ir::Expr& e = at(id);
  return e.op == ir::ExprOp::constant && real(e) && !e.value.null && e.value.real == value;
}

ir::ExprId Writer::constant(double value) {
  const auto [found, fresh] = constants_.try_emplace(std::bit_cast<std::uint64_t>(value));
  if (!fresh) return found->second;
  ir::Expr e;
  e.type = {Scalar::real, false};
  e.value.real = value;
  return found->second = add(std::move(e));
}

void Writer::know(ir::ExprId id) {
  const ir::Expr& e = at(id);
  std::vector<std::int32_t> args;
  for (const ir::ExprId arg : e.args) args.push_back(arg.index);
  if (e.op == ir::ExprOp::constant && real(e) && !e.value.null) constants_.try_emplace(std::bit_cast<std::uint64_t>(e.value.real), id);
  else if (e.op == ir::ExprOp::call) written_.try_emplace({e.callee, std::move(args)}, id);
  else if (e.op == ir::ExprOp::select) written_.try_emplace({"if", std::move(args)}, id);
}

// Identities that hold for every number but infinities and NaN, and forms that keep more digits.
ir::ExprId Writer::simpler(std::string_view callee, const std::vector<ir::ExprId>& args) {
  const ir::ExprId a = args[0], b = args.back();
  const auto inner = [&](ir::ExprId id, std::size_t n) { return at(id).args[n]; };
  const auto known = [&](ir::ExprId id) { return at(id).op == ir::ExprOp::constant && real(at(id)); };
  const auto value = [&](ir::ExprId id) { return at(id).value.real; };
  if (callee == "neg") {
    if (known(a)) return constant(-value(a));
    if (is_call(a, "neg")) return inner(a, 0);
    if (is_call(a, "sub")) return call("sub", {inner(a, 1), inner(a, 0)});
  }
  if (callee == "add") {
    if (is(a, 0)) return b;
    if (is(b, 0)) return a;
    if (known(a) && known(b)) return constant(value(a) + value(b));
    if (is_call(b, "neg")) return call("sub", {a, inner(b, 0)});
    if (is_call(a, "neg")) return call("sub", {b, inner(a, 0)});
  }
  if (callee == "sub") {
    if (is(b, 0)) return a;
    if (is(a, 0)) return call("neg", {b});
    if (a == b) return constant(0);
    if (known(a) && known(b)) return constant(value(a) - value(b));
    if (is_call(b, "neg")) return call("add", {a, inner(b, 0)});
    if (is(a, 1) && is_call(b, "sigmoid")) return call("sigmoid", {call("neg", {inner(b, 0)})});
  }
  if (callee == "mul") {
    if (is(a, 0) || is(b, 0)) return constant(0);
    if (is(a, 1)) return b;
    if (is(b, 1)) return a;
    if (is(a, -1)) return call("neg", {b});
    if (is(b, -1)) return call("neg", {a});
    if (known(a) && known(b)) return constant(value(a) * value(b));
    if (is_call(a, "neg")) return call("neg", {call("mul", {inner(a, 0), b})});
    if (is_call(b, "neg")) return call("neg", {call("mul", {a, inner(b, 0)})});
  }
  if (callee == "div") {
    if (is(b, 1)) return a;
    if (is(a, 0)) return constant(0);
    if (known(a) && known(b)) return constant(value(a) / value(b));
    if (is_call(a, "neg")) return call("neg", {call("div", {inner(a, 0), b})});
    // 1 / (1 + exp(-v)) is sigmoid(v)
    if (is(a, 1) && is_call(b, "add"))
      for (const std::size_t one : {0, 1})
        if (is(inner(b, one), 1) && is_call(inner(b, 1 - one), "exp")) return call("sigmoid", {call("neg", {inner(inner(b, 1 - one), 0)})});
  }
  if (callee == "pow" && known(b)) {
    if (is(b, 0)) return constant(1);
    if (is(b, 1)) return a;
    if (is(b, 2)) return call("mul", {a, a});
    if (is(b, -1)) return call("div", {constant(1), a});
    if (is(b, 0.5)) return call("sqrt", {a});
  }
  if (callee == "log") {
    if (is_call(a, "sigmoid")) return call("neg", {call("softplus", {call("neg", {inner(a, 0)})})});
    if (is_call(a, "exp")) return inner(a, 0);
    if (is_call(a, "add"))
      for (const std::size_t one : {0, 1})
        if (is(inner(a, one), 1) && is_call(inner(a, 1 - one), "exp")) return call("softplus", {inner(inner(a, 1 - one), 0)});
  }
  if (callee == "log1p") {
    if (is_call(a, "exp")) return call("softplus", {inner(a, 0)});
    if (is_call(a, "neg") && is_call(inner(a, 0), "sigmoid")) return call("neg", {call("softplus", {inner(inner(a, 0), 0)})});
  }
  return {};
}

ir::ExprId Writer::call(std::string_view callee, std::vector<ir::ExprId> args) {
  if (const ir::ExprId id = simpler(callee, args); id.known()) return id;
  if ((callee == "add" || callee == "mul") && args[1] < args[0]) std::swap(args[0], args[1]);  // so that a b is b a
  std::vector<std::int32_t> numbers;
  for (const ir::ExprId arg : args) numbers.push_back(arg.index);
  const auto [found, fresh] = written_.try_emplace({std::string(callee), std::move(numbers)});
  if (!fresh) return found->second;
  ir::Expr e;
  e.op = ir::ExprOp::call;
  e.callee = std::string(callee);
  e.type = {comparison(callee) ? Scalar::boolean : Scalar::real, false};
  e.args = std::move(args);
  return found->second = add(std::move(e));
}

ir::ExprId Writer::select(ir::ExprId condition, ir::ExprId yes, ir::ExprId no) {
  if (yes == no) return yes;
  const ir::Expr& c = at(condition);
  if (c.op == ir::ExprOp::constant) return c.value.integer ? yes : no;
  // if c then f(a) else f(b) computes f once.
  const ir::Expr &y = at(yes), &n = at(no);
  if (y.op == ir::ExprOp::call && n.op == ir::ExprOp::call && y.callee == n.callee && y.args.size() == 1 && n.args.size() == 1 && rule_of(y.callee, 1)) {
    const std::string callee = y.callee;
    return call(callee, {select(condition, y.args[0], n.args[0])});
  }
  const auto [found, fresh] = written_.try_emplace({"if", {condition.index, yes.index, no.index}});
  if (!fresh) return found->second;
  ir::Expr e;
  e.op = ir::ExprOp::select;
  e.type = {Scalar::real, false};
  e.args = {condition, yes, no};
  return found->second = add(std::move(e));
}

// ---- walking

bool is_constant(const std::vector<ir::Expr>& exprs, ir::ExprId id, double value) {
  const ir::Expr& e = exprs[static_cast<std::size_t>(id.index)];
  return e.op == ir::ExprOp::constant && real(e) && !e.value.null && e.value.real == value;
}

std::optional<Obstacle> obstacle(const std::vector<ir::Expr>& exprs, ir::ExprId root, ir::ExprId variable) {
  const std::vector<char> live = active(exprs, variable);
  // A bool has no derivative and needs none: it chooses between pieces, and is constant within each.
  for (const ir::ExprId id : needed(exprs, root)) {
    const ir::Expr& e = exprs[static_cast<std::size_t>(id.index)];
    if (!live[static_cast<std::size_t>(id.index)] || id == variable || e.type.scalar == Scalar::boolean) continue;
    if (e.op == ir::ExprOp::select && real(e)) continue;
    const bool of_bool = e.op == ir::ExprOp::call && e.callee == "to_float" && exprs[static_cast<std::size_t>(e.args[0].index)].type.scalar == Scalar::boolean;
    if (e.op == ir::ExprOp::call && real(e) && (of_bool || rule_of(e.callee, e.args.size()))) continue;
    return Obstacle{id, e.callee.empty() ? "if" : e.callee.substr(0, e.callee.find('#'))};
  }
  return {};
}

ir::ExprId steady(std::vector<ir::Expr>& exprs, ir::ExprId root) {
  Writer w(exprs, exprs[static_cast<std::size_t>(root.index)].span);
  std::vector<ir::ExprId> now(static_cast<std::size_t>(root.index) + 1);
  for (const ir::ExprId id : needed(exprs, root)) {
    const ir::Expr e = w.at(id);
    std::vector<ir::ExprId> args;
    for (const ir::ExprId arg : e.args) args.push_back(now[static_cast<std::size_t>(arg.index)]);
    ir::ExprId& to = now[static_cast<std::size_t>(id.index)];
    if (e.op == ir::ExprOp::call && real(e) && rule_of(e.callee, args.size())) {
      to = w.call(e.callee, std::move(args));
    } else if (e.op == ir::ExprOp::select && real(e) && !e.type.nullable) {
      to = w.select(args[0], args[1], args[2]);
    } else if (args == e.args) {
      w.know(to = id);
    } else {
      ir::Expr moved = e;
      moved.args = std::move(args);
      moved.stage = ir::Stage::constant;
      for (const ir::ExprId arg : moved.args) moved.stage = std::max(moved.stage, w.at(arg).stage);
      exprs.push_back(std::move(moved));
      to = {static_cast<std::int32_t>(exprs.size()) - 1};
    }
  }
  return now.back();
}

ir::ExprId derivative(std::vector<ir::Expr>& exprs, ir::ExprId root, ir::ExprId variable) {
  const std::vector<ir::ExprId> order = needed(exprs, root);
  const std::vector<char> live = active(exprs, variable);
  Writer w(exprs, exprs[static_cast<std::size_t>(root.index)].span);
  for (const ir::ExprId id : order) w.know(id);
  const ir::ExprId zero = w.constant(0), one = w.constant(1);
  std::vector<ir::ExprId> d(static_cast<std::size_t>(root.index) + 1, zero);
  for (const ir::ExprId id : order) {
    const auto place = static_cast<std::size_t>(id.index);
    const ir::Expr e = w.at(id);
    if (id == variable) d[place] = one;
    if (id == variable || !live[place] || !real(e)) continue;
    if (e.op == ir::ExprOp::select) {
      d[place] = w.select(e.args[0], d[static_cast<std::size_t>(e.args[1].index)], d[static_cast<std::size_t>(e.args[2].index)]);
      continue;
    }
    const Rule* rule = rule_of(e.callee, e.args.size());
    if (!rule) {
      MLP_CHECK(e.callee == "to_float");  // of a bool, which is constant in pieces
      continue;
    }
    std::vector<Term> v;
    for (const ir::ExprId arg : e.args) v.push_back({&w, arg});
    Term sum{&w, zero};
    for (std::size_t n = 0; n < v.size(); ++n) {
      const ir::ExprId by = d[static_cast<std::size_t>(e.args[n].index)];
      if (!w.is(by, 0)) sum = sum + rule->partial({&w, id}, v, n) * Term{&w, by};
    }
    d[place] = sum.id;
  }
  return d[static_cast<std::size_t>(root.index)];
}

std::vector<std::pair<std::string, std::size_t>> rules() {
  std::vector<std::pair<std::string, std::size_t>> out;
  for (const Rule& rule : rule_table()) out.emplace_back(rule.name, rule.arguments);
  return out;
}

}  // namespace mlp::derive
