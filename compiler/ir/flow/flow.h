// What will run: scan, split, fitting passes, feature kernel, target, training, gates. Aggregates are gone from the
// expressions: they are slots, filled by passes over the train rows in order of level.
#pragma once
#include "compiler/ir/common/types.h"

namespace mlp::flow {

enum class AggregateKind { count, sum, mean, variance, stddev, min, max, quantile, most_frequent, vocabulary, frequencies, target_means, terms };
enum class SlotKind { number, text, table };

// One fitted value, computed from the value of `input` on the train rows; nulls (and NaN) are left out.
struct Aggregate {
  AggregateKind kind = AggregateKind::mean;
  SlotKind slot_kind = SlotKind::number;
  ir::SlotId slot;                  // within its kind
  ir::ExprId input;                 // row stage; real, or text for vocabulary, frequencies, target_means, terms, most_frequent
  std::vector<double> parameters;   // quantile: p · vocabulary: max size, min count · target_means: smoothing, folds · terms: by, shortest, longest, min_rows, max_share, max_size, idf
  std::string name;                 // as a person would say it: mean(TotalCharges)
  Span span;
  template <class A> void fields(A&& a) {
    a("kind", kind); a("slot_kind", slot_kind); a("slot", slot); a("input", input); a("parameters", parameters); a("name", name); a("span", span);
  }
};
using AggregateId = ir::Id<struct AggregateTag>;

// One scan over the train rows that fills several slots. Inputs may read slots of earlier passes.
struct FitPass {
  std::vector<AggregateId> aggregates;
  template <class A> void fields(A&& a) { a("aggregates", aggregates); }
};

struct Program {
  std::string name, description;
  Query query;                      // of the table that is read; empty: the source is read as it is
  std::vector<Column> columns;      // the whole schema: the request and the constraints need it
  std::vector<ColumnId> scan;       // columns that training reads
  std::vector<ColumnId> request;    // columns that scoring needs: those behind the features
  std::vector<ir::Expr> exprs;
  Source source;
  std::vector<Expectation> expectations;
  Split split;
  std::vector<Aggregate> aggregates;
  std::vector<FitPass> passes;
  std::int32_t numbers = 0, texts = 0, tables = 0;  // slot counts
  std::string features_name;
  std::vector<ir::Feature> features;
  ir::Model model;
  std::vector<Gate> gates;
  Deploy deploy;
  std::vector<Param> params;
  std::vector<ir::External> externals; // that expressions call
  std::vector<Tune> tune;              // one, or none: no tune block, or its values are chosen
  const ir::Expr& operator[](ir::ExprId id) const { return exprs[id.index]; }
};

std::string print(const Program& program);
Program parse_text(std::string_view text);              // throws ir::TextError
std::vector<std::string> verify(const Program& program);

}  // namespace mlp::flow

namespace mlp::ir {
MLP_WORDS(flow::AggregateKind, "count", "sum", "mean", "variance", "stddev", "min", "max", "quantile", "most_frequent", "vocabulary", "frequencies", "target_means", "terms");
MLP_WORDS(flow::SlotKind, "number", "text", "table");
}  // namespace mlp::ir
