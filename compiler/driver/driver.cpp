#include "compiler/driver/driver.h"
#include "compiler/driver/sources.h"

#include <algorithm>

#include "base/codes/command.h"
#include "base/codes/types.h"
#include "base/installed.h"
#include "base/timing.h"
#include "compiler/check/check.h"
#include "compiler/lower/lower.h"
#include "compiler/parse/parse.h"
#include "compiler/plan/plan.h"
#include "stdlib/stdlib.h"

namespace mlp::driver {
namespace {

void add_library(SourceMap& sources) {
  for (const LibraryFile& file : library_files()) sources.add("stdlib/" + std::string(file.name), std::string(file.text));
}

void clear_spans(std::vector<ir::Expr>& exprs) {
  for (ir::Expr& e : exprs) e.span = {};
}

}  // namespace

const std::vector<ast::File>& parsed_library() {
  static const std::vector<ast::File> files = [] {
    SourceMap sources;
    sources.add("", "");  // the place of the spec
    add_library(sources);
    std::vector<ast::File> parsed;
    for (std::size_t i = 1; i < sources.size(); ++i) {
      Diagnostics faults;
      parsed.push_back(parse(sources, static_cast<std::int32_t>(i), faults));
      if (faults.has_errors()) MLP_BUG("the standard library does not parse: " + faults.all().front().message);
    }
    return parsed;
  }();
  return files;
}

const Native& native() {
  static const Native& opened = [] -> const Native& {
    constexpr SharedLibrary library{"libmillrace-llvm.so", "the code generator", "install Millrace whole, and the package libllvm19", code::not_installed};
    return *static_cast<const Native*>(library_symbol(open_library(library), library, native_symbol));
  }();
  return opened;
}

namespace {

// Compiles the C of extern functions, which says what is wrong with it at its place.
void check_c(Unit& unit) {
  if (unit.module.externals.empty()) return;
  const auto kind = [](Scalar s) { return s == Scalar::real ? loop::Kind::f64 : s == Scalar::integer ? loop::Kind::i64 : loop::Kind::boolean; };
  std::vector<loop::External> externals;
  for (const ir::External& e : unit.module.externals) {
    loop::External external{"mlp_extern_" + e.name, e.name, e.file, e.text, {}, kind(e.result)};
    for (const Scalar s : e.parameters) external.parameters.push_back(kind(s));
    externals.push_back(std::move(external));
  }
  for (const codegen::CFault& fault : native().check_externals(externals)) {
    const ir::External& e = unit.module.externals[fault.external];
    std::int32_t source = -1;
    for (const ast::Function& f : unit.file.functions)
      if (f.head.name_span == e.span) source = f.source;
    using Kind = codegen::CFault::Kind;
    const Code code = fault.kind == Kind::broken ? code::external_code : fault.kind == Kind::impure ? code::external_impure : code::external_signature;
    Diagnostic& d = unit.diagnostics.report(code, fault.kind == Kind::broken ? "the C of `" + e.name + "` does not compile: " + fault.message : fault.message);
    const bool placed = fault.end > 0 && source >= 0;
    if (placed) d.at({source, static_cast<std::uint32_t>(fault.begin), static_cast<std::uint32_t>(fault.end)}, "here").also(e.span, "declared here");
    else d.at(e.span, "from `" + e.file + "`");
    d.suggest(fault.kind == Kind::broken ? "correct the C" : fault.kind == Kind::impure ? "make variables `const`, and call only what the file defines and `math.h` declares" : "correct the declaration, or the C");
  }
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
  unit.sources.add(name, std::move(text));
  unit.disabled = options.passes.disabled;
  const auto done = [&](const char* phase) { return !unit.ok() || options.stop_after == phase; };

  add_library(unit.sources);  // where the parsed library says that it stands
  timed("parse", [&] {
    load_sources(unit, options);
    if (unit.ok()) assign(unit, options.set, options.tuned);
  });
  if (options.passes.verify && unit.ok())
    for (const std::string& fault : ast::verify(unit.file)) MLP_BUG("ast after parse: " + fault);
  if (done("parse")) return unit;

  timed("standard library", [] { parsed_library(); });
  unit.module = timed("check", [&] { return check(unit.sources, unit.file, parsed_library(), unit.diagnostics); });
  if (options.passes.verify && unit.ok())
    for (const std::string& fault : sem::verify(unit.module)) MLP_BUG("sem after check: " + fault);
  if (unit.ok()) timed("check C", [&] { check_c(unit); });
  if (done("check")) return unit;

  unit.program = timed("plan", [&] { return plan(unit.module, options.passes); });
  if (done("plan")) return unit;

  unit.loops = timed("lower", [&] { return lower(unit.program, options.passes); });
  return unit;
}

Unit analyze(const std::string& name, std::string text, Meaning& meaning) {
  Unit unit;
  unit.sources.add(name, std::move(text));
  add_library(unit.sources);
  load_sources(unit, {});
  Diagnostics unsaid;
  unit.module = check(unit.sources, unit.file, parsed_library(), unit.ok() ? unit.diagnostics : unsaid, &meaning);
  try {
    if (unit.ok()) check_c(unit);
  } catch (const Failure&) {
    // No C compiler is installed: `mlp check` says so.
  }
  return unit;
}

const std::vector<std::string>& printable() {
  static const std::vector<std::string> list = {"ast", "sem", "flow", "loop", "llvm", "asm", "ptx"};
  return list;
}

std::string print(const Unit& unit, const std::string& what, const codegen::Options& options) {
  if (what == "ast") return ast::print(unit.file);
  if (what == "sem") return sem::print(unit.module);
  if (what == "flow") return flow::print(unit.program);
  if (what == "loop") return loop::print(unit.loops);
  if (what == "llvm") return native().print_llvm(unit.loops, options);
  if (what == "asm") return native().print_asm(unit.loops, options);
  if (what == "ptx") {
    if (!unit.loops.network.empty()) return native().device_code(unit.loops, 90).text;
    if (!unit.loops.find("features")) return "";
    const DeviceRows rows = native().device_rows(unit.loops, "features", 90);
    if (rows.text.empty())
      throw Failure(code::model_not_on_device, "no feature is computed on a GPU: each needs a text or a function of C, or is a column as it is", "`--emit=asm` shows the CPU's code");
    return rows.text;
  }
  MLP_BUG("nothing prints `" + what + "`");
}

std::string training_identity(const flow::Program& program) {
  flow::Program bare = program;
  clear_spans(bare.exprs);
  bare.description.clear();
  bare.gates.clear();
  bare.deploy = {};
  bare.source.span = bare.split.span = bare.model.span = bare.model.target_span = {};
  const auto clear = [](std::vector<Column>& columns) {
    for (Column& column : columns) {
      column.span = {};
      column.description.clear();
    }
  };
  clear(bare.columns);
  for (QuerySource& source : bare.query.sources) {
    source.source.span = {};
    clear(source.columns);
  }
  for (QueryStep& step : bare.query.steps) {
    step.span = {};
    step.expectations.clear();
    clear(step.columns);
  }
  for (ir::Feature& feature : bare.features) {
    feature.span = {};
    feature.description.clear();
  }
  for (flow::Aggregate& aggregate : bare.aggregates) aggregate.span = {};
  for (ir::External& external : bare.externals) external.span = {};
  bare.expectations.clear();
  bare.params.clear();  // their values stand where they are used
  for (Tune& tune : bare.tune) {
    tune.span = {};
    for (TuneRange& range : tune.ranges) range.span = {};
  }
  return flow::print(bare);
}

}  // namespace mlp::driver
