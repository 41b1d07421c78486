// Memory, programs, recordings and products of a device, on each that there is.
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "runtime/device/kernels/round.h"
#include "tests/unit/device/devices.h"

namespace mlp::device {
namespace {

MLP_ON_ALL_DEVICES(OnDevice);

// twice_plus: values[i] = 2 values[i] + number.
const char* const twice_plus = R"(.version 6.3
.target sm_75
.address_size 64
.visible .entry twice_plus(.param .u64 call, .param .u64 number)
{
  .reg .pred %p<2>;
  .reg .b32 %r<5>;
  .reg .f32 %f<4>;
  .reg .b64 %rd<9>;
  ld.param.u64 %rd1, [call];
  ld.param.u64 %rd2, [number];
  ld.global.u64 %rd3, [%rd1];
  ld.global.u64 %rd4, [%rd1+8];
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r2, %tid.x;
  mad.wide.u32 %rd5, %r1, 256, 0;
  cvt.u64.u32 %rd6, %r2;
  add.s64 %rd5, %rd5, %rd6;
  setp.ge.s64 %p1, %rd5, %rd4;
  @%p1 ret;
  shl.b64 %rd7, %rd5, 2;
  add.s64 %rd8, %rd3, %rd7;
  ld.global.f32 %f1, [%rd8];
  cvt.rn.f32.s64 %f2, %rd2;
  add.rn.f32 %f3, %f1, %f1;
  add.rn.f32 %f3, %f3, %f2;
  st.global.f32 [%rd8], %f3;
  ret;
}
)";
struct Call {
  float* values;
  std::int64_t count;
};

TEST_P(OnDevice, MemoryKeepsWhatItIsGiven) {
  std::vector<std::uint8_t> bytes(1000001);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
  Array<std::uint8_t> array = put(bytes);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array.data()) % 256, 0u);
  EXPECT_EQ(get(array), bytes);
  device->zero(array.data() + 3, 70000);
  std::memset(bytes.data() + 3, 0, 70000);
  EXPECT_EQ(get(array), bytes);
  std::vector<std::uint8_t> again = bytes;           // may change once copy_in has returned
  device->copy_in(array.data(), again.data(), again.size());
  std::memset(again.data(), 9, again.size());
  EXPECT_EQ(get(array), bytes);
  Array<float> none(*device, 0);
  EXPECT_TRUE(get(none).empty());
}

TEST_P(OnDevice, KernelsRunInOrder) {
  const std::unique_ptr<Program> program = device->load(twice_plus);
  const void* const kernel = program->kernel("twice_plus");
  EXPECT_THROW(program->kernel("thrice"), Bug);
  std::vector<float> values(1000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  Array<float> array = put(values);
  Array<Call> call = put(std::vector<Call>{{array.data(), 1000}});
  device->launch(kernel, 4, call.data(), 5);
  device->launch(kernel, 0, call.data(), 5);
  device->launch(kernel, 2, call.data(), -1);
  const std::vector<float> got = get(array);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float once = 2 * values[i] + 5;
    EXPECT_EQ(got[i], i < 512 ? 2 * once - 1 : once) << i;
  }
}

TEST_P(OnDevice, RecordingsRunAgainAsAWhole) {
  const std::unique_ptr<Program> program = device->load(twice_plus);
  const void* const kernel = program->kernel("twice_plus");
  Array<float> array = put(std::vector<float>{1, 2, 3, 4, 5, 6});
  Array<Call> call = put(std::vector<Call>{{array.data(), 4}});
  Array<float> sums = put(std::vector<float>{0, 0}), factors = put(std::vector<float>{1, 10});
  int called = 0;
  const std::unique_ptr<Recording> recording = device->record([&] {
    ++called;
    device->launch(kernel, 1, call.data(), 1);
    device->product({.m = 1, .n = 2, .k = 2, .a = factors.data(), .a_m = 2, .a_k = 1, .b = array.data(), .b_k = 2, .b_n = 1, .c = sums.data(), .c_m = 2, .add = true});
  });
  EXPECT_EQ(called, 2);
  EXPECT_EQ(get(array), (std::vector<float>{1, 2, 3, 4, 5, 6})) << "nothing runs before it is asked to";
  device->run(*recording);
  EXPECT_EQ(get(array), (std::vector<float>{3, 5, 7, 9, 5, 6}));
  EXPECT_EQ(get(sums), (std::vector<float>{73, 95}));
  device->run(*recording);
  device->run(*recording);
  EXPECT_EQ(get(array), (std::vector<float>{15, 23, 31, 39, 5, 6}));
  EXPECT_EQ(get(sums), (std::vector<float>{73 + 157 + 325, 95 + 201 + 413}));
  struct Stop {};
  EXPECT_THROW(device->record([&] { throw Stop(); }), Stop);
  int times = 0;
  EXPECT_THROW(device->record([&] { if (++times == 2) throw Stop(); }), Stop);
  EXPECT_THROW(device->record([&] { get(sums); }), Bug);
  device->run(*recording);
  EXPECT_EQ(get(array)[0], 31);
}

