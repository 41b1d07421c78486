// Rows in, predictions out: the one path that batch, single row, CSV, JSON and HTTP share, in mlp and in artifacts.
#pragma once
#include <functional>
#include <iosfwd>
#include <memory>

#include "abi/abi.h"
#include "runtime/values/table.h"
#include "runtime/package/package.h"

namespace mlp::score {

// A loaded pipeline: package + compiled kernel. Thread-safe once made.
class Engine {
 public:
  Engine(package::Package package, mlp_kernel features);
  ~Engine();
  const package::Package& package() const;
  std::int32_t width() const;             // values a row: 1, or classes
  // Computes features (optional, rows per feature) and predictions (rows x width) of rows in kernel layout: columns by
  // schema index, as RowBuilder::columns() gives them; only those of the request are read.
  void run(const mlp_column* columns, std::int64_t rows, double* out, std::vector<std::vector<double>>* features = nullptr) const;
 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

enum class Format { csv, jsonl };
struct StreamOptions {
  Format from = Format::csv, to = Format::csv;
  std::string input_name;                 // for messages
  std::function<void(const mlp_column* columns, std::int64_t rows, const std::vector<std::vector<double>>& features, const double* out)> observe;  // for monitors
};
// Streams rows: header `prediction[,p_<label>...]`, one row per input row in order, constant memory. Columns that the
// pipeline does not need are passed over; a missing one is an error (did you mean). Returns the rows scored.
std::int64_t stream(const Engine& engine, int input_fd, int output_fd, const StreamOptions& options);  // throws Failure

// One parsed batch of rows in kernel layout, from CSV or JSON; the parsers of all entrances. A value that does not fit
// its column is a Failure naming row, column and value.
class RowBuilder {
 public:
  // places[i]: where columns() puts column i (Signature::request_place); empty = in order.
  RowBuilder(const std::vector<Column>& columns, const Source& source, std::vector<std::int32_t> places = {});
  ~RowBuilder();
  void clear();
  void add_text(std::size_t column, std::string_view text, bool quoted);   // a CSV cell
  void add_null(std::size_t column);
  void add_number(std::size_t column, double value);                       // JSON numbers; checked against the type
  void add_integer(std::size_t column, std::int64_t value);
  void add_boolean(std::size_t column, bool value);
  void add_string(std::size_t column, std::string_view value);             // JSON string
  void end_row();
  std::int64_t rows() const;
  const mlp_column* columns();            // valid until the next clear()
 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A prediction as text: shortest digits that read back to the same double; a class label as it is.
std::string number_text(double value);

}  // namespace mlp::score
