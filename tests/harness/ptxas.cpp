#include "tests/harness/ptxas.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

namespace mlp::harness {

Assembled assemble(std::string_view ptx, int architecture) {
  namespace fs = std::filesystem;
  const fs::path ptxas = MLP_PTXAS;
  if (!fs::exists(ptxas)) return {false, ptxas.string() + " is missing: scripts/install-dependencies --tests fetches it"};
  std::string file = (fs::temp_directory_path() / "mlp-XXXXXX").string();
  const int opened = mkstemp(file.data());
  if (opened < 0) return {false, "no temporary file"};
  close(opened);
  std::ofstream(file, std::ios::binary) << ptx.substr(0, ptx.find('\0'));
  const std::string command = "'" + ptxas.string() + "' -v -arch=sm_" + std::to_string(architecture) + " '" + file + "' -o /dev/null 2>&1";
  FILE* const pipe = popen(command.c_str(), "r");
  Assembled result;
  std::array<char, 4096> part;
  for (std::size_t size; pipe && (size = fread(part.data(), 1, part.size(), pipe)) > 0;) result.log.append(part.data(), size);
  const int status = pipe ? pclose(pipe) : -1;
  result.ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  fs::remove(file);
  return result;
}

}  // namespace mlp::harness
