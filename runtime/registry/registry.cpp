#include "runtime/registry/registry.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <set>

#include "base/codes/command.h"
#include "base/codes/packages.h"
#include "base/files.h"
#include "runtime/registry/cache.h"
#include "runtime/registry/database.h"

namespace mlp::registry {
namespace {

namespace fs = std::filesystem;

// Marks an SQLite file as ours ("mlpR"), and the layout below.
constexpr std::int64_t application = 0x6D6C7052, layout = 2;
constexpr const char* schema = R"(
CREATE TABLE run (
  number    INTEGER PRIMARY KEY AUTOINCREMENT,
  id        TEXT NOT NULL UNIQUE,
  pipeline  TEXT NOT NULL,
  package   TEXT NOT NULL CHECK (length(package) = 64),
  created   TEXT NOT NULL,
  spec_path TEXT NOT NULL
) STRICT;
CREATE INDEX run_of_pipeline ON run (pipeline, number);
CREATE TABLE metric (
  run   INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
  part  TEXT NOT NULL,
  name  TEXT NOT NULL,
  value REAL,
  PRIMARY KEY (run, part, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE promotion (
  number      INTEGER PRIMARY KEY AUTOINCREMENT,
  pipeline    TEXT NOT NULL,
  run         INTEGER NOT NULL REFERENCES run (number),
  promoted    TEXT NOT NULL,
  rolled_back TEXT
) STRICT;
CREATE INDEX promotion_in_force ON promotion (pipeline, number) WHERE rolled_back IS NULL;
PRAGMA application_id = 1835823186;
)";
static_assert(application == 1835823186 && layout == 2);
// What layout 2 adds: the cached stages that a run was made from.
constexpr const char* schema_2 = R"(
CREATE TABLE stage (
  run     INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
  place   INTEGER NOT NULL,
  name    TEXT NOT NULL,
  key     TEXT NOT NULL CHECK (length(key) = 64),
  seconds REAL NOT NULL,
  PRIMARY KEY (run, place)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 2;
)";

constexpr const char* restore = "restore it from a copy, or move `.mlp/` away and train again; the packages in `.mlp/objects/` stay usable by path";

// A run's columns with its metrics, a row for each metric; production = the newest promotion in force.
constexpr const char* run_columns =
    "SELECT r.id, r.pipeline, r.package, r.created, r.spec_path, "
    "r.number IS (SELECT p.run FROM promotion p WHERE p.pipeline = r.pipeline AND p.rolled_back IS NULL ORDER BY p.number DESC LIMIT 1), "
    "m.part, m.name, m.value FROM run r LEFT JOIN metric m ON m.run = r.number ";

std::vector<Run> read_runs(Query& query) {
  std::vector<Run> runs;
  while (query.next()) {
    const std::string id = query.text(0);
    if (runs.empty() || runs.back().id != id)
      runs.push_back({id, query.text(1), query.text(2), query.text(3), query.text(4), {}, query.integer(5) != 0});
    if (!query.is_null(6)) runs.back().metrics[query.text(6)][query.text(7)] = query.real(8);
  }
  return runs;
}

std::string now() {
  const std::time_t seconds = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

[[noreturn]] void cannot_write(const fs::path& path, int error) {
  throw Failure(code::write_failed, "cannot write `" + path.string() + "`: " + std::strerror(error), error == ENOSPC ? "free some space and run the command again" : "choose a place that you may write to");
}

// A directory that is there after a power cut too.
void make_directory(const fs::path& path) {
  if (fs::is_directory(path)) return;
  const fs::path parent = path.has_parent_path() ? path.parent_path() : ".";
  make_directory(parent);
  if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) cannot_write(path, errno);
  const int fd = ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (!synced) cannot_write(path, error);
}

std::int64_t pragma(Database& database, const char* sql) {
  Query query(database, sql);
  return query.next() ? query.integer(0) : 0;
}

}  // namespace

struct Registry::Impl {
  fs::path home;  // `.mlp`
  mutable Database database;

