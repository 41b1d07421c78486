#include "base/files.h"

// The low-level SHA-256 on purpose: the EVP one would pull all of libcrypto's providers into each artifact.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

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

struct Sha256::State {
  SHA256_CTX context;
};
Sha256::Sha256() : state_(std::make_unique<State>()) { SHA256_Init(&state_->context); }
Sha256::~Sha256() = default;
void Sha256::add(std::string_view bytes) { SHA256_Update(&state_->context, bytes.data(), bytes.size()); }
std::string Sha256::hex() {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256_Final(digest, &state_->context);
  static const char* const digits = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : digest) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::string sha256(std::string_view bytes) {
  Sha256 digest;
  digest.add(bytes);
  return digest.hex();
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

WholeFile::WholeFile(std::filesystem::path path) : path_(std::move(path)) {
  const std::filesystem::path directory = path_.has_parent_path() ? path_.parent_path() : ".";
  temporary_ = (directory / ("." + path_.filename().string() + ".XXXXXX")).string();
  file_ = ::mkostemp(temporary_.data(), O_CLOEXEC);
  if (file_ < 0) fail("write");
}

WholeFile::~WholeFile() {
  if (file_ < 0) return;
  ::close(file_);
  ::unlink(temporary_.c_str());
}

void WholeFile::fail(const char* what) const { write_failure(path_, what, errno); }

void WholeFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(file_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("write");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void WholeFile::finish(unsigned mode) {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  if (::fchmod(file_, mode & ~mask) != 0 || ::fsync(file_) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) fail("write");
  ::close(std::exchange(file_, -1));
  const std::filesystem::path directory = path_.has_parent_path() ? path_.parent_path() : ".";
  const int dir = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir < 0 || ::fsync(dir) != 0) {
    const int error = errno;
    if (dir >= 0) ::close(dir);
    write_failure(path_, "make durable", error);
  }
  ::close(dir);
}

void write_whole(const std::filesystem::path& path, std::string_view bytes, unsigned mode) {
  WholeFile file(path);
  file.write(bytes);
  file.finish(mode);
}

}  // namespace mlp
