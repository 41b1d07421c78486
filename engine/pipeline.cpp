#include "engine/pipeline.h"

#include "base/codes/packages.h"
#include "base/files.h"
#include "base/timing.h"

namespace mlp::engine {

Pipeline prepare(const std::string& name, std::string text, const driver::Options& options, const codegen::Options& codegen) {
  const Timed scope("compile");
  driver::Unit unit = driver::compile(name, std::move(text), options);
  if (!unit.ok()) throw SpecError(std::move(unit));
  Pipeline pipeline{std::move(unit), nullptr, {}, options.set, options.tuned};
  const Native* const native = timed("open LLVM", [] { return &driver::native(); });
  pipeline.kernels = timed("codegen", [&] { return native->compile(pipeline.unit.loops, codegen); });
  pipeline.identity = sha256(driver::training_identity(pipeline.unit.program));
  return pipeline;
}

driver::Options options_of(const package::Package& package, bool tuned) {
  driver::Options options;
  options.set = package.set;
  if (tuned) options.tuned = package.tuned;
  options.read = [imports = package.imports](const std::string& path) {
    for (const package::Imported& file : imports)
      if (file.path == path) return file.text;
    throw Failure(code::package_damaged, "the package lacks the imported file `" + path + "`");
  };
  return options;
}

std::vector<package::Imported> Pipeline::imports() const {
  std::vector<package::Imported> list;
  for (const driver::Imported& file : unit.imports) list.push_back({file.path, std::string(unit.sources.text(file.source))});
  return list;
}

void Pipeline::write_sources(package::Package& package) const {
  package.spec = std::string(unit.sources.text(0));
  package.imports = imports();
  package.set = set;
  package.tuned = tuned;
}

std::filesystem::path directory_of(const std::filesystem::path& spec) {
  return spec.has_parent_path() ? spec.parent_path() : std::filesystem::path(".");
}

bool fits(const package::Package& package, const flow::Program& program) {
  const package::Signature& signature = package.signature;
  bool same = package.fitted.numbers.size() == static_cast<std::size_t>(program.numbers) && package.fitted.texts.size() == static_cast<std::size_t>(program.texts) &&
              package.fitted.tables.size() == static_cast<std::size_t>(program.tables) && package.model.features.size() == program.features.size() &&
              static_cast<std::size_t>(signature.schema_size) == program.columns.size() && signature.request.size() == program.request.size();
  for (std::size_t i = 0; same && i < program.request.size(); ++i) {
    const std::int32_t place = program.request[i].index;
    same = signature.request_place[i] == place && signature.request[i].name == program.columns[place].name && signature.request[i].type == program.columns[place].type;
  }
  return same;
}

Loaded load(package::Package package, const std::string& what) {
  Loaded loaded{prepare(what + " (spec)", package.spec, options_of(package, true)), nullptr};
  if (!fits(package, loaded.pipeline.program()))
    throw Failure(code::package_damaged, "package `" + what + "` is damaged: its values do not fit its spec", "make it again with `mlp train`");
  const mlp_kernel kernel = loaded.pipeline.kernels->find("features");
  MLP_CHECK(kernel != nullptr);
  loaded.engine = std::make_unique<score::Engine>(std::move(package), kernel);
  return loaded;
}

}  // namespace mlp::engine
