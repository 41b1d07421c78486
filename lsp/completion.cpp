// What can stand at the cursor, and what a call takes.
#include <algorithm>
#include <map>
#include <set>

#include "compiler/format/format.h"
#include "lsp/answers.h"
#include "lsp/context.h"
#include "lsp/reference.h"
#include "stdlib/builtins/builtins.h"

namespace mlp::lsp {
namespace {

// The numbers that the protocol has for kinds of completions.
enum : int { function_item = 3, field_item = 5, variable_item = 6, class_item = 7, property_item = 10, value_item = 12, keyword_item = 14, snippet_item = 15, struct_item = 22, type_item = 25 };

struct Beginning { const char* word; const char* snippet; };
constexpr Beginning beginnings[] = {
    {"pipeline", "pipeline ${1:name} \"${2:what it is for}\""},
    {"schema", "schema ${1:Row} {\n  ${2:column} : ${3:float}\n}"},
    {"source", "source ${1:rows}: ${2:Row} = csv(\"${3:data.csv}\")"},
    {"expect", "expect ${1:rows} {\n  rows >= ${2:1000}\n}"},
    {"features", "features ${1:x} from ${2:rows} {\n  $0\n}"},
    {"split", "split ${1:rows} { train = 70%, valid = 15%, test = 15%, by = ${2:random} }"},
    {"model", "model ${1:m} = ${2:gbdt} {\n  predict ${3:label} from ${4:x}\n}"},
    {"test", "test ${1:m} {\n  require test.${2:auc} >= ${3:0.8}\n}"},
    {"deploy", "deploy ${1:api} serves ${2:m} {\n  http = listen(${3:8080})\n}"},
    {"monitor", "monitor ${1:api} {\n  drift ${2:prediction} alert psi > ${3:0.25}\n}"},
    {"fn", "fn ${1:name}(${2:v}: float) -> float = $0"},
    {"extern", "extern fn ${1:name}(${2:v}: float) -> float from \"${3:file.c}\""},
    {"import", "import \"${1:common.mlp}\""},
    {"param", "param ${1:name}: ${2:float} = ${3:1}"},
    {"table", "table ${1:t} = ${2:rows} |> filter($0)"},
    {"tune", "tune ${1:m} {\n  ${2:depth} in ${3:3..8}\n  maximize valid.${4:auc}\n}"},
    {"layer", "layer ${1:name}(v: float[.., n], ${2:units}: int) -> float[.., units] {\n  $0\n}"},
    {"loss", "loss ${1:name}(y: ${2:float}, score: float) -> float = $0"},
};

// Written as a sign, not called by name.
bool is_operator(const Builtin& builtin) { return builtin.doc.find("Written `") != std::string_view::npos; }

class Completer {
 public:
  Completer(const View& view, std::uint32_t offset, bool snippets)
      : view_(view), a_(view.analysis), context_(context_at(a_.unit.sources, a_.words, offset)), snippets_(snippets) {
    if (context_.word.begin > 0 && a_.text()[context_.word.begin - 1] == '@') --context_.word.begin;  // no attribute yet
  }

  Json run() {
    if (!context_.silent) offer();
    return {{"isIncomplete", false}, {"items", std::move(items_)}};
  }

 private:
  using Words = std::vector<std::string>;

  void add(const std::string& label, int kind, const std::string& detail = {}, const std::string& documentation = {}, const std::string& snippet = {}) {
    if (label.empty() || !offered_.insert(label).second) return;
    Json item = {{"label", label}, {"kind", kind}, {"textEdit", {{"range", view_.range(context_.word)}, {"newText", snippet.empty() ? label : snippet}}}};
    if (!snippet.empty()) item["insertTextFormat"] = 2;
    if (!detail.empty()) item["detail"] = detail;
    if (!documentation.empty()) item["documentation"] = markdown(documentation);
    items_.push_back(std::move(item));
  }
  template <class List>
  void add_all(const List& words, int kind, const std::string& detail = {}) {
    for (const auto& word : words) add(std::string(word), kind, detail);
  }
  template <class Enum>
  void add_words(const std::string& detail) { add_all(ir::enum_words<Enum>::words, value_item, detail); }
  template <class List>
  void add_heads(const List& list, int kind, const std::string& detail) {
    for (const auto& d : list) add(format_name(d.head.name), kind, detail, d.head.doc);
  }

