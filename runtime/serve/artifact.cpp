#include "runtime/serve/artifact.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>

#include "base/codes/command.h"
#include "base/codes/serving.h"
#include "base/files.h"
#include "base/machine.h"
#include "base/render.h"
#include "base/version.h"
#include "nlohmann/json.hpp"
#include "runtime/score/probe.h"
#include "runtime/serve/arguments.h"
#include "runtime/serve/bench.h"
#include "runtime/serve/serve.h"

namespace mlp::serve {
namespace {

using Json = nlohmann::ordered_json;

const Flag help_flag{"--help", "-h", "", "show this text"};

// One run of the program.
struct Program {
  std::string name;          // as it was called
  const Built& built;
  bool color = false;

  void say(const Diagnostic& d) const { std::cerr << render(d, {}, color) << std::flush; }
  // Results go to standard output; that it is closed or full is an error.
  void print(const std::string& text) const {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
      throw Failure(code::write_failed, std::string("cannot write to standard output: ") + std::strerror(errno));
  }
  package::Package load() const { return package::from_bytes(built.package, name); }
  std::unique_ptr<score::Engine> engine(const Arguments& arguments) const;  // on the device that they ask for
};

bool about_devices(const Diagnostic& d) { return d.code == code::no_device || d.code == code::device_failed; }

std::unique_ptr<score::Engine> Program::engine(const Arguments& arguments) const {
  auto engine = std::make_unique<score::Engine>(load(), built.features(best_cpu_level()), built.network_of(best_cpu_level()));
  if (!built.device) return engine;
  const std::string asked = arguments.word("--device", {"auto", "cpu", "cuda"});
  const auto tell = [](const std::string& what) { std::cerr << "device: " + what + "\n" << std::flush; };
  if (asked == "cpu") {
    tell("cpu");
    return engine;
  }
  const auto why = [](const Diagnostic& d) { return std::string(" (") + info(d.code).code + ": " + d.message + ")"; };
  try {
    OnDevice on = built.device(engine->package(), false);
    tell(on.name + "\non it: " + on.what);
    std::function<void(const Diagnostic&)> lost;
    if (asked != "cuda") lost = [=](const Diagnostic& d) { tell("cpu from here on" + why(d)); };
    engine->set_scorer(std::move(on.scorer), std::move(lost));
  } catch (const Failure& failure) {
    if (asked == "cuda" || !about_devices(failure.diagnostic)) throw;
    tell("cpu" + why(failure.diagnostic));
  }
  return engine;
}

struct Command {
  const char* name;
  const char* summary;
  std::vector<Flag> flags;
  const char* examples;      // NAME stands for the program
  int (*run)(const Program& program, const Arguments& arguments);
  bool scores = false;       // takes --device, in a program for a GPU
};

const Flag device_flag{"--device", "", "DEVICE", "auto: the first NVIDIA GPU, or the CPU where there is none; cuda, cpu (default auto)"};

std::vector<Flag> flags_of(const Program& program, const Command& command) {
  std::vector<Flag> flags = command.flags;
  if (program.built.device && command.scores) flags.push_back(device_flag);
  flags.push_back(help_flag);
  return flags;
}

int run_serve(const Program& program, const Arguments& arguments) {
  const std::unique_ptr<score::Engine> engine = program.engine(arguments);
  ServeOptions options;
  options.host = arguments.text("--host", options.host);
  options.port = arguments.number("--port", static_cast<int>(engine->package().signature.port), 0, 65535);
  options.threads = arguments.number("--threads", 0, 1, 1024);
  options.version = sha256(program.built.package).substr(0, 12);
  options.warn = [&](const Diagnostic& d) { program.say(d); };
  return serve(*engine, options);
}

int run_score(const Program& program, const Arguments& arguments) {
  const std::string input = arguments.text("--input", ""), output = arguments.text("--output", "");
  score::StreamOptions options;
  options.from = score::format_of(arguments.word("--from", {"csv", "jsonl"}), input);
  options.to = score::format_of(arguments.word("--to", {"csv", "jsonl"}), output);
  options.features = arguments.has("--features");
  options.threads = arguments.number("--threads", cores(), 1, 1024);
  options.warn = [&](const Diagnostic& d) { program.say(d); };
  if (input.empty() && ::isatty(0)) std::cerr << "reading " << (options.from == score::Format::csv ? "CSV" : "JSON lines") << " from standard input; end with Ctrl-D\n";
  score::stream_files(*program.engine(arguments), input, output, options);
  return 0;
}

Json describe(const Program& program, const package::Package& package) {
  const package::Signature& s = package.signature;
  const model::Model& m = package.model;
  static const char* const losses[] = {"squared", "logistic", "softmax", "poisson", "quantile", "", "", ""};
  static const char* const kinds[] = {"gbdt", "linear", "forest", "kmeans", "isolation_forest", "network"};
  const Json manifest = Json::parse(package.manifest);
  Json out;
  out["name"] = s.deployment;
  out["pipeline"] = s.name;
  if (manifest.contains("description")) out["description"] = manifest["description"];
  out["package"] = sha256(program.built.package);
  out["mlp"] = mlp::version;
  if (program.built.device) out["device"] = "cuda";
  out["target"] = s.target;
  out["model"] = {{"kind", kinds[static_cast<int>(m.kind)]}, {"loss", is_custom(m.loss) ? m.loss_name.c_str() : losses[static_cast<int>(m.loss)]}, {"classes", m.classes}};
  if (m.loss == Loss::none) out["model"].erase("loss"), out["model"].erase("classes");
  if (has_trees(m.kind)) out["model"]["trees"] = m.forest.trees.size();
  if (m.kind == ModelKind::kmeans) out["model"]["clusters"] = m.centres.clusters;
  static const char* const methods[] = {"", "isotonic", "platt"};
  if (m.calibration.method != Calibrate::none) out["model"]["calibration"] = methods[static_cast<int>(m.calibration.method)];
  Json features = Json::array();
  for (const model::FeatureInfo& f : m.features) features.push_back(f.name);
  out["model"]["features"] = features;
  Json request = Json::array();
  for (const Column& c : s.request) {
    Json column{{"name", c.name}, {"type", mlp::spell(c)}};
    if (!c.description.empty()) column["description"] = c.description;
    request.push_back(std::move(column));
  }
  out["request"] = request;
  out["outputs"] = score::output_names(m);
  out["port"] = s.port;
  if (manifest.contains("metrics")) out["metrics"] = manifest["metrics"];
  for (const char* name : {"spec_sha256", "data", "rows", "seed", "toolchain", "identity"})
    if (manifest.contains(name)) out[name] = manifest[name];
  return out;
}

std::string pad(std::string text, std::size_t width) {
  std::size_t shown = 0;  // code points
  for (const char c : text) shown += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  if (shown < width) text.append(width - shown, ' ');
  return text;
}

std::string right(const std::string& text, std::size_t width) { return std::string(text.size() < width ? width - text.size() : 1, ' ') + text; }

int run_info(const Program& program, const Arguments& arguments) {
  const package::Package package = program.load();
  const Json all = describe(program, package);
  if (arguments.has("--json")) {
    program.print(all.dump() + "\n");
    return 0;
  }
  std::string out = all["name"].get<std::string>() + "\n";
  if (all.contains("description") && all["description"].is_string() && !all["description"].get_ref<const std::string&>().empty()) out += "  " + all["description"].get<std::string>() + "\n";
  const auto line = [&](const char* name, const std::string& text) { out += "\n" + pad(name, 12) + text; };
  std::string model = all["model"]["kind"].get<std::string>();
  if (all["model"].contains("loss")) model += ", loss " + all["model"]["loss"].get<std::string>();
  if (all["model"].contains("clusters")) model += ", " + std::to_string(package.model.centres.clusters) + " clusters";
  if (all["model"].contains("trees")) model += ", " + std::to_string(all["model"]["trees"].get<std::size_t>()) + " trees";
  line("pipeline", package.signature.name);
  if (has_target(package.model.kind)) line("predicts", package.signature.target);
  else line("measured by", package.signature.target.empty() ? "no truth" : package.signature.target);
  for (std::size_t k = 0; k < package.model.classes.size(); ++k) out += (k ? ", " : ": ") + package.model.classes[k];
  line("model", model);
  if (program.built.device) line("scored on", "an NVIDIA GPU where there is one, else the CPU");
  line("package", all["package"].get<std::string>());
  for (const char* name : {"spec_sha256", "identity"})
    if (all.contains(name) && all[name].is_string()) line(name, all[name].get<std::string>());
  out += "\n\nrequest\n";
  std::size_t width = 0, type = 0;
  for (const Column& c : package.signature.request) {
    width = std::max(width, c.name.size());
    type = std::max(type, mlp::spell(c).size());
  }
  for (const Column& c : package.signature.request) {
    std::string row = "  " + pad(c.name, width) + "  " + pad(mlp::spell(c), type) + (c.description.empty() ? "" : "  " + c.description);
    row.erase(row.find_last_not_of(' ') + 1);
    out += row + "\n";
  }
  if (all.contains("metrics") && all["metrics"].is_object()) {
    out += "\nmetrics\n";
    for (const auto& [part, values] : all["metrics"].items()) {
      std::string row = "  " + pad(part, 6);
      for (const auto& [name, value] : values.items())
        if (value.is_number()) {
          char text[40];
          std::snprintf(text, sizeof text, "%.6g", value.get<double>());
          row += "  " + name + " " + text;
        }
      out += row + "\n";
    }
  }
  program.print(out);
  return 0;
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}

// Whether a network has the same predictions but for sums of floats in another order: of rows whose features let them be compared.
bool near(const score::ProbeRun& a, const score::ProbeRun& b) {
  const std::size_t width = a.predictions.size() / static_cast<std::size_t>(a.rows);
  for (std::size_t i = 0; i < a.predictions.size(); ++i) {
    bool comparable = true;
    for (const std::vector<double>& feature : b.features) comparable = comparable && std::abs(feature[i / width]) < 1e6;
    if (comparable && !(std::abs(a.predictions[i] - b.predictions[i]) <= 1e-4 * std::max(1.0, std::abs(b.predictions[i])))) return false;
  }
  return true;
}

int run_selftest(const Program& program, const Arguments& arguments) {
  Json checks = Json::array();
  bool good = true;
  const auto check = [&](const std::string& name, bool passed, const std::string& detail) {
    checks.push_back({{"check", name}, {"passed", passed}, {"detail", detail}});
    good = good && passed;
  };
  // Loading checks the digest and validates everything, the model included.
  const package::Package package = program.load();
  check("package", true, "sha256 " + sha256(program.built.package));
  const std::vector<std::string> broken = model::validate(package.model);
  check("model", broken.empty(), broken.empty() ? std::to_string(package.model.features.size()) + " features" : broken.front());

  const score::Engine base(package, program.built.features(CpuLevel::v2), program.built.network_of(CpuLevel::v2));
  const score::ProbeRun expected = score::run_probe(base);
  for (const CpuLevel level : {CpuLevel::v2, CpuLevel::v3, CpuLevel::v4}) {
    if (level > best_cpu_level()) continue;
    const score::ProbeRun run = score::run_probe(score::Engine(package, program.built.features(level), program.built.network_of(level)));
    bool same = same_bits(run.predictions, expected.predictions) && run.features.size() == expected.features.size();
    for (std::size_t f = 0; same && f < run.features.size(); ++f) same = same_bits(run.features[f], expected.features[f]);
    for (std::size_t f = 0; same && f < run.bags.size(); ++f)
      same = std::equal(run.bags[f].begin(), run.bags[f].end(), expected.bags[f].begin(), expected.bags[f].end(), [](const auto& a, const auto& b) {
        return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(mlp_term)) == 0);
      });
    check("features x86-64-v" + std::to_string(static_cast<int>(level)), same, std::to_string(run.rows) + " rows, " + (same ? "the same bits" : "other bits than x86-64-v2"));
  }

