// What is installed beside the program in lib/millrace. Only the commands that need a part of it open it: loading LLVM or
// DuckDB costs more than all that `mlp check` does.
#pragma once
#include <filesystem>

#include "base/diagnostic.h"

namespace mlp {

// lib/millrace/NAME beside the program, or beside the folder that it stands in. Throws Failure(not_installed).
std::filesystem::path installed(const char* name);

struct SharedLibrary {
  const char* file;  // in lib/millrace
  const char* what;  // of messages
  const char* fix;
  Code missing;
};
void* open_library(const SharedLibrary& library);  // stays open; throws Failure(library.missing), and so does what follows
void* library_symbol(void* opened, const SharedLibrary& library, const char* name);

}  // namespace mlp
