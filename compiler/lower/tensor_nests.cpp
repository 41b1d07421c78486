// Tensors as elements of a nest: what lies in memory is loaded, all else is computed in place.
#include <algorithm>
#include <limits>

#include "base/diagnostic.h"
#include "compiler/lower/tensors.h"
#include "stdlib/builtins/builtins.h"

namespace mlp::lowering {

using ir::Tensor;
using ir::TensorId;
using ir::TensorOp;
using loop::Element;
using loop::ElementId;
using loop::ElementOp;

namespace {

// A loop that must be two, so that an index is a sum of strides: the inner one of `inner` steps.
struct Factor {
  std::size_t loop;
  std::int64_t inner;
};

ElementOp operation(std::string_view word) {
  int i = 0;
  for (const std::string_view known : ir::enum_words<ElementOp>::words) {
    if (known == word) return static_cast<ElementOp>(i);
    ++i;
  }
  MLP_BUG("no element does `" + std::string(word) + "`");
}
Affine fixed(std::size_t loops) { return {0, std::vector<std::int64_t>(loops)}; }

}  // namespace

Affine times(const Affine& a, std::int64_t factor) {
  Affine out = a;
  out.offset *= factor;
  for (std::int64_t& s : out.strides) s *= factor;
  return out;
}
Affine sum(const Affine& a, const Affine& b) {
  Affine out = a;
  out.offset += b.offset;
  for (std::size_t i = 0; i < b.strides.size(); ++i) out.strides[i] += b.strides[i];
  return out;
}

// The same element once; a factor of 1 is none.
ElementId Nest::write(Element e) {
  if (e.op == ElementOp::mul)
    for (const std::size_t one : {0, 1}) {
      const Element& factor = step.body[static_cast<std::size_t>(e.args[one].index)];
      if (factor.op == ElementOp::constant && factor.real == 1) return e.args[1 - one];
    }
  ir::Writer text;
  text.record("element", -1, e);
  const auto [found, fresh] = written.try_emplace(text.take());
  if (fresh) {
    found->second.index = static_cast<std::int32_t>(step.body.size());
    step.body.push_back(std::move(e));
  }
  return found->second;
}

ElementId Nest::constant(double value) {
  Element e;
  e.real = value;
  return write(std::move(e));
}

ElementId Nest::call(const std::string& callee, std::vector<ElementId> args) {
  std::vector<BuiltinType> types;
  const auto is_bool = [&](ElementId id) { return step.body[static_cast<std::size_t>(id.index)].boolean; };
  for (const ElementId arg : args) types.push_back({BuiltinShape::scalar, {is_bool(arg) ? Scalar::boolean : Scalar::real, false}});
  if (callee == "to_float" && !is_bool(args[0])) return args[0];  // of a whole number
  const Builtin* const row = resolve_builtin(callee, types);
  if (!row || (row->code_class() != "op" && row->code_class() != "call")) MLP_BUG("no builtin `" + callee + "` of floats");
  Element e;
  e.boolean = row->result.type.scalar == Scalar::boolean;
  e.args = std::move(args);
  if (row->code_class() == "call") {
    e.op = ElementOp::call;
    e.text = row->code_name();
    return write(std::move(e));
  }
  e.op = row->code_name() == "to_f64" ? ElementOp::to_float : operation(row->code_name());
  if (e.op >= ElementOp::eq && e.op <= ElementOp::ge)  // bools compare as numbers
    for (ElementId& arg : e.args)
      if (is_bool(arg)) arg = write({ElementOp::to_float, false, {arg}, 0, 0, {}, {}, {}});
  return write(std::move(e));
}

loop::Place Nest::place(const View& view, const Index& at) const {
  Affine all = fixed(step.loops.size());
  for (std::size_t i = 0; i < at.size(); ++i) all = sum(all, times(at[i], view.strides[i]));
  if (rows) all.strides[0] += view.row;
  return {view.buffer, view.offset + all.offset, std::move(all.strides)};
}

// Loops over a shape, axes of one left out. `fill` may find that an axis has to be split, and is then asked again.
void Tensors::nest(const Shape& shape, bool rows, const std::vector<std::int64_t>& reduced, const std::function<void(Nest&, const Index&)>& fill) {
  std::vector<Shape> factors;
  for (const std::int64_t n : shape) factors.push_back({n});
  while (true) {
    Nest n;
    n.rows = rows;
    if (rows) n.step.loops.push_back({{1, true}, false});
    std::vector<std::pair<std::size_t, std::size_t>> origin(n.step.loops.size());
    for (std::size_t axis = 0; axis < shape.size(); ++axis)
      for (std::size_t f = 0; f < factors[axis].size(); ++f) {
        if (factors[axis][f] == 1) continue;
        n.step.loops.push_back({{factors[axis][f], false}, std::find(reduced.begin(), reduced.end(), static_cast<std::int64_t>(axis)) != reduced.end()});
        origin.push_back({axis, f});
      }
    Index at;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      Affine a = fixed(n.step.loops.size());
      for (std::size_t l = rows ? 1 : 0; l < origin.size(); ++l) {
        if (origin[l].first != axis) continue;
        a.strides[l] = 1;
        for (std::size_t f = origin[l].second + 1; f < factors[axis].size(); ++f) a.strides[l] *= factors[axis][f];
      }
      at.push_back(std::move(a));
    }
    try {
      fill(n, at);
      out_.steps.push_back(std::move(n.step));
      return;
    } catch (const Factor& f) {
      const auto [axis, place] = origin[f.loop];
      std::int64_t& outer = factors[axis][place];
      outer /= f.inner;
      factors[axis].insert(factors[axis].begin() + static_cast<std::ptrdiff_t>(place) + 1, f.inner);
    }
  }
}

