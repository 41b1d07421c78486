// What differs between two specs with their data, stage by stage, and what it costs.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/pipeline.h"
#include "engine/stages.h"
#include "runtime/registry/cache.h"
#include "runtime/registry/registry.h"

namespace mlp::engine {

// One side: a spec, its data, and the run that came of it, each where there is one.
struct Side {
  std::string label;                          // run 3fa9c1d2e4b5 · churn.mlp · HEAD~1:churn.mlp
  std::shared_ptr<const driver::Unit> unit;     // as written
  std::shared_ptr<const driver::Unit> settled;  // with what its tune block chose; none while that is not known
  std::string data;                           // digest; "" when the data cannot be read here
  std::string data_fault;                     // why not
  std::optional<registry::Run> run;
  std::optional<package::Package> package;
  std::vector<registry::StageUse> stages;     // of the run
};

// One difference. `was` and `is` are as written; one is empty where the thing is on one side only.
struct Reason {
  std::string what, was, is;
  std::string place;                          // churn.mlp:49
  std::string text() const;                   // `depth` 4 → 6 (churn.mlp:49)
};

struct StageChange {
  driver::Stage stage{};
  driver::Class cls = driver::Class::no_op;
  std::vector<Reason> reasons{};
  std::string note{};                         // what the reasons do not say: it is in the cache, it never was made
  std::optional<double> seconds{};            // that it took in the run that is compared with
};

struct Comparison {
  std::vector<StageChange> stages;            // all, in order
  driver::Class cls() const;                  // the heaviest
};

// Every stage whose facts differ has its class, the others are no-op. The data counts where both sides have it. What a tune
// block chose counts where it is known of both sides, else how it chooses.
Comparison compare(const Side& was, const Side& now);

// What `mlp train` will do now: as `compare` with the last run, but a stage of rows is made exactly when the cache has no
// whole result for it. `was`: none when there is no run yet. Without data that can be read the cache says nothing. The
// trials of a tune block that was changed choose anew, so what follows them is made anew.
Comparison foresee(const Side* was, Side now, const registry::Cache& cache);

// What a train did, in the same words: `done` for the stages of rows, the packages for the others.
Comparison account(const Side* was, const Side& now, const std::vector<StageDone>& done);

}  // namespace mlp::engine
