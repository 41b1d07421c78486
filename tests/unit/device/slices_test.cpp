// Slices of a product are added up as a plain loop adds them, to the bit, and nothing else is written.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "runtime/device/kernels/slices.h"
#include "tests/unit/device/own.h"

namespace mlp::device {
namespace {

TEST(Slices, AreAddedUpInTheirOrder) {
  std::mt19937_64 rng(4);
  const auto below = [&](std::uint64_t n) { return static_cast<std::int64_t>(rng() % n); };
  for (int i = 0; i < 300; ++i) {
    const std::int64_t slices = 2 << i % 3, rows = 1 + below(40), columns = 1 + below(rng() % 3 == 0 ? 1500 : 40), from_row = (columns + 3) / 4 * 4 + 4 * below(3);
    const std::int64_t to_row = rng() % 2 == 0 ? (columns + 3) / 4 * 4 : columns + below(6), off = rng() % 2 == 0 ? 0 : below(4);
    const auto floats = [&](std::int64_t size) {
      std::vector<float> values(static_cast<std::size_t>(size));
      for (float& v : values) v = rng() % 9 == 0 ? -0.0f : std::uniform_real_distribution<float>(-1, 1)(rng);
      return values;
    };
    const std::vector<float> made = floats(slices * rows * from_row);
    std::vector<float> memory(made.size() + 4), got = floats(off + rows * to_row + 4), want = got;
    float* from = memory.data();
    while (reinterpret_cast<std::uintptr_t>(from) % 16 != 0) ++from;
    std::memcpy(from, made.data(), made.size() * sizeof(float));
    const bool add = rng() % 2 == 0;
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t q = 0; q < columns; ++q) {
        float sum = made[static_cast<std::size_t>(r * from_row + q)], &to = want[static_cast<std::size_t>(off + r * to_row + q)];
        for (std::int64_t s = 1; s < slices; ++s) sum += made[static_cast<std::size_t>((s * rows + r) * from_row + q)];
        to = add ? sum + to : sum;
      }
    const SumSlices::Call call{.from = from, .to = got.data() + off, .slices = slices, .rows = rows, .columns = columns, .from_row = from_row, .to_row = to_row, .add = add};
    ptx::Memory pieces;
    for (const std::vector<float>* floats : {&memory, &got}) pieces.add(reinterpret_cast<std::uintptr_t>(floats->data()), floats->size() * sizeof(float), true);
    run_own("sum_slices", SumSlices::blocks(call), call, pieces);
    ASSERT_EQ(0, std::memcmp(got.data(), want.data(), got.size() * sizeof(float))) << slices << " of " << rows << " x " << columns << (add ? ", added" : "");
  }
}

}  // namespace
}  // namespace mlp::device
