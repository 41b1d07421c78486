#include <iostream>

#include "base/codes/command.h"
#include "cli/cli.h"
#include "compiler/lower/lower.h"
#include "compiler/plan/plan.h"
#include "runtime/data/query.h"

namespace mlp::cli {
namespace {

template <class E>
std::string word(E e) { return std::string(ir::enum_words<E>::words[static_cast<int>(e)]); }

std::string percent(double share) {
  char buffer[16];
  std::snprintf(buffer, sizeof buffer, "%g%%", share * 100);
  return buffer;
}

// Every setting of the model, those that the spec left out included.
Json settings(const ModelSettings& s) {
  Json out;
  ModelSettings copy = s;
  copy.fields([&](std::string_view key, auto& value) {
    if constexpr (std::is_enum_v<std::remove_reference_t<decltype(value)>>) out[std::string(key)] = word(value);
    else out[std::string(key)] = value;
  });
  const bool gbdt = s.kind == ModelKind::gbdt;
  const std::vector<const char*> other = gbdt ? std::vector<const char*>{"iterations", "tolerance"}
                                              : std::vector<const char*>{"trees", "depth", "leaves", "bins", "early_stop", "min_rows", "growth", "learning_rate", "min_gain", "min_weight", "subsample", "feature_fraction"};
  for (const char* key : other) out.erase(key);
  if (s.loss != Loss::quantile) out.erase("quantile");
  if (is_custom(s.loss)) out["loss"] = s.loss_name;
  else out.erase("link");
  out.erase("loss_name");
  return out;
}

// The sources and tables behind the table that features read: schemas, and the queries that make them.
Json tables(const flow::Program& p) {
  Json out = Json::array();
  const std::vector<data::StepSql> steps = data::render(p.query, p.scan);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const QueryStep& step = p.query.steps[i];
    Json columns = Json::array();
    for (const Column& c : step.columns) columns.push_back({{"name", c.name}, {"type", spell(c.type)}});
    Json one{{"name", steps[i].name}, {"step", word(step.op)}, {"columns", columns}};
    if (step.op == QueryOp::source) {
      const Source& source = p.query.sources[static_cast<std::size_t>(step.source)].source;
      one["format"] = word(source.format), one["paths"] = source.paths, one["on_violation"] = word(source.policy);
    } else {
      one["sql"] = steps[i].sql;
      if (!steps[i].unique.empty()) one["must_be_empty"] = steps[i].unique;
    }
    out.push_back(std::move(one));
  }
  return out;
}

void show_tables(const flow::Program& p) {
  for (const Json& step : tables(p)) {
    std::string columns;
    for (const Json& c : step["columns"]) columns += (columns.empty() ? "" : ", ") + c["name"].get<std::string>() + ": " + c["type"].get<std::string>();
    const std::string name = step["name"];
    if (step.contains("sql")) {
      std::cout << "  table   " << name << " (" << columns << ")\n          " << step["sql"].get<std::string>() << '\n';
      if (step.contains("must_be_empty")) std::cout << "          no key twice: " << step["must_be_empty"].get<std::string>() << '\n';
    } else {
      std::cout << "  read    " << name << " = " << step["format"].get<std::string>();
      for (const Json& path : step["paths"]) std::cout << ' ' << path.get<std::string>();
      std::cout << " (" << columns << "); rows that break the schema: " << step["on_violation"].get<std::string>() << '\n';
    }
  }
}

Json summary(const flow::Program& p) {
  Json out;
  out["format_version"] = 1;
  out["pipeline"] = p.name;
  if (!p.query.empty()) out["tables"] = tables(p);
  else out["source"] = {{"format", word(p.source.format)}, {"paths", p.source.paths}, {"on_violation", word(p.source.policy)}};
  Json scan = Json::array(), request = Json::array();
  for (const ColumnId id : p.scan) scan.push_back(p.columns[id.index].name);
  for (const ColumnId id : p.request) request.push_back({{"name", p.columns[id.index].name}, {"type", spell(p.columns[id.index].type)}});
  out["reads"] = scan;
  out["request"] = request;
  out["split"] = {{"by", word(p.split.method)}, {"train", p.split.train}, {"valid", p.split.valid}, {"test", p.split.test}, {"seed", p.split.seed}};
  if (p.split.folds > 0) out["split"]["folds"] = p.split.folds;
  Json passes = Json::array();
  for (const flow::FitPass& pass : p.passes) {
    Json names = Json::array();
    for (const flow::AggregateId id : pass.aggregates) names.push_back(p.aggregates[id.index].name);
    passes.push_back(names);
  }
  out["fit_passes"] = passes;
  Json features = Json::array();
  for (const ir::Feature& f : p.features) {
    Json from = Json::array();
    for (const ColumnId id : f.columns) from.push_back(p.columns[id.index].name);
    features.push_back({{"name", f.name}, {"encoding", word(f.encoding)}, {"nullable", f.nullable}, {"from", from}});
  }
  out["features"] = features;
  out["model"] = settings(p.model.settings);
  out["model"]["name"] = p.model.name;
  out["model"]["predict"] = p.model.target_name;
  for (const Param& param : p.params) out["params"][param.name] = {{"type", spell(param.type)}, {"value", param.value}, {"set", param.set}};
  Json gates = Json::array();
  for (const Gate& gate : p.gates) gates.push_back(gate.text);
  out["tests"] = gates;
  if (p.deploy.declared) out["deploy"] = {{"name", p.deploy.name}, {"port", p.deploy.port}};
  return out;
}

void show(const flow::Program& p) {
  std::cout << "pipeline " << p.name << '\n';
  for (const Param& param : p.params) std::cout << "  param   " << param.name << " = " << param.value << (param.set ? " (set)\n" : "\n");
  if (!p.query.empty()) {
    show_tables(p);
  } else {
    std::cout << "  read    " << word(p.source.format);
    for (const std::string& path : p.source.paths) std::cout << ' ' << path;
    std::cout << ", " << p.scan.size() << " of " << p.columns.size() << " columns; rows that break the schema: " << word(p.source.policy) << '\n';
  }
  std::cout << "  split   by " << word(p.split.method) << (p.split.column.known() ? "(" + p.columns[p.split.column.index].name + ")" : "") << ": train " << percent(p.split.train) << ", valid " << percent(p.split.valid) << ", test " << percent(p.split.test)
            << (p.split.gap > 0 ? ", gap " + std::to_string(p.split.gap / 1'000'000) + " s" : "") << (p.split.folds > 0 ? ", " + std::to_string(p.split.folds) + (p.split.method == SplitMethod::time ? " forward folds" : " folds") : "") << (p.split.defaulted ? "  (default: no split block)" : "") << '\n';
  for (std::size_t i = 0; i < p.passes.size(); ++i) {
    std::cout << "  fit " << i + 1 << "   one scan of the train rows:";
    const auto& ids = p.passes[i].aggregates;
    for (std::size_t k = 0; k < ids.size(); ++k) std::cout << (k ? ", " : " ") << p.aggregates[ids[k].index].name;
    std::cout << '\n';
  }
  std::cout << "  row     " << p.features.size() << " features from " << p.request.size() << " columns in one kernel:";
  for (std::size_t k = 0; k < p.features.size() && k < 12; ++k) std::cout << (k ? ", " : " ") << p.features[k].name;
  std::cout << (p.features.size() > 12 ? ", …\n" : "\n");
  const Json all = settings(p.model.settings);
  std::cout << "  train   " << p.model.name << " = " << word(p.model.settings.kind) << ", predict " << p.model.target_name << "\n         ";
  for (const auto& [key, value] : all.items())
    if (key != "kind") std::cout << ' ' << key << '=' << (value.is_string() ? value.get<std::string>() : value.dump());
  std::cout << '\n';
  if (!p.gates.empty()) std::cout << "  test    " << p.gates.size() << (p.gates.size() == 1 ? " line\n" : " lines\n");
  if (p.deploy.declared) std::cout << "  deploy  " << p.deploy.name << " on port " << p.deploy.port << '\n';
}

}  // namespace

