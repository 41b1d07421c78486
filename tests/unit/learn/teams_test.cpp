// Products of tasks that have threads of their own, against the same products whole.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <random>
#include <vector>

#include "runtime/learn/teams.h"
#include "runtime/product/product.h"

namespace mlp::learn {
namespace {

std::atomic<std::int64_t> pieces = 0, rows_of_pieces = 0;
MLP_PRODUCT(counted) {
  ++pieces;
  rows_of_pieces += m;
  product::best(Precision::float32)(m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, add);
}
MLP_PRODUCT(counted_bf16) {
  ++pieces;
  rows_of_pieces += m;
  product::best(Precision::bf16)(m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, add);
}

struct Shape {
  std::int64_t m, n, k;
  bool turned, add;
};

// The bits that `tasks` tasks at `threads` threads make of the shape, each from factors of its own.
std::vector<float> made(const Shape& s, std::int64_t tasks, int threads, mlp_product product) {
  std::mt19937 draw(7);
  const auto filled = [&](std::int64_t size) {
    std::vector<float> v(static_cast<std::size_t>(size));
    for (float& x : v) x = std::uniform_real_distribution<float>(-1, 1)(draw);
    return v;
  };
  const std::int64_t c_row = s.n + 5;
  const std::vector<float> a = filled(tasks * s.m * s.k), b = filled(tasks * s.k * s.n);
  std::vector<float> c = filled(tasks * s.m * c_row);
  Pool pool(threads);
  Teams teams(pool);
  for (int time = 0; time < 2; ++time)
    teams.run(tasks, product, [&](std::int64_t i, mlp_product multiply) {
      multiply(s.m, s.n, s.k, a.data() + i * s.m * s.k, s.turned ? 1 : s.k, s.turned ? s.m : 1, b.data() + i * s.k * s.n, s.turned ? 1 : s.n, s.turned ? s.k : 1,
               c.data() + i * s.m * c_row, c_row, s.add);
    });
  return c;
}

TEST(Teams, ProductsHaveTheSameBits) {
  std::mt19937 draw(3);
  for (int round = 0; round < 40; ++round) {
    const auto upto = [&](std::int64_t most) { return 1 + static_cast<std::int64_t>(draw() % static_cast<std::uint32_t>(most)); };
    const Shape s{upto(400), upto(round % 4 == 0 ? 30 : 500), upto(200), draw() % 2 == 0, draw() % 2 == 0};
    for (const mlp_product product : {counted, counted_bf16})
      for (const std::int64_t tasks : {1, 2, 3}) {
        const std::vector<float> whole = made(s, tasks, 1, product);
        for (const int threads : {2, 5, 13}) {
          const std::vector<float> got = made(s, tasks, threads, product);
          ASSERT_EQ(std::memcmp(got.data(), whole.data(), got.size() * sizeof(float)), 0)
              << s.m << " x " << s.n << " x " << s.k << ", " << tasks << " tasks, " << threads << " threads";
        }
      }
  }
}

TEST(Teams, CutLargeProductsOnly) {
  const auto pieces_of = [](const Shape& s, std::int64_t tasks, int threads) {
    pieces = rows_of_pieces = 0;
    made(s, tasks, threads, counted);
    return std::pair<std::int64_t, std::int64_t>{pieces / 2, rows_of_pieces / 2};
  };
  using Pieces = std::pair<std::int64_t, std::int64_t>;
  EXPECT_EQ(pieces_of({256, 64, 64, false, false}, 1, 4), Pieces(1, 256));        // 2^20 multiply-adds
  EXPECT_EQ(pieces_of({256, 256, 256, false, false}, 1, 4), Pieces(4, 4 * 256));  // columns
  EXPECT_EQ(pieces_of({4096, 64, 64, false, false}, 1, 4), Pieces(4, 4096));      // rows, since the columns are one tile
  EXPECT_EQ(pieces_of({512, 128, 256, false, false}, 1, 4), Pieces(4, 2 * 512));  // both
  EXPECT_EQ(pieces_of({256, 256, 256, false, false}, 2, 4), Pieces(4, 4 * 256));  // two tasks of two threads
  EXPECT_EQ(pieces_of({256, 256, 256, false, false}, 4, 4), Pieces(4, 4 * 256));  // a task a thread
  EXPECT_EQ(pieces_of({256, 256, 256, false, false}, 1, 1), Pieces(1, 256));
}

}  // namespace
}  // namespace mlp::learn
