#include "compiler/parse/build.h"

#include <algorithm>
#include <optional>

#include "base/codes/syntax.h"
#include "compiler/parse/messages.h"

namespace mlp::parsing {
namespace {

using namespace ast;
using ast::Deploy, ast::Gate, ast::Source, ast::Split, ast::Expect, ast::Model, ast::Param, ast::Tune, ast::TuneRange;  // rather than those of base/schema.h
using P = mlp_grammar::MillraceParser;
using Tree = antlr4::tree::ParseTree;
using Rule = antlr4::ParserRuleContext;

constexpr int longest_chain = 1000;  // operators in a row; what comes after may recurse over the tree

bool free_of_errors(Tree* tree) {
  if (tree == nullptr || dynamic_cast<antlr4::tree::ErrorNode*>(tree)) return false;
  const auto* rule = dynamic_cast<Rule*>(tree);
  if (rule && rule->exception) return false;
  return std::all_of(tree->children.begin(), tree->children.end(), free_of_errors);
}

class Builder {
 public:
  Builder(const SourceMap& sources, std::int32_t source, const std::vector<Token>& tokens, Scan& scan, bool recovered, Diagnostics& diagnostics)
      : recovered_(recovered), text_(sources.text(source)), source_(source), tokens_(tokens), scan_(scan), diagnostics_(diagnostics), doc_used_(scan.docs.size()) {
    file_.source = source;
  }

  File run(P::FileContext* tree) {
    for (P::DeclarationContext* d : tree->declaration()) {
      if (auto* c = d->pipeline()) pipeline(c);
      else if (auto* c = d->schema()) schema(c);
      else if (auto* c = d->source()) source(c);
      else if (auto* c = d->table()) table(c);
      else if (auto* c = d->expect()) expect(c);
      else if (auto* c = d->features()) features(c);
      else if (auto* c = d->split()) split(c);
      else if (auto* c = d->model()) model(c);
      else if (auto* c = d->test()) test(c);
      else if (auto* c = d->deploy()) deploy(c);
      else if (auto* c = d->monitor()) monitor(c);
      else if (auto* c = d->function()) function(c);
      else if (auto* c = d->external()) external(c);
      else if (auto* c = d->importFile()) import_file(c);
      else if (auto* c = d->param()) param(c);
      else if (auto* c = d->tune()) tune(c);
      else if (auto* c = d->loss()) loss(c);
      else if (auto* c = d->layer()) layer(c);
      else if (auto* c = d->unknown()) unknown(c);
    }
    file_.comments = std::move(scan_.comments);
    leftover_docs();
    return std::move(file_);
  }

 private:
  // Every tree of a parse without errors is whole: only after recovery need it be looked at.
  bool whole(Tree* tree) const { return tree != nullptr && (!recovered_ || free_of_errors(tree)); }

  bool recovered_;
  // ---- places and names
  const Token& token(antlr4::Token* t) const { return tokens_[t->getTokenIndex()]; }
  Span span(antlr4::Token* t) const { return {source_, token(t).begin, token(t).end}; }
  Span span(antlr4::tree::TerminalNode* t) const { return span(t->getSymbol()); }
  Span span(Rule* c) const {
    const std::uint32_t begin = token(c->start).begin;
    return {source_, begin, c->stop ? std::max(begin, token(c->stop).end) : begin};
  }
  static Span join(Span a, Span b) { return {a.source, a.begin, b.end}; }
  std::string text(Span s) const { return std::string(text_.substr(s.begin, s.end - s.begin)); }
  std::string value(antlr4::tree::TerminalNode* quoted) const { return decode(text(span(quoted))); }
  std::string name_at(Span s) const { return text_[s.begin] == '`' ? decode(text(s)) : text(s); }
  std::string name(Rule* c) const { return name_at(span(c)); }

