// A model of fitted features, and what it predicts.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "engine/fit.h"
#include "engine/options.h"
#include "runtime/learn/calibrate.h"
#include "runtime/score/score.h"

namespace mlp::engine {

// Of a weight of the network, once features are fitted.
std::vector<std::int64_t> shape_of(const ir::Weight& weight, const std::vector<model::FeatureInfo>& features);

learn::Outcome train_model(const Pipeline& pipeline, const Division& rows, const Features& features, const TrainOptions& options, learn::BinCache* bins);

// What a model says of rows whose features are computed, before calibration, for calibration to judge it by.
learn::Judged judge(const model::Model& model, const FeatureColumns& columns, const Part& part);

// Of a model on rows whose features are computed; the same as through the scoring path.
std::map<std::string, double> measure(const model::Model& model, const FeatureColumns& columns, const Part& part);
// Metrics of a loaded package on parts of its data, through the scoring path.
std::map<std::string, double> measure(const score::Engine& engine, const Part& part);
// Predictions of a part (rows x width), through the scoring path; and what the model sees, by feature.
std::vector<double> predict(const score::Engine& engine, const Part& part, std::vector<std::vector<double>>* features = nullptr);

}  // namespace mlp::engine
