// Networks on a device: rows go there as numbers, codes and terms, and come back as scores. Their bits are the device's: sums have an order of its
// own.
#pragma once
#include "base/launches.h"
#include "runtime/device/launches.h"
#include "runtime/model/network.h"

namespace mlp::model {

class DeviceNetwork {
 public:
  // code: of the model's network, with its function `score`. Model, device and code must outlive it.
  DeviceNetwork(const Model& model, device::Device& device, const DeviceCode& code);
  // Raw scores, rows x outputs. Not thread-safe.
  void score(const Matrix& matrix, std::int64_t rows, double* scores);

 private:
  void room(std::int64_t rows);
  const Model& model_;
  device::Device& device_;
  device::Launches launches_;
  NetworkInput input_;
  std::vector<device::Array<float>> weights_, states_;
  device::Array<float*> weight_list_, state_list_;
  // For as many rows as have been scored together.
  std::int64_t rows_ = 0;
  device::Array<float> numbers_, scratch_;
  device::Array<double> scores_;
  std::vector<device::Array<std::int32_t>> codes_;   // by feature
  std::vector<device::Array<mlp_bag>> bags_;
  device::Array<mlp_term> terms_;
  device::Array<std::int32_t*> code_list_;
  device::Array<mlp_bag*> bag_list_;
  device::Array<mlp_network_call> call_;
  device::Addresses at_;
};

}  // namespace mlp::model
