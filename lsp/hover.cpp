// What stands under the cursor: type, stage, nulls, documentation, and what the last run fitted.
#include <algorithm>

#include "compiler/format/format.h"
#include "lsp/answers.h"
#include "lsp/reference.h"
#include "stdlib/builtins/builtins.h"

namespace mlp::lsp {
namespace {

using FindRun = std::function<std::optional<Run>()>;

std::string code(const std::string& text) { return "```mlp\n" + text + "\n```\n"; }

std::string about(const Meaning::Value& v) {
  std::string out = (v.bag ? "bag of terms of a `" : "`") + mlp::spell(v.type) + (v.vector ? "[" + std::to_string(v.items) + "]" : "") + "` · stage `" + std::string(ir::spell(v.stage)) + "` · ";
  return out + (v.type.nullable ? "may be null" : "never null");
}

// From a place to the end of its line, without a comment.
std::string rest_of_line(const Analysis& a, std::uint32_t from) {
  std::uint32_t end = from;
  for (const Lexeme& word : a.words) {
    if (word.span.begin < from) continue;
    if (word.kind == LexemeKind::newline || word.kind == LexemeKind::comment || a.unit.sources.text(word.span) == ",") break;
    end = word.span.end;
  }
  return a.text({0, from, end});
}

std::string paragraphs(const std::string& first, const std::string& second) {
  return (first.empty() ? "" : first + "\n\n") + (second.empty() || second == first ? "" : second + "\n\n");
}

std::string number_of(const std::vector<Run::Item>& items, const std::string& name) {
  const auto same = [&](const Run::Item& i) { return i.name == name; };
  const auto found = std::find_if(items.begin(), items.end(), same);
  return found == items.end() || std::count_if(items.begin(), items.end(), same) > 1 ? "" : found->value;
}

// What the last run fitted for a feature. A run of an older text may not know a value; then it is left out.
std::string fitted(const Analysis& a, const std::string& feature, const FindRun& last_run) {
  const std::vector<std::string> names = a.fitted_names(feature);
  if (names.empty()) return {};
  const std::optional<Run> run = last_run();
  if (!run) return {};
  std::string lines;
  for (const std::string& name : names)
    if (const std::string value = number_of(run->fitted, name); !value.empty()) lines += "- `" + name + "` = " + value + "\n";
  return lines.empty() ? "" : "Fitted on the train rows of run `" + run->id + "`:\n" + lines;
}

std::string feature_name(const Analysis& a, const ast::FeatureEntry& entry) {
  if (!entry.name.empty()) return entry.name;
  const ast::Expr* head = &a.unit.file[entry.value];
  while (head->kind == ast::ExprKind::pipe) head = &a.unit.file[head->args[0]];
  return head->kind == ast::ExprKind::name ? head->text : std::string();
}

std::string of_column(const Analysis& a, const Symbol& symbol) {
  const ast::Field* field = a.field(symbol.declared);
  const auto value = a.meaning.values.find(symbol.at);
  if (!field) {  // made by a step of a table
    if (symbol.declared.source != 0 || value == a.meaning.values.end()) return {};
    return code(rest_of_line(a, symbol.declared.begin)) + "column of a table · " + about(value->second) + "\n\n";
  }
  std::string out = code(rest_of_line(a, field->name_span.begin));
  if (const Column* column = a.column(symbol.name)) {
    out += "column · " + about(value == a.meaning.values.end() ? Meaning::Value{column->type, ir::Stage::row, 1, false} : value->second) + "\n\n";
    if (column->pii) out += "`@pii`: reaches no feature unless through `hash_id`\n\n";
    if (column->protected_) out += "`@protected`: a feature of it is a warning\n\n";
    if (column->label) out += "`@label`: never a feature\n\n";
    if (column->future) out += "`@future`: known only later, never a feature\n\n";
    if (column->group) out += "`@group`: rows with one value stay together in a split\n\n";
    if (column->event_time) out += "`@event_time`: the split goes by it\n\n";
  }
  return out + paragraphs(field->doc, field->description);
}

std::string of_feature(const Analysis& a, const Symbol& symbol) {
  for (const ast::Features& f : a.unit.file.features)
    for (const ast::FeatureEntry& e : f.entries) {
      if (e.name_span != symbol.declared) continue;
      std::string out = code(rest_of_line(a, e.name_span.begin)) + "feature";
      if (const auto v = a.meaning.values.find(e.name_span); v != a.meaning.values.end()) out += " · " + about(v->second);
      out += "\n\n";
      std::string columns;
      for (const ir::Feature& made : a.unit.module.features)
        if (made.name == e.name)
          for (const ColumnId id : made.columns) columns += (columns.empty() ? "`" : ", `") + a.unit.module.columns[static_cast<std::size_t>(id.index)].name + "`";
      if (!columns.empty()) out += "from " + columns + "\n\n";
      return out + paragraphs(e.doc, e.description);
    }
  return {};
}

std::string of_function(const Analysis& a, const Symbol& symbol) {
  const ast::Function* f = a.function(symbol.declared);
  if (!f) return {};
  return code((f->external() ? "extern fn " : a.layer(symbol.declared) ? "layer " : "fn ") + a.signature(*f) + (f->external() ? " from " + format_text(f->file) : "")) + (symbol.declared.source == 0 ? "" : "standard library\n\n") + paragraphs(f->head.doc, f->head.description);
}

std::string of_builtin(const std::string& name) {
  if (name == "each") return code("each(type)") + "Every column of a type; `each(number)` takes `int`, `float` and `float32`. The label, ids and the columns of the split are never taken.\n\n";
  if (name == "columns") return code("columns(\"p*\")") + "Every column whose name fits the pattern.\n\n";
  if (name == "except") return code("selection except (a, b)") + "Leaves columns out of a selection.\n\n";
  std::string signatures, docs;
  for (const Builtin* row : find_builtins(name)) {
    signatures += (signatures.empty() ? "" : "\n") + name + std::string(row->signature);
    if (docs.find(row->doc) == std::string::npos) docs += std::string(row->doc) + "\n\n";
  }
  return code(signatures) + "built in\n\n" + docs;
}

std::string of_model(const Analysis& a, const Symbol& symbol, const FindRun& last_run) {
  for (const ast::Model& m : a.unit.file.models) {
    if (m.head.name_span != symbol.declared) continue;
    std::string out = code("model " + m.head.name + " = " + m.kind);
    if (!has_target(a.unit.module.model.settings.kind) && m.features_span.known())
      out += "learns from `" + m.features + "`" + (m.truth.known() ? ", measured against `" + a.text(a.unit.file[m.truth].span) + "`" : "") + "\n\n";
    else if (m.target.known()) out += "predicts `" + a.text(a.unit.file[m.target].span) + "` from `" + m.features + "` · loss `" +
                                 std::string(ir::enum_words<Loss>::words[static_cast<std::size_t>(a.unit.module.model.settings.loss)]) + "`\n\n";
    out += paragraphs(m.head.doc, m.head.description);
    if (const std::optional<Run> run = last_run()) {
      out += "Run `" + run->id + "` of " + run->created + ":\n";
      for (const Run::Item& metric : run->metrics) out += "- `" + metric.name + "` = " + metric.value + "\n";
    }
    return out;
  }
  return {};
}

std::string of_symbol(const Analysis& a, const Symbol& symbol, const FindRun& last_run) {
  switch (symbol.sort) {
    case Sort::column: return of_column(a, symbol);
    case Sort::feature: return of_feature(a, symbol);
    case Sort::function: return of_function(a, symbol);
    case Sort::builtin: return of_builtin(symbol.name);
    case Sort::model: return of_model(a, symbol, last_run);
    case Sort::parameter: case Sort::local: {
      const auto v = a.meaning.values.find(symbol.at.source == 0 && symbol.declared.source == 0 ? symbol.declared : Span{});
      return code(symbol.name) + std::string(spell(symbol.sort)) + (v == a.meaning.values.end() ? "" : " · " + about(v->second)) + "\n\n";
    }
    case Sort::setting:
      for (const ast::Model& m : a.unit.file.models)
        if (touches(m.head.span, symbol.at.begin)) return setting_reference(m.kind, symbol.name);
      for (const ast::Tune& t : a.unit.file.tunes)
        for (const ast::Model& m : a.unit.file.models)
          if (touches(t.head.span, symbol.at.begin) && m.head.name == t.head.name)
            if (std::string about_setting = setting_reference(m.kind, symbol.name); !about_setting.empty()) return about_setting;
      return {};
    case Sort::type: return {};
    case Sort::pipeline: case Sort::schema: case Sort::source: case Sort::table: case Sort::features: case Sort::deployment: case Sort::param: return code(rest_of_line(a, symbol.declared.begin)) + std::string(spell(symbol.sort)) + "\n\n";
  }
  return {};
}

}  // namespace

Json hover(const View& view, std::uint32_t offset, const FindRun& last_run) {
  const Analysis& a = view.analysis;
  std::string text;
  Span at;
  if (const Symbol* symbol = a.symbol_at(offset)) {
    text = of_symbol(a, *symbol, last_run);
    at = symbol->at;
  }
  if (text.empty()) {  // the smallest expression around
    const std::pair<const Span, Meaning::Value>* best = nullptr;
    for (const auto& value : a.meaning.values)
      if (touches(value.first, offset) && (!best || value.first.end - value.first.begin < best->first.end - best->first.begin)) best = &value;
    if (!best) return nullptr;
    text = about(best->second) + "\n\n";
    at = best->first;
  }
  if (const ast::FeatureEntry* entry = a.entry_at(offset)) text += fitted(a, feature_name(a, *entry), last_run);
  return {{"contents", markdown(std::move(text))}, {"range", view.range(at)}};
}

}  // namespace mlp::lsp
