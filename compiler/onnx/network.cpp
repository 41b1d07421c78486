#include "compiler/onnx/network.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>

#include "base/diagnostic.h"

namespace mlp::onnx {
namespace {

using ir::Tensor;
using ir::TensorId;
using ir::TensorOp;

std::int64_t size_of(const Shape& shape) { return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()); }

// A tensor as the file has it: with an axis of rows in front where `rows`; it may still have to be broadcast to the tensor's shape.
struct Value {
  Name name;
  Shape shape;                       // without the rows
  bool rows = false;
  Element element = Element::float32;
};

class Writer {
 public:
  Writer(Graph& graph, const ir::Network& network, const std::vector<ir::Feature>& features, const std::vector<Learned>& weights, const std::vector<Learned>& states, Precision precision)
      : g_(graph), net_(network), features_(features), weights_(weights), states_(states), precision_(precision), needed_(network.tensors.size()), values_(network.tensors.size()) {}

  Name run() {
    write_inputs();
    needed_[static_cast<std::size_t>(net_.score.index)] = 1;
    for (std::size_t i = needed_.size(); i-- > 0;) {
      const Tensor& t = net_.tensors[i];
      if (!needed_[i] || t.op == TensorOp::batch_mean) continue;  // the state stands for it
      if (const Tensor* const image = moved_over(t)) {
        needed_[static_cast<std::size_t>(image->args[0].index)] = 1;
        if (t.op == TensorOp::product) needed_[static_cast<std::size_t>(t.args[1].index)] = 1;
        continue;
      }
      for (const TensorId arg : t.args) needed_[static_cast<std::size_t>(arg.index)] = 1;
    }
    for (std::size_t i = 0; i < needed_.size(); ++i)
      if (needed_[i]) values_[i] = write(net_.tensors[i]);
    const Shape& shape = net_[net_.score].shape;
    return with_rows(reshaped(whole(net_.score), {shape.empty() ? 1 : shape[0]})).name;
  }

 private:
  const Tensor& at(TensorId id) const { return net_[id]; }
  const Value& of(TensorId id) const { return values_[static_cast<std::size_t>(id.index)]; }
  const std::string& feature(std::int64_t f) const { return features_[static_cast<std::size_t>(f)].name; }
  Name zero() { return g_.number(0); }

  // All that the network can read, used by the score or not.
  void write_inputs() {
    const Axis rows{0, "rows"};
    std::map<std::int64_t, const Tensor*> categories, bags;  // by feature
    for (const Tensor& t : net_.tensors) {
      if (t.op == TensorOp::code) categories[t.integer] = &t;
      if (t.op == TensorOp::bag) bags[t.integer] = &t;
      if (t.op != TensorOp::numbers || counted_ == "numbers") continue;
      counted_ = "numbers";
      g_.input(counted_, Element::float32, {rows, {t.shape[0], {}}});
    }
    for (const auto& [f, t] : categories) {
      const Name name = "code." + feature(f);
      g_.input(name, Element::int64, {rows});
      if (counted_.empty()) counted_ = name;
    }
    for (const auto& [f, t] : bags) {
      const Axis terms{0, "terms of " + feature(f)};
      g_.input(bag(*t, "terms"), Element::int64, {terms});
      g_.input(bag(*t, "values"), Element::float32, {terms});
      g_.input(bag(*t, "offsets"), Element::int64, {rows});
      if (counted_.empty()) counted_ = bag(*t, "offsets");
    }
    MLP_CHECK(!counted_.empty());
  }
  Name bag(const Tensor& t, const char* part) const { return "bag." + feature(t.integer) + "." + part; }

