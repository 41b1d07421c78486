#include <iostream>

#include "base/codes/command.h"
#include "base/files.h"
#include "cli/cli.h"
#include "cli/text_diff.h"
#include "compiler/format/format.h"
#include "compiler/parse/parse.h"

namespace mlp::cli {
void add_fmt(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::vector<std::string> specs; bool check = false, diff = false; };
  auto args = std::make_shared<Args>();
  app.add_option("SPEC", args->specs, "spec files; - reads standard input and writes standard output")->required();
  app.add_flag("--check", args->check, "change nothing; exit 1 when a file is not in canonical form");
  app.add_flag("--diff", args->diff, "change nothing; show what would change");
  app.footer("There are no options of style. Comments stay.\n\nExamples:\n  mlp fmt telco-churn.mlp\n  mlp fmt --check specs/*.mlp");
  run = [&globals, args] {
    Diagnostics findings;
    for (const std::string& path : args->specs) {
      SourceMap sources;
      Diagnostics faults;
      const std::string before = read_spec(path);
      const std::int32_t source = sources.add(path, before);
      const ast::File file = parse(sources, source, faults);
      if (faults.has_errors()) {
        report(faults.all(), sources, globals);
        return exit_code(faults.all());
      }
      const std::string after = format(sources, file);
      if (args->diff) std::cout << text_diff(path, before, after);
      if (args->check || args->diff) {
        if (after != before) findings.report(code::not_formatted, "`" + path + "` is not in canonical form").suggest("run `mlp fmt " + path + "`");
      } else if (path == "-") {
        std::cout << after;
      } else if (after != before) {
        write_whole(path, after);
      }
    }
    report(findings.all(), {}, globals);
    return args->check ? exit_code(findings.all()) : 0;
  };
}

}  // namespace mlp::cli
