// Layers → tensors. The bodies of layers are evaluated with the shapes that come in: numbers are computed at once, tensors become
// nodes of the network, functions are passed on. Errors are reported by the checker, at the call in the spec.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compiler/check/checker.h"
#include "stdlib/builtins/tensors.h"

namespace mlp::checking {

using Shape = std::vector<std::int64_t>;
constexpr int max_depth = 400;           // of expressions within each other

struct Applied;

// What an expression of a layer is.
struct Thing {
  enum class Kind { poison, number, boolean, text, list, tensor, function };
  Kind kind = Kind::poison;  // poison: reported, whatever it meets is silent
  double number = 0;         // a boolean too
  std::string text;
  std::vector<Thing> items;
  ir::TensorId tensor;
  std::vector<Applied> steps;  // of a function: what is called, one after the other
  std::string from;            // the layer that gave a tensor: dense_1
  Span span;
  bool poison() const { return kind == Kind::poison; }
  bool is_number() const { return kind == Kind::number; }
  bool is_tensor() const { return kind == Kind::tensor; }
};

inline Thing number_thing(double value, Span span, bool boolean = false) {
  Thing t;
  t.kind = boolean ? Thing::Kind::boolean : Thing::Kind::number;
  t.number = value;
  t.span = span;
  return t;
}

struct NamedThing {
  std::string name;  // "" when positional
  Span name_span;
  Thing value;
};

// A call that waits for its first argument: dense(64, relu).
struct Applied {
  std::string name;
  bool library = false;  // scope in which the name is looked up
  std::vector<NamedThing> args;
  Span span, name_span;
};

// A layer or function whose body is being evaluated; `locals` of the frame hold the names only.
struct LayerFrame : Frame {
  std::map<std::string, Thing> things;
  std::optional<Shape> leading;      // what `..` of the parameters stands for
  bool layer = false;                // may have weights
  bool elementwise = false;          // a `fn` of single values: tensors pass through element by element
  std::string path;                  // residual_1.dense_2
  std::map<std::string, int> count;  // of the layers of each name within
  std::string let;                   // the name that the value will have
  LayerFrame* outer = nullptr;
};

class Elaborator {
 public:
  Elaborator(Checker& checker, ir::Network& network);

  // ---- layers.cpp: functions that are passed on, expressions
  Thing function(ast::ExprId id);                       // `dense(64, relu) |> dropout(20%)`, `relu`
  Thing apply(const Thing& function, Thing first, const std::vector<Thing>& more = {});
  Thing apply_layer(const Applied& step, Thing first);  // one step of the chain
  std::string next_name(const std::string& layer) { return layer + "_" + std::to_string(here_->count[layer] + 1); }

  // ---- network_loss.cpp
  ir::TensorId loss(const FunctionRef& ref, ir::TensorId target, ir::TensorId score, const ast::Expr* call, Span span, Span name_span);  // unknown: reported

  // ---- tensors.cpp: one operation
  ir::TensorId push(ir::Tensor tensor);
  ir::TensorId constant(double value);
  ir::TensorId map(const std::string& callee, std::vector<ir::TensorId> args, bool boolean);  // the shapes fit
  ir::TensorId reshape(ir::TensorId v, Shape shape);
  ir::TensorId reduce(ir::TensorOp op, ir::TensorId v, const std::vector<std::int64_t>& axes);  // they stay, of size 1
  ir::TensorId slice(ir::TensorId v, std::int64_t axis, std::int64_t start, std::int64_t size);
  ir::TensorId concat(const std::vector<ir::TensorId>& parts, std::int64_t axis);
  ir::TensorId add_weight(ir::Weight weight);
  const ir::Tensor& at(ir::TensorId id) const { return network_[id]; }
  const Shape& shape(const Thing& t) const { return network_[t.tensor].shape; }
  void stand_at(Span span) { at_ = span; }
  std::string describe(const Thing& t) const;

 private:
  // ---- layers.cpp
  bool takes_function(const std::string& name, bool library, std::size_t place, const std::string& named) const;
  void set(LayerFrame& frame, const std::string& name, Thing value, Span declared);
  bool known(const std::string& name, bool library) const;
  Thing unknown_name(const std::string& name, Span span, bool called);
  Thing eval(ast::ExprId id);
  Thing eval_node(const ast::Expr& e);
  Thing eval_name(const ast::Expr& e);
  Thing eval_index(const ast::Expr& e);
  Thing eval_conditional(const ast::Expr& e);
  Thing eval_block(const ast::Expr& e);

