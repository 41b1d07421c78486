// Forests on a device: rows go there as bins, ranks among the thresholds of their feature, or become bins there, and walk the trees, a thread a
// row. Scores have the bits of Scorer: a row takes the same way, and doubles are added in the same order.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/device/device.h"
#include "runtime/model/model.h"

namespace mlp::model {

class DeviceForest {
 public:
  // Why a model cannot be scored on a device, for a message; empty when it can.
  static std::string refusal(const Model& model);

  // Of a model that is not refused; the device must outlive it. there: by feature, whether its numbers lie on the device; empty: none does.
  DeviceForest(const Model& model, device::Device& device, const std::vector<bool>& there = {});
  ~DeviceForest();

  // Raw scores, rows x outputs. on_device: by feature the address there of the numbers of those that lie there, which `matrix` need not have.
  // Not thread-safe: who shares it locks it.
  void score(const Matrix& matrix, std::int64_t rows, double* scores, const std::vector<const double*>& on_device = {});
  void reserve(std::int64_t rows);                 // memory for so many at once

  // The same in parts, for rows that stay: bins on the device, then their scores there, in scores_at().
  void take(const Matrix& matrix, std::int64_t rows);
  void start();                                    // returns before the device is done
  const double* scores_at() const;
  std::string kernel() const;                      // its name
  std::int64_t row_bytes() const;                  // of bins

 private:
  struct Impl;
  Impl* impl_;
};

}  // namespace mlp::model
