// The phases in order, each a finished value: parse → check → plan → lower → codegen. Stop after any, print any.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/diagnostic.h"
#include "compiler/check/meaning.h"
#include "compiler/ir/ast/ast.h"
#include "compiler/ir/flow/flow.h"
#include "compiler/ir/loop/loop.h"
#include "compiler/ir/sem/sem.h"
#include "compiler/native/native.h"
#include "compiler/pass/pass.h"

namespace mlp::driver {

struct Phase {
  const char* name;    // for --stop-after and --time-passes
  const char* makes;   // what it leaves behind
};
const std::vector<Phase>& phases();

struct Options {
  std::string stop_after;   // "" = lower, the last that needs no target
  PassOptions passes;
  std::vector<Assignment> set;     // params, by --set
  std::vector<Assignment> tuned;   // params and settings that the tune block has chosen; the block is then settled
  // The text of an imported file, by its path from the spec; throws Failure. Left out: read from disk.
  std::function<std::string(const std::string&)> read;
};

struct Imported {
  std::string path;         // from the spec
  std::int32_t source = -1;
  Span named;               // where it was first
};

// A spec on its way through the compiler. A later value is empty when its phase did not run.
struct Unit {
  SourceMap sources;        // 0 is the spec; the standard library follows, then what is imported and values of --set
  std::vector<Imported> imports;  // in the order of reading
  std::vector<std::string> disabled;  // passes that were left out
  Diagnostics diagnostics;
  ast::File file;
  sem::Module module;
  flow::Program program;
  loop::Module loops;
  bool ok() const { return !diagnostics.has_errors(); }
};

// `name` stands in messages. Stops at the first phase with errors; they are in unit.diagnostics.
Unit compile(const std::string& name, std::string text, const Options& options = {});

// The standard library as parsed, once. In the sources of every unit its files follow the spec, in this order.
const std::vector<ast::File>& parsed_library();

// What needs LLVM. It is opened with the first call. Throws Failure where it is not installed.
const Native& native();

// For editors: parses and checks, and says what names mean. What could be read of a text with syntax errors is checked too,
// without a word about it: the syntax comes first.
Unit analyze(const std::string& name, std::string text, Meaning& meaning);

// "ast", "sem", "flow", "loop", "llvm", "asm" or "ptx" (of a network or, without one, of features that a device computes, for compute capability 9.0; others are a Failure) of a unit that got that far.
const std::vector<std::string>& printable();
std::string print(const Unit& unit, const std::string& what, const codegen::Options& options);

// What training depends on: the program without spans, texts, tests, deployment and monitoring. Specs with the same
// identity train the same model from the same data.
std::string training_identity(const flow::Program& program);

}  // namespace mlp::driver
