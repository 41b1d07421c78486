#include "compiler/emit/header.h"

namespace mlp::emit {
namespace {

// NAME stands for the prefix, TITLE for the name as written in the spec.
std::string fill(std::string text, const std::string& prefix, const std::string& title) {
  for (const auto& [from, to] : {std::pair<std::string, std::string>("@NAME@", prefix), {"@TITLE@", title}}) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) text.replace(at, from.size(), to);
  }
  return text;
}

constexpr const char* abi_part = R"(
#ifndef MLP_ABI_COLUMNS
#define MLP_ABI_COLUMNS
typedef struct mlp_string { /* a text: not NUL-terminated, not owned */
  const char* data;
  int64_t size;
} mlp_string;
/* One column. values: double (float), int64_t (int; timestamp and duration in microseconds, date in days, since 1970 UTC),
   uint8_t 0 or 1 (bool), mlp_string (category, string, text, id). present: one byte a row, 0 = null; NULL when no row is null.
   The value of a null row must be 0 or "". */
typedef struct mlp_column {
  const void* values;
  const uint8_t* present;
} mlp_column;
#endif
)";

// The whole contract of kernels, written out from its table.
constexpr const char* kernel_contract = R"(
#ifndef MLP_ABI_COLUMNS
#define MLP_ABI_COLUMNS
#define MLP_ABI_KERNELS
/* Version 1 of the contract between kernels and their callers. A text is not NUL-terminated. A column has values by row: double,
   int64_t, uint8_t (bool) or mlp_string, and present, one byte a row, NULL when no row is null. The arena is memory for texts: grow
   gives at least size bytes more, or does not return. A dictionary's keys are sorted; slots is an open-addressed index of mask + 1
   codes, -1 = empty, probed from mlp_hash(key) & mask. fold is NULL outside of training. */
struct mlp_arena;
typedef void (*mlp_arena_grow)(struct mlp_arena* arena, int64_t size);
)"
#define MLP_STRUCT(name) "typedef struct " #name " {\n"
#define MLP_FIELD(structure, kind, type, field, offset) "  " #type " " #field ";\n"
#define MLP_END(name, size) "} " #name ";\n"
#include "abi/abi.def"
#undef MLP_STRUCT
#undef MLP_FIELD
#undef MLP_END
    "#endif\n";

}  // namespace

std::string c_name(std::string_view name) {
  std::string out;
  for (const char c : name) out += (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ? c : '_';
  if (out.empty() || (out[0] >= '0' && out[0] <= '9')) out.insert(0, "_");
  return out;
}

std::string library_header(const std::string& prefix, const std::string& name) {
  return fill(R"(/* @TITLE@: a model compiled by Millrace (mlp build --kind=lib). Every function may be called from several threads at once. */
#ifndef @NAME@_H
#define @NAME@_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
)" + std::string(abi_part) + R"(
/* Loads the model and checks that the library's bytes are whole: 0, or -1 (see @NAME@_error). Every other function does this
   by itself on first use; call it to have the cost, and the error, at a time of your choice. */
int @NAME@_open(void);
const char* @NAME@_version(void);                    /* compiler version and SHA-256 of the package; NULL on an error */
const char* @NAME@_error(void);                      /* text of the last error in this thread, valid until the next one */

/* Rows as CSV with a header, or as JSON lines, to predictions as CSV or JSON lines: the same bytes as `score` of an executable.
   Returns the number of rows, or -1. *out is NUL-terminated, has *out_size bytes before that, and is freed by @NAME@_free. */
int64_t @NAME@_score_csv(const char* text, size_t size, char** out, size_t* out_size);
int64_t @NAME@_score_json(const char* text, size_t size, char** out, size_t* out_size);
void @NAME@_free(void* memory);

/* Rows as columns: columns[i] for i below @NAME@_column_count, out[row * @NAME@_width() + k]. Returns 0, or -1. Values are not
   checked against the constraints of the schema. */
int @NAME@_score_columns(const mlp_column* columns, int64_t rows, double* out);
int32_t @NAME@_column_count(void);                   /* -1 on an error */
const char* @NAME@_column_name(int32_t i);           /* NULL when there is none */
const char* @NAME@_column_type(int32_t i);           /* as the schema says it: `float?`, `category` */
int32_t @NAME@_width(void);                          /* numbers a row: 1, or a probability for each class */
const char* @NAME@_output_name(int32_t i);           /* `prediction`, or `p_<label>`; NULL when there is none */

#ifdef __cplusplus
}
#endif
#endif
)", prefix, name);
}

std::string object_header(const std::string& prefix, const std::string& name) {
  return fill(R"(/* @TITLE@: feature kernels and package of a model compiled by Millrace (mlp build --kind=obj). The object needs nothing but
   memcpy, memmove, memset and memcmp. It holds no scorer: the kernels compute the model's features from raw columns, the
   package holds the fitted values and the model as data. */
#ifndef @NAME@_H
#define @NAME@_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
)" + std::string(kernel_contract) + R"(
/* Computes the features of every row, for processors of x86-64-v2 (SSE4.2), -v3 (AVX2), -v4 (AVX-512). All give the same bits. */
void mlp_features_v2(const mlp_batch* batch, const mlp_fitted* fitted, const mlp_output* outputs);
void mlp_features_v3(const mlp_batch* batch, const mlp_fitted* fitted, const mlp_output* outputs);
void mlp_features_v4(const mlp_batch* batch, const mlp_fitted* fitted, const mlp_output* outputs);

/* The package, as `mlp` stores it. */
extern const char mlp_package_begin[];
extern const char mlp_package_end[];

#ifdef __cplusplus
}
#endif
#endif
)", prefix, name);
}

}  // namespace mlp::emit
