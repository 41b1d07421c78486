#include "compiler/check/ranges.h"

#include <algorithm>
#include <cmath>

#include "base/codes/stages.h"
#include "compiler/check/checker.h"

namespace mlp::checking {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

Range between(double low, double high) { return {.low = low, .high = high}; }
Range at(double value) { return {.low = value, .high = value, .nonzero = value != 0}; }

Range joined(const Range& a, const Range& b) {
  Range r;
  r.low = std::min(a.low, b.low);
  r.low_open = (a.low > r.low || a.low_open) && (b.low > r.low || b.low_open);
  r.high = std::max(a.high, b.high);
  r.high_open = (a.high < r.high || a.high_open) && (b.high < r.high || b.high_open);
  r.nonzero = !a.has_zero() && !b.has_zero();
  return r;
}

Range common(const Range& a, const Range& b) {
  Range r;
  r.low = std::max(a.low, b.low);
  r.low_open = (a.low == r.low && a.low_open) || (b.low == r.low && b.low_open);
  r.high = std::min(a.high, b.high);
  r.high_open = (a.high == r.high && a.high_open) || (b.high == r.high && b.high_open);
  r.nonzero = a.nonzero || b.nonzero;
  return r;
}

Range negative(const Range& a) { return {.low = -a.high, .high = -a.low, .low_open = a.high_open, .high_open = a.low_open, .nonzero = a.nonzero}; }

Range sum(const Range& a, const Range& b) {
  Range r{.low = a.low + b.low, .high = a.high + b.high, .low_open = a.low_open || b.low_open, .high_open = a.high_open || b.high_open};
  if (std::isnan(r.low)) r.low = -inf;
  if (std::isnan(r.high)) r.high = inf;
  return r;
}

Range product(const Range& a, const Range& b) {
  struct End { double value; bool open; };
  const auto times = [](double x, bool x_open, double y, bool y_open) {
    const double value = x == 0 || y == 0 ? 0 : x * y;
    const bool reached = (x == 0 && !x_open) || (y == 0 && !y_open);
    return End{value, (x_open || y_open) && !reached};
  };
  const End ends[] = {times(a.low, a.low_open, b.low, b.low_open), times(a.low, a.low_open, b.high, b.high_open), times(a.high, a.high_open, b.low, b.low_open),
                      times(a.high, a.high_open, b.high, b.high_open)};
  Range r{.low = ends[0].value, .high = ends[0].value, .low_open = ends[0].open, .high_open = ends[0].open};
  for (const End& e : ends) {
    if (e.value < r.low) r.low = e.value, r.low_open = e.open;
    else if (e.value == r.low) r.low_open = r.low_open && e.open;
    if (e.value > r.high) r.high = e.value, r.high_open = e.open;
    else if (e.value == r.high) r.high_open = r.high_open && e.open;
  }
  r.nonzero = !a.has_zero() && !b.has_zero();
  return r;
}

Range quotient(const Range& a, const Range& b) {
  if (b.has_zero() || (b.low < 0 && b.high > 0)) return {};
  const auto over = [](double v) { return v == 0 ? inf : 1 / v; };
  const Range inverse = b.low >= 0 ? Range{.low = over(b.high), .high = over(b.low), .low_open = b.high_open && b.high != inf, .high_open = b.low_open, .nonzero = true}
                                   : Range{.low = -over(-b.high), .high = -over(-b.low), .low_open = b.high_open, .high_open = b.low_open && b.low != -inf, .nonzero = true};
  return product(a, inverse);
}

template <class F> Range rising(const Range& a, F f, const Range& result) {
  Range r{.low = f(a.low), .high = f(a.high), .low_open = a.low_open, .high_open = a.high_open};
  if (std::isnan(r.low)) r.low = result.low;
  if (std::isnan(r.high)) r.high = result.high;
  return common(r, result);
}

const std::map<std::string, Range, std::less<>>& result_ranges() {
  static const std::map<std::string, Range, std::less<>> known = {
      {"exp", {.low = 0, .low_open = true}}, {"sigmoid", between(0, 1)}, {"tanh", between(-1, 1)}, {"sin", between(-1, 1)}, {"cos", between(-1, 1)},
      {"asin", between(-1.6, 1.6)}, {"acos", between(0, 3.2)}, {"atan", between(-1.6, 1.6)}, {"atan2", between(-3.2, 3.2)}, {"sign", between(-1, 1)},
      {"length", between(0, inf)}, {"word_count", between(0, inf)}, {"word_code", between(0, inf)}, {"byte", between(0, 255)}, {"hash_bucket", between(0, inf)}, {"code", between(0, inf)},
      {"quarter", between(1, 4)}, {"month", between(1, 12)}, {"day", between(1, 31)}, {"weekday", between(1, 7)}, {"yearday", between(1, 366)},
      {"week", between(1, 53)}, {"hour", between(0, 23)}, {"minute", between(0, 59)}, {"second", between(0, 59)}};
  return known;
}

const char* mirrored(const std::string& callee) {
  return callee == "lt" ? "gt" : callee == "le" ? "ge" : callee == "gt" ? "lt" : callee == "ge" ? "le" : callee == "eq" ? "eq" : "ne";
}
const char* opposite(const std::string& callee) {
  return callee == "lt" ? "ge" : callee == "le" ? "gt" : callee == "gt" ? "le" : callee == "ge" ? "lt" : callee == "eq" ? "ne" : "eq";
}
bool compares(const std::string& callee) { return callee == "lt" || callee == "le" || callee == "gt" || callee == "ge" || callee == "eq" || callee == "ne"; }

}  // namespace