struct Shape {
  std::int64_t m, n, k, count = 1;
  bool a_turned = false, b_turned = false, add = false, sparse = false, rounds = false;   // sparse: no stride is 1
};

class Products : public OnDevice {
 protected:
  void check(const Shape& s, std::mt19937_64& rng) {
    const auto floats = [&](std::int64_t size) {
      std::vector<float> values(static_cast<std::size_t>(size));
      for (float& v : values) v = std::uniform_real_distribution<float>(-1, 1)(rng);
      return values;
    };
    const std::int64_t pad = static_cast<std::int64_t>(rng() % 3), unit = s.sparse ? 2 : 1;
    Product p{.m = s.m, .n = s.n, .k = s.k, .a_m = s.a_turned ? unit : unit * s.k + pad, .a_k = s.a_turned ? unit * s.m + pad : unit, .b_k = s.b_turned ? unit : unit * s.n + pad,
              .b_n = s.b_turned ? unit * s.k + pad : unit, .c_m = s.n + pad, .add = s.add, .count = s.count, .rounds = s.rounds};
    const auto size = [](std::int64_t a, std::int64_t a_stride, std::int64_t b, std::int64_t b_stride) { return a * b == 0 ? 0 : (a - 1) * a_stride + (b - 1) * b_stride + 1; };
    p.a_step = size(s.m, p.a_m, s.k, p.a_k) + pad;
    p.b_step = s.count > 1 && pad == 2 ? 0 : size(s.k, p.b_k, s.n, p.b_n) + pad;  // one for all
    p.c_step = s.m * p.c_m + pad;
    std::vector<float> a = floats(p.a_step * s.count + 1), b = floats(std::max<std::int64_t>(p.b_step * s.count, size(s.k, p.b_k, s.n, p.b_n)) + 1);
    const std::vector<float> c = floats(p.c_step * s.count);
    Array<float> on_a = put(a), on_b = put(b), on_c = put(c);
    p.a = on_a.data(), p.b = on_b.data(), p.c = on_c.data();
    device->product(p);
    const std::vector<float> got = get(on_c);
    if (s.rounds)
      for (std::vector<float>* values : {&a, &b})
        for (float& v : *values) v = rounded_to_bf16(v);
    std::vector<float> want = c;                     // what no product reaches stays
    for (std::int64_t i = 0; i < s.count; ++i)
      for (std::int64_t r = 0; r < s.m; ++r)
        for (std::int64_t q = 0; q < s.n; ++q) {
          const std::size_t at = static_cast<std::size_t>(i * p.c_step + r * p.c_m + q);
          double sum = s.add ? c[at] : 0, scale = std::fabs(sum);
          for (std::int64_t t = 0; t < s.k; ++t) {
            const double term = static_cast<double>(a[static_cast<std::size_t>(i * p.a_step + r * p.a_m + t * p.a_k)]) * b[static_cast<std::size_t>(i * p.b_step + t * p.b_k + q * p.b_n)];
            sum += term;
            scale += std::fabs(term);
          }
          ASSERT_NEAR(got[at], sum, std::ldexp(scale * (8 + std::sqrt(static_cast<double>(s.k))), -24) + 1e-30)
              << s.count << " of " << s.m << " x " << s.n << " x " << s.k << ", at " << i << " " << r << " " << q << (s.a_turned ? ", a turned" : "") << (s.b_turned ? ", b turned" : "");
          want[at] = got[at];
        }
    EXPECT_EQ(0, std::memcmp(want.data(), got.data(), got.size() * sizeof(float))) << "something beside c was written";
  }
};
MLP_ON_ALL_DEVICES(Products);

TEST_P(Products, OfRandomShapes) {
  std::mt19937_64 rng(5);
  for (int i = 0; i < 150; ++i) {
    const auto side = [&] { return static_cast<std::int64_t>(rng() % 4 == 0 ? 1 + rng() % 3 : 1 + rng() % 90); };
    check({side(), side(), side(), static_cast<std::int64_t>(1 + rng() % 3), rng() % 2 == 0, rng() % 2 == 0, rng() % 2 == 0, rng() % 5 == 0, i % 3 == 0}, rng);
  }
}

