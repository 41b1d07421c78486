#include <iostream>

#include "base/codes/command.h"
#include "base/codes/training.h"
#include "cli/cli.h"
#include "compiler/diag/report.h"
#include "engine/gates.h"
#include "engine/tune.h"

namespace mlp::cli {

void add_test(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::string spec; int threads = cores(); bool json = false; std::string format = "text"; };
  auto args = std::make_shared<Args>();
  app.add_option("SPEC", args->spec, "a spec file; its newest run is tested, or it is trained first")->required();
  add_set(app, globals);
  app.add_option("--threads", args->threads, "threads to use")->check(CLI::Range(1, 1024));
  app.add_flag("--json", args->json, "one JSON object on standard output");
  app.add_option("--format", args->format, "how failed lines are written: text is a table, all others as `mlp check` writes findings")->check(CLI::IsMember(diag::formats()));
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
      pipeline = open_spec(args->spec, globals);  // before its tune block had chosen
      engine::Trained trained = train_with_progress(pipeline, args->spec, args->threads, globals);
      subject.run = record(trained, pipeline, args->spec, globals);
      if (!trained.package.tuned.empty()) pipeline = engine::settle(pipeline, trained.package.tuned);
      subject.bytes = std::move(trained.bytes);
      subject.loaded.engine = std::make_unique<score::Engine>(std::move(trained.package), pipeline.kernels->find("features"), pipeline.network());
      data = engine::read_data(pipeline, directory, &subject.loaded.engine->package().model.classes, args->threads);
    }
    std::optional<engine::Metrics> production;
    if (const auto registry = registry::Registry::find(globals.store))
      if (const auto promoted = registry->production(pipeline.program().name)) production = promoted->metrics;
    const std::vector<engine::GateResult> results = engine::run_gates(pipeline, *subject.loaded.engine, data, production);

    const SourceMap& sources = pipeline.unit.sources;
    const diag::Format format = diag::read_format(args->format);
    const bool table = !args->json && format == diag::Format::text;
    std::vector<diag::Findings> all;
    Diagnostic summary{.code = code::gate_failed};
    std::int64_t failed = 0;
    Json gates = Json::array();
    for (const engine::GateResult& gate : results) {
      const LineColumn place = gate.span.known() ? sources.locate(gate.span.source, gate.span.begin) : LineColumn{};
      gates.push_back({{"test", gate.text}, {"passed", gate.passed}, {"measured", gate.measured}, {"line", place.line}});
      if (table) std::cout << (gate.passed ? "pass  " : "FAIL  ") << gate.text << "\n      " << gate.measured << '\n';
      all.push_back({gate.text, &sources, {}});
      if (gate.passed) continue;
      Diagnostic d{.code = code::gate_failed, .message = "`" + gate.text + "` does not hold: " + gate.measured};
      all.back().list.push_back(d.at(gate.span));
      if (++failed == 1) summary.at(gate.span);
      else summary.also(gate.span, "");
    }
    if (args->json) print_json({{"run", subject.run ? subject.run->id : ""}, {"passed", results.size() - failed}, {"failed", failed}, {"gates", gates}});
    else if (table) std::cout << '\n' << results.size() - failed << " passed, " << failed << " failed\n";
    else std::cout << diag::report(all, format);
    if (failed == 0) return 0;
    flush_output();
    // What the table or the report has said in full is one error here, with their places.
    summary.message = std::to_string(failed) + " of " + std::to_string(results.size()) + " lines of the test do not hold";
    report({summary}, sources, globals);
    return static_cast<int>(Exit::finding);
  };
}

}  // namespace mlp::cli
