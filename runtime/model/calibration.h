// Calibration: what a model says of a class, turned into the share of rows in which it is right.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/settings.h"

namespace mlp::model {

struct Model;

// From evidence to probability. isotonic: linear between the points (x, y), flat outside; platt: 1 / (1 + exp(a z + b)).
struct Curve {
  std::vector<double> x, y;                   // x rising, y not falling, from 0 to 1
  double a = 0, b = 0;
};

struct Calibration {
  Calibrate method = Calibrate::none;
  std::vector<Curve> curves;                  // of two classes one, of the positive one; else one a class, each against the rest
};

// Evidence for each class that has a curve, rows x curves, from raw scores: log-odds of the class; of a forest its share.
std::int32_t evidence_width(const Model& model);
void evidence(const Model& model, const double* scores, std::int64_t rows, double* out);

double apply(Calibrate method, const Curve& curve, double evidence);

// Probabilities by class from evidence. Of more classes than two each curve is divided by the sum of all; where all are 0,
// the classes are equal.
void calibrated(const Model& model, const double* evidence, std::int64_t rows, double* out);

// What is wrong with the calibration of a model; empty when nothing is.
std::vector<std::string> validate_calibration(const Model& model);

}  // namespace mlp::model
