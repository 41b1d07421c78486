#include "runtime/model/model.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/diagnostic.h"
#include "runtime/model/exact_math.h"
#include "runtime/model/kernels.h"
#include "runtime/model/walk.h"

namespace mlp::model {
namespace {

constexpr std::int32_t widest = 1 << 24;           // categories of a feature: bounds what a hostile file can make us allocate

// Collects what is wrong; stops after a few, a broken file needs no list of a million lines.
struct Findings {
  std::vector<std::string> list;
  void add(const std::string& text) {
    if (list.size() < 20) list.push_back(text);
  }
};

void validate_tree(const Model& model, std::size_t number, Findings& out) {
  const Tree& tree = model.forest.trees[number];
  const std::string where = "tree " + std::to_string(number) + ": ";
  const std::size_t nodes = tree.feature.size(), outputs = model.tree_outputs();
  if (nodes == 0) return out.add(where + "no nodes");
  if (tree.threshold.size() != nodes || tree.left.size() != nodes || tree.right.size() != nodes ||
      tree.default_left.size() != nodes || tree.category_set.size() != nodes || tree.value.size() != nodes * outputs ||
      tree.cover.size() != nodes || tree.gain.size() != nodes)
    return out.add(where + "arrays of different length");
  if (nodes > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) return out.add(where + "too many nodes");
  std::vector<std::uint8_t> seen(nodes, 0);
  std::vector<std::int32_t> stack{0};
  seen[0] = 1;
  std::size_t reached = 0;
  while (!stack.empty()) {
    const std::int32_t i = stack.back();
    stack.pop_back();
    ++reached;
    const std::string node = where + "node " + std::to_string(i) + ": ";
    if (tree.default_left[i] > 1) out.add(node + "default_left is neither 0 nor 1");
    for (std::size_t k = 0; k < outputs; ++k)
      if (!std::isfinite(tree.value[i * outputs + k])) out.add(node + "value is not finite");
    if (!std::isfinite(tree.cover[i]) || tree.cover[i] < 0) out.add(node + "cover is not a finite, non-negative number");
    if (!std::isfinite(tree.gain[i])) out.add(node + "gain is not finite");
    if (tree.left[i] < 0) {
      if (tree.left[i] != -1 || tree.right[i] != -1) out.add(node + "a leaf has a child");
      continue;
    }
    static const FeatureInfo term;  // of a bag: a number
    const std::size_t named = static_cast<std::size_t>(tree.feature[i]), own = model.features.size();
    if (tree.feature[i] < 0 || named >= own + model.forest.terms.size()) {
      out.add(node + "feature out of range");
      return;
    }
    if (named < own && model.features[named].bag) out.add(node + "splits a bag instead of a term");
    const FeatureInfo& feature = named < own ? model.features[named] : term;
    const std::int32_t set = tree.category_set[i];
    if (set == -1) {
      if (feature.width > 0) out.add(node + "a number split on a category feature");
      if (!std::isfinite(tree.threshold[i])) out.add(node + "threshold is not finite");
    } else if (set < 0 || static_cast<std::size_t>(set) >= model.forest.category_sets.size()) {
      out.add(node + "category set out of range");
    } else {
      if (feature.width <= 0) out.add(node + "a category split on a number feature");
      const auto& words = model.forest.category_sets[set];
      const std::size_t width = feature.width > 0 ? feature.width : 0;
      if (words.size() != (width + 63) / 64)
        out.add(node + "category set and feature differ in width");
      else if (width % 64 != 0 && (words.back() >> (width % 64)) != 0)
        out.add(node + "category set names a code beyond the feature's width");
    }
    for (const std::int32_t child : {tree.left[i], tree.right[i]}) {
      if (child < 0 || static_cast<std::size_t>(child) >= nodes) {
        out.add(node + "child out of range");
        return;
      }
      if (seen[child]) {
        out.add(node + "a node is reached twice");
        return;
      }
      seen[child] = 1;
      stack.push_back(child);
    }
  }
  if (reached != nodes) out.add(where + "a node is never reached");
}

void validate_forest(const Model& model, Findings& out) {
  const Forest& forest = model.forest;
  if (forest.outputs < 1) return out.add("forest: outputs below 1");
  if (forest.base.size() != static_cast<std::size_t>(forest.outputs)) return out.add("forest: one base value per output is needed");
  for (const double b : forest.base)
    if (!std::isfinite(b)) out.add("forest: base value is not finite");
  if (model.kind == ModelKind::forest) {
    if (forest.trees.empty()) out.add("forest: no trees");
  } else if (forest.trees.size() % forest.outputs != 0) {
    out.add("forest: an unfinished round of trees");
  }
  for (std::size_t i = 0; i < forest.terms.size(); ++i) {
    const BagTerm& t = forest.terms[i];
    if (t.feature < 0 || static_cast<std::size_t>(t.feature) >= model.features.size() || !model.features[t.feature].bag || t.term < 0 || t.term >= model.features[t.feature].terms)
      return out.add("forest: a term of no bag");
    if (i > 0 && !(forest.terms[i - 1] < t)) return out.add("forest: terms are not in order");
  }
  for (std::size_t t = 0; t < forest.trees.size(); ++t) validate_tree(model, t, out);
}

void validate_linear(const Model& model, Findings& out) {
  const Linear& linear = model.linear;
  const std::size_t features = model.features.size();
  if (linear.outputs < 1) return out.add("linear: outputs below 1");
  if (linear.intercept.size() != static_cast<std::size_t>(linear.outputs)) out.add("linear: one intercept per output is needed");
  if (linear.offset.size() != features || linear.width.size() != features)
    return out.add("linear: one offset and one width per feature are needed");
  std::int64_t total = 0;
  for (std::size_t f = 0; f < features; ++f) {
    if (linear.width[f] != model.features[f].width) return out.add("linear: width of feature " + std::to_string(f) + " differs");
    if (linear.offset[f] != total) return out.add("linear: offset of feature " + std::to_string(f) + " is wrong");
    total += columns_of(model.features[f]);
    if (total > std::numeric_limits<std::int32_t>::max()) return out.add("linear: too many weights");
  }
  if (linear.weights.size() != static_cast<std::size_t>(total) * linear.outputs) out.add("linear: wrong number of weights");
  for (const double v : linear.intercept)
    if (!std::isfinite(v)) return out.add("linear: intercept is not finite");
  for (const double v : linear.weights)
    if (!std::isfinite(v)) return out.add("linear: weight is not finite");
}

void validate_centres(const Model& model, Findings& out) {
  const Centres& centres = model.centres;
  const std::size_t features = model.features.size();
  if (centres.clusters < 1) return out.add("kmeans: no clusters");
  if (centres.offset.size() != features || centres.width.size() != features) return out.add("kmeans: one offset and one width per feature are needed");
  std::int64_t total = 0;
  for (std::size_t f = 0; f < features; ++f) {
    if (model.features[f].category || model.features[f].bag) return out.add("kmeans: a category has no distance");
    if (centres.width[f] != model.features[f].width) return out.add("kmeans: width of feature " + std::to_string(f) + " differs");
    if (centres.offset[f] != total) return out.add("kmeans: offset of feature " + std::to_string(f) + " is wrong");
    total += centres.width[f] == 0 ? 1 : centres.width[f];
    if (total > std::numeric_limits<std::int32_t>::max()) return out.add("kmeans: too many numbers");
  }
  if (centres.values.size() != static_cast<std::size_t>(total) * centres.clusters) out.add("kmeans: wrong number of numbers");
  for (const double v : centres.values)
    if (!std::isfinite(v)) return out.add("kmeans: a centre is not finite");
}

void validate_isolation(const Model& model, Findings& out) {
  if (model.forest.outputs != 1) return out.add("isolation forest: one output is needed");
  if (model.forest.trees.empty()) return out.add("isolation forest: no trees");
  for (const FeatureInfo& feature : model.features)
    if (feature.bag) return out.add("isolation forest: a bag has no terms to split on");
  if (!(model.isolation.normal > 0) || !std::isfinite(model.isolation.normal) || !std::isfinite(model.isolation.threshold)) out.add("isolation forest: normal or threshold is out of range");
}

void validate_network(const Model& model, Findings& out) {
  const Network& network = model.network;
  if (network.outputs < 1) out.add("network: outputs below 1");
  if (!std::isfinite(network.centre) || !std::isfinite(network.unit)) out.add("network: centre or unit is not finite");
  for (const std::int32_t f : network.numbers)
    if (f < 0 || static_cast<std::size_t>(f) >= model.features.size() || model.features[f].width > 0 || model.features[f].bag) return out.add("network: an input is no number");
  for (const auto* list : {&network.weights, &network.states})
    for (const NetworkTensor& tensor : *list) {
      std::int64_t size = 1;
      for (const std::int64_t n : tensor.shape) {
        if (n < 0 || n > (std::int64_t{1} << 40) || (n > 0 && size > (std::int64_t{1} << 40) / n)) return out.add("network: `" + tensor.name + "` is too large");
        size *= n;
      }
      if (const Int8Weight& w = tensor.int8; !w.empty()) {
        const bool same = tensor.values.empty() && list == &network.weights && w.k > 0 && w.k <= most_int8_rows && static_cast<std::int64_t>(w.step.size()) == w.n && size == w.k * w.n &&
                          static_cast<std::int64_t>(w.values.size()) == size && std::isfinite(w.input_step) && w.input_step > 0 && w.zero >= 0 && w.zero <= 255;
        if (!same || !std::all_of(w.step.begin(), w.step.end(), [](float v) { return std::isfinite(v); })) return out.add("network: the bytes of `" + tensor.name + "` are not those of its shape");
        continue;
      }
      if (const RoundedWeight& w = tensor.rounded; !w.empty()) {
        const auto whole = [](float v) { return (std::bit_cast<std::uint32_t>(v) & 0xffffu) == 0; };
        if (network.precision != Precision::bf16 || list != &network.weights || w.k < 0 || w.n < 0 || w.k * w.n != size || !std::all_of(tensor.values.begin(), tensor.values.end(), whole))
          return out.add("network: `" + tensor.name + "` is not rounded, or not of its shape");
      }
      if (static_cast<std::int64_t>(tensor.values.size()) != size) return out.add("network: `" + tensor.name + "` does not have the size of its shape");
      for (const float v : tensor.values)
        if (!std::isfinite(v)) return out.add("network: `" + tensor.name + "` holds what is not finite");
    }
}

}  // namespace

std::int32_t Tree::add_leaf(std::int32_t outputs) {
  feature.push_back(-1);
  threshold.push_back(0);
  left.push_back(-1);
  right.push_back(-1);
  default_left.push_back(0);
  category_set.push_back(-1);
  value.resize(value.size() + outputs, 0.0);
  cover.push_back(0);
  gain.push_back(0);
  return static_cast<std::int32_t>(feature.size()) - 1;
}

std::vector<std::string> validate(const Model& model) {
  Findings out;
  for (std::size_t f = 0; f < model.features.size(); ++f) {
    const FeatureInfo& feature = model.features[f];
    if (feature.width < 0 || feature.width > widest) out.add("feature " + std::to_string(f) + ": width out of range");
    if (feature.terms < 0 || feature.terms > widest || feature.table < -1 || (!feature.bag && (feature.terms > 0 || feature.table >= 0)))
      out.add("feature " + std::to_string(f) + ": terms out of range");
    if (feature.bag && feature.width > 0) out.add("feature " + std::to_string(f) + ": both a bag and a category");
    if ((feature.category || feature.one_hot) != (feature.width > 0))
      out.add("feature " + std::to_string(f) + ": a width belongs to categories and one-hot features only");
  }
  if (!out.list.empty()) return out.list;
  if (has_trees(model.kind))
    validate_forest(model, out);
  else if (model.kind == ModelKind::kmeans)
    validate_centres(model, out);
  else if (model.kind == ModelKind::network)
    validate_network(model, out);
  else
    validate_linear(model, out);
  if (model.kind == ModelKind::isolation_forest) validate_isolation(model, out);
  if (!out.list.empty()) return out.list;
  const std::size_t outputs = model.outputs();
  switch (model.loss) {
    case Loss::logistic:
    case Loss::custom_bool:
      if (model.classes.size() != 2 || outputs != 1) out.add("a loss of two classes needs just those and one output");
      break;
    case Loss::softmax:
      if (model.classes.size() < 2 || outputs != model.classes.size()) out.add("loss softmax needs an output per class, two at least");
      break;
    case Loss::squared:
    case Loss::poisson:
    case Loss::quantile:
    case Loss::custom:
      if (!model.classes.empty() || outputs != 1) out.add("a regression has no classes and one output");
      break;
    case Loss::none:
      if (!model.classes.empty()) out.add("a model without a target has no classes");
      break;
  }
  if (has_target(model.kind) == (model.loss == Loss::none)) out.add("exactly a model without a target has no loss");
  if (is_custom(model.loss) == model.loss_name.empty()) out.add("exactly a loss of the language has a name");
  for (const std::string& text : validate_calibration(model)) out.add(text);
  if (!(model.quantile > 0 && model.quantile < 1)) out.add("quantile is not between 0 and 1");
  return out.list;
}

void score_reference(const Model& model, const Matrix& matrix, std::int64_t rows, double* scores) {
  MLP_CHECK(model.kind != ModelKind::network);
  const std::int32_t outputs = model.outputs();
  for (std::int64_t row = 0; row < rows; ++row) {
    double* out = scores + row * outputs;
    if (model.kind == ModelKind::kmeans) {
      const Nearest near = nearest_of(model.centres, matrix, row);
      out[0] = near.cluster;
      out[1] = near.squared;
    } else if (has_trees(model.kind)) {
      const Forest& forest = model.forest;
      for (std::int32_t k = 0; k < outputs; ++k) out[k] = forest.base[k];
      for (std::size_t t = 0; t < forest.trees.size(); ++t) add_tree(model, t, matrix, row, out);
    } else {
      const Linear& linear = model.linear;
      const std::size_t total = linear.weights.size() / outputs;
      for (std::int32_t k = 0; k < outputs; ++k) {
        double sum = linear.intercept[k];
        for (std::size_t f = 0; f < linear.offset.size(); ++f) {
          const double* w = linear.weights.data() + k * total + linear.offset[f];
          if (model.features[f].bag) {
            const mlp_bag& bag = matrix[f].bags[row];
            for (std::int64_t i = 0; i < bag.size && bag.terms[i].term < model.features[f].terms; ++i) sum += w[bag.terms[i].term] * bag.terms[i].value;
            continue;
          }
          const double v = matrix[f][row];
          if (linear.width[f] == 0) {
            sum += w[0] * v;
          } else if (const std::int32_t code = code_of(v, linear.width[f]); code >= 0) {
            sum += w[code];
          }
        }
        out[k] = sum;
      }
    }
  }
}

Answer answer(const Model& model) {
  if (model.kind == ModelKind::kmeans) return Answer::cluster;
  if (model.kind == ModelKind::isolation_forest) return Answer::anomaly;
  return model.classes.empty() ? Answer::value : Answer::classes;
}

std::int32_t width(const Model& model) {
  switch (answer(model)) {
    case Answer::value: return 1;
    case Answer::classes: return static_cast<std::int32_t>(model.classes.size());
    case Answer::cluster:
    case Answer::anomaly: return 2;
  }
  return 1;
}

namespace {

// Of a forest: shares of classes, and values, are means over the trees.
void link_forest(const Model& model, const double* scores, std::int64_t rows, double* out) {
  const double trees = static_cast<double>(model.forest.trees.size());
  if (is_binary(model.loss)) {
    for (std::int64_t i = 0; i < rows; ++i) {
      out[2 * i + 1] = scores[i] / trees;
      out[2 * i] = 1 - out[2 * i + 1];
    }
    return;
  }
  for (std::int64_t i = 0; i < rows * model.outputs(); ++i) out[i] = scores[i] / trees;
}

void link_value(Link link, const double* scores, std::int64_t rows, double* out) {
  for (std::int64_t i = 0; i < rows; ++i) out[i] = link == Link::identity ? scores[i] : link == Link::log ? exact_exp(scores[i]) : sigmoid(scores[i]);
}

void link_clusters(const double* scores, std::int64_t rows, double* out) {
  for (std::int64_t i = 0; i < rows; ++i) {
    out[2 * i] = scores[2 * i];
    out[2 * i + 1] = std::sqrt(scores[2 * i + 1]);
  }
}

void link_anomalies(const Model& model, const double* scores, std::int64_t rows, double* out) {
  const double trees = static_cast<double>(model.forest.trees.size());
  for (std::int64_t i = 0; i < rows; ++i) {
    const double score = exact_exp(-(scores[i] / trees / model.isolation.normal) * 0.69314718055994530942);
    out[2 * i] = score > model.isolation.threshold ? 1 : 0;
    out[2 * i + 1] = score;
  }
}

}  // namespace

void link(const Model& model, const double* scores, std::int64_t rows, double* out) {
  if (model.calibration.method != Calibrate::none) {
    std::vector<double> found(static_cast<std::size_t>(rows) * evidence_width(model));
    evidence(model, scores, rows, found.data());
    return calibrated(model, found.data(), rows, out);
  }
  if (model.kind == ModelKind::forest) return link_forest(model, scores, rows, out);
  switch (model.loss) {
    case Loss::none: return model.kind == ModelKind::kmeans ? link_clusters(scores, rows, out) : link_anomalies(model, scores, rows, out);
    case Loss::squared:
    case Loss::quantile: return link_value(Link::identity, scores, rows, out);
    case Loss::poisson: return link_value(Link::log, scores, rows, out);
    case Loss::custom: return link_value(model.link, scores, rows, out);
    case Loss::logistic:
    case Loss::custom_bool:
      return best_kernels().sigmoids(scores, rows, out);
    case Loss::softmax: {
      const std::int32_t k = model.outputs();
      for (std::int64_t i = 0; i < rows; ++i) {
        const double* s = scores + i * k;
        double* p = out + i * k;
        double top = s[0];
        for (std::int32_t c = 1; c < k; ++c) top = s[c] > top ? s[c] : top;
        double sum = 0;
        for (std::int32_t c = 0; c < k; ++c) sum += p[c] = exact_exp(s[c] - top);
        for (std::int32_t c = 0; c < k; ++c) p[c] /= sum;
      }
      return;
    }
  }
}

}  // namespace mlp::model
