// What a device runs of a pipeline that it scores, and what is left of its features to the CPU.
#pragma once
#include "engine/pipeline.h"
#include "runtime/score/device_scorer.h"

namespace mlp::engine {

void check_on_device(const model::Model& model);  // throws Failure (model_not_on_device) where it cannot be scored on a device

// Of a model that can, for a compute capability.
DevicePipeline device_pipeline(const Pipeline& pipeline, const model::Model& model, int architecture);

// The kernels of the pipeline, as Native::object takes them: with a kernel of the features that the device does not compute, where there are some besides.
constexpr const char* rest_kernel = "features_rest";
loop::Module with_rest(const Pipeline& pipeline, const DevicePipeline& device);

// Puts the model of a loaded pipeline on the device that `open` gives; `say` hears what is computed there. Throws as check_on_device. Keep what it gives
// as long as the engine scores: the code of the other features.
std::unique_ptr<codegen::Compiled> score_on_device(const Loaded& loaded, const std::function<std::unique_ptr<device::Device>()>& open, const std::function<void(const std::string&)>& say);

}  // namespace mlp::engine
