// What passes over the steps of a network share.
#pragma once
#include <functional>

#include "compiler/ir/loop/network.h"

namespace mlp::lowering {

// Visits the places that a step reads (nests: of loads), and those that it writes.
void each_read(loop::Step& step, const std::function<void(loop::Place&)>& visit);
void each_write(loop::Step& step, const std::function<void(loop::Place&)>& visit);
inline void each_place(loop::Step& step, const std::function<void(loop::Place&)>& visit) {
  each_read(step, visit);
  each_write(step, visit);
}
void rename_buffers(loop::Step& step, const std::vector<loop::BufferId>& now);

}  // namespace mlp::lowering
