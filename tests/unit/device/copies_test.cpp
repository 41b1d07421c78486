// The copies that tensor cores multiply, beside a plain loop: every number to the bit, zeros where there was none, and nothing else written.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "runtime/device/kernels/split.h"
#include "tests/unit/device/own.h"

namespace mlp::device {
namespace {

constexpr std::int64_t around = 64;                // floats before and behind a copy that stay as they were
constexpr std::uint8_t untouched = 0xb5;

struct Out {
  std::vector<float> memory;
  explicit Out(std::int64_t floats) : memory(static_cast<std::size_t>(floats + 2 * around)) { std::memset(memory.data(), untouched, memory.size() * sizeof(float)); }
  float* data() { return memory.data() + around; }
};

template <CopyAs as>
class Copied {
 public:
  // Each side is laid out as cuda.cpp does: its parts follow each other along a row, or matrix by matrix.
  void check(std::mt19937_64& rng) {
    std::vector<std::vector<float>> from;
    std::vector<Out> got, want;
    CopySides sides{};
    for (CopySide* s : {&sides.a, &sides.b}) {
      const auto side = [&] { return static_cast<std::int64_t>(1 + rng() % (rng() % 3 == 0 ? 1500 : 40)); };
      s->count = static_cast<std::int64_t>(1 + rng() % 3), s->rows = side(), s->columns = rng() % 2 == 0 ? side() : 4 * (1 + side() / 4);
      if (s->rows * s->columns > 200000) s->rows = 3;
      s->from_row = s->columns + (rng() % 2 == 0 ? 0 : static_cast<std::int64_t>(rng() % 6)), s->from_step = s->rows * s->from_row + (rng() % 2 == 0 ? 0 : 3);
      s->to_rows = s->rows + (rng() % 2 == 0 ? 0 : static_cast<std::int64_t>(rng() % 8)), s->to_columns = (s->columns + 7) / 8 * 8 + 8 * static_cast<std::int64_t>(rng() % 3);
      const bool along = rng() % 2 == 0;
      s->to_row = along ? 3 * s->to_columns : s->to_columns, s->to_step = 3 * s->to_rows * s->to_columns;
      const std::int64_t part = along ? s->to_columns : s->to_rows * s->to_columns, off = static_cast<std::int64_t>(rng() % 2);
      std::vector<float>& numbers = from.emplace_back(static_cast<std::size_t>(s->count * s->from_step + 1));
      for (float& v : numbers) v = number(rng);
      s->from = numbers.data() + off;
      const bool again = rng() % 2 == 0;
      for (std::vector<Out>* out : {&want, &got}) {
        float* const to = out->emplace_back(s->count * s->to_step).data();
        const auto at = [&](std::int64_t p) { return reinterpret_cast<char*>(to) + p * part * (as == CopyAs::bf16 ? 2 : 4); };
        s->high = at(0), s->low = as == CopyAs::two_of_tf32 ? at(1) : nullptr, s->again = as == CopyAs::two_of_tf32 && again ? at(2) : nullptr;
        if (out == &want) plain(*s);
      }
    }
    ptx::Memory memory;
    const auto add = [&](std::vector<float>& floats, bool filled) { memory.add(reinterpret_cast<std::uintptr_t>(floats.data()), floats.size() * sizeof(float), filled); };
    for (std::vector<float>& numbers : from) add(numbers, true);
    for (Out& out : got) add(out.memory, false);
    run_own(as == CopyAs::two_of_tf32 ? "copy_two_of_tf32" : as == CopyAs::bf16 ? "copy_bf16" : "copy_rounded_floats", CopyKernel<as>::blocks(sides), sides, memory);
    for (std::size_t i = 0; i < 2; ++i)
      ASSERT_EQ(0, std::memcmp(got[i].memory.data(), want[i].memory.data(), got[i].memory.size() * sizeof(float))) << "side " << i << ": " << sides.a.rows << " x " << sides.a.columns << ", " << sides.b.rows << " x " << sides.b.columns;
  }

 private:
  static float number(std::mt19937_64& rng) {
    static const float edges[] = {0.0f, -0.0f, std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(), std::numeric_limits<float>::max(), std::numeric_limits<float>::denorm_min(), std::bit_cast<float>(0x00ffffffu)};
    if (rng() % 20 == 0) return edges[rng() % std::size(edges)];
    if (rng() % 50 == 0) return std::numeric_limits<float>::quiet_NaN();
    return std::bit_cast<float>(static_cast<std::uint32_t>(rng() & 0xbfffffffu));
  }
  // By definition, in doubles.
  static float high_of(float v) {
    if (as != CopyAs::two_of_tf32) return rounded_to_bf16(v);
    if (!std::isfinite(v) || v == 0) return v;
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(v);
    const double below = std::bit_cast<float>(bits & ~0x1fffu), above = below + 2 * spacing(v), middle = below + spacing(v);
    const double d = v;
    double out = std::fabs(d) < std::fabs(middle) || (d == middle && (bits >> 13 & 1u) == 0) ? below : above;
    if (std::fabs(out) > static_cast<double>(std::numeric_limits<float>::max())) out = below;
    return static_cast<float>(out);
  }
  // Half of what two neighbouring numbers of TF32 are apart, of v's sign.
  static double spacing(float v) {
    const int exponent = std::max(static_cast<int>(std::bit_cast<std::uint32_t>(v) >> 23 & 0xffu), 1);
    return std::copysign(std::ldexp(1.0, exponent - 127 - 11), static_cast<double>(v));
  }
  static void plain(const CopySide& s) {
    for (std::int64_t i = 0; i < s.count; ++i)
      for (std::int64_t r = 0; r < s.to_rows; ++r)
        for (std::int64_t q = 0; q < s.to_columns; ++q) {
          const float v = r < s.rows && q < s.columns ? s.from[i * s.from_step + r * s.from_row + q] : 0, high = high_of(v), rest = v - high;
          const std::int64_t at = i * s.to_step + r * s.to_row + q;
          if (as == CopyAs::bf16) {
            static_cast<std::uint16_t*>(s.high)[at] = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(high) >> 16);
            continue;
          }
          static_cast<float*>(s.high)[at] = high;
          if (s.low) static_cast<float*>(s.low)[at] = std::isnan(rest) ? 0 : rest;
          if (s.again) static_cast<float*>(s.again)[at] = high;
        }
  }
};

TEST(Copies, AreWhatAPlainLoopMakes) {
  std::mt19937_64 rng(3);
  for (int i = 0; i < 40; ++i) {
    Copied<CopyAs::two_of_tf32>().check(rng);
    Copied<CopyAs::bf16>().check(rng);
    Copied<CopyAs::rounded_floats>().check(rng);
  }
}

}  // namespace
}  // namespace mlp::device