  // ---- shapes
  Value reshaped(Value v, const Shape& shape) {
    if (v.shape == shape) return v;
    Shape to = shape;
    if (v.rows) to.insert(to.begin(), 0);  // as many as there are
    v.name = g_.node("Reshape", {v.name, g_.list(to)});
    v.shape = shape;
    return v;
  }
  // With axes of one in front, so that those of rows stand below each other.
  Value ranked(const Value& v, std::size_t rank) {
    Shape shape(rank - v.shape.size(), 1);
    shape.insert(shape.end(), v.shape.begin(), v.shape.end());
    return reshaped(v, shape);
  }
  // Of all the elements that the tensor has.
  Value whole(TensorId id) {
    Value v = as(Element::float32, of(id));
    const Shape shape = at(id).op == TensorOp::weight ? v.shape : at(id).shape;
    if (v.shape == shape) return v;
    v = ranked(v, shape.size());
    Shape to = shape;
    if (v.rows) to.insert(to.begin(), 1);
    v.name = g_.node("Expand", {v.name, g_.list(to)});
    v.shape = shape;
    return v;
  }
  Value with_rows(Value v) {
    if (v.rows) return v;
    v.name = g_.node("Expand", {v.name, g_.node("Concat", {g_.rows_of(counted_), g_.list(v.shape)}, {{"axis", std::int64_t{0}}})});
    v.rows = true;
    return v;
  }
  Value as(Element element, Value v) {
    if (v.element != element) v.name = g_.cast(v.name, element);
    v.element = element;
    return v;
  }
  std::int64_t axis(const Value& v, std::int64_t of_tensor) const { return of_tensor + v.rows; }
  Shape axes(const Value& v, Shape of_tensor) const {
    for (std::int64_t& a : of_tensor) a += v.rows;
    return of_tensor;
  }
  Value result(Name name, Shape shape, bool rows, Element element = Element::float32) const { return {std::move(name), std::move(shape), rows, element}; }

  // ---- tensors
  Value write(const Tensor& t) {
    switch (t.op) {
      case TensorOp::numbers: return {"numbers", t.shape, true};
      case TensorOp::code: return {"code." + feature(t.integer), {}, true, Element::int64};
      case TensorOp::bag: return {bag(t, "terms"), {}, true, Element::int64};  // read by gather_bag
      case TensorOp::constant: return {g_.number(static_cast<float>(t.real)), {}, false};
      case TensorOp::weight: return learned(net_.weights[static_cast<std::size_t>(t.integer)].name, weights_[static_cast<std::size_t>(t.integer)]);
      case TensorOp::batch_mean: return learned(net_.states[static_cast<std::size_t>(t.integer)].name, states_[static_cast<std::size_t>(t.integer)]);
      case TensorOp::mask: return {g_.number(1), {}, false};
      case TensorOp::position: return position(t);
      case TensorOp::map: return map(t);
      case TensorOp::select: return select(t);
      case TensorOp::product: return product(t);
      case TensorOp::sum: case TensorOp::max: return reduce(t);
      case TensorOp::reshape: return reshaped(whole(t.args[0]), t.shape);
      case TensorOp::broadcast: return of(t.args[0]);
      case TensorOp::transpose: {
        const Value v = whole(t.args[0]);
        Shape order = axes(v, t.axes);
        if (v.rows) order.insert(order.begin(), 0);
        return result(g_.node("Transpose", {v.name}, {{"perm", order}}), t.shape, v.rows);
      }
      case TensorOp::slice: {
        const Value v = whole(t.args[0]);
        return result(g_.node("Slice", {v.name, g_.list({t.axes[0]}), g_.list({t.axes[0] + t.axes[1]}), g_.list({axis(v, t.integer)})}), t.shape, v.rows);
      }
      case TensorOp::pad: {
        const Value v = whole(t.args[0]);
        return result(padded(v, axis(v, t.integer), t.axes[0], t.axes[1], 0), t.shape, v.rows);
      }
      case TensorOp::concat: return concat(t);
      case TensorOp::pick: return pick(t);
      case TensorOp::place: {
        const std::size_t rank = t.shape.size();
        const Value v = last_of_one(t.args[0], rank), here = last_of_one(t.args[1], rank);
        const Shape shape = *ir::broadcast_shape(*ir::broadcast_shape(v.shape, here.shape), {t.shape.back()});
        return result(g_.node("Where", {numbered(here, t.shape.back()), v.name, zero()}), shape, v.rows || here.rows);
      }
      case TensorOp::gather: return gather(t);
      case TensorOp::gather_bag: return gather_bag(t);
      case TensorOp::windows: return windows(t);
      case TensorOp::target: case TensorOp::row_weight: case TensorOp::row_share: case TensorOp::row_sum: case TensorOp::scatter: case TensorOp::scatter_bag: case TensorOp::unwindow: break;
    }
    MLP_BUG("a score reads what only training has");
  }

  Value learned(const std::string& name, const Learned& of) {
    if (learned_.insert(name).second) g_.constant(name, of.shape, of.values);
    return {name, of.shape, false};
  }

