// Rows in, predictions out: the one path that batch, single row, CSV, JSON and HTTP share, in mlp and in artifacts.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "abi/abi.h"
#include "base/diagnostic.h"
#include "runtime/package/package.h"
#include "runtime/values/parse.h"
#include "runtime/values/table.h"

namespace mlp::score {

// The terms of bags by feature and row; of other features nothing.
using Bags = std::vector<std::vector<std::vector<mlp_term>>>;

// What scores blocks of rows in place of an engine's own code: a device. One caller at a time.
class BatchScorer {
 public:
  virtual ~BatchScorer() = default;
  virtual std::int64_t least() const = 0;          // rows; fewer are scored by the engine
  virtual std::int64_t most() const = 0;           // at once
  virtual bool computes(std::size_t feature) const = 0;
  virtual mlp_kernel others() const = 0;           // computes the features that it does not, in their order; null: it computes all
  // Raw scores. columns: as of Engine::run; matrix: of the features that it does not compute. features: where those that it does go, by feature; null:
  // they are not asked for.
  virtual void score(const mlp_column* columns, const model::Matrix& matrix, std::int64_t rows, double* scores, double* const* features) = 0;
};

// A loaded pipeline: package + compiled kernel. Thread-safe once made.
class Engine {
 public:
  // network: the code of a network whose model has none yet. plain: of each feature the column, by schema index, whose floats it holds as
  // they are, or -1; what run_rows may make use of.
  Engine(package::Package package, mlp_kernel features, mlp_network network = nullptr, const std::vector<std::int32_t>& plain = {});
  ~Engine();
  const package::Package& package() const;
  std::int32_t width() const;             // values a row: model::width
  // Computes features (optional, rows per feature; of a bag how many terms the row has, and on demand which) and predictions (rows x width) of rows in kernel layout: columns by
  // schema index, as RowBuilder::columns() gives them; only those of the request are read.
  void run(const mlp_column* columns, std::int64_t rows, double* out, std::vector<std::vector<double>>* features = nullptr, Bags* bags = nullptr) const;
  // The same of rows of single precision: values[row * stride + i] for column i of Signature::request. A NaN is a null in a column
  // that may be null. Throws Failure where a column holds no numbers, or a value is none of its column.
  void run_rows(const float* values, std::int64_t stride, std::int64_t rows, double* out) const;
  void set_level(model::Scorer::Level level);  // for self-tests, before it is shared
  // From now on `scorer` scores what it takes. lost: where it fails (device_failed, no_device) this is told why, once, and the engine's own code scores from there
  // on; without it run() throws. Before it is shared.
  void set_scorer(std::unique_ptr<BatchScorer> scorer, std::function<void(const Diagnostic&)> lost = {});
  std::int64_t batch_rows() const;        // that are best given to run() together
 private:
  struct Impl;
  void run_with(BatchScorer* scorer, const mlp_column* columns, std::int64_t rows, double* out, std::vector<std::vector<double>>* features, Bags* bags) const;
  std::unique_ptr<Impl> impl_;
};

// Called with each block of rows that was scored, in order, by one thread at a time: for monitors. Columns in kernel layout, rows per feature, rows x width.
using Observer = std::function<void(const mlp_column* columns, std::int64_t rows, const std::vector<std::vector<double>>& features, const double* out)>;

enum class Format { csv, jsonl };
struct StreamOptions {
  Format from = Format::csv, to = Format::csv;
  std::string input_name;                 // for messages
  std::optional<std::string> folder;      // RowBuilder::set_folder
  int threads = 1;
  bool features = false;                  // write what the model saw behind each prediction; a category is its number, a bag an object of its terms
  Observer observe;
  std::function<void(const Diagnostic&)> warn;  // values that break a constraint of the schema: once for each column, at the end
};
// Streams rows: header as output_names() has it, one row per input row in order, constant memory. Columns that the
// pipeline does not need are passed over; a missing one is an error (did you mean). The rows before a bad one are written,
// then the Failure is thrown: what was written is true, and the exit code says that it is not all. Rows are scored and
// written as soon as the input would have to be waited for. What is written is the same at any number of threads. Returns
// the rows scored.
std::int64_t stream(const Engine& engine, int input_fd, int output_fd, const StreamOptions& options);  // throws Failure

// The same for files; "" and "-" are standard input and output. An output file is written whole or not at all: beside its
// place, renamed when done, removed on failure or on SIGINT and SIGTERM. `input_name` and `folder` are filled in.
std::int64_t stream_files(const Engine& engine, const std::string& input, const std::string& output, StreamOptions options);
// csv or jsonl as asked for, else by the extension of the file (.jsonl, .ndjson), else csv.
Format format_of(const std::string& asked, const std::string& file);

// One parsed batch of rows in kernel layout, from CSV or JSON; the parsers of all entrances. A value that does not fit
// its column is a Failure naming row, column and value. Memory is kept from batch to batch.
class RowBuilder {
 public:
  // places[i]: where columns() puts column i (Signature::request_place); empty = in order.
  RowBuilder(const std::vector<Column>& columns, const Source& source, std::vector<std::int32_t> places = {});
  explicit RowBuilder(const package::Signature& signature);
  ~RowBuilder();
  void set_input(std::string name);       // for messages
  // Cells of images are paths, from this folder ("": from where the program runs). Without it they are the files themselves, in base64: no file is opened.
  void set_folder(std::string folder);
  void set_earlier(std::function<std::int64_t()> rows);  // for messages: rows of the input before those since restart(); called only where one is written
  void clear();                           // row numbers in messages go on; a half-built row is dropped
  void restart();                         // clear(), row numbers and counts from the beginning
  // Each row: one value for each column, in any order, then end_row(). `text` is a CSV cell, a JSON string, or a JSON
  // number or boolean as it is written; `readable` bytes behind it may be read.
  void add_text(std::size_t column, std::string_view text, std::size_t readable = 0);
  void add_null(std::size_t column);
  void add_number(std::size_t column, double value);     // checked against the type
  void add_integer(std::size_t column, std::int64_t value);
  void add_pixels(std::size_t column, std::string_view pixels);  // of a picture, as they are
  void end_row();
  // Whole rows; column_of: by place in a row its column, or -1.
  void add_rows(const values::Texts& texts, const std::vector<std::int32_t>& column_of);
  std::int64_t rows() const;              // complete ones since clear()
  std::int64_t row_number() const;        // of the row being built, from 1
  const std::string& input() const;
  const mlp_column* columns();            // valid until the next clear()
  const std::vector<Column>& schema() const;
  const std::vector<std::int64_t>& breaches() const;  // values so far that break a constraint of their column, by column
 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The names of what a prediction consists of: `prediction`, then `p_<label>` by class; just `prediction` for a regression;
// `prediction,distance` for a cluster, `prediction,score` for an anomaly.
std::vector<std::string> output_names(const model::Model& model);
// The class of one row of predictions: the most probable, the first of equals; of two, classes[1] from 0.5 on.
std::size_t predicted_class(const double* probabilities, std::size_t classes);

// What the i-th of output_names() is.
enum class OutputKind { number, label, whole, truth };  // FP64, BYTES, INT64 and BOOL of the Open Inference Protocol
OutputKind output_kind(const model::Model& model, std::size_t i);

// A prediction as text: shortest digits that read back to the same double; a class label as it is.
std::string number_text(double value);
void append_number(std::string& out, double value);

}  // namespace mlp::score
