#include "engine/onnx.h"

#include <iostream>

#include "base/codes/command.h"
#include "base/files.h"
#include "cli/cli.h"

namespace mlp::cli {

void add_export(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::string what, onnx; int threads = cores(); bool json = false; };
  auto args = std::make_shared<Args>();
  app.add_option("SPEC", args->what, "a spec (its newest run, or trained first), a package file or a run")->required();
  add_set(app, globals);
  app.add_option("--onnx", args->onnx, "the file to write: the network as ONNX, opset 17")->required();
  app.add_option("--threads", args->threads, "threads for training, where it is needed")->check(CLI::Range(1, 1024));
  app.add_flag("--json", args->json, "one JSON object on standard output");
  app.footer("The file holds what comes after the features: the layers, what they have learned, the link and the calibration. What it takes and\ngives is in docs/cli.md; `mlp score --features` prints what it takes.\n\nExamples:\n  mlp export mnist.mlp --onnx mnist.onnx\n  mlp export latest --onnx model.onnx --json");
  run = [&globals, args] {
    if (std::filesystem::path(args->onnx).extension() == ".mlp") throw Failure(code::bad_usage, "`" + args->onnx + "` would overwrite a spec", "name another file with `--onnx`");
    const Subject subject = resolve(args->what, globals, args->threads);
    const std::string digest = sha256(subject.bytes), bytes = engine::to_onnx(subject.loaded, digest);
    write_whole(args->onnx, bytes);
    if (args->json) {
      print_json({{"output", args->onnx}, {"format", "onnx"}, {"size", bytes.size()}, {"package", digest}, {"run", subject.run ? subject.run->id : ""}});
    } else {
      char size[32];
      const bool small = bytes.size() < 1048576;
      std::snprintf(size, sizeof size, small ? "%.1f KiB" : "%.1f MiB", static_cast<double>(bytes.size()) / (small ? 1024 : 1048576));
      std::cout << args->onnx << "   " << size << (subject.run ? "   from run " + subject.run->id : "") << '\n';
    }
    return 0;
  };
}

}  // namespace mlp::cli
