#include "compiler/derive/graph.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "base/diagnostic.h"

namespace mlp::derive {

using ir::Tensor;
using ir::TensorId;
using ir::TensorOp;

std::int64_t size_of(const Shape& shape) { return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()); }

Shape common_shape(const Shape& a, const Shape& b) {
  Shape out = a.size() < b.size() ? b : a;
  const Shape& other = a.size() < b.size() ? a : b;
  for (std::size_t i = 0; i < other.size(); ++i) {
    std::int64_t& axis = out[out.size() - other.size() + i];
    if (axis == 1) axis = other[i];
    else if (other[i] != 1 && other[i] != axis) MLP_BUG("shapes that do not go together");
  }
  return out;
}

namespace {
bool gives_bool(std::string_view callee) {
  for (const std::string_view name : {"eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "is_nan", "is_finite"})
    if (callee == name) return true;
  return false;
}
}  // namespace

std::string key_of(Tensor tensor) {
  tensor.span = {};
  ir::Writer writer;
  writer.record("tensor", -1, tensor);
  return writer.take();
}

Graph::Graph(ir::Network& network) : network_(network) {
  for (std::size_t i = 0; i < network_.tensors.size(); ++i) written_.try_emplace(key_of(network_.tensors[i]), TensorId{static_cast<std::int32_t>(i)});
}

TensorId Graph::write(Tensor tensor) {
  const bool over_rows = tensor.op == TensorOp::row_sum || tensor.op == TensorOp::batch_mean || tensor.op == TensorOp::scatter || tensor.op == TensorOp::scatter_bag;
  for (const TensorId arg : tensor.args) tensor.rows |= at(arg).rows && !over_rows;
  tensor.span = span_;
  const auto [found, fresh] = written_.try_emplace(key_of(tensor));
  if (fresh) {
    network_.tensors.push_back(std::move(tensor));
    found->second = {static_cast<std::int32_t>(network_.tensors.size()) - 1};
  }
  return found->second;
}

TensorId Graph::constant(double value) {
  Tensor t;
  t.real = value;
  return write(std::move(t));
}

// Identities that hold for every number.
TensorId Graph::map(std::string_view callee, std::vector<TensorId> args) {
  if (callee == "neg") {
    if (at(args[0]).op == TensorOp::constant) return constant(-at(args[0]).real);
    if (at(args[0]).op == TensorOp::map && at(args[0]).callee == "neg") return at(args[0]).args[0];
  }
  if (callee == "mul" && at(args[0]).shape.empty() && is(args[0], 1)) return args[1];
  if ((callee == "mul" || callee == "div") && is(args[1], 1)) return args[0];
  Tensor t;
  t.op = TensorOp::map;
  t.callee = callee;
  t.boolean = gives_bool(callee);
  for (const TensorId arg : args) t.shape = common_shape(t.shape, at(arg).shape);
  t.args = std::move(args);
  return write(std::move(t));
}

TensorId Graph::select(TensorId condition, TensorId yes, TensorId no) {
  if (yes == no) return yes;
  Tensor t;
  t.op = TensorOp::select;
  t.shape = common_shape(at(condition).shape, common_shape(at(yes).shape, at(no).shape));
  t.args = {condition, yes, no};
  return write(std::move(t));
}

TensorId Graph::product(TensorId a, TensorId b, bool transpose_a, bool transpose_b) {
  const Shape &x = at(a).shape, &y = at(b).shape;
  Tensor t;
  t.op = TensorOp::product;
  t.shape = x;
  t.shape[x.size() - 2] = x[x.size() - 2 + transpose_a];
  t.shape.back() = y[y.size() - 1 - transpose_b];
  t.args = {a, b};
  t.transpose_a = transpose_a;
  t.transpose_b = transpose_b;
  return write(std::move(t));
}

TensorId Graph::reduce(TensorOp op, TensorId v, Shape axes) {
  if (axes.empty()) return v;
  Tensor t;
  t.op = op;
  t.shape = at(v).shape;
  for (const std::int64_t axis : axes) t.shape[static_cast<std::size_t>(axis)] = 1;
  t.args = {v};
  t.axes = std::move(axes);
  return write(std::move(t));
}

TensorId Graph::row_sum(TensorId v) {
  Tensor t;
  t.op = TensorOp::row_sum;
  t.shape = at(v).shape;
  t.args = {v};
  return write(std::move(t));
}

TensorId Graph::reshape(TensorId v, Shape shape) {
  if (at(v).op == TensorOp::reshape) v = at(v).args[0];
  if (at(v).shape == shape) return v;
  Tensor t;
  t.op = TensorOp::reshape;
  t.shape = std::move(shape);
  t.args = {v};
  return write(std::move(t));
}

TensorId Graph::broadcast(TensorId v, Shape shape, bool rows) {
  if (at(v).shape == shape && at(v).rows == rows) return v;
  Tensor t;
  t.op = TensorOp::broadcast;
  t.shape = std::move(shape);
  t.rows = rows;
  t.args = {v};
  return write(std::move(t));
}

}  // namespace mlp::derive
