#include "base/machine.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <thread>

namespace mlp {

CpuLevel best_cpu_level() {
  static const CpuLevel best = __builtin_cpu_supports("x86-64-v4")   ? CpuLevel::v4
                               : __builtin_cpu_supports("x86-64-v3") ? CpuLevel::v3
                                                                     : CpuLevel::v2;
  return best;
}

int quota_cores(const std::string& root, const std::string& membership) {
  double least = std::numeric_limits<double>::infinity();
  const auto take = [&](std::istream& quota, std::istream& period) {  // "max" and -1: no quota
    double used = 0, of = 0;
    if (quota >> used && used > 0 && period >> of && of > 0) least = std::min(least, used / of);
  };
  std::istringstream lines(membership);
  for (std::string line; std::getline(lines, line);) {                // number:controllers:path
    const std::size_t first = line.find(':'), second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool whole = controllers.empty();                           // version 2
    if (!whole && ("," + controllers + ",").find(",cpu,") == std::string::npos) continue;
    const std::filesystem::path mount = whole ? std::filesystem::path(root) : std::filesystem::path(root) / controllers;
    for (std::filesystem::path group = std::filesystem::path(line.substr(second + 1)).relative_path();; group = group.parent_path()) {
      if (whole) {
        std::ifstream both(mount / group / "cpu.max");
        take(both, both);
      } else {
        std::ifstream quota(mount / group / "cpu.cfs_quota_us"), period(mount / group / "cpu.cfs_period_us");
        take(quota, period);
      }
      if (group.empty()) break;
    }
  }
  return std::isfinite(least) ? static_cast<int>(std::ceil(least)) : 0;
}

int cores() {
  static const int allowed = [] {
    std::stringstream membership;
    membership << std::ifstream("/proc/self/cgroup").rdbuf();
    const int all = static_cast<int>(std::max(1u, std::thread::hardware_concurrency())), quota = quota_cores("/sys/fs/cgroup", membership.str());
    return quota > 0 ? std::min(all, quota) : all;
  }();
  return allowed;
}

}  // namespace mlp
