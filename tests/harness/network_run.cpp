#include "tests/harness/network_run.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <limits>
#include <memory>
#include <optional>

#include "compiler/derive/graph.h"
#include "compiler/ir/loop/segments.h"
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

namespace {

template <class T>
std::vector<T*> pointers(std::vector<std::vector<T>>& lists) {
  std::vector<T*> out;
  for (std::vector<T>& list : lists) out.push_back(list.data());
  return out;
}

// What a call of a network points to.
struct Arrays {
  Arrays(const ir::Network& network, const reference::NetworkInputs& in) : in(in), codes(in.numbers.size()) {
    for (std::int64_t row = 0; row < in.rows; ++row)  // numbers row by row, those of the one tensor
      for (const ir::Tensor& t : network.tensors)
        if (t.op == ir::TensorOp::numbers) {
          for (const std::int32_t f : t.features) numbers.push_back(static_cast<float>(in.numbers[static_cast<std::size_t>(f)][static_cast<std::size_t>(row)]));
          break;
        }
    for (std::size_t f = 0; f < codes.size(); ++f)
      for (const double v : in.numbers[f]) codes[f].push_back(std::isnan(v) ? -1 : static_cast<std::int32_t>(v));
    for (const auto& w : in.weights) weights.emplace_back(w.begin(), w.end());
    for (const auto& s : in.states) states.emplace_back(s.begin(), s.end());
    for (const auto& w : weights) out.gradients.emplace_back(w.size());
    for (const auto& s : states) out.means.emplace_back(s.size());
    out.scores.assign(static_cast<std::size_t>(in.rows * derive::size_of(network[network.score].shape)), -77);
    out.losses.assign(static_cast<std::size_t>(in.rows), -77);
  }
  const reference::NetworkInputs& in;
  std::vector<float> numbers;
  std::vector<std::vector<std::int32_t>> codes;
  std::vector<std::vector<float>> weights, states;
  NetworkResults out;
};

// Floats at 64 bytes, no numbers at first, and some behind them that must stay so.
class Rubbish {
 public:
  explicit Rubbish(std::size_t floats) : floats_(floats), memory_(static_cast<float*>(std::aligned_alloc(64, (floats * 4 + 64 + 63) / 64 * 64)), std::free) {
    std::fill_n(memory_.get(), floats + 16, std::numeric_limits<float>::quiet_NaN());
  }
  float* data() const { return memory_.get(); }
  void check() const {
    for (std::size_t i = floats_; i < floats_ + 16; ++i)
      if (memory_.get()[i] == memory_.get()[i]) std::abort();  // past its end
  }

 private:
  std::size_t floats_;
  std::unique_ptr<float, void (*)(void*)> memory_;
};

// A call of some of the rows.
struct HostCall {
  HostCall(Arrays& a, const reference::NetworkInputs& in, std::int64_t first, std::int64_t rows)
      : weights(pointers(a.weights)), states(pointers(a.states)), gradients(pointers(a.out.gradients)), means(pointers(a.out.means)), codes(pointers(a.codes)) {
    for (std::int32_t*& column : codes) column += first;
    for (const auto& column : in.bags) bags.push_back(column.data() + first);
    call.rows = rows;
    call.numbers = a.numbers.data() + first * static_cast<std::int64_t>(a.numbers.size()) / std::max<std::int64_t>(in.rows, 1);
    call.codes = codes.data();
    call.bags = bags.data();
    call.weights = weights.data();
    call.gradients = gradients.data();
    call.states = states.data();
    call.means = means.data();
    call.target = in.target.data() + first;
    call.row_weight = in.row_weight.data() + first;
    call.row_id = in.row_id.data() + first;
    call.seed = in.seed;
    call.step = in.step;
    call.scores = a.out.scores.data() + first * static_cast<std::int64_t>(a.out.scores.size()) / std::max<std::int64_t>(in.rows, 1);
    call.losses = a.out.losses.data() + first;
    call.product = naive_product;
  }
  HostCall(const HostCall&) = delete;
  void ask(mlp_network function, bool without_transient = false) {
    call.scratch = nullptr;
    call.segment = 0;
    auto floats = static_cast<std::size_t>(function(&call));
    if (without_transient) {
      call.segment = 1;
      const auto lasting = static_cast<std::size_t>(function(&call));
      transient_floats = floats - lasting;
      floats = lasting;
    }
    scratch.emplace(floats);
    call.scratch = scratch->data();
  }
  std::vector<float*> weights, states, gradients, means;
  std::vector<std::int32_t*> codes;
  std::vector<const mlp_bag*> bags;
  std::optional<Rubbish> scratch;
  std::size_t transient_floats = 0;
  mlp_network_call call{};
};

}  // namespace

NetworkResults run_network(const codegen::Compiled& compiled, const ir::Network& network, const reference::NetworkInputs& in) {
  Arrays a(network, in);
  HostCall all(a, in, 0, in.rows);
  for (const char* name : {"score", "train"}) {
    const mlp_network function = compiled.find_network(name);
    if (!function) continue;
    all.ask(function);
    function(&all.call);
    all.scratch->check();
  }
  return a.out;
}

