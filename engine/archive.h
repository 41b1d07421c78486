// Values as bytes and back, for the entries of the cache: `parts(archive, value)` names the parts of a struct once, for
// both directions. What was cut or altered is found by the digest around it; a length that cannot be is found here.
#pragma once
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/package/bytes.h"

namespace mlp::engine {

class Packer {
 public:
  template <class... T> void operator()(T&... values) { ((one(values), spill()), ...); }
  std::string bytes;
  std::function<void(std::string_view)> out;  // where there is one, bytes go there between values when they are many

 private:
  void spill() {
    if (!out || bytes.size() < std::size_t{1} << 20) return;
    out(bytes);
    bytes.clear();
  }
  template <class T> void one(T& value) {
    if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) package::put(bytes, value);
    else parts(*this, value);
  }
  void one(std::string& text) {
    package::put(bytes, static_cast<std::uint64_t>(text.size()));
    bytes += text;
  }
  template <class T, class Allocator> void one(std::vector<T, Allocator>& list) {
    package::put(bytes, static_cast<std::uint64_t>(list.size()));
    if constexpr (std::is_arithmetic_v<T>) bytes.append(reinterpret_cast<const char*>(list.data()), list.size() * sizeof(T));
    else for (T& item : list) one(item);
  }
  template <class V> void one(std::map<std::string, V>& map) {
    package::put(bytes, static_cast<std::uint64_t>(map.size()));
    for (auto& [key, value] : map) {
      std::string name = key;
      one(name);
      one(value);
    }
  }
};

// Throws std::runtime_error when the bytes do not hold what is asked for.
class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : rest_(bytes) {}
  template <class... T> void operator()(T&... values) { (one(values), ...); }
  std::string_view rest() const { return rest_; }

 private:
  [[noreturn]] static void cut() { throw std::runtime_error("an entry is cut short"); }
  template <class T> void one(T& value) {
    if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) { if (!package::take(rest_, value)) cut(); }
    else parts(*this, value);
  }
  std::size_t size(std::size_t least) {
    std::uint64_t n = 0;
    if (!package::take(rest_, n) || n > rest_.size() / least) cut();
    return n;
  }
  void one(std::string& text) {
    const std::size_t n = size(1);
    text.assign(rest_.substr(0, n));
    rest_.remove_prefix(n);
  }
  template <class T, class Allocator> void one(std::vector<T, Allocator>& list) {
    list.resize(size(std::is_arithmetic_v<T> ? sizeof(T) : 1));
    if constexpr (std::is_arithmetic_v<T>) {
      if (!list.empty()) std::memcpy(list.data(), rest_.data(), list.size() * sizeof(T));
      rest_.remove_prefix(list.size() * sizeof(T));
    } else {
      for (T& item : list) one(item);
    }
  }
  template <class V> void one(std::map<std::string, V>& map) {
    map.clear();
    for (std::size_t n = size(1); n > 0; --n) {
      std::string name;
      one(name);
      one(map[name]);
    }
  }
  std::string_view rest_;
};

}  // namespace mlp::engine
