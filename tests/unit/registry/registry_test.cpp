// Provokes E0701 E0702 E0703 E0704 E0705 E0706 E0707, and E0904 and E0906 as far as the registry reports them.
#include "runtime/registry/registry.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <fstream>
#include <set>

#include "base/files.h"

namespace mlp::registry {
namespace {

namespace fs = std::filesystem;

class RegistryTest : public testing::Test {
 protected:
  using Run = registry::Run;  // testing::Test has a private function of that name
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "mlp-registry-XXXXXX").string();  // where others may look
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory = pattern;
  }
  void TearDown() override { fs::remove_all(directory); }

  static Run add(Registry& registry, const std::string& bytes, const std::string& pipeline = "churn") {
    return registry.add(pipeline, "/specs/churn.mlp", bytes, {{"test", {{"auc", 0.5}, {"gap", NAN}}}, {"train", {{"auc", 0.25}}}});
  }
  fs::path index() const { return directory / ".mlp" / "index.sqlite"; }
  fs::path directory;
};

// The code of the Failure that `what` ends in; "" when it ends well.
template <class What>
std::string code_of(What&& what) {
  try {
    what();
    return {};
  } catch (const Failure& failure) {
    EXPECT_FALSE(failure.diagnostic.message.empty());
    return info(failure.diagnostic.code).code;
  }
}

