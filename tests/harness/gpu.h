// The GPU for tests of one, where there is one; and one that the host plays, from the same PTX.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "base/diagnostic.h"
#include "runtime/device/cuda.h"

namespace mlp::harness {

// None: the reason is printed, and a failure where the environment says MLP_EXPECT_GPU; the test is to be skipped.
inline std::unique_ptr<device::CudaDevice> open_gpu() {
  try {
    return device::open_cuda();
  } catch (const Failure& failure) {
    if (std::getenv("MLP_EXPECT_GPU")) ADD_FAILURE() << failure.diagnostic.message;
    else std::printf("[SKIP] no device: %s\n", failure.diagnostic.message.c_str());
    return nullptr;
  }
}

// The driver and the cuBLASLt of tests/unit/device/fake.
inline const std::string fake_driver = MLP_BINARY_DIR "/tests/libfake_driver.so", fake_cublaslt = MLP_BINARY_DIR "/tests/libfake_cublaslt.so";
inline std::unique_ptr<device::CudaDevice> open_fake_gpu() { return device::open_cuda({.driver = fake_driver, .products = fake_cublaslt}); }

}  // namespace mlp::harness
