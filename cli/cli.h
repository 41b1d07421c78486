// What the commands share: the global options, how findings are shown, how a spec, a package or a run is found.
#pragma once
#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/machine.h"
#include "engine/train.h"
#include "runtime/registry/registry.h"

namespace mlp::cli {

using Json = nlohmann::ordered_json;

struct Globals {
  std::filesystem::path store = ".";  // the directory that holds `.mlp/`
  bool color = false;                 // of messages on standard error
  bool no_color = false;
  bool quiet = false;
  std::vector<std::string> set;       // name=value, of params
  std::vector<std::string> disabled;  // passes to leave out
  std::shared_ptr<SourceMap> sources = std::make_shared<SourceMap>();  // of the spec that was opened last: failures may name its lines
};

// A command registers its arguments on `app` and leaves its action in `run`; the action returns the exit code.
using Action = std::function<int()>;
struct Command {
  const char* name;
  const char* summary;
  void (*add)(CLI::App& app, Globals& globals, Action& run);
};
const std::vector<Command>& commands();

void add_init(CLI::App&, Globals&, Action&);
void add_check(CLI::App&, Globals&, Action&);
void add_fmt(CLI::App&, Globals&, Action&);
void add_plan(CLI::App&, Globals&, Action&);
void add_diff(CLI::App&, Globals&, Action&);
void add_train(CLI::App&, Globals&, Action&);
void add_test(CLI::App&, Globals&, Action&);
void add_build(CLI::App&, Globals&, Action&);
void add_export(CLI::App&, Globals&, Action&);
void add_score(CLI::App&, Globals&, Action&);
void add_serve(CLI::App&, Globals&, Action&);
void add_runs(CLI::App&, Globals&, Action&);
void add_show(CLI::App&, Globals&, Action&);
void add_promote(CLI::App&, Globals&, Action&);
void add_rollback(CLI::App&, Globals&, Action&);
void add_rerun(CLI::App&, Globals&, Action&);
void add_verify(CLI::App&, Globals&, Action&);
void add_gc(CLI::App&, Globals&, Action&);
void add_explain(CLI::App&, Globals&, Action&);
void add_doc(CLI::App&, Globals&, Action&);
void add_completions(CLI::App&, Globals&, Action&);
void add_man(CLI::App&, Globals&, Action&);
void add_lsp(CLI::App&, Globals&, Action&);

// ---- showing
void print_json(const Json& value);                                                // to standard output, one line
void report(const std::vector<Diagnostic>& list, const SourceMap& sources, const Globals& globals);  // to standard error
int exit_code(const std::vector<Diagnostic>& list);                                // of the gravest
std::string thousands(std::int64_t n);                                             // 7,043
std::string significant(double value);                                             // 0.8412
void flush_output();                                                               // throws Failure when standard output is broken or full

// ---- finding
void add_set(CLI::App& app, Globals& globals);                     // --set name=value, of a command that takes a spec
void add_disable_pass(CLI::App& app, Globals& globals);            // --disable-pass NAME, of one that compiles it
driver::Options spec_options(const Globals& globals);              // with what these two say
// Text of a spec; "-" is standard input.
std::string read_spec(const std::string& path);
// The pipeline of a spec file; warnings are reported, errors throw SpecError.
engine::Pipeline open_spec(const std::string& path, const Globals& globals);

// A spec, a package file or a run (id, prefix, digest, `latest`), with its package loaded.
struct Subject {
  std::string bytes;                    // of the package
  std::string label;                    // for messages
  std::optional<registry::Run> run;
  engine::Loaded loaded;
};
// For a spec: the newest run that trains the same (its tests, deployment and monitoring may have changed: the spec's are
// taken), trained now when there is none.
Subject resolve(const std::string& what, const Globals& globals, int threads);
registry::Registry open_registry(const Globals& globals);          // must exist
// Trains, records the run, reports findings.
registry::Run record(const engine::Trained& trained, const engine::Pipeline& pipeline, const std::string& spec_path, const Globals& globals);
// A device of that name, cpu or cuda; says on standard error what it took. None for the CPU.
class OpenDevice {
 public:
  OpenDevice(const std::string& name, const Globals& globals);
  const engine::TrainingDevice* training() const { return training_ ? &*training_ : nullptr; }
 private:
  std::unique_ptr<device::Device> device_;
  std::optional<engine::TrainingDevice> training_;
};

// `reuse`: takes stages from the cache; it is filled in any case. checkpoint_seconds: see engine/options.h. check_gradients: above 0, the greatest
// relative error of a gradient of a network that may be.
engine::Trained train_with_progress(const engine::Pipeline& pipeline, const std::string& spec_path, int threads, const Globals& globals, bool reuse = true,
                                    double checkpoint_seconds = 10, double check_gradients = 0, const engine::TrainingDevice* device = nullptr);

}  // namespace mlp::cli