  model::Matrix matrix;
  std::vector<std::vector<mlp_bag>> bags(expected.features.size());
  for (std::size_t f = 0; f < expected.features.size(); ++f) {
    for (const std::vector<mlp_term>& terms : expected.bags[f]) bags[f].push_back({terms.data(), static_cast<std::int64_t>(terms.size())});
    matrix.push_back({expected.features[f].data(), bags[f].data()});
  }
  std::vector<double> reference(static_cast<std::size_t>(expected.rows) * static_cast<std::size_t>(package.model.outputs()));
  struct Level {
    model::Scorer::Level level;
    CpuLevel code;                                // of a network
    const char* name;
  };
  const Level levels[] = {{model::Scorer::Level::portable, CpuLevel::v2, "portable"}, {model::Scorer::Level::avx2, CpuLevel::v3, "avx2"}, {model::Scorer::Level::avx512, CpuLevel::v4, "avx512"}};
  const bool network = package.model.kind == ModelKind::network;  // its reference is its code for the smallest machine
  if (!network) model::score_reference(package.model, matrix, expected.rows, reference.data());
  for (const auto& [level, code, name] : levels) {
    if (level > model::Scorer::best_level() || (network && code > best_cpu_level())) continue;
    model::Model model = package.model;
    model.network.code = program.built.network_of(code);
    model::Scorer scorer(model);
    scorer.set_level(level);
    if (network && code == CpuLevel::v2) scorer.score(matrix, expected.rows, reference.data());
    std::vector<double> scores(reference.size());
    scorer.score(matrix, expected.rows, scores.data());
    const bool same = same_bits(scores, reference);
    check(std::string("model ") + name, same, std::to_string(expected.rows) + " rows, " + (same ? "the same bits as the reference" : "other bits than the reference"));
  }

