#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iostream>

#include "base/codes/command.h"
#include "base/codes/training.h"
#include "base/files.h"
#include "base/render.h"
#include "cli/cli.h"
#include "compiler/lower/lower.h"
#include "compiler/plan/plan.h"
#include "engine/findings.h"
#include "engine/manifest.h"
#include "engine/tune.h"
#include "runtime/device/cuda.h"

namespace mlp::cli {

void print_json(const Json& value) { std::cout << value.dump() << '\n'; }

void report(const std::vector<Diagnostic>& list, const SourceMap& sources, const Globals& globals) {
  for (const Diagnostic& d : list) {
    if (globals.quiet && info(d.code).severity == Severity::warning) continue;
    std::cerr << render(d, sources, globals.color) << '\n';
  }
}

int exit_code(const std::vector<Diagnostic>& list) {
  int code = 0;
  for (const Diagnostic& d : list)
    if (info(d.code).severity == Severity::error) code = std::max(code, static_cast<int>(info(d.code).exit));
  return code;
}

std::string thousands(std::int64_t n) {
  std::string digits = std::to_string(n);
  for (int at = static_cast<int>(digits.size()) - 3; at > (n < 0 ? 1 : 0); at -= 3) digits.insert(at, ",");
  return digits;
}

std::string significant(double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, std::abs(value) >= 1000 ? "%.1f" : "%.4f", value);
  return buffer;
}

void flush_output() {
  errno = 0;
  std::cout.flush();
  if (!std::cout && errno == EPIPE) return;  // the reader has seen enough, as with `| head`
  if (!std::cout) throw Failure(code::write_failed, std::string("cannot write to standard output: ") + std::strerror(errno ? errno : EIO));
}

