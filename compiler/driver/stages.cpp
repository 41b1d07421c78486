#include "compiler/driver/stages.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/files.h"
#include "compiler/driver/lineage.h"

namespace mlp::driver {
namespace {

using flow::Program;

template <class T> concept Node = requires(T t) { t.fields([](std::string_view, auto&) {}); };

// Values in the spelling of the IR texts. Ids of columns and expressions mean something only through their program.
std::string canon(const std::string& text) { return ir::quote(text); }
std::string canon(bool v) { return v ? "true" : "false"; }
std::string canon(double v) { return ir::exact(v); }
template <std::integral T> requires(!std::same_as<T, bool>) std::string canon(T v) { return std::to_string(v); }
template <class E> requires std::is_enum_v<E> std::string canon(E e) { return std::string(ir::enum_words<E>::words[static_cast<int>(e)]); }

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!blank) out += c;
    else if (!out.empty() && out.back() != ' ') out += ' ';
  }
  constexpr std::size_t most = 100;
  if (out.size() <= most) return out;
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;  // not inside a character
  return out.substr(0, end) + " …";
}

class Collector {
 public:
  explicit Collector(const Unit& unit) : unit_(unit), program_(unit.program), lineage_(program_.query), digests_(program_.exprs.size()) {}

  std::vector<Fact> collect(Stage stage) {
    rest();
    switch (stage) {
      case Stage::read: rows(), schema(), checks_of_tables(); break;
      case Stage::expect: rows(), expectations(); break;
      case Stage::tune:
        if (!program_.tune.empty()) training(), tune();
        break;
      case Stage::split: rows(), split(), targets(); break;
      case Stage::fit: rows(), split(), fitted(); break;
      case Stage::train: training(); break;
      case Stage::calibrate: training(), calibration(); break;
      case Stage::measure:
        training(), calibration();
        folds();
        target();        // of a model that learns without one: what it is measured against
        looked_at();
        break;
      case Stage::test: gates(); break;
      case Stage::monitor: monitor(); break;
      case Stage::link: link(); break;
      case Stage::request:
        for (const ColumnId id : program_.request) type(id);
        break;
      case Stage::response: response(); break;
    }
    if (!program_.tune.empty() && follows_tune(program_, stage)) tune();
    std::sort(facts_.begin(), facts_.end(), [](const Fact& a, const Fact& b) { return a.canon < b.canon; });
    facts_.erase(std::unique(facts_.begin(), facts_.end(), [](const Fact& a, const Fact& b) { return a.canon == b.canon; }), facts_.end());
    return std::move(facts_);
  }

 private:
  const Column& column(ColumnId id) const { return program_.columns[static_cast<std::size_t>(id.index)]; }

  void add(std::string what, std::string canon, std::string shown, Span span, std::vector<Cause> behind = {}) {
    facts_.push_back({std::move(what), std::move(canon), std::move(shown), span, std::move(behind)});
  }

  // ---- canonical forms
  std::string text(ColumnId id) { return id.known() ? "column " + values_of(column(id)) : "_"; }
  std::string text(ir::ExprId id) { return id.known() ? digest(id) : "_"; }
  std::string text(Span) { return {}; }
  std::string text(ir::SlotId id) { return std::to_string(id.index); }
  std::string text(ir::TensorId id) { return std::to_string(id.index); }
  template <class T> std::string text(const std::optional<T>& v) { return v ? text(*v) : "_"; }
  template <class T> std::string text(const std::vector<T>& list) {
    std::string out = "[";
    for (std::size_t i = 0; i < list.size(); ++i) out += (i ? ", " : "") + text(static_cast<const T&>(list[i]));
    return out + "]";
  }
  template <Node T> std::string text(const T& node) { return text(node, {}); }
  template <class T> std::string text(const T& v) { return canon(v); }
  template <Node T> std::string text(const T& node, const std::set<std::string_view>& without) {
    std::string out = "{";
    const_cast<T&>(node).fields([&](std::string_view key, const auto& value) {
      if constexpr (!std::is_same_v<std::decay_t<decltype(value)>, Span>)
        if (!without.contains(key)) out += std::string(key) + "=" + text(value) + " ";
    });
    return out + "}";
  }

