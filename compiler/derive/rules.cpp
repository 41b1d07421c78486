#include "compiler/derive/rules.h"

namespace mlp::derive {
namespace {

using V = const std::vector<Term>&;

Term call(std::string_view name, std::vector<Term> args) {
  std::vector<ir::ExprId> ids;
  for (const Term& t : args) ids.push_back(t.id);
  return {args[0].writer, args[0].writer->call(name, std::move(ids))};
}
Term number(Term like, double value) { return {like.writer, like.writer->constant(value)}; }
Term if_then(Term condition, Term yes, Term no) { return {yes.writer, yes.writer->select(condition.id, yes.id, no.id)}; }
Term zero(Term f, V, std::size_t) { return number(f, 0); }

constexpr double ln2 = 0.693147180559945309417, ln10 = 2.302585092994045684018;

}  // namespace

Term operator+(Term a, Term b) { return call("add", {a, b}); }
Term operator-(Term a, Term b) { return call("sub", {a, b}); }
Term operator*(Term a, Term b) { return call("mul", {a, b}); }
Term operator/(Term a, Term b) { return call("div", {a, b}); }
Term operator-(Term a) { return call("neg", {a}); }
Term operator+(double a, Term b) { return number(b, a) + b; }
Term operator-(double a, Term b) { return number(b, a) - b; }
Term operator*(double a, Term b) { return number(b, a) * b; }
Term operator/(double a, Term b) { return number(b, a) / b; }

const std::vector<Rule>& rule_table() {
  static const std::vector<Rule> table = {
      {"add", 2, [](Term f, V, std::size_t) { return number(f, 1); }},
      {"sub", 2, [](Term f, V, std::size_t by) { return number(f, by == 0 ? 1 : -1); }},
      {"mul", 2, [](Term, V v, std::size_t by) { return v[1 - by]; }},
      {"div", 2, [](Term f, V v, std::size_t by) { return by == 0 ? 1 / v[1] : -(f / v[1]); }},
      {"neg", 1, [](Term f, V, std::size_t) { return number(f, -1); }},
      {"mod", 2, [](Term f, V v, std::size_t by) { return by == 0 ? number(f, 1) : -call("floor", {v[0] / v[1]}); }},
      // a ^ b by b: the limit 0 where a is 0.
      {"pow", 2, [](Term f, V v, std::size_t by) {
         return by == 0 ? v[1] * call("pow", {v[0], v[1] - number(f, 1)}) : if_then(call("gt", {v[0], number(f, 0)}), f * call("log", {v[0]}), number(f, 0));
       }},
      {"abs", 1, [](Term, V v, std::size_t) { return call("sign", {v[0]}); }},
      {"sign", 1, zero},
      {"floor", 1, zero},
      {"ceil", 1, zero},
      {"round", 1, zero},
      {"trunc", 1, zero},
      {"sqrt", 1, [](Term f, V, std::size_t) { return 0.5 / f; }},
      {"exp", 1, [](Term f, V, std::size_t) { return f; }},
      {"expm1", 1, [](Term, V v, std::size_t) { return call("exp", {v[0]}); }},
      {"log", 1, [](Term, V v, std::size_t) { return 1 / v[0]; }},
      {"log2", 1, [](Term, V v, std::size_t) { return 1 / (ln2 * v[0]); }},
      {"log10", 1, [](Term, V v, std::size_t) { return 1 / (ln10 * v[0]); }},
      {"log1p", 1, [](Term, V v, std::size_t) { return 1 / (1 + v[0]); }},
      {"sin", 1, [](Term, V v, std::size_t) { return call("cos", {v[0]}); }},
      {"cos", 1, [](Term, V v, std::size_t) { return -call("sin", {v[0]}); }},
      {"asin", 1, [](Term, V v, std::size_t) { return 1 / call("sqrt", {1 - v[0] * v[0]}); }},
      {"acos", 1, [](Term, V v, std::size_t) { return -(1 / call("sqrt", {1 - v[0] * v[0]})); }},
      {"atan", 1, [](Term, V v, std::size_t) { return 1 / (1 + v[0] * v[0]); }},
      {"atan2", 2, [](Term, V v, std::size_t by) {
         const Term square = v[0] * v[0] + v[1] * v[1];
         return by == 0 ? v[1] / square : -(v[0] / square);
       }},
      {"tanh", 1, [](Term f, V, std::size_t) { return 1 - f * f; }},
      {"sigmoid", 1, [](Term f, V v, std::size_t) { return f * call("sigmoid", {-v[0]}); }},
      {"softplus", 1, [](Term, V v, std::size_t) { return call("sigmoid", {v[0]}); }},
      {"min", 2, [](Term f, V v, std::size_t by) { return if_then(call("le", {v[0], v[1]}), number(f, by == 0), number(f, by == 1)); }},
      {"max", 2, [](Term f, V v, std::size_t by) { return if_then(call("ge", {v[0], v[1]}), number(f, by == 0), number(f, by == 1)); }},
      {"clamp", 3, [](Term f, V v, std::size_t by) {
         const Term low = call("lt", {v[0], v[1]}), high = call("gt", {v[0], v[2]});
         return if_then(low, number(f, by == 1), if_then(high, number(f, by == 2), number(f, by == 0)));
       }},
  };
  return table;
}

const Rule* rule_of(std::string_view name, std::size_t arguments) {
  for (const Rule& rule : rule_table())
    if (rule.name == name && rule.arguments == arguments) return &rule;
  return nullptr;
}

}  // namespace mlp::derive
