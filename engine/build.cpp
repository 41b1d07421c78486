#include "engine/build.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/codes/command.h"
#include "base/installed.h"
#include "engine/device.h"

namespace mlp::engine {
namespace {

// One PTX for all GPUs that are served: their driver makes machine code of it, and what code generation writes needs nothing newer.
constexpr int device_architecture = 75;

std::string spell(double value, const char* unit) {
  char buffer[48];
  std::snprintf(buffer, sizeof buffer, "%.3g %s", value, unit);
  return buffer;
}

// A text that a bag finds fifteen terms in.
std::string text_for(const package::Package& package, const model::FeatureInfo& bag) {
  if (bag.table < 0 || bag.terms == 0) return "the words of a text that a bag counts by their hashes, not by what training saw";
  const std::vector<std::string>& keys = package.fitted.tables[static_cast<std::size_t>(bag.table)].keys;
  std::string out;
  for (std::size_t i = 0; i < 15; ++i) out += (i ? " " : "") + keys[i * keys.size() / 15];
  return out;
}

// Median time of one row of zeros and empty texts, but for those that become bags, through the scoring path.
double measure_latency(const score::Engine& engine) {
  const package::Signature& signature = engine.package().signature;
  std::vector<std::string> texts(signature.request.size());
  for (std::size_t f = 0; f < signature.feature_columns.size(); ++f)
    if (const model::FeatureInfo& feature = engine.package().model.features[f]; feature.bag)
      for (const std::int32_t c : signature.feature_columns[f]) texts[static_cast<std::size_t>(c)] = text_for(engine.package(), feature);
  for (std::size_t i = 0; i < texts.size(); ++i) texts[i].resize(std::max(texts[i].size(), static_cast<std::size_t>(signature.request[i].image.size())));
  std::vector<mlp_string> strings;
  for (const std::string& text : texts) strings.push_back({text.data(), static_cast<std::int64_t>(text.size())});
  const std::vector<double> zeros(2, 0.0);
  std::vector<mlp_column> columns(static_cast<std::size_t>(signature.schema_size));
  for (std::size_t i = 0; i < signature.request.size(); ++i) {
    columns[static_cast<std::size_t>(signature.request_place[i])] = {values::layout_of(signature.request[i].type.scalar) == values::Layout::string ? static_cast<const void*>(&strings[i]) : zeros.data(), nullptr};
  }
  std::vector<double> out(engine.width());
  std::vector<double> times;
  for (int i = 0; i < 2000; ++i) {
    const auto start = std::chrono::steady_clock::now();
    engine.run(columns.data(), 1, out.data());
    times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return times[times.size() / 2];
}

// Peak memory of the artifact while it tests itself.
double measure_memory(const std::filesystem::path& artifact) {
  const std::string path = std::filesystem::absolute(artifact).string();
  const pid_t child = fork();
  if (child == 0) {
    if (!std::freopen("/dev/null", "w", stdout) || !std::freopen("/dev/null", "w", stderr)) _exit(3);
    execl(path.c_str(), path.c_str(), "selftest", nullptr);
    _exit(127);
  }
  int status = 0;
  struct rusage usage {};
  wait4(child, &status, 0, &usage);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) MLP_BUG("the artifact fails its own selftest");
  return static_cast<double>(usage.ru_maxrss) * 1024;
}

}  // namespace

Built build(const Loaded& loaded, const std::string& package_bytes, emit::Kind kind, const std::filesystem::path& output, bool symbols) {
  emit::Request request;
  request.kind = kind;
  std::vector<std::string> kernels = {"features"};                                          // and of a network what scores it
  loop::Module loops = loaded.pipeline.unit.loops;
  if (loaded.pipeline.program().deploy.target == DeployTarget::cuda) {
    if (kind != emit::Kind::executable)
      throw Failure(code::bad_usage, "`target = cuda` makes programs: a library and an object are scored on the CPU of the program that they are in", "leave `--kind` out, or remove `target = cuda` from the deploy block");
    check_on_device(loaded.engine->package().model);
    const DevicePipeline device = device_pipeline(loaded.pipeline, loaded.engine->package().model, device_architecture);
    request.device = to_bytes(device);
    loops = with_rest(loaded.pipeline, device);
    if (loops.find(rest_kernel)) kernels.push_back(rest_kernel);
  }
  request.kernels = driver::native().object(loops, kernels, {});
  request.plain = loop::plain_columns(*loaded.pipeline.unit.loops.find("features"));
  request.package = package_bytes;
  request.name = loaded.engine->package().signature.deployment;
  request.runtime = installed("x86_64");
  const std::vector<Column>& columns = loaded.engine->package().signature.request;
  request.pictures = std::any_of(columns.begin(), columns.end(), [](const Column& c) { return c.type.scalar == Scalar::image; });
  request.symbols = symbols;
  request.output = output;
  driver::native().emit(request);

  Built built;
  built.size = std::filesystem::file_size(output);
  built.latency_seconds = measure_latency(*loaded.engine);
  const Deploy& budget = loaded.pipeline.program().deploy;
  if (budget.size_bytes && static_cast<double>(built.size) > *budget.size_bytes)
    built.over_budget.push_back("size is " + spell(static_cast<double>(built.size) / 1048576, "MiB") + ", the budget " + spell(*budget.size_bytes / 1048576, "MiB"));
  if (budget.latency_seconds && built.latency_seconds > *budget.latency_seconds)
    built.over_budget.push_back("latency is " + spell(built.latency_seconds * 1e6, "us") + " a row, the budget " + spell(*budget.latency_seconds * 1e6, "us"));
  if (budget.memory_bytes && kind == emit::Kind::executable) {
    const double memory = measure_memory(output);
    if (memory > *budget.memory_bytes)
      built.over_budget.push_back("memory is " + spell(memory / 1048576, "MiB") + ", the budget " + spell(*budget.memory_bytes / 1048576, "MiB"));
  }
  return built;
}

}  // namespace mlp::engine
