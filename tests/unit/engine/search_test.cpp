// The search of a tune block: within its ranges, a function of seed and results alone, and better than chance.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/search.h"

using namespace mlp;
using namespace mlp::engine;

namespace {

Tune two_ranges(std::uint64_t seed) {
  Tune tune;
  tune.seed = seed;
  TuneRange rate{.name = "learning_rate", .log = true, .low = 1e-3, .high = 1};
  TuneRange depth{.name = "depth", .whole = true, .low = 2, .high = 12};
  TuneRange growth{.name = "growth", .choices = {"leaf_wise", "depth_wise", "other"}};
  tune.ranges = {rate, depth, growth};
  return tune;
}

// Best at a rate of 0.05, a depth of 7 and the second choice.
double loss_at(const Point& p) { return std::pow(p[0] - std::log(0.05), 2) + std::pow((p[1] - 7) / 3, 2) + (p[2] == 1 ? 0 : 1); }

double best_of(std::uint64_t seed, bool tpe, int trials) {
  const Tune tune = two_ranges(seed);
  std::vector<Observation> seen;
  double best = 1e9;
  for (int i = 0; i < trials; ++i) {
    const Point point = tpe ? tpe_point(tune, seen) : random_point(tune, i);
    seen.push_back({point, loss_at(point)});
    best = std::min(best, seen.back().loss);
  }
  return best;
}

TEST(Search, PointsLieInTheirRangesAndAreReached) {
  const Tune tune = two_ranges(7);
  std::vector<Observation> seen;
  std::vector<int> depths(20, 0), choices(3, 0);
  for (int i = 0; i < 120; ++i) {
    const Point point = i % 2 ? tpe_point(tune, seen) : random_point(tune, i);
    seen.push_back({point, loss_at(point)});
    const std::vector<Assignment> values = spell(tune, point);
    const double rate = std::stod(values[0].value);
    EXPECT_GE(rate, 1e-3);
    EXPECT_LE(rate, 1);
    EXPECT_LE(values[0].value.size(), 12u) << values[0].value;
    const int depth = std::stoi(values[1].value);
    ASSERT_TRUE(depth >= 2 && depth <= 12) << depth;
    ++depths[static_cast<std::size_t>(depth)];
    ++choices[static_cast<std::size_t>(point[2])];
  }
  for (int depth = 2; depth <= 12; ++depth) EXPECT_GT(depths[static_cast<std::size_t>(depth)], 0) << depth;
  for (const int n : choices) EXPECT_GT(n, 0);
}

TEST(Search, TheSameSeedAndResultsGiveTheSamePoint) {
  std::vector<Observation> seen;
  for (int i = 0; i < 40; ++i) seen.push_back({random_point(two_ranges(1), i), static_cast<double>(i % 7)});
  EXPECT_EQ(tpe_point(two_ranges(1), seen), tpe_point(two_ranges(1), seen));
  EXPECT_NE(tpe_point(two_ranges(1), seen), tpe_point(two_ranges(2), seen));
  EXPECT_NE(random_point(two_ranges(1), 3), random_point(two_ranges(1), 4));
  seen.push_back({seen[0].at, std::numeric_limits<double>::infinity()});  // a trial that diverged
  EXPECT_EQ(tpe_point(two_ranges(1), seen).size(), 3u);
}

TEST(Search, TpeFindsBetterPointsThanChance) {
  int better = 0;
  double with = 0, without = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const double a = best_of(seed, true, 80), b = best_of(seed, false, 80);
    better += a < b;
    with += a / 20;
    without += b / 20;
  }
  RecordProperty("mean_of_the_best", std::to_string(with) + " against " + std::to_string(without) + ", better in " + std::to_string(better) + " of 20");
  EXPECT_GE(better, 11);
  EXPECT_LT(with, 0.8 * without);
}

}  // namespace