  std::string doc(Rule* c) {
    const int index = token(c->start).doc;
    if (index < 0) return {};
    doc_used_[static_cast<std::size_t>(index)] = true;
    return scan_.docs[static_cast<std::size_t>(index)].text;
  }
  void leftover_docs() {
    for (std::size_t i = 0; i < scan_.docs.size(); ++i) {
      if (doc_used_[i]) continue;
      const Doc& d = scan_.docs[i];
      for (const Span line : d.lines) file_.comments.push_back({line, true});
      if (!diagnostics_.has_errors() && !enough(diagnostics_))
        diagnostics_.report(code::dangling_documentation, "this documentation documents nothing")
            .at({source_, d.lines.front().begin, d.lines.front().begin + 3}, "no declaration, field or feature follows")
            .suggest("write `//` for a comment");
    }
    std::stable_sort(file_.comments.begin(), file_.comments.end(), [](const Comment& a, const Comment& b) { return a.span.begin < b.span.begin; });
  }

  Diagnostic& twice(Span second, Span first, const std::string& what) {
    return diagnostics_.report(code::written_twice, what + " is written twice").at(second, "the second").also(first, "the first");
  }

  // ---- heads
  std::optional<Head> head(Rule* c, P::NameContext* named, P::DescriptionContext* description) {
    if (c->exception || !whole(named) || (description && !whole(description))) return std::nullopt;
    Head h;
    h.name = name(named);
    h.name_span = span(named);
    h.span = span(c);
    if (description) h.description = value(description->STRING());
    h.doc = doc(c);
    return h;
  }
  template <class Store, class Node>
  void declare(DeclKind kind, Store& store, Node node) {
    file_.order.push_back({kind, static_cast<std::int32_t>(store.size())});
    store.push_back(std::move(node));
  }

  // ---- declarations
  void pipeline(P::PipelineContext* c) {
    if (auto h = head(c, c->name(), c->description())) declare(DeclKind::pipeline, file_.pipelines, Pipeline{std::move(*h)});
  }

  void import_file(P::ImportFileContext* c) {
    if (!whole(c)) return;
    declare(DeclKind::import, file_.imports, Import{value(c->STRING()), span(c->STRING()), span(c)});
  }

  void param(P::ParamContext* c) {
    if (!whole(c->type()) || !whole(c->expression())) return;
    auto h = head(c, c->name(), c->description());
    if (!h) return;
    Param node{std::move(*h), type(c->type()), {}, {}, false};
    for (auto* k : c->constraint())
      if (whole(k)) node.constraints.push_back(constraint(k));
    node.value = expression(c->expression());
    declare(DeclKind::param, file_.params, std::move(node));
  }

  void schema(P::SchemaContext* c) {
    auto h = head(c, c->name(), c->description());
    if (!h) return;
    Schema node{std::move(*h), {}};
    for (auto* f : c->field())
      if (whole(f)) node.columns.push_back(field(f));
    declare(DeclKind::schema, file_.schemas, std::move(node));
  }
  Field field(P::FieldContext* c) {
    Field f;
    f.doc = doc(c);
    f.name = name(c->name(0));
    f.name_span = span(c->name(0));
    if (c->name().size() == 2) {
      f.last_name = name(c->name(1));
      f.name_span = join(f.name_span, span(c->name(1)));
    }
    f.type = type(c->type());
    for (auto* k : c->constraint()) f.constraints.push_back(constraint(k));
    for (auto* a : c->ATTRIBUTE()) f.attributes.push_back({text(span(a)).substr(1), span(a)});
    const auto descriptions = c->description();
    if (!descriptions.empty()) f.description = value(descriptions[0]->STRING());
    if (descriptions.size() > 1) twice(span(descriptions[1]), span(descriptions[0]), "the description of `" + f.name + "`");
    return f;
  }
  TypeRef type(P::TypeContext* c) {
    TypeRef t;
    t.name = name(c->name());
    t.nullable = c->QUESTION() != nullptr;
    if (c->dots()) t.shape.push_back(leaf(ExprKind::name, span(c->dots()), ".."));
    for (auto* e : c->expression()) t.shape.push_back(expression(e));
    t.span = span(c);
    return t;
  }
  Constraint constraint(P::ConstraintContext* c) {
    Constraint k;
    k.span = span(c);
    if (c->IN()) {
      k.kind = ConstraintKind::in;
      k.args = {range(c->range())};
    } else if (c->comparator()) {
      k.kind = ConstraintKind::compare;
      k.text = text(span(c->comparator()));
      k.args = {sum(c->sum())};
    } else if (c->MATCHES() || c->ZONE()) {
      k.kind = c->MATCHES() ? ConstraintKind::matches : ConstraintKind::zone;
      k.args = {leaf(ExprKind::string, span(c->STRING()), value(c->STRING()))};
    } else {
      k.kind = c->ONE_OF() ? ConstraintKind::one_of : c->ORDERED() ? ConstraintKind::ordered : ConstraintKind::from;
      for (auto* e : c->expression()) k.args.push_back(expression(e));
    }
    return k;
  }

