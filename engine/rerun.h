// Train a package again from its own spec, and say what differs.
#pragma once
#include "engine/train.h"

namespace mlp::engine {
struct Rerun {
  Trained trained;
  bool same = false;
  std::vector<std::string> differences;  // what differs, the cause first: toolchain, data, fitted values, model
};
Rerun rerun(const package::Package& package, const std::string& bytes, const std::filesystem::path& directory, const TrainOptions& options);
}  // namespace mlp::engine