  // ---- layer_calls.cpp
  Thing eval_call(const ast::Expr& e, const Thing* first);
  Thing call(const std::string& name, bool library, std::vector<NamedThing> args, Span span, Span name_span);
  Thing call_function(const std::vector<FunctionRef>& overloads, std::vector<NamedThing> args, Span span, Span name_span);
  Thing call_layer(const FunctionRef& ref, std::vector<NamedThing> args, Span span, Span name_span);
  std::optional<std::vector<Thing>> bind(const FunctionRef& ref, const std::vector<NamedThing>& args, Span span, Span name_span, bool report);
  Thing inline_body(const FunctionRef& ref, std::vector<Thing> bound, Span span, bool layer);
  bool take_parameter(const FunctionRef& ref, const ast::Parameter& p, const Thing& value, LayerFrame& inner, Span span);
  std::optional<std::string> match_shape(const FunctionRef& ref, const ast::TypeRef& type, const Shape& shape, LayerFrame& inner);
  bool give_result(const FunctionRef& ref, Thing& result, Span span);

  // ---- tensors.cpp
  std::optional<ir::TensorId> tensor(const Thing& t);                        // numbers and bools become constants
  bool need_values(std::vector<Thing>& args, const std::string& what);       // false, and reported: functions, texts, lists
  std::optional<Shape> common_shape(const std::vector<Thing>& args, const std::string& what, Span span);
  Thing elementwise(const std::string& name, std::vector<Thing> args, Span span, Span name_span);
  Thing select(const Thing& condition, const Thing& yes, const Thing& no, Span span);
  Thing product(Thing a, Thing b, Span span);
  Thing given(ir::TensorId id, Span span) const;

  // ---- tensor_functions.cpp: the rows of stdlib/builtins/tensors.def
  Thing call_tensor_function(const TensorFunction& row, std::vector<NamedThing> args, Span span, Span name_span);
  Thing make_weight(const ast::Expr& e, const Thing* first);
  bool take_init(ast::ExprId id, ir::Weight& weight);
  std::string own_name(const std::string& fallback) const;
  std::optional<std::int64_t> whole(const Thing& t, const std::string& what, std::int64_t least, std::int64_t most);
  std::optional<double> number(const Thing& t, const std::string& what, double least, double most);
  std::optional<Shape> sizes(const Thing& t, const std::string& what, bool rest);  // rest: -1 may stand there
  std::optional<std::int64_t> axis(const Thing& t, const Shape& of);
  std::optional<std::vector<std::int64_t>> axes(const Thing* t, const Shape& of);
  Thing reduction(const std::string& name, const std::vector<Thing>& args, const std::vector<bool>& there, Span span);
  Thing gather(const std::vector<Thing>& args, Span span);
  Thing fold(bool all, const std::vector<Thing>& args, Span span);

  Thing poison() const { return {}; }
  Diagnostic& report(Code code, std::string message, Span span, std::string label = {}) { return checker_.report(code, std::move(message), span, std::move(label)); }
  const ast::Expr& node(ast::ExprId id) const { return checker_.node(id); }

  Checker& checker_;
  ir::Network& network_;
  LayerFrame root_;
  LayerFrame* here_ = &root_;
  Span at_;                              // the step of the chain in the spec
  std::map<double, ir::TensorId> constants_;
  int depth_ = 0;
  std::int64_t masks_ = 0;

  struct Inside;
};

// Makes a frame the current one, of the checker too.
struct Elaborator::Inside {
  Inside(Elaborator& e, LayerFrame& frame) : e_(e), outer_(e.here_), checker_outer_(e.checker_.frame_) {
    frame.outer = e.here_;
    frame.caller = e.checker_.frame_;
    e.here_ = &frame;
    e.checker_.frame_ = &frame;
  }
  ~Inside() {
    e_.here_ = outer_;
    e_.checker_.frame_ = checker_outer_;
  }
  Elaborator& e_;
  LayerFrame* outer_;
  const Frame* checker_outer_;
};

}  // namespace mlp::checking
