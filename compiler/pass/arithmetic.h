// What an operation of loop.h gives on constants, by its word there. Folding in plan and in lower both ask here, so that a
// folded value has the bits of the computed one.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace mlp {

struct Constant {
  enum class Kind { real, integer, boolean } kind = Kind::real;
  double real = 0;
  std::int64_t integer = 0;  // boolean: 0 or 1
  static Constant of(double v) { return {Kind::real, v, 0}; }
  static Constant of(std::int64_t v) { return {Kind::integer, 0, v}; }
  static Constant of(bool v) { return {Kind::boolean, 0, v}; }
};

// Nothing for an operation that is none of these, or for arguments that it does not take.
inline std::optional<Constant> compute(std::string_view op, const std::vector<Constant>& args) {
  using Kind = Constant::Kind;
  if (args.size() == 1) {
    const Constant a = args[0];
    const auto wrapped = static_cast<std::uint64_t>(a.integer);
    if (op == "neg" && a.kind == Kind::real) return Constant::of(-a.real);
    if (op == "neg" && a.kind == Kind::integer) return Constant::of(static_cast<std::int64_t>(0 - wrapped));
    if (op == "not" && a.kind == Kind::boolean) return Constant::of(a.integer == 0);
    if (op == "to_f64" && a.kind != Kind::real) return Constant::of(static_cast<double>(a.integer));
    if (op == "to_i64" && a.kind == Kind::boolean) return Constant::of(a.integer);
    return {};
  }
  if (args.size() != 2 || args[0].kind != args[1].kind) return {};
  const auto compare = [&](auto a, auto b) -> std::optional<Constant> {
    if (op == "eq") return Constant::of(a == b);
    if (op == "ne") return Constant::of(a != b);
    if (op == "lt") return Constant::of(a < b);
    if (op == "le") return Constant::of(a <= b);
    if (op == "gt") return Constant::of(a > b);
    if (op == "ge") return Constant::of(a >= b);
    return {};
  };
  if (args[0].kind == Kind::real) {
    const double a = args[0].real, b = args[1].real;
    if (op == "add") return Constant::of(a + b);
    if (op == "sub") return Constant::of(a - b);
    if (op == "mul") return Constant::of(a * b);
    if (op == "div") return Constant::of(a / b);
    return compare(a, b);
  }
  const std::int64_t a = args[0].integer, b = args[1].integer;
  if (args[0].kind == Kind::integer) {  // wraps around at 64 bits
    const auto ua = static_cast<std::uint64_t>(a), ub = static_cast<std::uint64_t>(b);
    if (op == "add") return Constant::of(static_cast<std::int64_t>(ua + ub));
    if (op == "sub") return Constant::of(static_cast<std::int64_t>(ua - ub));
    if (op == "mul") return Constant::of(static_cast<std::int64_t>(ua * ub));
  } else {
    if (op == "and") return Constant::of(a != 0 && b != 0);
    if (op == "or") return Constant::of(a != 0 || b != 0);
  }
  return compare(a, b);
}

}  // namespace mlp
