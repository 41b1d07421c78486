// One row through one tree, or to its nearest centre. Category codes lie in feature columns as doubles; NaN or anything outside 0..width-1 is
// missing or unseen.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "runtime/model/model.h"

namespace mlp::model {

inline std::int32_t code_of(double value, std::int32_t width) {
  return value >= 0 && value < width ? static_cast<std::int32_t>(value) : -1;
}
inline bool in_set(const std::vector<std::uint64_t>& words, std::int32_t code) { return (words[code >> 6] >> (code & 63)) & 1; }

// What a term counts in a bag.
inline double value_in(const mlp_bag& bag, std::int64_t term) {
  const mlp_term* const end = bag.terms + bag.size;
  const mlp_term* const at = std::lower_bound(bag.terms, end, term, [](const mlp_term& t, std::int64_t wanted) { return t.term < wanted; });
  return at != end && at->term == term ? at->value : 0;
}

// The leaf that a row reaches.
inline std::int32_t leaf_of(const Forest& forest, const Tree& tree, const std::vector<FeatureInfo>& features, const Matrix& matrix,
                            std::int64_t row) {
  std::int32_t i = 0;
  while (tree.left[i] >= 0) {
    const std::int32_t term = tree.feature[i] - static_cast<std::int32_t>(features.size());
    const double v = term < 0 ? matrix[tree.feature[i]][row] : value_in(matrix[forest.terms[term].feature].bags[row], forest.terms[term].term);
    bool left;
    if (tree.category_set[i] >= 0) {
      const std::int32_t code = code_of(v, features[tree.feature[i]].width);
      left = code < 0 ? tree.default_left[i] != 0 : in_set(forest.category_sets[tree.category_set[i]], code);
    } else {
      left = std::isnan(v) ? tree.default_left[i] != 0 : v <= tree.threshold[i];
    }
    i = left ? tree.left[i] : tree.right[i];
  }
  return i;
}

// Adds what tree t gives for a row to its scores.
inline void add_tree(const Model& model, std::size_t t, const Matrix& matrix, std::int64_t row, double* scores) {
  const Tree& tree = model.forest.trees[t];
  const std::int32_t leaf = leaf_of(model.forest, tree, model.features, matrix, row);
  if (model.kind != ModelKind::forest) {
    scores[t % model.forest.outputs] += tree.value[leaf];
    return;
  }
  for (std::int32_t k = 0; k < model.forest.outputs; ++k) scores[k] += tree.value[leaf * model.forest.outputs + k];
}

struct Nearest {
  std::int32_t cluster = 0;
  double squared = 0;
};

// The first of the nearest centres; a row with a NaN is in cluster 0, at distance NaN.
inline Nearest nearest_of(const Centres& centres, const Matrix& matrix, std::int64_t row) {
  const std::size_t total = centres.values.size() / centres.clusters;
  Nearest near;
  for (std::int32_t k = 0; k < centres.clusters; ++k) {
    double sum = 0;
    for (std::size_t f = 0; f < centres.offset.size(); ++f) {
      const double* c = &centres.values[k * total + centres.offset[f]];
      const double v = matrix[f][row];
      if (centres.width[f] == 0) {
        sum += (v - c[0]) * (v - c[0]);
        continue;
      }
      double squares = 0;
      for (std::int32_t j = 0; j < centres.width[f]; ++j) squares += c[j] * c[j];
      sum += squares;
      if (const std::int32_t code = code_of(v, centres.width[f]); code >= 0) sum += 1 - 2 * c[code];
    }
    sum = sum < 0 ? 0 : sum;
    if (k == 0 || sum < near.squared) near = {k, sum};
  }
  return near;
}

}  // namespace mlp::model