Ranges::Ranges(const std::vector<ir::Expr>& exprs, const std::vector<Column>& columns) : exprs_(exprs), columns_(columns), numbers_(exprs.size()) {
  known_.emplace_back();
  std::map<std::string, int> seen;
  for (std::size_t i = 0; i < exprs.size(); ++i) {
    const ir::Expr& e = exprs[i];
    std::string key = std::to_string(static_cast<int>(e.op)) + ' ' + e.callee + ' ' + std::to_string(e.column.index);
    for (const ir::ExprId arg : e.args) key += ' ' + std::to_string(number(arg));
    if (e.op == ir::ExprOp::constant) key += ' ' + std::to_string(static_cast<int>(e.type.scalar)) + (e.value.null ? "n" : "v") + std::to_string(e.value.integer) + ' ' + ir::exact(e.value.real) + ' ' + e.value.text;
    if (e.op == ir::ExprOp::column && !e.column.known()) key += " p" + std::to_string(i);  // a parameter
    numbers_[i] = seen.try_emplace(std::move(key), static_cast<int>(seen.size())).first->second;
  }
}

bool Ranges::is_finite(int number, const Known& known) const {
  for (const Known* k = &known; k; k = k->up)
    if (k->finite.count(number)) return true;
  return false;
}

Range Ranges::of(ir::ExprId id, Known& known) {
  constexpr int max_depth = 2000, max_steps = 2'000'000;
  const int n = number(id);
  if (const auto found = known.memo.find(n); found != known.memo.end()) return found->second;
  if (depth_ > max_depth || ++steps_ > max_steps) return {};
  ++depth_;
  Range r = compute(id, known);
  --depth_;
  for (const Known* k = &known; k; k = k->up)
    if (const auto found = k->values.find(n); found != k->values.end()) r = common(r, found->second);
  known.memo[n] = r;
  return r;
}

Range Ranges::compute(ir::ExprId id, Known& known) {
  const ir::Expr& e = expr(id);
  switch (e.op) {
    case ir::ExprOp::constant:
      if (e.value.null || is_text(e.type.scalar)) return {};
      return at(e.type.scalar == Scalar::real ? e.value.real : static_cast<double>(e.value.integer));
    case ir::ExprOp::column: {
      if (!e.column.known()) return {};
      const Column& c = columns_[static_cast<std::size_t>(e.column.index)];
      if (c.type.scalar == Scalar::boolean) return between(0, 1);
      return {.low = c.bounds.low.value_or(-inf), .high = c.bounds.high.value_or(inf), .low_open = c.bounds.low_open, .high_open = c.bounds.high_open};
    }
    case ir::ExprOp::select: return joined(of(e.args[1], within(e.args[0], true, known)), of(e.args[2], within(e.args[0], false, known)));
    case ir::ExprOp::aggregate: {
      Range v = of(e.args[0], everywhere());
      if (e.callee == "count") return {.low = 0, .low_open = true};
      if (e.callee == "variance" || e.callee == "stddev") return between(0, inf);
      // That all rows are 0, or cancel out exactly, is no case to warn of.
      if (e.callee == "sum") return {.low = v.low >= 0 ? 0 : -inf, .high = v.high <= 0 ? 0 : inf, .nonzero = true};
      if (e.callee == "mean") v.nonzero = true;
      else if (e.callee == "max" && v.low >= 0) v.nonzero = true;
      return v;
    }
    case ir::ExprOp::call: return call(e, known);
    default: return {};
  }
}