  void source(P::SourceContext* c) {
    if (!whole(c->name(0)) || !whole(c->name(1)) || !whole(c->expression())) return;
    auto h = head(c, c->name(0), c->description());
    if (!h) return;
    Source node;
    node.head = std::move(*h);
    node.schema = name(c->name(1));
    node.schema_span = span(c->name(1));
    node.reader = expression(c->expression());
    declare(DeclKind::source, file_.sources, std::move(node));
  }

  void table(P::TableContext* c) {
    if (!whole(c->expression())) return;
    auto h = head(c, c->name(), c->description());
    if (!h) return;
    const ExprId value = expression(c->expression());
    declare(DeclKind::table, file_.tables, Table{std::move(*h), value});
  }

  void expect(P::ExpectContext* c) {
    auto h = head(c, c->name(), c->description());
    if (h) declare(DeclKind::expect, file_.expects, Expect{std::move(*h), conditions(c->conditions())});
  }
  std::vector<ExprId> conditions(P::ConditionsContext* c) {
    std::vector<ExprId> out;
    for (auto* e : c->expression())
      if (whole(e)) out.push_back(expression(e));
    return out;
  }

  void features(P::FeaturesContext* c) {
    if (!whole(c->name(1))) return;
    auto h = head(c, c->name(0), c->description());
    if (!h) return;
    Features node;
    node.head = std::move(*h);
    node.source = name(c->name(1));
    node.source_span = span(c->name(1));
    for (auto* f : c->feature()) {
      if (!whole(f)) continue;
      FeatureEntry entry;
      entry.doc = doc(f);
      const auto parts = f->expression();
      if (parts.size() == 2) {
        const auto n = plain_name(parts[0]);
        if (!n) continue;
        entry.name = name_at(*n);
        entry.name_span = *n;
      }
      entry.value = expression(parts.back());
      if (f->description()) entry.description = value(f->description()->STRING());
      node.entries.push_back(std::move(entry));
    }
    declare(DeclKind::features, file_.features, std::move(node));
  }

  Setting setting(P::SettingContext* c) { return {name(c->name()), span(c->name()), expression(c->expression())}; }

  void split(P::SplitContext* c) {
    auto h = head(c, c->name(), c->description());
    if (!h) return;
    Split node{std::move(*h), {}};
    for (auto* s : c->setting())
      if (whole(s)) node.settings.push_back(setting(s));
    declare(DeclKind::split, file_.splits, std::move(node));
  }

