#include "compiler/lower/tensors.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>

#include "base/diagnostic.h"

namespace mlp::lowering {

using ir::Tensor;
using ir::TensorId;
using ir::TensorOp;
using loop::Memory;
using loop::StepKind;

namespace {

constexpr int dear = 8;       // a function, in operations
constexpr int longest = 60;   // operations of a nest, about
constexpr int worth = 6;      // operations that are repeated rather than kept in memory, above all far from the cache (decision 0030)

bool looks(TensorOp op) { return op == TensorOp::reshape || op == TensorOp::transpose || op == TensorOp::slice || op == TensorOp::broadcast; }
bool elementwise(TensorOp op) { return op == TensorOp::map || op == TensorOp::select || op == TensorOp::place || op == TensorOp::mask; }

Shape contiguous(const Shape& shape) {
  Shape strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

// The strides of a reshaped view without moving anything, when there are such (as numpy finds them).
std::optional<Shape> reshaped(const Shape& from, const Shape& strides, const Shape& to) {
  Shape have, step;  // without axes of one
  for (std::size_t i = 0; i < from.size(); ++i)
    if (from[i] != 1) have.push_back(from[i]), step.push_back(strides[i]);
  Shape out(to.size(), 0);
  std::size_t i = 0, j = 0;
  while (i < have.size() && j < to.size()) {
    std::int64_t a = have[i], b = to[j];
    std::size_t i_end = i + 1, j_end = j + 1;
    while (a != b) {
      if (a < b) a *= have[i_end++];
      else b *= to[j_end++];
    }
    for (std::size_t k = i; k + 1 < i_end; ++k)
      if (step[k] != have[k + 1] * step[k + 1]) return {};
    out[j_end - 1] = step[i_end - 1];
    for (std::size_t k = j_end - 1; k > j; --k) out[k - 1] = out[k] * to[k];
    i = i_end;
    j = j_end;
  }
  return out;
}

}  // namespace

std::int64_t size_of(const Shape& shape) { return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()); }

Tensors::Tensors(const ir::Network& network, bool training, loop::Function& out)
    : net_(network), training_(training), out_(out), needed_(network.tensors.size()), uses_(needed_.size()), stored_(needed_.size()), filling_(needed_.size()), views_(needed_.size()), placed_(needed_.size()) {
  decide();
}

// What is needed, how often it is read, and whether it is worth a place in memory: when it is read by several steps, or again and
// again by one that repeats it, and is dearer than a few cheap operations.
void Tensors::decide() {
  const auto root = [&](TensorId id) {
    if (!id.known()) return;
    needed_[static_cast<std::size_t>(id.index)] = 1;
    ++uses_[static_cast<std::size_t>(id.index)];
  };
  if (training_) {
    root(net_.loss);
    for (const TensorId id : net_.gradients) root(id);
    for (std::size_t i = 0; i < needed_.size(); ++i)
      if (net_.tensors[i].op == TensorOp::batch_mean) root({static_cast<std::int32_t>(i)});
  } else {
    root(net_.score);
  }
  std::vector<char> repeated(needed_.size());
  for (std::size_t i = needed_.size(); i-- > 0;) {
    const Tensor& t = net_.tensors[i];
    if (!needed_[i] || (t.op == TensorOp::batch_mean && !training_)) continue;
    for (const TensorId arg : std::set(t.args.begin(), t.args.end())) {
      const auto a = static_cast<std::size_t>(arg.index);
      const Tensor& from = net_.tensors[a];
      needed_[a] = 1;
      uses_[a] += looks(t.op) ? uses_[i] : 1;
      const bool reduces = t.op == TensorOp::sum || t.op == TensorOp::max || t.op == TensorOp::row_sum || t.op == TensorOp::batch_mean;
      if (!reduces) repeated[a] = repeated[a] || (looks(t.op) && repeated[i]) || (t.rows && !from.rows) || (t.op != TensorOp::slice && size_of(t.shape) > size_of(from.shape));
    }
  }
  for (std::size_t i = 0; i < needed_.size(); ++i) {
    const Tensor& t = net_.tensors[i];
    const TensorId id{static_cast<std::int32_t>(i)};
    if (!needed_[i]) continue;
    if (elementwise(t.op)) stored_[i] = ((uses_[i] > 1 || repeated[i]) && cost(id) > worth) || cost(id) > longest;
    if (t.op != TensorOp::concat) continue;
    std::int64_t start = 0;
    for (const TensorId arg : t.args) {
      const auto a = static_cast<std::size_t>(arg.index);
      const bool own = !looks(at(arg).op) && at(arg).op != TensorOp::weight && at(arg).op != TensorOp::batch_mean && at(arg).op != TensorOp::numbers && at(arg).rows == t.rows;
      if (own && uses_[a] == 1 && std::count(t.args.begin(), t.args.end(), arg) == 1) placed_[a] = {id, start};
      start += at(arg).shape[static_cast<std::size_t>(t.integer)];
    }
  }
}

int Tensors::cost(TensorId id) const {
  const Tensor& t = at(id);
  if (stored_[static_cast<std::size_t>(id.index)]) return 0;
  if (t.op == TensorOp::mask) return training_ ? dear : 0;
  if (!elementwise(t.op) && !looks(t.op)) return 0;
  int all = looks(t.op) ? 0 : 1;
  static const std::set<std::string> cheap = {"add", "sub", "mul", "neg", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "to_float", "min", "max", "abs"};
  if (t.op == TensorOp::map && !cheap.contains(t.callee)) all += dear;
  for (const TensorId arg : t.args) all += cost(arg);
  return std::min(all, 1000);
}

std::optional<View> Tensors::view(TensorId id) const {
  if (const auto& known = views_[static_cast<std::size_t>(id.index)]) return known;
  const Tensor& t = at(id);
  if (!looks(t.op)) return {};
  std::optional<View> from = view(t.args[0]);
  if (!from) return {};
  const Shape& shape = at(t.args[0]).shape;
  if (t.op == TensorOp::reshape) {
    std::optional<Shape> strides = reshaped(shape, from->strides, t.shape);
    if (!strides) return {};
    from->strides = std::move(*strides);
  } else if (t.op == TensorOp::transpose) {
    const Shape strides = from->strides;
    for (std::size_t i = 0; i < strides.size(); ++i) from->strides[i] = strides[static_cast<std::size_t>(t.axes[i])];
  } else if (t.op == TensorOp::slice) {
    from->offset += t.axes[0] * from->strides[static_cast<std::size_t>(t.integer)];
  } else {
    Shape strides(t.shape.size() - shape.size(), 0);
    for (std::size_t i = 0; i < shape.size(); ++i) strides.push_back(shape[i] == 1 ? 0 : from->strides[i]);
    from->strides = std::move(strides);
  }
  return from;
}

View Tensors::memory(TensorId id) {
  if (std::optional<View> known = view(id)) return *known;
  if (looks(at(id).op)) {  // what lies below may be all that is missing
    TensorId below = id;
    while (looks(at(below).op)) below = at(below).args[0];
    memory(below);
    if (std::optional<View> known = view(id)) return *known;
  }
  std::optional<View>& slot = views_[static_cast<std::size_t>(id.index)];
  slot = fill(id);
  return *slot;
}

void Tensors::together(TensorId id) {
  const View to = scratch(at(id).shape, at(id).rows);
  copy(id, to, false);
  views_[static_cast<std::size_t>(id.index)] = to;
}

View Tensors::array(Memory memory, std::int64_t number, const Shape& shape, bool rows) {
  Shape inner = shape;
  if (!inner.empty() && inner[0] == 0) inner.erase(inner.begin());  // a table: one row of it
  loop::BufferId& id = arrays_[{memory, number}];
  if (!id.known()) {
    id.index = static_cast<std::int32_t>(out_.buffers.size());
    out_.buffers.push_back({memory, number, size_of(inner), rows, 0});
  }
  return {id, 0, contiguous(shape), rows ? size_of(inner) : 0};
}

View Tensors::scratch(const Shape& shape, bool rows) {
  out_.buffers.push_back({Memory::scratch, 0, size_of(shape), rows, 0});
  return {{static_cast<std::int32_t>(out_.buffers.size()) - 1}, 0, contiguous(shape), rows ? size_of(shape) : 0};
}

View Tensors::place_of(TensorId id) {
  const auto [concat, start] = placed_[static_cast<std::size_t>(id.index)];
  if (!concat.known()) return scratch(at(id).shape, at(id).rows);
  View part = whole(concat);
  part.offset += start * part.strides[static_cast<std::size_t>(at(concat).integer)];
  return part;
}

View Tensors::whole(TensorId concat) {
  const auto found = wholes_.find(concat.index);
  return found != wholes_.end() ? found->second : wholes_.emplace(concat.index, place_of(concat)).first->second;
}

View Tensors::fill(TensorId id) {
  const Tensor& t = at(id);
  switch (t.op) {
    case TensorOp::weight: return array(Memory::weight, t.integer, t.shape, false);
    case TensorOp::numbers: return array(Memory::numbers, 0, t.shape, true);
    case TensorOp::product: {
      const View to = place_of(id);
      product(t, to, false, false);
      return to;
    }
    case TensorOp::sum: case TensorOp::max: case TensorOp::pick: {
      const View to = place_of(id);
      reduce(id, to);
      return to;
    }
    case TensorOp::row_sum: {
      const View to = place_of(id);
      add_rows(t.args[0], to, true);
      return to;
    }
    case TensorOp::batch_mean: {
      if (!training_) return array(Memory::state, t.integer, t.shape, false);
      const View sum = scratch(t.shape, false), to = array(Memory::mean, t.integer, t.shape, false);
      add_rows(t.args[0], sum, true);
      nest(t.shape, false, {}, [&](Nest& n, const Index& i) {
        loop::Element share, product;
        share.op = loop::ElementOp::row_share;
        product.op = loop::ElementOp::mul;
        product.args = {load(n, sum, i, false), n.write(share)};
        n.step.stores.push_back({n.write(product), n.place(to, i), false, {}});
      });
      return to;
    }
    case TensorOp::gather: case TensorOp::gather_bag: {
      loop::Step s = lookup(t, t.op == TensorOp::gather ? StepKind::gather : StepKind::gather_bag);
      const View table = memory(t.args[0]), to = place_of(id);
      s.width = size_of(t.shape);
      s.a = {table.buffer, table.offset, {}};
      s.c = {to.buffer, to.offset, {to.row}};
      out_.steps.push_back(std::move(s));
      return to;
    }
    case TensorOp::concat: {
      View part = whole(id);
      for (const TensorId arg : t.args) {
        if (placed_[static_cast<std::size_t>(arg.index)].first == id) memory(arg);
        else copy(arg, part, false);
        part.offset += at(arg).shape[static_cast<std::size_t>(t.integer)] * part.strides[static_cast<std::size_t>(t.integer)];
      }
      return whole(id);
    }
    default: break;
  }
  const View to = place_of(id);
  filling_[static_cast<std::size_t>(id.index)] = 1;
  copy(id, to, false);
  return to;
}

void Tensors::zero(const View& to, const Shape& shape, bool rows) {
  nest(shape, rows, {}, [&](Nest& n, const Index& i) { n.step.stores.push_back({n.constant(0), n.place(to, i), false, {}}); });
}

void Tensors::add_rows(TensorId id, const View& to, bool fresh) {
  const Tensor& t = at(id);
  if (t.op == TensorOp::product && t.rows) {
    for (const TensorId arg : t.args) memory(arg);
    for (const TensorId arg : t.args) again(arg);
    product(t, to, true, !fresh);
    return;
  }
  if (fresh) zero(to, t.shape, false);
  nest(t.shape, true, {}, [&](Nest& n, const Index& i) {
    const loop::ElementId value = emit(n, id, i);
    n.step.stores.push_back({value, n.place(to, i), true, {}});
  });
}

loop::Step Tensors::lookup(const Tensor& t, StepKind kind) {
  loop::Step s;
  s.kind = kind;
  const bool scatters = kind == StepKind::scatter || kind == StepKind::scatter_bag;
  s.m.count = (scatters ? t : at(t.args[0])).shape[0];
  const Tensor& index = at(t.args[1]);
  if (index.op == TensorOp::code || index.op == TensorOp::bag) {
    s.integer = index.integer;
  } else {
    const View at = memory(t.args[1]);
    s.b = {at.buffer, at.offset, {at.row}};
  }
  return s;
}

// Where means of the batch keep what is behind them waiting, windows are written a second time for the gradient of what they were multiplied by: they are
// many times what they are made of, and would come from far memory.
void Tensors::again(TensorId id) {
  while (looks(at(id).op)) id = at(id).args[0];
  const bool waits = std::any_of(net_.tensors.begin(), net_.tensors.end(), [](const Tensor& t) { return t.op == TensorOp::batch_mean; });
  if (!waits || at(id).op != TensorOp::windows) return;
  views_[static_cast<std::size_t>(id.index)].reset();
  memory(id);
  out_.steps.back().stays = true;
}

// Straight to where the gradient lies, as far as it is a sum of parts that can go there. Whether something else reads a part does not
// matter: the order of a sum follows from the tensors alone.
void Tensors::accumulate(TensorId id, const View& to) {
  const Tensor& t = at(id);
  if (t.op == TensorOp::map && t.callee == "add" && at(t.args[0]).shape == t.shape && at(t.args[1]).shape == t.shape) {
    accumulate(t.args[0], to);
    accumulate(t.args[1], to);
  } else if (t.op == TensorOp::reshape) {
    View moved = to;  // a gradient lies together
    moved.strides = contiguous(at(t.args[0]).shape);
    accumulate(t.args[0], moved);
  } else if (t.op == TensorOp::row_sum) {
    add_rows(t.args[0], to, false);
  } else if (t.op == TensorOp::product) {
    product(t, to, false, true);
  } else if (t.op == TensorOp::scatter || t.op == TensorOp::scatter_bag) {
    loop::Step s = lookup(t, t.op == TensorOp::scatter ? StepKind::scatter : StepKind::scatter_bag);
    View from = memory(t.args[0]);
    if (from.strides[0] != 1 && at(t.args[0]).shape[0] != 1) {
      const View together = scratch(at(t.args[0]).shape, true);
      copy(t.args[0], together, false);
      from = together;
    }
    s.width = at(t.args[0]).shape[0];
    s.a = {from.buffer, from.offset, {from.row}};
    s.c = {to.buffer, to.offset, {}};
    out_.steps.push_back(std::move(s));
  } else {
    copy(id, to, true);
  }
}

void Tensors::gradient(std::size_t weight) {
  const TensorId id = net_.gradients[weight];
  if (!id.known()) return;
  const View to = array(Memory::gradient, static_cast<std::int64_t>(weight), at(id).shape, false);
  const std::size_t first = out_.steps.size();
  accumulate(id, to);
  const auto adds = [&](const loop::Step& step) { return loop::writes(step, to.buffer); };
  const auto begin = out_.steps.begin() + static_cast<std::ptrdiff_t>(first), last = std::find_if(begin, out_.steps.end(), adds);
  if (std::count_if(begin, out_.steps.end(), adds) == 1) last->alone = last->kind == StepKind::product && last->loops.empty() && last->k.rows;
}

void Tensors::store(TensorId id, Memory memory) { copy(id, array(memory, 0, at(id).shape, true), false); }

void lay_out(loop::Function& function) {
  function.once = function.each = function.transient = 0;
  for (loop::Buffer& b : function.buffers) {
    if (b.memory != Memory::scratch) continue;
    std::int64_t& end = b.rows ? function.each : function.once;
    b.offset = end;
    end += b.rows ? b.floats : (b.floats + 15) / 16 * 16;  // each at 64 bytes
  }
}

}  // namespace mlp::lowering
