#include "compiler/derive/network.h"

#include <algorithm>

#include "base/diagnostic.h"
#include "compiler/derive/graph.h"
#include "compiler/derive/rules.h"

namespace mlp::derive {
namespace {

using ir::Tensor;
using ir::TensorId;
using ir::TensorOp;

// By tensor: whether it changes with a weight, and whether the loss changes with it.
std::vector<char> between(const ir::Network& network) {
  std::vector<char> moved(network.tensors.size()), read(network.tensors.size());
  for (std::size_t i = 0; i < moved.size(); ++i) {
    const Tensor& t = network.tensors[i];
    moved[i] = t.op == TensorOp::weight;
    for (const TensorId arg : t.args) moved[i] |= moved[static_cast<std::size_t>(arg.index)];
    moved[i] = moved[i] && !t.boolean && !(t.op == TensorOp::map && t.callee == "to_float") && !(t.op == TensorOp::reshape && t.integer == 1);
  }
  if (network.loss.known()) read[static_cast<std::size_t>(network.loss.index)] = 1;
  for (std::size_t i = read.size(); i-- > 0;) {
    read[i] = read[i] && moved[i];
    if (read[i])
      for (const TensorId arg : network.tensors[i].args) read[static_cast<std::size_t>(arg.index)] = 1;
  }
  return read;
}

class Reverse {
 public:
  explicit Reverse(ir::Network& network) : net_(network), g_(network), live_(between(network)), adjoint_(network.tensors.size()) {}

  void run() {
    net_.gradients.assign(net_.weights.size(), {});
    if (!live(net_.loss)) return;
    Tensor seed;
    seed.op = TensorOp::row_weight;
    seed.rows = true;
    adjoint_[static_cast<std::size_t>(net_.loss.index)] = g_.write(std::move(seed));
    for (std::int32_t i = net_.loss.index; i >= 0; --i) {
      const TensorId id{i}, adjoint = adjoint_[static_cast<std::size_t>(i)];
      if (!adjoint.known()) continue;
      const Tensor t = net_[id];
      g_.from(t.span);
      if (t.op == TensorOp::weight) net_.gradients[static_cast<std::size_t>(t.integer)] = sum(net_.gradients[static_cast<std::size_t>(t.integer)], adjoint);
      else back(id, t, g_.broadcast(adjoint, t.shape, t.rows));
    }
  }

 private:
  bool live(TensorId id) const { return id.known() && live_[static_cast<std::size_t>(id.index)]; }
  const Shape& shape(TensorId id) const { return net_[id].shape; }

  // A selection of `v` where only one branch is not 0: which one, else -1.
  int kept_branch(TensorId v) const {
    const Tensor& t = net_[v];
    if (t.op != TensorOp::select) return -1;
    return g_.is(t.args[2], 0) ? 1 : g_.is(t.args[1], 0) ? 2 : -1;
  }
  template <class Inner>
  TensorId inside(TensorId v, int branch, Inner&& inner) {
    const Tensor t = net_[v];
    const TensorId zero = g_.constant(0), made = inner(t.args[static_cast<std::size_t>(branch)]);
    return branch == 1 ? g_.select(t.args[0], made, zero) : g_.select(t.args[0], zero, made);
  }
  // An adjoint times or through something; what a selection leaves out stays 0 whatever the factor is there.
  TensorId apply(std::string_view callee, TensorId adjoint, TensorId factor) {
    if (const int branch = kept_branch(adjoint); branch > 0) return inside(adjoint, branch, [&](TensorId v) { return apply(callee, v, factor); });
    if (!factor.known()) return g_.map(callee, {adjoint});
    return g_.map(callee, {adjoint, factor});
  }
  TensorId sum(TensorId a, TensorId b) {
    if (!a.known()) return b;
    const int branch = kept_branch(a);
    if (branch > 0 && branch == kept_branch(b) && net_[a].args[0] == net_[b].args[0]) {
      const TensorId other = net_[b].args[static_cast<std::size_t>(branch)];
      return inside(a, branch, [&](TensorId v) { return sum(v, other); });
    }
    return g_.map("add", {a, b});
  }