Range Ranges::call(const ir::Expr& e, Known& known) {
  const std::string& f = e.callee;
  const auto arg = [&](std::size_t i) { return of(e.args[i], known); };
  if (const auto found = result_ranges().find(f); found != result_ranges().end()) return found->second;
  if (e.type.scalar == Scalar::boolean) return between(0, 1);
  if (f == "add") return sum(arg(0), arg(1));
  if (f == "neg") return negative(arg(0));
  if (f == "sub") {
    Range r = sum(arg(0), negative(arg(1)));
    const std::pair<int, int> pair{number(e.args[0]), number(e.args[1])}, other{pair.second, pair.first};
    for (const Known* k = &known; k; k = k->up) {
      if (k->greater.count(pair)) r = common(r, {.low = 0, .low_open = true});
      else if (k->at_least.count(pair)) r = common(r, between(0, inf));
      if (k->greater.count(other)) r = common(r, {.high = 0, .high_open = true});
      else if (k->at_least.count(other)) r = common(r, between(-inf, 0));
    }
    return r;
  }
  if (f == "mul") {
    Range r = product(arg(0), arg(1));
    if (number(e.args[0]) == number(e.args[1])) r = common(r, between(0, inf));
    return r;
  }
  if (f == "div") return quotient(arg(0), arg(1));
  if (f == "min" || f == "max") {
    const Range a = f == "min" ? arg(0) : negative(arg(0)), b = f == "min" ? arg(1) : negative(arg(1));
    Range r = joined(a, b);
    if (a.high < b.high || (a.high == b.high && a.high_open)) r.high = a.high, r.high_open = a.high_open;
    else r.high = b.high, r.high_open = b.high_open;
    return f == "min" ? r : negative(r);
  }
  if (f == "clamp") {
    const Range v = arg(0), low = arg(1), high = arg(2);
    Range r{.low = std::max(v.low, low.low), .high = std::min(v.high, high.high)};
    if (r.low == v.low && v.low > low.low) r.low_open = v.low_open;
    if (r.high == v.high && v.high < high.high) r.high_open = v.high_open;
    if (r.low > r.high) return {};
    return r;
  }
  if (f == "abs") {
    const Range v = arg(0), mirror = negative(v);
    if (v.low >= 0) return v;
    if (v.high <= 0) return mirror;
    return {.low = 0, .high = std::max(v.high, mirror.high), .nonzero = v.nonzero};
  }
  if (f == "sqrt") return rising(arg(0), [](double v) { return std::sqrt(std::max(v, 0.0)); }, between(0, inf));
  if (f == "log1p") return rising(arg(0), [](double v) { return std::log1p(std::max(v, -1.0)); }, {});
  if (f == "expm1") return rising(arg(0), [](double v) { return std::expm1(v); }, between(-1, inf));
  if (f == "log" || f == "log2" || f == "log10") return rising(arg(0), [](double v) { return std::log(std::max(v, 0.0)) * (v > 1 ? 3.4 : 1); }, {});  // the widest of the three
  if (f == "floor" || f == "trunc" || f == "round" || f == "ceil") {
    const Range v = arg(0);
    return {.low = std::floor(v.low), .high = std::ceil(v.high)};
  }
  if (f == "pow") return arg(0).positive() ? Range{.low = 0, .low_open = true} : arg(0).low >= 0 ? between(0, inf) : Range{};
  if (f == "mod") {
    const Range divisor = arg(1);
    return divisor.positive() ? Range{.low = 0, .high = divisor.high} : Range{};
  }
  if (f == "to_float" || f == "to_int") {
    const Range v = arg(0);
    return expr(e.args[0]).type.scalar == Scalar::real ? Range{.low = std::ceil(std::min(v.low, 0.0)), .high = std::floor(std::max(v.high, 0.0))} : v;
  }
  if (f == "coalesce") return joined(arg(0), arg(1));
  if (f == "days" || f == "hours" || f == "minutes" || f == "seconds") {
    const Range v = arg(0);
    return {.low = v.low >= 0 ? 0 : -inf, .high = v.high <= 0 ? 0 : inf, .low_open = v.low_open && v.low == 0, .nonzero = v.nonzero};
  }
  if (f == "lookup" && expr(e.args[1]).callee == "frequencies") return between(0, 1);
  return {};
}

