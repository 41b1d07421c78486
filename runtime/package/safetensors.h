// The safetensors format (huggingface/safetensors): 8 bytes header size, a JSON header with dtype, shape and byte range
// of each tensor, then the tensors without gaps. Strict: nothing unknown, doubled, overlapping or left over.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace mlp::package {

enum class Dtype { f64, f32, i64, u64, i32, u8, i8, bf16 };

// One tensor. Its bytes belong to whoever made it: the caller when writing, the block when reading.
struct Tensor {
  Dtype dtype = Dtype::f64;
  std::vector<std::uint64_t> shape;
  std::string_view bytes;
};
using Tensors = std::map<std::string, Tensor>;  // by name

std::string write_safetensors(const Tensors& tensors);  // the same tensors give the same bytes

// Throws std::runtime_error saying what is wrong. The tensors' bytes are views into `block`.
Tensors read_safetensors(std::string_view block);

}  // namespace mlp::package