  // Of a program for a GPU: models of trees give the same bits there, networks the same but for rounding.
  if (program.built.device) {
    score::Engine engine(package, program.built.features(best_cpu_level()), program.built.network_of(best_cpu_level()));
    try {
      OnDevice on = program.built.device(engine.package(), true);
      engine.set_scorer(std::move(on.scorer));
      const score::ProbeRun run = score::run_probe(engine);
      bool same = run.features.size() == expected.features.size();
      for (std::size_t f = 0; same && f < run.features.size(); ++f) same = same_bits(run.features[f], expected.features[f]);
      same = same && (network ? near(run, expected) : same_bits(run.predictions, expected.predictions));
      check("device", same, on.name + ", " + (same ? network ? "the same but for rounding" : "the same bits" : "other values than the CPU's"));
    } catch (const Failure& failure) {
      if (!about_devices(failure.diagnostic)) throw;
      check("device", true, "none here (" + std::string(info(failure.diagnostic.code).code) + "), the CPU scores");
    }
  }

  const Json manifest = Json::parse(package.manifest);
  if (manifest.contains("golden")) {
    const Json golden = score::golden_predictions(score::Engine(package, program.built.features(best_cpu_level()), program.built.network_of(best_cpu_level())));
    const bool same = golden == manifest["golden"];
    check("predictions", same, std::to_string(golden.size()) + " rows, " + (same ? "as recorded in training" : "other than recorded in training"));
  }

