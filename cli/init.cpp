#include <algorithm>
#include <iostream>

#include "base/codes/command.h"
#include "base/files.h"
#include "cli/cli.h"
#include "compiler/format/format.h"
#include "compiler/ir/common/types.h"
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

// The target, as the spec writes it; "" when its model has none.
std::string predicted(const std::string& spec) {
  const std::size_t line = spec.find("  predict ");
  if (line == std::string::npos) return {};
  const std::size_t start = spec.find_first_not_of(' ', line + 10);
  return spec.substr(start, spec.find(" from ", start) - start);
}

std::vector<std::string> models() {
  const auto& words = ir::enum_words<ModelKind>::words;
  return {std::begin(words), std::end(words)};
}

}  // namespace

void add_init(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::string data, model = "gbdt", predict, measure, output; bool force = false; };
  auto args = std::make_shared<Args>();
  app.add_option("DATA", args->data, "a data file: csv, csv.gz, parquet or jsonl")->required();
  app.add_option("--predict", args->predict, "the column to predict (default: the last that can be)");
  app.add_option("--model", args->model, "gbdt (the default), linear or forest; kmeans (clusters) or isolation_forest (anomalies), which predict no column")->check(CLI::IsMember(models()));
  app.add_option("--measure", args->measure, "the column that kmeans or isolation_forest is measured against; it never learns from it");
  app.add_option("-o,--output", args->output, "the spec to write (default: standard output)");
  app.add_flag("-f,--force", args->force, "overwrite the output");
  app.footer("Examples:\n  mlp init customers.csv --predict Churn --output churn.mlp\n  mlp init houses.csv > houses.mlp\n  mlp init cards.csv --model isolation_forest --measure is_fraud");
  run = [&globals, args] {
    const std::vector<std::string> known = models();
    const auto model = static_cast<ModelKind>(std::find(known.begin(), known.end(), args->model) - known.begin());
    const std::string spec = canonical(engine::write_spec(args->data, {model, args->predict, args->measure, args->output.empty() ? "." : engine::directory_of(args->output)}));
    if (args->output.empty()) {
      std::cout << spec;
      return 0;
    }
    if (std::filesystem::exists(args->output) && !args->force)
      throw Failure(code::write_failed, "`" + args->output + "` exists already", "name another file with `--output`, or overwrite it with `--force`");
    write_whole(args->output, spec);
    const std::string target = predicted(spec), choice = args->predict.empty() ? " (--predict COLUMN chooses another)" : "";
    if (!globals.quiet) std::cerr << "wrote " << args->output << ", which " << (target.empty() ? "predicts no column: " + args->model : "predicts " + target + choice) << "; next: mlp train " << args->output << '\n';
    return 0;
  };
}

}  // namespace mlp::cli
