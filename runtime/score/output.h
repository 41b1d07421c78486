// Predictions as CSV or JSON lines.
#pragma once
#include "runtime/score/score.h"

namespace mlp::score {

class OutputWriter {
 public:
  // With `features`, the fitted values, each row also holds what the model saw: columns `features.NAME` (CSV) or an object `features`
  // (JSON). A bag is an object of its terms, {"free":0.31}; terms that are hashes are numbers in quotes.
  OutputWriter(const model::Model& model, Format format, const fit::Fitted* features = nullptr);
  void header(std::string& out) const;                                        // CSV: the names; JSON lines: nothing
  // A line each. `features`, `bags`: of Engine::run, needed where they are written.
  void rows(std::string& out, const double* predictions, std::int64_t rows, const std::vector<std::vector<double>>& features = {}, const Bags& bags = {}) const;
  void object(std::string& out, const double* prediction) const;              // one row as a JSON object, without features
  void value(std::string& out, const double* prediction, std::size_t i) const;  // the i-th of output_names() of one row

 private:
  void values(std::string& out, const double* prediction) const;              // the inside of object()
  void bag(std::string& out, std::size_t feature, const std::vector<mlp_term>& terms) const;  // as a JSON object
  OutputKind kind_;                  // of the first value
  std::size_t width_, number_;       // number_: where the second value stands in a prediction
  Format format_;
  std::vector<std::string> names_;   // ready to write: CSV quoted, or JSON `"name":`
  std::vector<std::string> labels_;  // ready to write
  std::vector<std::string> features_;  // as names_; empty when they are not written
  std::vector<const std::vector<std::string>*> terms_;  // by feature: the texts of a bag's terms; none of others and of hashes
  std::vector<bool> bags_;             // by feature
};

void append_csv(std::string& out, std::string_view text, char delimiter = ',');  // quoted where RFC 4180 asks for it
void append_json_number(std::string& out, double value);          // null for what JSON has no number for

}  // namespace mlp::score
