// Renaming: all places or none, and only where the text still means the same afterwards.
#include <algorithm>

#include "compiler/format/format.h"
#include "lsp/answers.h"

namespace mlp::lsp {
namespace {

// The symbol to rename; refuses what has its name from elsewhere.
const Symbol& renamed(const View& view, std::uint32_t offset) {
  const Symbol* symbol = view.analysis.symbol_at(offset);
  if (!symbol) throw Refusal(request_failed, "there is no name here");
  const std::string what = "`" + symbol->name + "`";
  switch (symbol->sort) {
    case Sort::column: {
      const auto fields = view.analysis.field(symbol->declared);
      if (!fields && symbol->declared.source == 0) {  // made by a step of a table
        const std::string declared(view.analysis.unit.sources.text(symbol->declared));
        if (declared == format_name(symbol->name) || declared == symbol->name) break;
        throw Refusal(request_failed, what + " is `" + declared + "` with a prefix: rename it where it is made");
      }
      throw Refusal(request_failed, what + " is a column: its name comes from the data, and a new one would not be found there. Rename it in the data, or give a feature a name of its own: `new_name = " + format_name(symbol->name) + "`");
    }
    case Sort::builtin: throw Refusal(request_failed, what + " is built into the language");
    case Sort::setting: throw Refusal(request_failed, what + " is the name of a setting");
    case Sort::type: throw Refusal(request_failed, what + " is a type of the language");
    default: break;
  }
  if (symbol->declared.source != 0) {
    const bool library = !library_uri(view.analysis, symbol->declared).empty();
    throw Refusal(request_failed, what + (library ? " belongs to the standard library" : " is declared in `" + view.analysis.unit.sources.name(symbol->declared.source) + "`: rename it there"));
  }
  return *symbol;
}

// What must be the same before and after: the findings, and which name means which declaration.
struct Shape {
  std::vector<std::string> findings;
  std::vector<std::pair<std::size_t, std::size_t>> names;  // each symbol, and its declaration among the symbols
  bool operator==(const Shape&) const = default;
};
Shape shape_of(const Analysis& analysis) {
  Shape shape;
  for (const Diagnostic& d : analysis.unit.diagnostics.all()) shape.findings.emplace_back(info(d.code).code);
  const auto& symbols = analysis.symbols;
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const auto declared = std::find_if(symbols.begin(), symbols.end(), [&](const Symbol& s) { return s.at == symbols[i].declared; });
    shape.names.emplace_back(static_cast<std::size_t>(symbols[i].sort), static_cast<std::size_t>(declared - symbols.begin()));
  }
  return shape;
}

}  // namespace

Json prepare_rename(const View& view, std::uint32_t offset) {
  const Symbol& symbol = renamed(view, offset);
  const Symbol* at = view.analysis.symbol_at(offset);
  return {{"range", view.range(at->at)}, {"placeholder", symbol.name}};
}

Json rename(const View& view, std::uint32_t offset, std::string to) {
  const Symbol& symbol = renamed(view, offset);
  if (to.size() >= 2 && to.front() == '`' && to.back() == '`') to = to.substr(1, to.size() - 2);
  if (to.empty() || to.find_first_of("\n\r") != std::string::npos) throw Refusal(request_failed, "a name has at least one character, and no line break");
  const std::string written = format_name(to);
  Json edits = Json::array();
  std::string after(view.analysis.text());
  std::vector<const Symbol*> uses = view.analysis.uses_of(symbol);
  std::sort(uses.begin(), uses.end(), [](const Symbol* a, const Symbol* b) { return a->at.begin > b->at.begin; });  // from the end: places stay
  for (const Symbol* use : uses) {
    // A join may put a prefix before the name of a column.
    const std::string prefix = use->name.ends_with(symbol.name) ? use->name.substr(0, use->name.size() - symbol.name.size()) : "";
    const std::string name = prefix.empty() ? written : format_name(prefix + to);
    edits.push_back({{"range", view.range(use->at)}, {"newText", name}});
    after.replace(use->at.begin, use->at.end - use->at.begin, name);
  }
  const Analysis changed(view.analysis.unit.sources.name(0), std::move(after));
  if (shape_of(changed) != shape_of(view.analysis)) {
    std::string why = "some name would mean something else";
    const auto& findings = changed.unit.diagnostics.all();
    if (findings.size() > view.analysis.unit.diagnostics.all().size()) why = findings.front().message;
    throw Refusal(request_failed, "`" + symbol.name + "` cannot be called `" + to + "`: " + why);
  }
  return {{"changes", {{view.uri, std::move(edits)}}}};
}

}  // namespace mlp::lsp
