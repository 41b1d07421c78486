// The C header that stands beside a library or an object.
#pragma once
#include <string>
#include <string_view>

namespace mlp::emit {

// The functions of both, as runtime/capi/capi.cpp defines them with the prefix mlp_library_.
inline constexpr const char* library_functions[] = {"open", "version", "error", "score_csv", "score_json", "free", "score_columns", "score_rows",
                                                    "column_count", "column_name", "column_type", "width", "output_name"};

std::string c_name(std::string_view name);  // an identifier of C from any name
std::string interface_header(const std::string& prefix, const std::string& name);

}  // namespace mlp::emit
