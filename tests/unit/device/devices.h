// The devices that tests run on: the fake driver's, alone and with the fake cuBLASLt, and the GPU where there is one.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "base/codes/command.h"
#include "runtime/device/cuda.h"
#include "tests/harness/gpu.h"

namespace mlp::device {

using harness::fake_cublaslt;
using harness::fake_driver;

class OnDevice : public testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<CudaDevice> device;
  void SetUp() override {
    const std::string kind = GetParam();
    if (kind == "Fake") device = open_cuda({.driver = fake_driver, .products = "none"});
    if (kind == "FakeCublaslt") device = open_cuda({.driver = fake_driver, .products = fake_cublaslt, .split_from = 1, .slice = 512});
    if (kind == "FakeSeparate") device = open_cuda({.driver = fake_driver, .products = fake_cublaslt, .joined = false, .split_from = 1, .slice = 512});
    if (kind == "FakeTuring") {                      // before tensor cores of TF32 and bfloat16
      setenv("FAKE_CUDA", "turing", 1);
      device = open_cuda({.driver = fake_driver, .products = fake_cublaslt, .split_from = 1, .slice = 512});
      unsetenv("FAKE_CUDA");
    }
    if (kind != "Cuda" && kind != "CudaSeparate" && kind != "CudaAlone") return;
    try {
      device = open_cuda(kind == "CudaAlone" ? CudaOptions{.products = "none"} : CudaOptions{.joined = kind == "Cuda", .split_from = 1, .slice = 512});
    } catch (const Failure& failure) {
      ASSERT_EQ(failure.diagnostic.code, code::no_device) << failure.what();
      const char* const expected = std::getenv("MLP_EXPECT_GPU");
      if (expected && *expected == '1') FAIL() << "a GPU is expected here: " << failure.what();
      GTEST_SKIP() << "no GPU: " << failure.what();
    }
    static const bool told = [&] { return std::printf("%s; products: %s\n", device->describe().c_str(), device->products().c_str()), true; }();
    (void)told;
  }
  template <class T>
  Array<T> put(const std::vector<T>& values) {
    Array<T> array(*device, static_cast<std::int64_t>(values.size()));
    device->copy_in(array.data(), values.data(), values.size() * sizeof(T));
    return array;
  }
  template <class T>
  std::vector<T> get(const Array<T>& array) {
    std::vector<T> values(static_cast<std::size_t>(array.size()));
    device->copy_out(values.data(), array.data(), values.size() * sizeof(T));
    return values;
  }
};

#define MLP_ON_ALL_DEVICES(Suite) \
  INSTANTIATE_TEST_SUITE_P(All, Suite, testing::Values("Fake", "FakeCublaslt", "FakeSeparate", "FakeTuring", "Cuda", "CudaSeparate", "CudaAlone"), [](const auto& at) { return std::string(at.param); })

}  // namespace mlp::device
