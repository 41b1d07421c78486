// Functions of compiled code, for the data engine.
#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "base/diagnostic.h"
#include "runtime/data/duck.h"
#include "stdlib/builtins/kernels.h"

namespace mlp::data {
namespace {

using InZone = std::int64_t (*)(std::int64_t, const char*, std::int64_t);

// moment, rules of a zone → moment; the engine gives null for a null by itself, for whole vectors that it is asked about.
template <InZone function>
void in_zone(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  const duckdb_vector moments = duckdb().data_chunk_get_vector(input, 0), zones = duckdb().data_chunk_get_vector(input, 1);
  const auto* moment = static_cast<const std::int64_t*>(duckdb().vector_get_data(moments));
  const auto* zone = static_cast<const duckdb_string_t*>(duckdb().vector_get_data(zones));
  const std::uint64_t *present = duckdb().vector_get_validity(moments), *known = duckdb().vector_get_validity(zones);
  auto* out = static_cast<std::int64_t*>(duckdb().vector_get_data(output));
  std::uint64_t* validity = nullptr;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(duckdb().data_chunk_get_size(input)); ++i) {
    if (is_valid(present, i) && is_valid(known, i)) {
      const std::string_view rules = text_of(zone[i]);
      out[i] = function(moment[i], rules.data(), static_cast<std::int64_t>(rules.size()));
      continue;
    }
    if (validity == nullptr) {
      duckdb().vector_ensure_validity_writable(output);
      validity = duckdb().vector_get_validity(output);
    }
    duckdb().validity_set_row_invalid(validity, static_cast<idx_t>(i));
  }
}

// The elements of a list of one row.
template <class T>
struct Lists {
  explicit Lists(duckdb_vector vector)
      : entries(static_cast<const duckdb_list_entry*>(duckdb().vector_get_data(vector))), present(duckdb().vector_get_validity(vector)),
        elements(static_cast<const T*>(duckdb().vector_get_data(duckdb().list_vector_get_child(vector)))) {}
  std::span<const T> operator[](std::int64_t row) const {
    if (!is_valid(present, row)) return {};
    return {elements + entries[row].offset, static_cast<std::size_t>(entries[row].length)};
  }
  const duckdb_list_entry* entries;
  const std::uint64_t* present;
  const T* elements;
};

// A number of a list; null where the list is empty. Values stand in the order of the rows and none is null.
template <class Value>
void of_lists(duckdb_data_chunk input, duckdb_vector output, const Value& value) {
  auto* out = static_cast<double*>(duckdb().vector_get_data(output));
  duckdb().vector_ensure_validity_writable(output);
  std::uint64_t* validity = duckdb().vector_get_validity(output);
  const Lists<double> lists(duckdb().data_chunk_get_vector(input, 0));
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(duckdb().data_chunk_get_size(input)); ++i) {
    const std::span<const double> values = lists[i];
    if (values.empty()) duckdb().validity_set_row_invalid(validity, static_cast<idx_t>(i));
    else out[i] = value(values, i);
  }
}

// Of the population, in two passes over the values in their order.
void variance(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  of_lists(input, output, [](std::span<const double> values, std::int64_t) {
    const auto n = static_cast<double>(values.size());
    double sum = 0, squares = 0;
    for (const double v : values) sum += v;
    for (const double v : values) squares += (v - sum / n) * (v - sum / n);
    return squares / n;
  });
}

// Interpolated linearly, as the fitted quantile is.
void quantile(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  const auto* shares = static_cast<const double*>(duckdb().vector_get_data(duckdb().data_chunk_get_vector(input, 1)));
  std::vector<double> sorted;
  of_lists(input, output, [&](std::span<const double> values, std::int64_t row) {
    sorted.assign(values.begin(), values.end());
    std::sort(sorted.begin(), sorted.end());
    const double place = static_cast<double>(sorted.size() - 1) * shares[row];
    const auto below = static_cast<std::size_t>(place);
    const double share = place - static_cast<double>(below), low = sorted[below] + 0.0;  // one zero
    if (share == 0 || below + 1 == sorted.size()) return low;
    const double high = sorted[below + 1] + 0.0, step = high - low;
    if (low == high) return low;
    return std::isfinite(step) ? low + share * step : low * (1 - share) + high * share;
  });
}

