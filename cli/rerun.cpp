#include "base/codes/command.h"
#include "engine/rerun.h"

#include <iostream>

#include "base/files.h"
#include "cli/cli.h"

namespace mlp::cli {

void add_rerun(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::string id = "latest", directory; int threads = cores(); bool json = false; };
  auto args = std::make_shared<Args>();
  app.add_option("RUN", args->id, "a run: its id, the start of it, or latest; or a package file with --data-directory");
  app.add_option("--data-directory", args->directory, "what the paths of the spec are relative to (default: where the spec was)");
  app.add_option("--threads", args->threads, "threads to use; the bytes are the same at any number")->check(CLI::Range(1, 1024));
  app.add_flag("--json", args->json, "one JSON object on standard output");
  app.footer("Trains again from the spec inside the package and compares every byte. Exit 1 when they differ, with what differs.\n\nExamples:\n  mlp rerun latest --threads 1");
  run = [&globals, args] {
    std::string bytes, label, digest;
    std::filesystem::path directory = args->directory;
    std::error_code error;
    if (std::filesystem::is_regular_file(args->id, error)) {
      bytes = read_file(args->id);
      label = args->id;
      if (directory.empty()) directory = ".";
    } else {
      const registry::Registry registry = open_registry(globals);
      const registry::Run row = registry.get(args->id);
      bytes = registry.package_bytes(row);
      label = "run " + row.id;
      if (directory.empty()) directory = engine::directory_of(row.spec_path);
    }
    const package::Package package = package::from_bytes(bytes, label);
    engine::TrainOptions options;
    options.threads = args->threads;
    // What a device has trained, a device of its kind trains again.
    const std::string trained_on = Json::parse(package.manifest).at("model").value("device", "");
    const OpenDevice device(trained_on.starts_with("cuda") ? "cuda" : "cpu", globals);
    options.device = device.training();
    const engine::Rerun result = engine::rerun(package, bytes, directory, options);
    if (args->json) print_json({{"same", result.same}, {"package", sha256(bytes)}, {"now", result.trained.digest}, {"differences", result.differences}});
    else if (result.same) std::cout << label << ": the same bytes again, package " << result.trained.digest << '\n';
    if (result.same) return 0;
    Diagnostics list;
    Diagnostic& d = list.report(code::differs, label + " trains to other bytes now");
    for (const std::string& difference : result.differences) d.note(difference);
    report(list.all(), {}, globals);
    return exit_code(list.all());
  };
}

}  // namespace mlp::cli
