// A spec held in memory, parsed; what the tests of parser, formatter and renderer share.
#pragma once
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "base/render.h"
#include "compiler/format/format.h"
#include "compiler/parse/parse.h"

struct Spec {
  mlp::SourceMap sources;
  mlp::Diagnostics diagnostics;
  mlp::ast::File file;

  explicit Spec(std::string text, std::string name = "spec.mlp") {
    const std::int32_t source = sources.add(std::move(name), std::move(text));
    file = mlp::parse(sources, source, diagnostics);
  }
  bool good() const { return !diagnostics.has_errors(); }
  std::string formatted() const { return mlp::format(sources, file); }
  std::string text(mlp::Span span) const { return std::string(sources.text(span)); }
  // "E0101 3:7" for each finding, in order
  std::vector<std::string> findings() const {
    std::vector<std::string> out;
    for (const mlp::Diagnostic& d : diagnostics.all()) {
      const mlp::LineColumn at = sources.locate(d.span.source, d.span.begin);
      out.push_back(std::string(mlp::info(d.code).code) + " " + std::to_string(at.line) + ":" + std::to_string(at.column));
    }
    return out;
  }
  std::string rendered() const {
    std::string out;
    for (const mlp::Diagnostic& d : diagnostics.all()) out += mlp::render(d, sources);
    return out;
  }
};

// The ast as text without places and comments: what formatting must not change.
inline std::string meaning(const mlp::ast::File& file) {
  std::istringstream in(mlp::ast::print(file));
  std::string out, line;
  while (std::getline(in, line)) {
    if (line.starts_with("comment ")) continue;
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (quoted && line[i] == '\\') {
        out += line[i++];
        out += line[i];
        continue;
      }
      if (line[i] == '"') quoted = !quoted;
      if (!quoted && line[i] == '@') {
        while (i + 1 < line.size() && std::string_view("0123456789:-").find(line[i + 1]) != std::string_view::npos) ++i;
        continue;
      }
      out += line[i];
    }
    out += '\n';
  }
  return out;
}

// What must hold of every text that parses. Returns the breach, or "".
inline std::string breach_of(const std::string& text) {
  const Spec first(text);
  for (const std::string& line : mlp::ast::verify(first.file)) return "verify: " + line;
  const std::string printed = mlp::ast::print(first.file);
  if (mlp::ast::print(mlp::ast::parse_text(printed)) != printed) return "the ast text does not parse back";
  if (!first.good()) return "";
  const Spec second(first.formatted());
  if (!second.good()) return "the formatted text does not parse:\n" + first.formatted() + second.rendered();
  if (meaning(second.file) != meaning(first.file)) return "formatting changed the meaning:\n" + first.formatted();
  if (second.formatted() != first.formatted()) return "formatting is not stable:\n" + first.formatted() + "----\n" + second.formatted();
  if (second.file.comments.size() != first.file.comments.size()) return "a comment was lost:\n" + first.formatted();
  return "";
}

inline std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}
