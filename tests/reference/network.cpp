#include "tests/reference/network.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numeric>

#include "base/diagnostic.h"
#include "stdlib/builtins/kernels.h"

namespace mlp::reference {
namespace {

using ir::Tensor;
using ir::TensorId;
using ir::TensorOp;
using Shape = std::vector<std::int64_t>;
using Index = std::vector<std::int64_t>;

std::int64_t size_of(const Shape& shape) { return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()); }

// Visits every index of a shape, the last axis fastest.
void each(const Shape& shape, const std::function<void(const Index&)>& visit) {
  Index at(shape.size());
  for (std::int64_t n = size_of(shape); n-- > 0;) {
    visit(at);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      if (++at[axis] < shape[axis]) break;
      at[axis] = 0;
    }
  }
}
std::int64_t flat(const Shape& shape, const Index& at) {
  std::int64_t n = 0;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) n = n * shape[axis] + at[axis];
  return n;
}
// Where numpy's broadcasting reads `shape` for the element `at` of the result.
std::int64_t spread(const Shape& shape, const Index& at) {
  std::int64_t n = 0;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) n = n * shape[axis] + (shape[axis] == 1 ? 0 : at[at.size() - shape.size() + axis]);
  return n;
}

using Function = std::function<double(const std::vector<double>&)>;
const std::map<std::string, Function>& functions() {
  using V = const std::vector<double>&;
#define ONE(name) {#name, [](V v) { return mlp_##name(v[0]); }}
#define TWO(name) {#name, [](V v) { return mlp_##name(v[0], v[1]); }}
  static const std::map<std::string, Function> all = {
      {"add", [](V v) { return v[0] + v[1]; }}, {"sub", [](V v) { return v[0] - v[1]; }},
      {"mul", [](V v) { return v[0] * v[1]; }}, {"div", [](V v) { return v[0] / v[1]; }},
      {"neg", [](V v) { return -v[0]; }},       {"to_float", [](V v) { return v[0]; }},
      {"eq", [](V v) { return v[0] == v[1]; }}, {"ne", [](V v) { return v[0] != v[1]; }},
      {"lt", [](V v) { return v[0] < v[1]; }},  {"le", [](V v) { return v[0] <= v[1]; }},
      {"gt", [](V v) { return v[0] > v[1]; }},  {"ge", [](V v) { return v[0] >= v[1]; }},
      {"and", [](V v) { return v[0] != 0 && v[1] != 0; }}, {"or", [](V v) { return v[0] != 0 || v[1] != 0; }},
      {"not", [](V v) { return v[0] == 0; }},   {"clamp", [](V v) { return mlp_clamp(v[0], v[1], v[2]); }},
      ONE(abs), ONE(sign), ONE(floor), ONE(ceil), ONE(round), ONE(trunc), ONE(sqrt), ONE(exp), ONE(expm1), ONE(log), ONE(log2), ONE(log10),
      ONE(log1p), ONE(sin), ONE(cos), ONE(asin), ONE(acos), ONE(atan), ONE(tanh), ONE(sigmoid), ONE(softplus), ONE(is_nan), ONE(is_finite),
      TWO(mod), TWO(pow), TWO(atan2), TWO(min), TWO(max),
  };
#undef ONE
#undef TWO
  return all;
}

class Evaluation {
 public:
  Evaluation(const ir::Network& network, const NetworkInputs& inputs) : net_(network), in_(inputs) {
    for (const Tensor& t : net_.tensors) {
      shapes_.push_back(shape_of(t));
      values_.emplace_back(static_cast<std::size_t>((t.rows ? in_.rows : 1) * size_of(shapes_.back())));
      for (std::int64_t row = 0; row < (t.rows ? in_.rows : 1); ++row) compute(t, row, values_.back().data() + row * size_of(shapes_.back()));
      whole(t, values_.back());
    }
  }
  NetworkValues take() { return std::move(values_); }

