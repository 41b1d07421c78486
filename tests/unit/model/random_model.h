// Random forests, linear models and rows for differential tests.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "runtime/model/model.h"

namespace mlp::model {

struct RandomRows {
  std::vector<std::vector<double>> columns;
  Matrix matrix() const {
    Matrix m;
    for (const auto& c : columns) m.push_back(c.data());
    return m;
  }
};

inline double draw(std::mt19937_64& rng) { return static_cast<double>(rng() >> 11) * 0x1p-53; }
inline std::int64_t below(std::mt19937_64& rng, std::int64_t n) { return static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(n)); }

// Values that meet thresholds exactly, stand beside them, or are odd.
inline double odd_number(std::mt19937_64& rng, std::int64_t grid) {
  switch (below(rng, 20)) {
    case 0: return std::nan("");
    case 1: return std::numeric_limits<double>::infinity();
    case 2: return -std::numeric_limits<double>::infinity();
    case 3: return -0.0;
    case 4: return std::numeric_limits<double>::denorm_min();
    case 5: return std::nextafter(static_cast<double>(below(rng, grid)) / 4, 1e9);
    case 6: return std::nextafter(static_cast<double>(below(rng, grid)) / 4, -1e9);
    default: return static_cast<double>(below(rng, grid)) / 4;
  }
}

struct Shape {
  std::int32_t features = 8, outputs = 1, trees = 20, leaves = 31;
  std::int64_t grid = 200;                         // distinct thresholds per number feature, about
  std::vector<std::int32_t> widths{0, 3, 0, 40, 200, 0, 300, 0};  // by feature, repeated
  ModelKind kind = ModelKind::gbdt;                // or forest: each tree gives all outputs
};

inline Model random_forest(std::mt19937_64& rng, const Shape& shape) {
  Model model;
  model.kind = shape.kind;
  model.forest.outputs = shape.outputs;
  if (shape.outputs > 1) {
    model.loss = Loss::softmax;
    for (std::int32_t k = 0; k < shape.outputs; ++k) model.classes.push_back("c" + std::to_string(k));
  }
  for (std::int32_t k = 0; k < shape.outputs; ++k) model.forest.base.push_back(draw(rng) - 0.5);
  for (std::int32_t f = 0; f < shape.features; ++f) {
    const std::int32_t w = shape.widths[f % shape.widths.size()];
    model.features.push_back({.name = "f" + std::to_string(f), .category = w > 0, .width = w, .one_hot = false});
  }
  for (std::int32_t t = 0; t < shape.trees * (shape.outputs / model.tree_outputs()); ++t) {
    Tree tree;
    const auto add = [&] {
      const std::int32_t leaf = tree.add_leaf(model.tree_outputs());
      for (std::int32_t k = 0; k < model.tree_outputs(); ++k) tree.value[leaf * model.tree_outputs() + k] = draw(rng) - 0.5;
      tree.cover[leaf] = 1;
      return leaf;
    };
    std::vector<std::int32_t> leaves{add()};
    const std::int64_t wanted = 1 + below(rng, shape.leaves);
    while (static_cast<std::int64_t>(leaves.size()) < wanted) {
      const std::size_t at = below(rng, 3) == 0 ? leaves.size() - 1 : static_cast<std::size_t>(below(rng, static_cast<std::int64_t>(leaves.size())));
      const std::int32_t i = leaves[at];
      const std::int32_t f = static_cast<std::int32_t>(below(rng, shape.features));
      const std::int32_t l = add(), r = add();
      tree.feature[i] = f;
      std::fill_n(&tree.value[i * model.tree_outputs()], model.tree_outputs(), 0.0);
      // Children in either order, so that nothing relies on it.
      tree.left[i] = below(rng, 2) ? l : r;
      tree.right[i] = tree.left[i] == l ? r : l;
      tree.default_left[i] = f % 5 == 0 ? 1 : f % 5 == 1 ? 0 : static_cast<std::uint8_t>(below(rng, 2));
      if (const std::int32_t width = model.features[f].width; width > 0) {
        std::vector<std::uint64_t> words((width + 63) / 64, 0);
        for (std::int32_t c = 0; c < width; ++c) words[c / 64] |= static_cast<std::uint64_t>(below(rng, 2)) << (c % 64);
        tree.category_set[i] = static_cast<std::int32_t>(model.forest.category_sets.size());
        model.forest.category_sets.push_back(words);
      } else {
        tree.threshold[i] = below(rng, 40) == 0 ? -0.0 : static_cast<double>(below(rng, shape.grid)) / 4;
      }
      leaves[at] = l;
      leaves.push_back(r);
    }
    model.forest.trees.push_back(std::move(tree));
  }
  return model;
}

inline Model random_linear(std::mt19937_64& rng, const Shape& shape) {
  Model model;
  model.kind = ModelKind::linear;
  model.linear.outputs = shape.outputs;
  if (shape.outputs > 1) {
    model.loss = Loss::softmax;
    for (std::int32_t k = 0; k < shape.outputs; ++k) model.classes.push_back("c" + std::to_string(k));
  }
  std::int32_t total = 0;
  for (std::int32_t f = 0; f < shape.features; ++f) {
    const std::int32_t w = shape.widths[f % shape.widths.size()];
    model.features.push_back({.name = "f" + std::to_string(f), .category = false, .width = w, .one_hot = w > 0});
    model.linear.offset.push_back(total);
    model.linear.width.push_back(w);
    total += w > 0 ? w : 1;
  }
  for (std::int32_t k = 0; k < shape.outputs; ++k) model.linear.intercept.push_back(draw(rng));
  for (std::int32_t i = 0; i < total * shape.outputs; ++i) model.linear.weights.push_back(draw(rng) - 0.5);
  return model;
}

inline Model random_centres(std::mt19937_64& rng, const Shape& shape) {
  Model model = random_linear(rng, shape);
  model.kind = ModelKind::kmeans;
  model.loss = Loss::none;
  model.classes.clear();
  model.centres = {.clusters = shape.outputs, .offset = model.linear.offset, .width = model.linear.width, .values = model.linear.weights};
  model.linear = {};
  return model;
}

inline RandomRows random_rows(std::mt19937_64& rng, const Model& model, std::int64_t rows, std::int64_t grid) {
  RandomRows out;
  for (const FeatureInfo& f : model.features) {
    std::vector<double> column;
    for (std::int64_t i = 0; i < rows; ++i) {
      if (f.width > 0)
        column.push_back(below(rng, 10) == 0 ? (below(rng, 2) ? std::nan("") : -1.0) : static_cast<double>(below(rng, f.width + 1)));
      else
        column.push_back(odd_number(rng, grid));
    }
    out.columns.push_back(std::move(column));
  }
  return out;
}

}  // namespace mlp::model