void Ranges::bound(ir::ExprId id, const Range& range, Known& known) {
  const auto [at, fresh] = known.values.try_emplace(number(id), range);
  if (!fresh) at->second = common(at->second, range);
  known.memo.clear();
  const ir::Expr& e = expr(id);
  if (e.op != ir::ExprOp::call) return;
  // What holds of the wider number holds of the number itself; |v| that is not 0 says that v is not.
  if (e.callee == "to_float" && expr(e.args[0]).type.scalar == Scalar::integer) bound(e.args[0], range, known);
  else if (e.callee == "abs" && !range.has_zero()) bound(e.args[0], {.nonzero = true}, known);
}

void Ranges::learn(ir::ExprId id, bool holds, Known& known) {
  const ir::Expr& e = expr(id);
  if (e.op != ir::ExprOp::call) return;
  if (e.callee == "not") return learn(e.args[0], !holds, known);
  if (e.callee == "is_finite" && holds) return void(known.finite.insert(number(e.args[0])));
  if (e.callee == "is_nan" && !holds) return void(known.finite.insert(number(e.args[0])));
  if ((e.callee == "and" && holds) || (e.callee == "or" && !holds)) {
    learn(e.args[0], holds, known);
    learn(e.args[1], holds, known);
    return;
  }
  if (e.callee == "coalesce" && expr(e.args[1]).op == ir::ExprOp::constant && (expr(e.args[1]).value.integer != 0) != holds) return learn(e.args[0], holds, known);
  if (!compares(e.callee) || is_text(expr(e.args[0]).type.scalar)) return;
  const auto one_side = [&](ir::ExprId a, const std::string& compare, ir::ExprId b) {
    const Range other = of(b, known);
    if (compare == "gt" || compare == "ge") bound(a, {.low = other.low, .low_open = other.low_open || compare == "gt"}, known);
    else if (compare == "lt" || compare == "le") bound(a, {.high = other.high, .high_open = other.high_open || compare == "lt"}, known);
    else if (compare == "eq") bound(a, other, known);
    else if (other.low == 0 && other.high == 0) bound(a, {.nonzero = true}, known);
    const std::pair<int, int> pair{number(a), number(b)};
    if (compare == "gt") known.greater.insert(pair);
    else if (compare == "ge") known.at_least.insert(pair);
  };
  const std::string compare = holds ? e.callee : opposite(e.callee);
  one_side(e.args[0], compare, e.args[1]);
  one_side(e.args[1], mirrored(compare), e.args[0]);
}

Ranges::Known& Ranges::within(ir::ExprId condition, bool holds, Known& known) {
  Known*& branch = branches_[{&known, {condition, holds}}];
  if (!branch) {
    branch = &known_.emplace_back();
    branch->up = &known;
    learn(condition, holds, *branch);
  }
  return *branch;
}

