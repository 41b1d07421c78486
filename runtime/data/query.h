// Tables made from sources: a query as SQL, and the rows that it gives.
//
// Every relation carries an order, in a column `#` that no schema can have: a source the order of its files and rows, a step
// the order of its first input. Everything that depends on order says so in the SQL, floats are summed one by one in that
// order, and no two rows are ever equal in it: so the result is the same at any number of threads.
#pragma once
#include <string>
#include <vector>

#include "base/query.h"
#include "runtime/data/read.h"

namespace mlp::data {

struct StepSql {
  std::string name;             // of the relation in the data engine: the table's own, or `table.1` for a step on the way
  std::string sql;              // none for a source
  std::string unique;           // join with matches = one: gives the keys that stand in more than one row
};
// The steps as they are run, with the columns only that `wanted` needs. In the order of the query.
std::vector<StepSql> render(const Query& query, const std::vector<ColumnId>& wanted);

struct TableRequest {
  Query query;
  std::vector<ColumnId> wanted;        // columns of the last step
  std::filesystem::path base;          // directory of the spec
  std::string quarantine;              // rejected rows of source s go to base / (quarantine + ".s.quarantine.csv")
  int threads = 1;
};
// Reads every source (each with its own counts and policy), runs the steps, checks the expectations on the way. The report
// sums up the sources, and its digest covers all of their files. Throws Failure.
ReadResult read_table(const TableRequest& request);
// What that report has as its digest, without reading a value. Throws Failure.
std::string digest_of(const TableRequest& request);

}  // namespace mlp::data
