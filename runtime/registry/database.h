// A SQLite connection with its errors as Failures. Rollback journal with synchronous=EXTRA: what COMMIT has returned
// survives a kill and a power cut.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace mlp::registry {

class Database {
 public:
  explicit Database(const std::filesystem::path& file);  // creates an empty one when missing; throws Failure
  Database(const Database&) = delete;
  ~Database();
  void run(const char* sql);
  [[noreturn]] void fail(int code);  // the Failure that stands for an SQLite error
  sqlite3* handle() const { return handle_; }
  const std::filesystem::path& file() const { return file_; }

 private:
  std::filesystem::path file_;
  sqlite3* handle_ = nullptr;
};

// One statement: bind in order, then step.
class Query {
 public:
  Query(Database& database, const char* sql);
  Query(const Query&) = delete;
  ~Query();
  Query& with(std::string_view text);
  Query& with(std::int64_t number);
  Query& with(double number);  // NaN is stored as null
  bool next();                 // false after the last row
  void finish() { while (next()) {} }
  std::string text(int column) const;
  std::int64_t integer(int column) const;
  double real(int column) const;  // null as NaN
  bool is_null(int column) const;

 private:
  Database& database_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

// Takes the one writer's place from its start. Rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(Database& database) : database_(database) { database_.run("BEGIN IMMEDIATE"); }
  Transaction(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace mlp::registry
