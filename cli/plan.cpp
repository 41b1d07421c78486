#include <algorithm>
#include <iostream>
#include <numeric>
#include <set>

#include "base/codes/command.h"
#include "cli/sides.h"
#include "compiler/lower/lower.h"
#include "compiler/plan/plan.h"
#include "engine/products.h"
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
  // Those of other kinds alone.
  std::set<std::string> own{"kind", "seed"};
  switch (s.kind) {
    case ModelKind::gbdt: own.insert({"loss", "calibrate", "quantile", "link", "trees", "depth", "leaves", "bins", "early_stop", "min_rows", "growth", "learning_rate", "l1", "l2", "min_gain", "min_weight", "subsample", "feature_fraction"}); break;
    case ModelKind::linear: own.insert({"loss", "calibrate", "quantile", "link", "l1", "l2", "iterations", "tolerance"}); break;
    case ModelKind::forest: own.insert({"loss", "calibrate", "trees", "depth", "leaves", "bins", "min_rows", "subsample", "feature_fraction", "bootstrap", "thresholds"}); break;
    case ModelKind::network: own.insert({"loss", "calibrate", "quantile", "link", "learning_rate", "epochs", "batch", "early_stop", "schedule", "warmup", "embedding", "clip", "precision"}); break;
    case ModelKind::kmeans: own.insert({"clusters", "starts", "iterations", "tolerance"}); break;
    case ModelKind::isolation_forest: own.insert({"trees", "sample", "contamination"}); break;
  }
  if (s.calibrate == Calibrate::none) own.erase("calibrate");
  for (auto entry = out.begin(); entry != out.end();) entry = own.contains(entry.key()) ? std::next(entry) : out.erase(entry);
  if (s.kind == ModelKind::isolation_forest && s.contamination == 0) out["contamination"] = nullptr;  // a score above 0.5
  if (s.loss != Loss::quantile) out.erase("quantile");
  if (is_custom(s.loss)) out["loss"] = s.loss_name;
  else out.erase("link");
  out.erase("loss_name");
  return out;
}

// Numbers that training finds in a step of the chain.
std::int64_t weights_of(const ir::Network& n, const ir::Layer& layer) {
  std::int64_t count = 0;
  for (const ir::Weight& w : n.weights)
    if (w.name.starts_with(layer.name + ".")) count += std::accumulate(w.shape.begin(), w.shape.end(), std::int64_t{1}, std::multiplies<>());
  return count;
}

