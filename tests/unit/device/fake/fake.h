// A driver and a cuBLASLt that run on the host, so that all of runtime/device is tested where no GPU is. Memory is the host's, of
// 64 MiB; kernels are run from their PTX (tests/ptx); what is captured is kept and run with its graph.
// FAKE_CUDA = no_gpu, old_gpu, turing (7.5), no_start, refuses_code, breaks, full (no memory left) makes the driver behave so.
#pragma once
#include <functional>

namespace fake {

// Runs `work`, or keeps it while the stream is captured. Of the driver's library.
extern "C" void fake_do(void* stream, std::function<void()>* work);
// Within work: what is not memory of the device ends the test.
extern "C" void fake_uses(const void* at, std::size_t bytes);
extern "C" void fake_wrote(const void* at, std::size_t bytes);

}  // namespace fake
