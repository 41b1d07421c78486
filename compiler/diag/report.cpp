#include "compiler/diag/report.h"

#include <algorithm>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/render.h"
#include "base/version.h"

namespace mlp::diag {
namespace {

using Json = nlohmann::ordered_json;

void put_place(Json& to, const SourceMap& sources, Span span) {
  if (!span.known()) {
    for (const char* key : {"file", "line", "column", "end_line", "end_column"}) to[key] = nullptr;
    return;
  }
  const LineColumn begin = sources.locate(span.source, span.begin), end = sources.locate(span.source, span.end);
  to["file"] = sources.name(span.source);
  to["line"] = begin.line;
  to["column"] = begin.column;
  to["end_line"] = end.line;
  to["end_column"] = end.column;
}

const char* severity(const Diagnostic& d) { return info(d.code).severity == Severity::error ? "error" : "warning"; }
bool is_error(const Diagnostic& d) { return info(d.code).severity == Severity::error; }
std::string dump(const Json& value, int indent) { return value.dump(indent, ' ', false, Json::error_handler_t::replace); }

// What a reader of an annotation needs besides the message, where no source lines are drawn.
std::string message_with_help(const Diagnostic& d) {
  std::string out = d.message;
  if (!d.label.empty()) out += ": " + d.label;
  for (const std::string& note : d.notes) out += "\nnote: " + note;
  if (!d.help.empty()) out += "\nhelp: " + d.help;
  return out;
}
std::string file_of(const Diagnostic& d, const Findings& from) {
  if (d.span.known()) return from.sources->name(d.span.source);
  return d.data ? d.data->file : from.name;
}

// ---- SARIF
std::string uri(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || std::string_view("-._~/").find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    constexpr char digits[] = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}
Json region(const SourceMap& sources, Span span) {
  const LineColumn begin = sources.locate(span.source, span.begin), end = sources.locate(span.source, std::max(span.begin, span.end));
  return {{"startLine", begin.line}, {"startColumn", begin.column}, {"endLine", end.line}, {"endColumn", end.column}};
}
Json location(const SourceMap& sources, Span span) {
  return {{"physicalLocation", {{"artifactLocation", {{"uri", uri(sources.name(span.source))}}}, {"region", region(sources, span)}}}};
}
Json sarif_result(const Diagnostic& d, const Findings& from, std::size_t rule) {
  Json out = {{"ruleId", info(d.code).code}, {"ruleIndex", rule}, {"level", severity(d)}, {"message", {{"text", message_with_help(d)}}}};
  if (d.span.known()) out["locations"] = Json::array({location(*from.sources, d.span)});
  else out["locations"] = Json::array({{{"physicalLocation", {{"artifactLocation", {{"uri", uri(file_of(d, from))}}}}}}});
  for (const Label& l : d.others) {
    if (!l.span.known()) continue;
    Json place = location(*from.sources, l.span);
    place["message"] = {{"text", l.text}};
    out["relatedLocations"].push_back(std::move(place));
  }
  std::map<std::int32_t, Json> replacements;
  for (const Edit& e : d.fix) replacements[e.span.source].push_back({{"deletedRegion", region(*from.sources, e.span)}, {"insertedContent", {{"text", e.replacement}}}});
  Json changes = Json::array();
  for (auto& [source, list] : replacements) changes.push_back({{"artifactLocation", {{"uri", uri(from.sources->name(source))}}}, {"replacements", std::move(list)}});
  if (!changes.empty()) out["fixes"] = Json::array({{{"description", {{"text", d.help.empty() ? "apply the edit" : d.help}}}, {"artifactChanges", std::move(changes)}}});
  return out;
}
std::string sarif(const std::vector<Findings>& all) {
  std::map<std::string, std::size_t> index;
  Json rules = Json::array(), results = Json::array();
  for (const Findings& from : all)
    for (const Diagnostic& d : from.list) {
      const CodeInfo& row = info(d.code);
      const auto [at, fresh] = index.emplace(row.code, rules.size());
      if (fresh)
        rules.push_back({{"id", row.code}, {"name", row.name}, {"shortDescription", {{"text", row.title}}}, {"fullDescription", {{"text", row.explanation}}},
                         {"help", {{"text", row.explanation}}}, {"defaultConfiguration", {{"level", severity(d)}}}});
      results.push_back(sarif_result(d, from, at->second));
    }
  const Json run = {{"tool", {{"driver", {{"name", "mlp"}, {"version", version}, {"rules", std::move(rules)}}}}}, {"columnKind", "unicodeCodePoints"}, {"results", std::move(results)}};
  return dump({{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"}, {"version", "2.1.0"}, {"runs", Json::array({run})}}, 2) + "\n";
}

// ---- JUnit
std::string xml(std::string_view text, bool attribute) {
  // Through JSON, which leaves valid UTF-8 only; of control characters XML 1.0 knows tab and line ends.
  const std::string good = Json::parse(dump(Json(text), -1)).get<std::string>();
  std::string out;
  for (const char c : good) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '"') out += "&quot;";
    else if (c == '\n') out += attribute ? "&#10;" : "\n";
    else if (static_cast<unsigned char>(c) < 0x20 && c != '\t') out += "\xEF\xBF\xBD";
    else out += c;
  }
  return out;
}
std::string junit(const std::vector<Findings>& all) {
  std::string cases;
  std::size_t failed = 0;
  for (const Findings& from : all) {
    std::string errors, warnings, first;
    for (const Diagnostic& d : from.list) {
      if (is_error(d) && errors.empty()) first = std::string("type=\"") + info(d.code).code + "\" message=\"" + xml(d.message, true) + "\"";
      (is_error(d) ? errors : warnings) += render(d, *from.sources) + "\n";
    }
    failed += !errors.empty();
    cases += "    <testcase classname=\"mlp\" name=\"" + xml(from.name, true) + "\"";
    if (from.list.empty()) {
      cases += "/>\n";
      continue;
    }
    cases += ">\n";
    if (!errors.empty()) cases += "      <failure " + first + ">" + xml(errors, false) + "</failure>\n";
    if (!warnings.empty()) cases += "      <system-out>" + xml(warnings, false) + "</system-out>\n";
    cases += "    </testcase>\n";
  }
  const std::string counts = "tests=\"" + std::to_string(all.size()) + "\" failures=\"" + std::to_string(failed) + "\" errors=\"0\"";
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"mlp\" " + counts + ">\n  <testsuite name=\"mlp\" " + counts + ">\n" + cases + "  </testsuite>\n</testsuites>\n";
}

// ---- GitHub: workflow commands, a line each
std::string escaped(std::string_view text, bool property) {
  std::string out;
  for (const char c : text) {
    if (c == '%') out += "%25";
    else if (c == '\r') out += "%0D";
    else if (c == '\n') out += "%0A";
    else if (property && c == ':') out += "%3A";
    else if (property && c == ',') out += "%2C";
    else out += c;
  }
  return out;
}
std::string github(const Diagnostic& d, const Findings& from) {
  std::string out = std::string("::") + severity(d) + " file=" + escaped(file_of(d, from), true);
  if (d.span.known()) {
    const Json place = region(*from.sources, d.span);
    const bool one_line = place["startLine"] == place["endLine"];  // columns have a meaning within one line only
    out += ",line=" + place["startLine"].dump() + ",endLine=" + place["endLine"].dump();
    if (one_line) out += ",col=" + place["startColumn"].dump() + ",endColumn=" + place["endColumn"].dump();
  }
  return out + ",title=" + escaped(std::string(info(d.code).code) + ": " + info(d.code).title, true) + "::" + escaped(message_with_help(d), false) + "\n";
}

// ---- GitLab: a code quality report
std::string gitlab(const std::vector<Findings>& all) {
  Json out = Json::array();
  std::set<std::string> used;
  for (const Findings& from : all)
    for (const Diagnostic& d : from.list) {
      // The same finding keeps its fingerprint when lines above it come and go.
      std::string key = std::string(info(d.code).code) + "\n" + file_of(d, from) + "\n" + d.message, fingerprint = sha256(key);
      while (!used.insert(fingerprint).second) fingerprint = sha256(key += "\n");
      const LineColumn at = d.span.known() ? from.sources->locate(d.span.source, d.span.begin) : LineColumn{};
      out.push_back({{"description", message_with_help(d)}, {"check_name", info(d.code).code}, {"fingerprint", fingerprint}, {"severity", is_error(d) ? "major" : "minor"},
                     {"location", {{"path", file_of(d, from)}, {"lines", {{"begin", at.line}}}}}});
    }
  return dump(out, 2) + "\n";
}

}  // namespace

const std::vector<std::string>& formats() {
  static const std::vector<std::string> words = {"text", "json", "sarif", "junit", "github", "gitlab"};
  return words;
}
Format read_format(const std::string& word) {
  const auto found = std::find(formats().begin(), formats().end(), word);
  MLP_CHECK(found != formats().end());
  return static_cast<Format>(found - formats().begin());
}

std::string report(const std::vector<Findings>& all, Format format) {
  std::string lines;
  switch (format) {
    case Format::text: return {};
    case Format::sarif: return sarif(all);
    case Format::junit: return junit(all);
    case Format::gitlab: return gitlab(all);
    case Format::json:
    case Format::github:
      for (const Findings& from : all)
        for (const Diagnostic& d : from.list) lines += format == Format::json ? json(d, *from.sources) + "\n" : github(d, from);
  }
  return lines;
}

std::string json(const Diagnostic& d, const SourceMap& sources) {
  Json out;
  out["code"] = info(d.code).code;
  out["name"] = info(d.code).name;
  out["severity"] = severity(d);
  out["message"] = d.message;
  put_place(out, sources, d.span);
  out["label"] = d.label;
  out["labels"] = Json::array();
  for (const Label& l : d.others) {
    Json label;
    put_place(label, sources, l.span);
    label["label"] = l.text;
    out["labels"].push_back(std::move(label));
  }
  out["notes"] = d.notes;
  out["help"] = d.help;
  out["fix"] = Json::array();
  for (const Edit& e : d.fix) {
    Json edit;
    put_place(edit, sources, e.span);
    edit["begin"] = e.span.begin;
    edit["end"] = e.span.end;
    edit["replacement"] = e.replacement;
    out["fix"].push_back(std::move(edit));
  }
  out["data"] = nullptr;
  if (d.data) out["data"] = {{"file", d.data->file}, {"row", d.data->row}, {"column", d.data->column}, {"value", d.data->value}};
  out["rendered"] = render(d, sources);
  return dump(out, -1);
}

}  // namespace mlp::diag
