// What is used of CUDA's driver, libcuda.so.1: declared here, so that no CUDA is needed to build, and opened at run time.
#pragma once
#include <cstddef>
#include <string>

namespace mlp::device {

using CuResult = int;                              // 0: success
using CuAddress = unsigned long long;
constexpr CuResult cu_out_of_memory = 2, cu_no_device = 100;
constexpr int cu_capability_major = 75, cu_capability_minor = 76;                       // CUdevice_attribute
constexpr int cu_jit_error_log = 5, cu_jit_error_log_bytes = 6;                         // CUjit_option
constexpr unsigned cu_stream_non_blocking = 1, cu_capture_relaxed = 2;

// Name of the library's function, the name here, its arguments.
#define MLP_CUDA_FUNCTIONS(X) \
  X(cuInit, init, (unsigned)) \
  X(cuGetErrorName, error_name, (CuResult, const char**)) \
  X(cuGetErrorString, error_string, (CuResult, const char**)) \
  X(cuDriverGetVersion, version, (int*)) \
  X(cuDeviceGet, device, (int*, int)) \
  X(cuDeviceGetCount, device_count, (int*)) \
  X(cuDeviceGetName, device_name, (char*, int, int)) \
  X(cuDeviceGetAttribute, attribute, (int*, int, int)) \
  X(cuDevicePrimaryCtxRetain, retain_context, (void**, int)) \
  X(cuDevicePrimaryCtxRelease_v2, release_context, (int)) \
  X(cuCtxSetCurrent, set_context, (void*)) \
  X(cuMemGetInfo_v2, memory, (std::size_t*, std::size_t*)) \
  X(cuMemAlloc_v2, allocate, (CuAddress*, std::size_t)) \
  X(cuMemFree_v2, release, (CuAddress)) \
  X(cuMemcpyHtoDAsync_v2, copy_in, (CuAddress, const void*, std::size_t, void*)) \
  X(cuMemcpyDtoHAsync_v2, copy_out, (void*, CuAddress, std::size_t, void*)) \
  X(cuMemsetD8Async, fill, (CuAddress, unsigned char, std::size_t, void*)) \
  X(cuModuleLoadDataEx, load, (void**, const void*, unsigned, int*, void**)) \
  X(cuModuleUnload, unload, (void*)) \
  X(cuModuleGetFunction, function, (void**, void*, const char*)) \
  X(cuLaunchKernel, launch, (void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**, void**)) \
  X(cuStreamCreate, create_stream, (void**, unsigned)) \
  X(cuStreamDestroy_v2, destroy_stream, (void*)) \
  X(cuStreamSynchronize, wait, (void*)) \
  X(cuStreamBeginCapture_v2, begin_capture, (void*, unsigned)) \
  X(cuStreamEndCapture, end_capture, (void*, void**)) \
  X(cuGraphInstantiateWithFlags, instantiate, (void**, void*, unsigned long long)) \
  X(cuGraphLaunch, launch_graph, (void*, void*)) \
  X(cuGraphDestroy, destroy_graph, (void*)) \
  X(cuGraphExecDestroy, destroy_ready_graph, (void*)) \
  X(cuEventCreate, create_event, (void**, unsigned)) \
  X(cuEventRecord, record_event, (void*, void*)) \
  X(cuEventSynchronize, wait_event, (void*)) \
  X(cuEventElapsedTime, elapsed, (float*, void*, void*)) \
  X(cuEventDestroy_v2, destroy_event, (void*))

struct Driver {
#define MLP_FUNCTION(symbol, name, arguments) CuResult(*name) arguments;
  MLP_CUDA_FUNCTIONS(MLP_FUNCTION)
#undef MLP_FUNCTION

  // Throws Failure: of memory with `bytes` and what is free, of the rest with the driver's words about it.
  void check(CuResult result, const char* doing, std::size_t bytes = 0) const;
};

// Throws Failure(no_device) when the library is not there, or too old.
Driver open_driver(const std::string& library);

// Throws Failure(no_device) with `help` when `library` is missing or has no such function.
void* library_function(void* opened, const std::string& library, const char* name, const std::string& help);

}  // namespace mlp::device
