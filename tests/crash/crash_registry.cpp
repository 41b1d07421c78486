// Kills a process at a random moment while it works on a registry, again and again, and looks at what is left. After each
// kill: the registry opens, every visible run is whole by its digest, nothing that was acknowledged is lost, and
// production is where the last acknowledged command or the one under way put it.
//   crash_registry DIRECTORY [KILLS] [SEED]
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <random>
#include <set>
#include <sstream>

#include "base/files.h"
#include "runtime/registry/registry.h"

namespace {

namespace fs = std::filesystem;
using mlp::registry::Registry;
using mlp::registry::Run;

constexpr int workers = 4;      // each kills in a registry of its own: most of the time is waiting for the disk
constexpr int kills_each = 50;  // then a fresh registry, so that making one is interrupted too
constexpr std::int64_t keep = 4;

[[noreturn]] void broken(const std::string& what) {
  std::fprintf(stderr, "crash_registry: %s\n", what.c_str());
  std::exit(1);
}

// What the killed process has told: one line a command before it starts (lower case) and after it has returned (upper).
//   a · A id · p id · P id · r · R id · g · G
void work(const fs::path& directory, int pipe, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto say = [&](const std::string& line) {
    const std::string text = line + "\n";
    if (write(pipe, text.data(), text.size()) != static_cast<ssize_t>(text.size())) _exit(3);
  };
  Registry registry = Registry::open(directory);
  while (true) {
    const std::uint64_t choice = random() % 8;
    if (choice < 4) {
      say("a");
      const std::string bytes = random() % 4 ? std::to_string(random()) : "the same bytes";
      say("A " + registry.add("churn", "churn.mlp", bytes, {{"test", {{"auc", 0.5}}}}).id);
    } else if (choice < 6) {
      const std::vector<Run> runs = registry.runs();
      if (runs.empty()) continue;
      const std::string id = runs[random() % std::min<std::size_t>(runs.size(), 3)].id;
      say("p " + id);
      registry.promote(id);
      say("P " + id);
    } else if (choice == 6) {
      say("r");
      try {
        say("R " + registry.rollback("churn").id);
      } catch (const mlp::Failure&) {  // nothing to go back to
        say("F");
      }
    } else {
      say("g");
      registry.gc(keep);
      say("G");
    }
  }
}

// What must be true of a registry, by what its users were told.
struct Expected {
  std::vector<std::string> added;            // acknowledged, oldest first
  std::set<std::string> promoted;            // gc never takes these
  std::string production;                    // "" = none
  std::optional<std::string> under_way;      // a command that has started and not returned
  std::int64_t unacknowledged = 0;           // adds that may or may not have happened: gc counts them among the newest
};

void hear(Expected& e, const std::string& lines) {
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) {
    const std::string id = line.size() > 2 ? line.substr(2) : "";
    switch (line[0]) {
      case 'a': case 'p': case 'r': case 'g': e.under_way = line; continue;
      case 'A': e.added.push_back(id); break;
      case 'P': e.promoted.insert(id); e.production = id; break;
      case 'R': e.production = id; break;
      case 'F': case 'G': break;
      default: broken("the worker failed: " + line);
    }
    e.under_way.reset();
  }
}

void examine(const fs::path& directory, Expected& e) {
  const std::optional<Registry> registry = Registry::find(directory);
  if (!registry) {
    if (!e.added.empty()) broken("the registry is gone");
    return;
  }
  const std::vector<mlp::Diagnostic> findings = registry->verify();
  if (!findings.empty()) broken(findings[0].message);
  std::set<std::string> visible;
  std::string production;
  for (const Run& run : registry->runs("churn")) {
    if (mlp::sha256(registry->package_bytes(run)) != run.package) broken("run " + run.id + " is not whole");
    visible.insert(run.id);
    if (run.production) production = run.id;
  }
  const char doing = e.under_way ? (*e.under_way)[0] : ' ';
  if (doing == 'a') ++e.unacknowledged;
  for (std::size_t i = 0; i < e.added.size(); ++i) {
    const std::string& id = e.added[e.added.size() - 1 - i];
    const bool kept = static_cast<std::int64_t>(i) + e.unacknowledged < keep || e.promoted.contains(id);
    if (kept && !visible.contains(id)) broken("run " + id + " was acknowledged and is lost");
  }
  const bool as_told = production == e.production;
  const bool as_under_way = (doing == 'p' && production == e.under_way->substr(2)) || (doing == 'r' && e.promoted.contains(production));
  if (!as_told && !as_under_way) broken("production is `" + production + "`, should be `" + e.production + "`");
  e.production = production;
  if (!production.empty()) e.promoted.insert(production);
  e.under_way.reset();
}

