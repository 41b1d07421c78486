#include <algorithm>
#include <limits>

#include "base/diagnostic.h"
#include "compiler/lower/passes.h"
#include "stdlib/builtins/builtins.h"
#include "stdlib/builtins/terms.h"

namespace mlp::lowering {
namespace {

using loop::Kind;
using loop::Op;
using loop::ValueId;

// haversine#3f2a → mlp_extern_haversine_3f2a
std::string symbol_of(const ir::External& external) {
  std::string symbol = "mlp_extern_" + external.callee;
  std::replace(symbol.begin(), symbol.end(), '#', '_');
  return symbol;
}

// A nullable value: the value, and a boolean that says whether it counts.
struct Pair {
  ValueId value, present;
};

class Expander {
 public:
  Expander(const flow::Program& program, std::string name) : p_(program) { kernel_.name = std::move(name); }

  // The output as a double, NaN for null.
  void number(const std::string& name, ir::ExprId id) {
    const Pair v = lower(id);
    kernel_.outputs.push_back({name, emit(Op::select, Kind::f64, {v.present, to_f64(v.value), constant(std::numeric_limits<double>::quiet_NaN())}), {}});
  }
  // The bag of a text; a missing one has no terms.
  void bag(const ir::Feature& f) {
    const Pair v = lower(f.value);
    const BagSettings& s = f.bag;
    const std::int64_t recipe = mlp_terms::pack({.by = static_cast<std::int64_t>(s.by), .shortest = s.shortest, .longest = s.longest, .binary = s.binary,
                                                 .sublinear = s.sublinear, .norm = s.norm, .buckets = s.buckets});
    const ValueId text = emit(Op::select, Kind::string, {v.present, v.value, emit(Op::constant, Kind::string, {})});
    const ValueId how = emit(Op::constant, Kind::i64, {}, recipe);
    kernel_.outputs.push_back({f.name, s.buckets > 0 ? emit(Op::hash_bag, Kind::bag, {text, how}) : emit(Op::bag, Kind::bag, {text, how}, f.slot.index), {}});
  }
  // The output as it is, with its presence.
  void with_presence(const std::string& name, ir::ExprId id) {
    const Pair v = lower(id);
    kernel_.outputs.push_back({name, kind(v.value) == Kind::string ? v.value : to_f64(v.value), v.present});
  }
  loop::Kernel take() { return std::move(kernel_); }

 private:
  ValueId emit(Op op, Kind kind, std::vector<ValueId> args, std::int64_t integer = 0, double real = 0, std::string text = {}) {
    kernel_.body.push_back({op, kind, std::move(args), integer, real, std::move(text)});
    return {static_cast<std::int32_t>(kernel_.body.size()) - 1};
  }
  Kind kind(ValueId id) const { return kernel_.body[id.index].kind; }
  ValueId constant(double v) { return emit(Op::constant, Kind::f64, {}, 0, v); }
  ValueId truth(bool v) { return emit(Op::constant, Kind::boolean, {}, v); }
  ValueId to_f64(ValueId v) { return kind(v) == Kind::f64 ? v : emit(Op::to_f64, Kind::f64, {v}); }
  ValueId both(ValueId a, ValueId b) { return emit(Op::and_, Kind::boolean, {a, b}); }

  // Expressions that `root` needs, in the order of the store, so that arguments come first without recursion.
  Pair lower(ir::ExprId root) {
    done_.resize(p_.exprs.size());
    std::vector<ir::ExprId> todo{root}, needed;
    std::vector<bool> seen(p_.exprs.size());
    while (!todo.empty()) {
      const ir::ExprId id = todo.back();
      todo.pop_back();
      if (seen[id.index] || done_[id.index].value.known()) continue;
      seen[id.index] = true;
      needed.push_back(id);
      todo.insert(todo.end(), p_[id].args.begin(), p_[id].args.end());
    }
    std::sort(needed.begin(), needed.end());
    for (const ir::ExprId id : needed)
      if (p_[id].op != ir::ExprOp::fitted_table) done_[id.index] = one(p_[id]);  // tables are read through their slot
    return done_[root.index];
  }
  Pair arg(const ir::Expr& e, std::size_t n) const { return done_[e.args[n].index]; }

