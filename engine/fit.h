// What is fitted on train rows, and the features that follow from it.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/parts.h"

namespace mlp::engine {

// What a model sees of a division. Fitted on its train rows alone.
struct Features {
  fit::Fitted fitted;
  std::vector<std::vector<double>> train, valid;  // by feature
};
Features fit_features(const Pipeline& pipeline, const Division& rows, int threads);

// The steps of fit_features: the out-of-fold number of each row, none when nothing asks for them; what the passes over the
// train rows fit; the matrix that a model sees, one column a feature.
std::vector<std::int32_t> out_of_fold(const flow::Program& program, const Part& train);
fit::Fitted fit_all(const Pipeline& pipeline, const Part& train, const std::vector<std::int32_t>& fold, int threads);
std::vector<std::vector<double>> features_of(const Pipeline& pipeline, const Part& part, const fit::Fitted& fitted, const std::vector<std::int32_t>& fold, int threads);

}  // namespace mlp::engine
