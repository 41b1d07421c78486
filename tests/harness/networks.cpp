#include "tests/harness/networks.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "compiler/derive/graph.h"

namespace mlp::harness {
namespace {

using derive::Graph;
using derive::Shape;
using derive::size_of;
using ir::Tensor;
using ir::TensorId;
using ir::TensorOp;

constexpr std::int64_t codes = 5, terms = 7;

class Generator {
 public:
  Generator(std::mt19937_64& rng, const NetworkShape& shape, RandomNetwork& out) : rng_(rng), shape_(shape), out_(out), net_(out.network), g_(out.network) {}

  void run() {
    for (int f = 0; f < 7; ++f) {
      out_.features.emplace_back().name = "f" + std::to_string(f);
      out_.features.back().encoding = f < 5 ? ir::Encoding::number : f == 5 ? ir::Encoding::category : ir::Encoding::bag;
    }
    net_.optimizer.name = "sgd";
    net_.optimizer.results = {{0}};
    Tensor numbers;
    numbers.op = TensorOp::numbers;
    numbers.rows = true;
    numbers.features = {0, 1, 2, 3, 4};
    numbers.shape = {5};
    pool_.push_back(g_.write(numbers));
    target_ = leaf(TensorOp::target, 0, true);
    code_ = leaf(TensorOp::code, 5, true);
    pool_.push_back(g_.map("tanh", {weight({axis()})}));
    for (int i = 0; i < shape_.operations; ++i) {
      const TensorId made = step();
      if (size_of(at(made).shape) <= 200) pool_.push_back(made);
    }
    TensorId loss = g_.map("mul", {g_.constant(0.1), g_.map("mul", {target_, target_})});
    for (int i = 0; i < 3; ++i) loss = g_.map("add", {loss, total(i == 0 ? pool_.back() : any())});
    Tensor row;  // a loss has rows
    net_.loss = at(loss).rows ? loss : g_.broadcast(loss, {}, true);
    TensorId last = any();
    for (int i = 0; i < 20 && reads_target(last); ++i) last = any();
    last = flat(reads_target(last) ? pool_[0] : last);
    net_.score = at(last).rows ? last : g_.broadcast(last, at(last).shape, true);
  }

