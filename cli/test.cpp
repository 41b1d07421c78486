#include <iostream>

#include "base/codes/command.h"
#include "base/codes/training.h"
#include "cli/cli.h"
#include "engine/gates.h"

namespace mlp::cli {

void add_test(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::string spec; int threads = default_threads(); bool json = false; };
  auto args = std::make_shared<Args>();
  app.add_option("SPEC", args->spec, "a spec file; its newest run is tested, or it is trained first")->required();
  app.add_option("--threads", args->threads, "threads to use")->check(CLI::Range(1, 1024));
  app.add_flag("--json", args->json, "one JSON object on standard output");
  app.footer("Runs the `test` block on the data of the spec. Exit 1 when a line does not hold.\n\nExamples:\n  mlp test telco-churn.mlp\n  mlp test telco-churn.mlp --json | jq '.gates[] | select(.passed | not)'");
  run = [&globals, args] {
    Subject subject = resolve(args->spec, globals, args->threads);
    engine::Pipeline& pipeline = subject.loaded.pipeline;
    const std::filesystem::path directory = engine::directory_of(std::filesystem::path(args->spec).extension() == ".mlp" || !subject.run ? args->spec : subject.run->spec_path);
    engine::Data data = engine::read_data(pipeline, directory, &subject.loaded.engine->package().model.classes, args->threads);
    if (Json::parse(subject.loaded.engine->package().manifest)["data"]["sha256"] != data.report.digest) {
      // Rows that the model was trained on would stand among the test rows.
      const std::string run = subject.run ? subject.run->id : "";
      if (std::filesystem::path(args->spec).extension() != ".mlp") throw Failure(code::differs, "the data is not what " + subject.label + " was trained on, so its split would not be the same", "test the spec instead: it is trained on the data of today");
      if (!globals.quiet) std::cerr << "the data has changed since run " << run << ": training again\n";
      engine::Trained trained = train_with_progress(pipeline, args->spec, args->threads, globals);
      subject.run = record(trained, pipeline, args->spec, globals);
      subject.bytes = std::move(trained.bytes);
      subject.loaded.engine = std::make_unique<score::Engine>(std::move(trained.package), pipeline.kernels->find("features"));
      data = engine::read_data(pipeline, directory, &subject.loaded.engine->package().model.classes, args->threads);
    }
    std::optional<engine::Metrics> production;
    if (const auto registry = registry::Registry::find(globals.store))
      if (const auto promoted = registry->production(pipeline.program().name)) production = promoted->metrics;
    const std::vector<engine::GateResult> results = engine::run_gates(pipeline, *subject.loaded.engine, data, production);

    std::int64_t failed = 0;
    Json gates = Json::array();
    for (const engine::GateResult& gate : results) {
      failed += !gate.passed;
      const LineColumn place = gate.span.known() ? pipeline.unit.sources.locate(gate.span.source, gate.span.begin) : LineColumn{};
      gates.push_back({{"test", gate.text}, {"passed", gate.passed}, {"measured", gate.measured}, {"line", place.line}});
      if (!args->json) std::cout << (gate.passed ? "pass  " : "FAIL  ") << gate.text << "\n      " << gate.measured << '\n';
    }
    if (args->json) print_json({{"run", subject.run ? subject.run->id : ""}, {"passed", results.size() - failed}, {"failed", failed}, {"gates", gates}});
    else std::cout << '\n' << results.size() - failed << " passed, " << failed << " failed\n";
    if (failed == 0) return 0;
    Diagnostics list;
    for (const engine::GateResult& gate : results)
      if (!gate.passed) list.report(code::gate_failed, "`" + gate.text + "` does not hold: " + gate.measured).at(gate.span);
    flush_output();
    report(list.all(), pipeline.unit.sources, globals);
    return static_cast<int>(Exit::finding);
  };
}

}  // namespace mlp::cli
