#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "compiler/codegen/gpu/gpu.h"
#include "runtime/device/kernels/product.h"
#include "runtime/device/kernels/slices.h"
#include "runtime/device/kernels/split.h"
#include "tests/harness/own_kernels.h"
#include "tests/unit/device/fake/fake.h"

namespace {

using Work = std::function<void()>;
constexpr int success = 0, invalid_value = 1, out_of_memory = 2, no_gpu = 100, invalid_code = 218, not_found = 500, illegal_address = 700, capture_unsupported = 900;
constexpr std::size_t total_memory = 64u << 20;

bool is(const char* how) {
  const char* const wanted = std::getenv("FAKE_CUDA");
  return wanted && std::strcmp(wanted, how) == 0;
}

std::map<std::uintptr_t, std::size_t> blocks;       // of memory
std::size_t used = 0;

// Whether [from, from + bytes) lies in one block.
bool ours(std::uintptr_t from, std::size_t bytes) {
  auto after = blocks.upper_bound(from);
  if (after == blocks.begin()) return false;
  --after;
  return from + bytes <= after->first + after->second;
}

struct Stream {
  std::vector<Work>* captured = nullptr;
};
struct Module {
  std::set<std::string> entries;
};

// Of `twice_plus`, which the tests load: (address of {float* values; int64 count}, number).
struct TwicePlus {
  float* values;
  std::int64_t count;
};

void twice_plus(void* call, std::int64_t number, std::int64_t blocks) {
  const auto& c = *static_cast<const TwicePlus*>(call);
  for (std::int64_t i = 0; i < blocks * mlp::launch_threads; ++i)
    if (i < c.count) c.values[i] = 2 * c.values[i] + static_cast<float>(number);
}

// Kernels that code generation makes of the loops in the file FAKE_CUDA_LOOPS (mlp plan --emit=loop): a driver would read them from the PTX.
mlp::harness::OwnKernel generated(const std::string& name) {
  static const std::unique_ptr<mlp::codegen::HostKernels> kernels = []() -> std::unique_ptr<mlp::codegen::HostKernels> {
    const char* const path = std::getenv("FAKE_CUDA_LOOPS");
    if (!path) return nullptr;
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return mlp::codegen::compile_for_host(mlp::loop::parse_text(text.str()));
  }();
  return kernels ? kernels->find(name) : nullptr;
}

// A kernel takes a call by value, or its address and a number.
struct Function {
  Work (*by_value)(std::int64_t blocks, void** arguments) = nullptr;
  mlp::harness::OwnKernel by_address = nullptr;
  Work work(std::int64_t blocks, void** arguments) const {
    if (by_value) return by_value(blocks, arguments);
    void* call;
    std::int64_t number;
    std::memcpy(&call, arguments[0], 8);
    std::memcpy(&number, arguments[1], 8);
    return [=, kernel = by_address] { kernel(call, number, blocks); };
  }
};
template <class K>
Work by_value(std::int64_t blocks, void** arguments) {
  typename K::Call call;
  std::memcpy(&call, arguments[0], sizeof call);
  return [call, blocks] { mlp::device::run_on_host<K>(call, blocks); };
}
const Function* find_function(const std::string& name) {
#define BY_VALUE(name, K) {#name, {by_value<mlp::device::K>}},
  static std::map<std::string, Function> known = {{"product", {by_value<mlp::device::ProductKernel>}}, {"sum_slices", {by_value<mlp::device::SumSlices>}}, MLP_COPY_KERNELS(BY_VALUE) {"twice_plus", {nullptr, twice_plus}}};
#undef BY_VALUE
  Function& found = known[name];
  if (!found.by_value && !found.by_address) found.by_address = mlp::harness::own_kernel(name);
  if (!found.by_value && !found.by_address) found.by_address = generated(name);
  return found.by_value || found.by_address ? &found : nullptr;
}

int run(void* stream, Work work) {
  Stream& s = *static_cast<Stream*>(stream);
  if (s.captured)
    s.captured->push_back(std::move(work));
  else
    work();
  return success;
}

}  // namespace

