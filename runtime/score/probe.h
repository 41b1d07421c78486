// Known rows, made from the signature alone: no row of anybody's data travels in a package. What a pipeline answers to
// them is stored when it is trained and checked again by a self-test.
#pragma once
#include <string>
#include <vector>

#include "runtime/score/score.h"

namespace mlp::score {

// 64 rows over the values that matter: zero, limits, nulls, categories known and unknown, empty and long texts.
void add_probe_rows(const package::Package& package, RowBuilder& rows);

struct ProbeRun {
  std::int64_t rows = 0;
  std::vector<std::vector<double>> features;
  Bags bags;
  std::vector<double> predictions;       // rows x width
};
ProbeRun run_probe(const Engine& engine);

// The answers to them, each as the CSV line of its prediction: the `golden` list of the manifest.
std::vector<std::string> golden_predictions(const Engine& engine);

}  // namespace mlp::score