// Runs `what` in a process of its own; its exit status.
template <class What>
int in_child(What&& what) {
  const pid_t pid = fork();
  if (pid == 0) {
    int status = 99;
    try {
      status = what();
    } catch (...) {
    }
    _exit(status);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

TEST_F(RegistryTest, ARunComesBackAsItWasAdded) {
  const std::string bytes("data\0with\nall", 13);
  Registry registry = Registry::open(directory);
  const Run added = add(registry, bytes);
  EXPECT_EQ(added.package, sha256(bytes));
  EXPECT_EQ(added.id, added.package.substr(0, 12));
  EXPECT_EQ(added.created.size(), 20u);
  const Run run = Registry::open(directory).get(added.id);
  EXPECT_EQ(run.pipeline, "churn");
  EXPECT_EQ(run.spec_path, "/specs/churn.mlp");
  EXPECT_EQ(run.metrics.at("test").at("auc"), 0.5);
  EXPECT_TRUE(std::isnan(run.metrics.at("test").at("gap")));
  EXPECT_EQ(run.metrics.at("train").size(), 1u);
  EXPECT_FALSE(run.production);
  EXPECT_EQ(registry.package_bytes(run), bytes);
  EXPECT_EQ(registry.package_path(run), directory / ".mlp/objects" / run.package.substr(0, 2) / (run.package.substr(2) + ".mlpkg"));
  EXPECT_TRUE(registry.verify().empty());
}

TEST_F(RegistryTest, RepeatsOfTheSameBytesAreRunsOfTheirOwn) {
  Registry registry = Registry::open(directory);
  const Run first = add(registry, "same"), second = add(registry, "same"), third = add(registry, "same");
  EXPECT_EQ(second.id, first.id + "-2");
  EXPECT_EQ(third.id, first.id + "-3");
  EXPECT_EQ(registry.runs().size(), 3u);
  EXPECT_EQ(registry.runs().front().id, third.id);  // newest first
  EXPECT_EQ(registry.get(first.id).id, first.id);
  EXPECT_EQ(registry.get(first.id.substr(0, 5)).id, third.id);
}

TEST_F(RegistryTest, RunsAreFoundByPrefixDigestAndLatest) {
  Registry registry = Registry::open(directory);
  EXPECT_EQ(code_of([&] { registry.get("latest"); }), "E0906");
  std::vector<Run> runs;
  for (int i = 0; i < 40; ++i) runs.push_back(add(registry, "package " + std::to_string(i), i % 2 ? "odd" : "even"));
  EXPECT_EQ(registry.get("latest").id, runs.back().id);
  EXPECT_EQ(registry.get(runs[7].package).id, runs[7].id);
  EXPECT_EQ(registry.get(runs[7].package.substr(0, 30)).id, runs[7].id);
  EXPECT_EQ(registry.get(runs[7].id.substr(0, 10)).id, runs[7].id);
  EXPECT_EQ(registry.runs("odd").size(), 20u);
  EXPECT_EQ(registry.runs("none").size(), 0u);
  EXPECT_EQ(code_of([&] { registry.get("zzz"); }), "E0906");
  EXPECT_EQ(code_of([&] { registry.get(""); }), "E0906");
  EXPECT_EQ(code_of([&] { registry.get("' OR 1 --"); }), "E0906");
  // 40 runs begin with 16 digits: one of them is shared
  std::map<char, int> starts;
  for (const Run& run : runs) ++starts[run.id[0]];
  for (const auto& [digit, count] : starts)
    EXPECT_EQ(code_of([&] { registry.get(std::string(1, digit)); }), count > 1 ? "E0704" : "");
  std::string misspelt = runs[3].id;
  misspelt[5] = misspelt[5] == 'a' ? 'b' : 'a';
  try {
    registry.get(misspelt);
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.diagnostic.help, "did you mean `" + runs[3].id + "`?");
  }
}

TEST_F(RegistryTest, RollbackGoesBackThroughTheHistory) {
  Registry registry = Registry::open(directory);
  const Run a = add(registry, "a"), b = add(registry, "b"), c = add(registry, "c"), other = add(registry, "o", "other");
  EXPECT_FALSE(registry.production("churn"));
  EXPECT_EQ(code_of([&] { registry.rollback("churn"); }), "E0707");
  for (const Run& run : {a, b, c}) registry.promote(run.id);
  registry.promote(c.id);  // is there already: nothing to go back over
  registry.promote(other.id);
  EXPECT_EQ(registry.production("churn")->id, c.id);
  EXPECT_TRUE(registry.get(c.id).production);
  EXPECT_FALSE(registry.get(b.id).production);
  EXPECT_EQ(registry.rollback("churn").id, b.id);
  EXPECT_EQ(registry.rollback("churn").id, a.id);
  EXPECT_EQ(code_of([&] { registry.rollback("churn"); }), "E0707");
  EXPECT_EQ(registry.production("churn")->id, a.id);  // the failed one changed nothing
  registry.promote(c.id);
  EXPECT_EQ(registry.rollback("churn").id, a.id);  // the version before, not the one rolled back from
  EXPECT_EQ(registry.production("other")->id, other.id);
}

TEST_F(RegistryTest, GcKeepsTheNewestAndWhatWasInProduction) {
  Registry registry = Registry::open(directory);
  std::vector<Run> runs;
  for (int i = 0; i < 6; ++i) runs.push_back(add(registry, "package " + std::to_string(i)));
  const Run other = add(registry, "lonely", "other");
  registry.promote(runs[0].id);
  registry.promote(runs[1].id);
  const fs::path orphan = directory / ".mlp/objects/ff/orphan.mlpkg", temporary = directory / ".mlp/objects/ff/.half.mlpkg.AbCdEf";
  fs::create_directories(orphan.parent_path());
  std::ofstream(orphan) << "12345";
  std::ofstream(temporary) << "123";
  const Registry::GcReport report = registry.gc(2);
  EXPECT_EQ(report.files, 4);  // runs 2 and 3, the orphan and the temporary
  EXPECT_EQ(report.bytes, 2 * 9 + 5 + 3);
  std::set<std::string> left;
  for (const Run& run : registry.runs()) left.insert(run.id);
  EXPECT_EQ(left, (std::set<std::string>{runs[0].id, runs[1].id, runs[4].id, runs[5].id, other.id}));
  EXPECT_TRUE(registry.verify().empty());
  EXPECT_EQ(registry.gc(2).files, 0);
  EXPECT_EQ(registry.gc(0).files, 3);
  EXPECT_EQ(registry.runs().size(), 2u);
}

TEST_F(RegistryTest, GcKeepsAnObjectThatAnotherRunShares) {
  Registry registry = Registry::open(directory);
  add(registry, "same");
  const Run newer = add(registry, "same");
  EXPECT_EQ(registry.gc(1).files, 0);
  EXPECT_EQ(registry.runs().size(), 1u);
  EXPECT_EQ(registry.package_bytes(newer), "same");
}

TEST_F(RegistryTest, AMissingOrAlteredPackageIsNamed) {
  Registry registry = Registry::open(directory);
  const Run run = add(registry, "package"), whole = add(registry, "whole");
  const fs::path path = registry.package_path(run);
  fs::remove(path);
  EXPECT_EQ(code_of([&] { registry.package_bytes(run); }), "E0705");
  EXPECT_EQ(code_of([&] { registry.promote(run.id); }), "E0705");
  for (std::size_t flipped = 0; flipped < 7; ++flipped) {
    std::string bytes = "package";
    bytes[flipped] ^= 1;
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    EXPECT_EQ(code_of([&] { registry.package_bytes(run); }), "E0706");
  }
  EXPECT_EQ(code_of([&] { registry.promote(run.id); }), "E0706");
  EXPECT_FALSE(registry.production("churn"));
  ASSERT_EQ(registry.verify().size(), 1u);
  EXPECT_EQ(info(registry.verify()[0].code).code, std::string("E0706"));
  add(registry, "package");  // training again brings the file back
  EXPECT_TRUE(registry.verify().empty());
}

TEST_F(RegistryTest, RollbackToADamagedPackageChangesNothing) {
  Registry registry = Registry::open(directory);
  const Run a = add(registry, "a"), b = add(registry, "b");
  registry.promote(a.id);
  registry.promote(b.id);
  fs::remove(registry.package_path(a));
  EXPECT_EQ(code_of([&] { registry.rollback("churn"); }), "E0705");
  EXPECT_EQ(registry.production("churn")->id, b.id);
}

TEST_F(RegistryTest, ADamagedIndexIsRefusedAndLeftAlone) {
  { Registry registry = Registry::open(directory); for (int i = 0; i < 50; ++i) add(registry, "package " + std::to_string(i)); }
  const std::string good = read_file(index());
  const auto write = [&](const std::string& bytes) { std::ofstream(index(), std::ios::binary | std::ios::trunc) << bytes; };
  const auto use = [&] { Registry::open(directory).runs(); };
  for (const std::string& bad : {std::string("not a database, just a text of some length"), std::string(4096, '\x5A'), good.substr(0, good.size() / 2)}) {
    write(bad);
    EXPECT_EQ(code_of(use), "E0701");
    EXPECT_EQ(read_file(index()), bad);
  }
  write("");  // cut to nothing: packages are there, so it was no empty registry
  EXPECT_EQ(code_of(use), "E0701");
  fs::remove(index());
  EXPECT_EQ(code_of([&] { Registry::find(directory); }), "E0701");
  // any page of the index overwritten: opening or verifying says so
  for (std::size_t page = 0; page < good.size() / 4096; ++page) {
    std::string bad = good;
    for (std::size_t i = 0; i < 4096; ++i) bad[page * 4096 + i] = '\x5A';
    write(bad);
    std::size_t findings = 0;
    const std::string code = code_of([&] { findings = Registry::open(directory).verify().size(); });
    EXPECT_TRUE(code == "E0701" || findings > 0) << "page " << page;
  }
  write(good);
  EXPECT_TRUE(Registry::open(directory).verify().empty());
}

TEST_F(RegistryTest, AForeignIndexIsRefused) {
  const auto execute = [&](const char* sql) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(index().c_str(), &handle), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(handle);
  };
  fs::create_directories(index().parent_path());
  execute("CREATE TABLE theirs (x)");
  EXPECT_EQ(code_of([&] { Registry::open(directory); }), "E0702");
  fs::remove(index());
  Registry::open(directory);
  execute("PRAGMA user_version = 7");
  EXPECT_EQ(code_of([&] { Registry::open(directory); }), "E0702");
}

