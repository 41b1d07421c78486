// The settings of a pipeline's parts: written in a spec, filled in by the compiler, obeyed by the runtime.
#pragma once
#include "base/schema.h"

namespace mlp {

// A constant. Numbers of every scalar kind but real are in `integer` (bool 0/1, date days, timestamp and duration
// microseconds); real in `real`; texts in `text`.
struct Value {
  bool null = false;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
  template <class A> void fields(A&& a) { a("null", null); a("integer", integer); a("real", real); a("text", text); }
  friend bool operator==(const Value&, const Value&) = default;
};

// A param of the spec and its value as a literal of the language: `30d`, `0.5`, `@2024-01-31`; a text without quotes.
struct Param {
  std::string name;
  Type type;
  std::string value;
  bool set = false;  // with --set, or by a tune block; else it is the spec's own value
  std::string description;
  Span span;
  template <class A> void fields(A&& a) { a("name", name); a("type", type); a("value", value); a("set", set); a("description", description); a("span", span); }
};

// A value given from outside of the spec: --set window=60d, or what a tune block chose.
struct Assignment {
  std::string name, value;
  friend bool operator==(const Assignment&, const Assignment&) = default;
  template <class A> void fields(A&& a) { a("name", name); a("value", value); }
};

enum class Policy { fail, drop, quarantine };

enum class Format { csv, parquet, jsonl };
struct Source {
  std::string name;
  Format format = Format::csv;
  std::vector<std::string> paths;  // as written: globs, .gz; relative to the spec
  std::vector<std::string> null_words{""};
  std::string delimiter;           // "" = found out
  bool header = true;
  Policy policy = Policy::fail;    // for rows that break the schema (on_violation = …)
  Span span;
  template <class A> void fields(A&& a) {
    a("name", name); a("format", format); a("paths", paths); a("null", null_words); a("delimiter", delimiter); a("header", header);
    a("policy", policy); a("span", span);
  }
};

enum class ExpectKind { rows, unique, missing, min, max, mean, distinct };
enum class Compare { lt, le, gt, ge, eq, ne };
inline bool holds(double left, Compare compare, double right) {
  switch (compare) {
    case Compare::lt: return left < right;
    case Compare::le: return left <= right;
    case Compare::gt: return left > right;
    case Compare::ge: return left >= right;
    case Compare::eq: return left == right;
    case Compare::ne: return left != right;
  }
  return false;
}
struct Expectation {  // missing(column) < 0.01
  ExpectKind kind = ExpectKind::rows;
  ColumnId column;    // unknown for rows
  Compare compare = Compare::ge;  // unique: none
  double value = 0;
  std::string text;   // as written
  Span span;
  template <class A> void fields(A&& a) { a("kind", kind); a("column", column); a("compare", compare); a("value", value); a("text", text); a("span", span); }
};

enum class SplitMethod { random, hash, group, time, stratified, every, column };
struct Split {
  SplitMethod method = SplitMethod::random;
  double train = 0.7, valid = 0.15, test = 0.15;
  ColumnId column;             // hash, group, time, stratified, column
  std::int64_t every = 0;      // every(n): row index modulo n = 0 is test, and = 1 valid when valid > 0
  std::int64_t gap = 0;        // time: microseconds left out between the parts
  std::uint64_t seed = 0;
  std::int64_t folds = 0;      // of the rows that are not test; 0 = no cross-validation. By time: forward
  std::int64_t fold_test = 0, fold_train = 0;  // forward folds: rows tested in each, rows trained on at most; 0 = equal blocks, all
  bool defaulted = false;      // no split was written
  Span span;
  template <class A> void fields(A&& a) {
    a("method", method); a("train", train); a("valid", valid); a("test", test); a("column", column); a("every", every); a("gap", gap);
    a("seed", seed); a("folds", folds); a("fold_test", fold_test); a("fold_train", fold_train); a("defaulted", defaulted); a("span", span);
  }
};

// How a text becomes a bag of terms (tf_idf, count_terms, hash_terms).
enum class TermKind { words, chars, chars_in_words };
struct BagSettings {
  TermKind by = TermKind::words;
  std::int64_t shortest = 1, longest = 1;  // words or characters in a term
  bool binary = false;                     // 1 for each term, however often it stands there
  bool sublinear = false;                  // 1 + log(count)
  bool norm = false;                       // divided by the root of the sum of squares of the row
  std::int64_t buckets = 0;                // hashed into so many; 0: by a fitted vocabulary
  template <class A> void fields(A&& a) {
    a("by", by); a("shortest", shortest); a("longest", longest); a("binary", binary); a("sublinear", sublinear); a("norm", norm); a("buckets", buckets);
  }
  friend bool operator==(const BagSettings&, const BagSettings&) = default;
};

enum class ModelKind { gbdt, linear, forest, kmeans, isolation_forest, network };
inline bool has_target(ModelKind kind) { return kind != ModelKind::kmeans && kind != ModelKind::isolation_forest; }  // learns to predict one
inline bool has_trees(ModelKind kind) { return kind == ModelKind::gbdt || kind == ModelKind::forest || kind == ModelKind::isolation_forest; }
inline bool takes_numbers_only(ModelKind kind) { return kind == ModelKind::linear || kind == ModelKind::kmeans; }  // no null, no category
// custom, custom_bool: written in the language, of a number and of a bool (or one of two labels); none: there is no target
enum class Loss { squared, logistic, softmax, poisson, quantile, custom, custom_bool, none };
inline bool is_custom(Loss loss) { return loss == Loss::custom || loss == Loss::custom_bool; }
inline bool is_binary(Loss loss) { return loss == Loss::logistic || loss == Loss::custom_bool; }  // predicts a probability
enum class Link { identity, log, logit };  // from a prediction to the score that a loss sees
enum class Growth { leaf_wise, depth_wise };
enum class Calibrate { none, isotonic, platt };  // of probabilities
enum class Precision { float32, bf16 };     // of what products of a network multiply; sums are float32 in both
enum class Schedule { constant, cosine };  // of a learning rate: as it is, or down to 0 over all batches in half a cosine
enum class Thresholds { best, random };  // of a forest: random ones make extra-trees
// The numbers of a model block. Defaults are those that the language documents.
struct ModelSettings {
  ModelKind kind = ModelKind::gbdt;
  Loss loss = Loss::squared;
  double quantile = 0.5;  // of loss = quantile(q)
  std::string loss_name;  // custom: as in the spec
  Link link = Link::identity;  // custom; of custom_bool it is always logit
  std::uint64_t seed = 0;
  Calibrate calibrate = Calibrate::none;
  // gbdt and forest
  std::int64_t trees = 100, depth = 0, leaves = 31, bins = 255, early_stop = 0, min_rows = 20;  // depth 0 = no limit
  Growth growth = Growth::leaf_wise;
  double learning_rate = 0.1, l1 = 0, l2 = 1, min_gain = 0, min_weight = 1e-3, subsample = 1, feature_fraction = 1;
  // forest
  bool bootstrap = true;
  Thresholds thresholds = Thresholds::best;
  // linear: l1 and l2 above; the objective is sum of losses + l2/2 |w|^2 + l1 |w|_1, intercept free (scikit-learn's C = 1/l2)
  std::int64_t iterations = 1000;
  double tolerance = 1e-8;  // relative objective gap
  // kmeans: iterations and tolerance above, 300 and 1e-4 there (of the centres' squared shift, relative to the mean variance of a feature)
  std::int64_t clusters = 8, starts = 10;
  // isolation_forest: trees above
  std::int64_t sample = 256;  // rows a tree is grown on
  double contamination = 0;   // share of the train rows that are called anomalies; 0 = those with a score above 0.5
  // network: early_stop above, in epochs
  std::int64_t epochs = 20, batch = 256, warmup = 0;  // warmup: epochs over which the learning rate rises from 0
  std::int64_t embedding = 8;  // numbers that a category or a term becomes
  Schedule schedule = Schedule::constant;
  double clip = 0;             // greatest norm of a batch's gradient; 0 = any
  Precision precision = Precision::float32;
  template <class A> void fields(A&& a) {
    a("kind", kind); a("loss", loss); a("quantile", quantile); a("loss_name", loss_name); a("link", link); a("seed", seed); a("calibrate", calibrate); a("trees", trees); a("depth", depth);
    a("leaves", leaves); a("bins", bins); a("early_stop", early_stop); a("min_rows", min_rows); a("growth", growth);
    a("learning_rate", learning_rate); a("l1", l1); a("l2", l2); a("min_gain", min_gain); a("min_weight", min_weight);
    a("subsample", subsample); a("feature_fraction", feature_fraction); a("bootstrap", bootstrap); a("thresholds", thresholds); a("iterations", iterations); a("tolerance", tolerance);
    a("clusters", clusters); a("starts", starts); a("sample", sample); a("contamination", contamination);
    a("epochs", epochs); a("batch", batch); a("warmup", warmup); a("embedding", embedding); a("schedule", schedule); a("clip", clip); a("precision", precision);
  }
};

enum class GateKind { require, invariant, monotone, given };
enum class MetricScope { train, valid, test, production, cv, oob };  // oob: out of bag, of a forest
// left.metric [compare] right: require test.auc >= production.auc - 0.005, gap(test.recall, by = gender) <= 0.10
struct Gate {
  GateKind kind = GateKind::require;
  MetricScope scope = MetricScope::test;
  std::string metric;                // of given: the part of a prediction that is compared, "" = the prediction itself
  ColumnId by;                       // gap: the groups; unknown otherwise
  Compare compare = Compare::ge;
  std::optional<MetricScope> against;  // right side: metric of this scope …
  std::string against_metric;
  double value = 0;                  // … plus this
  std::vector<ColumnId> columns;     // invariant, monotone: raw columns
  bool increasing = true;            // monotone
  std::vector<ColumnId> given;       // given: columns and their values; the others are null or typical
  std::vector<Value> given_values;
  std::string expect_label;          // given … expect prediction == "label"; else compare with value
  std::string text;                  // as written
  Span span;
  template <class A> void fields(A&& a) {
    a("kind", kind); a("scope", scope); a("metric", metric); a("by", by); a("compare", compare); a("against", against);
    a("against_metric", against_metric); a("value", value); a("columns", columns); a("increasing", increasing); a("given", given);
    a("given_values", given_values); a("expect_label", expect_label); a("text", text); a("span", span);
  }
};

// Which values of settings and params are tried, and what decides.
enum class TuneMethod { tpe, random, halving };
enum class TuneResource { trees, rows };  // what halving gives little of at first
struct TuneRange {
  std::string name;
  bool param = false;                // else a setting of the model
  bool whole = false, log = false;   // whole numbers only; evenly on a logarithmic scale
  double low = 0, high = 0;
  std::vector<std::string> choices;  // when not empty: one of these, as written
  Span span;
  template <class A> void fields(A&& a) {
    a("name", name); a("param", param); a("whole", whole); a("log", log); a("low", low); a("high", high); a("choices", choices); a("span", span);
  }
};
struct Tune {
  std::vector<TuneRange> ranges;
  TuneMethod method = TuneMethod::tpe;
  MetricScope scope = MetricScope::valid;
  std::string metric;
  bool maximize = true;
  std::int64_t trials = 40;
  TuneResource resource = TuneResource::trees;
  std::int64_t factor = 3;           // halving: one trial in `factor` goes on, with `factor` times the resource
  std::uint64_t seed = 0;
  Span span;
  template <class A> void fields(A&& a) {
    a("ranges", ranges); a("method", method); a("scope", scope); a("metric", metric); a("maximize", maximize); a("trials", trials);
    a("resource", resource); a("factor", factor); a("seed", seed); a("span", span);
  }
};

struct DriftRule {
  std::string subject;  // features | prediction
  double warn = 0, alert = 0;  // PSI above; 0 = not set
  template <class A> void fields(A&& a) { a("subject", subject); a("warn", warn); a("alert", alert); }
};
enum class DeployTarget { cpu, cuda };  // what an artifact scores on; cuda: an NVIDIA GPU where there is one
struct Deploy {
  bool declared = false;
  std::string name;
  std::int64_t port = 8080;
  DeployTarget target = DeployTarget::cpu;
  std::optional<double> latency_seconds, memory_bytes, size_bytes;  // budget
  std::vector<DriftRule> drift;
  Span span;
  template <class A> void fields(A&& a) {
    a("declared", declared); a("name", name); a("port", port); a("target", target); a("latency", latency_seconds); a("memory", memory_bytes);
    a("size", size_bytes); a("drift", drift); a("span", span);
  }
};

}  // namespace mlp