  Value position(const Tensor& t) {
    std::vector<float> numbers;
    Shape at(t.shape.size());
    for (std::int64_t n = size_of(t.shape); n-- > 0;) {
      std::int64_t number = 0;
      for (const std::int64_t a : t.axes) number = number * t.shape[static_cast<std::size_t>(a)] + at[static_cast<std::size_t>(a)];
      numbers.push_back(static_cast<float>(number));
      for (std::size_t a = at.size(); a-- > 0;) {
        if (++at[a] < t.shape[a]) break;
        at[a] = 0;
      }
    }
    return {g_.floats(t.shape, numbers), t.shape, false};
  }

  // The arguments side by side, as numpy broadcasts them; `shape` and `rows` of what is made of them.
  std::vector<Value> beside(const std::vector<TensorId>& ids, const std::vector<Element>& elements, Shape& shape, bool& rows) {
    std::vector<Value> all;
    std::size_t rank = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      all.push_back(as(elements[i], of(ids[i])));
      rank = std::max(rank, all.back().shape.size());
      shape = *ir::broadcast_shape(shape, all.back().shape);
      rows = rows || all.back().rows;
    }
    for (Value& v : all)
      if (v.rows) v = ranked(v, rank);
    return all;
  }

  Value map(const Tensor& t) {
    if (t.callee == "mul")  // by a mask: nothing
      for (const std::size_t one : {0, 1})
        if (at(t.args[one]).op == TensorOp::mask) return of(t.args[1 - one]);
    Shape shape;
    bool rows = false;
    std::vector<Name> args;
    const bool logic = t.callee == "and" || t.callee == "or" || t.callee == "not";
    for (const Value& v : beside(t.args, std::vector(t.args.size(), logic ? Element::boolean : Element::float32), shape, rows)) args.push_back(v.name);
    return result(write_element(g_, t.callee, args), shape, rows, t.boolean ? Element::boolean : Element::float32);
  }

  Value select(const Tensor& t) {
    Shape shape;
    bool rows = false;
    const Element element = t.boolean ? Element::boolean : Element::float32;
    const std::vector<Value> v = beside(t.args, {Element::boolean, element, element}, shape, rows);
    if (t.boolean) {  // Where is not offered for bools everywhere
      const Name yes = g_.node("And", {v[0].name, v[1].name}), no = g_.node("And", {g_.node("Not", {v[0].name}), v[2].name});
      return result(g_.node("Or", {yes, no}), shape, rows, Element::boolean);
    }
    return result(g_.node("Where", {v[0].name, v[1].name, v[2].name}), shape, rows);
  }

  // What a product multiplies.
  Value factor(TensorId id) {
    Value v = whole(id);
    if (precision_ == Precision::bf16) v.name = g_.cast(g_.cast(v.name, Element::bfloat16), Element::float32);
    return v;
  }
  Value turned(Value v) {
    Shape order;
    for (std::size_t i = 0; i < v.shape.size() + v.rows; ++i) order.push_back(static_cast<std::int64_t>(i));
    std::swap(order[order.size() - 1], order[order.size() - 2]);
    std::swap(v.shape[v.shape.size() - 1], v.shape[v.shape.size() - 2]);
    v.name = g_.node("Transpose", {v.name}, {{"perm", order}});
    return v;
  }