  // An attribute that is new belongs to the values until it is known to be harmless.
  std::string values_of(const Column& c) { return text(c, {"bounds", "one_of", "ordered", "pattern", "pii", "protected", "event_time", "label", "description"}); }

  const flow::Aggregate* filled_by(ir::ExprOp op, ir::SlotId slot) const {
    const flow::SlotKind kind = op == ir::ExprOp::fitted_number ? flow::SlotKind::number : op == ir::ExprOp::fitted_text ? flow::SlotKind::text : flow::SlotKind::table;
    for (const flow::Aggregate& a : program_.aggregates)
      if (a.slot_kind == kind && a.slot == slot) return &a;
    return nullptr;
  }
  std::string meaning_of(const flow::Aggregate& a) { return text(a, {"slot", "name", "span"}); }

  // Of an expression with all that it reads: two are equal when they compute the same from the same columns.
  const std::string& digest(ir::ExprId id) {
    std::string& known = digests_[static_cast<std::size_t>(id.index)];
    if (!known.empty()) return known;
    const ir::Expr& e = program_[id];
    const bool input = e.op == ir::ExprOp::input;  // its column is the number of an argument
    std::string all = input ? text(e, {"slot", "span", "column"}) + " " + text(e.column.index) : text(e, {"slot", "span"});
    if (e.slot.known())
      if (const flow::Aggregate* a = filled_by(e.op, e.slot)) all += meaning_of(*a);
    return known = sha256(all);
  }

  void columns_behind(ir::ExprId id, std::set<ColumnId>& out, std::set<std::int32_t>& seen) const {
    if (!id.known() || !seen.insert(id.index).second) return;
    const ir::Expr& e = program_[id];
    if (e.op == ir::ExprOp::column) out.insert(e.column);
    for (const ir::ExprId arg : e.args) columns_behind(arg, out, seen);
    if (e.slot.known())
      if (const flow::Aggregate* a = filled_by(e.op, e.slot)) columns_behind(a->input, out, seen);
  }
  // The columns are facts of their own, so that a reason can name them.
  void read_by(ir::ExprId id) {
    std::set<ColumnId> columns;
    std::set<std::int32_t> seen;
    columns_behind(id, columns, seen);
    for (const ColumnId c : columns) values(c);
  }

  // ---- as written
  std::string written(Span span) const { return one_line(unit_.sources.text(span)); }
  std::string written(ast::ExprId id) const { return id.known() ? written(unit_.file[id].span) : ""; }
  static const ast::Setting* find(const std::vector<ast::Setting>& settings, std::string_view name) {
    for (const ast::Setting& s : settings)
      if (s.name == name) return &s;
    return nullptr;
  }
  // A setting of a block: as it was written, or the default that was taken.
  void setting(const std::vector<ast::Setting>* block, std::string_view name, std::string canon, const std::string& value, Span fallback = {}) {
    const ast::Setting* s = block ? find(*block, name) : nullptr;
    if (s) add("`" + std::string(name) + "`", std::move(canon), written(s->value), s->name_span);
    else add("`" + std::string(name) + "`", std::move(canon), value + " (default)", fallback);
  }
  const std::vector<ast::Setting>* model_block() const {
    for (const ast::Model& m : unit_.file.models)
      if (m.head.name == program_.model.name) return &m.settings;
    return nullptr;
  }

  // ---- facts
  // What no fact below speaks of: a part of the program that came later is in every stage, until it has facts of its own.
  void rest() {
    Program bare = program_;
    Program empty;
    bare.query = {}, bare.tune.clear();
    bare.name = empty.name, bare.description = empty.description, bare.features_name = empty.features_name;
    bare.columns.clear(), bare.scan.clear(), bare.request.clear(), bare.exprs.clear(), bare.expectations.clear();
    bare.source = {}, bare.split = {}, bare.model = {}, bare.deploy = {};
    bare.externals.clear(), bare.aggregates.clear(), bare.passes.clear(), bare.features.clear(), bare.gates.clear(), bare.params.clear();
    bare.numbers = bare.texts = bare.tables = 0;
    const std::string text = flow::print(bare);
    if (text != flow::print(empty)) add("the program", "rest " + text, "", {});
  }

