// package → artifact.
#pragma once
#include "compiler/emit/emit.h"
#include "engine/pipeline.h"

namespace mlp::engine {

struct Built {
  std::uintmax_t size = 0;               // bytes of the output
  double latency_seconds = 0;            // median of one row through the same code in this process
  std::vector<std::string> over_budget;  // lines of the deploy budget that do not hold, as measured
};
// Compiles the package's kernel for x86-64-v2, v3 and v4 and links the artifact. Budget lines of the spec are measured.
Built build(const Loaded& loaded, const std::string& package_bytes, emit::Kind kind, const std::filesystem::path& output, bool symbols = false);

}  // namespace mlp::engine
