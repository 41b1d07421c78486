#include "compiler/driver/driver.h"

#include <algorithm>

#include "compiler/check/check.h"
#include "compiler/lower/lower.h"
#include "compiler/parse/parse.h"
#include "compiler/plan/plan.h"
#include "stdlib/stdlib.h"

namespace mlp::driver {
namespace {

// The standard library as parsed. Its sources follow the spec's in every SourceMap, so spans stay valid.
std::vector<ast::File> parse_library(SourceMap& sources) {
  std::vector<ast::File> files;
  for (const LibraryFile& file : library_files()) {
    const std::int32_t source = sources.add(std::string("stdlib/") + std::string(file.name), std::string(file.text));
    Diagnostics faults;
    files.push_back(parse(sources, source, faults));
    if (faults.has_errors()) MLP_BUG("the standard library does not parse: " + faults.all().front().message);
  }
  return files;
}

void clear_spans(std::vector<ir::Expr>& exprs) {
  for (ir::Expr& e : exprs) e.span = {};
}

}  // namespace

const std::vector<Phase>& phases() {
  static const std::vector<Phase> list = {
      {"parse", "ast: what was written"},
      {"check", "sem: what it means"},
      {"plan", "flow: what will run"},
      {"lower", "loop: how it runs"},
      {"codegen", "machine code"},
  };
  return list;
}

Unit compile(const std::string& name, std::string text, const Options& options) {
  Unit unit;
  const std::int32_t source = unit.sources.add(name, std::move(text));
  const auto done = [&](const char* phase) { return !unit.ok() || options.stop_after == phase; };

  unit.file = parse(unit.sources, source, unit.diagnostics);
  if (options.passes.verify && unit.ok())
    for (const std::string& fault : ast::verify(unit.file)) MLP_BUG("ast after parse: " + fault);
  if (done("parse")) return unit;

  unit.module = check(unit.sources, unit.file, parse_library(unit.sources), unit.diagnostics);
  if (options.passes.verify && unit.ok())
    for (const std::string& fault : sem::verify(unit.module)) MLP_BUG("sem after check: " + fault);
  if (done("check")) return unit;

  unit.program = plan(unit.module, options.passes);
  if (done("plan")) return unit;

  unit.loops = lower(unit.program, options.passes);
  return unit;
}

const std::vector<std::string>& printable() {
  static const std::vector<std::string> list = {"ast", "sem", "flow", "loop", "llvm", "asm"};
  return list;
}

std::string print(const Unit& unit, const std::string& what, const codegen::Options& options) {
  if (what == "ast") return ast::print(unit.file);
  if (what == "sem") return sem::print(unit.module);
  if (what == "flow") return flow::print(unit.program);
  if (what == "loop") return loop::print(unit.loops);
  if (what == "llvm") return codegen::print_llvm(unit.loops, options);
  if (what == "asm") return codegen::print_asm(unit.loops, options);
  MLP_BUG("nothing prints `" + what + "`");
}

std::string training_identity(const flow::Program& program) {
  flow::Program bare = program;
  clear_spans(bare.exprs);
  bare.description.clear();
  bare.gates.clear();
  bare.deploy = {};
  bare.source.span = bare.split.span = bare.model.span = bare.model.target_span = {};
  for (Column& column : bare.columns) {
    column.span = {};
    column.description.clear();
  }
  for (ir::Feature& feature : bare.features) {
    feature.span = {};
    feature.description.clear();
  }
  for (flow::Aggregate& aggregate : bare.aggregates) aggregate.span = {};
  bare.expectations.clear();
  return flow::print(bare);
}

}  // namespace mlp::driver
