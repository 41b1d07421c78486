#include "runtime/device/driver.h"

#include <dlfcn.h>

#include "base/codes/command.h"

namespace mlp::device {

void* library_function(void* opened, const std::string& library, const char* name, const std::string& help) {
  void* const symbol = dlsym(opened, name);
  if (!symbol) throw Failure(code::no_device, "`" + library + "` is too old: it has no `" + name + "`", help);
  return symbol;
}

Driver open_driver(const std::string& library) {
  void* const opened = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!opened)
    throw Failure(code::no_device, "NVIDIA's driver cannot be opened: " + std::string(dlerror()), "install the driver of the GPU, or leave `--device=cuda` out: the CPU does the same work");
  Driver driver{};
#define MLP_FUNCTION(symbol, name, arguments) \
  driver.name = reinterpret_cast<decltype(driver.name)>(library_function(opened, library, #symbol, "install a driver for CUDA 11.4 or newer"));
  MLP_CUDA_FUNCTIONS(MLP_FUNCTION)
#undef MLP_FUNCTION
  return driver;
}

void Driver::check(CuResult result, const char* doing, std::size_t bytes) const {
  if (result == 0) return;
  if (result == cu_out_of_memory && bytes > 0) {
    std::size_t free = 0, total = 0;
    memory(&free, &total);
    throw Failure(code::device_failed, "the GPU has no memory for " + std::to_string(bytes) + " bytes more: " + std::to_string(free) + " of " + std::to_string(total) + " are free",
                  "use smaller batches, end what else holds memory of the GPU, or leave `--device=cuda` out");
  }
  const char *name = nullptr, *text = nullptr;
  error_name(result, &name);
  error_string(result, &text);
  throw Failure(code::device_failed, std::string("the GPU failed while it ") + doing + ": " + (name ? name : "error " + std::to_string(result)) + (text ? std::string(", ") + text : ""),
                "what the GPU held is lost: run the command again; `dmesg` and `nvidia-smi` say more about the hardware");
}

}  // namespace mlp::device