  void model(P::ModelContext* c) {
    if (!whole(c->name(1))) return;
    auto h = head(c, c->name(0), c->description());
    if (!h) return;
    Model node;
    node.head = std::move(*h);
    node.kind = name(c->name(1));
    node.kind_span = span(c->name(1));
    Span measured;
    for (auto* e : c->modelEntry()) {
      if (!whole(e)) continue;
      if (e->setting()) {
        node.settings.push_back(setting(e->setting()));
        continue;
      }
      if (e->measure()) {
        const Span at = span(e->measure()->MEASURE());
        if (measured.known()) twice(at, measured, "`measure against`");
        else measured = at, node.truth = expression(e->measure()->expression());
        continue;
      }
      const Span at = e->predict() ? span(e->predict()->PREDICT()) : span(e->learn()->LEARN());
      if (node.entry_span.known()) {
        twice(at, node.entry_span, e->predict() ? "`predict`" : "`learn from`");
        continue;
      }
      node.entry_span = at;
      if (e->predict()) node.target = expression(e->predict()->expression());
      auto* const features = e->predict() ? e->predict()->name() : e->learn()->name();
      node.features = name(features);
      node.features_span = span(features);
    }
    declare(DeclKind::model, file_.models, std::move(node));
  }

  void tune(P::TuneContext* c) {
    auto h = head(c, c->name(), c->description());
    if (!h) return;
    Tune node;
    node.head = std::move(*h);
    for (auto* e : c->tuneEntry()) {
      if (!whole(e)) continue;
      if (e->setting()) {
        node.settings.push_back(setting(e->setting()));
      } else if (e->name()) {
        node.ranges.push_back({name(e->name()), span(e->name()), expression(e->expression())});
      } else {
        const Span at = span(e->MAXIMIZE() ? e->MAXIMIZE() : e->MINIMIZE());
        if (node.objective.known()) {
          twice(at, node.objective_span, "the objective");
          continue;
        }
        node.direction = text(at);
        node.objective_span = at;
        node.objective = expression(e->expression());
      }
    }
    declare(DeclKind::tune, file_.tunes, std::move(node));
  }

  void test(P::TestContext* c) {
    auto h = head(c, c->name(), c->description());
    if (!h) return;
    Test node{std::move(*h), {}};
    for (auto* g : c->gate())
      if (whole(g)) node.gates.push_back(gate(g));
    declare(DeclKind::test, file_.tests, std::move(node));
  }
  Gate gate(P::GateContext* c) {
    Gate g;
    g.span = span(c);
    g.kind = c->REQUIRE() ? GateKind::require : c->INVARIANT() ? GateKind::invariant : c->MONOTONE() ? GateKind::monotone : GateKind::given;
    if (c->record()) g.given = record(c->record());
    if (c->expression()) g.condition = expression(c->expression());
    for (auto* n : c->listed()) {
      g.names.push_back(name(n));
      g.name_spans.push_back(span(n));
    }
    if (c->MONOTONE()) g.direction = c->INCREASING() ? "increasing" : "decreasing";
    return g;
  }

  void deploy(P::DeployContext* c) {
    if (!whole(c->name(1))) return;
    auto h = head(c, c->name(0), c->description());
    if (!h) return;
    Deploy node;
    node.head = std::move(*h);
    node.model = name(c->name(1));
    node.model_span = span(c->name(1));
    Span first;
    for (auto* e : c->deployEntry()) {
      if (e->setting() && whole(e)) node.settings.push_back(setting(e->setting()));
      if (e->population() && whole(e)) {
        if (node.population.known()) twice(span(e->population()->SERVE()), node.population_span, "`serve on`");
        else node.population = expression(e->population()->expression()), node.population_span = span(e->population());
      }
      if (!e->budget() || e->budget()->exception || !e->budget()->conditions()) continue;
      if (first.known()) twice(span(e->budget()->BUDGET()), first, "`budget`");
      else {
        first = span(e->budget()->BUDGET());
        node.budget = conditions(e->budget()->conditions());
        node.budget_span = span(e->budget());
      }
    }
    declare(DeclKind::deploy, file_.deploys, std::move(node));
  }