  Pair one(const ir::Expr& e) {
    switch (e.op) {
      case ir::ExprOp::constant: return literal(e);
      case ir::ExprOp::column: {
        const ValueId value = emit(Op::load, kind_of(p_.columns[e.column.index].type.scalar), {}, e.column.index);
        return {value, emit(Op::present, Kind::boolean, {}, e.column.index)};
      }
      case ir::ExprOp::input: return {emit(Op::load, Kind::f64, {}, e.column.index), truth(true)};
      case ir::ExprOp::fitted_number: return {emit(Op::fitted, Kind::f64, {}, e.slot.index), truth(true)};
      case ir::ExprOp::fitted_text: return {emit(Op::fitted_text, Kind::string, {}, e.slot.index), truth(true)};
      case ir::ExprOp::select: {
        const Pair condition = arg(e, 0), a = arg(e, 1), b = arg(e, 2);
        const ValueId value = emit(Op::select, kind(a.value), {condition.value, a.value, b.value});
        return {value, both(condition.present, emit(Op::select, Kind::boolean, {condition.value, a.present, b.present}))};
      }
      case ir::ExprOp::call: return call(e);
      default: MLP_BUG("an expression that only sem has reached lowering");
    }
  }

  Pair literal(const ir::Expr& e) {
    const Kind k = kind_of(e.type.scalar);
    const ValueId present = truth(!e.value.null);
    const Value v = e.value.null ? Value{} : e.value;
    if (k == Kind::f64) return {constant(v.real), present};
    if (k == Kind::string) return {emit(Op::constant, k, {}, 0, 0, v.text), present};
    return {emit(Op::constant, k, {}, k == Kind::boolean ? v.integer != 0 : v.integer), present};
  }

  Pair call(const ir::Expr& e) {
    if (const auto external = std::find_if(p_.externals.begin(), p_.externals.end(), [&](const ir::External& x) { return x.callee == e.callee; }); external != p_.externals.end())
      return external_call(e, *external);
    std::vector<BuiltinType> types;
    for (const ir::ExprId a : e.args)
      types.push_back({p_[a].op == ir::ExprOp::fitted_table ? BuiltinShape::table : BuiltinShape::scalar, p_[a].type});
    const Builtin* builtin = resolve_builtin(e.callee, types);
    if (!builtin) MLP_BUG("no builtin `" + e.callee + "` takes these arguments");
    if (builtin->code_class() == "custom") return custom(e, builtin->code_name());

    std::vector<ValueId> values;
    ValueId present;
    for (std::size_t n = 0; n < e.args.size(); ++n) {
      const Pair a = arg(e, n);
      values.push_back(a.value);
      present = n == 0 ? a.present : both(present, a.present);
    }
    if (!present.known()) present = truth(true);
    const Kind result = kind_of(builtin->result.type.scalar);
    if (builtin->code_class() == "op") return {operation(builtin->code_name(), result, values), present};

    const std::string symbol(builtin->code_name());
    const ValueId value = emit(Op::call, result, values, 0, 0, symbol);
    if (!builtin->may_give_null()) return {value, present};
    const ValueId given = result == Kind::f64 ? emit(Op::eq, Kind::boolean, {value, value})  // NaN is its null
                                              : emit(Op::call, Kind::boolean, values, 0, 0, symbol + "_ok");
    return {value, both(present, given)};
  }

  // C sees values that are there, and is told where one is not: it is not called then.
  Pair external_call(const ir::Expr& e, const ir::External& external) {
    ValueId present;
    for (std::size_t n = 0; n < e.args.size(); ++n) present = n == 0 ? arg(e, n).present : both(present, arg(e, n).present);
    if (!present.known()) present = truth(true);
    std::vector<ValueId> values{present};
    for (std::size_t n = 0; n < e.args.size(); ++n) values.push_back(arg(e, n).value);
    const Kind result = kind_of(external.result);
    const ValueId value = emit(Op::call, result, std::move(values), 0, 0, symbol_of(external));
    return {value, result == Kind::f64 && e.type.nullable ? both(present, emit(Op::eq, Kind::boolean, {value, value})) : present};
  }