// After the last kill: gc leaves nothing but the packages of runs.
void examine_files(const fs::path& directory) {
  Registry registry = Registry::open(directory);
  registry.gc(keep);
  std::set<std::string> packages;
  for (const Run& run : registry.runs()) packages.insert(run.package);
  std::size_t files = 0;
  if (fs::exists(directory / ".mlp/objects"))
    for (const auto& entry : fs::recursive_directory_iterator(directory / ".mlp/objects")) files += entry.is_regular_file();
  if (files != packages.size()) broken(std::to_string(files) + " files for " + std::to_string(packages.size()) + " packages");
  if (!registry.verify().empty()) broken("damaged after gc");
  registry.add("churn", "churn.mlp", "one more", {});  // the next command works
}

int kill_often(const fs::path& base, int kills, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::int64_t acknowledged = 0, interrupted = 0;
  for (int done = 0; done < kills;) {
    const fs::path directory = base / std::to_string(done);
    fs::create_directories(directory);
    Expected expected;
    for (int i = 0; i < kills_each && done < kills; ++i, ++done) {
      int ends[2];
      if (pipe(ends) != 0) broken("no pipe");
      const std::uint64_t child_seed = random();
      const pid_t pid = fork();
      if (pid == 0) {
        close(ends[0]);
        try {
          work(directory, ends[1], child_seed);
        } catch (const std::exception& e) {
          const std::string line = std::string("! ") + e.what() + "\n";
          if (write(ends[1], line.data(), line.size()) < 0) _exit(5);
        }
        _exit(4);
      }
      close(ends[1]);
      // mostly in the first command, sometimes after a few
      usleep(static_cast<useconds_t>(random() % (random() % 3 ? 30'000 : 200'000)));
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
      std::string told;
      char buffer[4096];
      for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) told.append(buffer, static_cast<std::size_t>(n));
      close(ends[0]);
      hear(expected, told);
      acknowledged += std::count_if(told.begin(), told.end(), [](char c) { return c == 'A' || c == 'P' || c == 'R' || c == 'G'; });
      interrupted += expected.under_way.has_value();
      examine(directory, expected);
    }
    examine_files(directory);
    fs::remove_all(directory);
  }
  std::printf("%d kills: %lld commands interrupted, %lld acknowledged, none lost\n", kills, static_cast<long long>(interrupted), static_cast<long long>(acknowledged));
  std::fflush(stdout);
  if (kills >= 100 && (interrupted == 0 || acknowledged == 0)) broken("the kills came at the wrong moments to say anything");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) broken("usage: crash_registry DIRECTORY [KILLS] [SEED]");
  const int kills = argc > 2 ? std::atoi(argv[2]) : 1000;
  const std::uint64_t seed = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : std::random_device{}();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  std::string pattern = (fs::path(argv[1]) / "crash-XXXXXX").string();
  if (!mkdtemp(pattern.data())) broken("cannot make a directory in " + std::string(argv[1]));
  std::vector<pid_t> children;
  for (int w = 0; w < workers; ++w) {
    const pid_t pid = fork();
    if (pid == 0) _exit(kill_often(fs::path(pattern) / std::to_string(w), kills / workers, seed + static_cast<std::uint64_t>(w)));
    children.push_back(pid);
  }
  bool whole = true;
  for (const pid_t pid : children) {
    int status = 0;
    waitpid(pid, &status, 0);
    whole = whole && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  if (!whole) broken("see " + pattern);
  fs::remove_all(pattern);
  return 0;
}