 private:
  // Tables have the size of their weight.
  Shape shape_of(const Tensor& t) const {
    Shape shape = t.shape;
    if (!shape.empty() && shape[0] == 0) {
      Shape rest(shape.begin() + 1, shape.end());
      if (t.op == TensorOp::weight || t.op == TensorOp::scatter || t.op == TensorOp::scatter_bag)
        shape[0] = static_cast<std::int64_t>(in_.weights[static_cast<std::size_t>(t.integer)].size()) / size_of(rest);
      else shape[0] = shapes_[static_cast<std::size_t>(t.args.at(0).index)][0];
    }
    return shape;
  }
  const Shape& shape(TensorId id) const { return shapes_[static_cast<std::size_t>(id.index)]; }
  const double* at(TensorId id, std::int64_t row) const {
    return values_[static_cast<std::size_t>(id.index)].data() + (net_[id].rows ? row * size_of(shape(id)) : 0);
  }

  // One row of what is computed row by row.
  void compute(const Tensor& t, std::int64_t row, double* out) {
    const Shape& to = shapes_.back();
    const auto each_value = [&](auto value) { each(to, [&](const Index& i) { *out++ = value(i); }); };
    const auto arg = [&](std::size_t n, const Index& i) { return at(t.args[n], row)[spread(shape(t.args[n]), i)]; };
    switch (t.op) {
      case TensorOp::numbers:
        for (const std::int32_t feature : t.features) *out++ = in_.numbers[static_cast<std::size_t>(feature)][static_cast<std::size_t>(row)];
        return;
      case TensorOp::code: {
        const double code = in_.numbers[static_cast<std::size_t>(t.integer)][static_cast<std::size_t>(row)];
        *out = std::isnan(code) ? -1 : code;
        return;
      }
      case TensorOp::target: *out = in_.target[static_cast<std::size_t>(row)]; return;
      case TensorOp::row_weight: *out = in_.row_weight[static_cast<std::size_t>(row)]; return;
      case TensorOp::row_share: *out = 1 / static_cast<double>(in_.rows); return;
      case TensorOp::constant: *out = t.real; return;
      case TensorOp::weight: std::copy_n(in_.weights[static_cast<std::size_t>(t.integer)].begin(), size_of(to), out); return;
      case TensorOp::bag: case TensorOp::row_sum: case TensorOp::batch_mean: case TensorOp::scatter: case TensorOp::scatter_bag: return;
      case TensorOp::position:
        return each_value([&](const Index& i) {
          double n = 0;
          for (const std::int64_t axis : t.axes) n = n * static_cast<double>(to[static_cast<std::size_t>(axis)]) + static_cast<double>(i[static_cast<std::size_t>(axis)]);
          return n;
        });
      case TensorOp::map:
        return each_value([&](const Index& i) {
          std::vector<double> v;
          for (std::size_t n = 0; n < t.args.size(); ++n) v.push_back(arg(n, i));
          const auto found = functions().find(t.callee);
          if (found == functions().end()) MLP_BUG("no function `" + t.callee + "`");
          return found->second(v);
        });
      case TensorOp::select: return each_value([&](const Index& i) { return arg(0, i) != 0 ? arg(1, i) : arg(2, i); });
      case TensorOp::broadcast: return each_value([&](const Index& i) { return arg(0, i); });
      case TensorOp::mask: {
        std::int32_t element = 0;
        return each_value([&](const Index&) {
          if (!in_.training) return 1.0;
          const std::uint64_t key = mlp_mask_key(in_.seed, in_.step, in_.row_id[static_cast<std::size_t>(row)], t.integer);
          return mlp_mask_unit(key, element++) >= static_cast<float>(t.real) ? 1 / (1 - t.real) : 0.0;
        });
      }
      case TensorOp::product: return product(t, row, out);
      case TensorOp::sum: case TensorOp::max: {
        const Shape& from = shape(t.args[0]);
        std::fill_n(out, size_of(to), t.op == TensorOp::sum ? 0 : -std::numeric_limits<double>::infinity());
        const double* v = at(t.args[0], row);
        each(from, [&](const Index& i) {
          double& o = out[spread(to, i)];
          o = t.op == TensorOp::sum ? o + *v : mlp_max(o, *v);
          ++v;
        });
        return;
      }
      case TensorOp::reshape: std::copy_n(at(t.args[0], row), size_of(to), out); return;
      case TensorOp::transpose:
        return each_value([&](const Index& i) {
          Index from(i.size());
          for (std::size_t axis = 0; axis < i.size(); ++axis) from[static_cast<std::size_t>(t.axes[axis])] = i[axis];
          return at(t.args[0], row)[flat(shape(t.args[0]), from)];
        });
      case TensorOp::slice: case TensorOp::pad:
        return each_value([&](Index i) {
          std::int64_t& along = i[static_cast<std::size_t>(t.integer)];
          along += t.op == TensorOp::slice ? t.axes[0] : -t.axes[0];
          if (along < 0 || along >= shape(t.args[0])[static_cast<std::size_t>(t.integer)]) return 0.0;
          return at(t.args[0], row)[flat(shape(t.args[0]), i)];
        });
      case TensorOp::concat:
        return each_value([&](Index i) {
          std::int64_t& along = i[static_cast<std::size_t>(t.integer)];
          std::size_t n = 0;
          for (std::int64_t have; along >= (have = shape(t.args[n])[static_cast<std::size_t>(t.integer)]); ++n) along -= have;
          return at(t.args[n], row)[flat(shape(t.args[n]), i)];
        });
      case TensorOp::pick:
        return each_value([&](Index i) {
          const double index = arg(1, i);
          const std::int64_t n = shape(t.args[0]).back();
          if (!(index >= 0 && index < static_cast<double>(n)) || index != std::floor(index)) return 0.0;
          i.push_back(static_cast<std::int64_t>(index));
          return at(t.args[0], row)[flat(shape(t.args[0]), i)];
        });
      case TensorOp::place:
        return each_value([&](Index i) {
          const auto last = static_cast<double>(i.back());
          i.pop_back();
          return arg(1, i) == last ? arg(0, i) : 0.0;
        });
      case TensorOp::gather: {
        const double code = *at(t.args[1], row);
        const Shape& table = shape(t.args[0]);
        for (std::int64_t k = 0; k < size_of(to); ++k) out[k] = code >= 0 && code < static_cast<double>(table[0]) ? at(t.args[0], 0)[static_cast<std::int64_t>(code) * size_of(to) + k] : 0;
        return;
      }
      case TensorOp::gather_bag: {
        const mlp_bag& bag = bag_of(t.args[1], row);
        for (std::int64_t k = 0; k < size_of(to); ++k) {
          out[k] = 0;
          for (std::int64_t n = 0; n < bag.size; ++n)
            if (bag.terms[n].term < shape(t.args[0])[0]) out[k] += bag.terms[n].value * at(t.args[0], 0)[bag.terms[n].term * size_of(to) + k];
        }
        return;
      }
      case TensorOp::windows: case TensorOp::unwindow: return windows(t, row, out);
    }
  }