  if (arguments.has("--json")) {
    program.print(Json{{"passed", good}, {"checks", checks}}.dump() + "\n");
  } else {
    std::string out;
    for (const Json& c : checks) out += (c["passed"].get<bool>() ? "ok    " : "FAIL  ") + pad(c["check"].get<std::string>(), 20) + "  " + c["detail"].get<std::string>() + "\n";
    program.print(out);
  }
  if (!good) throw Failure(code::selftest_failed, "the self-test failed", "copy the artifact again, or try another machine");
  return 0;
}

std::string with_unit(double value, const char* unit) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f %s", value < 10 ? 2 : value < 100 ? 1 : 0, value, unit);
  return text;
}
std::string shown_time(double nanoseconds) {
  return nanoseconds < 1e3 ? with_unit(nanoseconds, "ns") : nanoseconds < 1e6 ? with_unit(nanoseconds / 1e3, "us") : nanoseconds < 1e9 ? with_unit(nanoseconds / 1e6, "ms") : with_unit(nanoseconds / 1e9, "s");
}
std::string shown_rate(double rate) { return rate < 1e3 ? with_unit(rate, "/s") : rate < 1e6 ? with_unit(rate / 1e3, "k/s") : with_unit(rate / 1e6, "M/s"); }

int run_bench(const Program& program, const Arguments& arguments) {
  BenchOptions options;
  options.rows = arguments.number("--rows", static_cast<int>(options.rows), 1, 1'000'000);
  options.seconds = arguments.number("--seconds", static_cast<int>(options.seconds), 1, 3600);
  options.threads = arguments.number("--threads", options.threads, 1, 1024);
  options.input = arguments.text("--input", "");
  const std::unique_ptr<score::Engine> engine = program.engine(arguments);
  const BenchResult result = bench(*engine, options);
  const std::string level = "x86-64-v" + std::to_string(static_cast<int>(best_cpu_level()));
  const double csv_rate = result.csv.per_second * result.csv_bytes / static_cast<double>(result.rows);
  if (arguments.has("--json")) {
    const auto latency = [](const Measured& m, const char* rate) {
      return Json{{rate, m.per_second}, {"p50_ns", m.times.quantile(0.5)}, {"p99_ns", m.times.quantile(0.99)}, {"p999_ns", m.times.quantile(0.999)}};
    };
    Json out{{"format_version", 1}, {"name", engine->package().signature.deployment}, {"package", sha256(program.built.package)}, {"mlp", mlp::version}, {"level", level}, {"threads", options.threads}};
    out["rows"] = result.rows;
    out["input"] = options.input.empty() ? Json() : Json(options.input);
    out["batch"] = {{"rows_per_second", result.batch.per_second}};
    out["row"] = latency(result.row, "rows_per_second");
    out["request"] = latency(result.request, "requests_per_second");
    out["request"]["bytes"] = result.request_bytes;
    out["csv"] = {{"rows_per_second", result.csv.per_second}, {"bytes_per_second", csv_rate}};
    program.print(out.dump() + "\n");
    return 0;
  }
  std::string out = engine->package().signature.deployment + ": " + std::to_string(result.rows) + " rows " + (options.input.empty() ? "made from the schema" : "of " + options.input) + ", " +
                    std::to_string(options.threads) + (options.threads == 1 ? " thread, " : " threads, ") + level + "\n\n";
  const auto line = [&](const char* name, const std::string& rate, const std::string& p50, const std::string& p99, const std::string& p999, const std::string& what) {
    std::string row = pad(name, 9) + right(rate, 12) + right(p50, 11) + right(p99, 11) + right(p999, 11) + "   " + what;
    row.erase(row.find_last_not_of(' ') + 1);
    out += row + "\n";
  };
  const auto timed = [&](const char* name, const Measured& m, const std::string& what) {
    line(name, shown_rate(m.per_second), shown_time(m.times.quantile(0.5)), shown_time(m.times.quantile(0.99)), shown_time(m.times.quantile(0.999)), what);
  };
  line("", "", "p50", "p99", "p99.9", "");
  line("batch", shown_rate(result.batch.per_second), "", "", "", "rows, from columns in memory");
  timed("row", result.row, "rows, one at a time");
  timed("request", result.request, "JSON to JSON, one row, " + with_unit(result.request_bytes, "bytes") + ", without the network");
  line("csv", shown_rate(result.csv.per_second), "", "", "", "rows, CSV to CSV, " + with_unit(csv_rate / 1e6, "MB/s"));
  program.print(out);
  return 0;
}