  ValueId operation(std::string_view name, Kind result, std::vector<ValueId> values) {
    for (int i = 0; const std::string_view known : ir::enum_words<Op>::words) {
      const Op op = static_cast<Op>(i++);
      if (known != name) continue;
      if (op >= Op::eq && op <= Op::ge)
        for (ValueId& v : values)
          if (kind(v) == Kind::boolean) v = emit(Op::to_i64, Kind::i64, {v});
      return emit(op, result, std::move(values));
    }
    MLP_BUG("no operation `" + std::string(name) + "`");
  }

  Pair custom(const ir::Expr& e, std::string_view name) {
    const Pair v = arg(e, 0);
    if (name == "same") return v;
    if (name == "is_null") return {emit(Op::not_, Kind::boolean, {v.present}), truth(true)};
    if (name == "coalesce") {
      const Pair otherwise = arg(e, 1);
      return {emit(Op::select, kind(v.value), {v.present, v.value, otherwise.value}), emit(Op::or_, Kind::boolean, {v.present, otherwise.present})};
    }
    if (name == "code" || name == "lookup") {
      const std::int64_t slot = p_[e.args[1]].slot.index;
      const ValueId code = emit(Op::table_code, Kind::i64, {v.value}, slot);
      const ValueId absent = emit(Op::table_size, Kind::i64, {}, slot);
      if (name == "code") return {code, both(v.present, emit(Op::ne, Kind::boolean, {code, absent}))};
      const ValueId key = emit(Op::select, Kind::i64, {v.present, code, absent});  // a null is an absent key, whatever "" is
      return {emit(Op::table_value, Kind::f64, {key}, slot), truth(true)};
    }
    MLP_BUG("no lowering for `custom:" + std::string(name) + "`");
  }

  const flow::Program& p_;
  loop::Kernel kernel_;
  std::vector<Pair> done_;  // by expression
};

}  // namespace

loop::Kind kind_of(Scalar scalar) {
  if (is_text(scalar) || scalar == Scalar::image) return Kind::string;
  if (scalar == Scalar::boolean) return Kind::boolean;
  return scalar == Scalar::real || scalar == Scalar::real32 ? Kind::f64 : Kind::i64;
}

// One kernel for each fitting pass, the features, the target, the weight, the population and the loss, with the presence of every value spelt out.
loop::Module expand(const flow::Program& program) {
  loop::Module module;
  for (const ir::External& e : program.externals) {
    loop::External external{symbol_of(e), e.name, e.file, e.text, {}, kind_of(e.result)};
    for (const Scalar s : e.parameters) external.parameters.push_back(kind_of(s));
    module.externals.push_back(std::move(external));
  }
  for (std::size_t i = 0; i < program.passes.size(); ++i) {
    Expander pass(program, "fit_" + std::to_string(i));
    for (const flow::AggregateId id : program.passes[i].aggregates) {
      const flow::Aggregate& a = program.aggregates[id.index];
      if (is_text(program[a.input].type.scalar)) pass.with_presence(a.name, a.input);
      else pass.number(a.name, a.input);
    }
    module.kernels.push_back(pass.take());
  }
  Expander features(program, "features");
  for (const ir::Feature& f : program.features) {
    if (f.encoding == ir::Encoding::bag) features.bag(f);
    else features.number(f.name, f.value);
  }
  module.kernels.push_back(features.take());

  if (program.model.target.known()) {
    Expander target(program, "target");
    target.with_presence(program.model.target_name, program.model.target);
    module.kernels.push_back(target.take());
  }

  const auto optional = [&](const char* name, ir::ExprId value) {
    if (!value.known()) return;
    Expander kernel(program, name);
    kernel.number(name, value);
    module.kernels.push_back(kernel.take());
  };
  optional("weight", program.model.weight);
  optional("population", program.model.population);
  const ir::LossFunction& of = program.model.loss;
  if (of.value.known()) {
    Expander loss(program, "loss"), derivatives(program, "loss_derivatives");
    loss.number("loss", of.value);
    derivatives.number("gradient", of.gradient);
    derivatives.number("hessian", of.hessian);
    derivatives.number("loss", of.value);
    module.kernels.push_back(loss.take());
    module.kernels.push_back(derivatives.take());
  }
  return module;
}

}  // namespace mlp::lowering
