// Derivatives of expressions, as expressions: differentiate twice for a second derivative.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/common/types.h"

namespace mlp::derive {

// What stands in the way of a derivative: the expression of that function in the store.
struct Obstacle {
  ir::ExprId at;
  std::string function;
};
// The first function between `root` and `variable` that has no derivative; nothing when all have one.
std::optional<Obstacle> obstacle(const std::vector<ir::Expr>& exprs, ir::ExprId root, ir::ExprId variable);

// The same value in a form that keeps its digits far from zero: log(sigmoid(v)) is -softplus(-v), 1 - sigmoid(v) is
// sigmoid(-v), 1 / (1 + exp(-v)) is sigmoid(v), log(1 + exp(v)) is softplus(v), v ^ 2 is v * v. New expressions go to the
// end of the store, and take the span of the root.
ir::ExprId steady(std::vector<ir::Expr>& exprs, ir::ExprId root);

// The derivative of `root`, a float, by `variable`, a float; both without nulls, and no obstacle between them. In pieces
// (if, abs, min, max, clamp) each piece has its own derivative; abs has 0 at 0, min and max take that of their first
// argument where both are equal, clamp that of its inside at its bounds, and rounding and comparing have 0.
ir::ExprId derivative(std::vector<ir::Expr>& exprs, ir::ExprId root, ir::ExprId variable);

// Whether an expression is the constant `value`.
bool is_constant(const std::vector<ir::Expr>& exprs, ir::ExprId id, double value);

// The builtins of floats that have a rule, for tests: each with the number of its arguments.
std::vector<std::pair<std::string, std::size_t>> rules();

}  // namespace mlp::derive
