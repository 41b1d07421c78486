// A package: what a train makes. Data only: the spec, a manifest, fitted values and the model as safetensors, and the
// description that scoring needs. One file, identified by the SHA-256 of its bytes.
#pragma once
#include <string>
#include <vector>

#include "base/settings.h"
#include "runtime/fit/fit.h"
#include "runtime/model/model.h"

namespace mlp::package {

// Training distribution of one feature: what drift is measured against. Bins: (-inf, e0], (e0, e1], …, (en, inf), then
// missing. Categories: one bin a code, then unseen-or-missing.
struct DriftReference {
  std::vector<double> edges;
  std::vector<double> counts;
};

// What scoring needs to know besides the compiled feature kernel.
struct Signature {
  std::string name;                       // of the pipeline
  std::string deployment;                 // of the deploy block; else the pipeline's name
  std::vector<Column> request;            // raw columns that the features need, in schema order
  std::vector<std::int32_t> request_place;  // index of each request column in the schema: where the kernel looks for it
  std::int32_t schema_size = 0;           // columns of the whole schema
  Source source;                          // null words and delimiter for CSV in scoring
  std::string target;
  std::int64_t port = 8080;
  std::vector<DriftRule> drift;
  std::vector<std::vector<std::int32_t>> feature_columns;  // by model feature: the request columns that it is computed from
  std::vector<DriftReference> feature_reference;   // by model feature
  DriftReference prediction_reference;    // probability of the positive class, the value, the score of an anomaly; for more classes and clusters: which
};

struct Imported {
  std::string path;                       // from the spec
  std::string text;
  friend bool operator==(const Imported&, const Imported&) = default;
  template <class A> void fields(A&& a) { a("path", path); a("text", text); }
};

struct Package {
  std::string spec;                       // text of the spec as trained
  std::vector<Imported> imports;          // files that it imports
  std::vector<Assignment> set, tuned;     // params given with --set; what its tune block chose
  std::string manifest;                   // JSON: format, toolchain, digests, seeds, metrics, rows; no times, no host names
  Signature signature;
  fit::Fitted fitted;
  model::Model model;
};

// Fitted values alone, as a cache keeps them.
std::string fitted_to_bytes(const fit::Fitted& fitted);
fit::Fitted fitted_from_bytes(std::string_view bytes);  // throws Failure

std::string to_bytes(const Package& package);            // the same package gives the same bytes
Package from_bytes(std::string_view bytes, const std::string& what);  // validates everything; throws Failure naming `what`

}  // namespace mlp::package
