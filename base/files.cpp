#include "base/files.h"

// The low-level SHA-256 on purpose: the EVP one would pull all of libcrypto's providers into each artifact.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/codes/command.h"
#include "base/diagnostic.h"

namespace mlp {
namespace {

[[noreturn]] void write_failure(const std::filesystem::path& path, const std::string& what, int error) {
  throw Failure(code::write_failed, "cannot " + what + " `" + path.string() + "`: " + std::strerror(error),
                error == ENOSPC   ? "free some space and run the command again; nothing half-written was left"
                : error == EACCES || error == EROFS ? "choose a place that you may write to"
                                  : "");
}

}  // namespace

std::string sha256(std::string_view bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, bytes.data(), bytes.size());
  SHA256_Final(digest, &context);
  static const char* const hex = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : digest) {
    out += hex[byte >> 4];
    out += hex[byte & 15];
  }
  return out;
}

std::string read_file(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) throw Failure(code::file_not_found, "cannot find `" + path.string() + "`");
    throw Failure(code::file_unreadable, "cannot read `" + path.string() + "`: " + std::strerror(error));
  }
  std::string out;
  char buffer[1 << 16];
  while (true) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n == 0) break;
    if (n < 0) {
      if (errno == EINTR) continue;
      const int error = errno;
      ::close(fd);
      throw Failure(code::file_unreadable, "cannot read `" + path.string() + "`: " + std::strerror(error));
    }
    out.append(buffer, static_cast<std::size_t>(n));
  }
  ::close(fd);
  return out;
}

void write_whole(const std::filesystem::path& path, std::string_view bytes, unsigned mode) {
  const std::filesystem::path directory = path.has_parent_path() ? path.parent_path() : ".";
  std::string pattern = (directory / ("." + path.filename().string() + ".XXXXXX")).string();
  const int fd = ::mkostemp(pattern.data(), O_CLOEXEC);
  if (fd < 0) write_failure(path, "write", errno);
  const auto give_up = [&](const char* what) {
    const int error = errno;
    ::close(fd);
    ::unlink(pattern.c_str());
    write_failure(path, what, error);
  };
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) give_up("write");
    done += static_cast<std::size_t>(n);
  }
  const mode_t mask = ::umask(0);
  ::umask(mask);
  if (::fchmod(fd, mode & ~mask) != 0) give_up("write");
  if (::fsync(fd) != 0) give_up("write");
  ::close(fd);
  if (::rename(pattern.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(pattern.c_str());
    write_failure(path, "write", error);
  }
  const int dir = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir < 0 || ::fsync(dir) != 0) {
    const int error = errno;
    if (dir >= 0) ::close(dir);
    write_failure(path, "make durable", error);
  }
  ::close(dir);
}

}  // namespace mlp
