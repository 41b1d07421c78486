#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/launch_threads.h"
#include "tests/ptx/program.h"
#include "tests/unit/device/fake/fake.h"

namespace {

using Work = std::function<void()>;
constexpr int success = 0, invalid_value = 1, out_of_memory = 2, no_gpu = 100, invalid_code = 218, not_found = 500, illegal_address = 700, capture_unsupported = 900;
constexpr std::size_t total_memory = 64u << 20;

bool is(const char* how) {
  const char* const wanted = std::getenv("FAKE_CUDA");
  return wanted && std::strcmp(wanted, how) == 0;
}

std::mutex one_at_a_time;
mlp::ptx::Memory memory;

std::size_t used = 0;                                 // bytes of memory
int contexts = 0;

bool ours(unsigned long long from, std::size_t bytes) { return memory.find(from, bytes); }

struct Stream {
  std::vector<Work>* captured = nullptr;
};
struct Function {
  std::shared_ptr<const mlp::ptx::Program> program;
  const mlp::ptx::Kernel* kernel;
};
struct Module {
  std::shared_ptr<const mlp::ptx::Program> program;
  std::vector<std::unique_ptr<Function>> functions;
};

// A kernel that does what it must not ends the test: a program may go on with the CPU where a GPU fails.
[[noreturn]] void stop(const std::string& why) {
  std::fprintf(stderr, "fake driver: %s\n", why.c_str());
  std::abort();
}
void checked(const std::function<void()>& work) try {
  work();
} catch (const mlp::ptx::Error& error) {
  stop(error.what());
}

int run(void* stream, Work work) {
  Stream& s = *static_cast<Stream*>(stream);
  if (s.captured) s.captured->push_back(std::move(work));
  else checked(work);
  return success;
}

}  // namespace

