#include "runtime/score/linked.h"

#include <cstring>

extern "C" {
void mlp_features_v2(const mlp_batch* batch, const mlp_fitted* fitted, const mlp_output* outputs);
void mlp_features_v3(const mlp_batch* batch, const mlp_fitted* fitted, const mlp_output* outputs);
void mlp_features_v4(const mlp_batch* batch, const mlp_fitted* fitted, const mlp_output* outputs);
__attribute__((weak)) std::int64_t mlp_network_score_v2(const mlp_network_call* call);
__attribute__((weak)) std::int64_t mlp_network_score_v3(const mlp_network_call* call);
__attribute__((weak)) std::int64_t mlp_network_score_v4(const mlp_network_call* call);
__attribute__((weak)) void mlp_features_rest_v2(const mlp_batch* batch, const mlp_fitted* fitted, const mlp_output* outputs);
__attribute__((weak)) void mlp_features_rest_v3(const mlp_batch* batch, const mlp_fitted* fitted, const mlp_output* outputs);
__attribute__((weak)) void mlp_features_rest_v4(const mlp_batch* batch, const mlp_fitted* fitted, const mlp_output* outputs);
extern const char mlp_device_begin[] __attribute__((weak));
extern const char mlp_device_end[] __attribute__((weak));
extern const char mlp_package_begin[];
extern const char mlp_package_end[];
extern const char mlp_plain_begin[];
extern const char mlp_plain_end[];
}

namespace mlp::score {

mlp_kernel linked_features() { return linked_features(best_cpu_level()); }

mlp_kernel linked_features(CpuLevel level) {
  switch (level) {
    case CpuLevel::v4: return mlp_features_v4;
    case CpuLevel::v3: return mlp_features_v3;
    case CpuLevel::v2: break;
  }
  return mlp_features_v2;
}

mlp_network linked_network(CpuLevel level) {
  switch (level) {
    case CpuLevel::v4: return mlp_network_score_v4;
    case CpuLevel::v3: return mlp_network_score_v3;
    case CpuLevel::v2: break;
  }
  return mlp_network_score_v2;
}

mlp_kernel linked_rest(CpuLevel level) {
  switch (level) {
    case CpuLevel::v4: return mlp_features_rest_v4;
    case CpuLevel::v3: return mlp_features_rest_v3;
    case CpuLevel::v2: break;
  }
  return mlp_features_rest_v2;
}

std::string_view linked_device() { return {mlp_device_begin, static_cast<std::size_t>(mlp_device_end - mlp_device_begin)}; }

std::string_view linked_package() {
  return {mlp_package_begin, static_cast<std::size_t>(mlp_package_end - mlp_package_begin)};
}

std::vector<std::int32_t> linked_plain() {
  std::vector<std::int32_t> out(static_cast<std::size_t>(mlp_plain_end - mlp_plain_begin) / sizeof(std::int32_t));
  if (!out.empty()) std::memcpy(out.data(), mlp_plain_begin, out.size() * sizeof(std::int32_t));
  return out;
}

}  // namespace mlp::score
