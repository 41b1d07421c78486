#include <chrono>
#include <cstdio>
#include <iostream>

#include "base/timing.h"
#include "cli/sides.h"

namespace mlp::cli {

namespace {

Json to_json(const std::list<TimedPart>& parts) {
  Json out = Json::array();
  for (const TimedPart& part : parts) {
    Json one{{"name", part.name}, {"seconds", part.seconds}, {"calls", part.calls}};
    if (!part.parts.empty()) one["parts"] = to_json(part.parts);
    out.push_back(std::move(one));
  }
  return out;
}

// What takes less than a millisecond, with all its parts, is not worth a line.
void show(const std::list<TimedPart>& parts, double all, const std::string& indent = "  ") {
  for (const TimedPart& part : parts) {
    if (part.seconds < 1e-3) continue;
    char line[120];
    std::snprintf(line, sizeof line, "%-32s %9.3f s  %5.1f %%", (indent + part.name).c_str(), part.seconds, 100 * part.seconds / all);
    std::cout << line << (part.calls > 1 ? "  " + thousands(part.calls) + " times\n" : "\n");
    show(part.parts, all, indent + "  ");
  }
}

// CLI11's own ranges without an upper end print the greatest double, 309 digits.
CLI::Validator positive(bool or_zero) {
  return {[=](std::string& text) {
            double v = 0;
            if (CLI::detail::lexical_cast(text, v) && (v > 0 || (or_zero && v == 0))) return std::string();
            return text + " is no number " + (or_zero ? "from 0 up" : "above 0");
          },
          ""};
}

}  // namespace

void add_train(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::string spec, device = "cpu"; int threads = cores(); bool json = false, time = false, no_cache = false; double checkpoint = 10, check_gradients = 0; };
  auto args = std::make_shared<Args>();
  app.add_option("SPEC", args->spec, "a spec file")->required();
  add_set(app, globals);
  add_disable_pass(app, globals);
  app.add_option("--threads", args->threads, "threads to use (default: one a core); the result is the same at any number")->check(CLI::Range(1, 1024));
  app.add_option("--device", args->device, "what trains a network: cpu, or cuda for the first NVIDIA GPU; each gives the same result each time, but not each other's")->check(CLI::IsMember({"cpu", "cuda"}))->capture_default_str();
  app.add_flag("--json", args->json, "one JSON object on standard output");
  app.add_flag("--no-cache", args->no_cache, "make every stage anew; the bytes are the same");
  app.add_option("--checkpoint", args->checkpoint, "least seconds between two checkpoints of a network, from which the same command goes on after an interruption")->check(positive(true))->capture_default_str();
  app.add_option("--check-gradients", args->check_gradients, "before a network is trained, compare its gradients with central differences on the first batch, weight by weight; a relative error above this bound, say 0.01, stops")->check(positive(false));
  app.add_flag("--time-passes", args->time, "show the seconds of each stage, of the compiler's passes and of the parts of training");
  app.footer("Reads the data, fits, trains, measures, and records a run in `.mlp/`.\n\nExamples:\n  mlp train telco-churn.mlp\n  mlp train telco-churn.mlp --threads 1 --json | jq .metrics.test.auc");
  run = [&globals, args] {
    std::optional<Recording> recording;
    if (args->time) recording.emplace();
    const auto begin = std::chrono::steady_clock::now();
    const engine::Pipeline pipeline = open_spec(args->spec, globals);
    const std::optional<engine::Side> was = last_run(pipeline.program().name, globals);
    const OpenDevice device(args->device, globals);
    const engine::Trained trained = train_with_progress(pipeline, args->spec, args->threads, globals, !args->no_cache, args->checkpoint, args->check_gradients, device.training());
    const registry::Run run = timed("record", [&] { return record(trained, pipeline, args->spec, globals); });
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const Json manifest = Json::parse(trained.package.manifest);
    engine::Side now;
    now.unit = {std::shared_ptr<void>(), &pipeline.unit};
    now.package = trained.package;
    const engine::Comparison done = engine::account(was ? &*was : nullptr, now, trained.stages);
    if (args->json) {
      Json out;
      out["run"] = run.id;
      out["package"] = trained.digest;
      out["pipeline"] = pipeline.program().name;
      out["metrics"] = manifest["metrics"];
      out["data"] = manifest["data"];
      Json violations = Json::array();
      for (const data::Violation& v : trained.report.violations) violations.push_back({{"column", v.column}, {"rule", v.rule}, {"rows", v.rows}, {"first_row", v.first_row}, {"first_value", v.first_value}});
      out["data"]["violations"] = std::move(violations);
      out["findings"] = manifest.value("findings", Json::array());
      out["rows"] = manifest["rows"];
      if (manifest.contains("tune")) out["tuned"] = manifest["tuned"], out["tune"] = manifest["tune"];
      if (manifest.contains("folds")) out["folds"] = manifest["folds"];
      out["model"] = manifest["model"];
      out["seconds"] = trained.seconds;
      if (recording) out["passes"] = to_json(recording->parts());
      out["class"] = driver::spell(done.cls());
      out["stages"] = Json::array();
      for (const engine::StageChange& change : done.stages) out["stages"].push_back({{"name", driver::info(change.stage).name}, {"class", driver::spell(change.cls)}});
      print_json(out);
      return 0;
    }
    const data::ReadReport& report = trained.report;
    std::cout << pipeline.program().name << ": " << thousands(report.present) << " rows, " << thousands(report.read) << " read, " << thousands(report.rejected) << " rejected; train " << thousands(manifest["rows"]["train"]) << ", valid "
              << thousands(manifest["rows"]["valid"]) << ", test " << thousands(manifest["rows"]["test"]) << (trained.outside > 0 ? " (" + thousands(trained.outside) + " more are not served)" : "") << '\n';
    for (const data::SourceReport& s : report.sources) std::cout << "  " << s.name << ": " << thousands(s.present) << " rows, " << thousands(s.read) << " read, " << thousands(s.rejected) << " rejected\n";
    for (const data::Violation& v : report.violations) std::cout << "  `" << v.column << "` breaks `" << v.rule << "` in " << thousands(v.rows) << " rows, first in row " << thousands(v.first_row) << (v.first_value.empty() ? "" : " (`" + v.first_value + "`)") << '\n';
    const ModelKind kind = pipeline.program().model.settings.kind;
    std::cout << manifest["model"]["kind"].get<std::string>() << (manifest["model"].contains("loss") ? ", " + manifest["model"]["loss"].get<std::string>() : "") << ", " << pipeline.program().features.size() << " features, " << trained.best_round << (kind == ModelKind::forest || kind == ModelKind::isolation_forest ? " trees" : kind == ModelKind::kmeans ? " iterations" : kind == ModelKind::network ? " epochs" : " rounds") << (manifest["model"].contains("calibration") ? ", calibrated (" + manifest["model"]["calibration"]["method"].get<std::string>() + ")\n\n" : "\n\n");
    if (!trained.trials.empty()) {
      std::cout << "tuned by " << trained.trials.size() << " trials, the best is " << trained.best_trial + 1 << ':';
      for (const Assignment& a : trained.trials[trained.best_trial].values) std::cout << ' ' << a.name << '=' << a.value;
      std::cout << "\n\n";
    }
    std::cout << "  " << std::string(18, ' ');
    std::vector<std::string> parts;
    for (const auto& [part, values] : trained.metrics)
      if (part != "cv" && part != "cv_sd") parts.push_back(part);
    const bool folds = !trained.folds.empty();
    for (const std::string& part : parts) std::cout << std::string(part.size() < 12 ? 12 - part.size() : 1, ' ') << part;
    std::cout << (folds ? "    " + std::to_string(trained.folds.size()) + " folds\n" : "\n");
    if (!trained.metrics.empty())
      for (const auto& [name, ignored] : trained.metrics.begin()->second) {
        (void)ignored;
        std::string line = "  " + name;
        line.resize(20, ' ');
        const auto shown = [&, name = name](double value) { return name == "rows" ? thousands(static_cast<std::int64_t>(value)) : significant(value); };
        for (const std::string& part : parts) {
          const std::string text = shown(trained.metrics.at(part).at(name));
          line += std::string(text.size() < 12 ? 12 - text.size() : 1, ' ') + text;
        }
        if (folds) line += "    " + shown(trained.metrics.at("cv").at(name)) + " ± " + shown(trained.metrics.at("cv_sd").at(name));
        std::cout << line << '\n';
      }
    std::string reused;
    for (const engine::StageDone& stage : trained.stages)
      if (stage.reused) reused += (reused.empty() ? "" : ", ") + std::string(driver::info(stage.stage).name);
    if (!reused.empty()) std::cout << "\nfrom the cache: " << reused << '\n';
    if (recording) {
      std::cout << '\n';
      show(recording->parts(), seconds);
      show({{"all", seconds, 1}}, seconds);
    }
    std::cout << "\nrun " << run.id << "   package " << trained.digest << '\n';
    return 0;
  };
}

}  // namespace mlp::cli
