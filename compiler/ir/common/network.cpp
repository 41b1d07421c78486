#include "compiler/ir/common/network.h"

#include <algorithm>
#include <functional>
#include <set>

#include "compiler/ir/common/types.h"
#include "stdlib/builtins/builtins.h"

namespace mlp::ir {
namespace {

using Shape = std::vector<std::int64_t>;

// The fields of a network that are no store.
struct Rest {
  TensorId score, loss;
  std::vector<TensorId> gradients;
  Optimizer optimizer;
  template <class A> void fields(A&& a) { a("score", score); a("loss", loss); a("gradients", gradients); a("optimizer", optimizer); }
};

std::int64_t elements(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  return count;
}

// The row of the table of builtins that maps floats and bools to a float or bool; nullptr when there is none.
const Builtin* elementwise(const std::string& callee, const std::vector<bool>& booleans) {
  std::vector<BuiltinType> types;
  for (const bool b : booleans) types.push_back({BuiltinShape::scalar, {b ? Scalar::boolean : Scalar::real, false}});
  bool exact = false;
  const Builtin* row = resolve_builtin(callee, types, &exact);
  if (!row || !exact || row->kind != BuiltinKind::function || row->parameters.size() != types.size()) return nullptr;
  if (row->code_class() != "op" && row->code_class() != "call") return nullptr;
  const bool fits = row->result.shape == BuiltinShape::scalar && (row->result.type.scalar == Scalar::real || row->result.type.scalar == Scalar::boolean);
  return fits ? row : nullptr;
}

class Verifier {
 public:
  Verifier(const Network& network, const std::vector<Feature>& features, std::size_t exprs) : n_(network), features_(features), exprs_(exprs) {}

  std::vector<std::string> run() {
    if (n_.empty()) {
      if (!n_.weights.empty() || !n_.states.empty() || n_.score.known() || n_.loss.known() || !n_.gradients.empty()) say("network", "parts without a tensor");
      return std::move(broken_);
    }
    weights();
    for (const State& s : n_.states) {
      if (s.name.empty()) say("state", "a name is missing");
      if (!(s.momentum >= 0 && s.momentum < 1)) say("state " + s.name, "a momentum from 0 to below 1");
    }
    if (!broken_.empty()) return std::move(broken_);
    for (std::size_t i = 0; i < n_.tensors.size(); ++i) tensor(static_cast<std::int32_t>(i));
    if (broken_.empty()) roots();
    optimizer();
    return std::move(broken_);
  }

 private:
  void say(std::string where, const std::string& what) { broken_.push_back(std::move(where) + ": " + what); }
  template <class Store>
  static bool within(std::int64_t index, const Store& store) { return index >= 0 && static_cast<std::size_t>(index) < store.size(); }

  void weights() {
    std::set<std::string> names;
    for (const Weight& w : n_.weights) {
      const std::string where = "weight " + w.name;
      if (w.name.empty() || !names.insert(w.name).second) say(where, "a name of its own");
      const bool table = w.table_of >= 0;
      if (table && (!within(w.table_of, features_) || features_[static_cast<std::size_t>(w.table_of)].encoding == Encoding::number))
        say(where, "a table is of a feature of codes or terms");
      if (table && w.shape.size() != 2) say(where, "a table has two axes");
      for (std::size_t a = 0; a < w.shape.size(); ++a)
        if (table && a == 0 ? w.shape[a] != 0 : w.shape[a] < 1) say(where, "sizes from 1, and 0 for the first of a table");
    }
  }

  bool is_table(TensorId id) const { return n_[id].op == TensorOp::weight && n_.weights[static_cast<std::size_t>(n_[id].integer)].table_of >= 0; }

  // A gradient of a table, or the sum of two: nothing else may have no size yet.
  bool scattered(TensorId id) const {
    const Tensor& t = n_[id];
    return t.op == TensorOp::scatter || t.op == TensorOp::scatter_bag || (t.op == TensorOp::map && t.callee == "add" && !t.shape.empty() && t.shape[0] == 0);
  }