extern "C" {

void fake_do(void* stream, Work* work) { run(stream, *work); }

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
int cuDevicePrimaryCtxRetain(void** to, int) { return *to = &blocks, success; }
int cuDevicePrimaryCtxRelease_v2(int) { return success; }
int cuCtxSetCurrent(void*) { return success; }
int cuMemGetInfo_v2(std::size_t* left, std::size_t* total) { return *left = total_memory - used, *total = total_memory, success; }
int cuMemAlloc_v2(unsigned long long* to, std::size_t bytes) {
  if (bytes > total_memory - used || is("full")) return out_of_memory;
  void* const memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(memory, 0xb5, bytes);
  blocks[reinterpret_cast<std::uintptr_t>(memory)] = bytes;
  used += bytes;
  *to = reinterpret_cast<std::uintptr_t>(memory);
  return success;
}
int cuMemFree_v2(unsigned long long memory) {
  const auto at = blocks.find(memory);
  if (at == blocks.end()) return invalid_value;
  used -= at->second;
  blocks.erase(at);
  std::free(reinterpret_cast<void*>(memory));
  return success;
}
int cuMemcpyHtoDAsync_v2(unsigned long long to, const void* from, std::size_t bytes, void* stream) {
  if (static_cast<Stream*>(stream)->captured) return capture_unsupported;
  if (!ours(to, bytes)) return illegal_address;
  std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  return success;
}
int cuMemcpyDtoHAsync_v2(void* to, unsigned long long from, std::size_t bytes, void* stream) {
  if (static_cast<Stream*>(stream)->captured) return capture_unsupported;
  if (!ours(from, bytes)) return illegal_address;
  std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
  return success;
}
int cuMemsetD8Async(unsigned long long to, unsigned char value, std::size_t bytes, void* stream) {
  if (!ours(to, bytes)) return illegal_address;
  return run(stream, [=] { std::memset(reinterpret_cast<void*>(to), value, bytes); });
}
int cuModuleLoadDataEx(void** to, const void* image, unsigned count, int* options, void** values) {
  const std::string text = static_cast<const char*>(image);
  if (is("refuses_code") || text.find(".target") == std::string::npos) {
    for (unsigned i = 0; i < count; ++i)
      if (options[i] == 5) std::strcpy(static_cast<char*>(values[i]), "ptxas fatal: no target");
    return invalid_code;
  }
  auto module = std::make_unique<Module>();
  static const std::regex entry(R"(\.entry (\w+))");
  for (std::sregex_iterator it(text.begin(), text.end(), entry), end; it != end; ++it) module->entries.insert((*it)[1]);
  *to = module.release();
  return success;
}
int cuModuleUnload(void* module) { return delete static_cast<Module*>(module), success; }
int cuModuleGetFunction(void** to, void* module, const char* name) {
  if (!static_cast<Module*>(module)->entries.count(name)) return not_found;
  const Function* const found = find_function(name);
  return found ? (*to = const_cast<Function*>(found), success) : not_found;
}
int cuLaunchKernel(void* function, unsigned x, unsigned y, unsigned z, unsigned tx, unsigned ty, unsigned tz, unsigned shared, void* stream, void** arguments, void** extra) {
  if (x == 0 || y != 1 || z != 1 || tx != mlp::launch_threads || ty != 1 || tz != 1 || shared != 0 || extra) return invalid_value;
  return run(stream, static_cast<const Function*>(function)->work(x, arguments));
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
  for (const Work& work : *static_cast<std::vector<Work>*>(graph)) work();
  return success;
}
int cuGraphDestroy(void* graph) { return delete static_cast<std::vector<Work>*>(graph), success; }
int cuGraphExecDestroy(void* graph) { return delete static_cast<std::vector<Work>*>(graph), success; }
int cuEventCreate(void** to, unsigned) { return *to = &used, success; }
int cuEventRecord(void*, void*) { return success; }
int cuEventSynchronize(void*) { return success; }
int cuEventElapsedTime(float* to, void*, void*) { return *to = 1, success; }
int cuEventDestroy_v2(void*) { return success; }

}  // extern "C"
