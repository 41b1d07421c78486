#include "runtime/data/duck.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/codes/data.h"
#include "base/diagnostic.h"

namespace mlp::data {

namespace {

[[noreturn]] void cannot_read(const std::string& about, const char* text) {
  const std::string why = text != nullptr ? text : "unknown error";
  throw Failure(code::data_engine, "cannot read `" + about + "`: " + why.substr(0, why.find('\n')));
}

}  // namespace

bool Result::next(std::unique_ptr<Chunk>& chunk) {
  duckdb_data_chunk raw = duckdb().fetch_chunk(result_);
  if (raw == nullptr) {
    const char* const error = duckdb().result_error(&result_);
    if (error != nullptr) cannot_read(about_, error);
    return false;
  }
  chunk = std::make_unique<Chunk>(raw);
  return true;
}

Duck::Duck(int threads) {
  duckdb_config config = nullptr;
  MLP_CHECK(duckdb().create_config(&config) == DuckDBSuccess);
  const auto set = [&](const char* name, const std::string& value) { MLP_CHECK(duckdb().set_config(config, name, value.c_str()) == DuckDBSuccess); };
  set("threads", std::to_string(std::max(1, threads)));
  set("preserve_insertion_order", "true");
  set("autoinstall_known_extensions", "false");  // CSV, Parquet and JSON are built in; nothing comes from the network
  set("autoload_known_extensions", "false");
  set("temp_directory", (std::filesystem::temp_directory_path() / ("millrace-duckdb-" + std::to_string(::getpid()))).string());
  char* error = nullptr;
  const duckdb_state state = duckdb().open_ext(nullptr, &database_, config, &error);
  duckdb().destroy_config(&config);
  if (state != DuckDBSuccess || duckdb().connect(database_, &connection_) != DuckDBSuccess) {
    const std::string why = error != nullptr ? error : "no connection";
    duckdb().free(error);
    duckdb().close(&database_);
    throw Failure(code::data_engine, "the data engine does not start: " + why);
  }
  teach_functions(connection_);
}
Duck::~Duck() {
  duckdb().disconnect(&connection_);
  duckdb().close(&database_);
}

std::unique_ptr<Result> Duck::query(const std::string& sql, const std::string& about) {
  duckdb_result raw{};
  const duckdb_state state = duckdb().query(connection_, sql.c_str(), &raw);
  auto result = std::make_unique<Result>(raw, about);
  if (state != DuckDBSuccess) cannot_read(about, duckdb().result_error(&raw));
  return result;
}

std::unique_ptr<Result> Duck::stream(const std::string& sql, const std::string& about) {
  duckdb_prepared_statement statement = nullptr;
  const std::shared_ptr<void> guard(nullptr, [&](void*) { duckdb().destroy_prepare(&statement); });
  if (duckdb().prepare(connection_, sql.c_str(), &statement) != DuckDBSuccess) cannot_read(about, duckdb().prepare_error(statement));
  duckdb_result raw{};
  const duckdb_state state = duckdb().execute_prepared_streaming(statement, &raw);
  auto result = std::make_unique<Result>(raw, about);
  if (state != DuckDBSuccess) cannot_read(about, duckdb().result_error(&raw));
  return result;
}

Appender::Appender(Duck& duck, const std::string& table) {
  MLP_CHECK(duckdb().appender_create(duck.connection_, nullptr, table.c_str(), &appender_) == DuckDBSuccess);
  std::vector<duckdb_logical_type> types;
  for (idx_t i = 0; i < duckdb().appender_column_count(appender_); ++i) types.push_back(duckdb().appender_column_type(appender_, i));
  chunk_ = duckdb().create_data_chunk(types.data(), types.size());
  for (duckdb_logical_type& type : types) duckdb().destroy_logical_type(&type);
}
Appender::~Appender() {
  duckdb().destroy_data_chunk(&chunk_);
  duckdb().appender_destroy(&appender_);
}
void Appender::set_null(std::int32_t column, std::int64_t row) {
  duckdb().vector_ensure_validity_writable(vector(column));
  duckdb().validity_set_row_invalid(duckdb().vector_get_validity(vector(column)), static_cast<idx_t>(row));
}
void Appender::end(std::int64_t rows) {
  duckdb().data_chunk_set_size(chunk_, static_cast<idx_t>(rows));
  if (duckdb().append_data_chunk(appender_, chunk_) != DuckDBSuccess) throw Failure(code::data_engine, std::string("the data engine takes no rows: ") + duckdb().appender_error(appender_));
}
void Appender::close() {
  if (duckdb().appender_close(appender_) != DuckDBSuccess) throw Failure(code::data_engine, std::string("the data engine takes no rows: ") + duckdb().appender_error(appender_));
}

std::string sql_text(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out.append(c == '\'' ? 2 : 1, c);
  return out + "'";
}
std::string sql_name(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) out.append(c == '"' ? 2 : 1, c);
  return out + "\"";
}
std::string sql_path(std::string_view path) {
  std::string plain;
  for (const char c : path) {
    if (c == '*' || c == '?' || c == '[') ((plain += '[') += c) += ']';
    else plain += c;
  }
  return sql_text(plain);
}

}  // namespace mlp::data
