// A device that runs kernels beside the CPU: memory, launches, products. CUDA's driver stands behind it (cuda.h).
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/launch_threads.h"

namespace mlp::device {

// c[m, n] = (add ? c : 0) + a[m, k] b[k, n], `count` times in a row. Strides in floats: of a by (m, k), of b by (k, n), of c by m (by n it is 1);
// steps from one of the `count` to the next. All addresses are the device's. Any k, also 0.
struct Product {
  std::int64_t m = 0, n = 0, k = 0;
  const float* a = nullptr;
  std::int64_t a_m = 0, a_k = 0;
  const float* b = nullptr;
  std::int64_t b_k = 0, b_n = 0;
  float* c = nullptr;
  std::int64_t c_m = 0;
  bool add = false;
  std::int64_t count = 1, a_step = 0, b_step = 0, c_step = 0;
  bool rounds = false;                               // a and b are rounded to bfloat16 first, as runtime/product/bf16.h says; sums have an order of the device's
};

// Code on the device. Kernels take two arguments: an address on the device, and a number.
class Program {
 public:
  virtual ~Program() = default;
  virtual const void* kernel(const std::string& name) const = 0;   // a Bug when there is none
};

// Launches, copies within the device and products, ready to run again as a whole.
class Recording {
 public:
  virtual ~Recording() = default;
};

// Everything runs in the order it was asked for. Failures of the device are thrown as Failure.
class Device {
 public:
  virtual ~Device() = default;
  virtual std::string describe() const = 0;                         // NVIDIA H200, compute capability 9.0, driver 13.0
  virtual int architecture() const = 0;                             // 90
  virtual void* allocate(std::size_t bytes) = 0;                    // at 256 bytes
  virtual void release(void* memory) noexcept = 0;
  virtual void copy_in(void* to, const void* from, std::size_t bytes) = 0;   // `from` may change once it has returned
  virtual void copy_out(void* to, const void* from, std::size_t bytes) = 0;  // waits for all before it
  virtual void zero(void* to, std::size_t bytes) = 0;
  virtual std::unique_ptr<Program> load(const std::string& code) = 0;        // PTX
  virtual void launch(const void* kernel, std::int64_t blocks, void* call, std::int64_t number) = 0;  // of launch_threads; blocks may be 0
  virtual void product(const Product& product) = 0;
  // `work` launches, zeroes and multiplies; nothing runs yet. It is called twice and must ask for the same both times: once so that memory and
  // algorithms are made ready, which cannot be while it is recorded. Copies, and memory in the second call, are our Bug.
  virtual std::unique_ptr<Recording> record(const std::function<void()>& work) = 0;
  virtual void run(const Recording& recording) = 0;
  virtual void wait() = 0;
};

// Memory of a device.
template <class T>
class Array {
 public:
  Array() = default;
  Array(Device& device, std::int64_t size) : device_(&device), data_(static_cast<T*>(device.allocate(static_cast<std::size_t>(size) * sizeof(T)))), size_(size) {}
  Array(Array&& o) noexcept : device_(o.device_), data_(o.data_), size_(o.size_) { o.data_ = nullptr; }
  Array& operator=(Array&& o) noexcept {
    std::swap(device_, o.device_);
    std::swap(data_, o.data_);
    std::swap(size_, o.size_);
    return *this;
  }
  ~Array() { if (data_) device_->release(data_); }
  T* data() const { return data_; }
  std::int64_t size() const { return size_; }
 private:
  Device* device_ = nullptr;
  T* data_ = nullptr;
  std::int64_t size_ = 0;
};

}  // namespace mlp::device
