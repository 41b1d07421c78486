// Colours by meaning, and what is not written shown between the words.
#include <algorithm>
#include <array>
#include <set>

#include "lsp/answers.h"

namespace mlp::lsp {
namespace {

enum Kind : int { namespace_token, type_token, struct_token, class_token, variable_token, property_token, parameter_token, function_token, keyword_token, comment_token, string_token, number_token, decorator_token, enum_member_token };
constexpr std::array kinds = {"namespace", "type", "struct", "class", "variable", "property", "parameter", "function", "keyword", "comment", "string", "number", "decorator", "enumMember"};
constexpr std::array modifiers = {"declaration", "defaultLibrary", "documentation"};
enum : int { declaration = 1, default_library = 2, documentation = 4 };

int kind_of(Sort sort) {
  switch (sort) {
    case Sort::pipeline: return namespace_token;
    case Sort::schema: return struct_token;
    case Sort::model: return class_token;
    case Sort::source: case Sort::table: case Sort::param: case Sort::features: case Sort::deployment: case Sort::feature: case Sort::local: return variable_token;
    case Sort::column: case Sort::setting: return property_token;
    case Sort::function: case Sort::builtin: return function_token;
    case Sort::parameter: return parameter_token;
    case Sort::type: return type_token;
  }
  return variable_token;
}

// The token for a word, or -1 where its colour says nothing.
std::pair<int, int> token_of(const std::set<std::uint32_t>& values, const Lexeme& word, const Symbol* symbol) {
  if (symbol) {
    const bool library = symbol->sort == Sort::builtin || symbol->declared.source > 0;
    return {kind_of(symbol->sort), (symbol->declaration() ? declaration : 0) | (library ? default_library : 0)};
  }
  switch (word.kind) {
    case LexemeKind::keyword: return {keyword_token, 0};
    case LexemeKind::number: return {number_token, 0};
    case LexemeKind::text: return {string_token, 0};
    case LexemeKind::attribute: return {decorator_token, 0};
    case LexemeKind::comment: return {comment_token, 0};
    case LexemeKind::documentation: return {comment_token, documentation};
    case LexemeKind::name: return {values.count(word.span.begin) ? enum_member_token : -1, 0};
    case LexemeKind::sign: case LexemeKind::newline: break;
  }
  return {-1, 0};
}

}  // namespace

Json semantic_legend() { return {{"tokenTypes", kinds}, {"tokenModifiers", modifiers}}; }

Json semantic_tokens(const View& view, std::uint32_t begin, std::uint32_t end) {
  std::set<std::uint32_t> values;  // words that some setting knows: logistic, leaf_wise, csv
  for (const ast::Expr& e : view.analysis.unit.file.exprs)
    if (e.kind == ast::ExprKind::name || e.kind == ast::ExprKind::call) values.insert(e.span.begin);
  std::vector<std::uint32_t> data;
  Position last;
  auto symbol = view.analysis.symbols.begin();
  for (const Lexeme& word : view.analysis.words) {
    if (word.span.end < begin || word.span.begin > end) continue;
    // A family p0..p9 is one symbol of three words: each of them lies within it.
    while (symbol != view.analysis.symbols.end() && symbol->at.end <= word.span.begin) ++symbol;
    const bool named = (word.kind == LexemeKind::name || word.kind == LexemeKind::keyword) && symbol != view.analysis.symbols.end() &&
                       symbol->at.begin <= word.span.begin && word.span.end <= symbol->at.end;
    const auto [kind, modifier] = token_of(values, word, named ? &*symbol : nullptr);
    if (kind < 0) continue;
    const Position at = view.text.position(word.span.begin, view.encoding), to = view.text.position(word.span.end, view.encoding);
    if (at.line != to.line) continue;
    data.insert(data.end(), {at.line - last.line, at.line == last.line ? at.character - last.character : at.character, to.character - at.character,
                             static_cast<std::uint32_t>(kind), static_cast<std::uint32_t>(modifier)});
    last = at;
  }
  return {{"data", std::move(data)}};
}

// The type of every feature and `let` that has a name, and how many columns a selection takes.
Json inlay_hints(const View& view, std::uint32_t begin, std::uint32_t end) {
  const Analysis& a = view.analysis;
  Json list = Json::array();
  const auto hint = [&](Span at, const std::string& label, bool type) {
    if (at.end < begin || at.begin > end) return;
    Json one = {{"position", position_json(view.text.position(at.end, view.encoding))}, {"label", label}, {"paddingLeft", !type}};
    if (type) one["kind"] = 1;
    list.push_back(std::move(one));
  };
  const auto type = [](const Meaning::Value& v) { return (v.bag ? ": terms of " : ": ") + mlp::spell(v.type) + (v.vector ? "[" + std::to_string(v.items) + "]" : ""); };
  for (const Symbol& s : a.symbols) {
    if (!s.declaration() || (s.sort != Sort::feature && s.sort != Sort::local)) continue;
    if (const auto value = a.meaning.values.find(s.at); value != a.meaning.values.end()) hint(s.at, type(value->second), true);
  }
  for (const ast::Features& f : a.unit.file.features)
    for (const ast::FeatureEntry& e : f.entries) {
      if (!e.name.empty()) continue;
      const Span at = a.unit.file[e.value].span;
      const auto value = a.meaning.values.find(at);
      if (value != a.meaning.values.end() && value->second.vector) hint(at, std::to_string(value->second.items) + (value->second.items == 1 ? " feature" : " features"), false);
    }
  return list;
}

}  // namespace mlp::lsp
