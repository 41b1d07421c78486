#include "base/installed.h"

#include <dlfcn.h>

#include "base/codes/command.h"

namespace mlp {
namespace {

[[noreturn]] void cannot_load(const SharedLibrary& library, const std::string& why) {
  throw Failure(library.missing, std::string(library.what) + " cannot be loaded: " + why, library.fix);
}

}  // namespace

std::filesystem::path installed(const char* name) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  for (const std::filesystem::path& base : {self.parent_path(), self.parent_path().parent_path()}) {
    const std::filesystem::path path = base / "lib" / "millrace" / name;
    if (std::filesystem::exists(path, error)) return path;
  }
  throw Failure(code::not_installed, std::string("there is no `lib/millrace/") + name + "` beside `" + self.string() + "`", "install Millrace whole: the program alone is not enough");
}

void* open_library(const SharedLibrary& library) {
  std::string path;
  try {
    path = installed(library.file).string();
  } catch (const Failure& failure) {
    cannot_load(library, failure.diagnostic.message);
  }
  void* const opened = dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (opened == nullptr) cannot_load(library, dlerror());
  return opened;
}

void* library_symbol(void* opened, const SharedLibrary& library, const char* name) {
  void* const symbol = dlsym(opened, name);
  if (symbol == nullptr) cannot_load(library, dlerror());
  return symbol;
}

}  // namespace mlp
