// How a network runs: functions as lists of steps over buffers of floats. A step is a nest of loops around straight-line code, a
// product, or a look-up; nothing here knows a processor. One float operation is one rounding; sums have an order (below), so that
// bits depend on rows and data only.
#pragma once
#include <optional>

#include "compiler/ir/text/text.h"

namespace mlp::loop {

using BufferId = ir::Id<struct BufferTag>;
using ElementId = ir::Id<struct ElementTag>;

// scratch: of the call, by `offset`. numbers, score and loss are arrays of the call, the latter two of doubles; the others are its arrays by `number`. In the function `update`
// weight and gradient are those of its call, kept what the optimizer keeps, and rows are elements.
enum class Memory { scratch, numbers, weight, gradient, state, mean, kept, score, loss };
struct Buffer {
  Memory memory = Memory::scratch;
  std::int64_t number = 0;
  std::int64_t floats = 0;      // for each row, or in all; of a table: one row of it
  bool rows = false;
  std::int64_t offset = 0;      // scratch: of those without rows in floats, of those with in floats a row, behind the former
  template <class A> void fields(A&& a) { a("memory", memory); a("number", number); a("floats", floats); a("rows", rows); a("offset", offset); }
};

struct Extent {
  std::int64_t count = 1;
  bool rows = false;            // times the rows of the call
  friend bool operator==(Extent, Extent) = default;
  template <class A> void fields(A&& a) { a("count", count); a("rows", rows); }
};
struct Loop {
  Extent extent;
  bool reduced = false;
  friend bool operator==(const Loop&, const Loop&) = default;
  template <class A> void fields(A&& a) { a("extent", extent); a("reduced", reduced); }
};

// A float of a buffer: offset + the sum of strides times loop numbers.
struct Place {
  BufferId buffer;
  std::int64_t offset = 0;
  std::vector<std::int64_t> strides;
  friend bool operator==(const Place&, const Place&) = default;
  template <class A> void fields(A&& a) { a("buffer", buffer); a("offset", offset); a("strides", strides); }
};
// Holds where 0 <= offset + the sum of strides times loop numbers < size.
struct Guard {
  std::int64_t offset = 0, size = 0;
  std::vector<std::int64_t> strides;
  friend bool operator==(const Guard&, const Guard&) = default;
  template <class A> void fields(A&& a) { a("offset", offset); a("size", size); a("strides", strides); }
};

enum class ElementOp {
  constant,                                // real
  load,                                    // place; real where a guard does not hold
  target, row_weight, row_share,           // of the row; 1 / rows
  code,                                    // integer = feature: its code, as a float
  step, rate, decays,                      // update only; decays: 1 where weight decay touches the weight, else 0
  position,                                // place.offset and strides, as a float
  mask,                                    // place: the element; integer = stream, real = the share that falls out
  add, sub, mul, div, neg,
  eq, ne, lt, le, gt, ge, and_, or_, not_, // → bool; NaN compares as in loop.h
  select, to_float,
  call,                                    // text = symbol of a builtin of numbers, computed in single precision where it has such a form
};
struct Element {
  ElementOp op = ElementOp::constant;
  bool boolean = false;
  std::vector<ElementId> args;             // each stands before its user
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
  Place place;
  std::vector<Guard> guards;
  template <class A> void fields(A&& a) {
    a("op", op); a("bool", boolean); a("args", args); a("integer", integer); a("real", real); a("text", text); a("place", place); a("guards", guards);
  }
};
struct Store {
  ElementId value;
  Place place;
  bool add = false;                        // to what is there, in the order of the loops
  std::vector<Guard> guards;               // nothing is stored where one does not hold
  template <class A> void fields(A&& a) { a("value", value); a("place", place); a("add", add); a("guards", guards); }
};
// Over the reduced loops, to a place over the others. Where the last loop of all is reduced, element i of it goes to part i % 16; the parts
// of all reduced loops are then joined by halves. Otherwise in the order of the loops.
struct Reduction {
  bool maximum = false;                    // else a sum
  ElementId value;
  Place place;
  template <class A> void fields(A&& a) { a("maximum", maximum); a("value", value); a("place", place); }
};

enum class StepKind {
  nest,         // loops, body, stores, reductions
  product,      // for all loops: c[m, n] = (add ? c : 0) + a[m, k] b[k, n]; strides are those of the loops, then of the two axes in this order
                // (of c the last is 1)
  gather,       // c[row] = `width` floats of the table a at the row's index: the code of feature `integer`, or where that is -1 the float at
                // b, for a table of m rows; zeros for what is no row of the table
  gather_bag,   // the same, a sum over the terms of feature `integer`
  scatter,      // adds `width` floats of a[row] to the table c at the row's index, row by row
  scatter_bag,
};
struct Step {
  StepKind kind = StepKind::nest;
  std::vector<Loop> loops;
  std::vector<Element> body;
  std::vector<Store> stores;
  std::vector<Reduction> reductions;
  Extent m, n, k;
  Place a, b, c;
  bool add = false;
  bool stays = false;                      // of a nest: stands where it is wanted, not fused with another
  std::int64_t width = 0, integer = -1;
  std::string layer;                       // of a product: the step of the chain that it belongs to, for those who look at plans
  bool backward = false;                   // of a product: of gradients
  bool alone = false;                      // of a product that adds over the rows to a gradient, all of it: no other step does
  bool rounds = false;                     // of a product: its factors are rounded to bfloat16 (on the CPU by the product that the caller hands in)
  template <class A> void fields(A&& f) {
    f("kind", kind); f("loops", loops); f("body", body); f("stores", stores); f("reductions", reductions); f("m", m); f("n", n); f("k", k); f("a", a);
    f("b", b); f("c", c); f("add", add); f("stays", stays); f("width", width); f("integer", integer); f("layer", layer); f("backward", backward); f("alone", alone); f("rounds", rounds);
  }
};

struct Function {
  std::string name;                        // score | train | update
  std::vector<Buffer> buffers;
  std::vector<Step> steps;
  std::int64_t once = 0, each = 0;         // floats of scratch: in all, and for each row (rounded up to 16 rows)
  std::int64_t transient = 0;              // of `each`, at its end: of buffers that no segment (segments.h) leaves to another
};

// Whether a step leaves anything in this buffer.
bool writes(const Step& step, BufferId buffer);

// A weight that a step multiplies by as a whole: k x n from the weight row by row, or where `turned` column by column.
struct ByWeight {
  std::int64_t weight = 0, k = 0, n = 0;
  bool turned = false;
  friend bool operator==(const ByWeight&, const ByWeight&) = default;
};
std::optional<ByWeight> by_weight(const Function& function, const Step& step);
// The weights that a function reads in no other way.
std::vector<ByWeight> only_multiplied(const Function& function);

// A product of a matrix by a vector that is not rounded, which a device computes as a nest that sums.
bool by_vector(const Step& step);

void print(ir::Writer& w, const Function& function);
Function read_function(ir::Reader& r);  // throws ir::TextError
std::vector<std::string> verify(const Function& function);

}  // namespace mlp::loop

namespace mlp::ir {
MLP_WORDS(loop::Memory, "scratch", "numbers", "weight", "gradient", "state", "mean", "kept", "score", "loss");
MLP_WORDS(loop::ElementOp, "constant", "load", "target", "row_weight", "row_share", "code", "step", "rate", "decays", "position", "mask", "add", "sub", "mul", "div", "neg", "eq",
          "ne", "lt", "le", "gt", "ge", "and", "or", "not", "select", "to_float", "call");
MLP_WORDS(loop::StepKind, "nest", "product", "gather", "gather_bag", "scatter", "scatter_bag");
}  // namespace mlp::ir