  void offer() {
    const Words& top = context_.levels.front().entry;
    if (context_.levels.size() == 1 && top.empty()) return offer_beginnings();
    const std::string kind = top.empty() ? "" : top[0];
    const Words& entry = context_.levels.back().entry;
    const std::string last = entry.empty() ? "" : entry.back();
    if (context_.levels.size() == 1 && kind != "fn") return offer_heading(kind, top, last);
    const Words& inner = context_.levels.size() > 1 ? context_.levels[1].entry : entry;  // the entry of the block
    const bool outside = context_.levels.size() == 2;                                    // in no bracket of the entry
    if (last == ".") return add_all(a_.meaning.metrics, property_item, "metric");
    if (kind == "schema") return offer_field(entry, last);
    if (kind == "source") return offer_reader(last);
    if (kind == "expect") return outside && last != "[" ? add_all(Words{"rows", "unique", "missing", "min", "max", "mean", "distinct"}, function_item, "of the rows") : offer_columns();
    if (kind == "split") {
      if (outside && entry.empty()) return offer_settings();
      if (outside && inner.size() > 1 && inner[0] == "by") return add_words<SplitMethod>("way to split");
      return outside ? void() : offer_columns();
    }
    if (kind == "model") return offer_model(inner, outside, last);
    if (kind == "test") return offer_test(inner, outside, last);
    if (kind == "deploy") {
      if (!outside) return add_all(Words{"latency", "memory", "size"}, property_item, "budget");
      if (!entry.empty()) return entry.front() == "serve" ? offer_columns() : entry.front() == "target" ? add_words<DeployTarget>("what scores") : void();
      add("budget", keyword_item);
      add("serve on", keyword_item);
      return offer_settings();
    }
    if (kind == "monitor") {
      if (entry.empty()) return add("drift", keyword_item);
      if (entry.size() == 1) {
        add("prediction", value_item);
        return add_heads(a_.unit.file.features, variable_item, "features");
      }
      if (last == "warn" || last == "alert") return add("psi", value_item, "population stability index");
      return add_all(Words{"warn", "alert"}, keyword_item);
    }
    if (kind == "fn") return offer_in_function(last);
    offer_expression(last);
  }

  void offer_beginnings() {
    for (const Beginning& b : beginnings) add(b.word, snippets_ ? snippet_item : keyword_item, "declaration", {}, snippets_ ? b.snippet : "");
  }

  void offer_heading(const std::string& kind, const Words& top, const std::string& last) {
    const ast::File& file = a_.unit.file;
    if (kind == "source" && last == ":") return add_heads(file.schemas, struct_item, "schema");
    if (kind == "source" && last == "=") return add_words<Format>("reader");
    if (kind == "features" && last == "from") return add_heads(file.sources, variable_item, "source");
    if (kind == "model" && last == "=") return add_words<ModelKind>("kind of model");
    if (kind == "deploy" && last == "serves") return add_heads(file.models, class_item, "model");
    if (top.size() != 1) {
      if (kind == "features" && top.size() == 2) add("from", keyword_item);
      if (kind == "deploy" && top.size() == 2) add("serves", keyword_item);
      return;
    }
    if (kind == "split" || kind == "expect") return add_heads(file.sources, variable_item, "source");
    if (kind == "test") return add_heads(file.models, class_item, "model");
    if (kind == "monitor") return add_heads(file.deploys, variable_item, "deployment");
  }

  void offer_field(const Words& entry, const std::string& last) {
    if (last == ":") return offer_types();
    if (std::find(entry.begin(), entry.end(), ":") == entry.end()) return;
    add_all(Words{"in", "matches", "one_of", "ordered", "zone", "from"}, keyword_item, "constraint");
    add_all(Words{"@pii", "@protected", "@event_time", "@label", "@future", "@group"}, property_item, "attribute");
  }
  void offer_types() { add_words<Scalar>("type"); }