std::optional<bool> Ranges::truth(ir::ExprId id, Known& known) {
  const ir::Expr& e = expr(id);
  if (e.op == ir::ExprOp::constant) return e.value.integer != 0;
  if (e.op != ir::ExprOp::call) return {};
  if (e.callee == "coalesce" || e.callee == "to_float") {
    const std::optional<bool> first = truth(e.args[0], known);
    return e.callee == "coalesce" && first && *first ? std::nullopt : first;
  }
  if (e.callee == "not") {
    const std::optional<bool> inner = truth(e.args[0], known);
    return inner ? std::optional(!*inner) : std::nullopt;
  }
  if (e.callee == "and" || e.callee == "or") {
    const bool decides = e.callee == "or";
    const std::optional<bool> a = truth(e.args[0], known), b = truth(e.args[1], within(e.args[0], !decides, known));
    if ((a && *a == decides) || (b && *b == decides)) return decides;
    return a && b ? std::optional(!decides) : std::nullopt;
  }
  if (!compares(e.callee) || is_text(expr(e.args[0]).type.scalar)) return {};
  const Range d = sum(of(e.args[0], known), negative(of(e.args[1], known)));
  const bool less = d.below(0), more = d.above(0), at_most = d.high <= 0, at_least = d.low >= 0;
  if (e.callee == "lt") return less ? std::optional(true) : at_least ? std::optional(false) : std::nullopt;
  if (e.callee == "le") return at_most ? std::optional(true) : more ? std::optional(false) : std::nullopt;
  if (e.callee == "gt") return more ? std::optional(true) : at_most ? std::optional(false) : std::nullopt;
  if (e.callee == "ge") return at_least ? std::optional(true) : less ? std::optional(false) : std::nullopt;
  if (less || more) return e.callee == "ne";
  return {};
}

// ---- what the checker does with them

namespace {

const std::set<std::string, std::less<>>& risky() {
  static const std::set<std::string, std::less<>> list = {"div", "mod", "pow", "log", "log2", "log10", "log1p", "sqrt", "asin", "acos"};
  return list;
}

bool balanced(const std::string& text) {
  int depth = 0;
  for (const char c : text) {
    if (c == '"' || c == '`') return false;
    depth += c == '(' || c == '[' ? 1 : c == ')' || c == ']' ? -1 : 0;
    if (depth < 0) return false;
  }
  return depth == 0;
}

}  // namespace

void Checker::note_risk(ir::ExprId id, Span span, Span name_span, const std::vector<const Argument*>& args) {
  const ir::Expr& e = module_.exprs[id.index];
  if (e.op != ir::ExprOp::call || !risky().count(e.callee) || (e.callee == "mod" && e.type.scalar == Scalar::integer)) return;
  Risk risk{place(span), name_span, {}, !frame_->library};
  for (const Argument* a : args) risk.args.push_back(a ? a->value.span : Span{});
  risks_.emplace(id, std::move(risk));
}