  static std::string typed(const Column& c) {
    std::string shown = spell(c);
    if (!c.true_word.empty()) shown += " from (" + ir::quote(c.true_word) + ", " + ir::quote(c.false_word) + ")";
    return shown;
  }
  void type(ColumnId id) { values(column(id), ""); }
  void values(ColumnId id) {
    if (program_.query.empty()) return type(id);
    const Column& c = column(id);
    const Origin& origin = lineage_.column(lineage_.last(), id);
    add("column `" + c.name + "`", "values " + values_of(c) + " " + origin.digest, typed(c), c.span, causes(origin));
    for (const auto& [number, place] : origin.columns) {
      const QuerySource& source = program_.query.sources[static_cast<std::size_t>(number)];
      values(source.columns[static_cast<std::size_t>(place)], source.source.name + ".");
    }
  }
  void values(const Column& c, const std::string& of) { add("column `" + of + c.name + "`", "values " + (of.empty() ? "" : canon(of) + " ") + values_of(c), typed(c), c.span); }
  std::vector<Cause> causes(const Origin& origin) {
    std::vector<Cause> out;
    for (const std::int32_t step : origin.steps) {
      const Span span = program_.query.steps[static_cast<std::size_t>(step)].span;
      out.push_back({lineage_.title(step), written(span), span});
    }
    return out;
  }

  void constraints(ColumnId id) { constraints(column(id), ""); }
  void constraints(const Column& c, const std::string& of) {
    const std::string all = "bounds=" + text(c.bounds) + " one_of=" + text(c.one_of) + " pattern=" + text(c.pattern);
    std::string shown;
    const auto also = [&](const std::string& more) { shown += (shown.empty() ? "" : " ") + more; };
    if (c.bounds.low) also((c.bounds.low_open ? "> " : ">= ") + ir::exact(*c.bounds.low));
    if (c.bounds.high) also((c.bounds.high_open ? "< " : "<= ") + ir::exact(*c.bounds.high));
    if (!c.one_of.empty()) also("one_of " + text(c.one_of));
    if (!c.pattern.empty()) also("matches " + ir::quote(c.pattern));
    add("constraint of column `" + of + c.name + "`", "constraints " + canon(of + c.name) + " " + all, shown.empty() ? "none" : shown, c.span);
  }

  // Which rows come out of the source, in which order. Paths are not among it: the bytes of the data are.
  void rows() {
    if (program_.query.empty()) {
      std::vector<Column> read;
      for (const ColumnId id : program_.scan) read.push_back(column(id));
      return rows_of(program_.source, read, "");
    }
    for (const QuerySource& source : program_.query.sources) rows_of(source.source, source.columns, source.source.name + ".");
    const Origin& origin = lineage_.rows(lineage_.last());
    add("rows of the table", "rows " + origin.digest, "", program_.source.span, causes(origin));
  }
  // `of`: goes before the names of columns, where there are several sources.
  void rows_of(Source source, const std::vector<Column>& columns, const std::string& of) {
    std::sort(source.null_words.begin(), source.null_words.end());
    source.null_words.erase(std::unique(source.null_words.begin(), source.null_words.end()), source.null_words.end());
    source.fields([&](std::string_view key, const auto& value) {
      if constexpr (!std::is_same_v<std::decay_t<decltype(value)>, Span>) {
        if (key == "name" || key == "paths") return;
        const std::string name = key == "policy" ? "on_violation" : std::string(key);
        add("`" + name + "` of source `" + source.name + "`", "source " + of + std::string(key) + "=" + text(value), text(value), source.span);
      }
    });
    if (source.policy != Policy::fail) schema_rules(columns, of);  // the schema decides which rows are left out
    if (source.header) return;
    std::vector<std::string> names;
    for (const Column& c : of.empty() ? program_.columns : columns) names.push_back(c.name);
    add("order of the columns" + (of.empty() ? "" : " of source `" + source.name + "`"), "places " + of + text(names), "", source.span);
  }
  void schema_rules(const std::vector<Column>& columns, const std::string& of) {
    for (const Column& c : columns) {
      values(c, of);
      constraints(c, of);
    }
  }
  // What is read, held to its declaration, and what leakage is looked for in.
  void schema() {
    for (const QuerySource& source : program_.query.sources) schema_rules(source.columns, source.source.name + ".");
    for (const ColumnId id : program_.scan) {
      values(id);
      constraints(id);
      add("column `" + column(id).name + "` is read", "scan " + canon(column(id).name), "yes", column(id).span);
    }
    for (const ColumnId id : watched(program_)) {
      values(id);
      add("column `" + column(id).name + "` is looked at", "watched " + canon(column(id).name), "yes", column(id).span);
    }
  }
  void looked_at() {
    for (const ColumnId id : program_.scan) values(id);
    for (const ColumnId id : watched(program_)) values(id);
  }
  // What must hold while tables are made: it decides no row, but whether there are any.
  void checks_of_tables() {
    for (std::size_t i = 0; i < program_.query.steps.size(); ++i) {
      const QueryStep& step = program_.query.steps[i];
      const StepId id{static_cast<std::int32_t>(i)};
      if (step.op == QueryOp::join && step.matches == Matches::one) {
        const Origin origin = lineage_.unique(id);
        add("keys of " + lineage_.title(id.index), "unique " + origin.digest, "", step.span, causes(origin));
      }
      for (const Expectation& e : step.expectations) {
        const Origin& of = e.column.known() ? lineage_.column(id, e.column) : lineage_.rows(id);
        std::string rule = text(e, {"text", "column"});
        add("`" + one_line(e.text) + "` of `" + step.name + "`", "expect " + rule + " " + of.digest + " " + lineage_.rows(id).digest, one_line(e.text), e.span, causes(of));
      }
    }
  }