const std::vector<Command>& commands() {
  static const std::vector<Command> list = {
      {"serve", "answer over HTTP until stopped",
       {{"--host", "", "ADDRESS", "address to listen on (default 127.0.0.1)"},
        {"--port", "-p", "PORT", "port to listen on, 0 for any free one (default: the spec's)"},
        {"--threads", "", "N", "threads that answer (default: one a core)"}},
       "  NAME serve --port 8080\n"
       "  curl -s localhost:8080/v2/models\n"
       "  curl -s localhost:8080/invocations -H 'Content-Type: text/csv' --data-binary @rows.csv\n",
       run_serve, true},
      {"score", "rows in, predictions out",
       {{"--input", "-i", "FILE", "rows to score (default: standard input)"},
        {"--output", "-o", "FILE", "where predictions go, whole or not at all (default: standard output)"},
        {"--from", "", "FORMAT", "csv or jsonl (default: by the input's name, else csv)"},
        {"--to", "", "FORMAT", "csv or jsonl (default: by the output's name, else csv)"},
        {"--features", "", "", "write what the model saw behind each prediction, too"},
        {"--threads", "", "N", "threads that read and score (default: one a core)"}},
       "  NAME score --input new.csv > predictions.csv\n"
       "  cat rows.jsonl | NAME score --from jsonl --to jsonl\n"
       "A row for each input row, in order: prediction, then p_<label> for each class. Columns may stand in any order; those\n"
       "that are not needed are passed over. At a bad row it stops: the rows before it are written to standard output.\n",
       run_score, true},
      {"info", "what this is: model, metrics, columns, digests",
       {{"--json", "", "", "one JSON object"}},
       "  NAME info\n  NAME info --json | jq .request\n",
       run_info},
      {"bench", "how fast this is on this machine",
       {{"--rows", "", "N", "rows to score, again and again (default 10000)"},
        {"--seconds", "", "S", "how long to measure in all (default 4)"},
        {"--threads", "", "N", "threads that score at once (default 1)"},
        {"--input", "-i", "FILE", "CSV to take the rows from (default: made from the schema and what training saw)"},
        {"--json", "", "", "one JSON object"}},
       "  NAME bench\n  NAME bench --input new.csv --threads 2\n  NAME bench --json | jq .row.p99_ns\n",
       run_bench, true},
      {"selftest", "check that this file and this machine give the right bits",
       {{"--json", "", "", "one JSON object"}},
       "  NAME selftest && NAME serve\n",
       run_selftest},
  };
  return list;
}

