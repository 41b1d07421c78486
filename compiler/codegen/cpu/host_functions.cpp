#include "compiler/codegen/cpu/host_functions.h"

#include "stdlib/builtins/kernels.h"

namespace mlp::codegen {

const std::vector<std::pair<std::string, void*>>& host_functions() {
#define HOST(name) {#name, reinterpret_cast<void*>(name)}
  static const std::vector<std::pair<std::string, void*>> all = {
      HOST(mlp_dictionary_find),
      HOST(mlp_text_bag),
      HOST(mlp_text_byte),
      HOST(mlp_text_concat),
      HOST(mlp_text_contains),
      HOST(mlp_text_ends_with),
      HOST(mlp_text_eq),
      HOST(mlp_text_from_bool),
      HOST(mlp_text_from_int),
      HOST(mlp_text_ge),
      HOST(mlp_text_gt),
      HOST(mlp_text_hash),
      HOST(mlp_text_hash_bucket),
      HOST(mlp_text_hash_id),
      HOST(mlp_text_le),
      HOST(mlp_text_length),
      HOST(mlp_text_lower),
      HOST(mlp_text_lt),
      HOST(mlp_text_ne),
      HOST(mlp_text_parse_float),
      HOST(mlp_text_redact),
      HOST(mlp_text_replace),
      HOST(mlp_text_starts_with),
      HOST(mlp_text_substring),
      HOST(mlp_text_trim),
      HOST(mlp_text_upper),
      HOST(mlp_text_word_code),
      HOST(mlp_text_word_count),
  };
#undef HOST
  return all;
}

}  // namespace mlp::codegen
