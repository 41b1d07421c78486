// The derivative of each builtin by each of its arguments, and what writes formulas into a store.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/ir/common/types.h"

namespace mlp::derive {

// Writes expressions of floats and bools. What is the same stands once; 0 and 1 vanish from sums and products.
class Writer {
 public:
  explicit Writer(std::vector<ir::Expr>& exprs, Span span) : exprs_(exprs), span_(span) {}
  ir::ExprId constant(double value);
  ir::ExprId call(std::string_view callee, std::vector<ir::ExprId> args);
  ir::ExprId select(ir::ExprId condition, ir::ExprId yes, ir::ExprId no);
  const ir::Expr& at(ir::ExprId id) const { return exprs_[static_cast<std::size_t>(id.index)]; }
  bool is(ir::ExprId id, double value) const;
  bool is_call(ir::ExprId id, std::string_view callee) const { return at(id).op == ir::ExprOp::call && at(id).callee == callee; }
  // The store's own expression, known from here on, so that it is not written twice.
  void know(ir::ExprId id);

 private:
  using Key = std::pair<std::string, std::vector<std::int32_t>>;
  ir::ExprId simpler(std::string_view callee, const std::vector<ir::ExprId>& args);  // unknown: as it is
  ir::ExprId add(ir::Expr e);
  std::vector<ir::Expr>& exprs_;
  Span span_;
  std::map<Key, ir::ExprId> written_;
  std::map<std::uint64_t, ir::ExprId> constants_;
};

// An expression in a formula.
struct Term {
  Writer* writer;
  ir::ExprId id;
};
Term operator+(Term a, Term b);
Term operator-(Term a, Term b);
Term operator*(Term a, Term b);
Term operator/(Term a, Term b);
Term operator-(Term a);
Term operator+(double a, Term b);
Term operator-(double a, Term b);
Term operator*(double a, Term b);
Term operator/(double a, Term b);

// One rule: `f` is the call itself, `v` its arguments; gives the derivative by argument `by`.
using Partial = Term (*)(Term f, const std::vector<Term>& v, std::size_t by);
struct Rule {
  std::string_view name;
  std::size_t arguments;
  Partial partial;
};
const std::vector<Rule>& rule_table();
const Rule* rule_of(std::string_view name, std::size_t arguments);

}  // namespace mlp::derive
