#include <iostream>

#include "base/codes/command.h"
#include "cli/cli.h"
#include "engine/device.h"
#include "runtime/device/cuda.h"

namespace mlp::cli {

void add_score(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::string what, input, output, from, to, device = "cpu"; int threads = cores(); bool features = false; };
  auto args = std::make_shared<Args>();
  app.add_option("SPEC", args->what, "a spec (its newest run, or trained first), a package file or a run")->required();
  add_set(app, globals);
  app.add_option("-i,--input", args->input, "rows to score (default: standard input)");
  app.add_option("-o,--output", args->output, "where predictions go, whole or not at all (default: standard output)");
  app.add_option("--from", args->from, "csv or jsonl (default: by the input's name, else csv)")->check(CLI::IsMember(std::vector<std::string>{"csv", "jsonl"}));
  app.add_option("--to", args->to, "csv or jsonl (default: by the output's name, else csv)")->check(CLI::IsMember(std::vector<std::string>{"csv", "jsonl"}));
  app.add_flag("--features", args->features, "write what the model saw behind each prediction, too");
  app.add_option("--threads", args->threads, "threads that read and score, and that train where it is needed (default: one a core)")->check(CLI::Range(1, 1024));
  app.add_option("--device", args->device, "cpu, or cuda: the model, and the features that need no texts, on the first NVIDIA GPU; trees give the same bytes, networks differ by rounding (default: cpu)")->check(CLI::IsMember(std::vector<std::string>{"cpu", "cuda"}));
  app.footer("A row for each input row, in order: prediction, then p_<label> for each class. The artifact prints the same.\n\nExamples:\n  mlp score telco-churn.mlp --input new.csv > predictions.csv\n  cat rows.jsonl | mlp score latest --from jsonl --to jsonl");
  run = [&globals, args] {
    std::error_code ignored;
    if (!args->output.empty() && (std::filesystem::path(args->output).extension() == ".mlp" || std::filesystem::equivalent(args->input, args->output, ignored)))
      throw Failure(code::bad_usage, "`" + args->output + "` would overwrite a spec or the input", "name another file with `--output`");
    const Subject subject = resolve(args->what, globals, args->threads);
    score::StreamOptions options;
    options.from = score::format_of(args->from, args->input);
    options.to = score::format_of(args->to, args->output);
    options.features = args->features;
    options.threads = args->threads;
    options.warn = [&globals](const Diagnostic& d) { report({d}, {}, globals); };
    std::unique_ptr<codegen::Compiled> rest;       // of the features, what is not computed on the device
    if (args->device == "cuda") {
      const auto open = [&] {
        std::unique_ptr<device::CudaDevice> device = device::open_cuda();
        if (!globals.quiet) std::cerr << "device: " << device->describe() << '\n';
        return device;
      };
      rest = engine::score_on_device(subject.loaded, open, [&](const std::string& what) {
        if (!globals.quiet) std::cerr << "on it: " << what << '\n';
      });
    }
    score::stream_files(*subject.loaded.engine, args->input, args->output, options);
    return 0;
  };
}

}  // namespace mlp::cli
