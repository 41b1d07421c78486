// Where names are declared and used, and what a document is made of.
#include <algorithm>
#include <cctype>
#include <filesystem>

#include "compiler/ir/ast/stores.h"
#include "lsp/answers.h"

namespace mlp::lsp {
namespace {

// The numbers that the protocol has for kinds of symbols.
enum : int { namespace_kind = 3, class_kind = 5, property_kind = 7, field_kind = 8, function_kind = 12, variable_kind = 13, key_kind = 20, struct_kind = 23, event_kind = 24 };

int kind_of(std::string_view word) {
  if (word == "pipeline") return namespace_kind;
  if (word == "schema") return struct_kind;
  if (word == "model") return class_kind;
  if (word == "function") return function_kind;
  if (word == "test" || word == "expect" || word == "monitor") return event_kind;
  return variable_kind;
}

// A path as a URI has it.
std::string escaped(const std::string& path) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || std::string_view("/-._~").find(c) != std::string_view::npos) out += c;
    else ((out += '%') += digits[byte >> 4]) += digits[byte & 15];
  }
  return out;
}

std::string shortened(std::string text) {
  text = text.substr(0, text.find('\n'));
  if (text.size() <= 60) return text;
  std::size_t end = 57;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

// The named parts of a declaration, found by what nodes are called, so that a new kind of declaration has an outline too.
struct Parts {
  const View& view;
  Span within;
  Json list = Json::array();
  template <class T>
  void operator()(std::string_view, std::vector<T>& nodes) {
    for (T& node : nodes) {
      if constexpr (requires { node.name; node.name_span; }) {
        std::string name = node.name;
        Span at = node.name_span;
        if constexpr (requires { node.value; }) {
          if (node.value.known()) {
            const Span value = view.analysis.unit.file[node.value].span;
            if (name.empty()) name = shortened(view.analysis.text(value)), at = value;
          }
        }
        if (name.empty() || at.source != 0 || at.begin < within.begin || at.end > within.end) continue;
        constexpr bool field = requires { node.type; };
        list.push_back({{"name", name}, {"kind", field ? field_kind : property_kind}, {"range", view.range(at)}, {"selectionRange", view.range(at)}});
        if constexpr (field) list.back()["detail"] = view.analysis.text(node.type.span);
      }
    }
  }
  template <class T>
  void operator()(std::string_view, T&) {}
};

template <class Visit>
void each_declaration(const View& view, Visit visit) {
  ast::each_store(const_cast<ast::File&>(view.analysis.unit.file), [&](std::string_view word, auto& store) {
    for (auto& node : store)
      if constexpr (requires { node.head; }) visit(word, node);
  });
}

}  // namespace

std::string library_uri(const Analysis& analysis, Span span) {
  const std::string& name = analysis.unit.sources.name(span.source);
  return name.starts_with("stdlib/") ? "mlp-library:/" + name : std::string();
}

Json location(const View& view, Span span) {
  if (span.source == 0) return {{"uri", view.uri}, {"range", view.range(span)}};
  const SourceMap& sources = view.analysis.unit.sources;
  std::string uri = library_uri(view.analysis, span);
  if (uri.empty()) uri = view.uri.substr(0, view.uri.find('/')) + "//" + escaped(std::filesystem::absolute(sources.name(span.source)).lexically_normal().string());
  const Text text{std::string(sources.text(span.source))};
  return {{"uri", uri}, {"range", {{"start", position_json(text.position(span.begin, view.encoding))}, {"end", position_json(text.position(span.end, view.encoding))}}}};
}

Json definition(const View& view, std::uint32_t offset, bool library_opens) {
  const Symbol* symbol = view.analysis.symbol_at(offset);
  if (symbol && symbol->sort == Sort::setting)  // a range of a tune block: what the model says without it
    for (const ast::Tune& t : view.analysis.unit.file.tunes)
      for (const ast::TuneRange& r : t.ranges)
        for (const ast::Model& m : view.analysis.unit.file.models)
          for (const ast::Setting& s : m.settings)
            if (r.name_span == symbol->at && m.head.name == t.head.name && s.name == r.name && s.name_span.source == 0) return location(view, s.name_span);
  if (!symbol || !symbol->declared.known()) return nullptr;
  if (!library_opens && !library_uri(view.analysis, symbol->declared).empty()) return nullptr;  // an editor that cannot show the library has the hover
  return location(view, symbol->declared);
}

Json references(const View& view, std::uint32_t offset, bool with_declaration) {
  Json list = Json::array();
  if (const Symbol* symbol = view.analysis.symbol_at(offset))
    for (const Symbol* use : view.analysis.uses_of(*symbol))
      if (with_declaration || !use->declaration()) list.push_back(location(view, use->at));
  return list;
}

Json highlights(const View& view, std::uint32_t offset) {
  Json list = Json::array();
  if (const Symbol* symbol = view.analysis.symbol_at(offset))
    for (const Symbol* use : view.analysis.uses_of(*symbol)) list.push_back({{"range", view.range(use->at)}, {"kind", use->declaration() ? 3 : 2}});
  return list;
}

Json document_symbols(const View& view) {
  std::vector<std::pair<std::uint32_t, Json>> found;
  each_declaration(view, [&](std::string_view word, auto& node) {
    Parts parts{view, node.head.span};
    node.fields(parts);
    std::sort(parts.list.begin(), parts.list.end(), [](const Json& a, const Json& b) {
      const Json &x = a["range"]["start"], &y = b["range"]["start"];
      return std::pair(x["line"].get<int>(), x["character"].get<int>()) < std::pair(y["line"].get<int>(), y["character"].get<int>());
    });
    found.push_back({node.head.span.begin, {{"name", node.head.name}, {"detail", word == "function" ? "fn" : word}, {"kind", kind_of(word)},
                                            {"range", view.range(node.head.span)}, {"selectionRange", view.range(node.head.name_span)},
                                            {"children", std::move(parts.list)}}});
  });
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  Json list = Json::array();
  for (auto& [unused, symbol] : found) list.push_back(std::move(symbol));
  return list;
}

Json workspace_symbols(const View& view, const std::string& query) {
  const auto fold = [](std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
  };
  Json list = Json::array();
  for (const Symbol& s : view.analysis.symbols) {
    const bool global = s.sort != Sort::parameter && s.sort != Sort::local;
    if (!s.declaration() || !global || fold(s.name).find(fold(query)) == std::string::npos) continue;
    const int kind = s.sort == Sort::column ? field_kind : s.sort == Sort::feature ? property_kind : kind_of(spell(s.sort));
    list.push_back({{"name", s.name}, {"kind", kind}, {"location", location(view, s.at)}});
  }
  return list;
}

Json folding_ranges(const View& view) {
  Json list = Json::array();
  each_declaration(view, [&](std::string_view, auto& node) {
    const Position begin = view.text.position(node.head.span.begin, view.encoding), end = view.text.position(node.head.span.end, view.encoding);
    if (end.line > begin.line + 1) list.push_back({{"startLine", begin.line}, {"endLine", end.line - 1}});  // the closing bracket stays in sight
  });
  return list;
}

}  // namespace mlp::lsp
