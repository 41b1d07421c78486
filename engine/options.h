// What a train is told besides its spec.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/settings.h"
#include "compiler/ir/loop/loop.h"
#include "runtime/learn/learn.h"
#include "runtime/registry/cache.h"

namespace mlp::engine {

// One trial of a tune block.
struct Trial {
  std::vector<Assignment> values;
  double score = 0;                     // the objective; NaN where training diverged
  std::int64_t rounds = 0;
  std::int64_t resource = 0;            // trees or rows that it was given
};
// Where finished trials are kept, by content: a tune that was interrupted goes on with them.
struct TrialStore {
  std::function<std::optional<std::string>(const std::string& key)> find;
  std::function<void(const std::string& key, const std::string& text)> keep;
};

// A device that trains networks instead of the CPU, and what compiles their kernels for it.
struct TrainingDevice {
  device::Device& device;
  std::string name;                     // as manifests have it: cuda 9.0. The same name, the same bytes
  std::function<DeviceCode(const loop::Module&)> compile;
};

struct TrainOptions {
  int threads = 1;
  const TrainingDevice* device = nullptr;
  const registry::Cache* cache = nullptr;  // where stages are kept; none: all are made, and none is kept
  bool reuse = true;                       // take from the cache what is there; else only fill it
  std::function<void(const std::string& stage)> on_stage;           // "reading", "fitting", …
  std::function<void(const learn::Progress&)> on_round;
  const learn::NetworkCheckpoint* resume = nullptr;                 // of a network: where its training was interrupted
  std::function<void(const std::function<learn::NetworkCheckpoint()>&)> on_checkpoint;
  std::function<void(const std::vector<learn::GradientCheck>&)> on_gradients;  // of a network, before it is trained; may throw to stop
  double checkpoint_seconds = 10;          // least time between two checkpoints
  std::function<void(const std::vector<Trial>&)> on_trial;          // the last one is new
  TrialStore trials;
};

}  // namespace mlp::engine
