// The kernels that Millrace has beside those that it generates, as PTX for compute capability 7.5 and up.
#pragma once
#include <string_view>

namespace mlp::device {

// Ends with a zero. Entries and their one argument, by value: `product` ProductKernel::Call, `sum_slices` SumSlices::Call, of `copy_*` (MLP_COPY_KERNELS) CopySides;
// of `forest_*` (MLP_FOREST_KERNELS), `bins_*` and `numbers` (MLP_COLUMN_KERNELS) the address of a call on the device, and the number of rows.
std::string_view kernels_ptx();

}  // namespace mlp::device