  void tensor(std::int32_t i) {
    const Tensor& t = n_.tensors[static_cast<std::size_t>(i)];
    const std::string where = "tensor %" + std::to_string(i) + " (" + std::string(enum_words<TensorOp>::words[static_cast<std::size_t>(t.op)]) + ")";
    const auto needs = [&](bool holds, const std::string& what) {
      if (!holds) say(where, what);
      return holds;
    };
    for (const TensorId arg : t.args)
      if (!needs(arg.known() && arg.index < i, "an argument must stand before its user")) return;
    const auto arg = [&](std::size_t a) -> const Tensor& { return n_[t.args[a]]; };
    const auto arity = [&](std::size_t count) { return needs(t.args.size() == count, std::to_string(count) + " arguments"); };
    const auto shaped = [&](const Shape& shape) { return needs(t.shape == shape, "of shape " + spell_shape(shape) + ", not " + spell_shape(t.shape)); };
    bool any_rows = false, any_boolean = false;
    for (const TensorId id : t.args) any_rows = any_rows || n_[id].rows, any_boolean = any_boolean || n_[id].boolean;
    const auto with_rows = [&](bool rows) { needs(t.rows == rows, rows ? "one for each row" : "the same for all rows"); };
    const auto axis = [&](std::int64_t a, const Shape& of) { return needs(within(a, of), "an axis of " + spell_shape(of)); };

    if (t.op != TensorOp::weight && !scattered({i}))
      for (const std::int64_t size : t.shape) needs(size >= 1, "sizes from 1");
    for (std::size_t a = 0; a < t.args.size(); ++a) {
      const bool looks_up = (t.op == TensorOp::gather || t.op == TensorOp::gather_bag) && a == 0;
      if (is_table(t.args[a])) needs(looks_up, "a table is looked up only");
      const bool bag = (t.op == TensorOp::gather_bag || t.op == TensorOp::scatter_bag) && a == 1;
      if (arg(a).op == TensorOp::bag) needs(bag, "a bag is an argument of gather_bag and scatter_bag only");
    }
    switch (t.op) {
      case TensorOp::map:
      case TensorOp::select:
      case TensorOp::reshape: case TensorOp::transpose: case TensorOp::slice: case TensorOp::concat: case TensorOp::broadcast: break;
      default:
        needs(!any_boolean, "bools go through map, select and moves of places only");
        needs(!t.boolean, "it gives a float");
    }
    switch (t.op) {
      case TensorOp::numbers:
        arity(0), with_rows(true), shaped({static_cast<std::int64_t>(t.features.size())});
        for (const std::int32_t f : t.features) needs(within(f, features_) && features_[static_cast<std::size_t>(f)].encoding == Encoding::number, "features that are numbers");
        break;
      case TensorOp::code:
        arity(0), with_rows(true), shaped({});
        needs(within(t.integer, features_) && features_[static_cast<std::size_t>(t.integer)].encoding == Encoding::category, "a feature that is a category");
        break;
      case TensorOp::bag:
        arity(0), with_rows(true), shaped({});
        needs(within(t.integer, features_) && features_[static_cast<std::size_t>(t.integer)].encoding == Encoding::bag, "a feature that is a bag");
        break;
      case TensorOp::target: arity(0), with_rows(true), shaped({}); break;
      case TensorOp::row_weight: arity(0), with_rows(true), shaped({}), needs(!n_.gradients.empty(), "it stands in gradients only"); break;
      case TensorOp::row_share: arity(0), with_rows(false), shaped({}), needs(!n_.gradients.empty(), "it stands in gradients only"); break;
      case TensorOp::constant: arity(0), with_rows(false), shaped({}); break;
      case TensorOp::weight:
        arity(0), with_rows(false);
        if (needs(within(t.integer, n_.weights), "a weight")) shaped(n_.weights[static_cast<std::size_t>(t.integer)].shape);
        break;
      case TensorOp::position:
        arity(0), with_rows(false);
        for (const std::int64_t a : t.axes) axis(a, t.shape);
        break;
      case TensorOp::map: {
        std::vector<bool> booleans;
        for (std::size_t a = 0; a < t.args.size(); ++a) booleans.push_back(arg(a).boolean);
        const Builtin* row = elementwise(t.callee, booleans);
        if (needs(row != nullptr, "`" + t.callee + "` maps no floats and bools like these")) needs(t.boolean == (row->result.type.scalar == Scalar::boolean), "a bool exactly where `" + t.callee + "` gives one");
        elements_of_all(t, needs), with_rows(any_rows);
        break;
      }
      case TensorOp::select:
        if (!arity(3)) return;
        needs(arg(0).boolean, "the condition is a bool");
        needs(arg(1).boolean == t.boolean && arg(2).boolean == t.boolean, "both values are of its type");
        elements_of_all(t, needs), with_rows(any_rows);
        break;
      case TensorOp::product: {
        if (!arity(2)) return;
        Shape a = arg(0).shape, b = arg(1).shape;
        if (!needs(!a.empty() && b.size() >= 2, "a of an axis and more, b of two and more")) return;
        const bool row = a.size() == 1;
        needs(!row || !t.transpose_a, "one row cannot be transposed");
        if (row) a.insert(a.begin(), 1);
        if (t.transpose_a) std::swap(a[a.size() - 1], a[a.size() - 2]);
        if (t.transpose_b) std::swap(b[b.size() - 1], b[b.size() - 2]);
        needs(a.back() == b[b.size() - 2], "the inner sizes of " + spell_shape(a) + " and " + spell_shape(b) + " are equal");
        needs(b.size() == 2 || (b.size() == a.size() && std::equal(a.begin(), a.end() - 2, b.begin())), "leading axes are equal, or b has none");
        a.back() = b.back();
        if (row) a.erase(a.end() - 2);
        shaped(a), with_rows(any_rows);
        break;
      }
      case TensorOp::sum:
      case TensorOp::max: {
        if (!arity(1)) return;
        Shape kept = arg(0).shape;
        needs(!t.axes.empty() && std::set(t.axes.begin(), t.axes.end()).size() == t.axes.size(), "axes, each once");
        for (const std::int64_t a : t.axes)
          if (axis(a, kept)) kept[static_cast<std::size_t>(a)] = 1;
        shaped(kept), with_rows(any_rows);
        break;
      }
      case TensorOp::row_sum:
        if (!arity(1)) return;
        shaped(arg(0).shape), with_rows(false);
        break;
      case TensorOp::batch_mean:
        if (!arity(1)) return;
        shaped(arg(0).shape), with_rows(false), needs(any_rows, "of something with rows");
        if (needs(within(t.integer, n_.states), "a state")) {
          needs(n_.states[static_cast<std::size_t>(t.integer)].shape == t.shape, "of the shape of its state");
          needs(followed_.insert(t.integer).second, "a state follows one mean");
        }
        break;
      case TensorOp::reshape:
        if (!arity(1)) return;
        needs(elements(arg(0).shape) == elements(t.shape), "as many elements in " + spell_shape(t.shape) + " as in " + spell_shape(arg(0).shape));
        same_kind(t, needs), with_rows(any_rows);
        break;
      case TensorOp::transpose: {
        if (!arity(1)) return;
        Shape order = t.axes, moved;
        std::sort(order.begin(), order.end());
        bool whole = order.size() == arg(0).shape.size();
        for (std::size_t a = 0; a < order.size(); ++a) whole = whole && order[a] == static_cast<std::int64_t>(a);
        if (!needs(whole, "each axis once")) return;
        for (const std::int64_t a : t.axes) moved.push_back(arg(0).shape[static_cast<std::size_t>(a)]);
        shaped(moved), same_kind(t, needs), with_rows(any_rows);
        break;
      }
      case TensorOp::slice:
      case TensorOp::pad: {
        if (!arity(1) || !axis(t.integer, arg(0).shape) || !needs(t.axes.size() == 2 && t.axes[0] >= 0 && t.axes[1] >= 0, "two numbers from 0")) return;
        Shape out = arg(0).shape;
        std::int64_t& size = out[static_cast<std::size_t>(t.integer)];
        if (t.op == TensorOp::slice) needs(t.axes[0] + t.axes[1] <= size, "within the axis"), size = t.axes[1];
        else size += t.axes[0] + t.axes[1];
        shaped(out), same_kind(t, needs), with_rows(any_rows);
        break;
      }
      case TensorOp::concat: {
        if (!needs(!t.args.empty(), "an argument") || !axis(t.integer, arg(0).shape)) return;
        Shape out = arg(0).shape;
        const auto at = static_cast<std::size_t>(t.integer);
        for (std::size_t a = 1; a < t.args.size(); ++a) {
          Shape next = arg(a).shape;
          if (!needs(next.size() == out.size(), "as many axes in each argument")) return;
          out[at] += next[at];
          next[at] = out[at];
          needs(next == out, "all axes but that are equal");
        }
        shaped(out), same_kind(t, needs), with_rows(any_rows);
        break;
      }
      case TensorOp::broadcast:
        if (!arity(1)) return;
        needs(broadcasts_to(arg(0).shape, t.shape), spell_shape(arg(0).shape) + " does not spread to " + spell_shape(t.shape));
        needs(t.rows || !any_rows, "rows stay");
        same_kind(t, needs);
        break;
      case TensorOp::pick: {
        if (!arity(2) || !needs(!arg(0).shape.empty(), "an axis to pick from")) return;
        const Shape rest(arg(0).shape.begin(), arg(0).shape.end() - 1);
        needs(arg(1).shape == rest, "an index of shape " + spell_shape(rest));
        shaped(rest), with_rows(any_rows);
        break;
      }
      case TensorOp::place: {
        if (!arity(2) || !needs(!t.shape.empty(), "an axis to place on")) return;
        needs(arg(0).shape == Shape(t.shape.begin(), t.shape.end() - 1) && arg(1).shape == arg(0).shape, "a value and an index for each place");
        with_rows(any_rows);
        break;
      }
      case TensorOp::gather:
      case TensorOp::gather_bag: {
        if (!arity(2)) return;
        with_rows(true);
        const bool weight = arg(0).op == TensorOp::weight && arg(0).shape.size() == 2;
        if (needs(weight, "a table, which is a weight itself")) looks_up(n_.weights[static_cast<std::size_t>(arg(0).integer)], arg(1), needs), shaped({arg(0).shape[1]});
        needs(arg(1).op == TensorOp::bag || t.op == TensorOp::gather, "terms of a bag");
        needs(arg(1).shape.empty(), "one code for each row");
        break;
      }
      case TensorOp::scatter:
      case TensorOp::scatter_bag: {
        if (!arity(2) || !needs(within(t.integer, n_.weights), "a weight")) return;
        const Weight& w = n_.weights[static_cast<std::size_t>(t.integer)];
        with_rows(false), shaped(w.shape);
        needs(w.shape.size() == 2 && arg(0).shape == Shape{w.shape.back()}, "a row of its weight");
        needs(arg(0).rows, "a value for each row");
        needs(arg(1).op == TensorOp::bag || t.op == TensorOp::scatter, "terms of a bag");
        looks_up(w, arg(1), needs);
        break;
      }
      case TensorOp::windows:
      case TensorOp::unwindow: {
        const bool forward = t.op == TensorOp::windows;
        if (!arity(1) || !needs(t.axes.size() == 4 && t.axes[0] > 0 && t.axes[1] > 0 && t.axes[2] > 0 && t.axes[3] >= 0, "kh, kw, stride, pad")) return;
        const std::optional<Shape> out = windows_shape(forward ? arg(0).shape : t.shape, t.axes);
        if (!needs(out.has_value(), "windows within [h, w, c]")) return;
        needs((forward ? t.shape : arg(0).shape) == *out, "windows of shape " + spell_shape(*out));
        with_rows(any_rows);
        break;
      }
      case TensorOp::mask:
        arity(0), with_rows(true);
        needs(t.real >= 0 && t.real < 1, "a share from 0 to below 1");
        needs(masks_.insert(t.integer).second, "a number of its own");
        break;
    }
  }

