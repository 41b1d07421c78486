// Functions of compiled code, for the data engine.
#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <vector>

#include "base/diagnostic.h"
#include "runtime/data/duck.h"
#include "stdlib/builtins/kernels.h"

namespace mlp::data {
namespace {

// Rows in which no argument is null; the others give null. The engine sees to that itself only for whole vectors.
template <std::size_t arguments, class Each>
void where_present(duckdb_data_chunk input, duckdb_vector output, const Each& each) {
  std::array<const std::uint64_t*, arguments> present;
  for (std::size_t a = 0; a < arguments; ++a) present[a] = duckdb().vector_get_validity(duckdb().data_chunk_get_vector(input, a));
  std::uint64_t* validity = nullptr;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(duckdb().data_chunk_get_size(input)); ++i) {
    if (std::all_of(present.begin(), present.end(), [&](const std::uint64_t* p) { return is_valid(p, i); })) {
      each(i);
      continue;
    }
    if (validity == nullptr) {
      duckdb().vector_ensure_validity_writable(output);
      validity = duckdb().vector_get_validity(output);
    }
    duckdb().validity_set_row_invalid(validity, static_cast<idx_t>(i));
  }
}
template <class T>
const T* argument(duckdb_data_chunk input, idx_t place) { return static_cast<const T*>(duckdb().vector_get_data(duckdb().data_chunk_get_vector(input, place))); }

using InZone = std::int64_t (*)(std::int64_t, const char*, std::int64_t);

// moment, rules of a zone → moment
template <InZone function>
void in_zone(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  const auto* moment = argument<std::int64_t>(input, 0);
  const auto* zone = argument<duckdb_string_t>(input, 1);
  auto* out = static_cast<std::int64_t*>(duckdb().vector_get_data(output));
  where_present<2>(input, output, [&](std::int64_t i) {
    const std::string_view rules = text_of(zone[i]);
    out[i] = function(moment[i], rules.data(), static_cast<std::int64_t>(rules.size()));
  });
}

using OfText = void (*)(const char*, std::int64_t, mlp_arena*, mlp_string*);

// text → text
template <OfText function>
void of_text(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  struct Space : mlp_arena {  // for one result, which the engine copies
    std::vector<char> bytes;
  } space;
  space.grow = [](mlp_arena* self, std::int64_t size) {
    std::vector<char>& bytes = static_cast<Space*>(self)->bytes;
    bytes.resize(static_cast<std::size_t>(size));
    self->cursor = bytes.data();
    self->limit = bytes.data() + size;
  };
  const auto* text = argument<duckdb_string_t>(input, 0);
  where_present<1>(input, output, [&](std::int64_t i) {
    space.cursor = space.bytes.data();
    space.limit = space.bytes.data() + space.bytes.size();
    const std::string_view v = text_of(text[i]);
    mlp_string made;
    function(v.data(), static_cast<std::int64_t>(v.size()), &space, &made);
    duckdb().vector_assign_string_element_len(output, static_cast<idx_t>(i), made.data, static_cast<idx_t>(made.size));
  });
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
  const auto* shares = argument<double>(input, 1);
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
  const auto *now = argument<std::int64_t>(input, 2), *halflife = argument<std::int64_t>(input, 3);
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
  teach(connection, "mlp_lower", {of(DUCKDB_TYPE_VARCHAR)}, of(DUCKDB_TYPE_VARCHAR), of_text<mlp_text_lower>);
  teach(connection, "mlp_upper", {of(DUCKDB_TYPE_VARCHAR)}, of(DUCKDB_TYPE_VARCHAR), of_text<mlp_text_upper>);
  teach(connection, "mlp_trim", {of(DUCKDB_TYPE_VARCHAR)}, of(DUCKDB_TYPE_VARCHAR), of_text<mlp_text_trim>);
  teach(connection, "mlp_variance", {list_of(DUCKDB_TYPE_DOUBLE)}, of(DUCKDB_TYPE_DOUBLE), variance);
  teach(connection, "mlp_quantile", {list_of(DUCKDB_TYPE_DOUBLE), of(DUCKDB_TYPE_DOUBLE)}, of(DUCKDB_TYPE_DOUBLE), quantile);
  teach(connection, "mlp_ewm", {list_of(DUCKDB_TYPE_DOUBLE), list_of(DUCKDB_TYPE_BIGINT), of(DUCKDB_TYPE_BIGINT), of(DUCKDB_TYPE_BIGINT)}, of(DUCKDB_TYPE_DOUBLE), ewm);
}

}  // namespace mlp::data
