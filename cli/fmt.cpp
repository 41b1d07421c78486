#include <iostream>

#include "base/codes/command.h"
#include "base/files.h"
#include "cli/cli.h"
#include "compiler/format/format.h"
#include "compiler/parse/parse.h"

namespace mlp::cli {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}

// Lines taken away and added, by a longest common subsequence. Specs are small.
std::string difference(const std::string& name, const std::string& before, const std::string& after) {
  const std::vector<std::string> a = lines_of(before), b = lines_of(after);
  std::vector<std::vector<int>> common(a.size() + 1, std::vector<int>(b.size() + 1, 0));
  for (std::size_t i = a.size(); i-- > 0;)
    for (std::size_t j = b.size(); j-- > 0;) common[i][j] = a[i] == b[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
  std::string out = "--- " + name + "\n+++ " + name + " (formatted)\n";
  for (std::size_t i = 0, j = 0; i < a.size() || j < b.size();) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      ++i, ++j;
    } else if (j < b.size() && (i == a.size() || common[i][j + 1] > common[i + 1][j])) {
      out += "@@ line " + std::to_string(j + 1) + "\n+" + b[j] + "\n";
      ++j;
    } else {
      out += "@@ line " + std::to_string(i + 1) + "\n-" + a[i] + "\n";
      ++i;
    }
  }
  return out;
}

}  // namespace

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
      if (args->diff && after != before) std::cout << difference(path, before, after);
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
