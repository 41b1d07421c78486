// A network as tensors of floats: what layers of the language are once they are inlined. The forward part is made by
// check, gradients by plan. All shapes are constants but for the first axis of tables, whose size follows from fitting.
#pragma once
#include <string>
#include <vector>

#include "compiler/ir/text/text.h"

namespace mlp::ir {

struct Feature;                       // compiler/ir/common/types.h, whose Model holds the network
using ExprId = Id<struct ExprTag>;
using TensorId = Id<struct TensorTag>;

// Axes are counted from 0; the axis of rows is no axis of the shape. Negative axes do not occur.
enum class TensorOp {
  // what comes in
  numbers,      // `features`: those numbers in order, shape [features]; rows
  code,         // integer = feature (a category): its code as an index, -1 = missing or unseen, shape []; rows
  bag,          // integer = feature (a bag): its terms, shape []; rows; for gather_bag and scatter_bag only
  target,       // the value, or the index of the class, shape []; rows
  constant,     // real, shape []
  weight,       // integer = Network::weights
  row_weight,   // plan only: the weight of the row, shape []; rows
  row_share,    // plan only: 1 / rows that are computed together, shape []
  position,     // the number of an element along `axes`, the last fastest: a float of `shape`, as large as it is wanted
  // one element from elements at the same place; shapes are broadcast as numpy does it
  map,          // builtin `callee` of floats and bools (stdlib/builtins), e.g. add mul exp sigmoid lt and
  select,       // args: condition, yes, no
  // products
  product,      // a [.., i, k] @ b [.., k, j] → [.., i, j]; a [k] is one row of i, and the result has no i. Equal leading axes, or none
                // in b; b has rows or not. `transpose_a`, `transpose_b` swap the last two axes as they are read
  // reductions
  sum, max,     // over `axes` of args[0], which stay as axes of size 1
  row_sum,      // over the rows of a batch: no rows after it
  batch_mean,   // integer = Network::states. In training the mean of args[0] over the rows that are computed together, in scoring what the
                // state has followed; no rows
  // places
  reshape, transpose,      // to `shape`, integer = 1: no gradient passes; axes = the order
  slice,        // integer = axis, start, size in axes[0], axes[1]
  pad,          // adjoint of slice: integer = axis, axes[0] zeros before, axes[1] after
  concat,       // along axis `integer`
  broadcast,    // to `shape`, as map would do it; `rows` of something without: the same for each row
  pick,         // args: v [.., n], index [..]: v[.., index], no last axis; an index out of range gives 0
  place,        // adjoint of pick: args: v [..], index [..]; `shape`: v at index of the last axis, else 0
  gather,       // args: table [size, d] (a weight itself), code → [d]; zeros for what is no row of the table
  scatter,      // adjoint of gather: args: v [d] with rows, code; shape [size, d] of `integer` = weight; sum over the rows
  gather_bag,   // args: table [size, d] (a weight itself), bag → [d]: sum over its terms of value * table[term]
  scatter_bag,  // adjoint of gather_bag: args, shape and integer as scatter
  windows,      // [h, w, c] → [oh, ow, kh * kw * c]: axes = kh, kw, stride, pad; oh = (h + 2 pad - kh) / stride + 1. Outside there are zeros (of
                // `max_outside`: -inf)
  unwindow,     // adjoint of windows, to `shape`
  // chance
  mask,         // 1 / (1 - real) with probability 1 - real, else 0, drawn for each element by (seed, step, row, integer) as
                // mlp_mask_key and mlp_mask_unit say (stdlib/builtins/kernels.h); 1 in scoring
};

struct Tensor {
  TensorOp op = TensorOp::constant;
  std::vector<std::int64_t> shape{};   // without the rows; of a weight that is a table the first is 0: as large as fitting makes it
  bool rows = false;                 // one for each row
  bool boolean = false;              // of comparisons and logic
  std::vector<TensorId> args{};        // each stands before its user
  std::string callee{};
  std::int64_t integer = 0;
  double real = 0;
  std::vector<std::int64_t> axes{};
  std::vector<std::int32_t> features{};
  bool transpose_a = false, transpose_b = false, max_outside = false;
  Span span{};
  template <class A> void fields(A&& a) {
    a("op", op); a("callee", callee); a("args", args); a("shape", shape); a("rows", rows); a("boolean", boolean); a("integer", integer); a("real", real);
    a("axes", axes); a("features", features); a("transpose_a", transpose_a); a("transpose_b", transpose_b); a("max_outside", max_outside); a("span", span);
  }
};

// glorot, he: uniform, by fan in and out (Glorot, Bengio 2010; He et al. 2015); normal, uniform: of `scale`; value: `scale` everywhere.
enum class WeightInit { glorot, he, normal, uniform, value };
struct Weight {
  std::string name{};                  // dense_1.w: the layer, its number among those of that name, the `let`
  std::vector<std::int64_t> shape{};
  WeightInit init = WeightInit::glorot;
  double scale = 0;
  std::int32_t table_of = -1;        // the feature whose codes or terms number the first axis
  bool decays = true;                // weight decay touches it: matrices yes, offsets no
  Span span{};
  template <class A> void fields(A&& a) {
    a("name", name); a("shape", shape); a("init", init); a("scale", scale); a("table_of", table_of); a("decays", decays); a("span", span);
  }
};

// Follows a batch_mean through training, and is a constant in scoring: state = state * momentum + (1 - momentum) * mean.
struct State {
  std::string name{};
  std::vector<std::int64_t> shape{};
  double start = 0, momentum = 0.9;
  template <class A> void fields(A&& a) { a("name", name); a("shape", shape); a("start", start); a("momentum", momentum); }
};

// A step of the chain as it is written: what plans show, and where a fault of training is placed. The tensors of its body have
// its span; weights are named after it.
struct Layer {
  std::string name{};                  // dense_1; of a function its name: relu
  std::vector<std::int64_t> shape{};   // that it gives
  Span span{};
  template <class A> void fields(A&& a) { a("name", name); a("shape", shape); a("span", span); }
};

// How a weight changes after a batch, element by element: a function of the language. inputs (ExprOp::input): 0 the weight,
// 1 its gradient (mean over the batch), 2 the number of the batch from 1, 3 the learning rate now, 4.. what it keeps,
// which starts at 0, then 1 where weight decay touches the weight, else 0.
struct Optimizer {
  std::string name;                  // adam, as in the spec
  double rate = 1e-3;
  std::int32_t kept = 0;
  std::vector<ExprId> results;       // of the module's exprs: the new weight, then what it keeps
  template <class A> void fields(A&& a) { a("name", name); a("rate", rate); a("kept", kept); a("results", results); }
};

struct Network {
  std::vector<Weight> weights;
  std::vector<State> states;
  std::vector<Layer> layers;
  std::vector<Tensor> tensors;       // one graph for training and scoring: mask and batch_mean know the difference
  TensorId score;                    // [] or [n], before the link; rows
  TensorId loss;                     // of one row, from score and target: []; rows
  std::vector<TensorId> gradients;   // flow: by weight, of its shape: sum over the rows of row_weight times the loss, by that weight;
                                     // unknown where the loss does not depend on it
  Optimizer optimizer;
  bool empty() const { return tensors.empty(); }
  const Tensor& operator[](TensorId id) const { return tensors[static_cast<std::size_t>(id.index)]; }
};

// The text form: a record for each weight, state, layer and tensor, then one for the rest. Nothing for an empty network.
void print_network(Writer& w, const Network& network);
Network read_network(Reader& r);  // throws TextError

std::string spell_shape(const std::vector<std::int64_t>& shape, bool boolean = false);  // float[3, 4], float; 0 is a ?
bool broadcasts_to(const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& to);
// The shape that elements of both share, as numpy has it; nothing when they do not fit.
std::optional<std::vector<std::int64_t>> broadcast_shape(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b);
// [oh, ow, kh * kw * c]; nothing when a window is larger than what it moves over.
std::optional<std::vector<std::int64_t>> windows_shape(const std::vector<std::int64_t>& image, const std::vector<std::int64_t>& axes);

// Shapes, rows, argument order and indices hold. One line per breach.
std::vector<std::string> verify_network(const Network& network, const std::vector<Feature>& features, std::size_t exprs);

MLP_WORDS(TensorOp, "numbers", "code", "bag", "target", "constant", "weight", "row_weight", "row_share", "position", "map", "select", "product", "sum", "max", "row_sum", "batch_mean",
          "reshape", "transpose", "slice", "pad", "concat", "broadcast", "pick", "place", "gather", "scatter", "gather_bag", "scatter_bag", "windows",
          "unwindow", "mask");
MLP_WORDS(WeightInit, "glorot", "he", "normal", "uniform", "value");

}  // namespace mlp::ir