  // Adds to the adjoint of `arg` what comes through a tensor that broadcast it.
  void give(TensorId arg, TensorId part) {
    if (!live(arg) || !part.known()) return;
    const Shape to = shape(arg);
    const Shape& have = shape(part);
    Shape axes;
    for (std::size_t i = 0; i < have.size(); ++i) {
      const std::int64_t n = i + to.size() < have.size() ? 1 : to[i + to.size() - have.size()];
      if (n == 1 && have[i] != 1) axes.push_back(static_cast<std::int64_t>(i));
    }
    part = g_.reshape(g_.reduce(TensorOp::sum, part, std::move(axes)), to);
    if (net_[part].rows && !net_[arg].rows) part = g_.row_sum(part);
    TensorId& all = adjoint_[static_cast<std::size_t>(arg.index)];
    all = sum(all, part);
  }

  void back(TensorId id, const Tensor& t, TensorId g) {
    switch (t.op) {
      case TensorOp::map: return through_map(id, t, g);
      case TensorOp::select: {
        const TensorId zero = g_.constant(0);
        if (live(t.args[1])) give(t.args[1], g_.select(t.args[0], g, zero));
        if (live(t.args[2])) give(t.args[2], g_.select(t.args[0], zero, g));
        return;
      }
      case TensorOp::product: return through_product(t, g);
      case TensorOp::sum: return give(t.args[0], g_.broadcast(g, shape(t.args[0]), t.rows));
      case TensorOp::max: return give(t.args[0], to_first(id, t, g));
      case TensorOp::row_sum: return give(t.args[0], g_.broadcast(g, t.shape, net_[t.args[0]].rows));
      case TensorOp::batch_mean: {
        Tensor share;
        share.op = TensorOp::row_share;
        return give(t.args[0], g_.broadcast(apply("mul", g, g_.write(std::move(share))), t.shape, net_[t.args[0]].rows));
      }
      case TensorOp::reshape: return give(t.args[0], g_.reshape(g, shape(t.args[0])));
      case TensorOp::transpose: {
        Tensor inverse = t;
        for (std::size_t axis = 0; axis < t.axes.size(); ++axis) inverse.axes[static_cast<std::size_t>(t.axes[axis])] = static_cast<std::int64_t>(axis);
        return give(t.args[0], write(std::move(inverse), {g}, shape(t.args[0])));
      }
      case TensorOp::slice: {
        Tensor pad;
        pad.op = TensorOp::pad;
        pad.integer = t.integer;
        pad.axes = {t.axes[0], shape(t.args[0])[static_cast<std::size_t>(t.integer)] - t.axes[0] - t.axes[1]};
        return give(t.args[0], write(std::move(pad), {g}, shape(t.args[0])));
      }
      case TensorOp::pad: return give(t.args[0], slice(g, t.integer, t.axes[0], shape(t.args[0])));
      case TensorOp::concat: {
        std::int64_t start = 0;
        for (const TensorId arg : t.args) {
          if (live(arg)) give(arg, slice(g, t.integer, start, shape(arg)));
          start += shape(arg)[static_cast<std::size_t>(t.integer)];
        }
        return;
      }
      case TensorOp::broadcast: return give(t.args[0], g);
      case TensorOp::pick: case TensorOp::place: {
        Tensor other;
        other.op = t.op == TensorOp::pick ? TensorOp::place : TensorOp::pick;
        return give(t.args[0], write(std::move(other), {g, t.args[1]}, shape(t.args[0])));
      }
      case TensorOp::gather: case TensorOp::gather_bag: {
        Tensor scatter;
        scatter.op = t.op == TensorOp::gather ? TensorOp::scatter : TensorOp::scatter_bag;
        scatter.integer = net_[t.args[0]].integer;
        return give(t.args[0], write(std::move(scatter), {g, t.args[1]}, shape(t.args[0])));
      }
      case TensorOp::windows: case TensorOp::unwindow: {
        Tensor other;
        other.op = t.op == TensorOp::windows ? TensorOp::unwindow : TensorOp::windows;
        other.axes = t.axes;
        return give(t.args[0], write(std::move(other), {g}, shape(t.args[0])));
      }
      case TensorOp::numbers: case TensorOp::code: case TensorOp::bag: case TensorOp::target: case TensorOp::constant: case TensorOp::weight: case TensorOp::row_weight:
      case TensorOp::row_share: case TensorOp::position: case TensorOp::mask: return;
      case TensorOp::scatter: case TensorOp::scatter_bag: break;
    }
    MLP_BUG("a tensor of gradients among those to differentiate");
  }

