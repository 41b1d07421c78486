#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "runtime/device/kernels/forest.h"
#include "runtime/device/kernels/product.h"
#include "runtime/device/kernels/split.h"
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

using Kernel = Work (*)(std::int64_t blocks, void** arguments);
template <class K>
Work by_value(std::int64_t blocks, void** arguments) {
  typename K::Call call;
  std::memcpy(&call, arguments[0], sizeof call);
  return [call, blocks] { mlp::device::run_on_host<K>(call, blocks); };
}
template <class K>
Work of_forest(std::int64_t blocks, void** arguments) {
  const mlp::device::ForestCall* call;
  std::int64_t rows;
  std::memcpy(&call, arguments[0], 8);
  std::memcpy(&rows, arguments[1], 8);
  return [=] { mlp::device::run_on_host<K>({*call, rows}, blocks); };
}
Work twice_plus(std::int64_t blocks, void** arguments) {
  void* call;
  std::int64_t number;
  std::memcpy(&call, arguments[0], 8);
  std::memcpy(&number, arguments[1], 8);
  return [=] {
    const auto& c = *static_cast<const TwicePlus*>(call);
    for (std::int64_t i = 0; i < blocks * 256; ++i)
      if (i < c.count) c.values[i] = 2 * c.values[i] + static_cast<float>(number);
  };
}
struct Function {
  const char* name;
  Kernel kernel;
};
const Function functions[] = {
    {"product", by_value<mlp::device::ProductKernel>}, {"split", by_value<mlp::device::SplitKernel>}, {"twice_plus", twice_plus},
#define FOREST(name, K) {#name, of_forest<mlp::device::K>},
    MLP_FOREST_KERNELS(FOREST)
#undef FOREST
};

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
int cuDeviceGetAttribute(int* to, int which, int) { return *to = which == 75 ? (is("old_gpu") ? 6 : 8) : 0, success; }
int cuDevicePrimaryCtxRetain(void** to, int) { return *to = &blocks, success; }
int cuDevicePrimaryCtxRelease_v2(int) { return success; }
int cuCtxSetCurrent(void*) { return success; }
int cuMemGetInfo_v2(std::size_t* left, std::size_t* total) { return *left = total_memory - used, *total = total_memory, success; }
int cuMemAlloc_v2(unsigned long long* to, std::size_t bytes) {
  if (bytes > total_memory - used) return out_of_memory;
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
  for (const Function& f : functions)
    if (std::strcmp(f.name, name) == 0) return *to = const_cast<Function*>(&f), success;
  return not_found;
}
int cuLaunchKernel(void* function, unsigned x, unsigned y, unsigned z, unsigned tx, unsigned ty, unsigned tz, unsigned shared, void* stream, void** arguments, void** extra) {
  if (x == 0 || y != 1 || z != 1 || tx != 256 || ty != 1 || tz != 1 || shared != 0 || extra) return invalid_value;
  return run(stream, static_cast<const Function*>(function)->kernel(x, arguments));
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
