#include "base/codes/command.h"
#include "base/codes/training.h"
#include "engine/build.h"

#include <iostream>

#include "base/files.h"
#include "cli/cli.h"

namespace mlp::cli {

void add_build(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::string what, output, kind = "exe"; int threads = cores(); bool json = false, symbols = false; };
  auto args = std::make_shared<Args>();
  app.add_option("SPEC", args->what, "a spec (its newest run, or trained first), a package file or a run")->required();
  add_set(app, globals);
  add_disable_pass(app, globals);
  app.add_option("-o,--output", args->output, "the file to write (default: the deployment's name, with .so or .o)");
  app.add_option("--kind", args->kind, "exe: a program that serves and scores; lib: a shared library with a C header; obj: one object for a program of your own, with the header of lib")->check(CLI::IsMember(std::vector<std::string>{"exe", "lib", "obj"}));
  app.add_flag("--symbols", args->symbols, "keep the names of functions, for a profiler (exe, lib)");
  app.add_option("--threads", args->threads, "threads for training, where it is needed")->check(CLI::Range(1, 1024));
  app.add_flag("--json", args->json, "one JSON object on standard output");
  app.footer("The program needs nothing but a Linux kernel: no libraries, no files. Building needs no compiler.\n\nExamples:\n  mlp build telco-churn.mlp -o churn && ./churn score --input new.csv\n  mlp build telco-churn.mlp --kind=lib -o libchurn.so\n  mlp build telco-churn.mlp --kind=obj -o churn.o && cc main.c churn.o -lm");
  run = [&globals, args] {
    const Subject subject = resolve(args->what, globals, args->threads);
    const emit::Kind kind = args->kind == "exe" ? emit::Kind::executable : args->kind == "lib" ? emit::Kind::library : emit::Kind::object;
    std::filesystem::path output = args->output;
    if (output.empty()) output = subject.loaded.engine->package().signature.deployment + (kind == emit::Kind::executable ? "" : kind == emit::Kind::library ? ".so" : ".o");
    if (output.extension() == ".mlp") throw Failure(code::bad_usage, "`" + output.string() + "` would overwrite a spec", "name the program without `.mlp`: -o " + output.stem().string());
    const engine::Built built = engine::build(subject.loaded, subject.bytes, kind, output, args->symbols);
    if (args->json) {
      print_json({{"output", output.string()}, {"kind", args->kind}, {"size", built.size}, {"latency_seconds", built.latency_seconds}, {"package", sha256(subject.bytes)}, {"run", subject.run ? subject.run->id : ""}, {"over_budget", built.over_budget}});
    } else {
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
