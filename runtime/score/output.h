// Predictions as CSV or JSON lines.
#pragma once
#include "runtime/score/score.h"

namespace mlp::score {

class OutputWriter {
 public:
  // With `features` each row also holds what the model saw: columns `features.NAME` (CSV) or an object `features` (JSON).
  OutputWriter(const model::Model& model, Format format, bool features = false);
  void header(std::string& out) const;                                        // CSV: the names; JSON lines: nothing
  // A line each. `features`: rows per feature, needed where they are written.
  void rows(std::string& out, const double* predictions, std::int64_t rows, const std::vector<std::vector<double>>& features = {}) const;
  void object(std::string& out, const double* prediction) const;              // one row as a JSON object, without features

 private:
  void values(std::string& out, const double* prediction) const;              // the inside of object()
  bool regression_;
  std::size_t width_;
  Format format_;
  std::vector<std::string> names_;   // ready to write: CSV quoted, or JSON `"name":`
  std::vector<std::string> labels_;  // ready to write
  std::vector<std::string> features_;  // as names_; empty when they are not written
};

void append_csv(std::string& out, std::string_view text);         // quoted where RFC 4180 asks for it
void append_json_number(std::string& out, double value);          // null for what JSON has no number for

}  // namespace mlp::score