std::string named(const char* text, const std::string& name) {
  std::string out = text;
  for (std::size_t at = out.find("NAME"); at != std::string::npos; at = out.find("NAME", at + name.size())) out.replace(at, 4, name);
  return out;
}

std::string general_help(const std::string& name) {
  std::string out = "usage: " + name + " COMMAND [arguments]\n\ncommands\n";
  for (const Command& c : commands()) out += "  " + pad(c.name, 10) + c.summary + "\n";
  out += "\n  " + pad("--help", 10) + "show this text; `" + name + " COMMAND --help` shows a command's\n  " + pad("--version", 10) + "what was built, from what\n";
  return out + "\nexamples\n  " + name + " score --input new.csv > predictions.csv\n  " + name + " serve --port 8080\n";
}

std::string command_help(const Program& program, const Command& command) {
  const std::string& name = program.name;
  std::string out = name + " " + command.name + ": " + command.summary + "\n\narguments\n";
  for (const Flag& f : flags_of(program, command))
    out += "  " + pad(std::string(f.name) + (*f.letter ? std::string(", ") + f.letter : "") + (*f.value ? std::string(" ") + f.value : ""), 22) + f.help + "\n";
  return out + "\nexamples\n" + named(command.examples, name);
}

int dispatch(Program& program, int argc, char** argv) {
  if (argc < 2) {
    std::cerr << general_help(program.name);
    return static_cast<int>(Exit::usage);
  }
  const std::string word = argv[1];
  if (word == "--help" || word == "-h" || word == "help") return program.print(general_help(program.name)), 0;
  if (word == "--version") {
    const package::Package package = program.load();
    program.print(package.signature.deployment + " " + sha256(program.built.package).substr(0, 12) + ", made by mlp " + mlp::version + "\n");
    return 0;
  }
  std::vector<std::string> names;
  for (const Command& command : commands()) {
    names.push_back(command.name);
    if (word != command.name) continue;
    for (int i = 2; i < argc; ++i)
      if (const std::string argument = argv[i]; argument == "--help" || argument == "-h") return program.print(command_help(program, command)), 0;
    return command.run(program, Arguments(flags_of(program, command), argc, argv, 2, program.name + " " + command.name));
  }
  const std::string near = nearest(word, names);
  throw Failure(code::bad_usage, "unknown command `" + word + "`", near.empty() ? "`" + program.name + " --help` lists the commands" : "did you mean `" + near + "`?");
}

}  // namespace

int artifact_main(int argc, char** argv, const Built& built) {
  Program program{.name = "artifact", .built = built};
  if (argc > 0 && argv[0] && *argv[0]) {
    program.name = argv[0];
    program.name.erase(0, program.name.rfind('/') + 1);
  }
  const char* const no_color = std::getenv("NO_COLOR");
  const char* const term = std::getenv("TERM");
  program.color = ::isatty(2) && !(no_color && *no_color) && !(term && std::strcmp(term, "dumb") == 0);
  try {
    return dispatch(program, argc, argv);
  } catch (const Failure& failure) {
    program.say(failure.diagnostic);
    return static_cast<int>(info(failure.diagnostic.code).exit);
  } catch (const std::bad_alloc&) {
    std::cerr << "error: out of memory\n";
    return static_cast<int>(Exit::environment);
  } catch (const std::exception& error) {
    std::cerr << render_bug(error.what());
    return static_cast<int>(Exit::bug);
  }
}

}  // namespace mlp::serve
