// Loop kernels by the letter of compiler/ir/loop/loop.h, one row and one instruction at a time: what compiled code is
// compared with. Written for clearness only.
#pragma once
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "abi/abi.h"
#include "compiler/ir/loop/loop.h"
#include "stdlib/builtins/kernels.h"

namespace mlp::test {

struct Val {
  double f = 0;
  std::int64_t i = 0;  // i64, and boolean as 0 or 1
  mlp_string s{};
};

template <class T>
T take(const std::vector<Val>& v, std::size_t& at) {
  const Val& x = v[at++];
  if constexpr (std::is_same_v<T, double>) return x.f;
  else return static_cast<T>(x.i);
}

// Calls a builtin that takes and gives numbers.
template <class R, class... A>
std::function<Val(const std::vector<Val>&, mlp_arena*)> numeric(R (*function)(A...)) {
  return [function](const std::vector<Val>& v, mlp_arena*) {
    std::size_t at = 0;
    const std::tuple<A...> args{take<A>(v, at)...};
    Val out;
    const R r = std::apply(function, args);
    if constexpr (std::is_same_v<R, double>) out.f = r;
    else out.i = static_cast<std::int64_t>(r);
    return out;
  };
}

inline const std::map<std::string, std::function<Val(const std::vector<Val>&, mlp_arena*)>>& callables() {
  static const std::map<std::string, std::function<Val(const std::vector<Val>&, mlp_arena*)>> all = {
#define NUMERIC(name) {#name, numeric(name)}
      NUMERIC(mlp_exp), NUMERIC(mlp_log), NUMERIC(mlp_log1p), NUMERIC(mlp_sigmoid), NUMERIC(mlp_softplus), NUMERIC(mlp_tanh), NUMERIC(mlp_sin),
      NUMERIC(mlp_pow), NUMERIC(mlp_sqrt), NUMERIC(mlp_abs), NUMERIC(mlp_floor), NUMERIC(mlp_round), NUMERIC(mlp_mod),
      NUMERIC(mlp_min), NUMERIC(mlp_max), NUMERIC(mlp_clamp), NUMERIC(mlp_is_nan), NUMERIC(mlp_is_finite),
      NUMERIC(mlp_to_int), NUMERIC(mlp_to_int_ok), NUMERIC(mlp_mod_int), NUMERIC(mlp_hash_int), NUMERIC(mlp_time_year),
      NUMERIC(mlp_time_weekday), NUMERIC(mlp_time_hour),
#undef NUMERIC
      {"mlp_text_length", [](const std::vector<Val>& v, mlp_arena*) { return Val{.i = mlp_text_length(v[0].s.data, v[0].s.size)}; }},
      {"mlp_text_hash", [](const std::vector<Val>& v, mlp_arena*) { return Val{.i = mlp_text_hash(v[0].s.data, v[0].s.size)}; }},
      {"mlp_text_parse_float", [](const std::vector<Val>& v, mlp_arena*) { return Val{.f = mlp_text_parse_float(v[0].s.data, v[0].s.size)}; }},
      {"mlp_text_eq", [](const std::vector<Val>& v, mlp_arena*) { return Val{.i = mlp_text_eq(v[0].s.data, v[0].s.size, v[1].s.data, v[1].s.size)}; }},
      {"mlp_text_lower", [](const std::vector<Val>& v, mlp_arena* a) { Val r; mlp_text_lower(v[0].s.data, v[0].s.size, a, &r.s); return r; }},
      {"mlp_text_from_bool", [](const std::vector<Val>& v, mlp_arena* a) { Val r; mlp_text_from_bool(v[0].i, a, &r.s); return r; }},
      {"mlp_text_concat", [](const std::vector<Val>& v, mlp_arena* a) {
         Val r;
         mlp_text_concat(v[0].s.data, v[0].s.size, v[1].s.data, v[1].s.size, a, &r.s);
         return r;
       }},
  };
  return all;
}

class Interpreter {
 public:
  Interpreter(const loop::Kernel& kernel, const mlp_batch& batch, const mlp_fitted& fitted) : k_(kernel), b_(batch), f_(fitted) {}

  // Values of every instruction for one row.
  std::vector<Val> row(std::int64_t r) const {
    std::vector<Val> held(k_.body.size());
    for (std::size_t n = 0; n < k_.body.size(); ++n) held[n] = compute(k_.body[n], held, r);
    return held;
  }