  void expectations() {
    for (const Expectation& e : program_.expectations) {
      add("`" + one_line(e.text) + "`", "expect " + text(e, {"text"}), one_line(e.text), e.span);
      if (e.column.known()) values(e.column);
    }
  }

  void split() {
    const Split& s = program_.split;
    const ast::Split* block = unit_.file.splits.empty() ? nullptr : &unit_.file.splits.front();
    const_cast<Split&>(s).fields([&](std::string_view key, const auto& value) {
      if constexpr (!std::is_same_v<std::decay_t<decltype(value)>, Span>) {
        if (key == "defaulted" || key.starts_with("fold")) return;
        const std::string_view name = key == "method" || key == "column" || key == "every" ? "by" : key;
        setting(block ? &block->settings : nullptr, name, "split " + std::string(key) + "=" + text(value), text(value), s.span);
      }
    });
    if (s.column.known()) values(s.column);
    const ir::ExprId served = program_.model.population;
    if (served.known()) expression("rows that are served", "population", served, program_.deploy.span, "a condition");
  }

  // Folds measure; the kept model is trained without them.
  void folds() {
    const Split& s = program_.split;
    const ast::Split* block = unit_.file.splits.empty() ? nullptr : &unit_.file.splits.front();
    setting(block ? &block->settings : nullptr, "folds", "folds " + text(s.folds) + " " + text(s.fold_test) + " " + text(s.fold_train), text(s.folds), s.span);
  }

  // How the values are chosen that the tune block tries.
  void tune() {
    const Tune& t = program_.tune.front();
    const ast::Tune* block = unit_.file.tunes.empty() ? nullptr : &unit_.file.tunes.front();
    const_cast<Tune&>(t).fields([&](std::string_view key, const auto& value) {
      using T = std::decay_t<decltype(value)>;
      if constexpr (std::is_same_v<T, std::vector<TuneRange>>) {
        std::string order;
        for (const TuneRange& range : value) {
          std::string shown;
          for (std::size_t i = 0; block && i < block->ranges.size(); ++i)
            if (block->ranges[i].name_span == range.span) shown = written(block->ranges[i].values);
          add("range of `" + range.name + "`", "tune range " + text(range), shown, range.span);
          order += " " + canon(range.name);
        }
        add("order of the ranges", "tune ranges" + order, "", t.span);
      } else if constexpr (!std::is_same_v<T, Span>) {
        if (key == "scope" || key == "metric" || key == "maximize") return;
        setting(block ? &block->settings : nullptr, key, "tune " + std::string(key) + "=" + text(value), text(value), t.span);
      }
    });
    add("objective of `tune`", "tune objective " + canon(t.scope) + " " + canon(t.metric) + " " + canon(t.maximize), block ? block->direction + " " + written(block->objective) : "", block ? block->objective_span : t.span);
    if (t.scope == MetricScope::cv) folds();
  }

