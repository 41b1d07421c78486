#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>

#include "cli/cli.h"

namespace mlp::cli {
namespace {

score::Format format_of(const std::string& name, const std::string& file, score::Format fallback) {
  if (name == "csv") return score::Format::csv;
  if (name == "jsonl") return score::Format::jsonl;
  const std::string extension = std::filesystem::path(file).extension().string();
  if (extension == ".jsonl" || extension == ".ndjson") return score::Format::jsonl;
  return extension == ".csv" ? score::Format::csv : fallback;
}

}  // namespace

void add_score(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::string what, input, output, from, to; int threads = default_threads(); };
  auto args = std::make_shared<Args>();
  app.add_option("SPEC", args->what, "a spec (its newest run, or trained first), a package file or a run")->required();
  app.add_option("-i,--input", args->input, "rows to score (default: standard input)");
  app.add_option("-o,--output", args->output, "where predictions go (default: standard output)");
  app.add_option("--from", args->from, "csv or jsonl (default: by the input's name, else csv)")->check(CLI::IsMember(std::vector<std::string>{"csv", "jsonl"}));
  app.add_option("--to", args->to, "csv or jsonl (default: by the output's name, else csv)")->check(CLI::IsMember(std::vector<std::string>{"csv", "jsonl"}));
  app.add_option("--threads", args->threads, "threads for training, where it is needed")->check(CLI::Range(1, 1024));
  app.footer("A row for each input row, in order: prediction, then p_<label> for each class. The artifact prints the same.\n\nExamples:\n  mlp score telco-churn.mlp --input new.csv > predictions.csv\n  cat rows.jsonl | mlp score latest --from jsonl --to jsonl");
  run = [&globals, args] {
    const Subject subject = resolve(args->what, globals, args->threads);
    score::StreamOptions options;
    options.from = format_of(args->from, args->input, score::Format::csv);
    options.to = format_of(args->to, args->output, score::Format::csv);
    options.input_name = args->input.empty() || args->input == "-" ? "standard input" : args->input;
    int in = 0, out = 1;
    if (!args->input.empty() && args->input != "-") {
      in = ::open(args->input.c_str(), O_RDONLY | O_CLOEXEC);
      if (in < 0) throw Failure(errno == ENOENT ? Code::file_not_found : Code::file_unreadable, "cannot open `" + args->input + "`: " + std::strerror(errno));
    }
    if (!args->output.empty() && args->output != "-") {
      out = ::open(args->output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
      if (out < 0) throw Failure(Code::write_failed, "cannot write `" + args->output + "`: " + std::strerror(errno));
    }
    score::stream(*subject.loaded.engine, in, out, options);
    if (out != 1 && ::close(out) != 0) throw Failure(Code::write_failed, "cannot write `" + args->output + "`: " + std::strerror(errno));
    return 0;
  };
}

}  // namespace mlp::cli
