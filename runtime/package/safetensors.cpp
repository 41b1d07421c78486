#include "runtime/package/safetensors.h"

#include <algorithm>
#include <optional>
#include <set>
#include <stdexcept>

#include "nlohmann/json.hpp"
#include "runtime/package/bytes.h"
#include "runtime/package/strict_json.h"

namespace mlp::package {
namespace {

constexpr std::uint64_t max_header = 16u << 20;

struct DtypeName {
  Dtype dtype;
  const char* name;
  std::uint64_t size;
};
constexpr DtypeName dtypes[] = {{Dtype::f64, "F64", 8}, {Dtype::f32, "F32", 4}, {Dtype::i64, "I64", 8}, {Dtype::u64, "U64", 8}, {Dtype::i32, "I32", 4}, {Dtype::u8, "U8", 1}, {Dtype::i8, "I8", 1}, {Dtype::bf16, "BF16", 2}};

const DtypeName& named(Dtype dtype) { return dtypes[static_cast<int>(dtype)]; }

[[noreturn]] void fail(const std::string& text) { throw std::runtime_error(text); }

}  // namespace

std::string write_safetensors(const Tensors& tensors) {
  // Wide types first, so that every tensor starts at a multiple of its element size.
  std::vector<Tensors::const_iterator> order;
  for (auto i = tensors.begin(); i != tensors.end(); ++i) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [](auto a, auto b) { return named(a->second.dtype).size > named(b->second.dtype).size; });

  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::uint64_t offset = 0;
  for (const auto& i : order) {
    const Tensor& t = i->second;
    header[i->first] = {{"dtype", named(t.dtype).name}, {"shape", t.shape}, {"data_offsets", {offset, offset + t.bytes.size()}}};
    offset += t.bytes.size();
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string out;
  out.reserve(8 + text.size() + offset);
  put(out, static_cast<std::uint64_t>(text.size()));
  out += text;
  for (const auto& i : order) out += i->second.bytes;
  return out;
}

Tensors read_safetensors(std::string_view block) {
  std::uint64_t header_size = 0;
  std::string_view text;
  if (!take(block, header_size) || header_size > max_header || !take(block, header_size, text)) fail("the header of the tensors is cut");
  const nlohmann::json header = parse_strict(text);
  if (!header.is_object()) fail("the header of the tensors is not an object");

  Tensors out;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const auto& [name, entry] : header.items()) {
    const auto bad = [&](const char* what) { fail("tensor `" + name + "`: " + what); };
    if (!entry.is_object() || entry.size() != 3 || !entry.contains("dtype") || !entry.contains("shape") || !entry.contains("data_offsets"))
      bad("the entry needs exactly dtype, shape and data_offsets");
    Tensor tensor;
    const auto& dtype = entry["dtype"];
    const auto* known = std::find_if(std::begin(dtypes), std::end(dtypes), [&](const DtypeName& d) { return dtype == d.name; });
    if (known == std::end(dtypes)) bad("unknown dtype");
    tensor.dtype = known->dtype;
    std::uint64_t size = known->size;
    const auto& shape = entry["shape"];
    if (!shape.is_array() || shape.size() > 16) bad("the shape needs at most sixteen dimensions");
    for (const auto& dimension : shape) {
      if (!dimension.is_number_unsigned()) bad("a dimension is not a whole number");
      tensor.shape.push_back(dimension.get<std::uint64_t>());
      if (__builtin_mul_overflow(size, tensor.shape.back(), &size)) bad("the shape is too large");
    }
    const auto& offsets = entry["data_offsets"];
    if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned()) bad("bad data_offsets");
    const auto begin = offsets[0].get<std::uint64_t>(), end = offsets[1].get<std::uint64_t>();
    if (begin > end || end > block.size() || end - begin != size) bad("data_offsets and shape disagree");
    tensor.bytes = block.substr(begin, size);
    ranges.emplace_back(begin, end);
    out.emplace(name, std::move(tensor));
  }
  std::sort(ranges.begin(), ranges.end());
  std::uint64_t covered = 0;
  for (const auto& [begin, end] : ranges) {
    if (begin != covered) fail("the tensors leave gaps or overlap");
    covered = end;
  }
  if (covered != block.size()) fail("bytes are left over after the tensors");
  return out;
}

}  // namespace mlp::package
