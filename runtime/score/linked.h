// What `mlp build` links into an artifact: the feature kernel, the package, and which features are columns as they are. Only artifacts may use this header;
// elsewhere the symbols behind it do not exist.
#pragma once
#include <string_view>
#include <vector>

#include "abi/abi.h"
#include "base/machine.h"

namespace mlp::score {

mlp_kernel linked_features(CpuLevel level);
mlp_kernel linked_features();        // the best of mlp_features_v2, _v3 and _v4 that this machine can run
mlp_network linked_network(CpuLevel level);  // of mlp_network_score_v2, _v3 and _v4; null in an artifact whose model is no network
mlp_kernel linked_rest(CpuLevel level);       // in an artifact for a GPU, of the features that a device does not compute; null where there is no such kernel
std::string_view linked_device();             // there: to_bytes of a DevicePipeline
std::string_view linked_package();   // the bytes between mlp_package_begin and mlp_package_end
std::vector<std::int32_t> linked_plain();  // Engine's `plain`, between mlp_plain_begin and mlp_plain_end

}  // namespace mlp::score