void Checker::check_ranges() {
  if (risks_.empty() && !module_.model.population.known()) return;
  Ranges ranges(module_.exprs, module_.columns);
  const auto judge = [&](ir::ExprId id, Ranges::Known& known) {
    const auto found = risks_.find(id);
    if (found == risks_.end()) return;
    const Risk& risk = found->second;
    const ir::Expr& e = module_.exprs[id.index];
    const std::string& f = e.callee;
    const Range first = ranges.of(e.args[0], known);
    const auto shown = [&](std::size_t i) { return "`" + text(risk.args[i]) + "`"; };
    const auto quoted = [](const char* what, const std::string& argument) { return std::string("`") + what + argument + "`"; };
    const auto warn = [&](Code code, std::string message, std::string in_library, std::size_t culprit, std::string label) -> Diagnostic& {
      Diagnostic& d = found_.report(code, risk.mendable ? std::move(message) : std::move(in_library));
      if (risk.mendable) d.at(risk.args[culprit], std::move(label));
      else d.at(risk.place.span, std::move(label));
      d.others = risk.place.also;
      const std::vector<ColumnId> columns = columns_of(e.args[culprit]);
      if (columns.size() == 1) {
        const Column& c = module_.columns[columns[0].index];
        const bool bounded = c.bounds.low || c.bounds.high;
        d.also(c.span, "`" + c.name + "` is declared " + (bounded ? "with this range" : "without a range") + " here");
      }
      return d;
    };
    const auto divisor_warning = [&](std::size_t i, const Range& r) {
      const bool always = r.point();
      Diagnostic& d = warn(code::division_by_zero, "the divisor " + shown(i) + (always ? " is 0" : " may be 0"), std::string("this divides by what ") + (always ? "is 0" : "may be 0"), i, always ? "is 0" : "may be 0");
      const std::string a = text(risk.args[0]), b = text(risk.args[i]);
      const bool whole = e.args.size() > i && module_.exprs[e.args[i].index].callee == "to_float" && type_of(module_.exprs[e.args[i].index].args[0]).scalar == Scalar::integer;
      if (!risk.mendable) {
        d.suggest("guard it: `if v > 0 then … else …`, `max(v, 1)`, or declare the column so that it cannot be 0");
      } else if (f == "div" && whole && r.low == 0 && !always) {
        d.suggest("divide by at least 1: `max(" + b + ", 1)`; or declare the column `>= 1`");
        if (balanced(b)) d.edit(risk.args[i], "max(" + b + ", 1)");
      } else if (f == "div") {
        d.suggest("say what a division by 0 gives: `safe_divide(" + a + ", " + b + ")` gives 0, `ratio(" + a + ", " + b + ")` null");
        // Operands are cut out of `a / b` by their spans: brackets around one of them are in neither.
        const Span all{risk.args[0].source, risk.args[0].begin, risk.args[i].end};
        if (balanced(a) && balanced(b) && balanced(text(all)) && text(risk.name_span) == text(all)) d.edit(all, "safe_divide(" + a + ", " + b + ")");
      } else {
        d.suggest("guard it: `if v > 0 then … else …`");
      }
    };
    const auto domain_warning = [&](const std::string& what, const std::string& help, const std::string& replacement, bool name_too) {
      const std::string name = spelled_operator(f);
      Diagnostic& d = warn(code::outside_domain, "`" + name + "` of " + shown(0) + ", which may be " + what, "`" + name + "` of a value that may be " + what, 0, "may be " + what);
      d.suggest(help);
      if (!risk.mendable || replacement.empty()) return;
      if (name_too) d.edit(risk.name_span, replacement);
      else if (balanced(text(risk.args[0]))) d.edit(risk.args[0], replacement);
    };
    const std::string a = risk.args[0].known() ? text(risk.args[0]) : "";
    if (f == "div" || f == "mod") {
      const Range divisor = ranges.of(e.args[1], known);
      if (divisor.has_zero()) divisor_warning(1, divisor);
    } else if (f == "log" || f == "log2" || f == "log10") {
      if (first.positive()) return;
      if (first.low >= 0) domain_warning("0", f == "log" ? quoted("log1p(", a + ")") + " is defined there; or declare the column `> 0`" : "declare the column `> 0`, or add to it", f == "log" && text(risk.name_span) == "log" ? "log1p" : "", true);
      else domain_warning("0 or less", quoted("log_signed(", a + ")") + " takes values of either sign; or declare the column `> 0`", f == "log" && text(risk.name_span) == "log" ? "log_signed" : "", true);
    } else if (f == "log1p") {
      if (!first.above(-1)) domain_warning("-1 or less", quoted("log_signed(", a + ")") + " takes values of either sign; or declare the column `>= 0`", text(risk.name_span) == "log1p" ? "log_signed" : "", true);
    } else if (f == "sqrt") {
      if (first.low < 0) domain_warning("less than 0", quoted("max(", a + ", 0)") + " leaves negative values out; `sqrt_signed` keeps the sign; or declare the column `>= 0`", "max(" + a + ", 0)", false);
    } else if (f == "asin" || f == "acos") {
      if (first.low < -1 || first.high > 1) domain_warning("beyond 1", quoted("clamp(", a + ", -1, 1)") + " keeps it in range", "clamp(" + a + ", -1, 1)", false);
    } else {  // pow
      const Range exponent = ranges.of(e.args[1], known);
      const bool whole_exponent = exponent.point() && exponent.low == std::floor(exponent.low);
      if (first.low < 0 && !whole_exponent) domain_warning("less than 0", "`power(" + a + ", …)` keeps the sign of the base; or declare the column `>= 0`", "", false);
      else if (first.has_zero() && exponent.low < 0) divisor_warning(0, first);
    }
  };
  for (const ir::Feature& f : module_.features) ranges.visit(f.value, judge);
  for (const ir::ExprId root : {module_.model.target, module_.model.weight, module_.model.population})
    if (root.known()) ranges.visit(root, judge);
  if (module_.model.population.known() && ranges.truth(module_.model.population, ranges.everywhere()) == false)
    report(code::bad_population, "no row can be served: `" + text(population_span_) + "` never holds", population_span_, "against the constraints of the schema").suggest("compare with a value that the column can have");
}

}  // namespace mlp::checking
