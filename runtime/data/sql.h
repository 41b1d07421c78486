// One step of a query as SQL. The meaning is that of the language, not of SQL: a null makes the result null in logic too, NaN
// equals nothing and is in no order, ints wrap at 64 bits. Where SQL differs, a macro says it right.
#pragma once
#include <string>
#include <vector>

#include "base/query.h"

namespace mlp::data {

// What the data engine must know before the first step.
const std::vector<std::string>& query_prelude();

// The names of columns in the data engine, which does not tell `a` from `A`: as they are where they can be.
std::vector<std::string> column_names(const std::vector<Column>& columns);

struct SqlRelation {
  std::string name;
  const QueryStep* step = nullptr;
  std::vector<std::string> columns;
  std::vector<bool> live;           // columns that a later step reads
};
std::string render_step(const QueryStep& step, const std::vector<const SqlRelation*>& inputs, const SqlRelation& out);
std::string render_unique(const QueryStep& step, const SqlRelation& right);
const char* sql_type(Scalar scalar);

}  // namespace mlp::data
