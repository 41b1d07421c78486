// Products of matrices on the GPU, by each way that there is: our own kernel, and cuBLASLt in float32, in three products of TF32 (apart, and as one of
// three times the length, which is cut along k where the result is small, or whole), and of factors rounded to bfloat16. A line of JSON for each shape
// and way: the rate, and how far the furthest of some elements is from what doubles say of the same factors, in units of 2^-24 of the sum of the terms' sizes. And what the copies alone take that the last two ways make.
// Timed as trainings run them: recorded.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "base/diagnostic.h"
#include "runtime/device/cuda.h"
#include "runtime/device/driver.h"
#include "runtime/device/kernels/kernels.h"
#include "runtime/device/kernels/split.h"

using namespace mlp;

namespace {

constexpr int times = 10, tries = 5;

struct Shape {
  std::int64_t m, n, k;
  bool a_turned = false, b_turned = false;
};
struct Element {
  std::int64_t at;
  double sum = 0, size = 0;                        // of the terms, of their sizes
};

// A shape's factors, on the host and on the GPU, and what some elements of the product should be.
class Case {
 public:
  Case(device::Device& device, const Shape& s)
      : shape(s), a_(static_cast<std::size_t>(s.m * s.k)), b_(static_cast<std::size_t>(s.k * s.n)), on_a_(device, s.m * s.k), on_b_(device, s.k * s.n), on_c_(device, s.m * s.n), rng_(1) {
    for (std::vector<float>* values : {&a_, &b_})
      for (float& v : *values) v = static_cast<float>(static_cast<double>(rng_() >> 11) * 0x1p-52 - 1);
    device.copy_in(on_a_.data(), a_.data(), a_.size() * sizeof(float));
    device.copy_in(on_b_.data(), b_.data(), b_.size() * sizeof(float));
    product = {.m = s.m, .n = s.n, .k = s.k, .a = on_a_.data(), .a_m = s.a_turned ? 1 : s.k, .a_k = s.a_turned ? s.m : 1, .b = on_b_.data(), .b_k = s.b_turned ? 1 : s.n,
               .b_n = s.b_turned ? s.k : 1, .c = on_c_.data(), .c_m = s.n};
    exact = some(false), rounded = some(true);
    device.wait();
  }
  double furthest(device::Device& device, const std::vector<Element>& elements) const {
    std::vector<float> c(static_cast<std::size_t>(on_c_.size()));
    device.copy_out(c.data(), on_c_.data(), c.size() * sizeof(float));
    double far = 0;
    for (const Element& e : elements) far = std::max(far, std::fabs(c[static_cast<std::size_t>(e.at)] - e.sum) / std::ldexp(e.size, -24));
    return far;
  }
  // `rate` of work: "teraflops" of a product, "gigabytes" of copies, a second; furthest: below 0 where it is not asked for.
  void print(const char* way, double milliseconds, const char* rate, double work, double furthest = -1) const {
    const double seconds = milliseconds / 1000 / times;
    std::printf("{\"name\": \"device-products\", \"way\": \"%s\", \"m\": %lld, \"n\": %lld, \"k\": %lld, \"turned\": \"%s%s\", \"%s\": %.2f, \"microseconds\": %.2f", way,
                static_cast<long long>(shape.m), static_cast<long long>(shape.n), static_cast<long long>(shape.k), shape.a_turned ? "a" : "", shape.b_turned ? "b" : "", rate, work / seconds, seconds * 1e6);
    if (furthest >= 0) std::printf(", \"furthest\": %.2f", furthest);
    std::puts("}");
    std::fflush(stdout);
  }

  Shape shape;
  device::Product product;
  std::vector<Element> exact, rounded;

 private:
  std::vector<Element> some(bool rounds) {
    std::vector<Element> out;
    for (int i = 0; i < 1000; ++i) {
      const auto r = static_cast<std::int64_t>(rng_() % static_cast<std::uint64_t>(shape.m)), q = static_cast<std::int64_t>(rng_() % static_cast<std::uint64_t>(shape.n));
      Element& e = out.emplace_back(Element{r * shape.n + q});
      for (std::int64_t t = 0; t < shape.k; ++t) {
        const float a = a_[static_cast<std::size_t>(r * product.a_m + t * product.a_k)], b = b_[static_cast<std::size_t>(t * product.b_k + q * product.b_n)];
        const double term = rounds ? static_cast<double>(device::rounded_to_bf16(a)) * device::rounded_to_bf16(b) : static_cast<double>(a) * b;
        e.sum += term;
        e.size += std::fabs(term);
      }
    }
    return out;
  }

  std::vector<float> a_, b_;
  device::Array<float> on_a_, on_b_, on_c_;
  std::mt19937_64 rng_;
};

void measure(device::CudaDevice& device, const char* way, const Case& c, bool rounds) {
  device::Product p = c.product;
  p.rounds = rounds;
  device.product(p);
  const double furthest = c.furthest(device, rounds ? c.rounded : c.exact);
  const auto recording = device.record([&] {
    for (int t = 0; t < times; ++t) device.product(p);
  });
  float best = 1e30f;
  for (int i = 0; i < tries; ++i) best = std::min(best, device.milliseconds([&] { device.run(*recording); }));
  c.print(way, best, "teraflops", 2e-12 * static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k), furthest);
}

