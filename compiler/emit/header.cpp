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
   uint8_t 0 or 1 (bool), mlp_string (category, string, text, id; of an image
   the bytes of its pixels, height x width x channels). present: one byte a row, 0 = null; NULL when no row is null.
   The value of a null row must be 0 or "". */
typedef struct mlp_column {
  const void* values;
  const uint8_t* present;
} mlp_column;
#endif
)";

}  // namespace

std::string c_name(std::string_view name) {
  std::string out;
  for (const char c : name) out += (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ? c : '_';
  if (out.empty() || (out[0] >= '0' && out[0] <= '9')) out.insert(0, "_");
  return out;
}

std::string interface_header(const std::string& prefix, const std::string& name) {
  return fill(R"(/* @TITLE@: a model compiled by Millrace (mlp build). Every function may be called from several threads at once. A library needs
   libc and libm. An object is linked with -lm (cc main.c NAME.o -lm), in a static program also with -Wl,--eh-frame-hdr; several
   fit into one program. */
#ifndef @NAME@_H
#define @NAME@_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
)" + std::string(abi_part) + R"(
/* Loads the model and checks that the bytes of a library are whole: 0, or -1 (see @NAME@_error). Every other function does this
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
/* The same of rows of single precision where they lie: column i of a row is values[row * stride + i], stride counts floats. A NaN is
   a null in a column that may be null; an int is a whole number, a bool 0 or 1, and other columns than those and floats cannot be
   given: -1, and @NAME@_error names what does not fit. A spec whose features are columns of floats as they are is scored without a copy. */
int @NAME@_score_rows(const float* values, int64_t stride, int64_t rows, double* out);
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

}  // namespace mlp::emit