  void offer_reader(const std::string& last) {
    const Words& entry = context_.levels.back().entry;
    if (entry.size() >= 2 && entry[0] == "on_violation") return add_words<Policy>("what happens to a row that breaks the schema");
    if (last != "=") offer_settings();
  }

  // The settings that the checker looked for in this declaration.
  void offer_settings() {
    std::string kind;
    for (const ast::Model& m : a_.unit.file.models)
      if (m.head.span.begin == context_.declaration) kind = m.kind;
    for (const auto& [span, names] : a_.meaning.settings)
      if (span.source == 0 && span.begin == context_.declaration)
        for (const std::string& name : names) add(name, property_item, "setting", setting_reference(kind, name));
  }

  void offer_model(const Words& inner, bool outside, const std::string& last) {
    const ast::Model* model = nullptr;
    for (const ast::Model& m : a_.unit.file.models)
      if (m.head.span.begin == context_.declaration) model = &m;
    const auto finds = [](const std::string& kind) { return kind == "kmeans" || kind == "isolation_forest"; };  // predicts no column
    if (outside && inner.empty()) {
      if (!model || !finds(model->kind)) add("predict", keyword_item);
      if (!model || finds(model->kind)) add("learn from", keyword_item), add("measure against", keyword_item);
      return offer_settings();
    }
    const std::string what = inner.empty() ? "" : inner[0];
    if (what == "predict") {
      if (last == "from") return add_heads(a_.unit.file.features, variable_item, "features");
      if (inner.size() > 1) add("from", keyword_item);
      return offer_expression(last);
    }
    if (what == "learn") return last == "from" ? add_heads(a_.unit.file.features, variable_item, "features") : add("from", keyword_item);
    if (what == "measure") return inner.size() > 1 ? offer_expression(last) : add("against", keyword_item);
    if (what == "layers") return offer_layers();
    if (what == "loss") return outside ? add_all(Words{"squared", "logistic", "softmax", "poisson", "quantile"}, value_item, "loss") : void();
    if (what == "growth") return add_words<Growth>("growth");
    if (what == "calibrate") return add_words<Calibrate>("calibration of probabilities");
    if (what == "precision") return add_words<Precision>("of what products multiply");
    if (what == "schedule") return add_words<Schedule>("of the learning rate");
    if (what == "thresholds") return add_words<Thresholds>("thresholds");
    if (what == "bootstrap") return add_all(Words{"true", "false"}, value_item);
    if (what == "increasing" || what == "decreasing") return offer_features(true);
    if (what == "weight") return offer_expression(last);
  }

  void offer_test(const Words& inner, bool outside, const std::string& last) {
    if (inner.empty()) return add_all(Words{"require", "invariant", "monotone", "given"}, keyword_item, "test");
    const std::string& what = inner[0];
    if (what == "monotone" && inner.size() == 1) return add_all(Words{"increasing", "decreasing"}, keyword_item);
    if (what == "invariant" || what == "monotone") {
      if (what == "invariant" && inner.size() > 1) add("within", keyword_item);
      return offer_columns();
    }
    if (what == "given") {
      if (!outside && context_.levels.back().bracket == '{') return last == "=" ? offer_values() : offer_columns();
      if (last == "expect") {
        const ModelKind kind = a_.unit.module.model.settings.kind;
        if (kind == ModelKind::kmeans) add("distance", variable_item);
        if (kind == ModelKind::isolation_forest) add("score", variable_item);
        return add("prediction", variable_item);
      }
      return last == "{" ? add("expect", keyword_item) : void();
    }
    const Words& entry = context_.levels.back().entry;
    if (!outside && entry.size() >= 2 && entry[0] == "by") return offer_columns();
    add_words<MetricScope>("part of the data");
    add(outside ? "gap" : "by", outside ? function_item : property_item);
  }

