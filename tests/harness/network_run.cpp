#include "tests/harness/network_run.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>

#include "compiler/derive/graph.h"
#include "compiler/lower/passes.h"
#include "compiler/plan/passes.h"

namespace mlp::harness {

void naive_product(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t a_row, std::int64_t a_col, const float* b, std::int64_t b_row, std::int64_t b_col,
                   float* c, std::int64_t c_row, std::int32_t add) {
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j < n; ++j) {
      float sum = add ? c[i * c_row + j] : 0;
      for (std::int64_t p = 0; p < k; ++p) sum = std::fma(a[i * a_row + p * a_col], b[p * b_row + j * b_col], sum);
      c[i * c_row + j] = sum;
    }
}

loop::Module lower_network(const ir::Network& network, const PassOptions& options, const std::vector<ir::Expr>& exprs) {
  flow::Program program;
  program.model.network = network;
  program.exprs = exprs;
  const auto wanted = [&](const char* name) { return std::find(options.disabled.begin(), options.disabled.end(), name) == options.disabled.end(); };
  if (wanted("share_common_tensors")) planning::share_common_tensors(program);
  if (wanted("drop_unused_tensors")) planning::drop_unused_tensors(program);
  loop::Module module;
  module.network = lowering::network_functions(program);
  check_verified("the translation", loop::verify(module));
  const std::pair<const char*, void (*)(const flow::Program&, loop::Module&)> passes[] = {
      {"fuse_nests", lowering::fuse_nests}, {"flatten_loops", lowering::flatten_loops}, {"share_scratch", lowering::share_scratch}};
  for (const auto& [name, pass] : passes) {
    if (!wanted(name)) continue;
    pass(program, module);
    check_verified(name, loop::verify(module));
  }
  return module;
}

NetworkResults run_network(const codegen::Compiled& compiled, const ir::Network& network, const reference::NetworkInputs& in) {
  NetworkResults out;
  std::vector<float> numbers;  // row by row, those of the one tensor
  std::vector<std::vector<std::int32_t>> codes(in.numbers.size());
  std::vector<const std::int32_t*> code_pointers;
  for (std::int64_t row = 0; row < in.rows; ++row)
    for (const ir::Tensor& t : network.tensors)
      if (t.op == ir::TensorOp::numbers) {
        for (const std::int32_t f : t.features) numbers.push_back(static_cast<float>(in.numbers[static_cast<std::size_t>(f)][static_cast<std::size_t>(row)]));
        break;
      }
  for (std::size_t f = 0; f < codes.size(); ++f) {
    for (const double v : in.numbers[f]) codes[f].push_back(std::isnan(v) ? -1 : static_cast<std::int32_t>(v));
    code_pointers.push_back(codes[f].data());
  }
  std::vector<const mlp_bag*> bags;
  for (const auto& column : in.bags) bags.push_back(column.data());
  std::vector<std::vector<float>> weights, states;
  for (const auto& w : in.weights) weights.emplace_back(w.begin(), w.end());
  for (const auto& s : in.states) states.emplace_back(s.begin(), s.end());
  for (const auto& w : weights) out.gradients.emplace_back(w.size());
  for (const auto& s : states) out.means.emplace_back(s.size());
  const auto pointers = [](auto& lists, auto sample) {
    std::vector<decltype(sample)> p;
    for (auto& list : lists) p.push_back(list.data());
    return p;
  };
  const auto weight_pointers = pointers(weights, static_cast<const float*>(nullptr)), state_pointers = pointers(states, static_cast<const float*>(nullptr));
  const auto gradient_pointers = pointers(out.gradients, static_cast<float*>(nullptr)), mean_pointers = pointers(out.means, static_cast<float*>(nullptr));
  const ir::Tensor& score = network[network.score];
  out.scores.assign(static_cast<std::size_t>(in.rows * derive::size_of(score.shape)), -77);
  out.losses.assign(static_cast<std::size_t>(in.rows), -77);

  mlp_network_call call{};
  call.rows = in.rows;
  call.numbers = numbers.data();
  call.codes = code_pointers.data();
  call.bags = bags.data();
  call.weights = weight_pointers.data();
  call.gradients = gradient_pointers.data();
  call.states = state_pointers.data();
  call.means = mean_pointers.data();
  call.target = in.target.data();
  call.row_weight = in.row_weight.data();
  call.row_id = in.row_id.data();
  call.seed = in.seed;
  call.step = in.step;
  call.scores = out.scores.data();
  call.losses = out.losses.data();
  call.product = naive_product;
  for (const char* name : {"score", "train"}) {
    const mlp_network function = compiled.find_network(name);
    if (!function) continue;
    call.scratch = nullptr;
    const auto floats = static_cast<std::size_t>(function(&call));
    const std::unique_ptr<float, void (*)(void*)> scratch(static_cast<float*>(std::aligned_alloc(64, floats * 4 + 64)), std::free);
    std::fill_n(scratch.get(), floats + 16, std::numeric_limits<float>::quiet_NaN());
    call.scratch = scratch.get();
    function(&call);
    for (std::size_t i = floats; i < floats + 16; ++i)
      if (scratch.get()[i] == scratch.get()[i]) std::abort();  // past its end
  }
  return out;
}