TEST_F(RegistryTest, ALockThatIsNeverGivenUpIsReported) {
  Registry registry = Registry::open(directory);
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open(index().c_str(), &handle), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(handle, "BEGIN EXCLUSIVE", nullptr, nullptr, nullptr), SQLITE_OK);
  set_busy_wait(50);
  EXPECT_EQ(code_of([&] { Registry::open(directory).runs(); }), "E0703");
  set_busy_wait(30'000);
  sqlite3_close(handle);
  EXPECT_TRUE(registry.runs().empty());
}

TEST_F(RegistryTest, FindMakesNothing) {
  EXPECT_FALSE(Registry::find(directory));
  EXPECT_FALSE(fs::exists(directory / ".mlp"));
  Registry::open(directory);
  EXPECT_TRUE(Registry::find(directory));
}

TEST_F(RegistryTest, AFullDiskLosesNothing) {
  Registry registry = Registry::open(directory);
  const Run before = add(registry, "before");
  // A limit on the size of files stands for a full disk: writes beyond it fail.
  for (const rlim_t limit : {rlim_t{0}, rlim_t{100}, static_cast<rlim_t>(fs::file_size(index()))}) {
    EXPECT_EQ(in_child([&] {
      std::signal(SIGXFSZ, SIG_IGN);
      const rlimit small{limit, limit};
      setrlimit(RLIMIT_FSIZE, &small);
      Registry mine = Registry::open(directory);
      const std::string code = code_of([&] {
        for (int i = 0; i < 200; ++i) add(mine, "next" + std::to_string(i) + std::string(80, 'x'));
      });
      return code == "E0904" ? 0 : 1;
    }), 0) << limit;
    EXPECT_TRUE(registry.verify().empty());
    EXPECT_EQ(registry.package_bytes(before), "before");
  }
  add(registry, "after");
  registry.gc(100);
  EXPECT_TRUE(registry.verify().empty());
}

