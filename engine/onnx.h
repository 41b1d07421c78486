// package → ONNX.
#pragma once
#include <string>

#include "engine/pipeline.h"

namespace mlp::engine {

// The network of a package as the bytes of an ONNX file: from what it sees of rows (compiler/onnx/network.h) to `score`, float [N, outputs],
// before the link, and behind it `probabilities`, float [N, classes], or `value`, float [N]. Names of inputs and classes are in its metadata
// (docs/cli.md). `digest`: SHA-256 of the package. Throws Failure for a model that is no network.
std::string to_onnx(const Loaded& loaded, const std::string& digest);

}  // namespace mlp::engine
