// A small pipeline made by hand, with a feature kernel in C++: what the tests of packages, scoring and serving share.
#pragma once
#include <cmath>
#include <limits>

#include "runtime/monitor/monitor.h"
#include "runtime/package/package.h"
#include "stdlib/builtins/kernels.h"

namespace mlp::sample {

// Schema: customer, tenure, Contract, TotalCharges, senior, Churn. Features: tenure, the code of Contract, TotalCharges
// (null: the fitted number 0), senior.
inline void features(const mlp_batch* batch, const mlp_fitted* fitted, const mlp_output* outputs) {
  const mlp_column* const c = batch->columns;
  for (int64_t r = 0; r < batch->rows; ++r) {
    static_cast<double*>(outputs[0].values)[r] = static_cast<double>(static_cast<const int64_t*>(c[1].values)[r]);
    const mlp_string contract = static_cast<const mlp_string*>(c[2].values)[r];
    const mlp_dictionary* const dictionary = fitted->tables[0].dictionary;
    const int64_t code = mlp_dictionary_find(dictionary, contract.data, contract.size);
    static_cast<double*>(outputs[1].values)[r] = code < dictionary->size ? static_cast<double>(code) : std::numeric_limits<double>::quiet_NaN();
    const bool present = !c[3].present || c[3].present[r];
    static_cast<double*>(outputs[2].values)[r] = present ? static_cast<const double*>(c[3].values)[r] : fitted->numbers[0];
    static_cast<double*>(outputs[3].values)[r] = static_cast<const uint8_t*>(c[4].values)[r];
  }
}

inline Column column(const std::string& name, Scalar scalar, bool nullable = false) {
  Column out;
  out.name = name;
  out.type = {scalar, nullable};
  return out;
}

inline package::Signature signature() {
  package::Signature s;
  s.name = "telco";
  s.deployment = "churn_api";
  s.request = {column("tenure", Scalar::integer), column("Contract", Scalar::category), column("TotalCharges", Scalar::real, true), column("senior", Scalar::boolean)};
  s.request[0].bounds = {0.0, 120.0, false, false};
  s.request[0].description = "months with us";
  s.request[3].true_word = "Yes";
  s.request[3].false_word = "No";
  s.request_place = {1, 2, 3, 4};
  s.schema_size = 6;
  s.source.null_words = {"", " ", "NA"};
  s.target = "Churn";
  s.drift = {{"features", 0.1, 0.25}, {"prediction", 0, 0.2}};
  s.feature_columns = {{0}, {1}, {2}, {3}};
  return s;
}

inline void references(package::Package& p) {
  p.signature.feature_reference.clear();
  for (const model::FeatureInfo& f : p.model.features)
    p.signature.feature_reference.push_back(monitor::make_reference(f.width > 0 ? std::vector<double>{0, 0, 1, 2} : std::vector<double>{0, 1, 5, 20}, f));
  p.signature.prediction_reference = monitor::make_prediction_reference(p.model, std::vector<double>(static_cast<std::size_t>(model::width(p.model)) * 4, 0.25));
}

inline model::Tree stump(int feature, double threshold, double left, double right) {
  model::Tree t;
  t.feature = {feature, 0, 0};
  t.threshold = {threshold, 0, 0};
  t.left = {1, -1, -1};
  t.right = {2, -1, -1};
  t.default_left = {1, 0, 0};
  t.category_set = {-1, -1, -1};
  t.value = {0, left, right};
  t.cover = {10, 6, 4};
  t.gain = {1.5, 0, 0};
  return t;
}

inline void heading(package::Package& p) {
  p.spec = "pipeline telco \"who leaves\"\n";
  p.manifest = "{\"description\":\"who leaves\",\"metrics\":{\"test\":{\"auc\":0.84}}}";
  p.signature = signature();
  p.fitted.numbers = {1397.475, -0.0};
  p.fitted.texts = {"mode", ""};
  p.fitted.tables = {{{"Month-to-month", "One year", "Two year"}, {0, 1, 2, std::numeric_limits<double>::quiet_NaN()}, 0},
                     {{}, {0.25, 0.5, 0.75}, 2}};
  p.model.features = {{"tenure", false, 0, false}, {"Contract", true, 3, false}, {"total", false, 0, false}, {"senior", false, 0, false}};
}

// Trees, two classes.
inline package::Package binary() {
  package::Package p;
  heading(p);
  p.model.kind = ModelKind::gbdt;
  p.model.loss = Loss::logistic;
  p.model.classes = {"No", "Yes"};
  p.model.forest.base = {-0.3};
  p.model.forest.trees = {stump(0, 11.5, 0.9, -0.4), stump(2, 100.25, -0.125, 0.3), stump(3, 0.5, 0, 0.2)};
  model::Tree category = stump(1, 0, 0.7, -0.7);
  category.category_set = {0, -1, -1};
  category.default_left = {0, 0, 0};
  p.model.forest.trees.push_back(category);
  p.model.forest.category_sets = {{0b001}};
  references(p);
  return p;
}

// Weights, three classes, two of which need quotes in CSV.
inline package::Package classes() {
  package::Package p;
  heading(p);
  p.model.kind = ModelKind::linear;
  p.model.loss = Loss::softmax;
  p.model.classes = {"a,b", "plain", "say \"hi\""};
  p.model.features[1] = {"Contract", false, 3, true};
  model::Linear& l = p.model.linear;
  l.outputs = 3;
  l.intercept = {0.1, 0.2, 0.3};
  l.offset = {0, 1, 4, 5};
  l.width = {0, 3, 0, 0};
  l.weights = {0.01, 0.5, 0, -0.5, 0.001, 0.2, -0.01, 0, 0.25, 0.5, 0.002, 0, 0.02, 0.1, 0.1, 0.1, -0.003, -0.2};
  references(p);
  return p;
}

// Weights, a number.
inline package::Package regression() {
  package::Package p = classes();
  p.model.loss = Loss::squared;
  p.model.classes.clear();
  p.model.linear.outputs = 1;
  p.model.linear.intercept = {0.1};
  p.model.linear.weights.resize(6);
  references(p);
  return p;
}

// Three clusters.
inline package::Package clusters() {
  package::Package p = classes();
  p.model.kind = ModelKind::kmeans;
  p.model.loss = Loss::none;
  p.model.classes.clear();
  p.model.linear = {};
  p.model.centres = {.clusters = 3, .offset = {0, 1, 4, 5}, .width = {0, 3, 0, 0}, .values = {3, 0.25, 0.5, 0.25, 50, 0, 40, 1, 0, 0, 2000, 1, 70, 0, 0, 1, 100, 0.5}};
  references(p);
  return p;
}

// Path lengths of four trees.
inline package::Package anomalies() {
  package::Package p = binary();
  p.model.kind = ModelKind::isolation_forest;
  p.model.loss = Loss::none;
  p.model.classes.clear();
  p.model.forest.base = {0};
  for (std::size_t t = 0; t < p.model.forest.trees.size(); ++t) p.model.forest.trees[t].value = {0, 4.25 + 0.3 * static_cast<double>(t), 1 + 0.1 * static_cast<double>(t)};
  p.model.isolation = {3.5, 0.55};
  references(p);
  return p;
}

}  // namespace mlp::sample