NetworkResults run_network_in_parts(const codegen::Compiled& compiled, const loop::Module& module, const ir::Network& network, const reference::NetworkInputs& in, std::int64_t together) {
  NetworkResults whole = run_network(compiled, network, in);
  const mlp_network train = compiled.find_network("train");
  const auto function = std::find_if(module.network.begin(), module.network.end(), [](const loop::Function& f) { return f.name == "train"; });
  if (!train || function == module.network.end() || in.rows == 0) return whole;
  const std::vector<loop::Barrier> barriers = loop::segments_of(*function).barriers;
  Arrays a(network, in);
  for (const loop::Step& step : function->steps)
    if (step.alone) std::ranges::fill(a.out.gradients[static_cast<std::size_t>(function->buffers[static_cast<std::size_t>(step.c.buffer.index)].number)], std::numeric_limits<float>::quiet_NaN());
  std::deque<HostCall> parts;
  for (std::int64_t first = 0; first < in.rows; first += together) {
    HostCall& part = parts.emplace_back(a, in, first, std::min(together, in.rows - first));
    part.ask(train, !barriers.empty());
    part.call.batch_rows = in.rows;
    part.call.repeats = first > 0;
    part.call.begins = first == 0;
  }
  for (std::size_t segment = 0; segment <= barriers.size(); ++segment) {
    for (HostCall& part : parts) {
      part.call.segment = barriers.empty() ? 0 : static_cast<std::int64_t>(segment + 1);
      const Rubbish transient(part.transient_floats);    // anew in each segment
      part.call.transient = transient.data();
      train(&part.call);
      transient.check();
      part.scratch->check();
    }
    if (segment == barriers.size()) break;
    for (const loop::RowSum& sum : barriers[segment].sums)
      for (std::int64_t i = sum.offset; i < sum.offset + sum.floats; ++i) {
        float total = 0;
        for (const HostCall& part : parts) total += part.call.scratch[i];
        for (HostCall& part : parts) part.call.scratch[i] = total;
      }
  }
  a.out.scores = whole.scores;
  return a.out;
}

NetworkResults run_network(device::Launches& launches, const ir::Network& network, const reference::NetworkInputs& in) {
  Arrays a(network, in);
  device::Device& device = launches.device();
  std::vector<device::Array<char>> memory;
  const auto put = [&]<class T>(const std::vector<T>& values) {
    memory.emplace_back(device, static_cast<std::int64_t>(values.size() * sizeof(T)) + 1);
    device.copy_in(memory.back().data(), values.data(), values.size() * sizeof(T));
    return reinterpret_cast<T*>(memory.back().data());
  };
  const auto put_all = [&]<class T>(const std::vector<std::vector<T>>& lists) {
    std::vector<T*> out;
    for (const std::vector<T>& list : lists) out.push_back(put(list));
    return out;
  };
  device::Addresses at;
  at.numbers = put(a.numbers);
  at.weights = put_all(a.weights), at.gradients = put_all(a.out.gradients), at.states = put_all(a.states), at.means = put_all(a.out.means);
  std::vector<mlp_bag*> bags;
  for (const auto& column : in.bags) {
    std::vector<mlp_bag> moved(column.begin(), column.end());
    for (mlp_bag& bag : moved) bag.terms = put(std::vector<mlp_term>(bag.terms, bag.terms + bag.size));
    bags.push_back(put(moved));
  }
  mlp_network_call call{};
  call.rows = in.rows;
  call.numbers = at.numbers;
  call.codes = put(put_all(a.codes));
  call.bags = put(bags);
  call.weights = put(at.weights);
  call.gradients = put(at.gradients);
  call.states = put(at.states);
  call.means = put(at.means);
  call.target = put(std::vector<double>(in.target.begin(), in.target.end()));
  call.row_weight = put(std::vector<double>(in.row_weight.begin(), in.row_weight.end()));
  call.row_id = put(std::vector<std::int64_t>(in.row_id.begin(), in.row_id.end()));
  call.seed = in.seed;
  call.step = in.step;
  call.scores = put(a.out.scores);
  call.losses = put(a.out.losses);
  for (const char* name : {"score", "train"}) {
    const LaunchList& function = launches.function(name);
    const device::Array<float> scratch(device, function.scratch(in.rows) + 1);
    at.scratch = call.scratch = scratch.data();
    const device::Array<mlp_network_call> there(device, 1);
    device.copy_in(there.data(), &call, sizeof call);
    launches.run(function, at, there.data(), in.rows);
    device.wait();
  }
  const auto get = [&]<class T>(std::vector<T>& values, const T* from) { device.copy_out(values.data(), from, values.size() * sizeof(T)); };
  get(a.out.scores, call.scores);
  get(a.out.losses, call.losses);
  for (std::size_t w = 0; w < at.gradients.size(); ++w) get(a.out.gradients[w], at.gradients[w]);
  for (std::size_t s = 0; s < at.means.size(); ++s) get(a.out.means[s], at.means[s]);
  return a.out;
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
