#include "engine/pipeline.h"

#include "base/codes/packages.h"
#include "base/files.h"
#include "base/timing.h"
#include "engine/learn.h"

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

mlp_network Pipeline::network() const { return program().model.settings.kind == ModelKind::network ? kernels->find_network("score") : nullptr; }

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

namespace {

// What the code of a network reads must be there, as long as it takes it to be.
bool fits_network(const model::Model& model, const ir::Network& network) {
  bool fits = network.weights.size() == model.network.weights.size() && network.states.size() == model.network.states.size();
  for (std::size_t i = 0; fits && i < network.weights.size(); ++i) fits = model.network.weights[i].shape == shape_of(network.weights[i], model.features);
  for (std::size_t i = 0; fits && i < network.states.size(); ++i) fits = model.network.states[i].shape == network.states[i].shape;
  for (const ir::Tensor& tensor : network.tensors) fits = fits && (tensor.op != ir::TensorOp::numbers || tensor.features == model.network.numbers);
  const std::vector<std::int64_t>& score = network[network.score].shape;
  return fits && model.network.outputs == (score.empty() ? 1 : score.front());
}

}  // namespace

bool fits(const package::Package& package, const flow::Program& program) {
  const package::Signature& signature = package.signature;
  bool same = package.fitted.numbers.size() == static_cast<std::size_t>(program.numbers) && package.fitted.texts.size() == static_cast<std::size_t>(program.texts) &&
              package.fitted.tables.size() == static_cast<std::size_t>(program.tables) && package.model.features.size() == program.features.size() &&
              static_cast<std::size_t>(signature.schema_size) == program.columns.size() && signature.request.size() == program.request.size();
  for (std::size_t i = 0; same && i < program.request.size(); ++i) {
    const std::int32_t place = program.request[i].index;
    same = signature.request_place[i] == place && signature.request[i].name == program.columns[place].name && signature.request[i].type == program.columns[place].type;
  }
  same = same && package.model.kind == program.model.settings.kind;
  for (std::size_t f = 0; same && f < program.features.size(); ++f) {
    const ir::Encoding encoding = program.features[f].encoding;
    same = package.model.features[f].bag == (encoding == ir::Encoding::bag) && (package.model.features[f].width > 0) == (encoding == ir::Encoding::category || encoding == ir::Encoding::one_hot);
  }
  return same && (package.model.kind != ModelKind::network || fits_network(package.model, program.model.network));
}

Loaded load(package::Package package, const std::string& what) {
  Loaded loaded{prepare(what + " (spec)", package.spec, options_of(package, true)), nullptr};
  if (!fits(package, loaded.pipeline.program()))
    throw Failure(code::package_damaged, "package `" + what + "` is damaged: its values do not fit its spec", "make it again with `mlp train`");
  const mlp_kernel kernel = loaded.pipeline.kernels->find("features");
  MLP_CHECK(kernel != nullptr);
  loaded.engine = std::make_unique<score::Engine>(std::move(package), kernel, loaded.pipeline.network());
  return loaded;
}

}  // namespace mlp::engine
