#include <iostream>
#include <set>

#include "base/codes/command.h"
#include "base/files.h"
#include "cli/cli.h"
#include "cli/text_diff.h"
#include "compiler/diag/fix.h"
#include "compiler/diag/report.h"

namespace mlp::cli {
namespace {

driver::Unit check(const std::string& path, std::string text, driver::Options options) {
  options.stop_after = "check";
  return driver::compile(path, std::move(text), options);
}

bool parses(const driver::Unit& unit) {
  return std::none_of(unit.diagnostics.all().begin(), unit.diagnostics.all().end(), [](const Diagnostic& d) { return std::string_view(info(d.code).code).starts_with("E01"); });
}

// Applies what is certain and checks again, until nothing is left to apply: a mended name may show the next finding. A round
// that breaks the syntax, or leads back to a text that was there before, is not taken.
driver::Unit fix(driver::Unit unit, const std::string& path, const driver::Options& options, std::vector<std::string>& done) {
  std::set<std::string> seen{std::string(unit.sources.text(0))};
  for (;;) {
    diag::Fixed fixed = diag::apply_fixes(unit.diagnostics.all(), unit.sources, 0);
    if (fixed.applied.empty() || !seen.insert(fixed.text).second) return unit;
    driver::Unit after = check(path, std::move(fixed.text), options);
    if (parses(unit) && !parses(after)) return unit;
    for (const Diagnostic* d : fixed.applied) {
      const LineColumn at = unit.sources.locate(0, d->span.begin);
      done.push_back(path + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": " + info(d->code).code + " " + d->message);
    }
    unit = std::move(after);
  }
}

}  // namespace

void add_check(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::vector<std::string> specs; bool json = false, fix = false, diff = false; std::string format = "text"; };
  auto args = std::make_shared<Args>();
  app.add_option("SPEC", args->specs, "spec files; - is standard input")->required();
  add_set(app, globals);
  app.add_flag("--json", args->json, "one JSON object a finding, on standard output");
  app.add_option("--format", args->format, "how findings are written: text to standard error, all others to standard output")->check(CLI::IsMember(diag::formats()));
  app.add_flag("--fix", args->fix, "apply the fixes that are certain, and check again");
  app.add_flag("--diff", args->diff, "with --fix: write nothing, show what would change");
  app.footer("Each finding names file:line:column, what was seen and what to do. No data is read.\n\nExamples:\n  mlp check telco-churn.mlp\n  mlp check --fix --diff telco-churn.mlp\n  mlp check --format=sarif specs/*.mlp >findings.sarif");
  run = [&globals, args] {
    if (args->diff && !args->fix) throw Failure(code::bad_usage, "`--diff` goes with `--fix`", "`mlp check --fix --diff SPEC`");
    const diag::Format format = args->json ? diag::Format::json : diag::read_format(args->format);
    const bool text = format == diag::Format::text;
    int code = 0;
    std::int64_t errors = 0, warnings = 0;
    const driver::Options options = spec_options(globals);
    std::vector<driver::Unit> units;
    units.reserve(args->specs.size());  // findings point to their sources
    std::vector<diag::Findings> all;
    for (const std::string& spec : args->specs) {
      if (args->fix && !args->diff && spec == "-") throw Failure(code::bad_usage, "`--fix` writes files, and `-` is none", "`--fix --diff` shows what would change");
      driver::Unit unit = check(spec, read_spec(spec), options);
      if (args->fix) {
        const std::string before(unit.sources.text(0));
        std::vector<std::string> done;
        unit = fix(std::move(unit), spec, options, done);
        const std::string after(unit.sources.text(0));
        if (args->diff) std::cout << text_diff(spec, before, after);
        else if (after != before) write_whole(spec, after);
        if (!globals.quiet)
          for (const std::string& line : done) std::cerr << (args->diff ? "would fix " : "fixed ") << line << '\n';
      }
      for (const Diagnostic& d : unit.diagnostics.all()) ++(info(d.code).severity == Severity::error ? errors : warnings);
      if (text) report(unit.diagnostics.all(), unit.sources, globals);
      code = std::max(code, exit_code(unit.diagnostics.all()));
      units.push_back(std::move(unit));
      all.push_back({spec, &units.back().sources, units.back().diagnostics.all()});
    }
    std::cout << diag::report(all, format);
    if (text && !globals.quiet) {
      if (errors + warnings == 0) std::cerr << "ok: " << args->specs.size() << (args->specs.size() == 1 ? " spec" : " specs") << ", no findings\n";
      else std::cerr << errors << (errors == 1 ? " error, " : " errors, ") << warnings << (warnings == 1 ? " warning\n" : " warnings\n");
    }
    return code;
  };
}

}  // namespace mlp::cli
