// Products of matrices on the GPU, by each way that there is: cuBLASLt in float32, in three products of TF32, and our own kernel. A line of
// JSON for each shape and way: the rate, and how far the furthest of some elements is from what doubles say, in units of 2^-24 of the sum of
// the terms' sizes.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "base/diagnostic.h"
#include "runtime/device/cuda.h"

using namespace mlp;

namespace {

struct Shape {
  std::int64_t m, n, k;
  bool a_turned = false, b_turned = false;
};

void measure(device::CudaDevice& device, const char* way, const Shape& s) {
  std::mt19937_64 rng(1);
  std::vector<float> a(static_cast<std::size_t>(s.m * s.k)), b(static_cast<std::size_t>(s.k * s.n)), c(static_cast<std::size_t>(s.m * s.n));
  for (std::vector<float>* values : {&a, &b})
    for (float& v : *values) v = static_cast<float>(static_cast<double>(rng() >> 11) * 0x1p-52 - 1);
  device::Array<float> on_a(device, s.m * s.k), on_b(device, s.k * s.n), on_c(device, s.m * s.n);
  device.copy_in(on_a.data(), a.data(), a.size() * sizeof(float));
  device.copy_in(on_b.data(), b.data(), b.size() * sizeof(float));
  const device::Product p{.m = s.m, .n = s.n, .k = s.k, .a = on_a.data(), .a_m = s.a_turned ? 1 : s.k, .a_k = s.a_turned ? s.m : 1, .b = on_b.data(), .b_k = s.b_turned ? 1 : s.n,
                          .b_n = s.b_turned ? s.k : 1, .c = on_c.data(), .c_m = s.n};
  device.product(p);
  device.copy_out(c.data(), on_c.data(), c.size() * sizeof(float));
  double far = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto r = static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(s.m)), q = static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(s.n));
    double sum = 0, size = 0;
    for (std::int64_t t = 0; t < s.k; ++t) {
      const double term = static_cast<double>(a[static_cast<std::size_t>(r * p.a_m + t * p.a_k)]) * b[static_cast<std::size_t>(t * p.b_k + q * p.b_n)];
      sum += term;
      size += std::fabs(term);
    }
    far = std::max(far, std::fabs(c[static_cast<std::size_t>(r * s.n + q)] - sum) / std::ldexp(size, -24));
  }
  constexpr int times = 10;
  float best = 1e30f;
  for (int i = 0; i < 5; ++i)
    best = std::min(best, device.milliseconds([&] {
      for (int t = 0; t < times; ++t) device.product(p);
    }));
  const double seconds = best / 1000 / times;
  std::printf("{\"name\": \"device-products\", \"way\": \"%s\", \"m\": %lld, \"n\": %lld, \"k\": %lld, \"turned\": \"%s%s\", \"teraflops\": %.2f, \"microseconds\": %.2f, \"furthest\": %.2f}\n", way, static_cast<long long>(s.m),
              static_cast<long long>(s.n), static_cast<long long>(s.k), s.a_turned ? "a" : "", s.b_turned ? "b" : "", 2e-12 * static_cast<double>(s.m) * static_cast<double>(s.n) * static_cast<double>(s.k) / seconds,
              seconds * 1e6, far);
  std::fflush(stdout);
}

}  // namespace

int main() {
  try {
    const auto split = device::open_cuda({.split_from = 1}), plain = device::open_cuda({.split = false}), own = device::open_cuda({.products = "none"});
    std::fprintf(stderr, "%s; %s\n", split->describe().c_str(), split->products().c_str());
    const Shape shapes[] = {{256, 256, 256},      {256, 1024, 1024},           {1024, 1024, 1024},          {4096, 1024, 1024},         {4096, 1024, 1024, false, true}, {1024, 1024, 4096, true, false},
                            {4096, 4096, 4096},   {4096, 1024, 128},           {4096, 128, 1024},           {4096, 10, 1024}};
    for (const Shape& shape : shapes) {
      measure(*split, "cublaslt-tf32x3", shape);
      measure(*plain, "cublaslt-float32", shape);
      measure(*own, "own", shape);
    }
    return 0;
  } catch (const Failure& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 3;
  }
}
