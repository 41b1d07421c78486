#include <pthread.h>

#include <exception>
#include <optional>
#include <utility>

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

namespace {

// Tensors are translated from their users to what they are made of: an unrolled recurrence of thousands of places goes deeper than a usual stack.
template <class Body>
auto with_deep_stack(const Body& body) {
  constexpr std::size_t size = std::size_t{1} << 30;   // of addresses: memory is taken as it is used
  struct Work {
    const Body& body;
    std::optional<decltype(body())> result;
    std::exception_ptr failure;
  } work{body, {}, {}};
  const auto run = [](void* at) -> void* {
    auto& mine = *static_cast<Work*>(at);
    try {
      mine.result = mine.body();
    } catch (...) {
      mine.failure = std::current_exception();
    }
    return nullptr;
  };
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_t thread;
  const bool deep = pthread_attr_setstacksize(&attributes, size) == 0 && pthread_create(&thread, &attributes, run, &work) == 0;
  pthread_attr_destroy(&attributes);
  if (deep) pthread_join(thread, nullptr);
  else run(&work);                                     // where addresses are limited
  if (work.failure) std::rethrow_exception(work.failure);
  return std::move(*work.result);
}

}  // namespace

loop::Module lower(const flow::Program& program, const PassOptions& options) {
  loop::Module module = timed("translate", [&] { return lowering::expand(program); });
  module.network = timed("translate the network", [&] { return with_deep_stack([&] { return lowering::network_functions(program); }); });
  if (options.verify) check_verified("the translation to loop", loop::verify(module));
  for (const Row& row : passes) {
    if (is_disabled(row.info, options)) continue;
    timed(row.info.name, [&] { row.run(program, module); });
    if (options.verify) check_verified(row.info.name, loop::verify(module));
  }
  return module;
}

}  // namespace mlp
