// Predictions as CSV or JSON lines.
#pragma once
#include "runtime/score/score.h"

namespace mlp::score {

class OutputWriter {
 public:
  OutputWriter(const model::Model& model, Format format);
  void header(std::string& out) const;                                        // CSV: the names; JSON lines: nothing
  void rows(std::string& out, const double* predictions, std::int64_t rows) const;  // a line each
  void object(std::string& out, const double* prediction) const;              // one row as a JSON object

 private:
  bool regression_;
  std::size_t width_;
  Format format_;
  std::vector<std::string> names_;   // ready to write: CSV quoted, or JSON `"name":`
  std::vector<std::string> labels_;  // ready to write
};

void append_csv(std::string& out, std::string_view text);         // quoted where RFC 4180 asks for it
void append_json_number(std::string& out, double value);          // null for what JSON has no number for

}  // namespace mlp::score
