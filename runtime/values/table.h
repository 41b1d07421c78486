// Rows in memory, by column, in the layout that compiled kernels read (abi/abi.h).
#pragma once
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "abi/abi.h"
#include "base/schema.h"

namespace mlp::values {

// How the values of a scalar lie in memory.
enum class Layout { real, integer, boolean, string };  // double, int64_t, uint8_t, mlp_string
Layout layout_of(Scalar scalar);

// One column. Exactly one of the vectors is used, by layout. A null row holds 0 or "".
struct ColumnData {
  Layout layout = Layout::real;
  std::vector<double> reals;
  std::vector<std::int64_t> integers;
  std::vector<std::uint8_t> booleans;
  std::vector<mlp_string> strings;     // into `storage`
  std::vector<std::uint8_t> present;   // empty when no row is null
  std::deque<std::string> storage;     // blocks that the strings point into; never moved once referenced
  const void* values() const;
  mlp_column view(std::int64_t first_row = 0) const;
  bool is_present(std::int64_t row) const { return present.empty() || present[row] != 0; }
};

struct Table {
  std::int64_t rows = 0;
  std::vector<ColumnData> columns;     // by schema ColumnId; columns that were not asked for are empty (rows 0)
};

}  // namespace mlp::values
