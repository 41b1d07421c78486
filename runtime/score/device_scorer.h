// A model on a device, and of its features those that the device computes: columns go there as they are, the others as numbers, bins or terms. Features
// and models of trees have the bits of the CPU; networks agree with it within a bound, by the order of sums.
#pragma once
#include <memory>

#include "base/launches.h"
#include "runtime/device/device.h"
#include "runtime/score/score.h"

namespace mlp::score {

class DeviceScorer final : public BatchScorer {
 public:
  static std::string refusal(const model::Model& model);  // why a model cannot be scored on a device, for a message; empty when it can

  // Of a model that is not refused; the package must outlive it. others: as of BatchScorer. Most of the memory for most() rows is taken here. Throws
  // Failure (device_failed).
  DeviceScorer(const package::Package& package, std::unique_ptr<device::Device> device, DevicePipeline code, mlp_kernel others);
  ~DeviceScorer() override;
  std::string describe() const;                    // what is computed there: 3 of 5 features, 40 trees
  void take_all() { least_ = 1; }                  // fewer rows too, for self-tests

  std::int64_t least() const override { return least_; }
  std::int64_t most() const override { return most_; }
  bool computes(std::size_t feature) const override { return there_[feature]; }
  mlp_kernel others() const override { return others_; }
  void score(const mlp_column* columns, const model::Matrix& matrix, std::int64_t rows, double* scores, double* const* features) override;

 private:
  struct Impl;
  const package::Package& package_;
  std::vector<bool> there_;
  mlp_kernel others_;
  std::int64_t least_ = 1, most_ = 0;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mlp::score
