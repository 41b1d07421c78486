// The passes of plan, one a file; pipeline.cpp says in which order and why.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "compiler/ir/flow/flow.h"

namespace mlp::planning {

// Part of the translation: until then expressions hold aggregates and tables, as in sem.
void hoist_aggregates(flow::Program& program);

void share_common_expressions(flow::Program& program);
void share_common_tensors(flow::Program& program);
void drop_unused_tensors(flow::Program& program);
void fold_constants(flow::Program& program);
void drop_unused(flow::Program& program);
void merge_fit_passes(flow::Program& program);
void select_columns(flow::Program& program);

// ---- what several of them need

// Visits every place outside the expressions that names one; unknown places (no weight) are left out.
void each_root(flow::Program& program, const std::function<void(ir::ExprId&)>& visit);

// Marks what `roots` need, themselves included.
std::vector<bool> reachable(const flow::Program& program, const std::vector<ir::ExprId>& roots);

// What a request must hold, in the order of the schema.
std::vector<ColumnId> columns_of_features(const flow::Program& program);

using Slot = std::pair<flow::SlotKind, std::int32_t>;
std::optional<Slot> slot_read(const ir::Expr& e);
// Position of each aggregate in the order of need: 0 reads no slot, n reads slots of level n - 1 at most.
std::vector<std::int32_t> levels(const flow::Program& program);

}  // namespace mlp::planning
