#include "runtime/registry/cache.h"

#include <cstring>

#include "base/diagnostic.h"
#include "base/files.h"

// The file: magic, the key, the seconds (f64), the bytes, then the SHA-256 of all of that as 64 hex digits.
namespace mlp::registry {
namespace {

constexpr std::string_view magic = "mlp.stage 1\n";
constexpr std::size_t digest_size = 64;

}  // namespace

std::filesystem::path Cache::place(const std::filesystem::path& home, const std::string& key) {
  MLP_CHECK(key.size() == digest_size);
  return home / key.substr(0, 2) / (key.substr(2) + ".stage");
}

std::optional<CacheEntry> Cache::get(const std::string& key) const {
  std::string all;
  try {
    all = read_file(place(home_, key));
  } catch (const Failure&) {
    return {};
  }
  const std::size_t head = magic.size() + key.size() + sizeof(double);
  if (all.size() < head + digest_size || all.compare(0, magic.size(), magic) != 0 || all.compare(magic.size(), key.size(), key) != 0) return {};
  const std::string_view body(all.data(), all.size() - digest_size);
  if (sha256(body) != std::string_view(all).substr(body.size())) return {};
  CacheEntry entry;
  std::memcpy(&entry.seconds, all.data() + magic.size() + key.size(), sizeof entry.seconds);
  all.resize(body.size());
  all.erase(0, head);
  entry.bytes = std::move(all);
  return entry;
}

void Cache::put(const std::string& key, double seconds, const std::function<void(const Out&)>& write) const {
  const std::filesystem::path path = place(home_, key);
  std::error_code error;  // writing tells what is wrong
  std::filesystem::create_directories(path.parent_path(), error);
  WholeFile file(path);
  Sha256 digest;
  const Out out = [&](std::string_view bytes) {
    digest.add(bytes);
    file.write(bytes);
  };
  out(magic);
  out(key);
  out({reinterpret_cast<const char*>(&seconds), sizeof seconds});
  write(out);
  file.write(digest.hex());
  file.finish(0444);
}

void Cache::put(const std::string& key, const CacheEntry& entry) const {
  put(key, entry.seconds, [&](const Out& out) { out(entry.bytes); });
}

void Cache::remove(const std::string& key) const {
  std::error_code error;  // what is left is found and replaced, or never asked for
  std::filesystem::remove(place(home_, key), error);
}

}  // namespace mlp::registry
