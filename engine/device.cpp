#include "engine/device.h"

#include "base/codes/command.h"

namespace mlp::engine {

void check_on_device(const model::Model& model) {
  if (const std::string why = score::DeviceScorer::refusal(model); !why.empty())
    throw Failure(code::model_not_on_device, "the model cannot be scored on a GPU: " + why, "leave `--device=cuda` out, or `target = cuda` of the deploy block");
}

DevicePipeline device_pipeline(const Pipeline& pipeline, const model::Model& model, int architecture) {
  const loop::Module& loops = pipeline.unit.loops;
  DevicePipeline out;
  out.features = driver::native().device_rows(loops, "features", architecture);
  if (model.kind == ModelKind::network) {
    loop::Module scoring;
    for (const loop::Function& function : loops.network)
      if (function.name == "score") scoring.network.push_back(function);
    out.network = driver::native().device_code(scoring, architecture);
  }
  return out;
}

loop::Module with_rest(const Pipeline& pipeline, const DevicePipeline& device) {
  loop::Module out = pipeline.unit.loops;
  loop::Module rest = driver::native().host_rest(out, "features", device.features, rest_kernel);
  for (loop::Kernel& kernel : rest.kernels) out.kernels.push_back(std::move(kernel));
  return out;
}

std::unique_ptr<codegen::Compiled> score_on_device(const Loaded& loaded, const std::function<std::unique_ptr<device::Device>()>& open, const std::function<void(const std::string&)>& say) {
  score::Engine& engine = *loaded.engine;
  check_on_device(engine.package().model);
  std::unique_ptr<device::Device> device = open();
  DevicePipeline code = device_pipeline(loaded.pipeline, engine.package().model, device->architecture());
  std::unique_ptr<codegen::Compiled> rest;
  mlp_kernel others = nullptr;
  if (code.features.outputs.empty()) {
    others = loaded.pipeline.kernels->find("features");
  } else if (const loop::Module module = driver::native().host_rest(loaded.pipeline.unit.loops, "features", code.features, rest_kernel); !module.kernels.empty()) {
    rest = driver::native().compile(module, {});
    others = rest->find(rest_kernel);
  }
  auto scorer = std::make_unique<score::DeviceScorer>(engine.package(), std::move(device), std::move(code), others);
  say(scorer->describe());
  engine.set_scorer(std::move(scorer));
  return rest;
}

}  // namespace mlp::engine