  template <class Needs>
  void elements_of_all(const Tensor& t, Needs& needs) {
    Shape shape;
    for (const TensorId id : t.args) {
      const std::optional<Shape> both = broadcast_shape(shape, n_[id].shape);
      if (!needs(both.has_value(), "the shapes " + spell_shape(shape) + " and " + spell_shape(n_[id].shape) + " do not fit")) return;
      shape = *both;
    }
    needs(t.shape == shape, "of shape " + spell_shape(shape) + ", not " + spell_shape(t.shape));
  }

  template <class Needs>
  void same_kind(const Tensor& t, Needs& needs) {
    for (const TensorId id : t.args) needs(n_[id].boolean == t.boolean, "bools stay bools, floats floats");
  }

  // Codes and terms number the rows of the table of their own feature; any other index numbers a table of a known size.
  template <class Needs>
  void looks_up(const Weight& w, const Tensor& index, Needs& needs) {
    const bool coded = index.op == TensorOp::code || index.op == TensorOp::bag;
    needs(w.table_of == (coded ? index.integer : -1), coded ? "the table of that feature" : "a table of a known size");
  }

  void roots() {
    const auto known = [&](TensorId id) { return id.known() && within(id.index, n_.tensors); };
    if (!known(n_.score) || !known(n_.loss)) return say("network", "a score and a loss");
    if (n_[n_.score].shape.size() > 1 || !n_[n_.score].rows || n_[n_.score].boolean) say("score", "a float or float[n], for each row");
    if (!n_[n_.loss].shape.empty() || !n_[n_.loss].rows || n_[n_.loss].boolean) say("loss", "a float for each row");
    std::vector<bool> read(n_.tensors.size());
    read[static_cast<std::size_t>(n_.score.index)] = true;
    for (std::size_t i = n_.tensors.size(); i-- > 0;) {
      if (!read[i]) continue;
      const TensorOp op = n_.tensors[i].op;
      if (op == TensorOp::target || op == TensorOp::row_weight || op == TensorOp::row_share) say("score", "it may read neither the target nor weights of rows");
      for (const TensorId arg : n_.tensors[i].args) read[static_cast<std::size_t>(arg.index)] = true;
    }
    if (n_.gradients.empty()) return;
    if (n_.gradients.size() != n_.weights.size()) return say("gradients", "one for each weight");
    for (std::size_t w = 0; w < n_.weights.size(); ++w) {
      const TensorId g = n_.gradients[w];
      if (g.known() && !known(g)) say("gradient of " + n_.weights[w].name, "a tensor");
      else if (known(g) && (n_[g].shape != n_.weights[w].shape || n_[g].rows)) say("gradient of " + n_.weights[w].name, "of the shape of its weight, without rows");
    }
  }

