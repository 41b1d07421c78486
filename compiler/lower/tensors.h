// From the tensors of a network to the steps of a function: which tensors lie in memory, where, and the nests that fill it. All others
// are computed where they are read.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "compiler/ir/common/network.h"
#include "compiler/ir/loop/network.h"

namespace mlp::lowering {

using Shape = std::vector<std::int64_t>;
std::int64_t size_of(const Shape& shape);

// offset + the sum of strides times loop numbers.
struct Affine {
  std::int64_t offset = 0;
  std::vector<std::int64_t> strides;  // by loop
  friend auto operator<=>(const Affine&, const Affine&) = default;
};
using Index = std::vector<Affine>;    // by axis
Affine times(const Affine& a, std::int64_t factor);
Affine sum(const Affine& a, const Affine& b);

// Where a tensor lies: a stride for each axis, and for the row. Bools lie as 0 and 1.
struct View {
  loop::BufferId buffer;
  std::int64_t offset = 0;
  Shape strides;
  std::int64_t row = 0;
};

// A nest under construction. Loop 0 is that of the rows where it has one.
struct Nest {
  loop::Step step;
  bool rows = false;
  std::map<std::pair<std::int32_t, Index>, loop::ElementId> known;  // tensors that are computed already
  std::map<std::string, loop::ElementId> written;                   // elements, by their text

  loop::ElementId write(loop::Element element);
  loop::ElementId constant(double value);
  loop::ElementId call(const std::string& callee, std::vector<loop::ElementId> args);  // a builtin of floats and bools
  loop::Place place(const View& view, const Index& at) const;
};

class Tensors {
 public:
  Tensors(const ir::Network& network, bool training, loop::Function& out);

  void store(ir::TensorId id, loop::Memory memory);    // score or loss
  void gradient(std::size_t weight);                   // adds to it
  void mean(ir::TensorId id) { memory(id); }           // of a batch_mean

 private:
  const ir::Tensor& at(ir::TensorId id) const { return net_[id]; }
  // tensors.cpp
  void decide();
  int cost(ir::TensorId id) const;                     // operations to compute it where it is read
  std::optional<View> view(ir::TensorId id) const;     // nothing: it lies nowhere yet
  View memory(ir::TensorId id);                        // puts it somewhere
  View fill(ir::TensorId id);
  void together(ir::TensorId id);                      // moves it to where its elements lie in a row
  View place_of(ir::TensorId id);                      // a new buffer, or its part of a concat
  View whole(ir::TensorId concat);
  View array(loop::Memory memory, std::int64_t number, const Shape& shape, bool rows);
  View scratch(const Shape& shape, bool rows);
  void zero(const View& to, const Shape& shape, bool rows);
  void add_rows(ir::TensorId id, const View& to, bool fresh);  // the sum over the rows; `fresh`: to what may hold anything
  void again(ir::TensorId id);                                 // windows, where they are wanted a second time
  void accumulate(ir::TensorId id, const View& to);            // to a gradient
  loop::Step lookup(const ir::Tensor& t, loop::StepKind kind);
  // tensor_products.cpp
  void product(const ir::Tensor& t, View to, bool sum_rows, bool add);
  // tensor_nests.cpp
  void nest(const Shape& shape, bool rows, const std::vector<std::int64_t>& reduced, const std::function<void(Nest&, const Index&)>& fill);
  void copy(ir::TensorId id, const View& to, bool add);        // a nest that stores it
  void reduce(ir::TensorId id, const View& to);
  loop::ElementId emit(Nest& nest, ir::TensorId id, const Index& at);
  loop::ElementId compute(Nest& nest, ir::TensorId id, const Index& at);
  loop::ElementId load(Nest& nest, const View& view, const Index& at, bool boolean, std::vector<loop::Guard> guards = {}, double outside = 0);
  loop::ElementId position(Nest& nest, const Affine& at);
  std::optional<Index> split(const Nest& nest, const Affine& flat, const Shape& shape) const;

  const ir::Network& net_;
  const bool training_;
  loop::Function& out_;
  std::vector<char> needed_;
  std::vector<int> uses_;
  std::vector<char> stored_, filling_;                         // has a place in memory; is being computed for it
  std::vector<std::optional<View>> views_;
  std::vector<std::pair<ir::TensorId, std::int64_t>> placed_;  // in which concat, from where along its axis
  std::map<std::int32_t, View> wholes_;                        // of each concat
  std::map<std::pair<loop::Memory, std::int64_t>, loop::BufferId> arrays_;
};

// Offsets of scratch, each buffer with its own.
void lay_out(loop::Function& function);

}  // namespace mlp::lowering
