// Little-endian numbers in and out of byte strings, with every size checked. All our targets are little-endian.
#pragma once
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace mlp::package {

template <class T>
void put(std::string& out, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  char raw[sizeof value];
  std::memcpy(raw, &value, sizeof value);
  out.append(raw, sizeof raw);
}

// Reads from the front; false when fewer bytes are left.
template <class T>
bool take(std::string_view& in, T& value) {
  if (in.size() < sizeof value) return false;
  std::memcpy(&value, in.data(), sizeof value);
  in.remove_prefix(sizeof value);
  return true;
}
inline bool take(std::string_view& in, std::uint64_t size, std::string_view& part) {
  if (size > in.size()) return false;
  part = in.substr(0, size);
  in.remove_prefix(size);
  return true;
}

}  // namespace mlp::package