void Worst::see(double got, double want, double scale, const std::string& what) {
  double e = std::isnan(want) ? (std::isnan(got) ? 0 : 1e9) : std::isinf(want) ? (got == want || std::fabs(got) > 1e30 ? 0 : 1e9) : std::fabs(got - want) / (scale + std::fabs(want));
  if (!(e <= error)) error = std::isnan(e) ? 1e9 : e, where = what + ": " + std::to_string(got) + " for " + std::to_string(want);
}

Worst difference(const ir::Network& net, const reference::NetworkInputs& inputs, const NetworkResults& got) {
  Worst worst;
  reference::NetworkInputs in = inputs;
  const auto rows = static_cast<std::size_t>(in.rows);
  reference::NetworkValues values = reference::evaluate(net, in);
  const auto of = [&](ir::TensorId id) -> const std::vector<double>& { return values[static_cast<std::size_t>(id.index)]; };
  for (std::size_t r = 0; r < rows; ++r) worst.see(got.losses[r], of(net.loss)[r], 1, "loss of row " + std::to_string(r));
  for (std::size_t w = 0; w < net.weights.size(); ++w) {
    double scale = 1;
    if (net.gradients[w].known())
      for (const double v : of(net.gradients[w])) scale = std::max(scale, std::isfinite(v) ? std::fabs(v) : 0);
    for (std::size_t i = 0; i < got.gradients[w].size(); ++i)
      worst.see(static_cast<double>(got.gradients[w][i]), net.gradients[w].known() ? of(net.gradients[w])[i] : 0, scale, "gradient of " + net.weights[w].name + "[" + std::to_string(i) + "]");
  }
  std::vector<char> needed(net.tensors.size());
  for (const ir::TensorId id : {net.score, net.loss}) needed[static_cast<std::size_t>(id.index)] = 1;
  for (const ir::TensorId id : net.gradients)
    if (id.known()) needed[static_cast<std::size_t>(id.index)] = 1;
  for (std::size_t t = needed.size(); t-- > 0;)
    if (needed[t])
      for (const ir::TensorId arg : net.tensors[t].args) needed[static_cast<std::size_t>(arg.index)] = 1;
  for (std::size_t t = 0; t < net.tensors.size(); ++t)
    if (net.tensors[t].op == ir::TensorOp::batch_mean && needed[t] && rows > 0)
      for (std::size_t i = 0; i < values[t].size(); ++i)
        worst.see(static_cast<double>(got.means[static_cast<std::size_t>(net.tensors[t].integer)][i]), values[t][i], 1, "mean " + std::to_string(i));
  in.training = false;
  values = reference::evaluate(net, in);
  for (std::size_t i = 0; i < got.scores.size(); ++i) worst.see(got.scores[i], of(net.score)[i], 1, "score " + std::to_string(i));
  return worst;
}

}  // namespace mlp::harness
