#include "compiler/ir/flow/flow.h"

#include <algorithm>
#include <set>

namespace mlp::flow {
namespace {

// The fields of a program that are no store.
struct Head {
  std::string name, description, features_name;
  std::vector<ColumnId> scan, request;
  std::int32_t numbers = 0, texts = 0, tables = 0;
  template <class A> void fields(A&& a) {
    a("name", name); a("description", description); a("features", features_name); a("scan", scan); a("request", request);
    a("numbers", numbers); a("texts", texts); a("tables", tables);
  }
};

// Every store and every single part of a program, in printing order.
template <class P, class Stores, class Single>
void each_part(P& p, Stores&& stores, Single&& single) {
  stores("origin", p.query.sources);
  stores("step", p.query.steps);
  stores("column", p.columns);
  single("source", p.source);
  stores("expectation", p.expectations);
  single("split", p.split);
  stores("expr", p.exprs);
  stores("aggregate", p.aggregates);
  stores("pass", p.passes);
  stores("feature", p.features);
  single("model", p.model);
  stores("gate", p.gates);
  single("deploy", p.deploy);
  stores("param", p.params);
  stores("tune", p.tune);
  stores("extern", p.externals);
}

struct KindRule {
  SlotKind slot;
  bool text_input;
  std::size_t parameters;
};
KindRule rule(AggregateKind kind) {
  switch (kind) {
    case AggregateKind::quantile: return {SlotKind::number, false, 1};
    case AggregateKind::most_frequent: return {SlotKind::text, true, 0};
    case AggregateKind::vocabulary: return {SlotKind::table, true, 2};
    case AggregateKind::frequencies: return {SlotKind::table, true, 0};
    case AggregateKind::target_means: return {SlotKind::table, true, 2};
    case AggregateKind::terms: return {SlotKind::table, true, 7};
    default: return {SlotKind::number, false, 0};
  }
}

class Verifier {
 public:
  explicit Verifier(const Program& p) : p_(p) {}

  std::vector<std::string> run() {
    broken_ = ir::verify_exprs(p_.exprs, p_.columns.size(), true);
    if (!broken_.empty()) return broken_;  // what follows walks the expressions
    slots();
    aggregates();
    passes();
    features();
    model();
    columns();
    for (const std::string& fault : ir::verify_query(p_.query, p_.columns)) say("query", fault);
    return broken_;
  }

 private:
  void say(std::string where, const std::string& what) { broken_.push_back(std::move(where) + ": " + what); }
  bool known(ir::ExprId id) const { return id.known() && static_cast<std::size_t>(id.index) < p_.exprs.size(); }
  std::int32_t slot_count(SlotKind kind) const {
    return kind == SlotKind::number ? p_.numbers : kind == SlotKind::text ? p_.texts : p_.tables;
  }

  // Everything that an expression reads, arguments included.
  struct Reads {
    std::set<std::pair<SlotKind, std::int32_t>> slots;
    std::set<ColumnId> columns;
  };
  Reads reads(ir::ExprId root) const {
    Reads found;
    std::set<ir::ExprId> seen;
    std::vector<ir::ExprId> todo{root};
    while (!todo.empty()) {
      const ir::ExprId id = todo.back();
      todo.pop_back();
      if (!seen.insert(id).second) continue;
      const ir::Expr& e = p_[id];
      if (e.op == ir::ExprOp::column) found.columns.insert(e.column);
      if (e.op == ir::ExprOp::fitted_number) found.slots.insert({SlotKind::number, e.slot.index});
      if (e.op == ir::ExprOp::fitted_text) found.slots.insert({SlotKind::text, e.slot.index});
      if (e.op == ir::ExprOp::fitted_table) found.slots.insert({SlotKind::table, e.slot.index});
      todo.insert(todo.end(), e.args.begin(), e.args.end());
    }
    return found;
  }

  void slots() {
    for (std::size_t i = 0; i < p_.exprs.size(); ++i) {
      const ir::Expr& e = p_.exprs[i];
      const bool number = e.op == ir::ExprOp::fitted_number, text = e.op == ir::ExprOp::fitted_text, table = e.op == ir::ExprOp::fitted_table;
      if (!number && !text && !table) continue;
      const std::int32_t count = number ? p_.numbers : text ? p_.texts : p_.tables;
      if (!e.slot.known() || e.slot.index >= count) say("expr %" + std::to_string(i), "its slot does not exist");
    }
  }

