#include "base/launches.h"

#include <cstring>

#include "base/diagnostic.h"

namespace mlp {
namespace {

// Numbers have 8 bytes; texts and lists begin with how long they are.
template <class T> concept Structure = requires(T& value) { value.fields([](const char*, auto&) {}); };

class Writer {
 public:
  void put(const std::string& text) {
    put(text.size());
    bytes += text;
  }
  template <class T> void put(const std::vector<T>& list) {
    put(list.size());
    for (const T& item : list) put(item);
  }
  template <class T> void put(const T& value) {
    if constexpr (Structure<T>) {
      const_cast<T&>(value).fields([&](const char*, auto& field) { put(field); });
    } else {
      const auto number = static_cast<std::int64_t>(value);
      bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
    }
  }
  std::string bytes;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  void get(std::string& text) { text = take(size()); }
  template <class T> void get(std::vector<T>& list) {
    list.resize(size());
    for (T& item : list) get(item);
  }
  template <class T> void get(T& value) {
    if constexpr (Structure<T>) value.fields([&](const char*, auto& field) { get(field); });
    else value = static_cast<T>(number());
  }
  bool done() const { return bytes_.empty(); }

 private:
  std::string_view take(std::size_t size) {
    MLP_CHECK(size <= bytes_.size());
    const std::string_view out = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return out;
  }
  std::int64_t number() {
    std::int64_t value = 0;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::size_t size() {
    const std::int64_t value = number();
    MLP_CHECK(value >= 0 && static_cast<std::size_t>(value) <= bytes_.size());
    return static_cast<std::size_t>(value);
  }
  std::string_view bytes_;
};

}  // namespace

std::string to_bytes(const DevicePipeline& pipeline) {
  Writer writer;
  writer.put(pipeline);
  return std::move(writer.bytes);
}

DevicePipeline device_pipeline(std::string_view bytes) {
  Reader reader(bytes);
  DevicePipeline pipeline;
  reader.get(pipeline);
  MLP_CHECK(reader.done());
  return pipeline;
}

}  // namespace mlp
