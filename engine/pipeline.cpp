#include "engine/pipeline.h"

#include "base/files.h"

namespace mlp::engine {

Pipeline prepare(const std::string& name, std::string text, const driver::Options& options, const codegen::Options& codegen) {
  driver::Unit unit = driver::compile(name, std::move(text), options);
  if (!unit.ok()) throw SpecError(std::move(unit));
  Pipeline pipeline{std::move(unit), nullptr, {}};
  pipeline.kernels = codegen::compile(pipeline.unit.loops, codegen);
  pipeline.identity = sha256(driver::training_identity(pipeline.unit.program));
  return pipeline;
}

std::filesystem::path directory_of(const std::filesystem::path& spec) {
  return spec.has_parent_path() ? spec.parent_path() : std::filesystem::path(".");
}

Loaded load(package::Package package, const std::string& what) {
  Loaded loaded{prepare(what + " (spec)", package.spec), nullptr};
  const mlp_kernel kernel = loaded.pipeline.kernels->find("features");
  MLP_CHECK(kernel != nullptr);
  loaded.engine = std::make_unique<score::Engine>(std::move(package), kernel);
  return loaded;
}

}  // namespace mlp::engine