  void aggregates() {
    std::set<std::pair<SlotKind, std::int32_t>> filled;
    for (std::size_t i = 0; i < p_.aggregates.size(); ++i) {
      const Aggregate& a = p_.aggregates[i];
      const std::string where = "aggregate %" + std::to_string(i);
      const KindRule r = rule(a.kind);
      if (a.slot_kind != r.slot) say(where, "the slot kind does not fit the aggregate");
      if (!a.slot.known() || a.slot.index >= slot_count(a.slot_kind)) say(where, "its slot does not exist");
      else if (!filled.insert({a.slot_kind, a.slot.index}).second) say(where, "its slot is filled twice");
      if (a.parameters.size() != r.parameters) say(where, std::to_string(r.parameters) + " parameters");
      else if (a.kind == AggregateKind::quantile && !(a.parameters[0] >= 0 && a.parameters[0] <= 1)) say(where, "a quantile is of 0..1");
      if (a.name.empty()) say(where, "a name is missing");
      if (!known(a.input)) say(where, "the input is missing");
      else if (is_text(p_[a.input].type.scalar) != r.text_input) say(where, r.text_input ? "the input must be text" : "the input must be a number");
    }
    const std::size_t slots = static_cast<std::size_t>(p_.numbers + p_.texts + p_.tables);
    if (filled.size() != slots) say("aggregates", "each slot is filled by one of them");
  }

  void passes() {
    std::set<std::pair<SlotKind, std::int32_t>> ready;
    std::set<AggregateId> done;
    for (std::size_t i = 0; i < p_.passes.size(); ++i) {
      const std::string where = "pass %" + std::to_string(i);
      if (p_.passes[i].aggregates.empty()) say(where, "a pass fills something");
      for (const AggregateId id : p_.passes[i].aggregates) {
        if (!id.known() || static_cast<std::size_t>(id.index) >= p_.aggregates.size()) { say(where, "its aggregate does not exist"); continue; }
        if (!done.insert(id).second) say(where, "an aggregate is computed twice");
        const Aggregate& a = p_.aggregates[id.index];
        if (!known(a.input)) continue;
        for (const auto& slot : reads(a.input).slots)
          if (!ready.contains(slot)) say(where, "aggregate %" + std::to_string(id.index) + " reads a slot that no earlier pass has filled");
      }
      for (const AggregateId id : p_.passes[i].aggregates)
        if (id.known() && static_cast<std::size_t>(id.index) < p_.aggregates.size()) ready.insert({p_.aggregates[id.index].slot_kind, p_.aggregates[id.index].slot.index});
    }
    if (done.size() != p_.aggregates.size()) say("passes", "each aggregate belongs to one pass");
  }

  void features() {
    if (p_.features.empty()) say("features", "there is none");
    std::set<std::string> names;
    for (std::size_t i = 0; i < p_.features.size(); ++i) {
      const ir::Feature& f = p_.features[i];
      const std::string where = "feature %" + std::to_string(i);
      if (f.name.empty() || !names.insert(f.name).second) say(where, "a name of its own");
      if (!known(f.value)) say(where, "the value is missing");
      else if (is_text(p_[f.value].type.scalar) != (f.encoding == ir::Encoding::bag)) say(where, "the value must be a number, or the text of a bag");
      if (f.table.known()) say(where, "tables are slots by now");
      if (f.encoding == ir::Encoding::number || f.bag.buckets > 0) continue;
      const AggregateKind wanted = f.encoding == ir::Encoding::bag ? AggregateKind::terms : AggregateKind::vocabulary;
      const bool vocabulary = std::any_of(p_.aggregates.begin(), p_.aggregates.end(), [&](const Aggregate& a) {
        return a.kind == wanted && a.slot_kind == SlotKind::table && a.slot == f.slot;
      });
      if (!vocabulary) say(where, "a category needs the slot of its vocabulary");
    }
    for (const auto* list : {&p_.model.increasing, &p_.model.decreasing})
      for (const std::string& name : *list)
        if (!names.contains(name)) say("model", "no feature `" + name + "` to be monotone in");
  }

