// sem → flow: aggregates are hoisted into fitting passes, merged into as few scans as possible.
#pragma once
#include "compiler/ir/flow/flow.h"
#include "compiler/ir/sem/sem.h"
#include "compiler/pass/pass.h"

namespace mlp {
flow::Program plan(const sem::Module& module, const PassOptions& options);
const std::vector<PassInfo>& plan_passes();
}  // namespace mlp