  // The words that a column may have.
  void offer_values() {
    const auto& columns = a_.unit.module.columns;
    const auto column = std::find_if(columns.begin(), columns.end(), [&](const Column& c) { return format_name(c.name) == context_.levels.back().entry.front(); });
    if (column == columns.end()) return;
    Words words = column->one_of;
    if (!column->true_word.empty()) words = {column->true_word, column->false_word};
    for (const std::string& word : words) add(format_text(word), value_item, "of " + column->name);
    if (column->type.scalar == Scalar::boolean) add_all(Words{"true", "false"}, value_item);
    if (column->type.nullable) add("null", value_item);
  }

  void offer_columns() {
    for (const Column& c : a_.unit.module.columns) add(format_name(c.name), field_item, mlp::spell(c.type), c.description);
  }

  // The features that have a name; above the cursor, or all.
  void offer_features(bool all) {
    for (const ast::Features& f : a_.unit.file.features)
      for (const ast::FeatureEntry& e : f.entries) {
        if (!all && a_.unit.file[e.value].span.end >= context_.word.begin) continue;
        const std::string& written = a_.unit.file[e.value].text;
        const auto v = a_.meaning.values.find(e.name_span);
        if (!e.name.empty()) add(format_name(e.name), variable_item, v == a_.meaning.values.end() ? "feature" : mlp::spell(v->second.type), e.doc);
        else if (all && a_.unit.file[e.value].kind == ast::ExprKind::name) add(format_name(written), variable_item, "feature");
      }
  }

  void offer_layers() {
    const auto layer = [&](const ast::Layer& l, const char* where) {
      add(l.head.name, function_item, a_.signature(l), l.head.doc.empty() ? where : l.head.doc, snippets_ && l.parameters.size() > 1 && !l.parameters[1].fallback.known() ? l.head.name + "($0)" : "");
    };
    for (const ast::Layer& l : a_.unit.file.layers) layer(l, "of this spec");
    for (const ast::File& file : a_.library)
      for (const ast::Layer& l : file.layers) layer(l, "standard library");
  }

  void offer_functions(bool piped) {
    const auto function = [&](const ast::Function& f, const char* where) {
      if (piped && f.parameters.empty()) return;
      const bool more = f.parameters.size() > (piped ? 1u : 0u);
      add(f.head.name, function_item, a_.signature(f), f.head.doc.empty() ? where : f.head.doc, snippets_ && more && !(piped && f.parameters[1].fallback.known()) ? f.head.name + "($0)" : "");
    };
    for (const ast::Function& f : a_.unit.file.functions) function(f, "of this spec");
    for (const ast::File& file : a_.library)
      for (const ast::Function& f : file.functions) function(f, "standard library");
    for (const Builtin& b : builtins()) {
      if (is_operator(b)) continue;
      const bool brackets = snippets_ && b.parameters.size() > (piped ? 1u : 0u) && !(piped && b.parameters[1].fallback);
      add(std::string(b.name), function_item, std::string(b.name) + std::string(b.signature), std::string(b.doc), brackets ? std::string(b.name) + "($0)" : "");
    }
  }

  void offer_expression(const std::string& last) {
    const Level& level = context_.levels.back();
    if (last == "|>") {
      add("except", function_item, "leaves columns out of a selection", {}, snippets_ ? "except($0)" : "");
      return offer_functions(true);
    }
    if (const std::string called = callee(); level.bracket == '(' && called == "each") {
      add("number", type_item, "int, float, float32");
      return offer_types();
    }
    offer_columns();
    offer_features(false);
    if (context_.levels.size() == 2 && level.entry.empty()) {
      add("each", function_item, "every column of a type", {}, snippets_ ? "each(${1:float})" : "");
      add("columns", function_item, "columns by name", {}, snippets_ ? "columns(\"$1\")" : "");
    }
    offer_functions(false);
    offer_words();
  }
  void offer_words() { add_all(Words{"if", "then", "else", "and", "or", "not", "true", "false", "null"}, keyword_item); }