// The sources and tables behind the table that features read: schemas, and the queries that make them.
Json tables(const flow::Program& p) {
  Json out = Json::array();
  const std::vector<data::StepSql> steps = data::render(p.query, p.scan);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const QueryStep& step = p.query.steps[i];
    Json columns = Json::array();
    for (const Column& c : step.columns) columns.push_back({{"name", c.name}, {"type", spell(c)}});
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

std::vector<engine::ProductLine> products(const driver::Unit& unit) {
  for (const loop::Function& function : unit.loops.network)
    if (function.name == "train") return engine::products_of(function, unit.program.model.settings.batch);
  return {};
}

Json summary(const driver::Unit& unit) {
  const flow::Program& p = unit.program;
  Json out;
  out["format_version"] = 1;
  out["pipeline"] = p.name;
  if (!p.query.empty()) out["tables"] = tables(p);
  else out["source"] = {{"format", word(p.source.format)}, {"paths", p.source.paths}, {"on_violation", word(p.source.policy)}};
  Json scan = Json::array(), request = Json::array();
  for (const ColumnId id : p.scan) scan.push_back(p.columns[id.index].name);
  for (const ColumnId id : p.request) request.push_back({{"name", p.columns[id.index].name}, {"type", spell(p.columns[id.index])}});
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
  for (const ir::Layer& layer : p.model.network.layers) {
    out["model"]["layers"].push_back({{"name", layer.name}, {"shape", layer.shape}, {"weights", weights_of(p.model.network, layer)}});
  }
  if (!p.model.network.empty()) out["model"]["optimizer"] = p.model.network.optimizer.name;
  for (const engine::ProductLine& line : products(unit)) {
    Json one{{"layer", line.layer}, {"gradient", line.backward}, {"times", line.times}, {"m", line.m}, {"n", line.n}, {"k", line.k}, {"packed_from_rows", line.packs_from}, {"transposed", line.turns}, {"gpu", line.device}};
    out["model"]["products"].push_back(std::move(one));
  }
  if (has_target(p.model.settings.kind)) out["model"]["predict"] = p.model.target_name;
  else if (p.model.target.known()) out["model"]["measure_against"] = p.model.target_name;
  for (const Param& param : p.params) out["params"][param.name] = {{"type", spell(param.type)}, {"value", param.value}, {"set", param.set}};
  Json gates = Json::array();
  for (const Gate& gate : p.gates) gates.push_back(gate.text);
  out["tests"] = gates;
  if (p.deploy.declared) out["deploy"] = {{"name", p.deploy.name}, {"port", p.deploy.port}, {"target", word(p.deploy.target)}};
  return out;
}

std::string on_cpu(const engine::ProductLine& line) {
  return line.turns ? "transposed" : line.packs_from == 0 ? "right side in place" : line.packs_from == 1 ? "right side packed" : "right side packed from " + std::to_string(line.packs_from) + " rows";
}

void show_products(const driver::Unit& unit) {
  std::vector<engine::ProductLine> all;
  for (const engine::ProductLine& line : products(unit)) {  // those alike in one line
    const auto alike = std::find_if(all.begin(), all.end(), [&](const engine::ProductLine& a) {
      return a.layer == line.layer && a.backward == line.backward && a.m == line.m && a.n == line.n && a.k == line.k && a.packs_from == line.packs_from && a.turns == line.turns && a.device == line.device;
    });
    if (alike == all.end()) all.push_back(line);
    else alike->times += line.times;
  }
  if (all.empty()) return;
  const ModelSettings& s = unit.program.model.settings;
  std::vector<std::vector<std::string>> table = {{"products of a batch of " + thousands(s.batch), "m x n x k", "on the CPU", "on a GPU"}};
  for (const engine::ProductLine& line : all) {
    table.push_back({"  " + (line.layer.empty() ? "the loss" : line.layer) + (line.backward ? ", gradient" : ""),
                     (line.times == 1 ? "" : thousands(line.times) + " times ") + thousands(line.m) + " x " + thousands(line.n) + " x " + thousands(line.k), on_cpu(line), line.device});
  }
  std::vector<std::size_t> widths(table[0].size());
  for (const auto& line : table)
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  for (const auto& line : table) {
    std::string text(12, ' ');
    for (std::size_t i = 0; i < line.size(); ++i) text += line[i] + (i + 1 < line.size() ? std::string(widths[i] + 2 - line[i].size(), ' ') : "");
    std::cout << text << '\n';
  }
  std::cout << "            each is " << (s.precision == Precision::bf16 ? "of factors rounded to bfloat16, summed in float32" : "of float32") << ", on the CPU by one kernel for every size, which packs the right side where that pays\n";
}

// The embeddings, then a line for each layer: what it gives, and how many weights it has.
void show_network(const ir::Network& n, const std::vector<ir::Feature>& features) {
  if (n.empty()) return;
  std::size_t width = 0;
  for (const ir::Layer& layer : n.layers) width = std::max(width, layer.name.size());
  std::cout << "          optimizer=" << n.optimizer.name << '\n';
  std::int64_t total = 0;
  for (const ir::Weight& w : n.weights)
    if (w.table_of >= 0) std::cout << "            embedding of " << features[static_cast<std::size_t>(w.table_of)].name << ": " << w.shape.back() << " weights for each " << (features[static_cast<std::size_t>(w.table_of)].encoding == ir::Encoding::bag ? "term\n" : "category\n");
  for (const ir::Layer& layer : n.layers) {
    const std::int64_t weights = weights_of(n, layer);
    total += weights;
    std::string line = "            " + layer.name;
    line.resize(12 + width + 2, ' ');
    line += ir::spell_shape(layer.shape);
    std::cout << line << (weights ? ", " + thousands(weights) + (weights == 1 ? " weight\n" : " weights\n") : "\n");
  }
  std::cout << "            together " << thousands(total) << " weights in layers\n";
}

void show(const driver::Unit& unit) {
  const flow::Program& p = unit.program;
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
  std::cout << "  train   " << p.model.name << " = " << word(p.model.settings.kind)
            << (has_target(p.model.settings.kind) ? ", predict " + p.model.target_name : p.model.target.known() ? ", measured against " + p.model.target_name : "") << "\n         ";
  for (const auto& [key, value] : all.items())
    if (key != "kind") std::cout << ' ' << key << '=' << (value.is_string() ? value.get<std::string>() : value.dump());
  std::cout << '\n';
  show_network(p.model.network, p.features);
  show_products(unit);
  if (!p.gates.empty()) std::cout << "  test    " << p.gates.size() << (p.gates.size() == 1 ? " line\n" : " lines\n");
  if (p.deploy.declared) std::cout << "  deploy  " << p.deploy.name << " on port " << p.deploy.port << (p.deploy.target == DeployTarget::cuda ? ", scored on an NVIDIA GPU where there is one\n" : "\n");
}

// ---- what changes

// What rebuilding asks for, as far as the run that is compared with tells.
struct Needs {
  bool rows = false;                   // rows are looked at
  std::optional<std::int64_t> present; // how many there were
  std::optional<double> seconds;       // that those stages took
};

Needs needs_of(const engine::Comparison& comparison, const engine::Side* was) {
  Needs needs;
  for (const engine::StageChange& change : comparison.stages) {
    if (!driver::info(change.stage).of_rows || change.cls == driver::Class::no_op) continue;
    needs.rows = true;
    if (change.seconds) needs.seconds = needs.seconds.value_or(0) + *change.seconds;
  }
  if (needs.rows && was && was->package) needs.present = Json::parse(was->package->manifest)["data"]["present"].get<std::int64_t>();
  return needs;
}

std::string spell(const Needs& needs) {
  if (!needs.rows) return "nothing: no row is read";
  std::string out = "the rows of the source";
  if (needs.present) out += " (" + thousands(*needs.present) + " then)";
  if (needs.seconds) out += ", about " + significant(*needs.seconds) + " s";
  return out;
}

// Why a stage changes. A stage that has the reasons of one before it follows from that.
std::vector<std::string> why(const engine::Comparison& comparison, std::size_t stage) {
  constexpr std::size_t most = 8;
  const auto texts = [](const engine::StageChange& change) {
    std::vector<std::string> out;
    for (const engine::Reason& reason : change.reasons) out.push_back(reason.text());
    return out;
  };
  const engine::StageChange& change = comparison.stages[stage];
  std::vector<std::string> out = texts(change);
  for (std::size_t i = 0; i < stage && !out.empty(); ++i)
    if (comparison.stages[i].cls != driver::Class::no_op && texts(comparison.stages[i]) == out) {
      out = {"follows from " + std::string(driver::info(comparison.stages[i].stage).name)};
      break;
    }
  if (out.size() > most) {
    const std::size_t more = out.size() - most + 1;
    out.resize(most - 1);
    out.push_back("and " + std::to_string(more) + " more");
  }
  if (!change.note.empty()) out.push_back(change.note);
  return out;
}

std::string against_text(const engine::Side* was, const std::string& pipeline) {
  if (!was) return "no run of `" + pipeline + "` yet";
  return "against " + was->label + (was->run ? " of " + was->run->created : "");
}

void show(const engine::Comparison& comparison, const engine::Side* was, const engine::Side& now) {
  std::cout << '\n' << against_text(was, now.unit->program.name) << ": " << driver::spell(comparison.cls()) << '\n';
  for (std::size_t i = 0; i < comparison.stages.size(); ++i) {
    const engine::StageChange& change = comparison.stages[i];
    std::string line = "  " + std::string(driver::info(change.stage).name);
    line.resize(12, ' ');
    line += driver::spell(change.cls);
    const std::vector<std::string> reasons = why(comparison, i);
    if (!reasons.empty()) line.resize(22, ' ');
    for (std::size_t k = 0; k < reasons.size(); ++k) line += (k ? "\n" + std::string(22, ' ') : "") + reasons[k];
    std::cout << line << '\n';
  }
  std::cout << "  needs     " << spell(needs_of(comparison, was)) << '\n';
  if (now.data.empty()) std::cout << "  the data is left out: " << now.data_fault << '\n';
}

void show_markdown(const engine::Comparison& comparison, const engine::Side* was, const engine::Side& now) {
  const auto cell = [](std::string text) {
    for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
    return text;
  };
  std::cout << "### `" << now.unit->program.name << "`: " << driver::spell(comparison.cls()) << "\n\n" << against_text(was, now.unit->program.name) << "; needs " << spell(needs_of(comparison, was)) << ".\n\n| stage | class | why |\n| --- | --- | --- |\n";
  for (std::size_t i = 0; i < comparison.stages.size(); ++i) {
    const engine::StageChange& change = comparison.stages[i];
    const bool nothing = change.cls == driver::Class::no_op;
    std::cout << "| " << driver::info(change.stage).name << " | " << (nothing ? "" : "**") << driver::spell(change.cls) << (nothing ? "" : "**") << " | ";
    const std::vector<std::string> reasons = why(comparison, i);
    for (std::size_t k = 0; k < reasons.size(); ++k) std::cout << (k ? "<br>" : "") << cell(reasons[k]);
    std::cout << " |\n";
  }
  if (now.data.empty()) std::cout << "\nThe data is left out: " << cell(now.data_fault) << ".\n";
}

Json to_json(const engine::Comparison& comparison, const engine::Side* was, const engine::Side& now) {
  Json out;
  out["against"] = nullptr;
  if (was) {
    out["against"] = {{"label", was->label}, {"run", was->run ? Json(was->run->id) : Json(nullptr)}, {"created", was->run ? Json(was->run->created) : Json(nullptr)}};
  }
  out["class"] = driver::spell(comparison.cls());
  out["stages"] = stages_json(comparison);
  const Needs needs = needs_of(comparison, was);
  out["needs"] = {{"rows", needs.rows}, {"present", needs.present ? Json(*needs.present) : Json(nullptr)}, {"seconds", needs.seconds ? Json(*needs.seconds) : Json(nullptr)}};
  out["data"] = {{"sha256", now.data.empty() ? Json(nullptr) : Json(now.data)}, {"fault", now.data_fault.empty() ? Json(nullptr) : Json(now.data_fault)}};
  return out;
}

}  // namespace

