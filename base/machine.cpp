#include "base/machine.h"

#include <algorithm>
#include <thread>

namespace mlp {

CpuLevel best_cpu_level() {
  static const CpuLevel best = __builtin_cpu_supports("x86-64-v4")   ? CpuLevel::v4
                               : __builtin_cpu_supports("x86-64-v3") ? CpuLevel::v3
                                                                     : CpuLevel::v2;
  return best;
}

int cores() { return static_cast<int>(std::max(1u, std::thread::hardware_concurrency())); }

}  // namespace mlp
