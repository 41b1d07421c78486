// flow → loop: expressions become straight-line row code with explicit nulls.
#pragma once
#include "compiler/ir/flow/flow.h"
#include "compiler/ir/loop/loop.h"
#include "compiler/pass/pass.h"

namespace mlp {
// Kernels: fit_<pass> for each fitting pass (output i = input of its aggregate i, f64 with NaN for null, or string
// with present), `features` (output i = feature i, f64), `target` (f64, or string for a text target; present given),
// `weight` when the model has one; `loss` and `loss_derivatives` (outputs gradient, hessian, loss) of a loss of the language,
// whose columns are target and score.
loop::Module lower(const flow::Program& program, const PassOptions& options);
const std::vector<PassInfo>& lower_passes();
}  // namespace mlp
