// The program that `mlp build` links of a deployment with `target = cuda`: it scores on the first NVIDIA GPU that it finds.
#include "runtime/device/cuda.h"
#include "runtime/score/device_scorer.h"
#include "runtime/score/linked.h"
#include "runtime/serve/artifact.h"

namespace {

mlp::serve::OnDevice open(const mlp::package::Package& package, bool few_rows_too) {
  std::unique_ptr<mlp::device::CudaDevice> gpu = mlp::device::open_cuda();
  std::string name = gpu->describe();
  mlp::DevicePipeline code = mlp::device_pipeline(mlp::score::linked_device());
  const mlp::CpuLevel level = mlp::best_cpu_level();
  const mlp_kernel others = code.features.outputs.empty() ? mlp::score::linked_features(level) : mlp::score::linked_rest(level);
  auto scorer = std::make_unique<mlp::score::DeviceScorer>(package, std::move(gpu), std::move(code), others);
  if (few_rows_too) scorer->take_all();
  std::string what = scorer->describe();
  return {std::move(scorer), std::move(name), std::move(what)};
}

}  // namespace

int main(int argc, char** argv) {
  return mlp::serve::artifact_main(argc, argv, {mlp::score::linked_package(), mlp::score::linked_features, mlp::score::linked_network, open});
}