 private:
  const Tensor& at(TensorId id) const { return g_.at(id); }
  std::uint64_t below(std::uint64_t n) { return rng_() % n; }
  std::int64_t axis() { return 1 + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(shape_.largest))); }
  TensorId any() { return pool_[below(pool_.size())]; }
  TensorId any_rows() {
    for (int i = 0; i < 20; ++i)
      if (const TensorId v = any(); at(v).rows) return v;
    return pool_[0];
  }
  bool reads_target(TensorId id) const {
    return id == target_ || std::any_of(at(id).args.begin(), at(id).args.end(), [&](TensorId arg) { return reads_target(arg); });
  }
  TensorId leaf(TensorOp op, std::int64_t integer, bool rows) {
    Tensor t;
    t.op = op;
    t.integer = integer;
    t.rows = rows;
    return g_.write(std::move(t));
  }
  TensorId weight(Shape shape, std::int64_t table_rows = 0) {
    ir::Weight w;
    w.name = "w" + std::to_string(net_.weights.size());
    w.shape = shape;
    net_.weights.push_back(w);
    out_.table_rows.push_back(table_rows);
    Tensor t;
    t.op = TensorOp::weight;
    t.integer = static_cast<std::int64_t>(net_.weights.size()) - 1;
    t.shape = std::move(shape);
    return g_.write(std::move(t));
  }
  TensorId write(TensorOp op, std::vector<TensorId> args, Shape shape, Shape axes = {}, std::int64_t integer = 0) {
    Tensor t;
    t.op = op;
    t.args = std::move(args);
    t.shape = std::move(shape);
    t.axes = std::move(axes);
    t.integer = integer;
    return g_.write(std::move(t));
  }
  TensorId flat(TensorId v) { return g_.reshape(v, {size_of(at(v).shape)}); }
  Shape all_axes(TensorId v) {
    Shape axes;
    for (std::size_t i = 0; i < at(v).shape.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
    return axes;
  }
  // Its mean square in one number, kept small.
  TensorId total(TensorId v) {
    const TensorId bounded = g_.map("tanh", {v});
    const TensorId sum = g_.reduce(TensorOp::sum, g_.map("mul", {bounded, g_.map("add", {bounded, g_.constant(0.7)})}), all_axes(v));
    return g_.map("div", {g_.reshape(sum, {}), g_.constant(static_cast<double>(size_of(at(v).shape)))});
  }
  // An axis of v, and v with at least one axis.
  std::size_t axis_of(TensorId& v) {
    if (at(v).shape.empty()) v = g_.reshape(v, {1});
    return below(at(v).shape.size());
  }
  // A matrix of the elements of v.
  TensorId matrix(TensorId v) {
    const std::int64_t n = size_of(at(v).shape);
    std::int64_t rows = 1 + static_cast<std::int64_t>(below(4));
    while (n % rows) --rows;
    return g_.reshape(v, {rows, n / rows});
  }
  // Something of the shape of v, or that is broadcast to it.
  TensorId partner(TensorId v) {
    if (const TensorId other = any(); at(other).shape == at(v).shape) return other;
    Shape shape = at(v).shape;
    for (std::int64_t& n : shape)
      if (below(3) == 0) n = 1;
    while (!shape.empty() && below(4) == 0) shape.erase(shape.begin());
    return below(5) == 0 ? g_.constant(0.5 + static_cast<double>(below(8)) / 4) : weight(std::move(shape));
  }

  TensorId step() {
    TensorId v = any();
    switch (below(24)) {
      case 0: case 1: case 2: {
        static const char* const smooth[] = {"tanh", "sigmoid", "softplus", "neg", "sin", "cos", "atan", "abs", "expm1"};
        const TensorId bounded = below(2) ? v : g_.map("tanh", {v});
        return g_.map(smooth[below(8)], {bounded});
      }
      case 3: {  // of what is positive
        static const char* const of[] = {"log", "sqrt", "log1p", "log2", "log10", "exp", "asin", "acos"};
        return g_.map(of[below(8)], {g_.map("add", {g_.map("mul", {g_.map("sigmoid", {v}), g_.constant(0.8)}), g_.constant(0.1)})});
      }
      case 4: case 5: case 6: {
        static const char* const of[] = {"add", "sub", "mul", "min", "max", "atan2"};
        const std::string name = of[below(6)];
        if (name == "atan2") return g_.map(name, {v, g_.map("add", {g_.constant(0.2), g_.map("sigmoid", {partner(v)})})});  // not the origin
        return g_.map(name, below(2) ? std::vector{v, partner(v)} : std::vector{partner(v), v});
      }
      case 7: return g_.map("div", {v, g_.map("add", {g_.constant(1), g_.map("mul", {v, v})})});
      case 8: return g_.select(g_.map(below(2) ? "lt" : "ge", {v, partner(v)}), g_.map("mul", {v, g_.constant(0.5)}), partner(v));
      case 9: return g_.map("clamp", {v, g_.constant(-0.6), g_.constant(0.6)});
      case 10: return g_.select(g_.map("and", {g_.map("gt", {v, g_.constant(0.1)}), g_.map("not", {g_.map("is_nan", {v})})}), g_.map("log", {v}), g_.constant(0));
      case 11: case 12: {  // by a weight
        const TensorId x = below(2) ? flat(v) : matrix(v);
        return product_of(x, axis());
      }
      case 13: {  // of two of equal leading axes
        const TensorId a = matrix(v);
        const std::int64_t k = at(a).shape[1];
        if (below(2)) return g_.product(a, a, false, true);
        const Shape wide = {2, 2, k};
        const TensorId b = weight(below(2) ? wide : Shape{k, 2}), x = g_.broadcast(g_.reshape(a, {1, at(a).shape[0], k}), {2, at(a).shape[0], k}, at(a).rows);
        return at(b).shape.size() == 3 ? g_.product(x, b, false, true) : g_.product(x, b, false, false);
      }
      case 14: {
        axis_of(v);
        Shape axes;
        for (std::size_t i = 0; i < at(v).shape.size(); ++i)
          if (below(2)) axes.push_back(static_cast<std::int64_t>(i));
        return g_.reduce(below(2) ? TensorOp::sum : TensorOp::max, v, std::move(axes));
      }
      case 15: {
        const TensorId m = matrix(v);
        return write(TensorOp::transpose, {m}, {at(m).shape[1], at(m).shape[0]}, {1, 0});
      }
      case 16: {
        const std::size_t along = axis_of(v);
        Shape shape = at(v).shape;
        const auto start = static_cast<std::int64_t>(below(static_cast<std::uint64_t>(shape[along])));
        const std::int64_t size = 1 + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(shape[along] - start)));
        shape[along] = size;
        return write(TensorOp::slice, {v}, std::move(shape), {start, size}, static_cast<std::int64_t>(along));
      }
      case 17: {
        const std::size_t along = axis_of(v);
        Shape shape = at(v).shape;
        const auto before = static_cast<std::int64_t>(below(3)), after = static_cast<std::int64_t>(below(3));
        shape[along] += before + after;
        return write(TensorOp::pad, {v}, std::move(shape), {before, after}, static_cast<std::int64_t>(along));
      }
      case 18: {
        const std::size_t along = axis_of(v);
        Shape shape = at(v).shape, other = shape;
        other[along] = axis();
        shape[along] += other[along];
        return write(TensorOp::concat, {v, weight(other)}, std::move(shape), {}, static_cast<std::int64_t>(along));
      }
      case 19: {
        const TensorId m = flat(v);
        const std::int64_t n = at(m).shape[0];
        const TensorId index = below(2) ? target_ : code_;
        return below(2) ? write(TensorOp::pick, {m, index}, {}) : write(TensorOp::place, {g_.reshape(g_.reduce(TensorOp::max, m, {0}), {}), index}, {n + 2});
      }
      case 20: {
        if (below(3) == 0) return write(TensorOp::gather, {weight({3, 3}), target_}, {3});
        if (below(2)) return write(TensorOp::gather, {table(5, codes), code_}, {3});
        return write(TensorOp::gather_bag, {table(6, terms), leaf(TensorOp::bag, 6, true)}, {3});
      }
      case 21: {  // of an image; a maximum over windows is a pool
        const TensorId m = matrix(v);
        const std::int64_t h = at(m).shape[0], w = at(m).shape[1];
        const TensorId image = g_.reshape(m, {h, w, 1});
        const std::int64_t kh = 1 + static_cast<std::int64_t>(below(2)), kw = 1 + static_cast<std::int64_t>(below(3)), stride = 1 + static_cast<std::int64_t>(below(2)), pad = static_cast<std::int64_t>(below(2));
        const std::int64_t oh = (h + 2 * pad - kh) / stride + 1, ow = (w + 2 * pad - kw) / stride + 1;
        if (h + 2 * pad < kh || w + 2 * pad < kw) return image;
        if (pad >= kh || pad >= kw || below(2)) return write(TensorOp::windows, {image}, {oh, ow, kh * kw}, {kh, kw, stride, pad});
        Tensor t;
        t.op = TensorOp::windows;
        t.args = {image};
        t.axes = {kh, kw, stride, pad};
        t.shape = {oh, ow, kh * kw};
        t.max_outside = true;
        return g_.reduce(TensorOp::max, g_.write(std::move(t)), {2});
      }
      case 22: {
        if (shape_.smooth) return g_.map("tanh", {v});
        Tensor t;
        t.op = TensorOp::mask;
        t.rows = true;
        t.shape = at(v).shape;
        t.real = 0.3;
        t.integer = masks_++;
        return g_.map("mul", {v, g_.write(std::move(t))});
      }
      default: {  // batch normalisation, or what it is made of
        v = any_rows();
        ir::State state;
        state.name = "s" + std::to_string(net_.states.size());
        state.shape = at(v).shape;
        net_.states.push_back(state);
        const TensorId mean = write(TensorOp::batch_mean, {v}, at(v).shape, {}, static_cast<std::int64_t>(net_.states.size()) - 1);
        return g_.map("sub", {v, mean});
      }
    }
  }
  TensorId product_of(TensorId v, std::int64_t to) {
    const bool turned = below(2);
    const std::int64_t k = at(v).shape.back();
    const TensorId w = weight(turned ? Shape{to, k} : Shape{k, to});
    Tensor t;
    t.op = TensorOp::product;
    t.shape = at(v).shape;
    t.shape.back() = to;
    t.args = {v, w};
    t.transpose_b = turned;
    return g_.write(std::move(t));
  }
  TensorId table(std::int32_t feature, std::int64_t rows) {
    TensorId& known = tables_[feature == 5];
    if (!known.known() || below(4) == 0) {
      known = weight({0, 3}, rows);
      net_.weights.back().table_of = feature;
    }
    return known;
  }

  std::mt19937_64& rng_;
  const NetworkShape& shape_;
  RandomNetwork& out_;
  ir::Network& net_;
  Graph g_;
  std::vector<TensorId> pool_;
  TensorId target_, code_, tables_[2];
  std::int64_t masks_ = 0;
};

}  // namespace

