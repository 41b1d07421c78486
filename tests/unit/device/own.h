// A kernel of runtime/device/kernels that takes its call by value, run from its PTX.
#pragma once
#include <string>

#include "base/launch_threads.h"
#include "runtime/device/kernels/kernels.h"
#include "tests/ptx/program.h"

namespace mlp::device {

template <class Call>
void run_own(const std::string& entry, std::int64_t blocks, Call call, ptx::Memory& memory) {
  static const ptx::Program program(kernels_ptx());
  const ptx::Kernel* const kernel = program.find(entry);
  if (!kernel) throw ptx::Error("no kernel " + entry);
  void* arguments[] = {&call};
  ptx::run(*kernel, blocks, launch_threads, ptx::parameters_of(*kernel, arguments), memory);
}

}  // namespace mlp::device
