#include "cli/sides.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "base/codes/packages.h"
#include "base/codes/command.h"
#include "base/files.h"

namespace mlp::cli {
namespace {

std::shared_ptr<const driver::Unit> compiled(const std::string& name, std::string text, driver::Options options = {}) {
  options.stop_after = "plan";
  auto unit = std::make_shared<driver::Unit>(driver::compile(name, std::move(text), options));
  if (!unit->ok()) throw engine::SpecError(std::move(*unit));
  return unit;
}

engine::Side side_of_package(package::Package package, const std::string& label) {
  engine::Side side;
  side.label = label;
  side.unit = compiled(label, package.spec, engine::options_of(package, false));
  side.settled = package.tuned.empty() ? side.unit : compiled(label, package.spec, engine::options_of(package, true));
  side.data = Json::parse(package.manifest)["data"]["sha256"];
  side.package = std::move(package);
  return side;
}

engine::Side side_of_run(const registry::Registry& registry, const registry::Run& run) {
  const std::string label = "run " + run.id;
  engine::Side side = side_of_package(package::from_bytes(registry.package_bytes(run), label), label);
  side.stages = registry.stages(run);
  side.run = run;
  return side;
}

struct Output { int code = 127; std::string out, err; };

// Runs git in a directory. No shell: a revision is an argument.
Output git(const std::filesystem::path& directory, const std::vector<std::string>& arguments) {
  int out[2], err[2];
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) throw Failure(code::no_revision, std::string("cannot run `git`: ") + std::strerror(errno));
  std::vector<std::string> words = {"git", "-C", directory.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    dup2(out[1], 1);
    dup2(err[1], 2);
    execvp("git", argv.data());
    _exit(127);
  }
  close(out[1]);
  close(err[1]);
  Output result;
  std::thread errors([&] {
    char buffer[4096];
    for (ssize_t n; (n = read(err[0], buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR);)
      if (n > 0) result.err.append(buffer, static_cast<std::size_t>(n));
  });
  char buffer[1 << 16];
  for (ssize_t n; (n = read(out[0], buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR);)
    if (n > 0) result.out.append(buffer, static_cast<std::size_t>(n));
  errors.join();
  close(out[0]);
  close(err[0]);
  int status = 0;
  if (child > 0) waitpid(child, &status, 0);
  result.code = child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 127;
  return result;
}

// A file as it stood at a revision. `path`: from the directory when it begins with `./`, else from the root of the repository.
std::string file_at(const std::filesystem::path& directory, const std::string& revision, const std::string& path) {
  const std::string object = revision + ":" + path;
  Output shown = git(directory, {"show", object});
  if (shown.code == 0) return std::move(shown.out);
  while (!shown.err.empty() && shown.err.back() == '\n') shown.err.pop_back();
  throw Failure(code::no_revision, shown.code == 127 ? "`git` cannot be run" : "git has no `" + object + "`: " + shown.err.substr(0, shown.err.find('\n')),
                "a revision is followed by a colon: `HEAD~1:`, or `main:path/to/spec.mlp` from the root of the repository");
}

engine::Side side_of_revision(const std::string& what, const std::string& spec) {
  const std::size_t colon = what.find(':');
  const std::string revision = what.substr(0, colon);
  std::string path = what.substr(colon + 1);
  if (path.empty() && spec.empty()) throw Failure(code::bad_usage, "`" + what + "` names no spec", "write `" + what + "path/to/spec.mlp`");
  const bool named = !path.empty();
  const std::filesystem::path directory = named ? "." : engine::directory_of(spec);
  if (!named) path = "./" + std::filesystem::path(spec).filename().string();
  const std::string text = file_at(directory, revision, path);
  driver::Options options;  // what it imports, as it stood then
  options.read = [&](const std::string& file) {
    const std::string from = (std::filesystem::path(path).parent_path() / file).lexically_normal().generic_string();
    return file_at(directory, revision, named && !path.starts_with("./") && !path.starts_with("../") ? from : "./" + from);
  };
  const std::shared_ptr<const driver::Unit> unit = compiled(revision + ":" + path, text, options);
  if (!named) return side_of(unit, spec);
  const Output root = git(".", {"rev-parse", "--show-toplevel"});  // data lies where the path does, in this work tree
  const std::filesystem::path top = root.out.substr(0, root.out.find('\n'));
  return side_of(unit, (top / path).string());
}

}  // namespace

engine::Side side_of(std::shared_ptr<const driver::Unit> unit, const std::string& path) {
  engine::Side side;
  side.label = unit->sources.name(0);
  side.unit = std::move(unit);
  if (side.unit->program.tune.empty()) side.settled = side.unit;
  try {
    side.data = engine::data_digest(side.unit->program, engine::directory_of(path));
  } catch (const Failure& failure) {
    side.data_fault = failure.diagnostic.message;
  }
  return side;
}

engine::Side side_of(const std::string& what, const std::string& spec, const Globals& globals) {
  std::error_code error;
  const std::filesystem::path path = what;
  if (std::filesystem::is_regular_file(path, error)) {
    if (path.extension() == ".mlp") return side_of(compiled(what, read_spec(what)), what);
    return side_of_package(package::from_bytes(read_file(what), what), what);
  }
  if (what.find(':') != std::string::npos) return side_of_revision(what, spec);
  if (path.extension() == ".mlp" || what.find('/') != std::string::npos) read_file(what);  // missing, or a directory: says so
  const registry::Registry registry = open_registry(globals);
  if (what != "production") return side_of_run(registry, registry.get(what));
  const std::string pipeline = spec.empty() ? "" : compiled(spec, read_spec(spec))->program.name;
  for (const registry::Run& run : registry.runs(pipeline))
    if (run.production) return side_of_run(registry, run);
  throw Failure(code::no_run, pipeline.empty() ? "no run is in production" : "no run of `" + pipeline + "` is in production", "`mlp promote RUN` puts one there");
}

std::optional<engine::Side> last_run(const std::string& pipeline, const Globals& globals) {
  const std::optional<registry::Registry> registry = registry::Registry::find(globals.store);
  if (!registry) return {};
  for (const registry::Run& run : registry->runs(pipeline)) {
    try {
      return side_of_run(*registry, run);
    } catch (const engine::SpecError&) {
      return {};
    } catch (const Failure& failure) {   // a package that is damaged or altered must not stand in the way of the next
      if (failure.diagnostic.code != code::package_damaged && failure.diagnostic.code != code::run_package_altered) throw;
    }
  }
  return {};
}

Json stages_json(const engine::Comparison& comparison) {
  Json list = Json::array();
  for (const engine::StageChange& change : comparison.stages) {
    Json reasons = Json::array(), changes = Json::array();
    for (const engine::Reason& reason : change.reasons) {
      reasons.push_back(reason.text());
      changes.push_back({{"what", reason.what}, {"was", reason.was}, {"is", reason.is}, {"place", reason.place}});
    }
    if (!change.note.empty()) reasons.push_back(change.note);
    Json stage = {{"name", driver::info(change.stage).name}, {"class", driver::spell(change.cls)}, {"reasons", reasons}, {"changes", changes}};
    if (change.seconds) stage["seconds"] = *change.seconds;
    list.push_back(std::move(stage));
  }
  return list;
}

}  // namespace mlp::cli
