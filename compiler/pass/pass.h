// What every list of passes shares: names, reasons, switches.
#pragma once
#include <string>
#include <vector>

namespace mlp {
struct PassOptions {
  std::vector<std::string> disabled;  // names of passes to leave out
  bool verify = false;                // run the verifier after every pass; a breach is a Bug
};
struct PassInfo {
  const char* name;
  const char* why_here;  // why it stands where it stands
  bool required;         // cannot be switched off
};
}  // namespace mlp
