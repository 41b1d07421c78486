// Diagnostics, the edits that they propose, and formatting.
#include <algorithm>

#include "compiler/diag/fix.h"
#include "compiler/format/format.h"
#include "compiler/parse/parse.h"
#include "lsp/answers.h"

namespace mlp::lsp {
namespace {

// The place of a finding in this document: one in another file stands where this document calls or declares what is wrong there, or
// where it brings the file in.
Span place(const View& view, const Diagnostic& d) {
  Span at = d.span;
  for (const Label& l : d.others)
    if (at.source > 0 && l.span.source == 0) at = l.span;
  for (auto file = view.analysis.unit.imports.rbegin(); file != view.analysis.unit.imports.rend(); ++file)  // a file stands behind the one that names it
    if (at.source > 0 && file->source == at.source) at = file->named;
  return at.source == 0 ? at : Span{0, 0, 0};
}

Json edits_json(const View& view, const std::vector<Edit>& edits) {
  Json list = Json::array();
  for (const Edit& e : edits) list.push_back({{"range", view.range(e.span)}, {"newText", e.replacement}});
  return list;
}

bool here(const std::vector<Edit>& edits) {
  return !edits.empty() && std::all_of(edits.begin(), edits.end(), [](const Edit& e) { return e.span.source == 0; });
}

Json one(const View& view, const Diagnostic& d) {
  std::string message = d.message;
  Json related = Json::array();
  const auto relate = [&](Span span, const std::string& text) {
    if (span.known() && library_uri(view.analysis, span).empty()) related.push_back({{"location", location(view, span)}, {"message", text}});
  };
  if (d.span.source > 0) {  // an imported file
    message = "in " + view.analysis.unit.sources.name(d.span.source) + ": " + message;
    relate(d.span, d.message);
  }
  if (!d.label.empty()) message += ": " + d.label;
  for (const std::string& note : d.notes) message += "\nnote: " + note;
  if (!d.help.empty()) message += "\nhelp: " + d.help;
  for (const Label& l : d.others) relate(l.span, l.text);
  Json out = {{"range", view.range(place(view, d))},
              {"severity", info(d.code).severity == Severity::error ? 1 : 2},
              {"code", info(d.code).code},
              {"source", "mlp"},
              {"message", message}};
  if (!related.empty()) out["relatedInformation"] = std::move(related);
  if (info(d.code).name == std::string_view("no_effect")) out["tags"] = {1};
  return out;
}

}  // namespace

Json diagnostics(const View& view) {
  Json list = Json::array();
  for (const Diagnostic& d : view.analysis.unit.diagnostics.all()) list.push_back(one(view, d));
  return list;
}

// A repair for each finding that touches the range, and one that makes them all.
Json code_actions(const View& view, std::uint32_t begin, std::uint32_t end, const Json& context) {
  const auto wanted = [&](const std::string& kind) {
    const auto only = context.find("only");
    if (only == context.end() || !only->is_array()) return true;
    return std::any_of(only->begin(), only->end(), [&](const Json& k) { return k.is_string() && (kind == k || kind.starts_with(k.get<std::string>() + ".")); });
  };
  Json actions = Json::array();
  for (const Diagnostic& d : view.analysis.unit.diagnostics.all()) {
    if (!here(d.fix)) continue;
    const Span at = place(view, d);
    if (at.begin > end || begin > at.end || !wanted("quickfix")) continue;
    std::string title = d.help;
    if (title.empty()) title = d.fix[0].replacement.empty() ? "remove it" : "write `" + d.fix[0].replacement + "`";
    actions.push_back({{"title", title}, {"kind", "quickfix"}, {"isPreferred", true}, {"diagnostics", Json::array({one(view, d)})},
                       {"edit", {{"changes", {{view.uri, edits_json(view, d.fix)}}}}}});
  }
  if (!wanted("source.fixAll.mlp")) return actions;
  const diag::Fixed fixed = diag::apply_fixes(view.analysis.unit.diagnostics.all(), view.analysis.unit.sources, 0);
  std::vector<Edit> all;
  for (const Diagnostic* d : fixed.applied) all.insert(all.end(), d->fix.begin(), d->fix.end());
  if (!all.empty())
    actions.push_back({{"title", "Apply every certain repair (" + std::to_string(fixed.applied.size()) + ")"}, {"kind", "source.fixAll.mlp"},
                       {"edit", {{"changes", {{view.uri, edits_json(view, all)}}}}}});
  return actions;
}

// One edit over the lines that change; none when the text is in canonical form or cannot be read.
Json formatting(const View& view) {
  Json edits = Json::array();
  const std::string& before = view.text.content();
  SourceMap sources;
  Diagnostics faults;
  const ast::File file = parse(sources, sources.add("", before), faults);
  if (faults.has_errors()) return edits;
  const std::string after = format(sources, file);
  if (after == before) return edits;
  std::size_t head = 0, tail = 0;
  const std::size_t shorter = std::min(before.size(), after.size());
  while (head < shorter && before[head] == after[head]) ++head;
  while (head > 0 && before[head - 1] != '\n') --head;
  while (tail < shorter - head && before[before.size() - 1 - tail] == after[after.size() - 1 - tail]) ++tail;
  while (tail > 0 && before[before.size() - tail - 1] != '\n') --tail;
  const Span changed{0, static_cast<std::uint32_t>(head), static_cast<std::uint32_t>(before.size() - tail)};
  edits.push_back({{"range", view.range(changed)}, {"newText", after.substr(head, after.size() - tail - head)}});
  return edits;
}

}  // namespace mlp::lsp
