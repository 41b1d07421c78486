// Random forests: what a tree and a forest are by definition, on small data; against scikit-learn, on real data.
#include "base/codes/training.h"
#include "support.h"

#include "runtime/learn/random.h"
#include "runtime/model/walk.h"

namespace mlp::learn {
namespace {

struct Example {
  Rows rows;
  std::vector<model::FeatureInfo> features;
};
// Numbers, a number with gaps, many categories, few, a constant, a one-hot feature.
Example make_example(unsigned seed, std::int64_t n, Loss loss) {
  std::mt19937_64 rng(seed);
  Example e;
  e.features = {number("a"), number("b"), category("c", 30), category("d", 4), number("constant"), one_hot("o", 5)};
  e.rows.columns.resize(6);
  for (std::int64_t i = 0; i < n; ++i) {
    const double a = normal(rng), b = draw(rng) < 0.15 ? std::nan("") : std::floor(draw(rng) * 1000);
    const double c = draw(rng) < 0.1 ? std::nan("") : static_cast<double>(rng() % 30), d = static_cast<double>(rng() % 4), o = static_cast<double>(rng() % 5);
    for (const auto& [column, v] : {std::pair{0, a}, {1, b}, {2, c}, {3, d}, {4, 7.0}, {5, o}}) e.rows.columns[column].push_back(v);
    double y = std::sin(2 * a) + (std::isnan(b) ? 0.8 : b / 1000) + (std::isnan(c) ? 1 : std::fmod(c * 7, 5) / 2) + (d == 2 ? 1 : 0) + (o == 3 ? 0.5 : 0) + 0.3 * normal(rng);
    if (loss == Loss::logistic) y = y > 2;
    if (loss == Loss::softmax) y = std::clamp(std::floor(y), 0.0, 2.0);
    e.rows.target.push_back(y);
  }
  return e;
}
Request make_request(const Example& e, Loss loss) {
  Request request;
  request.settings.kind = ModelKind::forest;
  request.settings.loss = loss;
  request.settings.trees = 40;
  request.settings.leaves = 0;
  request.settings.min_rows = 3;
  request.settings.feature_fraction = 0.5;
  request.features = e.features;
  request.train = e.rows.dataset();
  if (loss == Loss::logistic) request.classes = {"n", "y"};
  if (loss == Loss::softmax) request.classes = {"x", "y", "z"};
  return request;
}
const Loss losses[] = {Loss::squared, Loss::logistic, Loss::softmax};

TEST(Forest, SameBytesAtAnyNumberOfThreads) {
  for (const Loss loss : losses) {
    const Example e = make_example(1, 6000, loss);
    for (const Thresholds thresholds : {Thresholds::best, Thresholds::random}) {
      Request request = make_request(e, loss);
      request.settings.thresholds = thresholds;
      const Outcome one = train_forest(request);
      for (const int threads : {2, 3}) {
        request.threads = threads;
        const Outcome more = train_forest(request);
        EXPECT_EQ(bytes_of(more.model), bytes_of(one.model)) << "loss " << static_cast<int>(loss) << ", threads " << threads;
        EXPECT_EQ(more.out_of_bag, one.out_of_bag);
      }
      request.settings.seed = 1;
      EXPECT_NE(bytes_of(train_forest(request).model), bytes_of(one.model));
    }
  }
}

TEST(Forest, LearnsNumbersAndClasses) {
  for (const Loss loss : losses) {
    const Example e = make_example(2, 6000, loss), test = make_example(3, 3000, loss);
    for (const Thresholds thresholds : {Thresholds::best, Thresholds::random}) {
      for (const std::int64_t leaves : {0, 300}) {
        Request request = make_request(e, loss);
        request.settings.thresholds = thresholds;
        request.settings.leaves = leaves;
        const Outcome outcome = train_forest(request);
        ASSERT_TRUE(model::validate(outcome.model).empty()) << model::validate(outcome.model)[0];
        if (leaves > 0)
          for (const model::Tree& tree : outcome.model.forest.trees) ASSERT_LE(tree.feature.size(), static_cast<std::size_t>(2 * leaves - 1));
        const auto m = measure(outcome.model, test.rows);
        const char* metric = loss == Loss::squared ? "r2" : loss == Loss::logistic ? "auc" : "accuracy";
        EXPECT_GT(m.at(metric), loss == Loss::squared ? 0.74 : loss == Loss::logistic ? 0.94 : 0.72) << static_cast<int>(thresholds) << ' ' << leaves;
        // What no tree saw tells what unseen rows get.
        EXPECT_NEAR(outcome.out_of_bag.at(metric), m.at(metric), 0.04);
      }
    }
  }
}

// One tree on every row, free to use every feature: its first split is the best there is, found here by trying all.
TEST(Forest, SplitsWhereTheVarianceFallsMost) {
  std::mt19937_64 rng(4);
  for (int round = 0; round < 60; ++round) {
    const bool weighted = round % 2 == 1, classes = round % 3 == 0;
    Rows rows;
    rows.columns.resize(3);
    for (int i = 0; i < 80; ++i) {
      for (auto& column : rows.columns) column.push_back(static_cast<double>(rng() % 12));
      rows.target.push_back(classes ? static_cast<double>(draw(rng) < rows.columns[round % 3].back() / 12) : rows.columns[round % 3].back() + normal(rng) * 4);
      if (weighted) rows.weight.push_back(static_cast<double>(1 + rng() % 3));
    }
    Request request;
    request.settings.kind = ModelKind::forest;
    request.settings.loss = classes ? Loss::logistic : Loss::squared;
    if (classes) request.classes = {"n", "y"};
    request.settings.trees = 1, request.settings.leaves = 2, request.settings.min_rows = 5, request.settings.bootstrap = false;
    request.features = {number("a"), number("b"), number("c")};
    request.train = rows.dataset();
    double best = -1;
    for (const auto& column : rows.columns)
      for (double t = 0.5; t < 12; ++t) {
        double sum[2] = {}, weight[2] = {}, count[2] = {};
        for (std::size_t i = 0; i < column.size(); ++i) {
          const double w = weighted ? rows.weight[i] : 1;
          sum[column[i] > t] += w * rows.target[i], weight[column[i] > t] += w, ++count[column[i] > t];
        }
        if (count[0] < 5 || count[1] < 5) continue;
        const double mean = (sum[0] + sum[1]) / (weight[0] + weight[1]);
        best = std::max(best, weight[0] * std::pow(sum[0] / weight[0] - mean, 2) + weight[1] * std::pow(sum[1] / weight[1] - mean, 2));
      }
    const model::Model model = train_forest(request).model;
    const model::Tree& tree = model.forest.trees[0];
    ASSERT_EQ(tree.feature.size(), 3u);
    EXPECT_NEAR(tree.gain[0], best, 1e-9 * best);
    // Leaves hold the weighted means of their rows.
    for (const std::int32_t leaf : {tree.left[0], tree.right[0]}) {
      double sum = 0, weight = 0;
      for (std::int64_t i = 0; i < request.train.rows; ++i)
        if (model::leaf_of(model.forest, tree, model.features, request.train.columns, i) == leaf) {
          const double w = weighted ? rows.weight[i] : 1;
          sum += w * rows.target[i], weight += w;
        }
      EXPECT_NEAR(tree.value[leaf], sum / weight, 1e-12 * std::fabs(sum / weight) + 1e-15);
      EXPECT_EQ(tree.cover[leaf], weight);
    }
  }
}

// A set of categories is the best of all partitions.
TEST(Forest, PartsCategoriesAsWellAsAnyPartition) {
  std::mt19937_64 rng(5);
  for (int round = 0; round < 30; ++round) {
    constexpr int width = 7;
    Rows rows;
    rows.columns.resize(1);
    for (int i = 0; i < 60; ++i) {
      rows.columns[0].push_back(draw(rng) < 0.1 ? std::nan("") : static_cast<double>(rng() % width));
      rows.target.push_back(normal(rng));
    }
    Request request;
    request.settings.kind = ModelKind::forest;
    request.settings.trees = 1, request.settings.leaves = 2, request.settings.min_rows = 4, request.settings.bootstrap = false;
    request.features = {category("c", width)};
    request.train = rows.dataset();
    double best = 0;
    for (int set = 1; set < (1 << width); ++set) {  // the missing ones on the right: the complement has them on the left
      double sum[2] = {}, count[2] = {};
      for (std::size_t i = 0; i < rows.target.size(); ++i) {
        const double c = rows.columns[0][i];
        const int side = std::isnan(c) || !((set >> static_cast<int>(c)) & 1);
        sum[side] += rows.target[i], ++count[side];
      }
      if (count[0] < 4 || count[1] < 4) continue;
      const double mean = (sum[0] + sum[1]) / (count[0] + count[1]);
      best = std::max(best, count[0] * std::pow(sum[0] / count[0] - mean, 2) + count[1] * std::pow(sum[1] / count[1] - mean, 2));
    }
    const model::Model model = train_forest(request).model;
    const model::Tree& tree = model.forest.trees[0];
    ASSERT_EQ(tree.feature.size(), 3u);
    EXPECT_NEAR(tree.gain[0], best, 1e-9 * best);
  }
}

TEST(Forest, ProbabilitiesAreMeansOfTheSharesInLeaves) {
  for (const Loss loss : losses) {
    const Example e = make_example(6, 1500, loss);
    const Request request = make_request(e, loss);
    const model::Model model = train_forest(request).model;
    const std::vector<double> p = predict(model, e.rows);
    const std::int32_t k = model.outputs(), width = model::width(model);
    for (std::int64_t i = 0; i < 200; ++i) {
      std::vector<double> mean(k, 0.0);
      for (const model::Tree& tree : model.forest.trees) {
        const std::int32_t leaf = model::leaf_of(model.forest, tree, model.features, request.train.columns, i);
        double all = 0;
        for (std::int32_t o = 0; o < k; ++o) mean[o] += tree.value[leaf * k + o] / 40, all += tree.value[leaf * k + o];
        if (k > 1) EXPECT_NEAR(all, 1, 1e-12);
      }
      double sum = 0;
      for (std::int32_t o = 0; o < k; ++o) EXPECT_NEAR(p[i * width + (width > k ? 1 : o)], mean[o], 1e-12);
      for (std::int32_t c = 0; c < width; ++c) sum += p[i * width + c];
      if (width > 1) EXPECT_NEAR(sum, 1, 1e-12);
    }
  }
}

// How often a tree draws a row depends on seed, tree and row alone: a forest knows nothing of rows that it never drew, so
// its metrics out of bag are those of a forest by hand.
TEST(Forest, OutOfBagIsMeasuredByTreesThatDidNotDrawTheRow) {
  const Example e = make_example(7, 800, Loss::squared);
  Request request = make_request(e, Loss::squared);
  request.settings.bootstrap = false;
  request.settings.subsample = 0.6;  // drawn once or not at all: random_unit below the share
  const Outcome outcome = train_forest(request);
  double squares = 0, rows = 0, drawn = 0;
  for (std::int64_t i = 0; i < request.train.rows; ++i) {
    double sum = 0, trees = 0;
    for (std::int64_t t = 0; t < request.settings.trees; ++t) {
      if (random_unit(request.settings.seed, (std::uint64_t{3} << 56) | static_cast<std::uint64_t>(t), static_cast<std::uint64_t>(i)) < 0.6) {
        ++drawn;
        continue;
      }
      const model::Tree& tree = outcome.model.forest.trees[t];
      sum += tree.value[model::leaf_of(outcome.model.forest, tree, e.features, request.train.columns, i)];
      ++trees;
    }
    if (trees == 0) continue;
    squares += std::pow(e.rows.target[i] - sum / trees, 2);
    ++rows;
  }
  EXPECT_NEAR(outcome.out_of_bag.at("rmse"), std::sqrt(squares / rows), 1e-9);
  EXPECT_EQ(outcome.out_of_bag.at("rows"), rows);
  double covered = 0;
  for (const model::Tree& tree : outcome.model.forest.trees) covered += tree.cover[0];
  EXPECT_EQ(covered, drawn);
  request.settings.subsample = 1;
  EXPECT_TRUE(train_forest(request).out_of_bag.empty());  // every tree saw every row
}

TEST(Forest, BootstrapDrawsARowOnceOnAverage) {
  const Example e = make_example(8, 5000, Loss::squared);
  for (const double share : {1.0, 0.5}) {
    Request request = make_request(e, Loss::squared);
    request.settings.subsample = share;
    const Outcome outcome = train_forest(request);
    double covered = 0;
    for (const model::Tree& tree : outcome.model.forest.trees) covered += tree.cover[0];
    EXPECT_NEAR(covered / (40 * 5000), share, 0.01);
    EXPECT_EQ(outcome.out_of_bag.at("rows"), 5000);
  }
}

TEST(Forest, AWeightIsARowSoManyTimes) {
  std::mt19937_64 rng(9);
  for (const Loss loss : losses) {
    Example weighted = make_example(9, 900, loss), repeated = weighted;
    for (auto& c : repeated.rows.columns) c.clear();
    repeated.rows.target.clear();
    for (std::int64_t i = 0; i < 900; ++i) {
      const std::uint64_t times = rng() % 4;
      weighted.rows.weight.push_back(static_cast<double>(times));
      for (std::uint64_t k = 0; k < times; ++k) {
        for (std::size_t f = 0; f < weighted.rows.columns.size(); ++f) repeated.rows.columns[f].push_back(weighted.rows.columns[f][i]);
        repeated.rows.target.push_back(weighted.rows.target[i]);
      }
    }
    Request a = make_request(weighted, loss), b = make_request(repeated, loss);
    for (Request* r : {&a, &b}) r->settings.bootstrap = false, r->settings.min_rows = 1, r->settings.depth = 4, r->settings.trees = 5, r->settings.bins = 2000;  // deeper, ties decide
    const std::vector<double> p = predict(train_forest(a).model, weighted.rows), q = predict(train_forest(b).model, weighted.rows);
    for (std::size_t i = 0; i < p.size(); ++i) ASSERT_NEAR(p[i], q[i], 1e-9) << "loss " << static_cast<int>(loss);
  }
}

TEST(Forest, KeepsToDirections) {
  std::mt19937_64 rng(10);
  for (const Loss loss : {Loss::squared, Loss::logistic}) {
    for (const Thresholds thresholds : {Thresholds::best, Thresholds::random}) {
      Rows rows;
      rows.columns.resize(3);
      for (int i = 0; i < 3000; ++i) {
        for (auto& c : rows.columns) c.push_back(draw(rng) < 0.05 ? std::nan("") : std::floor(draw(rng) * 200) / 10);
        const double y = std::sin(rows.columns[0].back()) + 0.1 * rows.columns[1].back() + normal(rng);
        rows.target.push_back(std::isnan(y) ? 0 : loss == Loss::logistic ? y > 1 : y);
      }
      Request request;
      request.settings.kind = ModelKind::forest;
      request.settings.loss = loss;
      request.settings.trees = 15, request.settings.leaves = 0, request.settings.min_rows = 2, request.settings.thresholds = thresholds;
      if (loss == Loss::logistic) request.classes = {"n", "y"};
      request.features = {number("a"), number("b"), number("c")};
      request.monotone = {1, -1, 0};
      request.train = rows.dataset();
      const model::Model model = train_forest(request).model;
      for (int trial = 0; trial < 50; ++trial) {
        const double b = std::floor(draw(rng) * 200) / 10, c = std::floor(draw(rng) * 200) / 10;
        for (const int moved : {0, 1}) {
          Rows line;
          line.columns.resize(3);
          for (double v = -1; v < 22; v += 0.37) {
            line.columns[moved].push_back(v), line.columns[1 - moved].push_back(b), line.columns[2].push_back(c);
            line.target.push_back(0);
          }
          const std::vector<double> p = predict(model, line);
          const std::size_t step = loss == Loss::logistic ? 2 : 1;
          for (std::size_t i = step; i + step - 1 < p.size(); i += step) {
            const double before = p[i - 1], now = p[i + step - 1];
            if (moved == 0) ASSERT_GE(now, before - 1e-12);
            else ASSERT_LE(now, before + 1e-12);
          }
        }
      }
    }
  }
}

TEST(Forest, RefusesWhatItCannotLearn) {
  Example e = make_example(11, 100, Loss::squared);
  std::fill(e.rows.target.begin(), e.rows.target.end(), 3.0);
  expect_failure(code::label_single_value, [&] { train_forest(make_request(e, Loss::squared)); });
  e.rows.weight.assign(100, 0.0);
  expect_failure(code::no_training_rows, [&] { train_forest(make_request(e, Loss::squared)); });
}

// So few rows that some trees draw none.
TEST(Forest, TakesTheFewestRows) {
  Rows rows{.columns = {{1, 2, 3}}, .target = {1, 2, 4}, .weight = {}};
  Request request;
  request.settings.kind = ModelKind::forest;
  request.settings.trees = 200, request.settings.leaves = 0, request.settings.min_rows = 1;
  request.features = {number("a")};
  request.train = rows.dataset();
  const Outcome outcome = train_forest(request);
  EXPECT_TRUE(model::validate(outcome.model).empty());
  const std::vector<double> p = predict(outcome.model, rows);
  EXPECT_LT(p[0], p[2]);
}

}  // namespace
}  // namespace mlp::learn
