// What the rows and columns of a table are made of: digests that are equal exactly when both come about in the same way from
// the same sources, whatever steps and tables are called and in which order columns stand.
#pragma once
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/ir/flow/flow.h"

namespace mlp::driver {

struct Origin {
  std::string digest;
  std::set<std::int32_t> steps;                             // of the query, that decide it
  std::set<std::pair<std::int32_t, std::int32_t>> columns;  // of sources, that it is computed from: source, column
};

class Lineage {
 public:
  explicit Lineage(const Query& query);
  const Origin& rows(StepId step);                 // which rows come out of a step, and their order
  const Origin& column(StepId step, ColumnId column);  // the values in those rows
  Origin unique(StepId join);                      // which keys a join with `matches = one` demands to stand once
  StepId last() const { return {static_cast<std::int32_t>(query_.steps.size()) - 1}; }
  std::string title(std::int32_t step) const;      // `filter` of table `paid`

 private:
  Origin in_scope(const QueryStep& step, ColumnId column);  // a column as expressions of a step see it
  Origin expression(const QueryStep& step, QueryExprId id);
  Origin aggregate(const QueryStep& step, const QueryAggregate& a);
  Origin keys(const QueryStep& step);              // keys and order of both sides

  const Query& query_;
  std::vector<Origin> rows_;                       // by step; without a digest: not known yet
  std::vector<std::vector<Origin>> columns_;       // by step and column
};

// Columns that nothing computes with, and that a train looks at for leakage: what may name a person, a group or a copy (ids,
// texts with few rows a value). Of a table those only that come as they are from columns which its steps read anyway.
std::vector<ColumnId> watched(const flow::Program& program);

bool is_called_id(std::string_view name);  // id, user_id, userId: what people call numbers that name something

}  // namespace mlp::driver