extern "C" {

void fake_do(void* stream, Work* work) {
  const std::lock_guard lock(one_at_a_time);
  run(stream, *work);
}
void fake_uses(const void* at, std::size_t bytes) { memory.at(reinterpret_cast<std::uintptr_t>(at), bytes); }
void fake_wrote(const void* at, std::size_t bytes) { memory.fill(reinterpret_cast<std::uintptr_t>(at), bytes); }

int cuInit(unsigned) { return is("no_gpu") ? no_gpu : is("no_start") ? 999 : success; }
int cuGetErrorName(int result, const char** to) { return *to = result == illegal_address ? "CUDA_ERROR_ILLEGAL_ADDRESS" : result == invalid_code ? "CUDA_ERROR_INVALID_PTX" : nullptr, success; }
int cuGetErrorString(int result, const char** to) { return *to = result == 999 ? "unknown error" : nullptr, success; }
int cuDriverGetVersion(int* to) { return *to = 12040, success; }
int cuDeviceGet(int* to, int) { return *to = 0, success; }
int cuDeviceGetCount(int* to) { return *to = 1, success; }
int cuDeviceGetName(char* to, int size, int) { return std::strncpy(to, "Host", static_cast<std::size_t>(size)), success; }
int cuDeviceGetAttribute(int* to, int which, int) {
  const int capability = is("old_gpu") ? 60 : is("turing") ? 75 : 80;
  return *to = which == 75 ? capability / 10 : which == 76 ? capability % 10 : 0, success;
}
int cuDevicePrimaryCtxRetain(void** to, int) {
  const std::lock_guard lock(one_at_a_time);
  ++contexts;
  return *to = &memory, success;
}
int cuDevicePrimaryCtxRelease_v2(int) {
  const std::lock_guard lock(one_at_a_time);
  if (--contexts == 0 && used != 0) stop(std::to_string(used) + " bytes of memory are not given back");
  return success;
}
int cuCtxSetCurrent(void*) { return success; }
int cuMemGetInfo_v2(std::size_t* left, std::size_t* total) { return *left = total_memory - used, *total = total_memory, success; }
int cuMemAlloc_v2(unsigned long long* to, std::size_t bytes) {
  const std::lock_guard lock(one_at_a_time);
  if (bytes > total_memory - used || is("full")) return out_of_memory;
  void* const made = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(made, 0xff, bytes);                     // NaN
  *to = reinterpret_cast<std::uintptr_t>(made);
  memory.add(*to, bytes);
  used += bytes;
  return success;
}
int cuMemFree_v2(unsigned long long from) {
  const std::lock_guard lock(one_at_a_time);
  const std::size_t bytes = memory.remove(from);
  if (bytes == 0) return invalid_value;
  used -= bytes;
  std::free(reinterpret_cast<void*>(from));
  return success;
}
int cuMemcpyHtoDAsync_v2(unsigned long long to, const void* from, std::size_t bytes, void* stream) {
  const std::lock_guard lock(one_at_a_time);
  if (static_cast<Stream*>(stream)->captured) return capture_unsupported;
  if (!ours(to, bytes)) return illegal_address;
  std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  memory.fill(to, bytes);
  return success;
}
int cuMemcpyDtoHAsync_v2(void* to, unsigned long long from, std::size_t bytes, void* stream) {
  const std::lock_guard lock(one_at_a_time);
  if (static_cast<Stream*>(stream)->captured) return capture_unsupported;
  if (!ours(from, bytes)) return illegal_address;
  std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
  return success;
}
int cuMemsetD8Async(unsigned long long to, unsigned char value, std::size_t bytes, void* stream) {
  const std::lock_guard lock(one_at_a_time);
  if (!ours(to, bytes)) return illegal_address;
  return run(stream, [=] {
    std::memset(reinterpret_cast<void*>(to), value, bytes);
    memory.fill(to, bytes);
  });
}
int cuModuleLoadDataEx(void** to, const void* image, unsigned count, int* options, void** values) {
  const std::lock_guard lock(one_at_a_time);
  const std::string text = static_cast<const char*>(image);
  const auto refuse = [&](const std::string& why) {
    for (unsigned i = 0; i < count; ++i)
      if (options[i] == 5) std::strncpy(static_cast<char*>(values[i]), why.c_str(), 200);
    return invalid_code;
  };
  if (is("refuses_code") || text.find(".target") == std::string::npos) return refuse("ptxas fatal: no target");
  auto module = std::make_unique<Module>();
  try {
    module->program = std::make_shared<const mlp::ptx::Program>(text);
  } catch (const mlp::ptx::Error& error) {
    return refuse(error.what());
  }
  for (const auto& [name, values] : module->program->variables()) memory.add(reinterpret_cast<std::uintptr_t>(values.data()), 8 * values.size(), true);
  *to = module.release();
  return success;
}
int cuModuleUnload(void* module) {
  const std::lock_guard lock(one_at_a_time);
  const std::unique_ptr<Module> unloaded(static_cast<Module*>(module));
  for (const auto& [name, values] : unloaded->program->variables()) memory.remove(reinterpret_cast<std::uintptr_t>(values.data()));
  return success;
}
int cuModuleGetFunction(void** to, void* module, const char* name) {
  const std::lock_guard lock(one_at_a_time);
  Module& from = *static_cast<Module*>(module);
  const mlp::ptx::Kernel* const kernel = from.program->find(name);
  if (!kernel) return not_found;
  *to = from.functions.emplace_back(new Function{from.program, kernel}).get();
  return success;
}
int cuLaunchKernel(void* function, unsigned x, unsigned y, unsigned z, unsigned tx, unsigned ty, unsigned tz, unsigned shared, void* stream, void** arguments, void** extra) {
  const std::lock_guard lock(one_at_a_time);
  if (x == 0 || y != 1 || z != 1 || tx != mlp::launch_threads || ty != 1 || tz != 1 || shared != 0 || extra) return invalid_value;
  const Function of = *static_cast<const Function*>(function);
  return run(stream, [of, x, parameters = mlp::ptx::parameters_of(*of.kernel, arguments)] { mlp::ptx::run(*of.kernel, x, mlp::launch_threads, parameters, memory); });
}
int cuStreamCreate(void** to, unsigned) { return *to = new Stream, success; }
int cuStreamDestroy_v2(void* stream) { return delete static_cast<Stream*>(stream), success; }
int cuStreamSynchronize(void*) { return is("breaks") ? illegal_address : success; }
int cuStreamBeginCapture_v2(void* stream, unsigned) { return static_cast<Stream*>(stream)->captured = new std::vector<Work>, success; }
int cuStreamEndCapture(void* stream, void** graph) {
  *graph = static_cast<Stream*>(stream)->captured;
  static_cast<Stream*>(stream)->captured = nullptr;
  return success;
}
int cuGraphInstantiateWithFlags(void** to, void* graph, unsigned long long) { return *to = new std::vector<Work>(*static_cast<std::vector<Work>*>(graph)), success; }
int cuGraphLaunch(void* graph, void*) {
  const std::lock_guard lock(one_at_a_time);
  for (const Work& work : *static_cast<std::vector<Work>*>(graph)) checked(work);
  return success;
}
int cuGraphDestroy(void* graph) { return delete static_cast<std::vector<Work>*>(graph), success; }
int cuGraphExecDestroy(void* graph) { return delete static_cast<std::vector<Work>*>(graph), success; }
int cuEventCreate(void** to, unsigned) { return *to = &memory, success; }
int cuEventRecord(void*, void*) { return success; }
int cuEventSynchronize(void*) { return success; }
int cuEventElapsedTime(float* to, void*, void*) { return *to = 1, success; }
int cuEventDestroy_v2(void*) { return success; }

}  // extern "C"
