#include "runtime/score/device_scorer.h"

#include <algorithm>
#include <optional>

#include "runtime/device/rows.h"
#include "runtime/model/device_forest.h"
#include "runtime/model/device_network.h"

namespace mlp::score {
namespace {

constexpr std::int64_t together = 1 << 16;         // rows at once, at most
constexpr std::int64_t few = 1024;                 // rows below which the CPU has scored trees before they have been copied
constexpr std::int64_t most_floats = 1 << 28;      // that a network may need for the rows at once

std::size_t value_size(Scalar scalar) {            // of what needs no text
  switch (values::layout_of(scalar)) {
    case values::Layout::boolean: return 1;
    case values::Layout::real:
    case values::Layout::integer: return 8;
    case values::Layout::string: break;
  }
  MLP_BUG("a column of texts on a device");
}

}  // namespace

struct DeviceScorer::Impl {
  struct Read {
    std::size_t column, bytes;                     // of the schema; of a value
  };
  std::unique_ptr<device::Device> device;          // outlives what follows
  DevicePipeline code;
  std::vector<Read> reads;
  std::optional<device::RowKernel> kernel;
  std::vector<const double*> there;                // by feature, where its numbers lie
  std::optional<model::DeviceForest> forest;
  std::optional<model::DeviceNetwork> network;
};

std::string DeviceScorer::refusal(const model::Model& model) { return model.kind == ModelKind::network ? model::DeviceNetwork::refusal(model) : model::DeviceForest::refusal(model); }

DeviceScorer::DeviceScorer(const package::Package& package, std::unique_ptr<device::Device> on, DevicePipeline code, mlp_kernel others)
    : package_(package), there_(package.model.features.size(), false), others_(others), impl_(std::make_unique<Impl>()) {
  const model::Model& model = package.model;
  const package::Signature& signature = package.signature;
  Impl& impl = *impl_;
  impl.device = std::move(on);
  impl.code = std::move(code);
  device::Device& device = *impl.device;
  const DeviceRows& rows = impl.code.features;
  for (const std::int32_t f : rows.outputs) there_[static_cast<std::size_t>(f)] = true;
  for (std::size_t i = 0; i < signature.request.size(); ++i)
    if (const std::int32_t place = signature.request_place[i]; std::binary_search(rows.columns.begin(), rows.columns.end(), place))
      impl.reads.push_back({static_cast<std::size_t>(place), value_size(signature.request[i].type.scalar)});
  MLP_CHECK(impl.reads.size() == rows.columns.size());
  if (!rows.outputs.empty())
    impl.kernel.emplace(device, rows.text, "mlp_features", package.fitted.numbers, static_cast<std::size_t>(signature.schema_size), rows.outputs.size());
  impl.there.resize(model.features.size());
  most_ = together;
  least_ = model.kind == ModelKind::network ? 1 : few;
  if (model.kind == ModelKind::network) {
    const LaunchList* const score = impl.code.network.find("score");
    MLP_CHECK(score != nullptr);
    if (score->each > 0) most_ = std::clamp<std::int64_t>(most_floats / score->each, 64, together);
    impl.network.emplace(model, device, impl.code.network, there_);
    impl.network->reserve(most_);
  } else {
    impl.forest.emplace(model, device, there_);
    impl.forest->reserve(most_);
  }
  if (impl.kernel) impl.kernel->rows(most_);
}

DeviceScorer::~DeviceScorer() = default;

std::string DeviceScorer::describe() const {
  const auto count = std::to_string(std::count(there_.begin(), there_.end(), true));
  return count + " of " + std::to_string(there_.size()) + " features, " + (impl_->network ? "the network" : std::to_string(package_.model.forest.trees.size()) + " trees");
}

void DeviceScorer::score(const mlp_column* columns, const model::Matrix& matrix, std::int64_t rows, double* scores, double* const* features) {
  Impl& impl = *impl_;
  const std::vector<std::int32_t>& outputs = impl.code.features.outputs;
  if (impl.kernel) {
    impl.kernel->rows(rows);
    for (const Impl::Read& read : impl.reads) impl.kernel->take(read.column, columns[read.column].values, read.bytes, columns[read.column].present);
    impl.kernel->start();
    for (std::size_t o = 0; o < outputs.size(); ++o) impl.there[static_cast<std::size_t>(outputs[o])] = impl.kernel->at(o);
  }
  if (impl.network) impl.network->score(matrix, rows, scores, impl.there);
  else impl.forest->score(matrix, rows, scores, impl.there);
  for (std::size_t o = 0; features && o < outputs.size(); ++o) impl.kernel->get(o, features[outputs[o]], rows);
}

}  // namespace mlp::score