// Exponentially weighted mean: values, their times, the time of the row, the half-life.
void ewm(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  const Lists<std::int64_t> times(duckdb().data_chunk_get_vector(input, 1));
  const auto* now = static_cast<const std::int64_t*>(duckdb().vector_get_data(duckdb().data_chunk_get_vector(input, 2)));
  const auto* halflife = static_cast<const std::int64_t*>(duckdb().vector_get_data(duckdb().data_chunk_get_vector(input, 3)));
  of_lists(input, output, [&](std::span<const double> values, std::int64_t row) {
    const std::span<const std::int64_t> at = times[row];
    double sum = 0, weights = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double age = static_cast<double>(now[row]) - static_cast<double>(at[i]);
      const double weight = mlp_exp(-0.6931471805599453 * (age / static_cast<double>(halflife[row])));
      sum += weight * values[i];
      weights += weight;
    }
    return sum / weights;
  });
}

void teach(duckdb_connection connection, const char* name, std::initializer_list<duckdb_logical_type> parameters, duckdb_logical_type result, duckdb_scalar_function_t code) {
  duckdb_scalar_function function = duckdb().create_scalar_function();
  duckdb().scalar_function_set_name(function, name);
  for (duckdb_logical_type type : parameters) {
    duckdb().scalar_function_add_parameter(function, type);
    duckdb().destroy_logical_type(&type);
  }
  duckdb().scalar_function_set_return_type(function, result);
  duckdb().destroy_logical_type(&result);
  duckdb().scalar_function_set_function(function, code);
  MLP_CHECK(duckdb().register_scalar_function(connection, function) == DuckDBSuccess);
  duckdb().destroy_scalar_function(&function);
}
duckdb_logical_type list_of(duckdb_type type) {
  duckdb_logical_type element = duckdb().create_logical_type(type);
  duckdb_logical_type list = duckdb().create_list_type(element);
  duckdb().destroy_logical_type(&element);
  return list;
}
duckdb_logical_type of(duckdb_type type) { return duckdb().create_logical_type(type); }

}  // namespace

void teach_functions(duckdb_connection connection) {
  teach(connection, "mlp_in_zone", {of(DUCKDB_TYPE_BIGINT), of(DUCKDB_TYPE_VARCHAR)}, of(DUCKDB_TYPE_BIGINT), in_zone<mlp_time_in_zone>);
  teach(connection, "mlp_from_zone", {of(DUCKDB_TYPE_BIGINT), of(DUCKDB_TYPE_VARCHAR)}, of(DUCKDB_TYPE_BIGINT), in_zone<mlp_time_from_zone>);
  teach(connection, "mlp_utc_offset", {of(DUCKDB_TYPE_BIGINT), of(DUCKDB_TYPE_VARCHAR)}, of(DUCKDB_TYPE_BIGINT), in_zone<mlp_time_utc_offset>);
  teach(connection, "mlp_variance", {list_of(DUCKDB_TYPE_DOUBLE)}, of(DUCKDB_TYPE_DOUBLE), variance);
  teach(connection, "mlp_quantile", {list_of(DUCKDB_TYPE_DOUBLE), of(DUCKDB_TYPE_DOUBLE)}, of(DUCKDB_TYPE_DOUBLE), quantile);
  teach(connection, "mlp_ewm", {list_of(DUCKDB_TYPE_DOUBLE), list_of(DUCKDB_TYPE_BIGINT), of(DUCKDB_TYPE_BIGINT), of(DUCKDB_TYPE_BIGINT)}, of(DUCKDB_TYPE_DOUBLE), ewm);
}

}  // namespace mlp::data
