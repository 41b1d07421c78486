// A spec through parse and check, and the specs of tests/check.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "compiler/check/check.h"
#include "base/render.h"
#include "compiler/parse/parse.h"
#include "stdlib/builtins/builtins.h"
#include "stdlib/stdlib.h"

namespace mlp {

namespace fs = std::filesystem;

// The standard library, parsed once for all tests.
struct Library {
  SourceMap sources;
  std::vector<ast::File> files;
};
inline const Library& library() {
  static const Library parsed = [] {
    Library l;
    Diagnostics diagnostics;
    for (const LibraryFile& part : library_files()) {
      const std::int32_t id = l.sources.add(std::string(part.name), std::string(part.text));
      l.files.push_back(parse(l.sources, id, diagnostics));
    }
    return l;
  }();
  return parsed;
}

struct Checked {
  SourceMap sources;
  Diagnostics diagnostics;
  sem::Module module;

  explicit Checked(std::string name, std::string text) : sources(library().sources) {
    spec = sources.add(std::move(name), std::move(text));
    const ast::File file = parse(sources, spec, diagnostics);
    if (!diagnostics.has_errors()) module = check(sources, file, library().files, diagnostics);
  }
  std::int32_t spec = 0;

  std::vector<std::string> findings() const {
    std::vector<std::string> out;
    for (const Diagnostic& d : diagnostics.all()) {
      const LineColumn at = d.span.known() ? sources.locate(d.span.source, d.span.begin) : LineColumn{0, 0};
      std::string one = info(d.code).code + (" " + std::to_string(at.line)) + ":" + std::to_string(at.column);
      if (d.span.source != spec) one += " in another file";
      out.push_back(std::move(one));
    }
    return out;
  }
  std::string text() const {
    std::string out;
    for (const Diagnostic& d : diagnostics.all()) out += render(d, sources);
    return out;
  }
};

inline std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

inline std::vector<std::string> expected(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line) && line.starts_with("// expect: ");) out.push_back(line.substr(11));
  return out;
}

inline std::vector<fs::path> specs(bool failing) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(MLP_SOURCE_DIR "/tests/check"))
    if (entry.path().extension() == ".mlp" && entry.path().filename().string().starts_with("fail_") == failing) out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

// Every call of a module has exactly the types of a row in the table of builtins.
inline void expect_exact_calls(const sem::Module& m) {
  for (const ir::Expr& e : m.exprs) {
    if (e.op != ir::ExprOp::call && e.op != ir::ExprOp::aggregate && e.op != ir::ExprOp::table) continue;
    std::vector<BuiltinType> types;
    for (const ir::ExprId id : e.args) types.push_back({m[id].op == ir::ExprOp::table ? BuiltinShape::table : BuiltinShape::scalar, m[id].type});
    bool exact = false;
    const Builtin* row = resolve_builtin(e.callee, types, &exact);
    ASSERT_NE(row, nullptr) << e.callee;
    EXPECT_TRUE(exact) << e.callee;
    EXPECT_EQ(types.size(), row->parameters.size()) << e.callee;
    if (e.op == ir::ExprOp::table || row->result.shape != BuiltinShape::scalar) continue;
    EXPECT_EQ(e.type.scalar, row->result.type.scalar) << e.callee;
  }
}

}  // namespace mlp