  explicit Impl(const fs::path& mlp) : home(mlp), database(mlp / "index.sqlite") {
    const auto known = [&] { return pragma(database, "PRAGMA application_id") == application; };
    const std::string index = "`" + database.file().string() + "`";
    if (!known() && pragma(database, "SELECT count(*) FROM sqlite_master") == 0) {
      std::error_code error;
      if (fs::exists(home / "objects", error))  // an index comes before the first object, so it was there once
        throw Failure(code::registry_damaged, "the index of the registry, " + index + ", is lost: packages are there, but no runs", restore);
      Transaction transaction(database);
      if (!known()) {  // nobody else made it meanwhile
        database.run(schema);
        database.run(schema_2);
        transaction.commit();
      }
    }
    if (!known()) throw Failure(code::registry_foreign, index + " is an SQLite file of another program", "move it away, or name another directory with `--store`");
    if (pragma(database, "PRAGMA user_version") == 1) {
      Transaction transaction(database);
      if (pragma(database, "PRAGMA user_version") == 1) database.run(schema_2);
      transaction.commit();
    }
    const std::int64_t version = pragma(database, "PRAGMA user_version");
    if (version != layout)
      throw Failure(code::registry_foreign, index + " has layout " + std::to_string(version) + ", this program reads " + std::to_string(layout), "use the version of `mlp` that wrote it");
  }

  fs::path object(const std::string& digest) const { return home / "objects" / digest.substr(0, 2) / (digest.substr(2) + ".mlpkg"); }