  void optimizer() {
    const Optimizer& o = n_.optimizer;
    if (!(o.rate > 0)) say("optimizer", "a rate above 0");
    if (o.kept < 0 || o.results.size() != static_cast<std::size_t>(o.kept) + 1) say("optimizer", "the new weight, and all that it keeps");
    for (const ExprId id : o.results)
      if (!id.known() || static_cast<std::size_t>(id.index) >= exprs_) say("optimizer", "results are expressions");
  }

  const Network& n_;
  const std::vector<Feature>& features_;
  const std::size_t exprs_;
  std::set<std::int64_t> followed_, masks_;
  std::vector<std::string> broken_;
};

}  // namespace

std::string spell_shape(const Shape& shape, bool boolean) {
  std::string text = boolean ? "bool" : "float";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "[") + (shape[i] == 0 ? std::string("?") : std::to_string(shape[i]));
  return shape.empty() ? text : text + "]";
}

std::optional<Shape> broadcast_shape(const Shape& a, const Shape& b) {
  Shape shape(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 0; i < shape.size(); ++i) {  // from the last axis
    const std::int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1, y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) return {};
    shape[shape.size() - 1 - i] = x == 1 ? y : x;
  }
  return shape;
}

bool broadcasts_to(const Shape& shape, const Shape& to) { return broadcast_shape(shape, to) == to; }