RandomNetwork random_network(std::mt19937_64& rng, const NetworkShape& shape) {
  RandomNetwork out;
  Generator(rng, shape, out).run();
  return out;
}

NetworkData random_data(std::mt19937_64& rng, const RandomNetwork& random, std::int64_t rows) {
  NetworkData out;
  reference::NetworkInputs& in = out.inputs;
  std::normal_distribution<float> normal;  // floats, so that both precisions see the same
  const auto some = [&](std::int64_t n, double scale) {
    std::vector<double> v;
    for (std::int64_t i = 0; i < n; ++i) v.push_back(static_cast<float>(scale) * normal(rng));
    return v;
  };
  in.rows = rows;
  in.training = true;
  for (int f = 0; f < 5; ++f) in.numbers.push_back(some(rows, 1));
  in.numbers.resize(7);
  in.bags.resize(7);
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto code = rng() % (codes + 1);
    in.numbers[5].push_back(code < codes ? static_cast<double>(code) : std::numeric_limits<double>::quiet_NaN());
    std::vector<mlp_term> bag;
    for (std::int64_t term = 0; term < terms; ++term)
      if (rng() % 3 == 0) bag.push_back({term, static_cast<double>(normal(rng))});
    out.terms.push_back(std::move(bag));
    in.bags[6].push_back({out.terms.back().data(), static_cast<std::int64_t>(out.terms.back().size())});
    in.target.push_back(static_cast<double>(rng() % 4));
    in.row_weight.push_back(static_cast<double>(rng() % 4) / 2);
    in.row_id.push_back(static_cast<std::int64_t>(rng() % 100000));
  }
  for (std::size_t w = 0; w < random.network.weights.size(); ++w) {
    Shape shape = random.network.weights[w].shape;
    if (random.table_rows[w]) shape[0] = random.table_rows[w];
    in.weights.push_back(some(size_of(shape), 0.6));
  }
  for (const ir::State& state : random.network.states) in.states.push_back(some(size_of(state.shape), 0.3));
  in.seed = 11;
  in.step = 3;
  return out;
}

}  // namespace mlp::harness
