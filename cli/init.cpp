#include <iostream>

#include "base/codes/command.h"
#include "base/files.h"
#include "cli/cli.h"
#include "compiler/format/format.h"
#include "compiler/parse/parse.h"
#include "engine/init.h"

namespace mlp::cli {
namespace {

std::string canonical(const std::string& spec) {
  SourceMap sources;
  Diagnostics faults;
  const ast::File file = parse(sources, sources.add("spec", spec), faults);
  if (faults.has_errors()) MLP_BUG("the spec of `mlp init` does not parse: " + faults.all().front().message);
  return format(sources, file);
}

// The target, as the spec writes it.
std::string predicted(const std::string& spec) {
  const std::size_t start = spec.find_first_not_of(' ', spec.find("  predict ") + 10);
  return spec.substr(start, spec.find(" from ", start) - start);
}

}  // namespace

void add_init(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::string data, predict, output; bool force = false; };
  auto args = std::make_shared<Args>();
  app.add_option("DATA", args->data, "a data file: csv, csv.gz, parquet or jsonl")->required();
  app.add_option("--predict", args->predict, "the column to predict (default: the last that can be)");
  app.add_option("-o,--output", args->output, "the spec to write (default: standard output)");
  app.add_flag("-f,--force", args->force, "overwrite the output");
  app.footer("Examples:\n  mlp init customers.csv --predict Churn --output churn.mlp\n  mlp init houses.csv > houses.mlp");
  run = [&globals, args] {
    const std::string spec = canonical(engine::write_spec(args->data, args->predict, args->output.empty() ? "." : engine::directory_of(args->output)));
    if (args->output.empty()) {
      std::cout << spec;
      return 0;
    }
    if (std::filesystem::exists(args->output) && !args->force)
      throw Failure(code::write_failed, "`" + args->output + "` exists already", "name another file with `--output`, or overwrite it with `--force`");
    write_whole(args->output, spec);
    if (!globals.quiet) std::cerr << "wrote " << args->output << ", which predicts " << predicted(spec) << (args->predict.empty() ? " (--predict COLUMN chooses another)" : "") << "; next: mlp train " << args->output << '\n';
    return 0;
  };
}

}  // namespace mlp::cli
