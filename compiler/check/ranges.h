// Which values an expression can have: intervals, from the constraints of the schema through functions, conditions and
// aggregates. What a condition rules out is not there in its branch.
#pragma once
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "compiler/ir/common/types.h"

namespace mlp::checking {

struct Range {  // low <= v <= high, strict where open; not 0 where nonzero
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  bool low_open = false, high_open = false, nonzero = false;
  bool has_zero() const { return !nonzero && (low < 0 || (low == 0 && !low_open)) && (high > 0 || (high == 0 && !high_open)); }
  bool positive() const { return low > 0 || (low == 0 && (low_open || nonzero)); }
  bool below(double limit) const { return high < limit || (high == limit && high_open); }  // every value is less
  bool above(double limit) const { return low > limit || (low == limit && low_open); }
  bool point() const { return low == high; }
};

class Ranges {
 public:
  Ranges(const std::vector<ir::Expr>& exprs, const std::vector<Column>& columns);

  // What is known where an expression is computed.
  struct Known {
    const Known* up = nullptr;
    std::map<int, Range> values;
    std::set<std::pair<int, int>> greater, at_least;  // first > second, first >= second
    std::set<int> finite;
    std::map<int, Range> memo;
  };
  Known& everywhere() { return known_.front(); }

  Range of(ir::ExprId id, Known& known);
  std::optional<bool> truth(ir::ExprId condition, Known& known);  // where it is the same for every row

  // Visits the calls behind `root`, each with what is known there; values that a test for `is_finite` guards are left out.
  template <class Visit> void visit(ir::ExprId root, Visit&& each) { walk(root, everywhere(), 0, each); }

 private:
  template <class Visit> void walk(ir::ExprId id, Known& known, int depth, Visit& each);
  Known& within(ir::ExprId condition, bool holds, Known& known);
  void learn(ir::ExprId condition, bool holds, Known& known);
  void bound(ir::ExprId id, const Range& range, Known& known);
  Range compute(ir::ExprId id, Known& known);
  Range call(const ir::Expr& e, Known& known);
  const ir::Expr& expr(ir::ExprId id) const { return exprs_[static_cast<std::size_t>(id.index)]; }
  int number(ir::ExprId id) const { return numbers_[static_cast<std::size_t>(id.index)]; }
  bool is_finite(int number, const Known& known) const;

  const std::vector<ir::Expr>& exprs_;
  const std::vector<Column>& columns_;
  std::vector<int> numbers_;     // equal expressions have equal numbers
  std::deque<Known> known_;
  std::map<std::pair<const Known*, std::pair<ir::ExprId, bool>>, Known*> branches_;
  std::set<std::pair<const Known*, ir::ExprId>> walked_;
  int depth_ = 0;
  int steps_ = 0;                // beyond a limit nothing more is found out
};

template <class Visit>
void Ranges::walk(ir::ExprId id, Known& known, int depth, Visit& each) {
  constexpr int max_depth = 2000, max_steps = 2'000'000;
  if (depth > max_depth || ++steps_ > max_steps || is_finite(number(id), known) || !walked_.insert({&known, id}).second) return;
  const ir::Expr& e = expr(id);
  if (e.op == ir::ExprOp::select) {
    walk(e.args[0], known, depth + 1, each);
    walk(e.args[1], within(e.args[0], true, known), depth + 1, each);
    walk(e.args[2], within(e.args[0], false, known), depth + 1, each);
    return;
  }
  if (e.op == ir::ExprOp::call && (e.callee == "is_finite" || e.callee == "is_nan")) return;
  if (e.op == ir::ExprOp::call && (e.callee == "and" || e.callee == "or")) {  // the right side counts where the left does not decide
    walk(e.args[0], known, depth + 1, each);
    walk(e.args[1], within(e.args[0], e.callee == "and", known), depth + 1, each);
    return;
  }
  if (e.op == ir::ExprOp::call) each(id, known);
  const bool all_rows = e.op == ir::ExprOp::aggregate || e.op == ir::ExprOp::table;  // whatever the branch
  for (const ir::ExprId arg : e.args) walk(arg, all_rows ? everywhere() : known, depth + 1, each);
}

}  // namespace mlp::checking
