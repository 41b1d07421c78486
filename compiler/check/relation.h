// What a source or a table is while it is being checked: columns, and where each of them comes from.
#pragma once
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/query.h"

namespace mlp::checking {

// The columns of sources that a value is computed from, as (source, column). What a row cannot know about itself (a lag, a
// window without the current row, a row that is strictly earlier) has none: it is no way from a target to a feature.
using Origins = std::set<std::pair<std::int32_t, std::int32_t>>;

struct Relation {
  std::string name;
  Span span;
  StepId step;
  std::vector<Column> columns;
  std::vector<Origins> origins;  // one a column
  bool broken = false;           // reported: what uses it stays silent

  ColumnId find(const std::string& column) const {
    for (std::size_t i = 0; i < columns.size(); ++i)
      if (columns[i].name == column) return {static_cast<std::int32_t>(i)};
    return {};
  }
  const Column& operator[](ColumnId id) const { return columns[static_cast<std::size_t>(id.index)]; }
  void add(Column column, Origins from) {
    columns.push_back(std::move(column));
    origins.push_back(std::move(from));
  }
};

// The step whose expressions are being checked, where they stand in one.
struct StepScope {
  QueryStep* step = nullptr;
  const Relation* input = nullptr;
  bool aggregating = false;                 // group, window: `sum(v)` and the like make one value of several rows
  std::vector<Origins> origins;             // of the columns in scope, aggregates behind the input's
  std::vector<QueryExprId> translated;      // by sem expression
};

}  // namespace mlp::checking