  void expression(const std::string& what, const std::string& kind, ir::ExprId id, Span span, const std::string& shown) {
    add(what, kind + " " + text(id), shown, span);
    read_by(id);
  }

  void target() {
    const ir::Model& m = program_.model;
    if (!has_target(m.settings.kind)) {
      if (m.target.known()) expression("the truth", "truth", m.target, m.target_span, m.target_name);
      return;
    }
    expression("target", "target", m.target, m.target_span, m.target_name);
    add("classes of the target", "classes " + text(m.classes), text(m.classes), m.target_span);
  }
  void weight() {
    const std::vector<ast::Setting>* block = model_block();
    setting(block, "weight", "weight " + text(program_.model.weight), "1");
    read_by(program_.model.weight);
  }
  void targets() {
    target();
    weight();
    if (!has_target(program_.model.settings.kind)) return;
    const ModelSettings& s = program_.model.settings;  // what the loss demands of the target is checked here
    setting(model_block(), "loss", "settings loss=" + canon(s.loss), canon(s.loss));
  }

  void fitted() {
    bool of_target = false;
    std::string slots;
    for (const flow::Aggregate& a : program_.aggregates) {
      slots += canon(a.slot_kind) + " " + text(a.slot) + " " + meaning_of(a) + "\n";
      add("`" + a.name + "`", "aggregate " + meaning_of(a), a.name, a.span.source == 0 ? a.span : Span{});
      read_by(a.input);
      of_target = of_target || a.kind == flow::AggregateKind::target_means;
    }
    add("order of the statistics", "slots " + slots, "", {});
    if (!of_target) return;
    target();  // encoded out of fold, with folds drawn by the seed
    setting(model_block(), "seed", "settings seed=" + canon(program_.model.settings.seed), canon(program_.model.settings.seed));
  }

