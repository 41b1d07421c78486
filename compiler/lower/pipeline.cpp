#include "base/timing.h"
#include "compiler/lower/lower.h"
#include "compiler/lower/passes.h"

namespace mlp {
namespace {

struct Row {
  PassInfo info;
  void (*run)(const flow::Program&, loop::Module&);
};
const Row passes[] = {
    {{"simplify_presence", "before folding, which spreads what is always present"}, lowering::simplify_presence},
    {{"common_subexpressions", "before folding, which sees that two arguments are one value"}, lowering::common_subexpressions},
    {{"fold_constants", "what is known now; the presence of columns without nulls goes here"}, lowering::fold_constants},
    {{"drop_dead", "last: what the passes before have left without a user"}, lowering::drop_dead},
    {{"fuse_nests", "of networks, first: loops are as the tensors are, so that those of equal tensors are equal"}, lowering::fuse_nests},
    {{"flatten_loops", "after fusing: what is left has no partner"}, lowering::flatten_loops},
    {{"share_scratch", "last: now it is known which buffers there are, and from when to when"}, lowering::share_scratch},
};

}  // namespace

const std::vector<PassInfo>& lower_passes() {
  static const std::vector<PassInfo> list = [] {
    std::vector<PassInfo> infos;
    for (const Row& row : passes) infos.push_back(row.info);
    return infos;
  }();
  return list;
}

loop::Module lower(const flow::Program& program, const PassOptions& options) {
  loop::Module module = timed("translate", [&] { return lowering::expand(program); });
  module.network = timed("translate the network", [&] { return lowering::network_functions(program); });
  if (options.verify) check_verified("the translation to loop", loop::verify(module));
  for (const Row& row : passes) {
    if (is_disabled(row.info, options)) continue;
    timed(row.info.name, [&] { row.run(program, module); });
    if (options.verify) check_verified(row.info.name, loop::verify(module));
  }
  return module;
}

}  // namespace mlp
