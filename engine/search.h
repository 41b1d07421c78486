// Which values a tune block tries next: a function of its seed and of the results before, of nothing else.
#pragma once
#include <string>
#include <vector>

#include "base/settings.h"

namespace mlp::engine {

// One value of every range: the place on its axis. Numbers as they are (logarithm where the range is logarithmic), the
// index of a choice.
using Point = std::vector<double>;

struct Observation {
  Point at;
  double loss = 0;  // lower is better; infinite where training failed
};

// The trial-th point drawn evenly.
Point random_point(const Tune& tune, std::int64_t trial);
// The next point by a tree-structured Parzen estimator (Bergstra, Bardenet, Bengio, Kégl 2011), with the constants of
// hyperopt: 20 points drawn evenly at first; then, range by range, the best of 24 draws from the density of the good
// points, judged by its ratio to the density of the others.
Point tpe_point(const Tune& tune, const std::vector<Observation>& seen);

// The values of a point as they are written: whole numbers, or six significant digits.
std::vector<Assignment> spell(const Tune& tune, const Point& point);

}  // namespace mlp::engine