  void training() {
    rows(), split(), fitted();
    has_target(program_.model.settings.kind) ? targets() : weight();
    const ast::Features* block = nullptr;
    for (const ast::Features& f : unit_.file.features)
      if (f.head.name == program_.features_name) block = &f;
    std::string order;
    for (const ir::Feature& f : program_.features) {
      std::string shown;
      for (std::size_t k = 0; block && k < block->entries.size(); ++k) {
        const ast::FeatureEntry& entry = block->entries[k];
        const Span value = unit_.file[entry.value].span;
        if (entry.name_span == f.span || (f.span.source == value.source && f.span.begin >= value.begin && f.span.end <= value.end)) shown = written(value);
      }
      std::string table;
      if (f.slot.known())
        if (const flow::Aggregate* a = filled_by(ir::ExprOp::fitted_table, f.slot)) table = meaning_of(*a);
      const std::string meaning = text(f, {"name", "slot", "description"}) + table;
      order += meaning + "\n";
      add("feature `" + f.name + "`", "feature " + meaning, shown, f.span);
      read_by(f.value);
    }
    add("order of the features", "order " + order, "", block ? block->head.name_span : Span{});
    const ir::Model& m = program_.model;
    const std::vector<ast::Setting>* settings = model_block();
    const_cast<ir::Model&>(m).fields([&](std::string_view key, const auto& value) {
      using T = std::decay_t<decltype(value)>;
      if constexpr (std::is_same_v<T, ModelSettings>) {
        const_cast<ModelSettings&>(value).fields([&](std::string_view name, const auto& v) {
          if (name != "calibrate") setting(settings, name, "settings " + std::string(name) + "=" + text(v), text(v), name == "kind" ? m.span : Span{});
        });
      } else if constexpr (!std::is_same_v<T, Span>) {
        static const std::set<std::string_view> told = {"name", "target", "target_name", "target_columns", "weight", "classes", "increasing", "decreasing"};
        if (!told.contains(key)) setting(settings, key, "model " + std::string(key) + "=" + text(value), text(value));
      }
    });
    network();
    direction("increasing", m.increasing);
    direction("decreasing", m.decreasing);
  }
  // Each layer by what it computes, so that a reason names the one that changed; what is before and behind them; the optimizer.
  // As check made it: what plan shares between layers would tie their facts together. Places in the text and names of weights mean nothing.
  void network() {
    const ir::Network& n = unit_.module.model.network;
    if (n.empty()) return;
    const auto count = static_cast<std::int32_t>(n.tensors.size());
    std::vector<std::size_t> layer(n.tensors.size(), n.layers.size());  // the last: none of them
    std::vector<std::int32_t> place(n.tensors.size());
    std::vector<std::int32_t> size(n.layers.size() + 1);
    for (std::int32_t i = 0; i < count; ++i) {
      for (std::size_t l = 0; l < n.layers.size(); ++l)
        if (n.layers[l].span == n[{i}].span) layer[static_cast<std::size_t>(i)] = l;
      if (n[{i}].op != ir::TensorOp::constant) place[static_cast<std::size_t>(i)] = size[layer[static_cast<std::size_t>(i)]]++;  // constants are shared: by their value
    }
    // Within a layer from its begin, of another from its end: a layer that grows leaves those behind it as they are.
    const auto argument = [&](ir::TensorId id, std::size_t user) {
      const std::size_t of = layer[static_cast<std::size_t>(id.index)];
      const std::int32_t at = place[static_cast<std::size_t>(id.index)];
      if (n[id].op == ir::TensorOp::constant) return "#" + text(n[id].real);
      return of == user ? "%" + std::to_string(at) : std::to_string(of) + "%" + std::to_string(at - size[of]);
    };
    std::vector<std::string> meaning(n.layers.size() + 1);
    for (std::int32_t i = 0; i < count; ++i) {
      const ir::Tensor& t = n[{i}];
      if (t.op == ir::TensorOp::constant) continue;
      const std::size_t of = layer[static_cast<std::size_t>(i)];
      const bool numbered = t.op == ir::TensorOp::weight || t.op == ir::TensorOp::batch_mean || t.op == ir::TensorOp::mask;
      std::string one = numbered ? text(t, {"args", "integer"}) : text(t, {"args"});
      if (t.op == ir::TensorOp::weight) one += text(n.weights[static_cast<std::size_t>(t.integer)], {"name"});
      if (t.op == ir::TensorOp::batch_mean) one += text(n.states[static_cast<std::size_t>(t.integer)], {"name"});
      for (const ir::TensorId arg : t.args) one += " " + argument(arg, of);
      meaning[of] += one + "\n";
    }
    for (std::size_t l = 0; l < n.layers.size(); ++l)
      add("layer `" + n.layers[l].name + "`", "layer " + std::to_string(l) + " " + meaning[l], written(n.layers[l].span), n.layers[l].span);
    const std::vector<ast::Setting>* settings = model_block();
    setting(settings, "layers", "network " + meaning.back() + argument(n.score, n.layers.size()) + " " + argument(n.loss, n.layers.size()), "");
    setting(settings, "optimizer", "optimizer " + text(program_.model.network.optimizer.results) + " " + text(n.optimizer.kept) + " " + text(n.optimizer.rate), n.optimizer.name);
  }
  void calibration() {
    const Calibrate method = program_.model.settings.calibrate;
    setting(model_block(), "calibrate", "settings calibrate=" + canon(method), canon(method));
    if (program_.split.valid <= 0) folds();  // without valid rows they are what it is fitted on
  }
  void direction(const char* name, const std::vector<std::string>& features) {
    std::vector<std::int32_t> places;  // a feature may change its name
    for (std::size_t i = 0; i < program_.features.size(); ++i)
      if (std::find(features.begin(), features.end(), program_.features[i].name) != features.end()) places.push_back(static_cast<std::int32_t>(i));
    setting(model_block(), name, std::string(name) + " " + text(places), "[]");
  }

  void gates() {
    for (const Gate& g : program_.gates) add("`" + one_line(g.text) + "`", "gate " + text(g, {"text"}), one_line(g.text), g.span);
  }

