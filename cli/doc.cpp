// Reference pages in Markdown: of the standard library, written from its files and the table of builtins, and of a spec.
#include <iostream>
#include <sstream>

#include "cli/cli.h"
#include "compiler/format/format.h"
#include "compiler/parse/parse.h"
#include "stdlib/builtins/builtins.h"
#include "stdlib/builtins/tensors.h"
#include "stdlib/stdlib.h"

namespace mlp::cli {
namespace {

std::string cell(std::string_view text) {  // `|` ends a cell, and a row is one line
  std::string out;
  for (const char c : text) {
    if (c == '\n') out += ' ';
    else if (c == '|') out += "\\|";
    else out += c;
  }
  return out;
}
std::string code_cell(std::string_view text) { return text.empty() ? "" : "`" + cell(text) + "`"; }
std::string added(std::string list, const std::string& one) { return list.empty() ? one : list + "<br>" + one; }

class Writer {
 public:
  Writer(const SourceMap& sources, const ast::File& file) : sources_(sources), file_(file) {}

  // A row for each function, loss and layer: how it is called, what it does, examples.
  std::string functions() const {
    if (file_.functions.empty() && file_.losses.empty() && file_.layers.empty()) return {};
    std::string out = "| | | |\n| --- | --- | --- |\n";
    const auto row = [&](const ast::Function& f, const std::string& before, const std::string& after) {
      std::string doc = f.head.description, examples;
      std::istringstream lines(f.head.doc);
      for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("example")) examples = added(examples, code_cell(line.substr(line.starts_with("example: ") ? 9 : 8)));
        else doc += (doc.empty() ? "" : " ") + line;
      }
      out += "| " + code_cell(before + signature(f) + after) + " | " + cell(doc) + " | " + examples + " |\n";
    };
    for (const ast::Function& f : file_.functions) row(f, "", "");
    for (const ast::Layer& l : file_.layers) row(l, "layer ", "");
    for (const ast::Loss& l : file_.losses) row(l.function, "loss ", l.link.empty() ? "" : " link " + l.link);
    return out;
  }

  std::string spec() const {
    std::string out;
    for (const ast::Pipeline& p : file_.pipelines) out += "# " + p.head.name + "\n" + about(p.head);
    for (const ast::Schema& schema : file_.schemas) {
      out += "\n## Schema " + schema.head.name + "\n" + about(schema.head) + "\n| column | type | rules | |\n| --- | --- | --- | --- |\n";
      for (const ast::Field& f : schema.columns) {
        std::string rules;
        for (const ast::Constraint& c : f.constraints) rules = added(rules, code_cell(text(c.span)));
        for (const ast::Attribute& a : f.attributes) rules = added(rules, "`@" + a.name + "`");
        out += "| " + code_cell(f.name + (f.last_name.empty() ? "" : ".." + f.last_name)) + " | " + code_cell(text(f.type.span)) + " | " + rules + " | " + cell(joined(f.description, f.doc)) + " |\n";
      }
    }
    for (const ast::Source& s : file_.sources) out += "\n## Source " + s.head.name + "\n" + about(s.head) + "\n" + code_cell(text(s.reader)) + ", rows of `" + s.schema + "`\n";
    for (const ast::Features& features : file_.features) {
      out += "\n## Features " + features.head.name + "\n" + about(features.head) + "\nFrom `" + features.source + "`.\n\n| feature | value | |\n| --- | --- | --- |\n";
      for (const ast::FeatureEntry& e : features.entries) out += "| " + code_cell(e.name.empty() ? text(e.value) : e.name) + " | " + (e.name.empty() ? "" : code_cell(text(e.value))) + " | " + cell(joined(e.description, e.doc)) + " |\n";
    }
    if (const std::string rows = functions(); !rows.empty()) out += "\n## Functions\n\n" + rows;
    for (const ast::Model& m : file_.models) {
      out += "\n## Model " + m.head.name + "\n" + about(m.head) + "\n" + code_cell(m.kind) + (m.target.known() ? ", predicts " + code_cell(text(m.target)) + " from `" + m.features + "`" : "") + "\n";
      if (!m.settings.empty()) out += "\n| setting | value |\n| --- | --- |\n";
      for (const ast::Setting& s : m.settings) out += "| " + code_cell(s.name) + " | " + code_cell(text(s.value)) + " |\n";
    }
    for (const ast::Test& t : file_.tests) {
      out += "\n## Tests of " + t.head.name + "\n" + about(t.head) + "\n";
      for (const ast::Gate& g : t.gates) out += "- " + code_cell(text(g.span)) + "\n";
    }
    while (out.starts_with('\n')) out.erase(0, 1);
    return out;
  }