  const mlp_bag& bag_of(TensorId id, std::int64_t row) const { return in_.bags[static_cast<std::size_t>(net_[id].integer)][static_cast<std::size_t>(row)]; }

  void product(const Tensor& t, std::int64_t row, double* out) {
    Shape a = shape(t.args[0]), b = shape(t.args[1]);
    if (a.size() == 1) a.insert(a.begin(), 1);
    const std::size_t r = a.size();
    const std::int64_t i = a[r - 2 + t.transpose_a], k = a[r - 1 - t.transpose_a], j = b[b.size() - 1 - t.transpose_b];
    const std::int64_t lead = size_of(a) / (i * k), step = b.size() > 2 ? k * j : 0;
    for (std::int64_t l = 0; l < lead; ++l) {
      const double *x = at(t.args[0], row) + l * i * k, *y = at(t.args[1], row) + l * step;
      for (std::int64_t m = 0; m < i; ++m) {
        for (std::int64_t n = 0; n < j; ++n) {
          double sum = 0;
          for (std::int64_t p = 0; p < k; ++p) sum += x[t.transpose_a ? p * i + m : m * k + p] * y[t.transpose_b ? n * k + p : p * j + n];
          *out++ = sum;
        }
      }
    }
  }

  void windows(const Tensor& t, std::int64_t row, double* out) {
    const bool forward = t.op == TensorOp::windows;
    const Shape &image = forward ? shape(t.args[0]) : shapes_.back(), &cut = forward ? shapes_.back() : shape(t.args[0]);
    if (!forward) std::fill_n(out, size_of(image), 0);
    std::int64_t n = 0;
    each({cut[0], cut[1], t.axes[0], t.axes[1], image[2]}, [&](const Index& i) {
      const std::int64_t y = i[0] * t.axes[2] + i[2] - t.axes[3], x = i[1] * t.axes[2] + i[3] - t.axes[3];
      const bool inside = y >= 0 && y < image[0] && x >= 0 && x < image[1];
      const std::int64_t place = inside ? flat(image, {y, x, i[4]}) : 0;
      const double* const v = at(t.args[0], row);
      if (forward) out[n] = inside ? v[place] : t.max_outside ? -std::numeric_limits<double>::infinity() : 0;
      else if (inside) out[place] += v[n];
      ++n;
    });
  }

