#include "base/diagnostic.h"
#include "compiler/lower/passes.h"
#include "compiler/lower/tensors.h"

namespace mlp::lowering {
namespace {

using loop::Element;
using loop::ElementId;
using loop::ElementOp;
using loop::Memory;

// The new weight and what the optimizer keeps, element by element.
loop::Function update(const flow::Program& program) {
  const ir::Optimizer& optimizer = program.model.network.optimizer;
  loop::Function f;
  f.name = "update";
  f.buffers = {{Memory::weight, 0, 1, true, 0}, {Memory::gradient, 0, 1, true, 0}};
  for (std::int32_t i = 0; i < optimizer.kept; ++i) f.buffers.push_back({Memory::kept, i, 1, true, 0});
  Nest n;
  n.rows = true;
  n.step.loops.push_back({{1, true}, false});
  std::map<std::int32_t, ElementId> made;
  const auto place = [](std::int32_t buffer) { return loop::Place{{buffer}, 0, {1}}; };
  const auto emit = [&](const auto& self, ir::ExprId id) -> ElementId {
    if (const auto found = made.find(id.index); found != made.end()) return found->second;
    const ir::Expr& e = program[id];
    Element out;
    out.boolean = e.type.scalar == Scalar::boolean;
    for (const ir::ExprId arg : e.args) out.args.push_back(self(self, arg));
    if (e.op == ir::ExprOp::constant && !out.boolean) {
      out.real = e.type.scalar == Scalar::integer ? static_cast<double>(e.value.integer) : e.value.real;
    } else if (e.op == ir::ExprOp::constant) {  // compares as it is
      out.op = e.value.integer ? ElementOp::eq : ElementOp::ne;
      out.args = {n.constant(0), n.constant(0)};
    } else if (e.op == ir::ExprOp::input) {
      const std::int32_t input = e.column.index;
      out.op = input == 2 ? ElementOp::step : input == 3 ? ElementOp::rate : input == 4 + optimizer.kept ? ElementOp::decays : ElementOp::load;
      if (out.op == ElementOp::load) out.place = place(input < 2 ? input : input - 2);
    } else if (e.op == ir::ExprOp::select) {
      out.op = ElementOp::select;
    } else if (e.op == ir::ExprOp::call) {
      return made.emplace(id.index, n.call(e.callee, std::move(out.args))).first->second;
    } else {
      MLP_BUG("an optimizer reads its inputs only");
    }
    return made.emplace(id.index, n.write(std::move(out))).first->second;
  };
  for (std::size_t i = 0; i < optimizer.results.size(); ++i) {
    const ElementId value = emit(emit, optimizer.results[i]);
    n.step.stores.push_back({value, place(i == 0 ? 0 : static_cast<std::int32_t>(i) + 1), false, {}});
  }
  f.steps.push_back(std::move(n.step));
  return f;
}

}  // namespace

std::vector<loop::Function> network_functions(const flow::Program& program) {
  const ir::Network& network = program.model.network;
  if (network.empty()) return {};
  std::vector<loop::Function> out(2);
  out[0].name = "score";
  Tensors(network, false, out[0]).store(network.score, Memory::score);
  lay_out(out[0]);
  out[1].name = "train";
  Tensors training(network, true, out[1]);
  training.store(network.loss, Memory::loss);
  for (std::size_t i = 0; i < network.tensors.size(); ++i)
    if (network.tensors[i].op == ir::TensorOp::batch_mean) training.mean({static_cast<std::int32_t>(i)});
  for (std::size_t w = 0; w < network.gradients.size(); ++w) training.gradient(w);
  lay_out(out[1]);
  for (loop::Function& f : out)
    for (loop::Step& s : f.steps) s.rounds = s.kind == loop::StepKind::product && program.model.settings.precision == Precision::bf16;
  if (!network.optimizer.results.empty()) out.push_back(update(program));
  return out;
}

}  // namespace mlp::lowering
