#include <iostream>

#include "cli/cli.h"
#include "compiler/diag/render.h"

namespace mlp::cli {

void add_check(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::vector<std::string> specs; bool json = false; };
  auto args = std::make_shared<Args>();
  app.add_option("SPEC", args->specs, "spec files; - is standard input")->required();
  app.add_flag("--json", args->json, "one JSON object a finding, on standard output");
  app.footer("Each finding names file:line:column, what was seen and what to do. No data is read.\n\nExamples:\n  mlp check telco-churn.mlp\n  mlp check --json specs/*.mlp");
  run = [&globals, args] {
    int code = 0;
    std::int64_t errors = 0, warnings = 0;
    for (const std::string& spec : args->specs) {
      driver::Options options;
      options.stop_after = "check";
      const driver::Unit unit = driver::compile(spec, read_spec(spec), options);
      for (const Diagnostic& d : unit.diagnostics.all()) {
        ++(info(d.code).severity == Severity::error ? errors : warnings);
        if (args->json) std::cout << diag::json(d, unit.sources) << '\n';
      }
      if (!args->json) report(unit.diagnostics.all(), unit.sources, globals);
      code = std::max(code, exit_code(unit.diagnostics.all()));
    }
    if (!args->json && !globals.quiet) {
      if (errors + warnings == 0) std::cerr << "ok: " << args->specs.size() << (args->specs.size() == 1 ? " spec" : " specs") << ", no findings\n";
      else std::cerr << errors << (errors == 1 ? " error, " : " errors, ") << warnings << (warnings == 1 ? " warning\n" : " warnings\n");
    }
    return code;
  };
}

}  // namespace mlp::cli