void Tensors::copy(TensorId id, const View& to, bool add) {
  const Tensor& t = at(id);
  if (t.op == TensorOp::unwindow) {  // every window adds to where it was cut
    const Tensor& from = at(t.args[0]);
    // Windows side by side, as those of a pool, have each element once.
    const bool tiled = t.axes[3] == 0 && t.axes[0] == t.axes[2] && t.axes[1] == t.axes[2] && t.shape[0] % t.axes[2] == 0 && t.shape[1] % t.axes[2] == 0;
    if (!add && !tiled) zero(to, t.shape, to.row != 0);
    const Shape cut = {from.shape[0], from.shape[1], t.axes[0], t.axes[1], t.shape[2]};
    nest(cut, to.row != 0, {}, [&](Nest& n, const Index& i) {
      const Index window = {i[0], i[1], sum(sum(times(i[2], t.axes[1] * t.shape[2]), times(i[3], t.shape[2])), i[4])};
      loop::Store store;
      store.value = emit(n, t.args[0], window);
      Index place;
      for (const std::size_t axis : {0, 1}) {
        Affine along = sum(times(i[axis], t.axes[2]), i[axis + 2]);
        along.offset -= t.axes[3];
        if (t.axes[3] > 0) store.guards.push_back({along.offset, t.shape[axis], along.strides});
        place.push_back(std::move(along));
      }
      place.push_back(i[4]);
      store.place = n.place(to, place);
      store.add = add || !tiled;
      n.step.stores.push_back(std::move(store));
    });
    return;
  }
  nest(t.shape, to.row != 0, {}, [&](Nest& n, const Index& i) {
    const ElementId value = t.boolean ? n.write({ElementOp::to_float, false, {emit(n, id, i)}, 0, 0, {}, {}, {}}) : emit(n, id, i);
    n.step.stores.push_back({value, n.place(to, i), add, {}});
  });
}