  TensorId write(Tensor tensor, std::vector<TensorId> args, Shape shape) {
    tensor.rows = false;
    tensor.args = std::move(args);
    tensor.shape = std::move(shape);
    return g_.write(std::move(tensor));
  }
  TensorId slice(TensorId v, std::int64_t axis, std::int64_t start, const Shape& to) {
    Tensor slice;
    slice.op = TensorOp::slice;
    slice.integer = axis;
    slice.axes = {start, to[static_cast<std::size_t>(axis)]};
    return write(std::move(slice), {v}, to);
  }

  // The formulas of rules.h with tensors for expressions: inputs are the arguments, the call is the tensor itself.
  void through_map(TensorId id, const Tensor& t, TensorId g) {
    const Rule* const rule = rule_of(t.callee, t.args.size());
    if (!rule) MLP_BUG("no derivative of `" + t.callee + "`");
    std::vector<ir::Expr> exprs;
    for (std::size_t i = 0; i <= t.args.size(); ++i) {
      ir::Expr& e = exprs.emplace_back();
      e.op = i < t.args.size() ? ir::ExprOp::input : ir::ExprOp::call;
      e.type = {Scalar::real, false};
      e.column = {static_cast<std::int32_t>(i)};
      if (i < t.args.size()) continue;
      e.callee = t.callee;
      for (std::size_t n = 0; n < i; ++n) e.args.push_back({static_cast<std::int32_t>(n)});
    }
    const ir::ExprId call{static_cast<std::int32_t>(t.args.size())};
    Writer writer(exprs, t.span);
    writer.know(call);
    std::vector<Term> v;
    for (std::int32_t i = 0; i < call.index; ++i) v.push_back({&writer, {i}});
    for (std::size_t by = 0; by < t.args.size(); ++by) {
      if (!live(t.args[by])) continue;
      const ir::ExprId partial = rule->partial({&writer, call}, v, by).id;
      const auto tensor = [&](const auto& self, ir::ExprId e) -> TensorId {
        const ir::Expr& x = exprs[static_cast<std::size_t>(e.index)];
        if (x.op == ir::ExprOp::input) return t.args[static_cast<std::size_t>(x.column.index)];
        if (e == call) return id;
        if (x.op == ir::ExprOp::constant) return g_.constant(x.value.real);
        std::vector<TensorId> args;
        for (const ir::ExprId arg : x.args) args.push_back(self(self, arg));
        return x.op == ir::ExprOp::select ? g_.select(args[0], args[1], args[2]) : g_.map(x.callee, std::move(args));
      };
      const auto times = [&](const auto& self, ir::ExprId e) -> TensorId {  // unknown: zero
        const ir::Expr& x = exprs[static_cast<std::size_t>(e.index)];
        if (x.op == ir::ExprOp::constant && x.value.real == 0) return {};
        if (x.op == ir::ExprOp::constant && x.value.real == 1) return g;
        if (x.op == ir::ExprOp::constant && x.value.real == -1) return apply("neg", g, {});
        if (x.op == ir::ExprOp::select) {
          const TensorId yes = self(self, x.args[1]), no = self(self, x.args[2]), zero = g_.constant(0);
          if (!yes.known() && !no.known()) return {};
          return g_.select(tensor(tensor, x.args[0]), yes.known() ? yes : zero, no.known() ? no : zero);
        }
        if (writer.is_call(e, "neg")) {
          const TensorId inner = self(self, x.args[0]);
          return inner.known() ? apply("neg", inner, {}) : inner;
        }
        if (writer.is_call(e, "div") && exprs[static_cast<std::size_t>(x.args[0].index)].op == ir::ExprOp::constant) {
          const TensorId over = self(self, x.args[0]);
          return over.known() ? apply("div", over, tensor(tensor, x.args[1])) : over;
        }
        return apply("mul", g, tensor(tensor, e));
      };
      give(t.args[by], times(times, partial));
    }
  }