std::string read_spec(const std::string& path) {
  const std::string extension = std::filesystem::path(path).extension().string();
  for (const char* data : {".csv", ".gz", ".parquet", ".jsonl", ".ndjson", ".tsv"})
    if (extension == data) throw Failure(code::bad_usage, "`" + path + "` is data, not a spec", "`mlp init " + path + "` writes a first spec for it");
  if (path != "-") return read_file(path);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

void add_set(CLI::App& app, Globals& globals) {
  app.add_option("--set", globals.set, "name=value: another value for a param of the spec; may be repeated")->allow_extra_args(false);
}

void add_disable_pass(CLI::App& app, Globals& globals) {
  app.add_option("--disable-pass", globals.disabled, "leave out a pass of the compiler, by name (`mlp plan --passes`); may be repeated")->allow_extra_args(false);
}

driver::Options spec_options(const Globals& globals) {
  driver::Options options;
  std::vector<std::string> passes;
  for (const auto* list : {&plan_passes(), &lower_passes()})
    for (const PassInfo& pass : *list) passes.push_back(pass.name);
  for (const std::string& name : globals.disabled) {
    if (std::find(passes.begin(), passes.end(), name) != passes.end()) continue;
    const std::string near = nearest(name, passes);
    throw Failure(code::bad_usage, "there is no pass `" + name + "` that could be left out", near.empty() ? "`mlp plan --passes` lists them" : "did you mean `" + near + "`?");
  }
  options.passes.disabled = globals.disabled;
  for (const std::string& one : globals.set) {
    const std::size_t sign = one.find('=');
    if (sign == 0 || sign == std::string::npos) throw Failure(code::bad_usage, "`--set " + one + "` is not `name=value`", "write `--set window=60d`");
    const Assignment given{one.substr(0, sign), one.substr(sign + 1)};
    for (const Assignment& before : options.set)
      if (before.name == given.name) throw Failure(code::bad_usage, "`--set` gives `" + given.name + "` twice", "keep one of the two");
    options.set.push_back(given);
  }
  std::sort(options.set.begin(), options.set.end(), [](const Assignment& a, const Assignment& b) { return a.name < b.name; });
  return options;
}

engine::Pipeline open_spec(const std::string& path, const Globals& globals) {
  engine::Pipeline pipeline = engine::prepare(path, read_spec(path), spec_options(globals));
  *globals.sources = pipeline.unit.sources;
  report(pipeline.unit.diagnostics.all(), pipeline.unit.sources, globals);
  return pipeline;
}

registry::Registry open_registry(const Globals& globals) {
  std::optional<registry::Registry> found = registry::Registry::find(globals.store);
  if (!found)
    throw Failure(code::no_run, "there is no registry `.mlp/` in `" + std::filesystem::absolute(globals.store).lexically_normal().string() + "`", "`mlp train SPEC` makes one; `--store DIR` names another");
  return std::move(*found);
}

registry::Run record(const engine::Trained& trained, const engine::Pipeline& pipeline, const std::string& spec_path, const Globals& globals) {
  registry::Registry registry = registry::Registry::open(globals.store);
  const std::string absolute = spec_path == "-" ? spec_path : std::filesystem::absolute(spec_path).lexically_normal().string();
  std::vector<registry::StageUse> stages;
  for (const engine::StageDone& done : trained.stages) stages.push_back({std::string(driver::info(done.stage).name), done.key, done.seconds});
  const registry::Run run = registry.add(pipeline.program().name, absolute, trained.bytes, trained.metrics, stages);
  try {
    if (trained.keep) trained.keep();
  } catch (const Failure& failure) {  // the run is whole; only the next train is slower
    if (!globals.quiet) std::cerr << "the stages are not kept in the cache: " << failure.diagnostic.message << '\n';
  }
  return run;
}

namespace {

// A bar on a terminal; nothing elsewhere.
class Bar {
 public:
  explicit Bar(bool on) : on_(on) {}
  ~Bar() { clear(); }
  void stage(const std::string& name) {
    if (!on_) return;
    clear();
    std::cerr << name << " …" << std::flush;
    shown_ = true;
  }
  void round(const learn::Progress& p) {
    if (!on_) return;
    constexpr int width = 30;
    const int full = p.rounds > 0 ? static_cast<int>(width * p.round / p.rounds) : width;
    std::string bar(static_cast<std::size_t>(full), '#');
    bar.resize(width, '.');
    char line[160];
    const bool valid = p.valid == p.valid;
    std::snprintf(line, sizeof line, "[%s] %lld/%lld  %s %.5f%s", bar.c_str(), static_cast<long long>(p.round), static_cast<long long>(p.rounds), p.metric.c_str(), valid ? p.valid : p.train, valid ? " (valid)" : "");
    std::cerr << "\r\x1b[2K" << line << std::flush;
    shown_ = true;
  }
  void clear() {
    if (shown_) std::cerr << "\r\x1b[2K" << std::flush;
    shown_ = false;
  }

 private:
  bool on_, shown_ = false;
};

// The trials of a tune block: on a terminal a line for each, as it ends.
void show_trial(const std::vector<engine::Trial>& trials, const Tune& tune) {
  const engine::Trial& last = trials.back();
  double best = trials.front().score;
  for (const engine::Trial& t : trials)
    if (t.resource >= last.resource && !(tune.maximize ? t.score <= best : t.score >= best)) best = t.score;
  const std::string metric = std::string(ir::enum_words<MetricScope>::words[static_cast<int>(tune.scope)]) + "." + tune.metric;
  if (trials.size() == 1) {
    std::cerr << "trial";
    for (const Assignment& a : last.values) std::fprintf(stderr, "  %*s", static_cast<int>(std::max<std::size_t>(a.name.size(), 10)), a.name.c_str());
    std::fprintf(stderr, "  %10s  %10s\n", metric.c_str(), "best");
  }
  std::fprintf(stderr, "%5zu", trials.size());
  for (const Assignment& a : last.values) std::fprintf(stderr, "  %*s", static_cast<int>(std::max<std::size_t>(a.name.size(), 10)), a.value.c_str());
  std::fprintf(stderr, "  %*s  %10s\n", static_cast<int>(std::max<std::size_t>(metric.size(), 10)), significant(last.score).c_str(), significant(best).c_str());
}

// The newest run of the pipeline that trains the same.
std::optional<registry::Run> find_run(const engine::Pipeline& pipeline, const Globals& globals, package::Package& package, std::string& bytes) {
  const std::optional<registry::Registry> registry = registry::Registry::find(globals.store);
  if (!registry) return {};
  for (const registry::Run& run : registry->runs(pipeline.program().name)) {
    bytes = registry->package_bytes(run);
    package = package::from_bytes(bytes, "run " + run.id);
    if (Json::parse(package.manifest).value("identity", "") == pipeline.identity && engine::fits(package, pipeline.program())) return run;
  }
  return {};
}

}  // namespace

namespace {

// Compiled gradients beside central differences, a line a weight; the worst of all may not pass the bound.
void show_gradients(const std::vector<learn::GradientCheck>& checks, double bound) {
  const learn::GradientCheck* worst = nullptr;
  std::size_t width = 6;
  for (const learn::GradientCheck& c : checks) width = std::max(width, c.weight.size());
  std::fprintf(stderr, "%-*s  elements   worst error   compiled     difference\n", static_cast<int>(width), "weight");
  for (const learn::GradientCheck& c : checks) {
    std::fprintf(stderr, "%-*s  %8lld   %11.2g   %-11.4g  %-11.4g\n", static_cast<int>(width), c.weight.c_str(), static_cast<long long>(c.elements), c.error, c.compiled, c.difference);
    if (!worst || !(c.error <= worst->error)) worst = &c;
  }
  if (worst && !(worst->error <= bound))
    throw Failure(code::wrong_gradient, "the gradient of `" + worst->weight + "[" + std::to_string(worst->at) + "]` is " + ir::exact(worst->compiled) + ", and the loss changes by " + ir::exact(worst->difference),
                  "the relative error of " + significant(worst->error) + " is above " + ir::exact(bound) + ": where a corner lies close (`relu`, `max`, `abs`), give a greater bound; else report this, with the spec");
}

}  // namespace

OpenDevice::OpenDevice(const std::string& name, const Globals& globals) {
  if (name == "cpu") return;
  device_ = device::open_cuda();
  const int architecture = device_->architecture();
  training_.emplace(engine::TrainingDevice{*device_, "cuda " + std::to_string(architecture / 10) + "." + std::to_string(architecture % 10),
                                           [architecture](const loop::Module& loops) { return driver::native().device_code(loops, architecture); }});
  if (!globals.quiet) std::cerr << "device: " << device_->describe() << '\n';
}

engine::Trained train_with_progress(const engine::Pipeline& pipeline, const std::string& spec_path, int threads, const Globals& globals, bool reuse, double checkpoint_seconds, double check_gradients, const engine::TrainingDevice* device) {
  Bar bar(!globals.quiet && isatty(2));
  engine::TrainOptions options;
  options.threads = threads;
  options.device = device;
  const registry::Cache cache(globals.store);
  options.cache = &cache;
  options.reuse = reuse;
  options.checkpoint_seconds = checkpoint_seconds;
  options.on_stage = [&](const std::string& name) { bar.stage(name); };
  options.on_round = [&](const learn::Progress& p) { bar.round(p); };
  if (check_gradients > 0) {
    if (pipeline.program().model.settings.kind != ModelKind::network) throw Failure(code::bad_usage, "`--check-gradients` compares the gradients of a network, and `" + pipeline.program().model.name + "` is none", "leave the flag out");
    options.reuse = false;
    options.on_gradients = [&](const std::vector<learn::GradientCheck>& checks) {
      bar.clear();
      show_gradients(checks, check_gradients);
    };
  }
  std::optional<registry::Registry> store;
  if (!pipeline.program().tune.empty()) {
    store.emplace(registry::Registry::open(globals.store));
    options.trials.find = [&](const std::string& key) { return store->trial(key); };
    options.trials.keep = [&](const std::string& key, const std::string& text) { store->keep_trial(key, text); };
    if (!globals.quiet && isatty(2)) options.on_trial = [&](const std::vector<engine::Trial>& trials) { bar.clear(), show_trial(trials, pipeline.program().tune.front()); };
  }
  engine::Trained trained = engine::train(pipeline, engine::directory_of(spec_path), options);
  bar.clear();
  Diagnostics list;
  const ir::Model& model = pipeline.program().model;
  if (trained.unseen_class > 0)
    list.report(code::unseen_class, thousands(trained.unseen_class) + " rows of the valid and test parts have a class that no train row has; they are left out of the metrics")
        .suggest("use `by = stratified(" + model.target_name + ")` in the split");
  if (!trained.converged)
    list.report(code::not_converged, "the model stopped after " + thousands(model.settings.iterations) + " iterations, before its tolerance")
        .at(model.span, "this model")
        .suggest("raise `iterations`, or standardize the features");
  for (const engine::Finding& finding : trained.findings) list.add(engine::to_diagnostic(finding));
  report(list.all(), *globals.sources, globals);
  return trained;
}

Subject resolve(const std::string& what, const Globals& globals, int threads) {
  std::error_code error;
  const bool file = std::filesystem::is_regular_file(what, error);
  const bool spec = std::filesystem::path(what).extension() == ".mlp" && !std::filesystem::is_directory(what, error);
  Subject subject;
  if (spec) {
    engine::Pipeline pipeline = open_spec(what, globals);
    package::Package package;
    subject.run = find_run(pipeline, globals, package, subject.bytes);
    if (!subject.run) {
      if (!globals.quiet) std::cerr << "no run of `" << what << "` yet: training it\n";
      engine::Trained trained = train_with_progress(pipeline, what, threads, globals);
      subject.run = record(trained, pipeline, what, globals);
      subject.bytes = std::move(trained.bytes);
      package = std::move(trained.package);
    }
    subject.label = what;
    if (!package.tuned.empty()) pipeline = engine::settle(pipeline, package.tuned);
    package::Package now;
    pipeline.write_sources(now);
    if (package.spec != now.spec || package.imports != now.imports || package.set != now.set) {
      // The model is the same; deployment and monitoring are the spec's of today.
      pipeline.write_sources(package);
      engine::set_deployment(package.signature, pipeline.program());
      subject.bytes = package::to_bytes(package);
    }
    subject.loaded.pipeline = std::move(pipeline);
    subject.loaded.engine = std::make_unique<score::Engine>(std::move(package), subject.loaded.pipeline.kernels->find("features"), subject.loaded.pipeline.network());
    return subject;
  }
  if (!globals.disabled.empty()) throw Failure(code::bad_usage, "`--disable-pass` needs a spec: `" + what + "` was compiled when it was trained", "name the spec");
  if (!globals.set.empty()) throw Failure(code::bad_usage, "`--set` needs a spec: the params of `" + what + "` are what it was trained with", "name the spec: it is trained with the new value");
  if (file) {
    subject.bytes = read_file(what);
    subject.label = what;
  } else {
    if (std::filesystem::exists(what, error) || what.find('/') != std::string::npos) read_file(what);  // a directory, or missing: says so
    registry::Registry registry = open_registry(globals);
    subject.run = registry.get(what);
    subject.bytes = registry.package_bytes(*subject.run);
    subject.label = "run " + subject.run->id;
  }
  subject.loaded = engine::load(package::from_bytes(subject.bytes, subject.label), subject.label);
  *globals.sources = subject.loaded.pipeline.unit.sources;
  return subject;
}

}  // namespace mlp::cli
