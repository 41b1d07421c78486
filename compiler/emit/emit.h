// objects + artifact runtime + package → executable, shared library or object, by lld in process.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace mlp::emit {

enum class Kind { executable, library, object };
struct Request {
  Kind kind = Kind::executable;
  std::string kernels;                  // ELF object from codegen
  std::string package;                  // bytes of the package (runtime/package/package.h), put in as data
  std::vector<std::int32_t> plain;      // of the feature kernel: loop::plain_columns
  std::string device{};                 // executable: to_bytes of a DevicePipeline, so that it scores on a GPU where there is one; empty: it does not
  std::string name;                     // of the deployment; names the symbols of a library
  std::filesystem::path runtime;        // directory with the artifact runtime: archives, crt files (installed with mlp)
  bool pictures = false;                // the pipeline reads pictures: decoders are linked in
  bool symbols = false;                 // executable and library: keep the names of functions, for profilers
  std::filesystem::path output;         // written whole or not at all; `.h` beside it for library and object
};
void emit(const Request& request);      // throws Failure

}  // namespace mlp::emit