  // The windows behind a product or a maximum that Conv or MaxPool computes as it stands, without them in memory; else none.
  const Tensor* moved_over(const Tensor& t) const {
    if (t.op != TensorOp::product && t.op != TensorOp::max) return nullptr;
    const Tensor* from = &at(t.args[0]);
    const Shape& seen = from->shape;
    if (from->op == TensorOp::reshape) from = &at(from->args[0]);
    if (from->op != TensorOp::windows) return nullptr;
    const std::int64_t places = from->axes[0] * from->axes[1], channels = from->shape[2] / places, around = from->axes[3];
    if (t.op == TensorOp::product) {
      const bool zeros = around == 0 || !from->max_outside, kernel = at(t.args[1]).shape.size() == 2 && !at(t.args[1]).rows;
      return zeros && kernel && !t.transpose_a && seen.back() == from->shape[2] ? from : nullptr;
    }
    const bool lowest = around == 0 || (from->max_outside && around < from->axes[0] && around < from->axes[1]);
    const bool by_place = seen == Shape{from->shape[0], from->shape[1], places, channels} || (channels == 1 && &seen == &from->shape);
    return lowest && by_place && t.axes == Shape{2} ? from : nullptr;
  }
  // An image with its channels in front goes in and comes out of the node, [N, c, h, w]; here they are last.
  Value move_over(const Tensor& t, const Tensor& windows) {
    Value image = t.op == TensorOp::product ? factor(windows.args[0]) : whole(windows.args[0]);
    if (!image.rows) image.name = g_.node("Unsqueeze", {image.name, g_.list({0})});
    const std::int64_t high = windows.axes[0], wide = windows.axes[1], stride = windows.axes[2], around = windows.axes[3];
    const std::vector<Attribute> how = {{"kernel_shape", Shape{high, wide}}, {"strides", Shape{stride, stride}}, {"pads", Shape{around, around, around, around}}};
    std::vector<Name> inputs = {g_.node("Transpose", {image.name}, {{"perm", Shape{0, 3, 1, 2}}})};
    std::int64_t channels = image.shape[2];
    if (t.op == TensorOp::product) {
      Value kernel = factor(t.args[1]);
      if (t.transpose_b) kernel = turned(kernel);
      channels = kernel.shape[1];
      inputs.push_back(g_.node("Transpose", {reshaped(kernel, {high, wide, image.shape[2], channels}).name}, {{"perm", Shape{3, 2, 0, 1}}}));
    }
    Name out = g_.node("Transpose", {g_.node(t.op == TensorOp::product ? "Conv" : "MaxPool", inputs, how)}, {{"perm", Shape{0, 2, 3, 1}}});
    if (!image.rows) out = g_.node("Squeeze", {out, g_.list({0})});
    return reshaped(result(out, {windows.shape[0], windows.shape[1], channels}, image.rows), t.shape);
  }

  Value product(const Tensor& t) {
    if (const Tensor* const windows = moved_over(t)) return move_over(t, *windows);
    Value a = factor(t.args[0]), b = factor(t.args[1]);
    if (t.transpose_b) b = turned(b);
    if (a.shape.size() == 1 && a.rows && !b.rows && b.shape.size() == 2) return result(g_.node("MatMul", {a.name, b.name}), t.shape, true);  // rows of a matrix
    if (a.shape.size() == 1) a = reshaped(a, {1, a.shape[0]});
    if (t.transpose_a) a = turned(a);
    if (b.rows) b = ranked(b, a.shape.size());
    Shape shape = a.shape;
    shape.back() = b.shape.back();
    return reshaped(result(g_.node("MatMul", {a.name, b.name}), shape, a.rows || b.rows), t.shape);
  }

  Value reduce(const Tensor& t) {
    if (const Tensor* const windows = moved_over(t)) return move_over(t, *windows);
    const Value v = whole(t.args[0]);
    if (t.axes.empty()) return v;
    if (t.op == TensorOp::sum) return result(g_.node("ReduceSum", {v.name, g_.list(axes(v, t.axes))}), t.shape, v.rows);
    return result(g_.node("ReduceMax", {v.name}, {{"axes", axes(v, t.axes)}}), t.shape, v.rows);
  }

  Name padded(const Value& v, std::int64_t axis, std::int64_t before, std::int64_t after, float with) {
    const std::size_t rank = v.shape.size() + v.rows;
    Shape zeros(2 * rank);
    zeros[static_cast<std::size_t>(axis)] = before;
    zeros[rank + static_cast<std::size_t>(axis)] = after;
    return g_.node("Pad", {v.name, g_.list(zeros), g_.number(with)});
  }

  Value concat(const Tensor& t) {
    std::vector<Value> parts;
    bool rows = false;
    for (const TensorId arg : t.args) {
      parts.push_back(whole(arg));
      rows = rows || parts.back().rows;
    }
    std::vector<Name> names;
    for (const Value& part : parts) names.push_back(rows ? with_rows(part).name : part.name);
    return result(g_.node("Concat", names, {{"axis", t.integer + rows}}), t.shape, rows);
  }

  // With one more axis of one behind, and so many in all.
  Value last_of_one(TensorId id, std::size_t rank) {
    Value v = as(Element::float32, of(id));
    Shape shape = v.shape;
    shape.push_back(1);
    v = reshaped(v, shape);
    return v.rows ? ranked(v, rank) : v;
  }
  // Whether an index is the place along a last axis of so many.
  Name numbered(const Value& index, std::int64_t size) {
    std::vector<float> places(static_cast<std::size_t>(size));
    std::iota(places.begin(), places.end(), 0.0f);
    return g_.node("Equal", {index.name, g_.floats({size}, places)});
  }

