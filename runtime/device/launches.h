// Runs the functions of a network (base/launches.h) on a device.
#pragma once
#include <map>

#include "base/launches.h"
#include "runtime/device/device.h"

namespace mlp::device {

// Addresses on the device, as an mlp_network_call there has them.
struct Addresses {
  float* scratch = nullptr;
  float* numbers = nullptr;
  std::vector<float*> weights, gradients, states, means;
};

class Launches {
 public:
  Launches(Device& device, const DeviceCode& code);   // both stay alive longer
  // Launches `function` for so many rows; `call` is what its kernels take. Nothing is waited for.
  void run(const LaunchList& function, const Addresses& addresses, void* call, std::int64_t rows);
  void kernel(const std::string& name, std::int64_t points, std::int64_t together, void* call, std::int64_t number);
  const LaunchList& function(const std::string& name) const;
  Device& device() { return device_; }
 private:
  const void* find(const std::string& name);
  void product(const Launch& launch, const Addresses& addresses, std::int64_t rows, const LaunchList& function);
  Device& device_;
  const DeviceCode& code_;
  std::unique_ptr<Program> program_;
  std::map<std::string, const void*> kernels_;
};

}  // namespace mlp::device
