#include "compiler/driver/lineage.h"

#include <algorithm>
#include <optional>

#include "base/files.h"
#include "compiler/ir/common/types.h"

namespace mlp::driver {
namespace {

std::string text(const Type& type) { return spell(type); }

// A sum of what came before: `add` what it is made of, `done` seals it.
class Sum {
 public:
  explicit Sum(std::string_view what) : all_(what) {}
  Sum& add(const Origin& from) {
    all_ += " " + from.digest;
    out_.steps.insert(from.steps.begin(), from.steps.end());
    out_.columns.insert(from.columns.begin(), from.columns.end());
    return *this;
  }
  Sum& add(std::string_view fact) {
    all_ += " " + ir::quote(fact);
    return *this;
  }
  Sum& add(std::int64_t number) { return add(std::to_string(number)); }
  Sum& by(std::int32_t step) {
    out_.steps.insert(step);
    return *this;
  }
  Origin done() {
    out_.digest = sha256(all_);
    return std::move(out_);
  }

 private:
  std::string all_;
  Origin out_;
};

std::size_t at(StepId id) { return static_cast<std::size_t>(id.index); }
std::size_t at(ColumnId id) { return static_cast<std::size_t>(id.index); }

}  // namespace

Lineage::Lineage(const Query& query) : query_(query), rows_(query.steps.size()), columns_(query.steps.size()) {
  for (std::size_t i = 0; i < columns_.size(); ++i) columns_[i].resize(query.steps[i].columns.size());
}

std::string Lineage::title(std::int32_t id) const {
  static constexpr std::string_view words[] = {"source", "filter", "select", "join", "asof_join", "group_by", "window", "union", "distinct"};
  const auto i = static_cast<std::size_t>(id);
  std::size_t ends = i, begins = i;  // a step on the way belongs to the table that it leads to
  while (ends + 1 < query_.steps.size() && query_.steps[ends].name.empty()) ++ends;
  while (begins > 0 && query_.steps[begins - 1].name.empty()) --begins;
  int same = 0, before = 0;
  for (std::size_t k = begins; k <= ends; ++k) {
    if (query_.steps[k].op != query_.steps[i].op) continue;
    ++same;
    before += k < i;
  }
  const std::string number = same > 1 ? " " + std::to_string(before + 1) : "";
  return "`" + std::string(words[static_cast<int>(query_.steps[i].op)]) + "`" + number + " of table `" + query_.steps[ends].name + "`";
}

const Origin& Lineage::rows(StepId id) {
  Origin& known = rows_[at(id)];
  if (!known.digest.empty()) return known;
  const QueryStep& step = query_.steps[at(id)];
  Origin made;
  switch (step.op) {
    case QueryOp::source: made = Sum("source").add(query_.sources[static_cast<std::size_t>(step.source)].source.name).done(); break;
    case QueryOp::select: case QueryOp::window: made = rows(step.inputs[0]); break;
    case QueryOp::filter: made = Sum("filter").add(rows(step.inputs[0])).add(expression(step, step.condition)).by(id.index).done(); break;
    case QueryOp::join: case QueryOp::asof_join:
      if (step.kind == JoinKind::left && step.matches != Matches::all) made = rows(step.inputs[0]);  // one row each, whatever stands on the right
      else made = Sum("join").add(rows(step.inputs[0])).add(rows(step.inputs[1])).add(keys(step)).by(id.index).done();
      break;
    case QueryOp::group: case QueryOp::distinct:
      made = Sum(step.op == QueryOp::group ? "group" : "distinct").add(rows(step.inputs[0])).add(keys(step)).by(id.index).done();
      break;
    case QueryOp::union_all: {
      Sum sum("union");
      for (const StepId in : step.inputs) sum.add(rows(in));
      made = sum.by(id.index).done();
      break;
    }
  }
  return known = std::move(made);
}

const Origin& Lineage::column(StepId id, ColumnId column_id) {
  Origin& known = columns_[at(id)][at(column_id)];
  if (!known.digest.empty()) return known;
  const QueryStep& step = query_.steps[at(id)];
  Origin made;
  if (step.op == QueryOp::source) {
    made = Sum("column").add(query_.sources[static_cast<std::size_t>(step.source)].source.name).add(step.columns[at(column_id)].name).done();
    made.columns.insert({step.source, column_id.index});
  } else if (!step.outputs.empty()) {
    const QueryExprId out = step.outputs[at(column_id)];
    made = expression(step, out);
    if (step.exprs[static_cast<std::size_t>(out.index)].kind != QueryExprKind::column) made.steps.insert(id.index);
    else if (const auto seen = step.exprs[static_cast<std::size_t>(out.index)].column; at(seen) >= query_.steps[at(step.inputs[0])].columns.size()) made.steps.insert(id.index);
  } else if (step.op == QueryOp::union_all) {
    Sum sum("union");
    for (const StepId in : step.inputs) sum.add(column(in, column_id));
    made = sum.by(id.index).done();
  } else {
    made = column(step.inputs[0], column_id);
  }
  return known = std::move(made);
}

Origin Lineage::in_scope(const QueryStep& step, ColumnId id) {
  const std::size_t width = query_.steps[at(step.inputs[0])].columns.size();
  if (at(id) < width) return column(step.inputs[0], id);
  const std::size_t place = at(id) - width;
  if (step.inputs.size() < 2) return aggregate(step, step.aggregates[place]);
  return Sum("joined").add(column(step.inputs[1], {static_cast<std::int32_t>(place)})).add(rows(step.inputs[1])).add(keys(step)).done();
}

Origin Lineage::expression(const QueryStep& step, QueryExprId id) {
  if (!id.known()) return Sum("none").done();
  const QueryExpr& e = step.exprs[static_cast<std::size_t>(id.index)];
  if (e.kind == QueryExprKind::column) return in_scope(step, e.column);
  Sum sum(ir::enum_words<QueryExprKind>::words[static_cast<int>(e.kind)]);
  sum.add(text(e.type)).add(e.callee);
  for (const QueryExprId arg : e.args) sum.add(expression(step, arg));
  const Value& v = e.value;
  return sum.add(v.null ? 1 : 0).add(v.integer).add(ir::exact(v.real)).add(v.text).done();
}

Origin Lineage::aggregate(const QueryStep& step, const QueryAggregate& a) {
  Sum sum(ir::enum_words<QueryAggregateKind>::words[static_cast<int>(a.kind)]);
  sum.add(step.op == QueryOp::window ? "window" : "group").add(expression(step, a.input)).add(text(a.type)).add(a.over).add(a.rows).add(a.current ? 1 : 0).add(a.offset);
  return sum.add(keys(step)).add(rows(step.inputs[0])).done();
}

Origin Lineage::keys(const QueryStep& step) {
  Sum sum("keys");
  const auto key = [&](const QueryKey& k) {
    if (k.left.known()) sum.add(column(step.inputs[0], k.left));
    if (k.right.known()) sum.add(column(step.inputs[1], k.right));
  };
  for (const QueryKey& k : step.keys) key(k);
  sum.add("order");
  key(step.order);
  return sum.add(ir::enum_words<JoinKind>::words[static_cast<int>(step.kind)]).add(ir::enum_words<Matches>::words[static_cast<int>(step.matches)]).add(step.strict ? 1 : 0).add(step.within).done();
}

Origin Lineage::unique(StepId id) {
  const QueryStep& step = query_.steps[at(id)];
  return Sum("unique").add(rows(step.inputs[1])).add(keys(step)).by(id.index).done();
}

bool is_called_id(std::string_view name) {
  std::string low;
  for (const char c : name) low += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return low == "id" || low.ends_with("_id") || low.ends_with(" id") || name.ends_with("Id") || name.ends_with("ID");
}

namespace {
bool may_name(const Column& column) {
  const Scalar s = column.type.scalar;
  return s == Scalar::id || s == Scalar::category || s == Scalar::string || (s == Scalar::integer && is_called_id(column.name));
}
}  // namespace

std::vector<ColumnId> watched(const flow::Program& program) {
  std::vector<ColumnId> out;
  std::optional<Lineage> lineage;
  std::set<std::pair<std::int32_t, std::int32_t>> read;
  if (!program.query.empty()) {
    lineage.emplace(program.query);
    const auto reads = [&](const Origin& origin) { read.insert(origin.columns.begin(), origin.columns.end()); };
    reads(lineage->rows(lineage->last()));
    for (const ColumnId id : program.scan) reads(lineage->column(lineage->last(), id));
    for (std::size_t i = 0; i < program.query.steps.size(); ++i)
      if (program.query.steps[i].inputs.size() == 2 && program.query.steps[i].op != QueryOp::union_all) reads(lineage->unique({static_cast<std::int32_t>(i)}));
  }
  for (std::size_t i = 0; i < program.columns.size(); ++i) {
    const ColumnId id{static_cast<std::int32_t>(i)};
    if (!may_name(program.columns[i]) || std::find(program.scan.begin(), program.scan.end(), id) != program.scan.end()) continue;
    if (lineage) {
      const Origin& origin = lineage->column(lineage->last(), id);
      if (!origin.steps.empty() || !std::includes(read.begin(), read.end(), origin.columns.begin(), origin.columns.end())) continue;
    }
    out.push_back(id);
  }
  return out;
}

}  // namespace mlp::driver