TEST_P(Products, OfNothing) {
  std::mt19937_64 rng(6);
  check({.m = 5, .n = 70, .k = 0}, rng);
  check({.m = 5, .n = 70, .k = 0, .add = true}, rng);
  check({.m = 0, .n = 7, .k = 3}, rng);
  check({.m = 5, .n = 0, .k = 3}, rng);
  device->product({.m = 5, .n = 5, .k = 5, .count = 0});
}

TEST_P(Products, LargeOnesKeepTheAccuracyOfFloats) {
  std::mt19937_64 rng(7);
  for (const bool a : {false, true})
    for (const bool b : {false, true}) check({.m = 259, .n = 261, .k = 257, .a_turned = a, .b_turned = b, .add = a}, rng);
  check({.m = 256, .n = 260, .k = 330, .count = 2, .add = true}, rng);
  check({.m = 130, .n = 400, .k = 330, .count = 2, .add = true, .rounds = true}, rng);
}

TEST_P(Products, CutAlongKKeepTheAccuracyOfFloats) {
  static_assert(slices_of(257, 259, 3 * 352, 8, 512) == 2 && slices_of(257, 259, 3 * 688, 8, 512) == 4 && slices_of(260, 257, 3 * 1376, 8, 512) == 8);
  static_assert(slices_of(1024, 1024, 3 * 4096, 8, 3072) == 4 && slices_of(1024, 1024, 3 * 4096, 2, 3072) == 2 && slices_of(1024, 1024, 3 * 4096, 1, 3072) == 1);
  static_assert(slices_of(1024, 1024, 3 * 1024, 8, 3072) == 1 && slices_of(4096, 1024, 3 * 1024, 8, 512) == 1);
  std::mt19937_64 rng(9);
  for (const bool a : {false, true})
    for (const bool b : {false, true}) check({.m = 259, .n = 257, .k = 345, .a_turned = a, .b_turned = b, .add = a != b}, rng);
  check({.m = 259, .n = 257, .k = 682, .b_turned = true, .add = true}, rng);
  check({.m = 257, .n = 260, .k = 1371, .a_turned = true}, rng);
}

TEST_P(Products, OfAllThatAFloatCanBe) {
  // Beside nearly the largest floats (tensor cores overflow within a factor of two of them), and down to what float32 loses: alone in their row, so that nothing hides them.
  const std::vector<float> edges = {0, 1, std::ldexp(1.9999998f, 126), -std::ldexp(1.9999998f, 126), 1e-30f, 3.0000001f, 16777215.f, -0.333333343f, std::ldexp(1.9999998f, 60)};
  const std::int64_t side = 260;
  std::vector<float> a(static_cast<std::size_t>(side * side)), b(a.size());
  for (std::int64_t i = 0; i < side; ++i) {
    a[static_cast<std::size_t>(i * side + i)] = edges[static_cast<std::size_t>(i) % edges.size()];
    b[static_cast<std::size_t>(i * side + i)] = 1;
  }
  Array<float> on_a = put(a), on_b = put(b), on_c(*device, side * side);
  device->product({.m = side, .n = side, .k = side, .a = on_a.data(), .a_m = side, .a_k = 1, .b = on_b.data(), .b_k = side, .b_n = 1, .c = on_c.data(), .c_m = side});
  const std::vector<float> got = get(on_c);
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], a[i], std::fabs(std::ldexp(a[i], -22))) << i;
}

TEST_P(Products, Recorded) {
  // Large ones take scratch: the second is larger, so that a recording made before it must keep its own; it is cut along k, and has the same bits twice.
  std::mt19937_64 rng(8);
  const auto made = [&](std::int64_t side) {
    std::vector<float> values(static_cast<std::size_t>(side * side));
    for (float& v : values) v = std::uniform_real_distribution<float>(-1, 1)(rng);
    return values;
  };
  struct Case {
    std::int64_t side;
    Array<float> a, b, c;
    std::unique_ptr<Recording> recording;
    std::vector<float> want;
  };
  std::vector<Case> cases;
  for (const std::int64_t side : {256, 384, 256}) {
    Case c{side, put(made(side)), put(made(side)), Array<float>(*device, side * side), nullptr, {}};
    const Product p{.m = side, .n = side, .k = side, .a = c.a.data(), .a_m = side, .a_k = 1, .b = c.b.data(), .b_k = side, .b_n = 1, .c = c.c.data(), .c_m = side};
    c.recording = device->record([&] { device->product(p); });
    device->product(p);
    c.want = get(c.c);
    device->zero(c.c.data(), static_cast<std::size_t>(c.c.size()) * sizeof(float));
    cases.push_back(std::move(c));
  }
  for (Case& c : cases) device->run(*c.recording);
  for (Case& c : cases) EXPECT_EQ(get(c.c), c.want) << c.side;
}

}  // namespace
}  // namespace mlp::device
