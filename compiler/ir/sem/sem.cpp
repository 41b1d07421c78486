#include "compiler/ir/sem/sem.h"

namespace mlp::sem {
namespace {

struct Title {
  std::string name, description, features;
  template <class A> void fields(A&& a) { a("name", name); a("description", description); a("features", features); }
};

}  // namespace

std::string print(const Module& m) {
  ir::Writer w;
  w.line("sem 1");
  w.record("pipeline", -1, Title{m.name, m.description, m.features_name});
  w.records("origin", m.query.sources);
  w.records("step", m.query.steps);
  w.records("column", m.columns);
  w.record("source", -1, m.source);
  w.records("expect", m.expectations);
  w.records("expr", m.exprs);
  w.records("feature", m.features);
  w.record("split", -1, m.split);
  w.record("model", -1, m.model);
  ir::print_network(w, m.model.network);
  w.records("gate", m.gates);
  w.record("deploy", -1, m.deploy);
  w.records("param", m.params);
  w.records("tune", m.tune);
  w.records("extern", m.externals);
  return w.take();
}

Module parse_text(std::string_view text) {
  ir::Reader r(text);
  r.expect_word("sem");
  r.expect_word("1");
  r.end_line();
  Module m;
  const Title title = r.record<Title>("pipeline", -1);
  m.name = title.name;
  m.description = title.description;
  m.features_name = title.features;
  m.query.sources = r.records<QuerySource>("origin");
  m.query.steps = r.records<QueryStep>("step");
  m.columns = r.records<Column>("column");
  m.source = r.record<Source>("source", -1);
  m.expectations = r.records<Expectation>("expect");
  m.exprs = r.records<ir::Expr>("expr");
  m.features = r.records<ir::Feature>("feature");
  m.split = r.record<Split>("split", -1);
  m.model = r.record<ir::Model>("model", -1);
  m.model.network = ir::read_network(r);
  m.gates = r.records<Gate>("gate");
  m.deploy = r.record<Deploy>("deploy", -1);
  m.params = r.records<Param>("param");
  m.tune = r.records<Tune>("tune");
  m.externals = r.records<ir::External>("extern");
  if (!r.at_end()) r.fail("unknown record `" + r.peek_word() + "`");
  return m;
}

std::vector<std::string> verify(const Module& m) {
  std::vector<std::string> broken = ir::verify_exprs(m.exprs, m.columns.size(), false);
  if (!broken.empty()) return broken;  // the rest may follow ids
  const auto needs = [&](bool holds, std::string what) { if (!holds) broken.push_back(std::move(what)); };
  const auto column = [&](ColumnId id) { return id.known() && static_cast<std::size_t>(id.index) < m.columns.size(); };
  const auto expr = [&](ir::ExprId id) { return id.known() && static_cast<std::size_t>(id.index) < m.exprs.size(); };
  const auto optional_column = [&](ColumnId id) { return !id.known() || column(id); };

  needs(!m.columns.empty(), "a schema has columns");
  for (std::string& fault : ir::verify_query(m.query, m.columns)) broken.push_back(std::move(fault));
  for (const ir::Feature& f : m.features) {
    const std::string where = "feature " + f.name + ": ";
    if (!expr(f.value)) {
      broken.push_back(where + "no value");
      continue;
    }
    const bool bag = f.encoding == ir::Encoding::bag;
    needs(bag ? is_text(m[f.value].type.scalar) : m[f.value].type.scalar == Scalar::real, where + "the value is a float, or the text of a bag");
    needs(f.nullable == m[f.value].type.nullable || f.encoding != ir::Encoding::number, where + "nullable as its value is");
    needs((f.encoding == ir::Encoding::number || (bag && f.bag.buckets > 0)) == !f.table.known(), where + "a table exactly for categories, one-hot and bags with a vocabulary");
    needs(!f.table.known() || (expr(f.table) && m[f.table].op == ir::ExprOp::table), where + "the table is a fitted table");
    for (const ColumnId c : f.columns) needs(column(c), where + "columns of the schema");
  }
  needs(!m.features.empty(), "a model has features");
  if (expr(m.model.target)) {
    const ir::Expr& target = m[m.model.target];
    needs(target.type.scalar == Scalar::boolean || target.type.scalar == Scalar::real || is_text(target.type.scalar), "target: a bool, a float or a text");
    needs(target.stage == ir::Stage::row, "target: of stage row");
  } else {
    needs(!has_target(m.model.settings.kind), "model: no target");
  }
  needs(has_target(m.model.settings.kind) == (m.model.settings.loss != Loss::none), "loss: exactly where there is a target");
  needs(!m.model.weight.known() || (expr(m.model.weight) && m[m.model.weight].type.scalar == Scalar::real), "weight: a float");
  needs(!m.model.population.known() || (expr(m.model.population) && m[m.model.population].type.scalar == Scalar::real), "population: a float");
  const ir::LossFunction& loss = m.model.loss;
  needs(loss.value.known() == is_custom(m.model.settings.loss), "loss: an expression exactly for a custom one");
  for (const ir::ExprId id : {loss.value, loss.gradient, loss.hessian})
    needs(id.known() == loss.value.known() && (!id.known() || (expr(id) && m[id].type == Type{Scalar::real, false})), "loss: value, gradient and Hessian are floats");
  for (std::string& fault : ir::verify_network(m.model.network, m.features, m.exprs.size())) broken.push_back(std::move(fault));
  needs(optional_column(m.split.column), "split: a column of the schema");
  for (const Expectation& e : m.expectations) needs(optional_column(e.column), "expect: a column of the schema");
  for (const Gate& g : m.gates) {
    needs(optional_column(g.by), "gate: by is a column of the schema");
    needs(g.given.size() == g.given_values.size(), "gate: as many given values as columns");
    for (const ColumnId c : g.columns) needs(column(c), "gate: columns of the schema");
    for (const ColumnId c : g.given) needs(column(c), "gate: given columns of the schema");
  }
  return broken;
}

}  // namespace mlp::sem
