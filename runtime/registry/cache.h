// Results of the stages of training, kept in `.mlp/cache` by the key of what they are made from. An entry is whole or
// counts as missing: it carries its key and the digest of its bytes, and is written beside its place and renamed.
#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace mlp::registry {

struct CacheEntry {
  std::string bytes;
  double seconds = 0;  // that making it took
};

class Cache {
 public:
  explicit Cache(const std::filesystem::path& directory) : home_(directory / ".mlp" / "cache") {}  // that holds `.mlp/`
  std::optional<CacheEntry> get(const std::string& key) const;   // nothing when missing, unreadable or damaged
  // Durable before it returns; throws Failure. `write` hands its bytes over piece by piece: entries may be large.
  using Out = std::function<void(std::string_view)>;
  void put(const std::string& key, double seconds, const std::function<void(const Out&)>& write) const;
  void put(const std::string& key, const CacheEntry& entry) const;
  void remove(const std::string& key) const;                      // nothing when there is none
  static std::filesystem::path place(const std::filesystem::path& home, const std::string& key);

 private:
  std::filesystem::path home_;
};

}  // namespace mlp::registry