  void model() {
    if (!known(p_.model.target) && (has_target(p_.model.settings.kind) || p_.model.target.known())) say("model", "the target is missing");
    for (const ir::ExprId id : {p_.model.target, p_.model.weight, p_.model.population})
      if (known(id) && !reads(id).slots.empty()) say("model", "target, weight and population are known before anything is fitted");
    for (std::string& fault : ir::verify_network(p_.model.network, p_.features, p_.exprs.size())) broken_.push_back(std::move(fault));
    if (p_.model.weight.known() && (!known(p_.model.weight) || is_text(p_[p_.model.weight].type.scalar))) say("model", "the weight must be a number");
  }

  void columns() {
    const auto ascending = [&](const std::string& where, const std::vector<ColumnId>& list) {
      for (std::size_t i = 0; i < list.size(); ++i) {
        if (!list[i].known() || static_cast<std::size_t>(list[i].index) >= p_.columns.size()) say(where, "a column does not exist");
        if (i > 0 && !(list[i - 1] < list[i])) say(where, "columns in order, each once");
      }
    };
    ascending("scan", p_.scan);
    ascending("request", p_.request);
    const auto within = [&](const std::vector<ColumnId>& list, const std::string& what, ir::ExprId expr, const std::string& by) {
      if (!known(expr)) return;
      for (const ColumnId c : reads(expr).columns)
        if (!std::binary_search(list.begin(), list.end(), c)) say(what, "misses column %" + std::to_string(c.index) + ", read by " + by);
    };
    const auto scanned = [&](ColumnId c, const std::string& by) {
      if (c.known() && !std::binary_search(p_.scan.begin(), p_.scan.end(), c)) say("scan", "misses column %" + std::to_string(c.index) + ", read by " + by);
    };
    for (const ir::Feature& f : p_.features) within(p_.request, "request", f.value, "feature " + f.name);
    for (const Aggregate& a : p_.aggregates) within(p_.scan, "scan", a.input, a.name);
    within(p_.scan, "scan", p_.model.target, "the target");
    within(p_.scan, "scan", p_.model.weight, "the weight");
    within(p_.scan, "scan", p_.model.population, "the population");
    for (const ColumnId c : p_.request) scanned(c, "the request");
    scanned(p_.split.column, "the split");
    for (const Expectation& e : p_.expectations) scanned(e.column, "an expectation");
    for (const Gate& g : p_.gates) {
      scanned(g.by, "a gate");
      for (const ColumnId c : g.columns) scanned(c, "a gate");
      for (const ColumnId c : g.given) scanned(c, "a gate");
      if (g.given.size() != g.given_values.size()) say("gate", "a value for each given column");
    }
  }

  const Program& p_;
  std::vector<std::string> broken_;
};

}  // namespace

std::string print(const Program& program) {
  ir::Writer w;
  w.line("flow 1");
  w.record("program", -1, Head{program.name, program.description, program.features_name, program.scan, program.request,
                               program.numbers, program.texts, program.tables});
  each_part(program, [&](std::string_view word, const auto& store) { w.records(word, store); },
            [&](std::string_view word, const auto& part) { w.record(word, -1, part); });
  ir::print_network(w, program.model.network);
  return w.take();
}

Program parse_text(std::string_view text) {
  ir::Reader r(text);
  r.expect_word("flow");
  r.expect_word("1");
  r.end_line();
  Head head = r.record<Head>("program", -1);
  Program p;
  p.name = std::move(head.name);
  p.description = std::move(head.description);
  p.features_name = std::move(head.features_name);
  p.scan = std::move(head.scan);
  p.request = std::move(head.request);
  p.numbers = head.numbers;
  p.texts = head.texts;
  p.tables = head.tables;
  each_part(p,
            [&](std::string_view word, auto& store) { store = r.records<typename std::remove_reference_t<decltype(store)>::value_type>(word); },
            [&](std::string_view word, auto& part) { part = r.record<std::remove_reference_t<decltype(part)>>(word, -1); });
  p.model.network = ir::read_network(r);
  if (!r.at_end()) r.fail("unknown or misplaced record `" + r.peek_word() + "`");
  return p;
}

std::vector<std::string> verify(const Program& program) { return Verifier(program).run(); }

}  // namespace mlp::flow
