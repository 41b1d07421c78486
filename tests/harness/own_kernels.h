// The kernels of runtime/device/kernels that take the address of a call and a number, as functions of the host, by the name of their entry.
#pragma once
#include <cstdint>
#include <string>

#include "runtime/device/kernels/columns.h"
#include "runtime/device/kernels/forest.h"

namespace mlp::harness {

using OwnKernel = void (*)(void* call, std::int64_t number, std::int64_t blocks);

template <class K>
void own_on_host(void* call, std::int64_t rows, std::int64_t blocks) {
  device::run_on_host<K>({*static_cast<const typename K::Of*>(call), rows}, blocks);
}

inline OwnKernel own_kernel(const std::string& name) {  // null when there is none
#define MLP_OWN(entry, K) \
  if (name == #entry) return own_on_host<device::K>;
  MLP_FOREST_KERNELS(MLP_OWN)
  MLP_COLUMN_KERNELS(MLP_OWN)
#undef MLP_OWN
  return nullptr;
}

}  // namespace mlp::harness