  Value pick(const Tensor& t) {
    const Value v = whole(t.args[0]), index = last_of_one(t.args[1], v.shape.size());
    const Name one = g_.node("Where", {numbered(index, v.shape.back()), v.name, zero()});
    return result(g_.node("ReduceSum", {one, g_.list({-1})}, {{"keepdims", std::int64_t{0}}}), t.shape, v.rows || index.rows);
  }

  // Rows of a table; of zeros for what is no row of it. `index` is INT64.
  Name looked_up(const Value& table, const Name& index) {
    const std::int64_t size = table.shape[0];
    const Name more = g_.node("Concat", {table.name, g_.floats({1, table.shape[1]}, std::vector<float>(static_cast<std::size_t>(table.shape[1])))}, {{"axis", std::int64_t{0}}});
    const Name inside = g_.node("And", {g_.node("GreaterOrEqual", {index, g_.integers({}, {0})}), g_.node("Less", {index, g_.integers({}, {size})})});
    return g_.node("Gather", {more, g_.node("Where", {inside, index, g_.integers({}, {size})})}, {{"axis", std::int64_t{0}}});
  }
  Value gather(const Tensor& t) {
    Value index = of(t.args[1]);
    if (index.element != Element::int64) index.name = g_.cast(g_.node("Floor", {index.name}), Element::int64);
    return result(looked_up(of(t.args[0]), index.name), t.shape, index.rows);
  }

  // Terms of all rows are looked up together and added row by row.
  Value gather_bag(const Tensor& t) {
    const Tensor& of_bag = at(t.args[1]);
    const Name terms = bag(of_bag, "terms"), offsets = bag(of_bag, "offsets");
    const Attribute first{"axis", std::int64_t{0}}, add{"reduction", "add"};
    const Name one = g_.list({1}), count = g_.rows_of(terms);
    const auto zeros = [&](const Name& shape) { return g_.node("ConstantOfShape", {shape}); };
    // How many rows begin at each term, added up, is the number of the row that the term belongs to, counted from 1.
    const Name none = g_.cast(zeros(g_.node("Add", {count, one})), Element::int64), ones = g_.node("Expand", {one, g_.rows_of(offsets)});
    const Name begun = g_.node("CumSum", {g_.node("ScatterElements", {none, offsets, ones}, {first, add}), g_.integers({}, {0})});
    const Name row = g_.node("Sub", {g_.node("Slice", {begun, g_.list({0}), count, g_.list({0})}), one});
    const Name weighted = g_.node("Mul", {looked_up(of(t.args[0]), terms), g_.node("Unsqueeze", {bag(of_bag, "values"), g_.list({1})})});
    const Name to = g_.node("Expand", {g_.node("Unsqueeze", {row, g_.list({1})}), g_.node("Shape", {weighted})});
    const Name start = zeros(g_.node("Concat", {g_.rows_of(offsets), g_.list(t.shape)}, {first}));
    return result(g_.node("ScatterElements", {start, to, weighted}, {first, add}), t.shape, true);
  }

  // The elements at each place of the window, strided over the image, side by side.
  Value windows(const Tensor& t) {
    Value image = whole(t.args[0]);
    const std::int64_t high = t.axes[0], wide = t.axes[1], stride = t.axes[2], around = t.axes[3];
    if (around > 0)
      for (const std::int64_t a : {0, 1}) image.name = padded(image, axis(image, a), around, around, t.max_outside ? -std::numeric_limits<float>::infinity() : 0);
    std::vector<Name> places;
    for (std::int64_t y = 0; y < high; ++y)
      for (std::int64_t x = 0; x < wide; ++x)
        places.push_back(g_.node("Slice", {image.name, g_.list({y, x}), g_.list({y + (t.shape[0] - 1) * stride + 1, x + (t.shape[1] - 1) * stride + 1}), g_.list(axes(image, {0, 1})), g_.list({stride, stride})}));
    return result(g_.node("Concat", places, {{"axis", axis(image, 2)}}), t.shape, image.rows);
  }

  Graph& g_;
  const ir::Network& net_;
  const std::vector<ir::Feature>& features_;
  const std::vector<Learned>&weights_, &states_;
  const Precision precision_;
  std::vector<char> needed_;
  std::vector<Value> values_;
  std::set<std::string> learned_;
  Name counted_;                     // an input with an entry for each row
};

}  // namespace

Name write_network(Graph& graph, const ir::Network& network, const std::vector<ir::Feature>& features, const std::vector<Learned>& weights, const std::vector<Learned>& states,
                   Precision precision) {
  return Writer(graph, network, features, weights, states, precision).run();
}

}  // namespace mlp::onnx