  void monitor(P::MonitorContext* c) {
    auto h = head(c, c->name(), c->description());
    if (!h) return;
    Monitor node{std::move(*h), {}};
    for (auto* r : c->monitorRule()) {
      if (!whole(r)) continue;
      MonitorRule rule;
      rule.subject = name(r->subject(0));
      rule.subject_span = span(r->subject(0));
      if (r->subject().size() == 2) {
        rule.target = name(r->subject(1));
        rule.target_span = span(r->subject(1));
      }
      if (r->name()) {
        rule.by = name(r->name());
        rule.by_span = span(r->name());
      }
      if (r->expression()) rule.within = expression(r->expression());
      for (auto* l : r->level()) {
        MonitorLevel level{l->WARN() ? "warn" : "alert", {}, {}, span(l)};
        level.condition = expression(l->expression(0));
        if (l->FOR()) level.lasting = expression(l->expression(1));
        rule.levels.push_back(std::move(level));
      }
      node.rules.push_back(std::move(rule));
    }
    declare(DeclKind::monitor, file_.monitors, std::move(node));
  }

  // What `fn`, `extern fn`, `loss` and `layer` share; nothing when a part of it is broken.
  template <class Context>
  std::optional<Function> signature(Context* c, P::NameContext* named) {
    if (c->exception || (c->type() && !whole(c->type()))) return {};
    auto h = head(c, named, c->description());
    if (!h) return {};
    Function node;
    node.head = std::move(*h);
    for (auto* p : c->parameter()) {
      if (!whole(p)) return {};
      Parameter parameter;
      parameter.name = name(p->name());
      parameter.name_span = span(p->name());
      parameter.type = type(p->type());
      if (p->expression()) parameter.fallback = expression(p->expression());
      node.parameters.push_back(std::move(parameter));
    }
    if (c->type()) node.result = type(c->type());
    return node;
  }
  template <class Context>
  std::optional<Function> signature_and_body(Context* c, P::NameContext* named) {
    if (c->block() ? !whole(c->block()) : !whole(c->expression())) return {};
    std::optional<Function> node = signature(c, named);
    if (node) node->body = c->block() ? block(c->block()) : expression(c->expression());
    return node;
  }
  void external(P::ExternalContext* c) {
    std::optional<Function> node = c->STRING() ? signature(c, c->name()) : std::nullopt;
    if (!node) return;
    node->file = value(c->STRING());
    node->file_span = span(c->STRING());
    declare(DeclKind::function, file_.functions, std::move(*node));
  }
  void function(P::FunctionContext* c) {
    if (auto node = signature_and_body(c, c->name())) declare(DeclKind::function, file_.functions, std::move(*node));
  }
  void loss(P::LossContext* c) {
    if (c->name().size() == 2 && !whole(c->name(1))) return;
    auto function = signature_and_body(c, c->name().empty() ? nullptr : c->name(0));
    if (!function) return;
    ast::Loss node{std::move(*function), "", {}};
    if (c->LINK() && c->name().size() == 2) {
      node.link = name(c->name(1));
      node.link_span = span(c->name(1));
    }
    declare(DeclKind::loss, file_.losses, std::move(node));
  }
  void layer(P::LayerContext* c) {
    if (auto node = signature_and_body(c, c->name())) declare(DeclKind::layer, file_.layers, ast::Layer{std::move(*node)});
  }
  ExprId block(P::BlockContext* c) {
    Expr e{.kind = ExprKind::block, .span = span(c)};
    const auto statements = c->statement();
    for (std::size_t i = 0; i < statements.size(); ++i) {
      auto* s = statements[i];
      const bool last = i + 1 == statements.size();
      if (last == (s->LET() != nullptr)) {
        auto& d = diagnostics_.report(code::unexpected, last ? "a function ends with its result, found `let`" : "only the last line of a function is its result")
                      .at(span(s->start), last ? "nothing follows this `let`" : "this value is not used");
        if (!last) d.suggest("name it: `let name = …`");
      }
      e.args.push_back(expression(s->expression()));
      e.arg_names.push_back(s->LET() ? name(s->name()) : "");
      e.arg_name_spans.push_back(s->LET() ? span(s->name()) : Span{});
    }
    return add(std::move(e));
  }

