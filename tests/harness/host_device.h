// A device that is the host: its kernels are those that codegen makes for a device, and those of runtime/device/kernels, run block after block and
// thread after thread.
#pragma once
#include <map>

#include "compiler/codegen/gpu/gpu.h"
#include "runtime/device/device.h"

namespace mlp::harness {

class HostDevice final : public device::Device {
 public:
  explicit HostDevice(const codegen::HostKernels& kernels) : kernels_(kernels) {}
  ~HostDevice() override;                            // all memory is given back, or the test ends
  std::string describe() const override { return "the host"; }
  int architecture() const override { return 75; }   // that code is written for; none of it is read
  void* allocate(std::size_t bytes) override;        // holds rubbish
  void release(void* memory) noexcept override;
  void copy_in(void* to, const void* from, std::size_t bytes) override;
  void copy_out(void* to, const void* from, std::size_t bytes) override;
  void zero(void* to, std::size_t bytes) override;
  std::unique_ptr<device::Program> load(const std::string& code) override;  // the kernels of the constructor and the own, whatever the code
  void launch(const void* kernel, std::int64_t blocks, void* call, std::int64_t number) override;
  void product(const device::Product& product) override;
  std::unique_ptr<device::Recording> record(const std::function<void()>& work) override;
  void run(const device::Recording& recording) override;
  void wait() override {}

 private:
  void now_or_later(std::function<void()> work);
  const codegen::HostKernels& kernels_;
  std::map<void*, std::size_t> memory_;
  std::vector<std::function<void()>>* recording_ = nullptr;
};

}  // namespace mlp::harness
