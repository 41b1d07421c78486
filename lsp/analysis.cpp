#include "lsp/analysis.h"

#include <algorithm>
#include <set>
#include <utility>

#include "compiler/ir/ast/stores.h"
#include "compiler/plan/plan.h"

namespace mlp::lsp {
namespace {

Sort sort_of(Meaning::Kind kind) {
  switch (kind) {
    case Meaning::Kind::column: return Sort::column;
    case Meaning::Kind::feature: return Sort::feature;
    case Meaning::Kind::parameter: return Sort::parameter;
    case Meaning::Kind::local: return Sort::local;
    case Meaning::Kind::function: return Sort::function;
    case Meaning::Kind::builtin: return Sort::builtin;
  }
  MLP_BUG("a name without a kind");
}

// Follows `fields` into every node and calls `visit` on nodes of the kinds that carry names of their own.
template <class Visit>
struct Nodes {
  Visit visit;
  template <class T>
  void operator()(std::string_view key, std::vector<T>& list) {
    for (T& item : list) (*this)(key, item);
  }
  template <class T>
  void operator()(std::string_view, T& value) {
    if constexpr (requires { value.fields(*this); }) {
      visit(value);
      value.fields(*this);
    }
  }
};

}  // namespace

bool touches(Span span, std::uint32_t offset) { return span.source == 0 && span.begin <= offset && offset <= span.end; }

std::string_view spell(Sort sort) {
  static constexpr std::string_view words[] = {"pipeline", "schema", "source", "table", "features", "model", "deployment", "param", "column", "feature", "function", "parameter", "name", "built-in function", "setting", "type"};
  return words[static_cast<std::size_t>(sort)];
}

Analysis::Analysis(const std::string& name, std::string text)
    : unit(driver::analyze(name, std::move(text), meaning)), library(driver::parsed_library()), words(lexemes(unit.sources, 0)) {
  find_symbols();
}

void Analysis::find_symbols() {
  std::map<Span, Symbol, Meaning::BySpan> found;
  const auto add = [&](Sort sort, const std::string& named, Span at, Span declared) {
    if (at.source == 0 && at.end > at.begin) found.try_emplace(at, Symbol{sort, named, at, declared});
  };
  // Declarations that give a name; the others have the name of one of these for a head.
  static const std::map<std::string_view, Sort> declaring = {{"pipeline", Sort::pipeline}, {"schema", Sort::schema}, {"source", Sort::source}, {"table", Sort::table},
                                                             {"features", Sort::features}, {"model", Sort::model}, {"deploy", Sort::deployment}, {"function", Sort::function}, {"layer", Sort::function},
                                                             {"param", Sort::param}};
  static const std::map<std::string_view, Sort> referring = {{"expect", Sort::source}, {"split", Sort::source}, {"test", Sort::model}, {"tune", Sort::model}, {"monitor", Sort::deployment}};
  const ast::File& file = unit.file;
  std::vector<Symbol> heads;
  const auto refer = [&](Sort sort, const std::string& named, Span at) {
    for (const Symbol& head : heads)
      if (head.name == named && (head.sort == sort || (sort == Sort::source && head.sort == Sort::table))) return add(head.sort, named, at, head.declared);
  };
  const auto each_head = [&](const std::map<std::string_view, Sort>& words, const auto& visit) {
    ast::each_store(file, [&](std::string_view word, const auto& store) {
      const auto sort = words.find(word);
      if constexpr (requires { store.front().head; })
        if (sort != words.end())
          for (const auto& node : store) visit(sort->second, node.head);
    });
  };
  each_head(declaring, [&](Sort sort, const ast::Head& head) {
    heads.push_back({sort, head.name, head.name_span, head.name_span});
    add(sort, head.name, head.name_span, head.name_span);
  });
  each_head(referring, [&](Sort sort, const ast::Head& head) { refer(sort, head.name, head.name_span); });
  for (const ast::Source& s : file.sources) refer(Sort::schema, s.schema, s.schema_span);
  for (const ast::Features& f : file.features) refer(Sort::source, f.source, f.source_span);
  for (const ast::Model& m : file.models) refer(Sort::features, m.features, m.features_span);
  for (const ast::Deploy& d : file.deploys) refer(Sort::model, d.model, d.model_span);
  for (const ast::Monitor& m : file.monitors)
    for (const ast::MonitorRule& r : m.rules) refer(Sort::features, r.target, r.target_span);
  // What the checker resolved.
  for (const auto& [at, named] : meaning.names) add(sort_of(named.kind), named.name, at, named.declared);
  // Names that nodes bring with them, whatever the declaration around them.
  Nodes nodes{[&](const auto& node) {
    using Node = std::decay_t<decltype(node)>;
    if constexpr (std::is_same_v<Node, ast::Field>) add(Sort::column, node.name, node.name_span, node.name_span);
    if constexpr (std::is_same_v<Node, ast::FeatureEntry>) add(Sort::feature, node.name, node.name_span, node.name_span);
    if constexpr (std::is_same_v<Node, ast::Parameter>) add(Sort::parameter, node.name, node.name_span, node.name_span);
    if constexpr (std::is_same_v<Node, ast::Setting>) add(Sort::setting, node.name, node.name_span, {});
    if constexpr (std::is_same_v<Node, ast::TypeRef>) add(Sort::type, node.name, {node.span.source, node.span.begin, node.span.begin + static_cast<std::uint32_t>(node.name.size())}, {});
    if constexpr (std::is_same_v<Node, ast::Expr>)
      for (std::size_t i = 0; i < node.arg_names.size(); ++i) {
        const bool let = node.kind == ast::ExprKind::block;
        add(let ? Sort::local : Sort::setting, node.arg_names[i], node.arg_name_spans[i], let ? node.arg_name_spans[i] : Span{});
      }
  }};
  ast::each_store(const_cast<ast::File&>(file), [&](std::string_view word, auto& store) { nodes(word, store); });
  // Params and relations are named in expressions; the checker has resolved every other name there.
  for (const ast::Tune& t : file.tunes)
    for (const ast::TuneRange& r : t.ranges) {
      refer(Sort::param, r.name, r.name_span);
      add(Sort::setting, r.name, r.name_span, {});
    }
  for (const ast::Expr& e : file.exprs)
    if (e.kind == ast::ExprKind::name) refer(Sort::param, e.text, e.span), refer(Sort::source, e.text, e.span);
  for (auto& [unused, symbol] : found) symbols.push_back(std::move(symbol));
}

const Symbol* Analysis::symbol_at(std::uint32_t offset) const {
  const Symbol* best = nullptr;
  for (const Symbol& s : symbols)
    if (touches(s.at, offset) && (!best || s.at.end - s.at.begin < best->at.end - best->at.begin)) best = &s;
  return best;
}

std::vector<const Symbol*> Analysis::uses_of(const Symbol& symbol) const {
  std::vector<const Symbol*> list;
  for (const Symbol& s : symbols)
    if (symbol.declared.known() ? s.declared == symbol.declared : s.sort == symbol.sort && s.name == symbol.name) list.push_back(&s);
  return list;
}

const ast::File& Analysis::file_of(Span span) const {
  for (const ast::File& file : library)
    if (file.source == span.source) return file;
  return unit.file;
}

const ast::Function* Analysis::layer(Span declared) const {
  for (const ast::Layer& l : file_of(declared).layers)
    if (l.head.name_span == declared) return &l;
  return nullptr;
}

const ast::Function* Analysis::function(Span declared) const {
  for (const ast::Function& f : file_of(declared).functions)
    if (f.head.name_span == declared) return &f;
  return layer(declared);
}

std::string Analysis::signature(const ast::Function& f) const {
  const ast::File& file = file_of(f.head.name_span);
  std::string out = f.head.name + "(";
  for (const ast::Parameter& p : f.parameters) {
    if (out.back() != '(') out += ", ";
    out += p.name + ": " + text(p.type.span) + (p.fallback.known() ? " = " + text(file[p.fallback].span) : "");
  }
  out += ")";
  return f.result.name.empty() ? out : out + " -> " + text(f.result.span);
}

const ast::Field* Analysis::field(Span declared) const {
  for (const ast::Schema& s : unit.file.schemas)
    for (const ast::Field& f : s.columns)
      if (f.name_span == declared) return &f;
  return nullptr;
}

const Column* Analysis::column(const std::string& name) const {
  const auto& columns = unit.module.columns;
  const auto found = std::find_if(columns.begin(), columns.end(), [&](const Column& c) { return c.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

const ast::FeatureEntry* Analysis::entry_at(std::uint32_t offset) const {
  for (const ast::Features& f : unit.file.features)
    for (const ast::FeatureEntry& e : f.entries)
      if (touches(e.name_span, offset) || touches(unit.file[e.value].span, offset)) return &e;
  return nullptr;
}

std::vector<std::string> Analysis::fitted_names(const std::string& feature) const {
  if (!unit.ok()) return {};
  if (!program_) program_ = plan(unit.module, {});
  std::vector<std::string> names;
  std::set<std::pair<int, std::int32_t>> seen;
  const auto slot = [&](flow::SlotKind kind, ir::SlotId id, const auto& walk) -> void {
    if (!id.known() || !seen.insert({static_cast<int>(kind), id.index}).second) return;
    for (const flow::Aggregate& a : program_->aggregates) {
      if (a.slot_kind != kind || a.slot != id) continue;
      walk(a.input, walk);
      names.push_back(a.name);
    }
  };
  std::vector<char> met(program_->exprs.size());
  const auto walk = [&](ir::ExprId id, const auto& self) -> void {
    if (std::exchange(met[static_cast<std::size_t>(id.index)], 1)) return;
    const ir::Expr& e = (*program_)[id];
    if (e.op == ir::ExprOp::fitted_number) slot(flow::SlotKind::number, e.slot, self);
    if (e.op == ir::ExprOp::fitted_text) slot(flow::SlotKind::text, e.slot, self);
    if (e.op == ir::ExprOp::fitted_table) slot(flow::SlotKind::table, e.slot, self);
    for (const ir::ExprId arg : e.args) self(arg, self);
  };
  for (const ir::Feature& f : program_->features) {
    if (f.name != feature && !f.name.starts_with(feature + "[")) continue;
    walk(f.value, walk);
    slot(flow::SlotKind::table, f.slot, walk);
  }
  return names;
}

}  // namespace mlp::lsp