 private:
  std::string text(Span span) const {  // on one line
    std::string out;
    for (const char c : sources_.text(span)) {
      if (c != ' ' && c != '\n' && c != '\t' && c != '\r') out += c;
      else if (!out.ends_with(' ')) out += ' ';
    }
    return out;
  }
  std::string text(ast::ExprId id) const { return text(file_[id].span); }
  static std::string joined(const std::string& description, const std::string& doc) { return description + (description.empty() || doc.empty() ? "" : " ") + doc; }
  static std::string about(const ast::Head& head) {
    const std::string words = joined(head.description, head.doc);
    return words.empty() ? "" : words + "\n";
  }
  std::string signature(const ast::Function& f) const {
    std::string out = format_name(f.head.name) + "(";
    for (const ast::Parameter& p : f.parameters) {
      if (&p != &f.parameters[0]) out += ", ";
      out += format_name(p.name) + ": " + text(p.type.span) + (p.fallback.known() ? " = " + text(p.fallback) : "");
    }
    return out + ")" + (f.result.name.empty() ? "" : " -> " + text(f.result.span));
  }

  const SourceMap& sources_;
  const ast::File& file_;
};

std::string builtin_table(BuiltinKind kind) {
  std::string out = "| | | |\n| --- | --- | --- |\n";
  const auto& rows = builtins();
  for (std::size_t i = 0; i < rows.size();) {
    if (rows[i].kind != kind) {
      ++i;
      continue;
    }
    std::string signatures, examples;
    const Builtin& first = rows[i];
    for (; i < rows.size() && rows[i].kind == kind && rows[i].name == first.name && rows[i].doc == first.doc; ++i) {  // the overloads of a name
      signatures = added(signatures, "`" + std::string(rows[i].name) + std::string(rows[i].signature) + "`");
      if (!rows[i].example.empty()) examples = added(examples, code_cell(rows[i].example));
    }
    out += "| " + signatures + " | " + cell(first.doc) + " | " + examples + " |\n";
  }
  return out;
}

std::string library_page() {
  std::string out =
      "# Functions\n\n"
      "Written by `mlp doc` from the tables of `stdlib/builtins` and the files of `stdlib/`; a test keeps this page in step, and runs every example\n"
      "through the whole compiler. `T?` may be null; a function of a null is null, but where `T?` is a parameter. An example `over v = [...]` is\n"
      "fitted on these rows.\n\n"
      "## The library, in the language\n";
  SourceMap sources;
  for (const LibraryFile& library : library_files()) {
    Diagnostics faults;
    const std::int32_t source = sources.add(std::string(library.name), std::string(library.text));
    const ast::File file = parse(sources, source, faults);
    // The comment in the first line says what the file is about.
    const std::string_view title = sources.line(source, 1);
    out += "\n### " + std::string(library.name.substr(0, library.name.rfind('.'))) + "\n" + std::string(title.substr(title.find_first_not_of("/ "))) + "\n\n" + Writer(sources, file).functions();
  }
  out += "\n## Built in\n";
  out += "\n### functions of a row\n\n" + builtin_table(BuiltinKind::function);
  out += "\n### aggregates over the train rows\n\n" + builtin_table(BuiltinKind::aggregate);
  out += "\n### fitted tables, for `code` and `lookup`\n\n" + builtin_table(BuiltinKind::table);
  out += "\n### functions of tensors, in layers\n\nBeside them the functions of floats work element by element.\n\n| | |\n| --- | --- |\n";
  for (const TensorFunction& f : tensor_functions()) out += "| " + code_cell(std::string(f.name) + std::string(f.signature)) + " | " + cell(f.doc) + " |\n";
  return out;
}

}  // namespace

void add_doc(CLI::App& app, Globals& globals, Action& run) {
  auto spec = std::make_shared<std::string>();
  app.add_option("SPEC", *spec, "a spec to document; without one, the standard library");
  app.footer("Writes Markdown: the functions with their examples, or the columns, features, functions and tests of a spec with what is\nsaid about them in `///` lines and descriptions.\n\nExamples:\n  mlp doc >stdlib.md\n  mlp doc telco-churn.mlp");
  run = [&globals, spec] {
    if (spec->empty()) {
      std::cout << library_page();
      return 0;
    }
    SourceMap sources;
    Diagnostics faults;
    const ast::File file = parse(sources, sources.add(*spec, read_spec(*spec)), faults);
    if (faults.has_errors()) {
      report(faults.all(), sources, globals);
      return exit_code(faults.all());
    }
    std::cout << Writer(sources, file).spec();
    return 0;
  };
}

}  // namespace mlp::cli