  void unknown(P::UnknownContext* c) {
    if (enough(diagnostics_)) return;
    static const std::vector<std::string> known = {"pipeline", "schema", "source", "table", "expect", "features", "split", "model",
                                                   "test", "deploy", "monitor", "fn", "extern", "import", "param", "tune", "loss", "layer"};
    const Span at = span(c->start);
    const std::string word = text(at);
    static const std::pair<std::string_view, std::string_view> meant[] = {
        {"function", "fn"}, {"def", "fn"}, {"func", "fn"}, {"fun", "fn"}, {"data", "source"}, {"dataset", "source"}, {"feature", "features"},
        {"view", "table"}, {"query", "table"}, {"check", "expect"}, {"assert", "expect"}, {"struct", "schema"}, {"serve", "deploy"}, {"train", "model"}};
    std::string near;
    for (const auto& [other, ours] : meant)
      if (word == other) near = ours;
    if (near.empty()) near = nearest(word, known);
    auto& d = diagnostics_.report(code::unknown_declaration, "`" + word + "` starts no declaration").at(at, near.empty() ? "unknown word" : "did you mean `" + near + "`?");
    d.suggest(std::string("declarations are ") + declaration_words);
    if (!near.empty()) d.edit(at, near);
  }

  // ---- expressions
  ExprId add(Expr e) {
    int depth = 1;
    for (const ExprId arg : e.args) depth = std::max(depth, 1 + depth_[static_cast<std::size_t>(arg.index)]);
    if (depth > longest_chain && !chain_reported_) {
      chain_reported_ = true;
      diagnostics_.report(code::too_deep, "more than " + std::to_string(longest_chain) + " operators stand in a row")
          .at({e.span.source, e.span.begin, e.span.begin + 1}, "the expression starts here")
          .suggest("name parts of the expression, as features or with `let` in a function");
    }
    depth_.push_back(depth);
    file_.exprs.push_back(std::move(e));
    return {static_cast<std::int32_t>(file_.exprs.size()) - 1};
  }
  ExprId leaf(ExprKind kind, Span s, std::string text) { return add({.kind = kind, .span = s, .text = std::move(text)}); }
  ExprId binary(ExprKind kind, std::string op, ExprId a, ExprId b, Span s) { return add({.kind = kind, .span = s, .text = std::move(op), .args = {a, b}}); }

  ExprId expression(P::ExpressionContext* c) {
    ExprId left = conditional(c->conditional());
    for (auto* target : c->stage()) left = binary(ExprKind::pipe, "", left, stage(target), join(span(c), span(target)));
    return left;
  }

  ExprId conditional(P::ConditionalContext* c) {
    std::vector<ExprId> parts;  // condition, value, condition, value, …
    for (auto* e : c->expression()) parts.push_back(expression(e));
    ExprId result = disjunction(c->disjunction());
    const auto ifs = c->IF();
    for (std::size_t i = ifs.size(); i-- > 0;)
      result = add({.kind = ExprKind::conditional, .span = join(span(ifs[i]), span(c)), .args = {parts[2 * i], parts[2 * i + 1], result}});
    return result;
  }

  // Operands joined by the terminals between them, from the left.
  template <class Operand>
  ExprId left_chain(Rule* c, const std::vector<Operand*>& operands, ExprId (Builder::*build)(Operand*)) {
    ExprId left = (this->*build)(operands[0]);
    for (std::size_t i = 1; i < operands.size(); ++i) {
      const ExprId right = (this->*build)(operands[i]);
      auto* op = dynamic_cast<antlr4::tree::TerminalNode*>(c->children[2 * i - 1]);
      left = binary(ExprKind::binary, text(span(op)), left, right, join(span(c), span(operands[i])));
    }
    return left;
  }
  ExprId disjunction(P::DisjunctionContext* c) { return left_chain(c, c->conjunction(), &Builder::conjunction); }
  ExprId conjunction(P::ConjunctionContext* c) { return left_chain(c, c->negation(), &Builder::negation); }
  ExprId sum(P::SumContext* c) { return left_chain(c, c->product(), &Builder::product); }
  ExprId product(P::ProductContext* c) { return left_chain(c, c->unary(), &Builder::unary); }

