// Files written whole or not at all, and their digests.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

namespace mlp {
std::string sha256(std::string_view bytes);                                    // 64 hex digits
std::string read_file(const std::filesystem::path& path);                      // throws Failure: missing, a directory, unreadable
void write_whole(const std::filesystem::path& path, std::string_view bytes,
                 unsigned mode = 0644);  // temp file beside, fsync, rename, fsync directory; throws Failure
}  // namespace mlp
