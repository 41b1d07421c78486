// Fits calibration curves. The rows must not be those that the model was trained on.
#pragma once
#include <vector>

#include "runtime/model/calibration.h"
#include "runtime/model/model.h"

namespace mlp::learn {

// Rows that judge a model: evidence (rows x model::evidence_width), class index, weight (empty = 1 each).
struct Judged {
  std::vector<double> evidence, target, weight;
  void add(const Judged& more);
};

// isotonic: least squares under order by pooling adjacent violators (Ayer et al. 1955), rows of equal evidence as one;
// platt: maximum likelihood by Newton steps on smoothed targets (Platt 1999; Lin, Lin, Weng 2007). Of more classes than
// two each against the rest. Sums run in the order of rows. Throws Failure where there are no rows, or rows of one class.
model::Calibration calibrate(const model::Model& model, Calibrate method, const Judged& rows);

}  // namespace mlp::learn