  void offer_in_function(const std::string& last) {
    const Words& top = context_.levels.front().entry;
    const bool parameters = context_.levels.size() == 2 && context_.levels[1].bracket == '(' && top.size() == 2;
    if (last == ":" || last == "->") {
      add("fn", type_item, "a function");
      return offer_types();
    }
    if (parameters && last != "=") return;
    if (last == "|>") return offer_functions(true);
    for (const Symbol& s : a_.symbols) {
      const bool here = s.declaration() && (s.sort == Sort::parameter || s.sort == Sort::local) && s.at.begin >= context_.declaration && s.at.end < context_.word.begin;
      if (here) add(format_name(s.name), variable_item, std::string(spell(s.sort)));
    }
    if (context_.levels.back().bracket == '{' && context_.levels.back().entry.empty()) add("let", keyword_item);
    offer_functions(false);
    offer_words();
  }

  std::string callee() const {
    if (context_.levels.size() < 2) return {};
    const Words& outer = context_.levels[context_.levels.size() - 2].entry;
    return outer.empty() ? std::string() : outer.back();
  }

  const View& view_;
  const Analysis& a_;
  Context context_;
  bool snippets_;
  Json items_ = Json::array();
  std::set<std::string> offered_;
};

}  // namespace

Json completion(const View& view, std::uint32_t offset, bool snippets) { return Completer(view, offset, snippets).run(); }

Json signature_help(const View& view, std::uint32_t offset) {
  const Analysis& a = view.analysis;
  Context context = context_at(a.unit.sources, a.words, offset);
  // The innermost call whose brackets are open here.
  while (context.levels.size() > 1 && (context.levels.back().bracket != '(' || context.levels[context.levels.size() - 2].entry.empty())) context.levels.pop_back();
  if (context.levels.size() < 2) return nullptr;
  const Level& level = context.levels.back();
  const std::vector<std::string>& outer = context.levels[context.levels.size() - 2].entry;
  const std::string name = outer.back();
  const bool piped = outer.size() > 1 && outer[outer.size() - 2] == "|>";
  const std::string named = level.entry.size() > 1 && level.entry[1] == "=" ? level.entry[0] : "";
  Json signatures = Json::array();
  const auto add = [&](const std::string& label, const std::string& doc, const std::vector<std::pair<std::string, std::string>>& parameters) {
    std::size_t active = static_cast<std::size_t>(level.commas) + (piped ? 1 : 0);
    Json list = Json::array();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      list.push_back({{"label", parameters[i].second}});
      if (!named.empty() && parameters[i].first == named) active = i;
    }
    Json one = {{"label", label}, {"parameters", std::move(list)}, {"activeParameter", active}};
    if (!doc.empty()) one["documentation"] = markdown(doc);
    signatures.push_back(std::move(one));
  };
  const auto functions = [&](const ast::File& file) {
    const auto one = [&](const ast::Function& f) {
      if (f.head.name != name) return;
      std::vector<std::pair<std::string, std::string>> parameters;
      for (const ast::Parameter& p : f.parameters)
        parameters.emplace_back(p.name, p.name + ": " + a.text(p.type.span) + (p.fallback.known() ? " = " + a.text(file[p.fallback].span) : ""));
      add(a.signature(f), f.head.doc, parameters);
    };
    for (const ast::Function& f : file.functions) one(f);
    for (const ast::Layer& l : file.layers) one(l);
  };
  functions(a.unit.file);
  if (signatures.empty())
    for (const ast::File& file : a.library) functions(file);
  for (const Builtin* row : find_builtins(name)) {
    std::vector<std::pair<std::string, std::string>> parameters;
    std::string written(row->signature.substr(1, row->signature.find(')') - 1));
    for (const BuiltinParameter& p : row->parameters) {
      const std::size_t comma = std::min(written.find(", "), written.size());
      parameters.emplace_back(p.name, written.substr(0, comma));
      written.erase(0, std::min(comma + 2, written.size()));
    }
    add(name + std::string(row->signature), std::string(row->doc), parameters);
  }
  if (signatures.empty()) return nullptr;
  const Json active = signatures[0]["activeParameter"];
  return {{"signatures", std::move(signatures)}, {"activeSignature", 0}, {"activeParameter", active}};
}

}  // namespace mlp::lsp
