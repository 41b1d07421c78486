// What every list of passes shares: names, reasons, switches.
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "base/diagnostic.h"

namespace mlp {
struct PassOptions {
  std::vector<std::string> disabled;  // names of passes to leave out
  bool verify = false;                // run the verifier after every pass; a breach is a Bug
};
struct PassInfo {
  const char* name;
  const char* why_here;  // why it stands where it stands
};

inline bool is_disabled(const PassInfo& pass, const PassOptions& options) {
  return std::find(options.disabled.begin(), options.disabled.end(), pass.name) != options.disabled.end();
}
// `step`: the pass, or the translation before the first one.
inline void check_verified(const char* step, const std::vector<std::string>& broken) {
  if (broken.empty()) return;
  std::string text = "after " + std::string(step);
  for (const std::string& line : broken) text += "\n  " + line;
  MLP_BUG(text);
}
}  // namespace mlp
