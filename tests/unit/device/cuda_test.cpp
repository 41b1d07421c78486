// What a user hears when the GPU, its driver or cuBLASLt is missing or fails; that what is embedded assembles.
#include <fstream>

#include "runtime/device/cublaslt.h"
#include "runtime/device/driver.h"
#include "runtime/device/kernels/kernels.h"
#include "tests/harness/ptxas.h"
#include "tests/unit/device/devices.h"

namespace mlp::device {
namespace {

struct As {
  explicit As(const char* how) { setenv("FAKE_CUDA", how, 1); }
  ~As() { unsetenv("FAKE_CUDA"); }
};

void expect_failure(Code code, const std::string& says, const std::function<void()>& work) {
  try {
    work();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.diagnostic.code, code) << failure.what();
    EXPECT_EQ(info(failure.diagnostic.code).exit, Exit::environment);
    EXPECT_NE(std::string(failure.what()).find(says), std::string::npos) << failure.what();
    EXPECT_FALSE(failure.diagnostic.help.empty());
  }
}

TEST(Cuda, WhatIsMissingIsSaid) {  // E0924
  expect_failure(code::no_device, "libcuda-not-here.so.1", [] { open_cuda({.driver = "libcuda-not-here.so.1"}); });
  expect_failure(code::no_device, "it has no `cuInit`", [] { open_cuda({.driver = "libm.so.6"}); });
  const auto open = [] { open_cuda({.driver = fake_driver}); };
  {
    const As as("no_gpu");
    expect_failure(code::no_device, "sees no GPU", open);
  }
  {
    const As as("no_start");
    expect_failure(code::no_device, "does not start: unknown error", open);
  }
  {
    const As as("old_gpu");
    expect_failure(code::no_device, "its compute capability is 6.0", open);
  }
  expect_failure(code::no_device, "libcublasLt-not-here", [] { open_cuda({.driver = fake_driver, .products = "libcublasLt-not-here.so"})->products(); });
}

TEST(Cuda, WhatFailsIsSaid) {  // E0925
  const auto device = open_cuda({.driver = fake_driver, .products = "none"});
  Array<float> some(*device, 1 << 20);
  expect_failure(code::device_failed, "no memory for 67108864 bytes more: 62914560 of 67108864 are free", [&] { device->allocate(64u << 20); });
  const As as("breaks");
  expect_failure(code::device_failed, "CUDA_ERROR_ILLEGAL_ADDRESS", [&] { device->wait(); });
}

TEST(Cuda, CodeThatTheDriverRefusesIsOurFault) {
  const auto device = open_cuda({.driver = fake_driver, .products = "none"});
  const As as("refuses_code");
  try {
    device->load(std::string(kernels_ptx()));
    ADD_FAILURE();
  } catch (const Bug& bug) {
    EXPECT_NE(std::string(bug.what()).find("CUDA_ERROR_INVALID_PTX"), std::string::npos) << bug.what();
    EXPECT_NE(std::string(bug.what()).find("ptxas fatal: no target"), std::string::npos) << bug.what();
  }
}

TEST(Cuda, SaysWhatItIs) {
  const auto device = open_cuda({.driver = fake_driver, .products = fake_cublaslt});
  EXPECT_EQ(device->describe(), "Host, compute capability 8.0, driver 12.4");
  EXPECT_EQ(device->architecture(), 80);
  EXPECT_EQ(device->products(), "cuBLASLt 12.3.4, float32 by three products of TF32 where large");
  EXPECT_EQ(open_cuda({.driver = fake_driver, .products = fake_cublaslt, .split = false})->products(), "cuBLASLt 12.3.4, float32");
  EXPECT_EQ(open_cuda({.driver = fake_driver, .products = "none"})->products(), "kernels of Millrace, float32");
}

TEST(Ptx, OfOurKernelsAssembles) {
  for (const int architecture : {75, 80, 90}) {
    const harness::Assembled result = harness::assemble(kernels_ptx(), architecture);
    EXPECT_TRUE(result.ok) << result.log;
    EXPECT_EQ(result.log.find("bytes spill stores") == std::string::npos, false);
    for (std::size_t at = result.log.find(" bytes spill stores"); at != std::string::npos; at = result.log.find(" bytes spill stores", at + 1))
      EXPECT_EQ(result.log[at - 1], '0') << result.log;
  }
  EXPECT_FALSE(harness::assemble(".version 6.3\n.target sm_75\nthis is not PTX\n", 75).ok);
}

}  // namespace
}  // namespace mlp::device
