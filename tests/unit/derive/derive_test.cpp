// Derivatives against finite differences, through the reference evaluator: every rule by every argument, twice; what is
// made of several; and what has none.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>

#include "compiler/derive/derive.h"
#include "stdlib/builtins/builtins.h"
#include "tests/harness/harness.h"
#include "tests/reference/reference.h"

namespace mlp::derive {
namespace {

// Expressions of three float columns.
struct Store {
  flow::Program program;
  std::vector<ir::ExprId> columns;

  Store() {
    for (std::int32_t c = 0; c < 3; ++c) {
      Column column;
      column.name = std::string(1, static_cast<char>('a' + c));
      column.type = {Scalar::real, false};
      program.columns.push_back(column);
      ir::Expr e;
      e.op = ir::ExprOp::column;
      e.type = {Scalar::real, false};
      e.stage = ir::Stage::row;
      e.column = {c};
      columns.push_back(add(std::move(e)));
    }
  }
  ir::ExprId add(ir::Expr e) {
    program.exprs.push_back(std::move(e));
    return {static_cast<std::int32_t>(program.exprs.size()) - 1};
  }
  ir::ExprId call(const std::string& name, std::vector<ir::ExprId> args, Scalar type = Scalar::real) {
    ir::Expr e;
    e.op = ir::ExprOp::call;
    e.callee = name;
    e.type = {type, false};
    e.args = std::move(args);
    for (const ir::ExprId arg : e.args) e.stage = std::max(e.stage, program[arg].stage);
    return add(std::move(e));
  }
  ir::ExprId select(ir::ExprId condition, ir::ExprId yes, ir::ExprId no) {
    ir::Expr e;
    e.op = ir::ExprOp::select;
    e.type = {Scalar::real, false};
    e.args = {condition, yes, no};
    for (const ir::ExprId arg : e.args) e.stage = std::max(e.stage, program[arg].stage);
    return add(std::move(e));
  }
  ir::ExprId number(double v) {
    ir::Expr e;
    e.type = {Scalar::real, false};
    e.value.real = v;
    return add(std::move(e));
  }
  double at(ir::ExprId id, const std::vector<double>& point) const {
    values::Table table;
    table.rows = 1;
    for (const double v : point) table.columns.push_back(harness::reals({v}, {}));
    return reference::evaluate(program, {}, table, 0, id).real;
  }
  // Central difference; NaN near a corner or pole, where no step is small.
  double difference(ir::ExprId id, std::vector<double> point, std::size_t by) const {
    const double x = point[by], h = 1e-5 * std::max(1.0, std::fabs(x)), middle = at(id, point);
    point[by] = x + h;
    const double above = at(id, point);
    point[by] = x - h;
    const double below = at(id, point), slope = (above - below) / (2 * h);
    const double bend = std::fabs((above - middle) - (middle - below)) / h;
    return bend > 1e-3 * (1 + std::fabs(slope)) ? std::nan("") : slope;
  }
};

// Compares at random points; returns how many could be compared.
int compare(Store& s, ir::ExprId root, std::size_t by, std::mt19937_64& rng, double low, double high) {
  const ir::ExprId first = derivative(s.program.exprs, root, s.columns[by]);
  const ir::ExprId second = derivative(s.program.exprs, first, s.columns[by]);
  EXPECT_EQ(ir::verify_exprs(s.program.exprs, 3, false), std::vector<std::string>{});
  int compared = 0;
  for (int point = 0; point < 60; ++point) {
    std::vector<double> at;
    for (int c = 0; c < 3; ++c) at.push_back(low + (high - low) * static_cast<double>(rng() >> 11) * 0x1p-53);
    for (const auto& [of, is] : {std::pair(root, first), std::pair(first, second)}) {
      const double wanted = s.difference(of, at, by), got = s.at(is, at);
      if (std::isnan(wanted) || std::isinf(wanted) || std::fabs(wanted) > 1e4) continue;
      ++compared;
      EXPECT_NEAR(got, wanted, 2e-4 * (1 + std::fabs(wanted))) << "at " << at[0] << ", " << at[1] << ", " << at[2] << (is == second ? ", second" : "");
    }
  }
  return compared;
}

TEST(Derive, EveryRuleAgreesWithFiniteDifferences) {
  std::mt19937_64 rng(1);
  for (const auto& [name, arguments] : rules()) {
    const bool share = name == "asin" || name == "acos", positive = name.starts_with("log") || name == "sqrt" || name == "pow";
    for (std::size_t by = 0; by < arguments; ++by) {
      SCOPED_TRACE(name + " by argument " + std::to_string(by));
      Store s;
      std::vector<ir::ExprId> args(s.columns.begin(), s.columns.begin() + static_cast<std::ptrdiff_t>(arguments));
      if (name == "clamp") args = {args[0], s.call("neg", {s.call("abs", {args[1]})}), s.call("abs", {args[2]})};  // low <= high
      const ir::ExprId root = s.call(name, args);
      EXPECT_FALSE(obstacle(s.program.exprs, root, s.columns[by]));
      EXPECT_GE(compare(s, root, by, rng, share ? -0.9 : positive ? 0.2 : -4, share ? 0.9 : 4), 50);
    }
  }
}

TEST(Derive, CompositionsAgree) {
  std::mt19937_64 rng(2);
  const std::vector<std::string> inside = {"tanh", "sigmoid", "softplus", "sin", "atan", "abs", "neg"}, pairs = {"add", "sub", "mul", "min", "max"};
  int compared = 0;
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    Store s;
    std::vector<ir::ExprId> made = s.columns;
    made.push_back(s.number(1));
    made.push_back(s.number(0.5));
    const auto any = [&] { return made[rng() % made.size()]; };
    for (int n = 0; n < 12; ++n) {
      const auto kind = rng() % 8;
      if (kind < 3) made.push_back(s.call(inside[rng() % inside.size()], {any()}));
      else if (kind < 6) made.push_back(s.call(pairs[rng() % pairs.size()], {any(), any()}));
      else if (kind < 7) made.push_back(s.select(s.call("lt", {any(), any()}, Scalar::boolean), any(), any()));
      else made.push_back(s.call("pow", {s.call("sigmoid", {any()}), s.number(static_cast<double>(rng() % 4))}));
    }
    const ir::ExprId root = steady(s.program.exprs, made.back());
    for (int point = 0; point < 5; ++point) {
      std::vector<double> at;
      for (int c = 0; c < 3; ++c) at.push_back(-2 + 4 * static_cast<double>(rng() >> 11) * 0x1p-53);
      EXPECT_NEAR(s.at(root, at), s.at(made.back(), at), 1e-12 * (1 + std::fabs(s.at(made.back(), at))));
    }
    compared += compare(s, root, 0, rng, -2, 2);
  }
  EXPECT_GE(compared, 10'000);
}

// p = sigmoid(a): the loss -log(1 - p) of a row that is certainly wrong is a, its slope 1; written out, 1 - p is 0.
TEST(Derive, SteadyFormsKeepTheirDigits) {
  Store s;
  const ir::ExprId p = s.call("sigmoid", {s.columns[0]});
  const ir::ExprId loss = s.call("neg", {s.call("log", {s.call("sub", {s.number(1), p})})});
  EXPECT_TRUE(std::isinf(s.at(loss, {800, 0, 0})));
  const ir::ExprId steadied = steady(s.program.exprs, loss), slope = derivative(s.program.exprs, steadied, s.columns[0]);
  EXPECT_EQ(s.at(steadied, {800, 0, 0}), 800);
  EXPECT_EQ(s.at(slope, {800, 0, 0}), 1);
  EXPECT_NEAR(s.at(steadied, {-40, 0, 0}), std::exp(-40.0), 1e-30);
  const ir::ExprId other = steady(s.program.exprs, s.call("div", {s.number(1), s.call("add", {s.number(1), s.call("exp", {s.call("neg", {s.columns[0]})})})}));
  EXPECT_EQ(s.program[other].callee, "sigmoid");
}

// What is infinite in a branch that is not taken stays there.
TEST(Derive, BranchesKeepToThemselves) {
  Store s;
  const ir::ExprId condition = s.call("gt", {s.columns[0], s.number(0)}, Scalar::boolean);
  const ir::ExprId root = s.select(condition, s.call("log", {s.columns[0]}), s.call("mul", {s.columns[0], s.columns[0]}));
  const ir::ExprId slope = derivative(s.program.exprs, root, s.columns[0]);
  EXPECT_EQ(s.at(slope, {0, 0, 0}), 0);
  EXPECT_EQ(s.at(slope, {-3, 0, 0}), -6);
  EXPECT_EQ(s.at(slope, {4, 0, 0}), 0.25);
}

TEST(Derive, CornersHaveTheDocumentedValues) {
  Store s;
  const auto slope = [&](ir::ExprId root, std::size_t by, std::vector<double> at) { return s.at(derivative(s.program.exprs, root, s.columns[by]), at); };
  const ir::ExprId a = s.columns[0], b = s.columns[1], c = s.columns[2];
  EXPECT_EQ(slope(s.call("abs", {a}), 0, {0, 0, 0}), 0);
  EXPECT_EQ(slope(s.call("max", {a, b}), 0, {1, 1, 0}), 1);
  EXPECT_EQ(slope(s.call("max", {a, b}), 1, {1, 1, 0}), 0);
  EXPECT_EQ(slope(s.call("min", {a, b}), 0, {1, 1, 0}), 1);
  EXPECT_EQ(slope(s.call("clamp", {a, b, c}), 0, {1, 1, 2}), 1);
  EXPECT_EQ(slope(s.call("floor", {a}), 0, {0.5, 0, 0}), 0);
  EXPECT_EQ(slope(s.call("to_float", {s.call("gt", {a, b}, Scalar::boolean)}), 0, {1, 0, 0}), 0);
  EXPECT_EQ(slope(s.call("pow", {a, b}), 1, {0, 2, 0}), 0);
}

// A builtin of floats has a rule; whatever else takes a float and is no bool stands in the way, and is named.
TEST(Derive, WhatHasNoRuleIsNamed) {
  std::set<std::string> with, without;
  for (const Builtin& row : builtins()) {
    if (row.kind != BuiltinKind::function || row.result.shape != BuiltinShape::scalar) continue;
    Store s;
    std::vector<ir::ExprId> args;
    bool floats = true;
    for (const BuiltinParameter& p : row.parameters) {
      floats = floats && p.type.shape == BuiltinShape::scalar && p.type.type.scalar == Scalar::real;
      if (args.size() < 3) args.push_back(s.columns[args.size()]);
    }
    if (!floats || row.result.type.scalar == Scalar::boolean) continue;
    const auto stop = obstacle(s.program.exprs, s.call(std::string(row.name), args, row.result.type.scalar), s.columns[0]);
    (stop ? without : with).insert(std::string(row.name));
    if (stop) {
      EXPECT_EQ(stop->function, row.name);
    }
  }
  std::set<std::string> ruled;
  for (const auto& [name, arguments] : rules()) ruled.insert(name);
  EXPECT_EQ(with, ruled);
  EXPECT_TRUE(without.contains("to_int"));
}

}  // namespace
}  // namespace mlp::derive
