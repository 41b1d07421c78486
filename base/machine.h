// What this machine and its operating system offer: instruction sets, cores.
#pragma once
#include <string>

namespace mlp {

// Levels of the x86-64 psABI that kernels are compiled for, best last.
enum class CpuLevel { v2 = 2, v3 = 3, v4 = 4 };
CpuLevel best_cpu_level();
int cores();  // that this process may use, by its affinity and by the quotas of its control groups; 1 at least
// The processors, rounded up, that the quotas of control groups allow: of the groups that the text `membership` (/proc/self/cgroup) names below `root`, where they are mounted,
// and of those around them; 0: as many as there are. Both versions of control groups.
int quota_cores(const std::string& root, const std::string& membership);

}  // namespace mlp
