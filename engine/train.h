// From a spec and its data to a package: read, split, fit, train, measure.
#pragma once
#include <functional>
#include <map>

#include "engine/cross_validate.h"
#include "engine/findings.h"
#include "engine/options.h"
#include "engine/stages.h"

namespace mlp::engine {

struct Trained {
  package::Package package;
  std::string bytes;                    // of the package
  std::string digest;                   // SHA-256 of bytes
  Metrics metrics;
  std::vector<FoldScore> folds;
  std::vector<Trial> trials;
  std::size_t best_trial = 0;
  data::ReadReport report;
  std::int64_t unseen_class = 0;        // rows of valid and test left out: no train row has their class
  std::vector<learn::Progress> history;
  std::int64_t best_round = 0;
  std::string device;                   // that trained it, as in TrainingDevice; empty: the CPU
  std::int64_t calibrated = 0;          // rows that `calibrate` judged the model by
  std::vector<Finding> findings;
  std::int64_t outside = 0;             // test rows that `serve on` leaves out
  bool converged = true;                // linear: within its tolerance
  std::function<void()> keep;           // puts into the cache what was made, once: when the run is recorded; throws Failure
  std::vector<StageDone> stages;        // those that are made from rows, in order
  std::map<std::string, double> seconds;  // spent now, by stage; for people, never part of the package
};

// The package has the same bytes whichever stages came from the cache.
Trained train(const Pipeline& pipeline, const std::filesystem::path& directory, const TrainOptions& options);

}  // namespace mlp::engine
