// The batches of a network's training on a device: weights, what the optimizer keeps and the train rows stay there.
#pragma once
#include <optional>

#include "runtime/device/launches.h"
#include "runtime/learn/learn.h"
#include "runtime/model/network.h"

namespace mlp::learn {

// What a training starts from; by weight, by state.
struct NetworkValues {
  std::vector<LargeVector<float>> weights, states;
  std::vector<std::vector<LargeVector<float>>> kept;  // weight, what, element
};

class DeviceTraining {
 public:
  struct Rows {                                       // of the train part, on the host
    const model::NetworkInput& input;
    std::vector<double> target, weight;
    std::vector<std::int64_t> row_id;
  };
  DeviceTraining(device::Device& device, const DeviceCode& code, const NetworkPlan& plan, const ModelSettings& settings, std::int64_t chance, const Rows& rows,
                 const NetworkValues& start);
  ~DeviceTraining();
  void begin_epoch(const std::vector<std::int64_t>& order);                 // of the rows
  void batch(std::int64_t first, std::int64_t rows, std::int64_t step, double rate);
  struct Lost {
    std::int64_t step = 0;
    std::vector<std::size_t> weights;                 // whose gradient is no number
  };
  std::optional<Lost> lost();                         // whether a loss was no number since the start; waits
  void read(std::vector<LargeVector<float>>& weights, std::vector<LargeVector<float>>& states) const;
  void read_kept(std::vector<std::vector<LargeVector<float>>>& kept) const;

 private:
  class Memory;
  std::unique_ptr<Memory> m_;
};

}  // namespace mlp::learn
