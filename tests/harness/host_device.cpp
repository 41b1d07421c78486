#include "tests/harness/host_device.h"

#include <cstdlib>
#include <cstring>

#include "base/diagnostic.h"
#include "runtime/product/product.h"
#include "tests/harness/network_run.h"
#include "tests/harness/own_kernels.h"

namespace mlp::harness {
namespace {

struct HostProgram final : device::Program {
  explicit HostProgram(const codegen::HostKernels& kernels) : kernels(kernels) {}
  const void* kernel(const std::string& name) const override {
    codegen::HostKernel found = kernels.find(name);
    if (!found) found = own_kernel(name);
    if (!found) MLP_BUG("there is no kernel `" + name + "`");
    return reinterpret_cast<const void*>(found);
  }
  const codegen::HostKernels& kernels;
};
struct HostRecording final : device::Recording {
  std::vector<std::function<void()>> work;
};

}  // namespace

HostDevice::~HostDevice() {
  if (!memory_.empty()) std::abort();
}
void* HostDevice::allocate(std::size_t bytes) {
  void* const memory = std::aligned_alloc(256, bytes / 256 * 256 + 256);
  std::memset(memory, 0xff, bytes);                  // NaN
  memory_[memory] = bytes;
  return memory;
}
void HostDevice::release(void* memory) noexcept {
  memory_.erase(memory);
  std::free(memory);
}
void HostDevice::copy_in(void* to, const void* from, std::size_t bytes) {
  MLP_CHECK(!recording_);
  if (bytes > 0) std::memcpy(to, from, bytes);
}
void HostDevice::copy_out(void* to, const void* from, std::size_t bytes) {
  MLP_CHECK(!recording_);
  if (bytes > 0) std::memcpy(to, from, bytes);
}
void HostDevice::now_or_later(std::function<void()> work) { recording_ ? recording_->push_back(std::move(work)) : work(); }
void HostDevice::zero(void* to, std::size_t bytes) {
  now_or_later([=] { std::memset(to, 0, bytes); });
}
std::unique_ptr<device::Program> HostDevice::load(const std::string&) { return std::make_unique<HostProgram>(kernels_); }
void HostDevice::launch(const void* kernel, std::int64_t blocks, void* call, std::int64_t number) {
  now_or_later([=] { reinterpret_cast<codegen::HostKernel>(const_cast<void*>(kernel))(call, number, blocks); });
}
void HostDevice::product(const device::Product& p) {
  now_or_later([p] {
    for (std::int64_t i = 0; i < p.count; ++i)
      (p.rounds ? product::best(Precision::bf16) : naive_product)(p.m, p.n, p.k, p.a + i * p.a_step, p.a_m, p.a_k, p.b + i * p.b_step, p.b_k, p.b_n, p.c + i * p.c_step, p.c_m, p.add);
  });
}
std::unique_ptr<device::Recording> HostDevice::record(const std::function<void()>& work) {
  auto recording = std::make_unique<HostRecording>();
  recording_ = &recording->work;
  work();
  recording_ = nullptr;
  return recording;
}
void HostDevice::run(const device::Recording& recording) {
  for (const auto& work : static_cast<const HostRecording&>(recording).work) work();
}

}  // namespace mlp::harness