  ExprId prefixed(const std::vector<antlr4::tree::TerminalNode*>& signs, ExprId value, Span s) {
    for (std::size_t i = signs.size(); i-- > 0;)
      value = add({.kind = ExprKind::unary, .span = join(span(signs[i]), s), .text = text(span(signs[i])), .args = {value}});
    return value;
  }
  ExprId negation(P::NegationContext* c) { return prefixed(c->NOT(), comparison(c->comparison()), span(c)); }
  ExprId unary(P::UnaryContext* c) { return prefixed(c->MINUS(), power(c->power()), span(c)); }

  ExprId comparison(P::ComparisonContext* c) {
    const auto operands = c->range();
    const auto ops = c->comparator();
    ExprId left = range(operands[0]);
    for (std::size_t i = 0; i < ops.size(); ++i) {
      if (i == 1)
        diagnostics_.report(code::chained_comparison, "comparisons do not chain")
            .at(span(ops[1]), "a second comparison")
            .also(span(ops[0]), "the first")
            .suggest("join them with `and`");
      left = binary(ExprKind::binary, text(span(ops[i])), left, range(operands[i + 1]), join(span(c), span(operands[i + 1])));
    }
    return left;
  }

  ExprId range(P::RangeContext* c) {
    const ExprId low = sum(c->sum(0));
    return c->RANGE() ? binary(ExprKind::range, "", low, sum(c->sum(1)), span(c)) : low;
  }

  ExprId power(P::PowerContext* c) {
    const auto exponents = c->exponent();
    std::vector<ExprId> operands = {postfix(c->postfix())};
    for (auto* e : exponents) operands.push_back(postfix(e->postfix()));
    for (std::size_t i = exponents.size(); i-- > 0;) {
      const ExprId right = prefixed(exponents[i]->MINUS(), operands[i + 1], span(c));
      const Span from = i == 0 ? span(c->postfix()) : span(exponents[i - 1]->postfix());
      operands[i] = binary(ExprKind::binary, "^", operands[i], right, join(from, span(c)));
    }
    return operands[0];
  }

  ExprId postfix(P::PostfixContext* c) {
    ExprId value = primary(c->primary());
    for (Tree* child : c->children) {
      if (auto* m = dynamic_cast<P::MemberContext*>(child)) {
        value = add({.kind = ExprKind::member, .span = join(span(c), span(m)), .text = name(m->name()), .args = {value}});
      } else if (auto* x = dynamic_cast<P::ExceptContext*>(child)) {
        Expr e{.kind = ExprKind::call, .span = join(span(c), span(x)), .text = "except", .args = {value}};
        for (auto* left_out : x->expression()) e.args.push_back(expression(left_out));
        e.arg_names.resize(e.args.size());
        e.arg_name_spans.resize(e.args.size());
        value = add(std::move(e));
      } else if (auto* i = dynamic_cast<P::IndexContext*>(child)) {
        Expr e{.kind = ExprKind::index, .span = join(span(c), span(i)), .args = {value}};
        for (auto* p : i->part()) e.args.push_back(part(p));
        value = add(std::move(e));
      }
    }
    return value;
  }

  // One axis of an index; an end of a range that is not written is the name "".
  ExprId part(P::PartContext* c) {
    if (!c->RANGE()) return sum(c->sum(0));
    const Span sign = span(c->RANGE());
    const bool from = !c->sum().empty() && token(c->sum(0)->start).begin < sign.begin;
    const ExprId low = from ? sum(c->sum(0)) : leaf(ExprKind::name, {sign.source, sign.begin, sign.begin}, "");
    const ExprId high = c->sum().size() > (from ? 1u : 0u) ? sum(c->sum().back()) : leaf(ExprKind::name, {sign.source, sign.end, sign.end}, "");
    return binary(ExprKind::range, "", low, high, span(c));
  }

