#include "runtime/registry/database.h"

#include <sqlite3.h>

#include <limits>

#include "base/codes/command.h"
#include "base/codes/packages.h"
#include "base/diagnostic.h"
#include "runtime/registry/registry.h"

namespace mlp::registry {
namespace {
int busy_milliseconds = 30'000;
}

void set_busy_wait(int milliseconds) { busy_milliseconds = milliseconds; }

Database::Database(const std::filesystem::path& file) : file_(file) {
  const int code = sqlite3_open_v2(file.c_str(), &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE, nullptr);
  try {
    if (code != SQLITE_OK) fail(code);
    sqlite3_busy_timeout(handle_, busy_milliseconds);
    run("PRAGMA foreign_keys = ON");
    run("PRAGMA synchronous = EXTRA");
  } catch (...) {
    sqlite3_close(handle_);
    throw;
  }
}

Database::~Database() { sqlite3_close(handle_); }

void Database::run(const char* sql) {
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

void Database::fail(int code) {
  const std::string index = "`" + file_.string() + "`";
  const std::string reason = handle_ ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  switch (code & 0xFF) {
    case SQLITE_CORRUPT: case SQLITE_NOTADB:
      throw Failure(code::registry_damaged, "the index of the registry, " + index + ", is damaged: " + reason,
                    "restore it from a copy, or move `.mlp/` away and train again; the packages in `.mlp/objects/` stay usable by path");
    case SQLITE_BUSY: case SQLITE_LOCKED:
      throw Failure(code::registry_busy, "another process has kept the registry " + index + " locked for " + std::to_string(busy_milliseconds) + " ms",
                    "wait for it to end and run the command again");
    case SQLITE_FULL:
      throw Failure(code::write_failed, "cannot write " + index + ": the disk is full", "free some space and run the command again; the registry is as it was before");
    case SQLITE_READONLY: case SQLITE_PERM: case SQLITE_CANTOPEN:
      throw Failure(code::write_failed, "cannot write " + index + ": " + reason, "choose a place that you may write to");
    case SQLITE_IOERR:
      throw Failure(code::write_failed, "cannot read or write " + index + ": " + reason, "the registry is as it was before; check the disk and run the command again");
    default: MLP_BUG("registry: " + reason);
  }
}

Query::Query(Database& database, const char* sql) : database_(database) {
  const int code = sqlite3_prepare_v2(database.handle(), sql, -1, &statement_, nullptr);
  if (code != SQLITE_OK) database_.fail(code);
}
Query::~Query() { sqlite3_finalize(statement_); }

Query& Query::with(std::string_view text) {
  sqlite3_bind_text(statement_, ++bound_, text.data() ? text.data() : "", static_cast<int>(text.size()), SQLITE_TRANSIENT);
  return *this;
}
Query& Query::with(std::int64_t number) {
  sqlite3_bind_int64(statement_, ++bound_, number);
  return *this;
}
Query& Query::with(double number) {
  sqlite3_bind_double(statement_, ++bound_, number);
  return *this;
}
bool Query::next() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_.fail(code);
  return false;
}
std::string Query::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return bytes ? std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))) : std::string();
}
std::int64_t Query::integer(int column) const { return sqlite3_column_int64(statement_, column); }
double Query::real(int column) const { return is_null(column) ? std::numeric_limits<double>::quiet_NaN() : sqlite3_column_double(statement_, column); }
bool Query::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

void Transaction::commit() {
  database_.run("COMMIT");
  open_ = false;
}
Transaction::~Transaction() {
  if (open_) sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);  // a failed one may be rolled back already
}

}  // namespace mlp::registry
