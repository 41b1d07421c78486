// A device by CUDA's driver. The driver and cuBLASLt are opened when they are needed: nothing of CUDA is linked.
#pragma once
#include <string>

#include "runtime/device/device.h"

namespace mlp::device {

struct CudaOptions {
  std::string driver = "libcuda.so.1";
  std::string products{};      // the file of cuBLASLt; else $MLP_CUBLASLT, else libcublasLt.so.13, .12, .11; "none": kernels of our own
  bool split = true;           // large products in three of TF32 (split.h), where the GPU has it,
  bool joined = true;          // as one of three times the length:
  double split_from = 0x1p30;  // those of so many multiplications or more, whose result has 2^-10 of that many numbers or more;
  std::int64_t slices = 8;     // where the result is small, cut along k in so many slices at most (2, 4 or 8; 1: never),
  std::int64_t slice = 3072;   // each so long at least
};

// Whether a product of float32 is three of TF32: there they take less time in all, with the copies that they need (bench/results/device-products.json).
constexpr std::int64_t split_side = 256;
constexpr bool splits(std::int64_t m, std::int64_t n, std::int64_t k, double from) {
  const double results = static_cast<double>(m) * static_cast<double>(n);
  return results * static_cast<double>(k) >= from && results >= from / 1024 && m >= split_side && n >= split_side && k >= split_side;
}

// In how many slices along k (of `length` in all) a product is multiplied at once: tensor cores make tiles of 128 x 128, a multiprocessor one
// at a time, and large GPUs have about 132 of them. A slice is `least` long or more.
constexpr std::int64_t slices_of(std::int64_t m, std::int64_t n, std::int64_t length, std::int64_t most, std::int64_t least) {
  const std::int64_t tiles = ((m + 127) / 128) * ((n + 127) / 128);
  std::int64_t slices = 1;
  if (tiles < 128)
    while (2 * slices <= most && tiles * slices < 256 && length / (2 * slices) >= least) slices *= 2;
  return slices;
}

class CudaDevice : public Device {
 public:
  virtual std::string products() = 0;              // what computes products: cuBLASLt 13.1.0, float32 by three products of TF32 where large
  virtual float milliseconds(const std::function<void()>& work) = 0;  // that the device takes for it; waits
};

// The first GPU. Throws Failure(no_device) when there is none, or no driver, or one too old; what fails later is
// Failure(device_failed); PTX that the driver refuses is a Bug.
std::unique_ptr<CudaDevice> open_cuda(const CudaOptions& options = {});

}  // namespace mlp::device
