#include "runtime/score/memory_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/codes/command.h"

namespace mlp::score {

MemoryFile::MemoryFile() : fd_(::memfd_create("rows", MFD_CLOEXEC)) {
  if (fd_ < 0) throw Failure(code::write_failed, std::string("cannot make a file in memory: ") + std::strerror(errno));
}
MemoryFile::~MemoryFile() { ::close(fd_); }

void MemoryFile::put(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno != EINTR) throw Failure(code::write_failed, std::string("cannot hold the rows in memory: ") + std::strerror(errno));
    if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  rewind();
}
void MemoryFile::rewind() { ::lseek(fd_, 0, SEEK_SET); }

}  // namespace mlp::score