  ExprId primary(P::PrimaryContext* c) {
    const Span s = span(c);
    if (c->NUMBER()) return leaf(ExprKind::number, s, text(s));
    if (c->STRING()) return leaf(ExprKind::string, s, value(c->STRING()));
    if (c->DATE()) return leaf(ExprKind::date, s, text(s));
    if (c->TRUE() || c->FALSE()) return leaf(ExprKind::boolean, s, text(s));
    if (c->NULL_()) return leaf(ExprKind::null, s, "");
    if (c->call()) return call(c->call());
    if (c->record()) return record(c->record());
    if (c->LPAREN()) return expression(c->expression(0));
    Expr list{.kind = ExprKind::list, .span = s};
    for (auto* e : c->expression()) list.args.push_back(expression(e));
    return add(std::move(list));
  }

  ExprId call(P::CallContext* c) { return add(called(c)); }
  Expr called(P::CallContext* c) {
    Expr e{.kind = c->LPAREN() ? ExprKind::call : ExprKind::name, .span = span(c), .text = name(c->name())};
    for (auto* a : c->argument()) {
      const auto parts = a->expression();
      Span named;
      if (parts.size() == 2) {
        if (const auto n = plain_name(parts[0])) named = *n;
      }
      e.args.push_back(expression(parts.back()));
      e.arg_names.push_back(named.known() ? name_at(named) : "");
      e.arg_name_spans.push_back(named);
    }
    return e;
  }

  // f(a) { n = v }: a call whose last argument is the record.
  ExprId stage(P::StageContext* c) {
    Expr e = called(c->call());
    if (c->record()) {
      e.kind = ExprKind::call;
      e.span = span(c);
      e.args.push_back(record(c->record()));
      e.arg_names.emplace_back();
      e.arg_name_spans.emplace_back();
    }
    return add(std::move(e));
  }

  ExprId record(P::RecordContext* c) {
    Expr e{.kind = ExprKind::record, .span = span(c)};
    for (auto* s : c->setting()) {
      if (!whole(s)) continue;
      const std::string n = name(s->name());
      if (const auto first = std::find(e.arg_names.begin(), e.arg_names.end(), n); first != e.arg_names.end())
        twice(span(s->name()), e.arg_name_spans[static_cast<std::size_t>(first - e.arg_names.begin())], "`" + n + "`");
      e.args.push_back(expression(s->expression()));
      e.arg_names.push_back(n);
      e.arg_name_spans.push_back(span(s->name()));
    }
    return add(std::move(e));
  }

  // The name that an expression consists of; reports anything else in front of a `=`.
  std::optional<Span> plain_name(P::ExpressionContext* c) {
    Tree* t = c;
    while (t->children.size() == 1 && !dynamic_cast<P::NameContext*>(t)) t = t->children[0];
    if (auto* n = dynamic_cast<P::NameContext*>(t)) return span(n);
    if (auto* w = dynamic_cast<P::PrimaryContext*>(t->parent); w && w->NULL_()) return span(w);  // csv("a.csv", null = "NA")
    diagnostics_.report(code::unexpected, "expected a name before `=`, found `" + text(span(c)) + "`")
        .at(span(c), "no name")
        .suggest("write `==` to compare");
    return std::nullopt;
  }

  std::string_view text_;
  std::int32_t source_;
  const std::vector<Token>& tokens_;
  Scan& scan_;
  Diagnostics& diagnostics_;
  std::vector<bool> doc_used_;
  File file_;
  std::vector<int> depth_;  // of each expression
  bool chain_reported_ = false;
};

}  // namespace

ast::File build(P::FileContext* tree, const SourceMap& sources, std::int32_t source, const std::vector<Token>& tokens, Scan& scan,
                bool recovered, Diagnostics& diagnostics) {
  return Builder(sources, source, tokens, scan, recovered, diagnostics).run(tree);
}

}  // namespace mlp::parsing
