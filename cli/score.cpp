#include "base/codes/command.h"
#include "cli/cli.h"
#include "runtime/device/cuda.h"
#include "runtime/model/device_forest.h"
#include "runtime/model/device_network.h"

namespace mlp::cli {
namespace {

constexpr std::int64_t device_rows = 1 << 16;      // that go to a device together

// The model of an engine on the GPU, for as long as the engine scores.
struct OnDevice {
  OnDevice(const engine::Loaded& loaded, const Globals& globals) {
    score::Engine& engine = *loaded.engine;
    const model::Model& model = engine.package().model;
    const bool is_network = model.kind == ModelKind::network;
    if (const std::string why = is_network ? "" : model::DeviceForest::refusal(model); !why.empty())
      throw Failure(code::model_not_on_device, "the model cannot be scored on a GPU: " + why, "leave `--device=cuda` out");
    device = device::open_cuda();
    if (is_network) {
      code = driver::native().device_code(loaded.pipeline.unit.loops, device->architecture());
      network = std::make_unique<model::DeviceNetwork>(model, *device, code);
      engine.set_scorer([this](const model::Matrix& matrix, std::int64_t rows, double* scores) { network->score(matrix, rows, scores); }, device_rows);
    } else {
      forest = std::make_unique<model::DeviceForest>(model, *device);
      engine.set_scorer([this](const model::Matrix& matrix, std::int64_t rows, double* scores) { forest->score(matrix, rows, scores); }, device_rows);
    }
    if (!globals.quiet) std::fprintf(stderr, "device: %s\n", device->describe().c_str());
  }
  std::unique_ptr<device::CudaDevice> device;
  std::unique_ptr<model::DeviceForest> forest;
  DeviceCode code;
  std::unique_ptr<model::DeviceNetwork> network;
};

}  // namespace

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
  app.add_option("--device", args->device, "cpu, or cuda: the model on the first NVIDIA GPU; trees give the same bytes, networks differ by rounding (default: cpu)")->check(CLI::IsMember(std::vector<std::string>{"cpu", "cuda"}));
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
    std::optional<OnDevice> on_device;
    if (args->device == "cuda") on_device.emplace(subject.loaded, globals);
    score::stream_files(*subject.loaded.engine, args->input, args->output, options);
    return 0;
  };
}

}  // namespace mlp::cli
