// By its documentation: matrices by columns, D = alpha op(A) op(B) + beta C. TF32 keeps 11 bits of what it reads.
#include <cstdint>
#include <cstring>

#include "tests/unit/device/fake/fake.h"

namespace {

struct Desc {
  int compute, turn[2] = {0, 0};
};
struct Layout {
  std::uint64_t rows, columns;
  std::int64_t column, step = 0;
  std::int32_t count = 1;
};
constexpr int invalid_value = 7, not_supported = 15, fast_tf32 = 77;

float cut(float v, bool tf32) {
  std::uint32_t bits;
  std::memcpy(&bits, &v, 4);
  if (tf32) bits &= ~0x1fffu;
  std::memcpy(&v, &bits, 4);
  return v;
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
  if (type != 0 || column < static_cast<std::int64_t>(rows)) return invalid_value;
  return *to = new Layout{rows, columns, column}, 0;
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
int cublasLtMatmulAlgoGetHeuristic(void*, void* desc, void*, void*, void* c, void*, void*, int, void* results, int* count) {
  std::memset(results, 0, 96);
  const auto& d = *static_cast<const Desc*>(desc);
  if (d.compute != 68 && d.compute != fast_tf32) return invalid_value;
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
    for (std::int32_t i = 0; i < of_d.count; ++i) {
      const float *x = static_cast<const float*>(a) + i * of_a.step, *y = static_cast<const float*>(b) + i * of_b.step;
      float* const to = static_cast<float*>(d) + i * of_d.step;
      for (std::int64_t r = 0; r < static_cast<std::int64_t>(m); ++r)
        for (std::int64_t q = 0; q < static_cast<std::int64_t>(n); ++q) {
          float sum = 0;
          for (std::int64_t p = 0; p < static_cast<std::int64_t>(k); ++p)
            sum = __builtin_fmaf(cut(x[how.turn[0] ? p + r * of_a.column : r + p * of_a.column], how.compute == fast_tf32),
                                 cut(y[how.turn[1] ? q + p * of_b.column : p + q * of_b.column], how.compute == fast_tf32), sum);
          float& at = to[r + q * of_d.column];
          at = scale * sum + (keep == 0 ? 0 : keep * at);
        }
    }
  };
  fake::fake_do(stream, &work);
  return 0;
}

}  // extern "C"
