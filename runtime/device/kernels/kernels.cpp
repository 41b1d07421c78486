// Compiled twice: for the device the entries, for the host the text that came out.
#if defined(__NVPTX__)
#include "runtime/device/kernels/columns.h"
#include "runtime/device/kernels/forest.h"
#include "runtime/device/kernels/product.h"
#include "runtime/device/kernels/slices.h"
#include "runtime/device/kernels/split.h"

namespace mlp::device {
namespace {

template <class K>
alignas(16) __attribute__((address_space(3))) char shared_of[sizeof(typename K::Shared)];

template <class K>
__attribute__((always_inline)) inline void run(const typename K::Call& call) {
  run_block<K>(call, *(typename K::Shared*)(char*)shared_of<K>);
}

}  // namespace

extern "C" {
__attribute__((nvptx_kernel)) void product(ProductKernel::Call call) { run<ProductKernel>(call); }
__attribute__((nvptx_kernel)) void sum_slices(SumSlices::Call call) { run<SumSlices>(call); }
#define MLP_COPY_KERNEL(name, K) \
  __attribute__((nvptx_kernel)) void name(CopySides sides) { run<K>(sides); }
MLP_COPY_KERNELS(MLP_COPY_KERNEL)
#define MLP_KERNEL(name, K) \
  __attribute__((nvptx_kernel)) void name(const K::Of* call, int64_t rows) { run<K>({*call, rows}); }
MLP_FOREST_KERNELS(MLP_KERNEL)
MLP_COLUMN_KERNELS(MLP_KERNEL)
}

}  // namespace mlp::device
#else
#include "runtime/device/kernels/kernels.h"

#include "embedded_kernels.h"

std::string_view mlp::device::kernels_ptx() { return embedded_kernels[0].bytes; }
#endif