  std::vector<Run> select(const std::string& where, const std::vector<std::string>& values) const {
    Query query(database, (run_columns + where).c_str());
    for (const std::string& value : values) query.with(value);
    return read_runs(query);
  }
  Run get(const std::string& wanted) const;
  std::string bytes_of(const Run& run) const;
  std::optional<Run> production(const std::string& pipeline) const {
    std::vector<Run> found = select("JOIN promotion q ON q.run = r.number WHERE q.pipeline = ? AND q.number = (SELECT max(number) FROM promotion "
                                    "WHERE pipeline = q.pipeline AND rolled_back IS NULL) ORDER BY m.part, m.name", {pipeline});
    if (found.empty()) return {};
    return std::move(found.front());
  }
};

Run Registry::Impl::get(const std::string& wanted) const {
  std::string key = wanted;
  std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::string order = " ORDER BY r.number DESC, m.part, m.name";
  if (key == "latest") {
    std::vector<Run> found = select("WHERE r.number = (SELECT max(number) FROM run)" + order, {});
    if (found.empty()) throw Failure(code::no_run, "the registry holds no run yet", "`mlp train SPEC` makes one");
    return std::move(found.front());
  }
  std::vector<Run> found = select("WHERE r.id = ?" + order, {key});
  if (found.empty() && !key.empty())
    found = select("WHERE substr(r.id, 1, length(?1)) = ?1 OR substr(r.package, 1, length(?1)) = ?1" + order, {key});
  const bool same = std::all_of(found.begin(), found.end(), [&](const Run& run) { return run.package == found.front().package; });
  if (!found.empty() && same) return std::move(found.front());  // of several trains of the same bytes, the newest
  if (!found.empty()) {
    std::string list;
    for (std::size_t i = 0; i < found.size() && i < 5; ++i) list += (i ? ", `" : "`") + found[i].id + "`";
    throw Failure(code::ambiguous_run, "`" + wanted + "` fits " + std::to_string(found.size()) + " runs: " + list + (found.size() > 5 ? ", …" : ""), "write more of the id");
  }
  std::vector<std::string> ids;
  for (const Run& run : select("WHERE 1" + order, {})) ids.push_back(run.id);
  const std::string near = nearest(key, ids);
  throw Failure(code::no_run, "there is no run `" + wanted + "`", near.empty() ? "`mlp runs` lists them" : "did you mean `" + near + "`?");
}

std::string Registry::Impl::bytes_of(const Run& run) const {
  constexpr const char* again = "restore the file from a copy, or train again: the same spec and data give the same bytes";
  const fs::path path = object(run.package);
  std::string bytes;
  try {
    bytes = read_file(path);
  } catch (const Failure& failure) {
    if (failure.diagnostic.code != code::file_not_found) throw;
    throw Failure(code::run_package_missing, "the package of run `" + run.id + "` is missing: `" + path.string() + "`", again);
  }
  if (sha256(bytes) != run.package)
    throw Failure(code::run_package_altered, "the package of run `" + run.id + "` has been altered: `" + path.string() + "`", again);
  return bytes;
}

Registry::Registry(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Registry::Registry(Registry&&) noexcept = default;
Registry& Registry::operator=(Registry&&) noexcept = default;
Registry::~Registry() = default;

Registry Registry::open(const fs::path& directory) {
  const fs::path home = directory / ".mlp";
  make_directory(fs::absolute(home));
  return Registry(std::make_unique<Impl>(home));
}

std::optional<Registry> Registry::find(const fs::path& directory) {
  const fs::path home = directory / ".mlp";
  std::error_code error;
  if (!fs::exists(home / "index.sqlite", error) && !fs::exists(home / "objects", error)) return {};
  return Registry(std::make_unique<Impl>(home));
}

Run Registry::add(const std::string& pipeline, const std::string& spec_path, const std::string& package_bytes,
                  const std::map<std::string, std::map<std::string, double>>& metrics, const std::vector<StageUse>& stages) {
  const std::string digest = sha256(package_bytes);
  const fs::path path = impl_->object(digest);
  Database& database = impl_->database;
  // The lock comes first, so that gc, which holds it too, never takes an object that has no run yet for an orphan.
  Transaction transaction(database);
  make_directory(fs::absolute(path.parent_path()));
  write_whole(path, package_bytes, 0444);
  std::string id = digest.substr(0, 12);
  for (int repeat = 2; Query(database, "SELECT 1 FROM run WHERE id = ?").with(id).next(); ++repeat) id = digest.substr(0, 12) + "-" + std::to_string(repeat);
  Query(database, "INSERT INTO run (id, pipeline, package, created, spec_path) VALUES (?, ?, ?, ?, ?)")
      .with(id).with(pipeline).with(digest).with(now()).with(spec_path).finish();
  const std::int64_t number = pragma(database, "SELECT last_insert_rowid()");
  for (const auto& [part, values] : metrics)
    for (const auto& [name, value] : values)
      Query(database, "INSERT INTO metric VALUES (?, ?, ?, ?)").with(number).with(part).with(name).with(value).finish();
  std::int64_t place = 0;
  for (const StageUse& stage : stages)
    Query(database, "INSERT INTO stage VALUES (?, ?, ?, ?, ?)").with(number).with(place++).with(stage.name).with(stage.key).with(stage.seconds).finish();
  Run run = impl_->get(id);
  transaction.commit();
  return run;
}

std::vector<StageUse> Registry::stages(const Run& run) const {
  std::vector<StageUse> list;
  Query query(impl_->database, "SELECT s.name, s.key, s.seconds FROM stage s JOIN run r ON r.number = s.run WHERE r.id = ? ORDER BY s.place");
  query.with(run.id);
  while (query.next()) list.push_back({query.text(0), query.text(1), query.real(2)});
  return list;
}

std::vector<Run> Registry::runs(const std::string& pipeline) const {
  return impl_->select("WHERE ?1 = '' OR r.pipeline = ?1 ORDER BY r.number DESC, m.part, m.name", {pipeline});
}

Run Registry::get(const std::string& id_prefix) const { return impl_->get(id_prefix); }

std::optional<Run> Registry::production(const std::string& pipeline) const { return impl_->production(pipeline); }

void Registry::promote(const std::string& id) {
  Database& database = impl_->database;
  Transaction transaction(database);
  const Run run = impl_->get(id);
  if (run.production) return;
  impl_->bytes_of(run);  // what goes into production is whole
  Query(database, "INSERT INTO promotion (pipeline, run, promoted) SELECT pipeline, number, ? FROM run WHERE id = ?").with(now()).with(run.id).finish();
  transaction.commit();
}

Run Registry::rollback(const std::string& pipeline) {
  Database& database = impl_->database;
  Transaction transaction(database);
  const std::optional<Run> current = impl_->production(pipeline);
  if (!current) throw Failure(code::no_rollback, "no run of pipeline `" + pipeline + "` is in production", "`mlp promote RUN` puts one there");
  Query(database, "UPDATE promotion SET rolled_back = ?1 WHERE number = (SELECT max(number) FROM promotion WHERE pipeline = ?2 AND rolled_back IS NULL)")
      .with(now()).with(pipeline).finish();
  std::optional<Run> before = impl_->production(pipeline);
  if (!before) throw Failure(code::no_rollback, "run `" + current->id + "` is the first that was in production of pipeline `" + pipeline + "`", "promote another run instead");
  impl_->bytes_of(*before);
  transaction.commit();
  return std::move(*before);
}

std::string Registry::package_bytes(const Run& run) const { return impl_->bytes_of(run); }

fs::path Registry::package_path(const Run& run) const { return impl_->object(run.package); }

std::optional<std::string> Registry::trial(const std::string& key) const {
  const fs::path path = impl_->home / "trials" / key;
  std::error_code error;
  return fs::is_regular_file(path, error) ? std::optional(read_file(path)) : std::nullopt;
}

void Registry::keep_trial(const std::string& key, const std::string& text) {
  std::error_code error;
  fs::create_directories(impl_->home / "trials", error);
  if (error) cannot_write(impl_->home / "trials", error.value());
  write_whole(impl_->home / "trials" / key, text);
}

Registry::GcReport Registry::gc(std::int64_t keep) {
  Database& database = impl_->database;
  {
    Transaction transaction(database);
    Query(database, "DELETE FROM run WHERE number NOT IN (SELECT run FROM promotion) AND "
                    "(SELECT count(*) FROM run newer WHERE newer.pipeline = run.pipeline AND newer.number > run.number) >= ?")
        .with(keep).finish();
    transaction.commit();
  }
  // Files go only when no committed run names them, and under the lock, so that no run can come to name them meanwhile.
  Transaction lock(database);
  std::set<fs::path> named;
  for (Query query(database, "SELECT DISTINCT package FROM run"); query.next();) named.insert(impl_->object(query.text(0)));
  const fs::path cache = impl_->home / "cache";
  for (Query query(database, "SELECT DISTINCT key FROM stage"); query.next();) named.insert(Cache::place(cache, query.text(0)));
  GcReport report;
  std::vector<fs::path> surplus;
  std::error_code error;
  for (const fs::path& folder : {impl_->home / "objects", cache}) {
    error.clear();
    for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
      if (it->is_regular_file(error) && !named.contains(it->path())) surplus.push_back(it->path());
  }
  for (fs::directory_iterator it(impl_->home / "trials", error), end; !error && it != end; it.increment(error)) surplus.push_back(it->path());
  for (const fs::path& path : surplus) {
    const std::uintmax_t size = fs::file_size(path, error);
    if (!fs::remove(path, error)) cannot_write(path, error.value());
    ++report.files;
    report.bytes += static_cast<std::int64_t>(size);
  }
  return report;
}

std::vector<Diagnostic> Registry::verify() const {
  std::vector<Diagnostic> findings;
  const auto check = [&](auto&& what) {
    try {
      what();
    } catch (const Failure& failure) {
      findings.push_back(failure.diagnostic);
    }
  };
  Database& database = impl_->database;
  const auto damaged = [&](const std::string& what) {
    throw Failure(code::registry_damaged, "the index of the registry, `" + database.file().string() + "`, is damaged: " + what, restore);
  };
  check([&] {
    for (Query query(database, "PRAGMA integrity_check"); query.next();)
      if (query.text(0) != "ok") damaged(query.text(0));
  });
  check([&] {
    for (Query query(database, "PRAGMA foreign_key_check"); query.next();) damaged("table `" + query.text(0) + "` names a run that is not there");
  });
  check([&] {
    for (const Run& run : runs())
      check([&] { impl_->bytes_of(run); });
  });
  return findings;
}

}  // namespace mlp::registry
