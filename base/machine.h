// What this machine and its operating system offer: instruction sets, cores.
#pragma once

namespace mlp {

// Levels of the x86-64 psABI that kernels are compiled for, best last.
enum class CpuLevel { v2 = 2, v3 = 3, v4 = 4 };
CpuLevel best_cpu_level();
int cores();  // that this process may run on; 1 at least

}  // namespace mlp
