#include <algorithm>
#include <charconv>

#include "base/codes/data.h"
#include "runtime/data/read.h"
#include "runtime/values/parse.h"

namespace mlp::data {
namespace {

std::string number(double v) {
  char buffer[40];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, v).ptr};
}
std::string percent(double share) {
  char buffer[40];
  return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, share * 100, std::chars_format::fixed, 2).ptr) + "%";
}

double real_of(const values::ColumnData& column, std::int64_t row) {
  const values::Cell cell = column.cell(row);
  return column.layout == values::Layout::real ? cell.real : static_cast<double>(cell.integer);
}

// Rows with a value, ordered by it and then by row.
std::vector<std::int64_t> ordered(const values::ColumnData& column, std::int64_t rows) {
  std::vector<std::int64_t> out;
  for (std::int64_t row = 0; row < rows; ++row)
    if (column.is_present(row)) out.push_back(row);
  std::sort(out.begin(), out.end(), [&](std::int64_t a, std::int64_t b) {
    const values::Cell x = column.cell(a), y = column.cell(b);
    if (x.real != y.real) return x.real < y.real;
    if (x.integer != y.integer) return x.integer < y.integer;
    if (x.text != y.text) return x.text < y.text;
    return a < b;
  });
  return out;
}
bool same(const values::ColumnData& column, std::int64_t a, std::int64_t b) {
  const values::Cell x = column.cell(a), y = column.cell(b);
  return x.real == y.real && x.integer == y.integer && x.text == y.text;
}

}  // namespace

std::vector<Diagnostic> check_expectations(const std::vector<Expectation>& expectations, const std::vector<Column>& schema, const values::Table& table) {
  std::vector<Diagnostic> out;
  for (const Expectation& expectation : expectations) {
    std::string found;  // why it does not hold
    std::int64_t row = 0;
    if (expectation.kind == ExpectKind::rows) {
      if (!holds(static_cast<double>(table.rows), expectation.compare, expectation.value)) found = "there are " + std::to_string(table.rows) + " rows";
    } else {
      const Column& about = schema[static_cast<std::size_t>(expectation.column.index)];
      const values::ColumnData& column = table.columns[static_cast<std::size_t>(expectation.column.index)];
      MLP_CHECK(column.size() == table.rows);
      switch (expectation.kind) {
        case ExpectKind::unique: {
          const std::vector<std::int64_t> order = ordered(column, table.rows);
          std::int64_t again = 0;
          for (std::size_t i = 1; i < order.size(); ++i) {
            if (!same(column, order[i - 1], order[i])) continue;
            ++again;
            if (row == 0 || order[i] + 1 < row) row = order[i] + 1;
          }
          if (again > 0)
            found = std::to_string(again) + (again == 1 ? " row repeats" : " rows repeat") + " a value, first row " + std::to_string(row) +
                    (about.pii ? "" : " with `" + values::printable(values::spell(about, column.cell(row - 1))) + "`");
          break;
        }
        case ExpectKind::missing: {
          std::int64_t missing = 0;
          for (std::int64_t r = 0; r < table.rows; ++r) missing += column.is_present(r) ? 0 : 1;
          const double share = table.rows == 0 ? 0 : static_cast<double>(missing) / static_cast<double>(table.rows);
          if (!holds(share, expectation.compare, expectation.value)) found = std::to_string(missing) + " of " + std::to_string(table.rows) + " rows are null (" + percent(share) + ")";
          break;
        }
        case ExpectKind::distinct: {
          const std::vector<std::int64_t> order = ordered(column, table.rows);
          std::int64_t distinct = order.empty() ? 0 : 1;
          for (std::size_t i = 1; i < order.size(); ++i) distinct += same(column, order[i - 1], order[i]) ? 0 : 1;
          if (!holds(static_cast<double>(distinct), expectation.compare, expectation.value)) found = "there are " + std::to_string(distinct) + " distinct values";
          break;
        }
        case ExpectKind::min:
        case ExpectKind::max:
        case ExpectKind::mean: {
          MLP_CHECK(!is_text(about.type.scalar));
          double result = 0, sum = 0;
          std::int64_t count = 0;
          for (std::int64_t r = 0; r < table.rows; ++r) {
            if (!column.is_present(r)) continue;
            const double v = real_of(column, r);
            if (count++ == 0 || (expectation.kind == ExpectKind::min ? v < result : v > result)) result = v, row = r + 1;
            sum += v;
          }
          if (expectation.kind == ExpectKind::mean) result = sum / static_cast<double>(count), row = 0;
          if (count == 0) found = "column `" + about.name + "` has no value";
          else if (!holds(result, expectation.compare, expectation.value)) found = about.pii ? "the column is personal" + (row > 0 ? ", see row " + std::to_string(row) : std::string()) : "it is " + number(result) + (row > 0 ? " in row " + std::to_string(row) : "");
          break;
        }
        case ExpectKind::rows: break;
      }
    }
    if (found.empty()) continue;
    Diagnostic d;
    d.code = code::expectation_broken;
    d.message = "`" + expectation.text + "` does not hold: " + found;
    d.at(expectation.span, found).suggest("look at the data first; if they are right, change the expectation");
    out.push_back(std::move(d));
  }
  return out;
}

}  // namespace mlp::data
