// What `plan`, `diff` and `train` compare: a run, a spec file, or a spec as it stood at a git revision.
#pragma once
#include "cli/cli.h"
#include "engine/compare.h"

namespace mlp::cli {

// A spec that is compiled already, with the data that it names now.
engine::Side side_of(std::shared_ptr<const driver::Unit> unit, const std::string& path);
// A run (id, prefix, latest, production), REV: or REV:PATH, a spec file or a package file. `spec`: the file that `REV:`
// means, and whose pipeline `production` is of; "" when there is none. Throws Failure, SpecError.
engine::Side side_of(const std::string& what, const std::string& spec, const Globals& globals);
// The newest run of a pipeline; nothing when there is none, or when its spec no longer compiles.
std::optional<engine::Side> last_run(const std::string& pipeline, const Globals& globals);

Json stages_json(const engine::Comparison& comparison);  // [{name, class, reasons, …}]

}  // namespace mlp::cli