TEST_F(RegistryTest, AReadOnlyDirectoryCanBeReadAndSaysThatItCannotBeWritten) {
  std::string id;
  { Registry registry = Registry::open(directory); id = add(registry, "package").id; }
  std::vector<fs::path> directories{directory};
  for (const auto& entry : fs::recursive_directory_iterator(directory)) directories.push_back(entry.path());
  for (const fs::path& path : directories) chmod(path.c_str(), fs::is_directory(path) ? 0555 : 0444);
  EXPECT_EQ(in_child([&] {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return 2;  // permissions do not bind root
    Registry registry = *Registry::find(directory);
    if (registry.runs().size() != 1 || registry.package_bytes(registry.get(id)) != "package" || !registry.verify().empty()) return 3;
    for (const std::string& code : {code_of([&] { add(registry, "more"); }), code_of([&] { registry.promote(id); }), code_of([&] { registry.gc(0); }),
                                    code_of([&] { Registry::open(directory / "sub"); })})
      if (code != "E0904") return 4;
    return 0;
  }), 0);
  for (const fs::path& path : directories) chmod(path.c_str(), 0755);
}

TEST_F(RegistryTest, ProcessesAddAtOnce) {
  constexpr int processes = 4, each = 15;
  std::vector<pid_t> children;
  for (int p = 0; p < processes; ++p) {
    const pid_t pid = fork();
    if (pid == 0) {
      try {
        Registry registry = Registry::open(directory);  // the first ones make it together
        for (int i = 0; i < each; ++i) {
          const Run run = add(registry, i % 3 ? std::to_string(p) + ":" + std::to_string(i) : "shared");
          if (i % 4 == 0) registry.promote(run.id);
          if (i % 5 == 0) registry.gc(1000);
        }
      } catch (...) {
        _exit(1);
      }
      _exit(0);
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = 0;
    waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
  }
  Registry registry = Registry::open(directory);
  std::set<std::string> ids;
  for (const Run& run : registry.runs()) ids.insert(run.id);
  EXPECT_EQ(ids.size(), std::size_t{processes * each});
  EXPECT_TRUE(registry.verify().empty());
}

}  // namespace
}  // namespace mlp::registry
