// DuckDB as we use it: one in-memory database, no extension fetched, results chunk by chunk in order.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "runtime/data/duck_library.h"

namespace mlp::data {

// One chunk of a result. The memory lives as long as the chunk.
class Chunk {
 public:
  explicit Chunk(duckdb_data_chunk chunk) : chunk_(chunk) {}
  Chunk(const Chunk&) = delete;
  ~Chunk() { duckdb().destroy_data_chunk(&chunk_); }
  std::int64_t rows() const { return static_cast<std::int64_t>(duckdb().data_chunk_get_size(chunk_)); }
  const void* values(std::int32_t column) const { return duckdb().vector_get_data(vector(column)); }
  const std::uint64_t* validity(std::int32_t column) const { return duckdb().vector_get_validity(vector(column)); }  // null: no row is null

 private:
  duckdb_vector vector(std::int32_t column) const { return duckdb().data_chunk_get_vector(chunk_, static_cast<idx_t>(column)); }
  duckdb_data_chunk chunk_;
};
inline std::string_view text_of(const duckdb_string_t& text) {
  const std::uint32_t length = text.value.inlined.length;
  return {length <= sizeof text.value.inlined.inlined ? text.value.inlined.inlined : text.value.pointer.ptr, length};
}
inline bool is_valid(const std::uint64_t* validity, std::int64_t row) {
  return validity == nullptr || (validity[row / 64] >> (row % 64) & 1) != 0;
}

class Result {
 public:
  Result(duckdb_result result, std::string about) : result_(result), about_(std::move(about)) {}
  Result(const Result&) = delete;
  ~Result() { duckdb().destroy_result(&result_); }
  std::int32_t columns() { return static_cast<std::int32_t>(duckdb().column_count(&result_)); }
  std::string name(std::int32_t column) { return duckdb().column_name(&result_, static_cast<idx_t>(column)); }
  duckdb_type type(std::int32_t column) { return duckdb().column_type(&result_, static_cast<idx_t>(column)); }
  bool next(std::unique_ptr<Chunk>& chunk);  // false at the end; throws Failure, where the result is made on the way

 private:
  duckdb_result result_;
  std::string about_;
};

class Duck {
 public:
  explicit Duck(int threads);
  Duck(const Duck&) = delete;
  ~Duck();
  std::unique_ptr<Result> query(const std::string& sql, const std::string& about);  // throws Failure; about: what was read
  // The same for many rows: they are made while they are taken, and never stand in memory together. The next query ends it.
  std::unique_ptr<Result> stream(const std::string& sql, const std::string& about);

 private:
  friend class Appender;
  duckdb_database database_ = nullptr;
  duckdb_connection connection_ = nullptr;
};

// Functions that the engine is taught: those of stdlib/builtins/kernels.h, so that a table has the bits that compiled code has.
void teach_functions(duckdb_connection connection);  // functions.cpp

// Rows for a table of the engine, a chunk at a time: begin, values and nulls by column, end.
class Appender {
 public:
  Appender(Duck& duck, const std::string& table);
  Appender(const Appender&) = delete;
  ~Appender();
  std::int64_t capacity() const { return static_cast<std::int64_t>(duckdb().vector_size()); }
  void begin() { duckdb().data_chunk_reset(chunk_); }
  void* values(std::int32_t column) { return duckdb().vector_get_data(vector(column)); }
  void set_null(std::int32_t column, std::int64_t row);
  void set_text(std::int32_t column, std::int64_t row, std::string_view text) { duckdb().vector_assign_string_element_len(vector(column), static_cast<idx_t>(row), text.data(), text.size()); }
  void end(std::int64_t rows);
  void close();

 private:
  duckdb_vector vector(std::int32_t column) const { return duckdb().data_chunk_get_vector(chunk_, static_cast<idx_t>(column)); }
  duckdb_appender appender_ = nullptr;
  duckdb_data_chunk chunk_ = nullptr;
};

std::string sql_text(std::string_view text);     // 'it''s'
std::string sql_name(std::string_view name);  // "a ""b"""
std::string sql_path(std::string_view path);  // for table functions: characters of globs stand for themselves

}  // namespace mlp::data
