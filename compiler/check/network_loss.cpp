// The loss of a network as tensors of one row: a builtin one, one of the language, or one of the language over all scores.
#include <algorithm>

#include "base/codes/losses.h"
#include "base/codes/networks.h"
#include "compiler/check/elaborator.h"

namespace mlp::checking {
namespace {

// The loss of one row, of a builtin loss: what the trainers of the other models make small too.
ir::TensorId builtin_loss(Elaborator& e, const ModelSettings& s, ir::TensorId score, ir::TensorId target) {
  const auto map = [&](const char* f, std::vector<ir::TensorId> args) { return e.map(f, std::move(args), false); };
  switch (s.loss) {
    case Loss::squared: {
      const ir::TensorId d = map("sub", {score, target});
      return map("mul", {d, d});
    }
    case Loss::logistic: return map("sub", {map("softplus", {score}), map("mul", {target, score})});
    case Loss::poisson: return map("sub", {map("exp", {score}), map("mul", {target, score})});
    case Loss::quantile: {
      const ir::TensorId d = map("sub", {target, score});
      return map("max", {map("mul", {e.constant(s.quantile), d}), map("mul", {e.constant(s.quantile - 1), d})});
    }
    default: {  // softmax: log of the sum of exp, less the score of the class
      const ir::TensorId most = e.reduce(ir::TensorOp::max, score, {0});
      const ir::TensorId sum = e.reduce(ir::TensorOp::sum, map("exp", {map("sub", {score, most})}), {0});
      const ir::TensorId all = e.reshape(map("add", {map("log", {sum}), most}), {});
      return map("sub", {all, e.push({.op = ir::TensorOp::pick, .rows = true, .args = {score, target}})});
    }
  }
}

}  // namespace

// A loss of the language, as expressions of the target and the score, as tensors.
ir::TensorId Checker::loss_tensors(Elaborator& e, ir::ExprId root, ir::TensorId score, ir::TensorId target) {
  std::map<ir::ExprId, ir::TensorId> done;
  const std::function<ir::TensorId(ir::ExprId)> go = [&](ir::ExprId id) -> ir::TensorId {
    if (const auto found = done.find(id); found != done.end()) return found->second;
    const ir::Expr x = module_.exprs[static_cast<std::size_t>(id.index)];
    const bool boolean = x.type.scalar == Scalar::boolean;
    std::vector<ir::TensorId> args;
    for (const ir::ExprId arg : x.args) args.push_back(go(arg));
    if (std::any_of(args.begin(), args.end(), [](ir::TensorId t) { return !t.known(); })) return done[id] = {};
    ir::TensorId out;
    switch (x.op) {
      case ir::ExprOp::input: out = x.column.index == 0 ? target : score; break;
      case ir::ExprOp::constant:
        out = e.constant(x.type.scalar == Scalar::real ? x.value.real : static_cast<double>(x.value.integer));
        if (boolean) out = e.map("ne", {out, e.constant(0)}, true);
        break;
      case ir::ExprOp::select:
        out = e.push({.op = ir::TensorOp::select, .rows = std::any_of(args.begin(), args.end(), [&](ir::TensorId t) { return e.at(t).rows; }), .boolean = boolean, .args = args});
        break;
      case ir::ExprOp::call: {
        if (x.callee == "to_float" && !e.at(args[0]).boolean) {
          out = args[0];
          break;
        }
        const bool floats = std::all_of(x.args.begin(), x.args.end(), [&](ir::ExprId a) { return type_of(a).scalar == Scalar::real || type_of(a).scalar == Scalar::boolean; }) && (boolean || x.type.scalar == Scalar::real);
        if (x.callee == "to_float") out = e.push({.op = ir::TensorOp::select, .rows = e.at(args[0]).rows, .args = {args[0], e.constant(1), e.constant(0)}});
        else if (floats && !x.type.nullable) out = e.map(x.callee, args, boolean);
        else report(code::not_in_layer, "a loss of a network computes with floats, and `" + x.callee + "` does not", x.span, "not of floats").suggest("use floats: `floor(v)` in place of `to_int(v)`");
        break;
      }
      default: break;
    }
    return done[id] = out;
  };
  return go(root);
}

// `loss mine(y: int, score: float[n], settings…)`: its body over the number of the class and all scores of a row.
ir::TensorId Elaborator::loss(const FunctionRef& ref, ir::TensorId target, ir::TensorId score, const ast::Expr* call, Span span, Span name_span) {
  const ast::Function& f = *ref.function;
  std::vector<NamedThing> args = {{"", {}, given(target, span)}, {"", {}, given(score, span)}};
  for (std::size_t i = 0; call && i < call->args.size(); ++i) {
    args.push_back({call->arg_names[i], call->arg_name_spans[i], eval(call->args[i])});
    if (args.back().value.poison()) return {};
  }
  const auto bound = bind(ref, args, span, name_span, true);
  if (!bound) return {};
  LayerFrame inner;
  inner.file = ref.file;
  inner.function = &f;
  inner.library = ref.library;
  inner.call = span;
  for (const bool shaped : {false, true})  // settings first: the shape of the score may name them
    for (std::size_t i = 0; i < bound->size(); ++i) {
      const ast::Parameter& p = f.parameters[i];
      if (p.type.shape.empty() == shaped) continue;
      if (i > 0 && !take_parameter(ref, p, (*bound)[i], inner, span)) return {};
      set(inner, p.name, (*bound)[i], p.name_span);
    }
  Thing result;
  {
    Inside inside(*this, inner);
    result = eval(f.body);
  }
  if (result.poison()) return {};
  if (result.is_tensor() && !at(result.tensor).boolean && shape(result).empty() && at(result.tensor).rows) return result.tensor;
  const ast::Expr& body = (*ref.file)[f.body];
  report(code::bad_loss, "a loss gives a `float` that depends on the row, and `" + f.head.name + "` gives " + describe(result), body.kind == ast::ExprKind::block ? (*ref.file)[body.args.back()].span : body.span, describe(result))
      .suggest("give one number: `sum(…)` of what there is for each class");
  return {};
}

ir::TensorId Checker::loss_of(Elaborator& e, ir::TensorId score, ir::TensorId target, Span span) {
  const ir::Model& m = module_.model;
  if (class_loss_) {
    const ast::Function& f = class_loss_->loss->function;
    return e.loss({class_loss_->file, &f, class_loss_->library}, target, score, class_loss_call_, span, callee_span(*class_loss_call_));
  }
  return is_custom(m.settings.loss) ? loss_tensors(e, m.loss.value, score, target) : builtin_loss(e, m.settings, score, target);
}

}  // namespace mlp::checking