void Tensors::reduce(TensorId id, const View& to) {
  const Tensor& t = at(id);
  const Tensor& from = at(t.args[0]);
  const std::vector<std::int64_t> axes = t.op == TensorOp::pick ? std::vector{static_cast<std::int64_t>(from.shape.size()) - 1} : t.axes;
  // Over axes of one there is nothing to reduce.
  const bool any = std::any_of(axes.begin(), axes.end(), [&](std::int64_t axis) { return from.shape[static_cast<std::size_t>(axis)] != 1; });
  nest(from.shape, t.rows, axes, [&](Nest& n, const Index& i) {
    ElementId value = emit(n, t.args[0], i);
    Index place;
    for (std::size_t axis = 0; axis < i.size(); ++axis) {
      const bool gone = std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(axis)) != axes.end();
      if (!gone) place.push_back(i[axis]);
      else if (t.op != TensorOp::pick) place.push_back(fixed(n.step.loops.size()));
    }
    if (t.op == TensorOp::pick) {
      const ElementId here = n.write({ElementOp::eq, true, {emit(n, t.args[1], place), position(n, i.back())}, 0, 0, {}, {}, {}});
      value = n.write({ElementOp::select, false, {here, value, n.constant(0)}, 0, 0, {}, {}, {}});
    }
    const loop::Place target = n.place(to, place);
    if (any) n.step.reductions.push_back({t.op == TensorOp::max, value, target});
    else n.step.stores.push_back({value, target, false, {}});
  });
}

ElementId Tensors::load(Nest& n, const View& view, const Index& at, bool boolean, std::vector<loop::Guard> guards, double outside) {
  Element e;
  e.op = ElementOp::load;
  e.place = n.place(view, at);
  e.guards = std::move(guards);
  if (!e.guards.empty()) e.real = outside;
  const ElementId value = n.write(std::move(e));
  return boolean ? n.write({ElementOp::ne, true, {value, n.constant(0)}, 0, 0, {}, {}, {}}) : value;
}

ElementId Tensors::position(Nest& n, const Affine& at) {
  Element e;
  e.op = ElementOp::position;
  e.place.offset = at.offset;
  e.place.strides = at.strides;
  return n.write(std::move(e));
}

// The index in `shape` of an element in row-major order, where that is a sum of strides: each loop moves along one axis, and no sum
// carries into the next.
std::optional<Index> Tensors::split(const Nest& n, const Affine& flat, const Shape& shape) const {
  Index out(shape.size(), fixed(flat.strides.size()));
  Shape last(shape.size());  // the largest index of each axis
  std::int64_t rest = flat.offset, step = size_of(shape);
  std::vector<std::int64_t> left = flat.strides;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const std::int64_t above = step;
    step /= shape[axis];
    out[axis].offset = rest / step;
    rest %= step;
    last[axis] = out[axis].offset;
    for (std::size_t l = 0; l < left.size(); ++l) {
      if (left[l] < step || left[l] == 0 || shape[axis] == 1) continue;
      const std::int64_t count = n.step.loops[l].extent.count;
      if (left[l] % step != 0) return {};
      out[axis].strides[l] = left[l] / step;
      last[axis] += out[axis].strides[l] * (count - 1);
      left[l] = 0;
    }
    if (last[axis] < shape[axis]) continue;
    for (std::size_t l = 0; l < left.size(); ++l) {  // a loop that runs over the end of this axis is split where it does
      const std::int64_t count = n.step.loops[l].extent.count, stride = flat.strides[l];
      if (stride > 0 && out[axis].strides[l] > 0 && above % stride == 0 && above / stride < count && count % (above / stride) == 0) throw Factor{l, above / stride};
    }
    return {};
  }
  return out;
}

ElementId Tensors::emit(Nest& n, TensorId id, const Index& at) {
  const auto key = std::pair(id.index, at);
  if (const auto found = n.known.find(key); found != n.known.end()) return found->second;
  const std::optional<View> lies = view(id);
  const ElementId made = lies ? load(n, *lies, at, this->at(id).boolean) : compute(n, id, at);
  n.known.emplace(key, made);
  return made;
}

