// By its documentation: matrices by columns, D = alpha op(A) op(B) + beta C. TF32 keeps 11 bits of what it reads; A and B may be of bfloat16.
#include <bit>
#include <cstdint>
#include <cstring>

#include "tests/unit/device/fake/fake.h"

namespace {

struct Desc {
  int compute, turn[2] = {0, 0};
};
struct Layout {
  int type;
  std::uint64_t rows, columns;
  std::int64_t column, step = 0;
  std::int32_t count = 1;
};
constexpr int invalid_value = 7, not_supported = 15, fast_tf32 = 77, real_32f = 0, real_16bf = 14;

float factor(const void* of, int type, std::int64_t at, bool tf32) {
  if (type == real_16bf) {
    std::uint16_t half;
    std::memcpy(&half, static_cast<const char*>(of) + 2 * at, 2);
    return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16);
  }
  float v;
  std::memcpy(&v, static_cast<const char*>(of) + 4 * at, 4);
  return tf32 ? std::bit_cast<float>(std::bit_cast<std::uint32_t>(v) & ~0x1fffu) : v;
}

}  // namespace

extern "C" {

std::size_t cublasLtGetVersion() { return 120304; }
int cublasLtCreate(void** to) { return *to = new int, 0; }
int cublasLtDestroy(void* handle) { return delete static_cast<int*>(handle), 0; }
int cublasLtMatmulDescCreate(void** to, int compute, int scale) { return scale == 0 ? (*to = new Desc{compute}, 0) : invalid_value; }
int cublasLtMatmulDescDestroy(void* desc) { return delete static_cast<Desc*>(desc), 0; }
int cublasLtMatmulDescSetAttribute(void* desc, int which, const void* value, std::size_t bytes) {
  if ((which != 3 && which != 4) || bytes != 4) return invalid_value;
  std::memcpy(&static_cast<Desc*>(desc)->turn[which - 3], value, 4);
  return 0;
}
int cublasLtMatrixLayoutCreate(void** to, int type, std::uint64_t rows, std::uint64_t columns, std::int64_t column) {
  if ((type != real_32f && type != real_16bf) || column < static_cast<std::int64_t>(rows)) return invalid_value;
  return *to = new Layout{type, rows, columns, column}, 0;
}
int cublasLtMatrixLayoutDestroy(void* layout) { return delete static_cast<Layout*>(layout), 0; }
int cublasLtMatrixLayoutSetAttribute(void* layout, int which, const void* value, std::size_t bytes) {
  if (which == 5 && bytes == 4) return std::memcpy(&static_cast<Layout*>(layout)->count, value, 4), 0;
  if (which == 6 && bytes == 8) return std::memcpy(&static_cast<Layout*>(layout)->step, value, 8), 0;
  return invalid_value;
}
int cublasLtMatmulPreferenceCreate(void** to) { return *to = new int, 0; }
int cublasLtMatmulPreferenceDestroy(void* preference) { return delete static_cast<int*>(preference), 0; }
int cublasLtMatmulPreferenceSetAttribute(void*, int which, const void*, std::size_t bytes) { return (which == 1 && bytes == 8) || (which >= 5 && which <= 8 && bytes == 4) ? 0 : invalid_value; }
int cublasLtMatmulAlgoGetHeuristic(void*, void* desc, void* a, void* b, void* c, void*, void*, int, void* results, int* count) {
  std::memset(results, 0, 96);
  const auto& d = *static_cast<const Desc*>(desc);
  const int of_a = static_cast<const Layout*>(a)->type, of_b = static_cast<const Layout*>(b)->type;
  if (of_a != of_b || static_cast<const Layout*>(c)->type != real_32f || (d.compute != 68 && (d.compute != fast_tf32 || of_a != real_32f))) return invalid_value;
  if (static_cast<const Layout*>(c)->columns == 13) return *count = 0, not_supported;  // so that the way round is tested too
  return *count = 1, 0;
}
int cublasLtMatmul(void*, void* desc, const void* alpha, const void* a, void* a_layout, const void* b, void* b_layout, const void* beta, const void* c, void*, void* d, void* d_layout, const void*, void* workspace,
                   std::size_t bytes, void* stream) {
  const Desc how = *static_cast<Desc*>(desc);
  const Layout of_a = *static_cast<Layout*>(a_layout), of_b = *static_cast<Layout*>(b_layout), of_d = *static_cast<Layout*>(d_layout);
  const std::uint64_t m = how.turn[0] ? of_a.columns : of_a.rows, k = how.turn[0] ? of_a.rows : of_a.columns, n = how.turn[1] ? of_b.rows : of_b.columns;
  if (m != of_d.rows || n != of_d.columns || k != (how.turn[1] ? of_b.columns : of_b.rows) || c != d || !workspace || bytes != 32u << 20) return invalid_value;
  const float scale = *static_cast<const float*>(alpha), keep = *static_cast<const float*>(beta);
  std::function<void()> work = [=] {
    const auto uses = [](const void* at, const Layout& of) {
      for (std::int32_t i = 0; i < of.count; ++i)
        for (std::uint64_t q = 0; q < of.columns; ++q) {
          const std::size_t bytes = of.type == real_16bf ? 2 : 4;
          fake::fake_uses(static_cast<const char*>(at) + (i * of.step + static_cast<std::int64_t>(q) * of.column) * static_cast<std::int64_t>(bytes), of.rows * bytes);
        }
    };
    uses(a, of_a), uses(b, of_b), uses(d, of_d);
    for (std::int32_t i = 0; i < of_d.count; ++i) {
      float* const to = static_cast<float*>(d) + i * of_d.step;
      for (std::int64_t r = 0; r < static_cast<std::int64_t>(m); ++r)
        for (std::int64_t q = 0; q < static_cast<std::int64_t>(n); ++q) {
          float sum = 0;
          for (std::int64_t p = 0; p < static_cast<std::int64_t>(k); ++p)
            sum = __builtin_fmaf(factor(a, of_a.type, i * of_a.step + (how.turn[0] ? p + r * of_a.column : r + p * of_a.column), how.compute == fast_tf32),
                                 factor(b, of_b.type, i * of_b.step + (how.turn[1] ? q + p * of_b.column : p + q * of_b.column), how.compute == fast_tf32), sum);
          float& at = to[r + q * of_d.column];
          at = scale * sum + (keep == 0 ? 0 : keep * at);
        }
      for (std::int64_t q = 0; q < static_cast<std::int64_t>(n); ++q) fake::fake_wrote(to + q * of_d.column, m * sizeof(float));
    }
  };
  fake::fake_do(stream, &work);
  return 0;
}

}  // extern "C"
