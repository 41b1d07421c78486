// Messages of Protocol Buffers as bytes: fields one after the other, each a tag (number and wire type) and its content.
#pragma once
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace mlp::onnx {

class Message {
 public:
  void integer(std::uint32_t field, std::int64_t value) {  // int64, int32, enum
    varint(field << 3);
    varint(static_cast<std::uint64_t>(value));
  }
  void real(std::uint32_t field, float value) {
    varint(field << 3 | 5);
    for (std::uint32_t bits = std::bit_cast<std::uint32_t>(value), i = 0; i < 4; ++i, bits >>= 8) bytes_.push_back(static_cast<char>(bits));
  }
  void text(std::uint32_t field, std::string_view value) {  // string, bytes
    varint(field << 3 | 2);
    varint(value.size());
    bytes_.append(value);
  }
  void message(std::uint32_t field, const Message& value) { text(field, value.bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
    bytes_.push_back(static_cast<char>(value));
  }
  std::string bytes_;
};

}  // namespace mlp::onnx
