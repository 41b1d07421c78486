// Networks on a device: rows go there as numbers, codes and terms, and come back as scores. Their bits are the device's: sums have an order of its
// own.
#pragma once
#include "base/launches.h"
#include "runtime/device/kernels/columns.h"
#include "runtime/device/launches.h"
#include "runtime/model/network.h"

namespace mlp::model {

class DeviceNetwork {
 public:
  static std::string refusal(const Model& model);  // why a network cannot be scored on a device; empty when it can
  // code: of the model's network, with its function `score`. Model, device and code must outlive it. there: by feature, whether its numbers lie on
  // the device; empty: none does.
  DeviceNetwork(const Model& model, device::Device& device, const DeviceCode& code, const std::vector<bool>& there = {});
  // Raw scores, rows x outputs. on_device: by feature the address there of the numbers of those that lie there, which `matrix` need not have. Not
  // thread-safe.
  void score(const Matrix& matrix, std::int64_t rows, double* scores, const std::vector<const double*>& on_device = {});
  void reserve(std::int64_t rows);                 // memory for so many at once

 private:
  void put_numbers(const Matrix& matrix, std::int64_t rows, const std::vector<const double*>& on_device);
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
  // Numbers that lie on the device: the feature of each, and where it stands in a row.
  std::vector<std::pair<std::int32_t, std::int64_t>> there_;
  std::vector<double> zeros_;                        // stand for them here
  std::unique_ptr<device::Program> program_;
  device::Array<device::NumberColumn> columns_;
  device::Array<device::NumbersCall> columns_call_;
};

}  // namespace mlp::model