std::optional<Shape> windows_shape(const Shape& image, const Shape& axes) {
  if (image.size() != 3) return {};
  const std::int64_t h = image[0] + 2 * axes[3] - axes[0], w = image[1] + 2 * axes[3] - axes[1];
  if (h < 0 || w < 0) return {};
  return Shape{h / axes[2] + 1, w / axes[2] + 1, axes[0] * axes[1] * image[2]};
}

void print_network(Writer& w, const Network& n) {
  if (n.empty()) return;
  w.records("weight", n.weights);
  w.records("state", n.states);
  w.records("layer", n.layers);
  w.records("tensor", n.tensors);
  w.record("network", -1, Rest{n.score, n.loss, n.gradients, n.optimizer});
}

Network read_network(Reader& r) {
  Network n;
  n.weights = r.records<Weight>("weight");
  n.states = r.records<State>("state");
  n.layers = r.records<Layer>("layer");
  n.tensors = r.records<Tensor>("tensor");
  if (n.empty()) return n;
  Rest rest = r.record<Rest>("network", -1);
  n.score = rest.score;
  n.loss = rest.loss;
  n.gradients = std::move(rest.gradients);
  n.optimizer = std::move(rest.optimizer);
  return n;
}

std::vector<std::string> verify_network(const Network& network, const std::vector<Feature>& features, std::size_t exprs) {
  return Verifier(network, features, exprs).run();
}

}  // namespace mlp::ir
