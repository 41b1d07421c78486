#include "base/codes/command.h"
#include "base/codes/training.h"
#include "engine/build.h"
#include "engine/quantize.h"

#include <cmath>
#include <cstdlib>
#include <iostream>

#include "base/files.h"
#include "cli/cli.h"

namespace mlp::cli {
namespace {

std::string exact(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string shown(const engine::Quantized& q) {
  char share[32];
  std::snprintf(share, sizeof share, "%.2f%% %s", std::abs(q.worse) * 100, q.worse > 0 ? "worse" : "better");
  return "int8: " + thousands(q.weights) + " of " + thousands(q.all) + " weights, test." + q.metric + " " + exact(q.before) + " → " + exact(q.after) + (q.worse == 0 ? "" : ", " + std::string(share));
}

// The package of a subject with bytes for weights; throws where it is worse than `drop`, a share: 0.5%, 0.005.
engine::Quantized to_int8(Subject& subject, const std::string& what, const std::string& drop, int threads) {
  char* end = nullptr;
  double most = std::strtod(drop.c_str(), &end);
  if (*end == '%') most /= 100, ++end;
  if (drop.empty() || *end || !(most >= 0)) throw Failure(code::bad_usage, "`--max-drop " + drop + "` is no share", "write `--max-drop=0.5%`");
  engine::Loaded& loaded = subject.loaded;
  const bool spec = std::filesystem::path(what).extension() == ".mlp";
  const engine::Data data = engine::read_data(loaded.pipeline, engine::directory_of(spec || !subject.run ? what : subject.run->spec_path), &loaded.engine->package().model.classes, threads);
  if (Json::parse(loaded.engine->package().manifest)["data"]["sha256"] != data.report.digest)
    throw Failure(code::differs, "the data is not what " + subject.label + " was trained on, so train rows would stand among the test rows", "train it again with `mlp train`");
  engine::Quantized made = engine::quantize(loaded, data, threads);
  if (!(made.worse <= most)) throw Failure(code::quantized_is_worse, shown(made) + "; " + drop + " is allowed", "raise `--max-drop`, or build without `--quantize`");
  subject.bytes = package::to_bytes(made.package);
  loaded.engine = std::make_unique<score::Engine>(made.package, loaded.pipeline.kernels->find("features"), loaded.pipeline.network());
  return made;
}

}  // namespace

void add_build(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::string what, output, kind = "exe", quantize = "none", drop = "0.5%"; int threads = cores(); bool json = false, symbols = false; };
  auto args = std::make_shared<Args>();
  app.add_option("SPEC", args->what, "a spec (its newest run, or trained first), a package file or a run")->required();
  add_set(app, globals);
  add_disable_pass(app, globals);
  app.add_option("-o,--output", args->output, "the file to write (default: the deployment's name, with .so or .o)");
  app.add_option("--kind", args->kind, "exe: a program that serves and scores; lib: a shared library with a C header; obj: one object for a program of your own, with the header of lib")->check(CLI::IsMember(std::vector<std::string>{"exe", "lib", "obj"}));
  app.add_option("--quantize", args->quantize, "int8: weights of a network as bytes, calibrated on train rows and measured on test rows")->check(CLI::IsMember(std::vector<std::string>{"none", "int8"}));
  app.add_option("--max-drop", args->drop, "how much worse --quantize may make accuracy, or the RMSE of a number, as a share of it")->capture_default_str();
  app.add_flag("--symbols", args->symbols, "keep the names of functions, for a profiler (exe, lib)");
  app.add_option("--threads", args->threads, "threads for training, where it is needed")->check(CLI::Range(1, 1024));
  app.add_flag("--json", args->json, "one JSON object on standard output");
  app.footer("The program needs nothing but a Linux kernel: no libraries, no files; of a deployment with `target = cuda` libc, and it scores on an NVIDIA GPU where there is one. Building needs no compiler.\n\nExamples:\n  mlp build telco-churn.mlp -o churn && ./churn score --input new.csv\n  mlp build telco-churn.mlp --kind=lib -o libchurn.so\n  mlp build telco-churn.mlp --kind=obj -o churn.o && cc main.c churn.o -lm");
  run = [&globals, args] {
    Subject subject = resolve(args->what, globals, args->threads);
    std::optional<engine::Quantized> quantized;
    if (args->quantize == "int8") quantized = to_int8(subject, args->what, args->drop, args->threads);
    const emit::Kind kind = args->kind == "exe" ? emit::Kind::executable : args->kind == "lib" ? emit::Kind::library : emit::Kind::object;
    std::filesystem::path output = args->output;
    if (output.empty()) output = subject.loaded.engine->package().signature.deployment + (kind == emit::Kind::executable ? "" : kind == emit::Kind::library ? ".so" : ".o");
    if (output.extension() == ".mlp") throw Failure(code::bad_usage, "`" + output.string() + "` would overwrite a spec", "name the program without `.mlp`: -o " + output.stem().string());
    const engine::Built built = engine::build(subject.loaded, subject.bytes, kind, output, args->symbols);
    if (args->json) {
      Json out = {{"output", output.string()}, {"kind", args->kind}, {"target", subject.loaded.pipeline.program().deploy.target == DeployTarget::cuda ? "cuda" : "cpu"}, {"size", built.size}, {"latency_seconds", built.latency_seconds}, {"package", sha256(subject.bytes)}, {"run", subject.run ? subject.run->id : ""}, {"over_budget", built.over_budget}};
      if (quantized) out["quantized"] = {{"weights", quantized->weights}, {"of", quantized->all}, {"metric", quantized->metric}, {"before", quantized->before}, {"after", quantized->after}};
      print_json(out);
    } else {
      if (quantized) std::cout << shown(*quantized) << '\n';
      char line[96];
      std::snprintf(line, sizeof line, "%.1f MiB, %.2f us a row", static_cast<double>(built.size) / 1048576, built.latency_seconds * 1e6);
      std::cout << output.string() << "   " << line << (subject.run ? "   from run " + subject.run->id : "") << '\n';
    }
    Diagnostics list;
    for (const std::string& breach : built.over_budget)
      list.report(code::over_budget, breach).at(subject.loaded.pipeline.program().deploy.span);
    report(list.all(), subject.loaded.pipeline.unit.sources, globals);
    return exit_code(list.all());
  };
}

}  // namespace mlp::cli
