// Writes tensors into a network: shapes follow from the arguments, what is the same stands once.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/ir/common/network.h"

namespace mlp::derive {

using Shape = std::vector<std::int64_t>;

class Graph {
 public:
  explicit Graph(ir::Network& network);
  const ir::Tensor& at(ir::TensorId id) const { return network_[id]; }
  void from(Span span) { span_ = span; }  // of what is written from here on

  ir::TensorId constant(double value);
  ir::TensorId map(std::string_view callee, std::vector<ir::TensorId> args);
  ir::TensorId select(ir::TensorId condition, ir::TensorId yes, ir::TensorId no);
  ir::TensorId product(ir::TensorId a, ir::TensorId b, bool transpose_a, bool transpose_b);
  ir::TensorId reduce(ir::TensorOp op, ir::TensorId v, Shape axes);  // sum, max
  ir::TensorId row_sum(ir::TensorId v);
  ir::TensorId reshape(ir::TensorId v, Shape shape);
  ir::TensorId broadcast(ir::TensorId v, Shape shape, bool rows);
  // Anything else: shape and all are the caller's; rows follow from the arguments where `rows` is false.
  ir::TensorId write(ir::Tensor tensor);

  bool is(ir::TensorId id, double value) const { return at(id).op == ir::TensorOp::constant && at(id).real == value; }

 private:
  ir::Network& network_;
  Span span_;
  std::map<std::string, ir::TensorId> written_;
};

std::string key_of(ir::Tensor tensor);  // tensors of equal text, but for their span, are the same
std::int64_t size_of(const Shape& shape);
Shape common_shape(const Shape& a, const Shape& b);  // of a map of both

}  // namespace mlp::derive
