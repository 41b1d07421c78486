#include "base/machine.h"

namespace mlp {

CpuLevel best_cpu_level() {
  static const CpuLevel best = __builtin_cpu_supports("x86-64-v4")   ? CpuLevel::v4
                               : __builtin_cpu_supports("x86-64-v3") ? CpuLevel::v3
                                                                     : CpuLevel::v2;
  return best;
}

}  // namespace mlp