// The copies of both factors, launched as cuda.cpp does, on a stream of their own; gigabytes: read and written.
class Copies {
 public:
  explicit Copies(device::CudaDevice& device) : device_(device), driver_(device::open_driver("libcuda.so.1")), program_(device.load(std::string(device::kernels_ptx()))) {
    driver_.check(driver_.create_stream(&stream_, device::cu_stream_non_blocking), "is opened");
    for (void** event : {&from_, &to_}) driver_.check(driver_.create_event(event, 0), "is timed");
  }
  ~Copies() {
    for (void* event : {from_, to_}) driver_.destroy_event(event);
    driver_.destroy_stream(stream_);
  }
  Copies(const Copies&) = delete;
  Copies& operator=(const Copies&) = delete;

  void measure(const char* way, const char* kernel, const Case& c, std::int64_t parts, std::int64_t size) {
    const Shape& s = c.shape;
    const auto eight = [](std::int64_t numbers) { return (numbers + 7) / 8 * 8; };
    const auto side = [&](const float* from, std::int64_t rows, std::int64_t columns) {
      return device::CopySide{.from = from, .high = nullptr, .low = nullptr, .again = nullptr, .count = 1, .rows = rows, .columns = columns, .from_row = columns, .from_step = 0, .to_rows = rows,
                              .to_columns = eight(columns), .to_row = eight(columns), .to_step = 0};
    };
    device::CopySides sides{s.a_turned ? side(c.product.a, s.k, s.m) : side(c.product.a, s.m, s.k), s.b_turned ? side(c.product.b, s.n, s.k) : side(c.product.b, s.k, s.n)};
    std::vector<device::Array<char>> memory;
    for (device::CopySide* of : {&sides.a, &sides.b})
      for (void** part : {&of->high, &of->low, &of->again}) {
        if (part != &of->high && parts == 1) continue;
        memory.emplace_back(device_, of->to_rows * of->to_row * size);
        *part = memory.back().data();
      }
    void* arguments[] = {&sides};
    const auto blocks = static_cast<unsigned>(device::CopyBf16::blocks(sides));
    float best = 1e30f;
    for (int i = 0; i < tries; ++i) {
      driver_.check(driver_.record_event(from_, stream_), "is timed");
      for (int t = 0; t < times; ++t)
        driver_.check(driver_.launch(const_cast<void*>(program_->kernel(kernel)), blocks, 1, 1, launch_threads, 1, 1, 0, stream_, arguments, nullptr), "starts a kernel");
      driver_.check(driver_.record_event(to_, stream_), "is timed");
      driver_.check(driver_.wait_event(to_), "works");
      float time = 0;
      driver_.check(driver_.elapsed(&time, from_, to_), "is timed");
      best = std::min(best, time);
    }
    c.print(way, best, "gigabytes", 1e-9 * static_cast<double>((s.m + s.n) * s.k * (4 + parts * size)));
  }

 private:
  device::CudaDevice& device_;
  device::Driver driver_;
  std::unique_ptr<device::Program> program_;
  void *stream_ = nullptr, *from_ = nullptr, *to_ = nullptr;
};

}  // namespace

int main() {
  try {
    const auto own = device::open_cuda({.products = "none"}), plain = device::open_cuda({.split = false}), apart = device::open_cuda({.joined = false, .split_from = 1}), joined = device::open_cuda({.split_from = 1}),
               whole = device::open_cuda({.split_from = 1, .slices = 1});
    std::fprintf(stderr, "%s; %s\n", joined->describe().c_str(), joined->products().c_str());
    Copies copies(*joined);
    const Shape shapes[] = {{256, 256, 256},    {256, 1024, 1024}, {512, 512, 4096}, {1024, 1024, 1024},          {2048, 2048, 2048}, {4096, 1024, 1024},
                            {4096, 1024, 1024, false, true}, {1024, 1024, 4096, true, false}, {4096, 1024, 256}, {4096, 256, 1024}, {4096, 10, 1024}, {4096, 4096, 4096}};
    for (const Shape& shape : shapes) {
      const Case c(*joined, shape);
      measure(*own, "own", c, false);
      measure(*plain, "cublaslt-float32", c, false);
      if (device::splits(shape.m, shape.n, shape.k, 1)) {
        measure(*apart, "cublaslt-tf32x3-apart", c, false);
        measure(*joined, "cublaslt-tf32x3", c, false);
        measure(*whole, "cublaslt-tf32x3-whole", c, false);
        copies.measure("copies-tf32x3", "copy_two_of_tf32", c, 3, 4);
      }
      measure(*joined, "cublaslt-bf16", c, true);
      copies.measure("copies-bf16", "copy_bf16", c, 1, 2);
    }
    return 0;
  } catch (const Failure& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 3;
  }
}