  void monitor() {
    for (const DriftRule& rule : program_.deploy.drift) {
      Span span = program_.deploy.span;
      for (const ast::Monitor& block : unit_.file.monitors)
        for (const ast::MonitorRule& r : block.rules)
          if (r.subject == "drift" && (r.target == "prediction") == (rule.subject == "prediction")) span = r.subject_span;
      std::string shown;
      if (rule.warn > 0) shown += "warn psi > " + ir::exact(rule.warn);
      if (rule.alert > 0) shown += std::string(shown.empty() ? "" : ", ") + "alert psi > " + ir::exact(rule.alert);
      add("drift of " + rule.subject, "drift " + text(rule), shown, span);
    }
  }

  void link() {
    const ast::Head* head = unit_.file.pipelines.empty() ? nullptr : &unit_.file.pipelines.front().head;
    const Span named = head ? head->name_span : Span{};
    add("name of the pipeline", "name " + canon(program_.name), program_.name, named);
    add("description of the pipeline", "description " + canon(program_.description), one_line(program_.description), named);
    const Deploy& d = program_.deploy;
    const ast::Deploy* block = unit_.file.deploys.empty() ? nullptr : &unit_.file.deploys.front();
    const_cast<Deploy&>(d).fields([&](std::string_view key, const auto& value) {
      if constexpr (!std::is_same_v<std::decay_t<decltype(value)>, Span>) {
        if (key == "drift") return;
        const ast::Setting* s = block ? find(block->settings, key == "port" ? "http" : key) : nullptr;
        const bool budget = key == "latency" || key == "memory" || key == "size";
        add("`" + std::string(key) + "` of the deployment", "deploy " + std::string(key) + "=" + text(value), text(value), s ? s->name_span : budget && block ? block->budget_span : d.span);
      }
    });
    std::string names, shown;
    for (const ir::Feature& f : program_.features) {
      names += " " + canon(f.name);
      shown += (shown.empty() ? "" : ", ") + f.name;
    }
    add("names of the features", "features" + names, one_line(shown), program_.features.empty() ? Span{} : program_.features.front().span);
    for (const ColumnId id : program_.request) {
      const Column& c = column(id);
      constraints(id);
      add("description of column `" + c.name + "`", "column " + text(c, {"type", "image", "bounds", "one_of", "ordered", "pattern", "true", "false"}), one_line(c.description), c.span);
    }
  }

  void response() {
    const ir::Model& m = program_.model;
    if (m.settings.kind == ModelKind::kmeans) return add("prediction", "response cluster", "the number of a cluster, and a distance", m.span);
    if (m.settings.kind == ModelKind::isolation_forest) return add("prediction", "response anomaly", "an anomaly or not, and a score", m.span);
    const bool text_target = is_text(program_[m.target].type.scalar);
    const bool classes = m.settings.loss == Loss::logistic || m.settings.loss == Loss::softmax;
    if (!classes) return add("prediction", "response value", "a number", m.target_span);
    if (text_target) return add("prediction", "response classes of " + text(m.target), "a class of " + m.target_name, m.target_span);
    add("prediction", "response classes " + text(m.classes), "one of " + text(m.classes), m.target_span);
  }

  const Unit& unit_;
  const Program& program_;
  Lineage lineage_;
  std::vector<std::string> digests_;  // by expression
  std::vector<Fact> facts_;
};

}  // namespace

std::string_view spell(Class c) {
  static constexpr std::string_view words[] = {"no-op", "relink", "refit", "retrain", "breaking"};
  return words[static_cast<int>(c)];
}

bool follows_tune(const flow::Program& program, Stage stage) {
  if (stage == Stage::train || stage == Stage::calibrate || stage == Stage::measure) return true;
  if (program.tune.empty()) return false;
  const auto& ranges = program.tune.front().ranges;  // params of features and weights; what is read, split or predicted follows none
  if (std::none_of(ranges.begin(), ranges.end(), [](const TuneRange& r) { return r.param; })) return false;
  return stage == Stage::fit || (stage == Stage::split && program.model.weight.known());
}

bool makes(const Unit& unit, Stage stage) {
  if (stage == Stage::tune) return !unit.program.tune.empty();
  return stage != Stage::calibrate || unit.program.model.settings.calibrate != Calibrate::none;
}

std::vector<Fact> facts(const Unit& unit, Stage stage) { return Collector(unit).collect(stage); }

}  // namespace mlp::driver
