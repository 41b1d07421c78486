// runs, show, promote, rollback, gc: the registry.
#include <iostream>

#include "base/codes/command.h"
#include "base/files.h"
#include "cli/cli.h"

namespace mlp::cli {
namespace {

Json object(const registry::Run& run) {
  return {{"run", run.id}, {"pipeline", run.pipeline}, {"package", run.package}, {"created", run.created}, {"spec", run.spec_path}, {"production", run.production}, {"metrics", run.metrics}};
}

// The metric that people look at first.
std::string headline(const registry::Run& run) {
  for (const char* part : {"test", "valid", "train"}) {
    const auto found = run.metrics.find(part);
    if (found == run.metrics.end()) continue;
    for (const char* metric : {"auc", "accuracy", "rmse", "silhouette", "anomaly_share"}) {
      const auto value = found->second.find(metric);
      if (value != found->second.end()) return std::string(part) + "." + metric + " " + significant(value->second);
    }
  }
  return "";
}

// Of a pipeline's name, or of the spec that has it; "" stays "": all.
std::string pipeline_name(const std::string& what, const Globals& globals) {
  return std::filesystem::path(what).extension() == ".mlp" ? open_spec(what, globals).program().name : what;
}

}  // namespace

void add_runs(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::string pipeline; bool json = false; };
  auto args = std::make_shared<Args>();
  app.add_option("PIPELINE", args->pipeline, "only the runs of a pipeline, by name or by its spec");
  app.add_flag("--json", args->json, "one JSON object a run, newest first");
  app.footer("Examples:\n  mlp runs\n  mlp runs telco_churn --json");
  run = [&globals, args] {
    const std::string pipeline = pipeline_name(args->pipeline, globals);
    const auto registry = registry::Registry::find(globals.store);
    if (!registry) {
      if (!args->json) std::cerr << "no runs: there is no registry `.mlp/` here; `mlp train SPEC` makes one\n";
      return 0;
    }
    const std::vector<registry::Run> rows = registry->runs(pipeline);
    if (rows.empty() && !args->json) std::cerr << "no runs" << (pipeline.empty() ? "" : " of `" + pipeline + "`") << '\n';
    for (const registry::Run& row : rows) {
      if (args->json) print_json(object(row));
      else std::cout << row.id << "  " << row.created << "  " << row.pipeline << "  " << headline(row) << (row.production ? "  production" : "") << '\n';
    }
    return 0;
  };
}

void add_show(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::string id; bool json = false, spec = false; };
  auto args = std::make_shared<Args>();
  app.add_option("RUN", args->id, "a run: its id, the start of it, or latest")->required();
  app.add_flag("--json", args->json, "one JSON object, with the manifest");
  app.add_flag("--spec", args->spec, "print the spec as it was trained");
  app.footer("Examples:\n  mlp show latest\n  mlp show 3fa9 --spec");
  run = [&globals, args] {
    const registry::Registry registry = open_registry(globals);
    const registry::Run row = registry.get(args->id);
    const package::Package package = package::from_bytes(registry.package_bytes(row), "run " + row.id);
    if (args->spec) {
      std::cout << package.spec;
      return 0;
    }
    Json out = object(row);
    out["manifest"] = Json::parse(package.manifest);
    if (args->json) {
      print_json(out);
      return 0;
    }
    std::cout << "run        " << row.id << (row.production ? "  (production)" : "") << "\npipeline   " << row.pipeline << "\ncreated    " << row.created << "\nspec       " << row.spec_path << "\npackage    " << row.package << "\nfile       "
              << registry.package_path(row).string() << '\n';
    const Json params = out["manifest"].value("params", Json::object());
    for (const auto& [name, value] : params.items()) {
      const bool set = std::any_of(package.set.begin(), package.set.end(), [&](const Assignment& a) { return a.name == name; });
      std::cout << "param      " << name << " = " << value.get<std::string>() << (set ? " (set)\n" : "\n");
    }
    const Json model = out["manifest"]["model"];
    if (model.contains("calibration"))
      std::cout << "calibrated " << model["calibration"]["method"].get<std::string>() << " on " << thousands(model["calibration"]["rows"].get<std::int64_t>()) << " rows of " << (model["calibration"]["on"] == "valid" ? "the valid part\n" : "the folds\n");
    for (const auto& [part, metrics] : row.metrics) {
      std::cout << part << std::string(part.size() < 11 ? 11 - part.size() : 1, ' ');
      bool first = true;
      for (const auto& [name, value] : metrics) std::cout << (first ? "" : "  ") << name << ' ' << (name == "rows" ? thousands(static_cast<std::int64_t>(value)) : significant(value)), first = false;
      std::cout << '\n';
    }
    for (const Json& finding : out["manifest"].value("findings", Json::array())) std::cout << "finding    " << finding["message"].get<std::string>() << '\n';
    return 0;
  };
}

void add_promote(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::string id; bool json = false; };
  auto args = std::make_shared<Args>();
  app.add_option("RUN", args->id, "a run: its id, the start of it, or latest")->required();
  app.add_flag("--json", args->json, "one JSON object on standard output");
  app.footer("Tests may compare with the run in production: require test.auc >= production.auc - 0.005\n\nExamples:\n  mlp promote latest");
  run = [&globals, args] {
    registry::Registry registry = open_registry(globals);
    const registry::Run row = registry.get(args->id);
    registry.promote(row.id);
    if (args->json) print_json(object(registry.get(row.id)));
    else std::cout << row.pipeline << ": run " << row.id << " is in production\n";
    return 0;
  };
}

void add_rollback(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::string pipeline; bool json = false; };
  auto args = std::make_shared<Args>();
  app.add_option("PIPELINE", args->pipeline, "a pipeline's name or its spec; may be left out where there is one only");
  app.add_flag("--json", args->json, "one JSON object on standard output");
  app.footer("Examples:\n  mlp rollback telco_churn");
  run = [&globals, args] {
    registry::Registry registry = open_registry(globals);
    std::string pipeline = pipeline_name(args->pipeline, globals);
    if (pipeline.empty()) {
      for (const registry::Run& row : registry.runs())
        if (pipeline.empty()) pipeline = row.pipeline;
        else if (pipeline != row.pipeline) throw Failure(code::bad_usage, "there are several pipelines: `" + pipeline + "`, `" + row.pipeline + "`", "name one: mlp rollback PIPELINE");
    }
    const registry::Run row = registry.rollback(pipeline);
    if (args->json) print_json(object(row));
    else std::cout << row.pipeline << ": back to run " << row.id << '\n';
    return 0;
  };
}

void add_gc(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::int64_t keep = 10; bool json = false; };
  auto args = std::make_shared<Args>();
  app.add_option("--keep", args->keep, "runs to keep of each pipeline, besides those that were in production")->check(CLI::Range(0, 1000000));
  app.add_flag("--json", args->json, "one JSON object on standard output");
  app.footer("Examples:\n  mlp gc --keep 3");
  run = [&globals, args] {
    registry::Registry registry = open_registry(globals);
    const registry::Registry::GcReport freed = registry.gc(args->keep);
    if (args->json) print_json({{"files", freed.files}, {"bytes", freed.bytes}});
    else std::cout << "removed " << freed.files << " files, " << thousands(freed.bytes) << " bytes\n";
    return 0;
  };
}

}  // namespace mlp::cli