  // c = op(a) op(b): op(a)' gets c' op(b)^T, op(b)' gets op(a)^T c'.
  void through_product(const Tensor& t, TensorId g) {
    TensorId a = t.args[0], b = t.args[1];
    const bool single = shape(a).size() == 1;
    if (single) {
      a = g_.reshape(a, {1, shape(a)[0]});
      g = g_.reshape(g, {1, t.shape.back()});
    }
    const Shape x = shape(a), y = shape(b);
    const bool shared = x.size() > 2 && y.size() == 2;  // one b for all leading axes of a
    if (live(t.args[0])) {
      TensorId other = b;
      if (shared && t.transpose_a) {
        Shape wide(x.begin(), x.end() - 2);
        wide.insert(wide.end(), y.begin(), y.end());
        other = g_.broadcast(b, std::move(wide), net_[b].rows);
      }
      const TensorId part = t.transpose_a ? g_.product(other, g, t.transpose_b, true) : g_.product(g, other, false, !t.transpose_b);
      give(t.args[0], g_.reshape(part, shape(t.args[0])));
    }
    if (live(t.args[1])) {
      if (shared && !t.transpose_a) {  // leading axes are further rows of one product
        a = g_.reshape(a, {size_of(x) / x.back(), x.back()});
        g = g_.reshape(g, {size_of(shape(g)) / t.shape.back(), t.shape.back()});
      }
      const TensorId part = t.transpose_b ? g_.product(g, a, true, t.transpose_a) : g_.product(a, g, !t.transpose_a, false);
      give(t.args[1], part);
    }
  }

  TensorId to_first(TensorId id, const Tensor& t, TensorId g) {
    const TensorId v = t.args[0];
    Tensor position;
    position.op = TensorOp::position;
    position.shape = shape(v);
    position.axes = t.axes;
    const auto count = static_cast<double>(size_of(shape(v)) / size_of(t.shape));
    const TensorId place = g_.write(std::move(position));
    const TensorId before = g_.select(g_.map("eq", {v, id}), g_.map("neg", {place}), g_.constant(-count));
    const TensorId first = g_.map("neg", {g_.reduce(TensorOp::max, before, t.axes)});
    return g_.select(g_.map("eq", {place, first}), g, g_.constant(0));
  }

  ir::Network& net_;
  Graph g_;
  std::vector<char> live_;
  std::vector<TensorId> adjoint_;
};

}  // namespace

std::optional<NetworkObstacle> obstacle(const ir::Network& network) {
  const std::vector<char> live = between(network);
  for (std::size_t i = 0; i < live.size(); ++i) {
    const Tensor& t = network.tensors[i];
    if (live[i] && t.op == TensorOp::map && !rule_of(t.callee, t.args.size())) return NetworkObstacle{{static_cast<std::int32_t>(i)}, t.callee};
  }
  return {};
}

void differentiate(ir::Network& network) { Reverse(network).run(); }

}  // namespace mlp::derive
