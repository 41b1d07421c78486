// A network whose weights are bytes: calibrated on train rows, measured on test rows.
#pragma once
#include <string>

#include "engine/parts.h"

namespace mlp::engine {

struct Quantized {
  package::Package package;         // with what was measured in its manifest
  std::string metric;               // accuracy, or rmse of a number
  double before = 0, after = 0;     // of the test part
  double worse = 0;                 // by what share of `before`; below 0: better
  std::int64_t weights = 0, all = 0;  // floats that have become bytes, of so many
};
// Weights that are only multiplied by become bytes, column by column; what they are multiplied with becomes bytes by its range over
// `calibration_rows` train rows at most. Throws Failure for a model that is no network, that has no such weight, or without test rows.
constexpr std::int64_t calibration_rows = 2'000;
Quantized quantize(const Loaded& loaded, const Data& data, int threads);

}  // namespace mlp::engine
