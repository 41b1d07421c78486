// Files written whole or not at all, and their digests.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace mlp {
std::string sha256(std::string_view bytes);                                    // 64 hex digits
// The same over bytes that come one after the other.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void add(std::string_view bytes);
  std::string hex();  // ends it
 private:
  struct State;
  std::unique_ptr<State> state_;
};
std::string read_file(const std::filesystem::path& path);                      // throws Failure: missing, a directory, unreadable
// A file that takes its name when it is whole: temp file beside, fsync, rename, fsync directory. Throws Failure.
class WholeFile {
 public:
  explicit WholeFile(std::filesystem::path path);
  ~WholeFile();  // removes what was not finished
  WholeFile(const WholeFile&) = delete;
  void write(std::string_view bytes);
  void finish(unsigned mode = 0644);
 private:
  [[noreturn]] void fail(const char* what) const;
  std::filesystem::path path_;
  std::string temporary_;
  int file_ = -1;
};
void write_whole(const std::filesystem::path& path, std::string_view bytes, unsigned mode = 0644);
}  // namespace mlp
