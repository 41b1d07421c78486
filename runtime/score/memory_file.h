// A file in memory, gone when closed: the streaming path scores from one into another.
#pragma once
#include <string_view>

namespace mlp::score {

class MemoryFile {
 public:
  MemoryFile();  // throws Failure
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  int fd() const { return fd_; }
  void put(std::string_view bytes);  // and back to the beginning
  void rewind();

 private:
  int fd_;
};

}  // namespace mlp::score
