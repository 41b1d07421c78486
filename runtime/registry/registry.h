// Runs and versions in `.mlp/`: content-addressed packages (write, fsync, rename, fsync directory) and a SQLite index.
// A run is visible only when its package is whole on disk.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/diagnostic.h"

namespace mlp::registry {

struct Run {
  std::string id;                 // 12 hex digits of the package digest, with -2, -3 … for repeated trains of the same bytes
  std::string pipeline;
  std::string package;            // SHA-256
  std::string created;            // UTC, ISO 8601
  std::string spec_path;
  std::map<std::string, std::map<std::string, double>> metrics;  // part → metric → value
  bool production = false;
};

// A stage of a run: the key of its result in the cache, and the seconds that making it took.
struct StageUse {
  std::string name, key;
  double seconds = 0;
};

class Registry {
 public:
  static Registry open(const std::filesystem::path& directory);     // creates `.mlp/` in it when missing; throws Failure
  static std::optional<Registry> find(const std::filesystem::path& directory);  // only when it exists
  Registry(Registry&&) noexcept;
  Registry& operator=(Registry&&) noexcept;
  ~Registry();
  Run add(const std::string& pipeline, const std::string& spec_path, const std::string& package_bytes,
          const std::map<std::string, std::map<std::string, double>>& metrics, const std::vector<StageUse>& stages = {});
  std::vector<Run> runs(const std::string& pipeline = {}) const;    // newest first
  Run get(const std::string& id_prefix) const;                      // id, unique prefix of id or digest (trains of the same bytes: the newest), or `latest`; throws Failure, did you mean
  std::vector<StageUse> stages(const Run& run) const;               // as they were added
  std::optional<Run> production(const std::string& pipeline) const;
  void promote(const std::string& id);                              // durable before it returns
  Run rollback(const std::string& pipeline);                        // to the version in production before; throws when there is none
  std::string package_bytes(const Run& run) const;                  // digest checked; throws Failure
  std::filesystem::path package_path(const Run& run) const;
  // Finished trials of tune blocks, by a key that says all they depend on.
  std::optional<std::string> trial(const std::string& key) const;
  void keep_trial(const std::string& key, const std::string& text);  // durable before it returns
  struct GcReport { std::int64_t files = 0, bytes = 0; };
  GcReport gc(std::int64_t keep);                                   // drops trials; keeps production, its history and the newest `keep` runs a pipeline, and the cached stages of those
  std::vector<Diagnostic> verify() const;                           // every file against its digest, every row against its file
 private:
  struct Impl;
  explicit Registry(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// How long a command waits for another process to give up the lock; half a minute when nothing is set. For tests.
void set_busy_wait(int milliseconds);

}  // namespace mlp::registry