  // What is made of all rows together.
  void whole(const Tensor& t, std::vector<double>& out) {
    const auto n = static_cast<std::int64_t>(out.size());
    if (t.op == TensorOp::batch_mean && !in_.training) {
      out = in_.states[static_cast<std::size_t>(t.integer)];
    } else if (t.op == TensorOp::row_sum || t.op == TensorOp::batch_mean) {
      for (std::int64_t row = 0; row < in_.rows; ++row)
        for (std::int64_t i = 0; i < n; ++i) out[static_cast<std::size_t>(i)] += at(t.args[0], row)[i];
      if (t.op == TensorOp::batch_mean)
        for (double& v : out) v /= static_cast<double>(in_.rows);
    } else if (t.op == TensorOp::scatter || t.op == TensorOp::scatter_bag) {
      const std::int64_t d = size_of(shape(t.args[0])), size = n / d;
      const auto add = [&](std::int64_t row, double code, double times) {
        if (!(code >= 0 && code < static_cast<double>(size))) return;
        for (std::int64_t k = 0; k < d; ++k) out[static_cast<std::size_t>(static_cast<std::int64_t>(code) * d + k)] += times * at(t.args[0], row)[k];
      };
      for (std::int64_t row = 0; row < in_.rows; ++row) {
        if (t.op == TensorOp::scatter) {
          add(row, *at(t.args[1], row), 1);
        } else {
          const mlp_bag& bag = bag_of(t.args[1], row);
          for (std::int64_t i = 0; i < bag.size; ++i) add(row, static_cast<double>(bag.terms[i].term), bag.terms[i].value);
        }
      }
    }
  }

  const ir::Network& net_;
  const NetworkInputs& in_;
  std::vector<Shape> shapes_;
  NetworkValues values_;
};

}  // namespace

NetworkValues evaluate(const ir::Network& network, const NetworkInputs& inputs) { return Evaluation(network, inputs).take(); }

double weighted_loss(const ir::Network& network, const NetworkInputs& inputs) {
  const std::vector<double> loss = evaluate(network, inputs)[static_cast<std::size_t>(network.loss.index)];
  double sum = 0;
  for (std::size_t row = 0; row < loss.size(); ++row) sum += inputs.row_weight[row] * loss[row];
  return sum;
}

}  // namespace mlp::reference
