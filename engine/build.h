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
// Compiles the package's kernel for x86-64-v2, v3 and v4 and links the artifact. Budget lines of the spec are measured. Of a deployment with
// `target = cuda` the artifact has code for NVIDIA GPUs, too. Throws Failure where it cannot: of a kind that is no program, of a model for the CPU.
Built build(const Loaded& loaded, const std::string& package_bytes, emit::Kind kind, const std::filesystem::path& output, bool symbols = false);

}  // namespace mlp::engine