void add_plan(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::string spec, emit, stop_after, cpu, against; int optimize = 3; bool json = false, markdown = false, detailed = false, passes = false, verify = false; };
  auto args = std::make_shared<Args>();
  std::vector<std::string> stops;
  for (const driver::Phase& phase : driver::phases()) stops.push_back(phase.name);
  app.add_option("SPEC", args->spec, "a spec file");
  add_set(app, globals);
  app.add_option("--emit", args->emit, "print a form of the spec: ast, sem, flow, loop, llvm or asm; of a network, or of features that need no texts, also ptx")->check(CLI::IsMember(driver::printable()));
  app.add_option("--stop-after", args->stop_after, "stop after a phase, and print what it leaves: parse, check, plan, lower or codegen")->check(CLI::IsMember(stops));
  add_disable_pass(app, globals);
  app.add_flag("--passes", args->passes, "list the passes in order");
  app.add_flag("--verify", args->verify, "verify after every pass");
  app.add_option("-O", args->optimize, "optimisation of code generation, 0 to 3")->check(CLI::Range(0, 3));
  app.add_option("--cpu", args->cpu, "x86-64-v2, x86-64-v3 or x86-64-v4 (default: this machine)")->check(CLI::IsMember(std::vector<std::string>{"x86-64-v2", "x86-64-v3", "x86-64-v4"}));
  app.add_option("--against", args->against, "what to compare with (default: the newest run of the pipeline, and what is in the cache): a run, latest, production, a spec file, or `REV:`, the spec at a git revision");
  CLI::Option* const json = app.add_flag("--json", args->json, "one JSON object on standard output");
  app.add_flag("--markdown", args->markdown, "only what changes, as Markdown")->excludes(json);
  app.add_flag("--detailed-exitcode", args->detailed, "exit 0: nothing to rebuild; 2: something; 1: any error");
  app.footer("Shows every default that the spec took, the scans that fitting needs, what a request must hold, and what `mlp train` will rebuild.\n\nExamples:\n  mlp plan telco-churn.mlp\n  mlp plan telco-churn.mlp --against main: --markdown\n  mlp plan telco-churn.mlp --against production --detailed-exitcode\n  mlp plan telco-churn.mlp --emit=loop\n  mlp plan --passes");
  run = [&globals, args] {
    if (args->passes) {
      for (const auto* list : {&plan_passes(), &lower_passes()})
        for (const PassInfo& pass : *list) std::cout << pass.name << ": " << pass.why_here << '\n';
      return 0;
    }
    if (args->spec.empty()) throw Failure(code::bad_usage, "`mlp plan` needs a spec", "mlp plan SPEC");
    driver::Options options = spec_options(globals);
    options.passes.verify = args->verify;
    options.stop_after = args->stop_after;
    std::string what = args->emit;
    if (!args->stop_after.empty() && what.empty()) {
      static const std::vector<std::string> left = {"ast", "sem", "flow", "loop", "llvm"};
      for (std::size_t i = 0; i < driver::phases().size(); ++i)
        if (args->stop_after == driver::phases()[i].name) what = left[i];
    }
    if (args->stop_after.empty()) options.stop_after = what == "ast" ? "parse" : what == "sem" ? "check" : what == "flow" ? "plan" : "";
    const auto compiled = std::make_shared<driver::Unit>(driver::compile(args->spec, read_spec(args->spec), options));
    const driver::Unit& unit = *compiled;
    report(unit.diagnostics.all(), unit.sources, globals);
    if (!unit.ok()) return exit_code(unit.diagnostics.all());
    if (!what.empty()) {
      codegen::Options codegen;
      codegen.optimize = args->optimize;
      codegen.cpu = args->cpu;
      std::cout << driver::print(unit, what, codegen);
      return 0;
    }
    const engine::Side now = side_of(compiled, args->spec);
    std::optional<engine::Side> was;
    if (args->against.empty()) was = last_run(unit.program.name, globals);
    else was = side_of(args->against, args->spec, globals);
    const engine::Side* const base = was ? &*was : nullptr;
    const engine::Comparison comparison = args->against.empty() ? engine::foresee(base, now, registry::Cache(globals.store)) : engine::compare(*was, now);
    if (args->json) {
      Json out = summary(unit);
      out.update(to_json(comparison, base, now));
      print_json(out);
    } else if (args->markdown) {
      show_markdown(comparison, base, now);
    } else {
      show(unit);
      show(comparison, base, now);
    }
    return args->detailed && comparison.cls() != driver::Class::no_op ? 2 : 0;
  };
}

}  // namespace mlp::cli
