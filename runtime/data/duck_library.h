// The functions of DuckDB that we call. Its library is opened with the first of them: loading it takes 8 ms, and many commands
// read no data.
#pragma once
#include <duckdb.h>

namespace mlp::data {

#define MLP_DUCKDB_FUNCTIONS(X) \
  X(append_data_chunk) X(appender_close) X(appender_column_count) X(appender_column_type) X(appender_create) \
  X(appender_destroy) X(appender_error) X(close) X(column_count) X(column_name) X(column_type) X(connect) X(create_config) \
  X(create_data_chunk) X(create_list_type) X(create_logical_type) X(create_scalar_function) X(data_chunk_get_size) \
  X(data_chunk_get_vector) X(data_chunk_reset) X(data_chunk_set_size) X(destroy_config) X(destroy_data_chunk) \
  X(destroy_logical_type) X(destroy_prepare) X(destroy_result) X(destroy_scalar_function) X(disconnect) X(execute_prepared_streaming) X(fetch_chunk) X(free) \
  X(list_vector_get_child) X(open_ext) X(prepare) X(prepare_error) X(query) X(register_scalar_function) X(result_error) X(scalar_function_add_parameter) \
  X(scalar_function_set_function) X(scalar_function_set_name) X(scalar_function_set_return_type) X(set_config) \
  X(validity_set_row_invalid) X(vector_assign_string_element_len) X(vector_ensure_validity_writable) X(vector_get_data) \
  X(vector_get_validity) X(vector_size)

struct DuckLibrary {
#define MLP_FUNCTION(name) decltype(&duckdb_##name) name;
  MLP_DUCKDB_FUNCTIONS(MLP_FUNCTION)
#undef MLP_FUNCTION
};
const DuckLibrary& duckdb();  // throws Failure where it is not installed

}  // namespace mlp::data
