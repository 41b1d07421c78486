// What is fitted on train rows, and the features that follow from it.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/parts.h"

namespace mlp::engine {

// What a model sees of rows, by feature: numbers, which for a bag say how many terms a row has, and the bags.
struct FeatureColumns {
  std::vector<std::vector<double>> numbers;
  std::vector<std::vector<mlp_bag>> bags;         // as many as features; empty but for bags
  std::vector<std::shared_ptr<const void>> memory;  // that the bags point into
  model::Matrix matrix() const;
};

// What a model sees of a division. Fitted on its train rows alone.
struct Features {
  fit::Fitted fitted;
  FeatureColumns train, valid;
};
Features fit_features(const Pipeline& pipeline, const Division& rows, int threads);

// The steps of fit_features: the out-of-fold number of each row, none when nothing asks for them; what the passes over the
// train rows fit; the matrix that a model sees, one column a feature.
std::vector<std::int32_t> out_of_fold(const flow::Program& program, const Part& train);
fit::Fitted fit_all(const Pipeline& pipeline, const Part& train, const std::vector<std::int32_t>& fold, int threads);
FeatureColumns features_of(const Pipeline& pipeline, const Part& part, const fit::Fitted& fitted, const std::vector<std::int32_t>& fold, int threads);

}  // namespace mlp::engine