void add_plan(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::string spec, emit, stop_after, cpu; int optimize = 3; std::vector<std::string> disabled; bool json = false, passes = false, verify = false; };
  auto args = std::make_shared<Args>();
  std::vector<std::string> stops;
  for (const driver::Phase& phase : driver::phases()) stops.push_back(phase.name);
  app.add_option("SPEC", args->spec, "a spec file");
  add_set(app, globals);
  app.add_option("--emit", args->emit, "print a form of the spec: ast, sem, flow, loop, llvm or asm")->check(CLI::IsMember(driver::printable()));
  app.add_option("--stop-after", args->stop_after, "stop after a phase, and print what it leaves: parse, check, plan, lower or codegen")->check(CLI::IsMember(stops));
  app.add_option("--disable-pass", args->disabled, "leave out a pass, by name");
  app.add_flag("--passes", args->passes, "list the passes in order");
  app.add_flag("--verify", args->verify, "verify after every pass");
  app.add_option("-O", args->optimize, "optimisation of code generation, 0 to 3")->check(CLI::Range(0, 3));
  app.add_option("--cpu", args->cpu, "x86-64-v2, x86-64-v3 or x86-64-v4 (default: this machine)")->check(CLI::IsMember(std::vector<std::string>{"x86-64-v2", "x86-64-v3", "x86-64-v4"}));
  app.add_flag("--json", args->json, "one JSON object on standard output");
  app.footer("Shows every default that the spec took, the scans that fitting needs, and what a request must hold.\n\nExamples:\n  mlp plan telco-churn.mlp\n  mlp plan telco-churn.mlp --emit=loop\n  mlp plan --passes");
  run = [&globals, args] {
    if (args->passes) {
      for (const auto* list : {&plan_passes(), &lower_passes()})
        for (const PassInfo& pass : *list) std::cout << pass.name << ": " << pass.why_here << '\n';
      return 0;
    }
    if (args->spec.empty()) throw Failure(code::bad_usage, "`mlp plan` needs a spec", "mlp plan SPEC");
    for (const std::string& name : args->disabled) {
      std::vector<std::string> known;
      for (const auto* list : {&plan_passes(), &lower_passes()})
        for (const PassInfo& pass : *list) known.push_back(pass.name);
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      const std::string near = nearest(name, known);
      throw Failure(code::bad_usage, "there is no pass `" + name + "` that could be left out", near.empty() ? "`mlp plan --passes` lists them" : "did you mean `" + near + "`?");
    }
    driver::Options options = spec_options(globals);
    options.passes = {args->disabled, args->verify};
    options.stop_after = args->stop_after;
    std::string what = args->emit;
    if (!args->stop_after.empty() && what.empty()) {
      static const std::vector<std::string> left = {"ast", "sem", "flow", "loop", "llvm"};
      for (std::size_t i = 0; i < driver::phases().size(); ++i)
        if (args->stop_after == driver::phases()[i].name) what = left[i];
    }
    if (args->stop_after.empty()) options.stop_after = what == "ast" ? "parse" : what == "sem" ? "check" : what == "flow" ? "plan" : "";
    const driver::Unit unit = driver::compile(args->spec, read_spec(args->spec), options);
    report(unit.diagnostics.all(), unit.sources, globals);
    if (!unit.ok()) return exit_code(unit.diagnostics.all());
    if (!what.empty()) {
      codegen::Options codegen;
      codegen.optimize = args->optimize;
      codegen.cpu = args->cpu;
      std::cout << driver::print(unit, what, codegen);
    } else if (args->json) {
      print_json(summary(unit.program));
    } else {
      show(unit.program);
    }
    return 0;
  };
}

}  // namespace mlp::cli
