// Rows in memory, by column, in the layout that compiled kernels read (abi/abi.h).
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "abi/abi.h"
#include "base/schema.h"

namespace mlp::values {

struct Cell;

// How the values of a scalar lie in memory.
enum class Layout { real, integer, boolean, string };  // double, int64_t, uint8_t, mlp_string (an image is one)
Layout layout_of(Scalar scalar);

// Memory for texts; never moved once referenced, given back as a whole.
class TextStore {
 public:
  mlp_string keep(std::string_view text);
  void take(TextStore&& other);  // the other's texts live on here

 private:
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* cursor_ = nullptr;
  std::size_t room_ = 0;
};

// One column. Exactly one of the vectors is used, by layout. A null row holds 0 or "".
struct ColumnData {
  Layout layout = Layout::real;
  std::vector<double> reals;
  std::vector<std::int64_t> integers;
  std::vector<std::uint8_t> booleans;
  std::vector<mlp_string> strings;     // into `storage`, or into memory that outlives the table
  std::vector<std::uint8_t> present;   // empty when no row is null
  TextStore storage;

  std::int64_t size() const;
  const void* values() const;
  mlp_column view(std::int64_t first_row = 0) const;
  bool is_present(std::int64_t row) const { return present.empty() || present[static_cast<std::size_t>(row)] != 0; }
  void append(const Cell& cell);       // texts are copied into `storage`
  void append_null();
  void append(ColumnData&& rows);      // all rows of another column of this layout; its texts move along
  void reserve(std::int64_t rows);     // room for that many in all
  void resize_to(std::int64_t rows);   // drops the rows from `rows` on
  Cell cell(std::int64_t row) const;
};

struct Table {
  std::int64_t rows = 0;
  std::vector<ColumnData> columns;     // by schema ColumnId; columns that were not asked for are empty (rows 0)
};

}  // namespace mlp::values
