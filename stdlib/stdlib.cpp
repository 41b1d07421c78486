#include "stdlib/stdlib.h"

#include "embedded_stdlib.h"

const std::vector<mlp::LibraryFile>& mlp::library_files() {
  static const std::vector<LibraryFile> files = [] {
    std::vector<LibraryFile> all;
    for (const EmbeddedFile& file : embedded_stdlib) all.push_back({file.name, file.bytes});
    return all;
  }();
  return files;
}
