// How a table is made from sources: relational steps over typed expressions. Written by the compiler, run by runtime/data.
#pragma once
#include "base/settings.h"

namespace mlp {

using StepId = Id<struct StepTag>;
using QueryExprId = Id<struct QueryExprTag>;

enum class QueryExprKind { constant, column, call, select };
// A value of a row, from the closed set of operations that a table knows. A column counts through the scope of its step:
// the columns of the first input, then those of the second (join, asof_join) or the aggregates (group, window).
struct QueryExpr {
  QueryExprKind kind = QueryExprKind::constant;
  Type type;
  std::string callee;               // call: a builtin; its first argument decides the overload
  std::vector<QueryExprId> args;    // each stands before its user
  Value value;
  ColumnId column;
  template <class A> void fields(A&& a) { a("kind", kind); a("type", type); a("callee", callee); a("args", args); a("value", value); a("column", column); }
};

enum class QueryAggregateKind { count, sum, mean, min, max, first, last, distinct, lag, variance, stddev, quantile, ewm };
struct QueryAggregate {
  QueryAggregateKind kind = QueryAggregateKind::count;
  QueryExprId input;            // over the first input; unknown: count()
  Type type;
  // window only; the rows of one key in order of `order`, rows with equal values as they stood before
  std::int64_t over = 0;        // rows with order > that of this row - over; 0: no limit
  std::int64_t rows = 0;        // the last so many rows; 0: no limit
  bool current = true;          // false: only rows with an earlier value of `order`
  std::int64_t offset = 1;      // lag: so many rows before
  double p = 0.5;               // quantile
  std::int64_t halflife = 0;    // ewm: along `order`
  template <class A> void fields(A&& a) {
    a("kind", kind); a("input", input); a("type", type); a("over", over); a("rows", rows); a("current", current); a("offset", offset); a("p", p); a("halflife", halflife);
  }
};

struct QueryKey {
  ColumnId left, right;         // right: of the second input; unknown where there is one input
  template <class A> void fields(A&& a) { a("left", left); a("right", right); }
};

enum class QueryOp { source, filter, select, join, asof_join, group, window, union_all, distinct };
enum class JoinKind { left, inner };
enum class Matches { one, first, last, all };  // what happens when a key stands in several rows on the right; one: an error
struct QueryStep {
  QueryOp op = QueryOp::source;
  std::string name;                     // of the source or table that ends with this step; "" within a table
  std::string right_name;               // join, asof_join: what the right side is called
  std::int32_t source = -1;             // of Query::sources
  std::vector<StepId> inputs;           // earlier steps
  std::vector<Column> columns;          // what comes out
  std::vector<QueryExpr> exprs;
  std::vector<QueryExprId> outputs;     // one a column; none: the columns of the first input pass through
  QueryExprId condition;                // filter: rows where it is true; null is not true
  std::vector<QueryAggregate> aggregates;
  std::vector<QueryKey> keys;           // join, asof_join: equal, never null; group, window, distinct: null is a key like others
  QueryKey order;                       // asof_join, window
  JoinKind kind = JoinKind::left;
  Matches matches = Matches::one;
  bool strict = false;                  // asof_join: earlier, not equal
  std::int64_t within = 0;              // asof_join: no earlier than this; 0: no limit
  std::vector<Expectation> expectations;
  Span span;
  template <class A> void fields(A&& a) {
    a("op", op); a("name", name); a("right_name", right_name); a("source", source); a("inputs", inputs); a("columns", columns);
    a("exprs", exprs); a("outputs", outputs); a("condition", condition); a("aggregates", aggregates); a("keys", keys); a("order", order);
    a("kind", kind); a("matches", matches); a("strict", strict); a("within", within); a("expectations", expectations); a("span", span);
  }
};

struct QuerySource {
  Source source;
  std::vector<Column> columns;
  template <class A> void fields(A&& a) { a("source", source); a("columns", columns); }
};

// The last step is the table that features read. Empty where features read a source.
struct Query {
  std::vector<QuerySource> sources;
  std::vector<QueryStep> steps;
  bool empty() const { return steps.empty(); }
};

}  // namespace mlp