 private:
  Val compute(const loop::Instr& in, const std::vector<Val>& held, std::int64_t r) const {
    using loop::Kind;
    using loop::Op;
    const auto arg = [&](std::size_t n) -> const Val& { return held[in.args[n].index]; };
    const bool real = !in.args.empty() && k_.body[in.args[0].index].kind == Kind::f64;
    const auto wrap = [](std::uint64_t v) { return Val{.i = static_cast<std::int64_t>(v)}; };
    const auto u = [&](std::size_t n) { return static_cast<std::uint64_t>(arg(n).i); };
    switch (in.op) {
      case Op::constant: return {.f = in.real, .i = in.integer, .s = {in.text.data(), static_cast<std::int64_t>(in.text.size())}};
      case Op::load: {
        const mlp_column& c = b_.columns[in.integer];
        switch (in.kind) {
          case Kind::f64: return {.f = static_cast<const double*>(c.values)[r]};
          case Kind::i64: return {.i = static_cast<const std::int64_t*>(c.values)[r]};
          case Kind::boolean: return {.i = static_cast<const std::uint8_t*>(c.values)[r] != 0};
          case Kind::string: return {.s = static_cast<const mlp_string*>(c.values)[r]};
          case Kind::bag: break;
        }
        break;
      }
      case Op::present: return {.i = !b_.columns[in.integer].present || b_.columns[in.integer].present[r] != 0};
      case Op::fitted: return {.f = f_.numbers[in.integer]};
      case Op::fitted_text: return {.s = f_.texts[in.integer]};
      case Op::table_code: return {.i = mlp_dictionary_find(f_.tables[in.integer].dictionary, arg(0).s.data, arg(0).s.size)};
      case Op::table_size: return {.i = f_.tables[in.integer].dictionary->size};
      case Op::table_value: {
        const mlp_table& t = f_.tables[in.integer];
        const std::int64_t size = t.dictionary->size, fold = b_.fold ? b_.fold[r] : -1;
        return {.f = t.values[(fold < t.folds ? fold + 1 : 0) * (size + 1) + arg(0).i]};
      }
      case Op::add: return real ? Val{.f = arg(0).f + arg(1).f} : wrap(u(0) + u(1));
      case Op::sub: return real ? Val{.f = arg(0).f - arg(1).f} : wrap(u(0) - u(1));
      case Op::mul: return real ? Val{.f = arg(0).f * arg(1).f} : wrap(u(0) * u(1));
      case Op::div: return {.f = arg(0).f / arg(1).f};
      case Op::neg: return real ? Val{.f = -arg(0).f} : wrap(0 - u(0));
      case Op::eq: return {.i = real ? arg(0).f == arg(1).f : arg(0).i == arg(1).i};
      case Op::ne: return {.i = real ? arg(0).f != arg(1).f : arg(0).i != arg(1).i};
      case Op::lt: return {.i = real ? arg(0).f < arg(1).f : arg(0).i < arg(1).i};
      case Op::le: return {.i = real ? arg(0).f <= arg(1).f : arg(0).i <= arg(1).i};
      case Op::gt: return {.i = real ? arg(0).f > arg(1).f : arg(0).i > arg(1).i};
      case Op::ge: return {.i = real ? arg(0).f >= arg(1).f : arg(0).i >= arg(1).i};
      case Op::and_: return {.i = arg(0).i & arg(1).i};
      case Op::or_: return {.i = arg(0).i | arg(1).i};
      case Op::not_: return {.i = !arg(0).i};
      case Op::select: return arg(0).i ? arg(1) : arg(2);
      case Op::to_f64: return {.f = static_cast<double>(arg(0).i)};
      case Op::to_i64: return {.i = arg(0).i};
      case Op::bag: case Op::hash_bag: {
        mlp_bag bag{};
        mlp_text_bag(arg(0).s.data, arg(0).s.size, in.op == Op::bag ? &f_.tables[in.integer] : nullptr, arg(1).i, b_.arena, &bag);
        return {.s = {reinterpret_cast<const char*>(bag.terms), bag.size}};
      }
      case Op::call: {
        std::vector<Val> args;
        for (const loop::ValueId a : in.args) args.push_back(held[a.index]);
        return callables().at(in.text)(args, b_.arena);
      }
    }
    throw std::logic_error("an operation without meaning");
  }

  const loop::Kernel& k_;
  const mlp_batch& b_;
  const mlp_fitted& f_;
};

}  // namespace mlp::test