ElementId Tensors::compute(Nest& n, TensorId id, const Index& at) {
  const Tensor& t = this->at(id);
  const auto stored = [&] { return load(n, memory(id), at, t.boolean); };
  if (stored_[static_cast<std::size_t>(id.index)] && !filling_[static_cast<std::size_t>(id.index)]) return stored();
  const auto simple = [&](ElementOp op, std::vector<ElementId> args, bool boolean) { return n.write({op, boolean, std::move(args), 0, 0, {}, {}, {}}); };
  const auto spread = [&](TensorId arg) {  // as numpy broadcasts it
    const Shape& shape = this->at(arg).shape;
    Index inner;
    for (std::size_t i = 0; i < shape.size(); ++i) inner.push_back(shape[i] == 1 ? fixed(n.step.loops.size()) : at[at.size() - shape.size() + i]);
    return emit(n, arg, inner);
  };
  const auto flat = [&] {
    Affine all = fixed(n.step.loops.size());
    for (std::size_t i = 0; i < at.size(); ++i) all = sum(times(all, t.shape[i]), at[i]);
    return all;
  };
  switch (t.op) {
    case TensorOp::constant: return n.constant(t.real);
    case TensorOp::target: return simple(ElementOp::target, {}, false);
    case TensorOp::row_weight: return simple(ElementOp::row_weight, {}, false);
    case TensorOp::row_share: return simple(ElementOp::row_share, {}, false);
    case TensorOp::code: {
      Element e;
      e.op = ElementOp::code;
      e.integer = t.integer;
      return n.write(std::move(e));
    }
    case TensorOp::position: {
      Affine all = fixed(n.step.loops.size());
      for (const std::int64_t axis : t.axes) all = sum(times(all, t.shape[static_cast<std::size_t>(axis)]), at[static_cast<std::size_t>(axis)]);
      return position(n, all);
    }
    case TensorOp::mask: {
      if (!training_) return n.constant(1);
      Element e;
      e.op = ElementOp::mask;
      e.integer = t.integer;
      e.real = t.real;
      const Affine all = flat();
      e.place.offset = all.offset;
      e.place.strides = all.strides;
      return n.write(std::move(e));
    }
    case TensorOp::select: {
      const ElementId condition = spread(t.args[0]), yes = spread(t.args[1]), no = spread(t.args[2]);
      return simple(ElementOp::select, {condition, yes, no}, t.boolean);
    }
    case TensorOp::map: {
      std::vector<ElementId> args;
      for (const TensorId arg : t.args) args.push_back(spread(arg));
      return n.call(t.callee, std::move(args));
    }
    case TensorOp::place: {
      const Index front(at.begin(), at.end() - 1);
      const ElementId here = simple(ElementOp::eq, {emit(n, t.args[1], front), position(n, at.back())}, true), value = emit(n, t.args[0], front);
      return simple(ElementOp::select, {here, value, n.constant(0)}, false);
    }
    case TensorOp::broadcast: return spread(t.args[0]);
    case TensorOp::transpose: {
      Index inner(at.size());
      for (std::size_t i = 0; i < at.size(); ++i) inner[static_cast<std::size_t>(t.axes[i])] = at[i];
      return emit(n, t.args[0], inner);
    }
    case TensorOp::slice: {
      Index inner = at;
      inner[static_cast<std::size_t>(t.integer)].offset += t.axes[0];
      return emit(n, t.args[0], inner);
    }
    case TensorOp::reshape: {
      if (const std::optional<Index> inner = split(n, flat(), this->at(t.args[0]).shape)) return emit(n, t.args[0], *inner);
      together(t.args[0]);
      return stored();
    }
    case TensorOp::pad: {
      const View from = memory(t.args[0]);
      Index inner = at;
      Affine& along = inner[static_cast<std::size_t>(t.integer)];
      along.offset -= t.axes[0];
      return load(n, from, inner, t.boolean, {{along.offset, this->at(t.args[0]).shape[static_cast<std::size_t>(t.integer)], along.strides}});
    }
    case TensorOp::windows: {
      const View from = memory(t.args[0]);
      const Shape& image = this->at(t.args[0]).shape;
      const std::optional<Index> cut = split(n, at[2], {t.axes[0], t.axes[1], image[2]});
      if (!cut) return stored();
      Index inner;
      std::vector<loop::Guard> guards;
      for (const std::size_t axis : {0, 1}) {
        Affine along = sum(times(at[axis], t.axes[2]), (*cut)[axis]);
        along.offset -= t.axes[3];
        if (t.axes[3] > 0) guards.push_back({along.offset, image[axis], along.strides});
        inner.push_back(std::move(along));
      }
      inner.push_back((*cut)[2]);
      return load(n, from, inner, false, std::move(guards), t.max_outside ? -std::numeric_limits<double>::infinity() : 0);
    }
    default: return stored();
  }
}

}  // namespace mlp::lowering
