// What sem and flow share: stages, expressions, features, the model.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/query.h"
#include "compiler/ir/common/network.h"
#include "compiler/ir/text/text.h"

namespace mlp::ir {

enum class Stage { constant, fit, row };

std::string_view spell(Stage stage);  // "const", "fit", "row"

using mlp::Id;
using SlotId = Id<struct SlotTag>;  // of fitted numbers, texts or tables

enum class ExprOp {
  constant,       // value
  column,         // column
  input,          // an argument of a function compiled on its own; column = its number (loss: 0 target, 1 score), a float
  call,           // builtin `callee` (a row of stdlib/builtins/builtins.def) of args
  select,         // if args[0] then args[1] else args[2]; all three may be nullable
  aggregate,      // sem only: aggregate `callee` of args[0] (row) and constant args after it; stage fit, a number or text
  table,          // sem only: fitted table `callee` (vocabulary, frequencies, target_means, terms) of args[0]; used by lookups only
  fitted_number,  // flow only: slot
  fitted_text,    // flow only: slot
  fitted_table,   // flow only: slot
};

// Calls are exact: the scalar of each argument is that of the parameter (`string` takes every text scalar; float32
// columns are read as float), so an implicit conversion is a call of `to_float` or a constant of the wider type. Operators
// are calls too: add sub mul div mod pow neg, eq ne lt le gt ge, and or not. `v == null` is a call of `is_null`.
// A scalar expression. Vectors of the language are lists of these by the time sem holds them.
struct Expr {
  ExprOp op = ExprOp::constant;
  Type type;
  Stage stage = Stage::constant;
  std::string callee;
  std::vector<ExprId> args;  // each stands before its user
  Value value;
  ColumnId column;
  SlotId slot;
  Span span;
  template <class A> void fields(A&& a) {
    a("op", op); a("callee", callee); a("args", args); a("column", column); a("slot", slot); a("value", value); a("type", type);
    a("stage", stage); a("span", span);
  }
};

// One column of the matrix that a model sees. Every feature is a double: numbers as they are, null as NaN;
// categories and one-hot as the code from the vocabulary, NaN when missing or unseen. But for bags: of a text, the terms that stand in it.
enum class Encoding { number, category, one_hot, bag };
struct Feature {
  std::string name;      // x, or x[3] for an element of a vector
  ExprId value;          // type real; of a bag, a text
  Encoding encoding = Encoding::number;
  ExprId table;          // sem: the vocabulary expression behind a category, one-hot or bag; unknown for a hashed bag
  SlotId slot;           // flow: its table slot
  BagSettings bag;
  bool nullable = false; // NaN can come from a null
  std::vector<ColumnId> columns;  // raw columns it is computed from
  std::string description;
  Span span;
  template <class A> void fields(A&& a) {
    a("name", name); a("value", value); a("encoding", encoding); a("table", table); a("slot", slot); a("bag", bag); a("nullable", nullable);
    a("columns", columns); a("description", description); a("span", span);
  }
};

// A loss of the language, of input 0 (target) and 1 (score), with its derivatives by the score. Unknown: a builtin loss.
struct LossFunction {
  ExprId value, gradient, hessian;
  template <class A> void fields(A&& a) { a("value", value); a("gradient", gradient); a("hessian", hessian); }
};

// A function of C that a spec brings in: extern fn. Expressions call it by `callee`, which holds a digest of the text: another
// text is another function.
struct External {
  std::string name, callee;       // haversine, haversine#3f2a…
  std::string file, text;         // as the spec names it; the C source
  std::vector<Scalar> parameters; // bool, int, float
  Scalar result = Scalar::real;
  Span span;                      // of the name where it is declared
  template <class A> void fields(A&& a) {
    a("name", name); a("callee", callee); a("file", file); a("text", text); a("parameters", parameters); a("result", result); a("span", span);
  }
};

struct Model {
  std::string name;
  ModelSettings settings;
  ExprId target;                     // boolean, number, or text for softmax (text with logistic: two classes). Of a model that
                                     // predicts none: the truth that it is measured against, boolean or text, or unknown
  std::string target_name;
  std::vector<ColumnId> target_columns;
  ExprId weight;                     // unknown = 1 each
  ExprId population;                 // 1 for a row that the deployment serves (`serve on`), else 0; unknown = every row
  LossFunction loss;
  std::vector<std::string> classes;  // of a bool target: [false word, true word]; of a text target: found in the train rows
  std::vector<std::string> increasing, decreasing;  // feature names
  Network network;                   // of a `network`, else empty; records of its own in the text form
  Span span, target_span;
  template <class A> void fields(A&& a) {
    a("name", name); a("settings", settings); a("target", target); a("target_name", target_name); a("target_columns", target_columns);
    a("weight", weight); a("population", population); a("loss", loss); a("classes", classes); a("increasing", increasing); a("decreasing", decreasing); a("span", span);
    a("target_span", target_span);
  }
};

// Every id of a query names what is there, and what its last step gives are `columns`. One line per breach.
std::vector<std::string> verify_query(const Query& query, const std::vector<Column>& columns);

// Types, stages and argument order hold for every expression. One line per breach.
std::vector<std::string> verify_exprs(const std::vector<Expr>& exprs, std::size_t columns, bool flow);

MLP_WORDS(Scalar, "bool", "int", "float", "float32", "string", "category", "text", "id", "timestamp", "date", "duration", "image");
MLP_WORDS(Stage, "const", "fit", "row");
MLP_WORDS(ExprOp, "constant", "column", "input", "call", "select", "aggregate", "table", "fitted_number", "fitted_text", "fitted_table");
MLP_WORDS(Policy, "fail", "drop", "quarantine");
MLP_WORDS(Format, "csv", "parquet", "jsonl");
MLP_WORDS(ExpectKind, "rows", "unique", "missing", "min", "max", "mean", "distinct");
MLP_WORDS(Compare, "lt", "le", "gt", "ge", "eq", "ne");
MLP_WORDS(SplitMethod, "random", "hash", "group", "time", "stratified", "every", "column");
MLP_WORDS(QueryExprKind, "constant", "column", "call", "select");
MLP_WORDS(QueryAggregateKind, "count", "sum", "mean", "min", "max", "first", "last", "distinct", "lag", "variance", "stddev", "quantile", "ewm");
MLP_WORDS(QueryOp, "source", "filter", "select", "join", "asof_join", "group", "window", "union", "distinct");
MLP_WORDS(JoinKind, "left", "inner");
MLP_WORDS(Matches, "one", "first", "last", "all");
MLP_WORDS(Encoding, "number", "category", "one_hot", "bag");
MLP_WORDS(TermKind, "words", "chars", "chars_in_words");
MLP_WORDS(ModelKind, "gbdt", "linear", "forest", "kmeans", "isolation_forest", "network");
MLP_WORDS(Loss, "squared", "logistic", "softmax", "poisson", "quantile", "custom", "custom_bool", "none");
MLP_WORDS(Link, "identity", "log", "logit");
MLP_WORDS(Growth, "leaf_wise", "depth_wise");
MLP_WORDS(Calibrate, "none", "isotonic", "platt");
MLP_WORDS(Precision, "float32", "bf16");
MLP_WORDS(Schedule, "constant", "cosine");
MLP_WORDS(Thresholds, "best", "random");
MLP_WORDS(DeployTarget, "cpu", "cuda");
MLP_WORDS(GateKind, "require", "invariant", "monotone", "given");
MLP_WORDS(MetricScope, "train", "valid", "test", "production", "cv", "oob");
MLP_WORDS(TuneMethod, "tpe", "random", "halving");
MLP_WORDS(TuneResource, "trees", "rows");

}  // namespace mlp::ir
