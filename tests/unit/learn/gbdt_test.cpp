// Boosted trees: determinism, constraints, weights, missing values, categories, stopping, faults.
#include "base/codes/training.h"
#include "support.h"

#include "runtime/learn/bins.h"
#include "runtime/model/walk.h"

namespace mlp::learn {
namespace {

// Two numbers (one with missing values), a category with missing values, a one-hot feature, a constant, an all-missing
// one; a target of every kind.
struct Example {
  std::vector<model::FeatureInfo> features{number("a"), number("b"), category("c", 30), one_hot("d", 4), number("constant"), number("missing")};
  Rows rows;
};
Example make_example(std::uint64_t seed, std::int64_t n, Loss loss) {
  std::mt19937_64 rng(seed);
  Example e;
  e.rows.columns.assign(6, {});
  for (std::int64_t i = 0; i < n; ++i) {
    const double a = normal(rng), b = draw(rng) < 0.15 ? std::nan("") : std::floor(draw(rng) * 1000);
    const double c = draw(rng) < 0.1 ? std::nan("") : static_cast<double>(rng() % 30), d = static_cast<double>(rng() % 4);
    for (const auto& [column, v] : {std::pair{0, a}, {1, b}, {2, c}, {3, d}, {4, 7.0}, {5, std::nan("")}}) e.rows.columns[column].push_back(v);
    double y = std::sin(2 * a) + (std::isnan(b) ? 0.8 : b / 1000) + (std::isnan(c) ? 1 : std::fmod(c * 7, 5) / 2) + (d == 2 ? 1 : 0) + 0.3 * normal(rng);
    if (loss == Loss::logistic) y = y > 2;
    if (loss == Loss::softmax) y = std::clamp(std::floor(y), 0.0, 2.0);
    if (loss == Loss::poisson) y = std::floor(std::max(y, 0.0) * 2);
    e.rows.target.push_back(y);
  }
  return e;
}
Request make_request(const Example& e, Loss loss) {
  Request request;
  request.settings.loss = loss;
  request.settings.trees = 12;
  request.features = e.features;
  request.train = e.rows.dataset();
  if (loss == Loss::logistic) request.classes = {"n", "y"};
  if (loss == Loss::softmax) request.classes = {"x", "y", "z"};
  return request;
}
const Loss losses[] = {Loss::squared, Loss::logistic, Loss::softmax, Loss::poisson, Loss::quantile};

TEST(Gbdt, SameBytesAtAnyNumberOfThreads) {
  for (const Loss loss : losses) {
    const Example e = make_example(1, 20000, loss);
    for (const Growth growth : {Growth::leaf_wise, Growth::depth_wise}) {
      Request request = make_request(e, loss);
      request.settings.growth = growth;
      request.settings.trees = 5;
      request.settings.subsample = 0.8;
      request.settings.feature_fraction = 0.7;
      const std::string one = bytes_of(train_gbdt(request).model);
      for (const int threads : {2, 3}) {
        request.threads = threads;
        EXPECT_EQ(bytes_of(train_gbdt(request).model), one) << "loss " << static_cast<int>(loss) << ", threads " << threads;
      }
      request.settings.seed = 1;
      EXPECT_NE(bytes_of(train_gbdt(request).model), one);
    }
  }
}

TEST(Gbdt, LearnsEveryLoss) {
  for (const Loss loss : losses) {
    const Example e = make_example(2, 4000, loss), test = make_example(3, 2000, loss);
    for (const Growth growth : {Growth::leaf_wise, Growth::depth_wise}) {
      Request request = make_request(e, loss);
      request.settings.growth = growth;
      request.settings.trees = 60;
      request.settings.quantile = 0.8;
      const Outcome outcome = train_gbdt(request);
      ASSERT_TRUE(model::validate(outcome.model).empty()) << model::validate(outcome.model)[0];
      const auto m = measure(outcome.model, test.rows);
      if (loss == Loss::squared) {
        EXPECT_GT(m.at("r2"), 0.88);
      }
      if (loss == Loss::logistic) {
        EXPECT_GT(m.at("auc"), 0.95);
      }
      if (loss == Loss::softmax) {
        EXPECT_GT(m.at("accuracy"), 0.78);
      }
      if (loss == Loss::poisson) {
        EXPECT_GT(m.at("r2"), 0.8);
      }
      if (loss == Loss::quantile) {
        const std::vector<double> p = predict(outcome.model, test.rows);
        double below = 0;
        for (std::size_t i = 0; i < p.size(); ++i) below += test.rows.target[i] <= p[i];
        EXPECT_NEAR(below / static_cast<double>(p.size()), 0.8, 0.05);
      }
    }
  }
}

// Scoring finds the leaves that training used: the metric that training kept is the one that scoring gives.
TEST(Gbdt, ScoringAgreesWithTraining) {
  for (const Loss loss : losses) {
    const Example e = make_example(4, 3000, loss), valid = make_example(5, 1000, loss);
    for (const double subsample : {1.0, 0.6}) {
      Request request = make_request(e, loss);
      request.valid = valid.rows.dataset();
      request.settings.subsample = subsample;
      const Outcome outcome = train_gbdt(request);
      const char* name = loss == Loss::softmax ? "logloss" : outcome.history[0].metric.c_str();
      EXPECT_NEAR(outcome.history.back().train, measure(outcome.model, e.rows).at(name), 1e-12);
      EXPECT_NEAR(outcome.history.back().valid, measure(outcome.model, valid.rows).at(name), 1e-12);
    }
  }
}

TEST(Gbdt, CoversCountTheRowsOfEachNode) {
  Example e = make_example(6, 3000, Loss::squared);
  std::mt19937_64 rng(1);
  for (const bool weighted : {false, true}) {
    if (weighted)
      for (std::size_t i = 0; i < e.rows.target.size(); ++i) e.rows.weight.push_back(static_cast<double>(rng() % 3));
    Request request = make_request(e, Loss::squared);
    request.settings.min_rows = 35;
    const model::Model model = train_gbdt(request).model;
    for (const model::Tree& tree : model.forest.trees) {
      std::vector<double> weight(tree.feature.size(), 0), rows(tree.feature.size(), 0);
      for (std::int64_t i = 0; i < request.train.rows; ++i) {
        const std::int32_t leaf = model::leaf_of(model.forest, tree, model.features, request.train.columns, i);
        const double w = weighted ? e.rows.weight[i] : 1;
        weight[leaf] += w;
        rows[leaf] += w > 0;
      }
      for (std::size_t i = 0; i < tree.feature.size(); ++i) {
        if (tree.left[i] >= 0) {
          EXPECT_EQ(tree.cover[i], tree.cover[tree.left[i]] + tree.cover[tree.right[i]]);
          EXPECT_GT(tree.gain[i], 0);
        } else {
          EXPECT_EQ(tree.cover[i], weight[i]);
          EXPECT_GE(rows[i], 35);
        }
      }
    }
  }
}

TEST(Gbdt, KeepsTheLimitsOfShape) {
  const Example e = make_example(7, 3000, Loss::squared);
  Request request = make_request(e, Loss::squared);
  const auto shape = [&] {
    std::pair<std::int64_t, std::int64_t> most{0, 0};  // leaves, depth
    for (const model::Tree& tree : train_gbdt(request).model.forest.trees) {
      std::vector<std::int64_t> depth(tree.feature.size(), 0);
      std::int64_t leaves = 0;
      for (std::size_t i = 0; i < tree.feature.size(); ++i) {
        leaves += tree.left[i] < 0;
        most.second = std::max(most.second, depth[i]);
        if (tree.left[i] >= 0) depth[tree.left[i]] = depth[tree.right[i]] = depth[i] + 1;
      }
      most.first = std::max(most.first, leaves);
    }
    return most;
  };
  request.settings.leaves = 9;
  EXPECT_EQ(shape().first, 9);
  request.settings.leaves = 31;
  request.settings.depth = 3;
  EXPECT_EQ(shape(), (std::pair<std::int64_t, std::int64_t>{8, 3}));
  request.settings.growth = Growth::depth_wise;
  request.settings.depth = 4;
  EXPECT_EQ(shape(), (std::pair<std::int64_t, std::int64_t>{16, 4}));
  request.settings.leaves = 12;
  EXPECT_EQ(shape(), (std::pair<std::int64_t, std::int64_t>{12, 4}));
  request.settings.leaves = 1;
  request.settings.growth = Growth::leaf_wise;
  EXPECT_EQ(shape().first, 1);
  request.settings.leaves = 31;
  request.settings.min_gain = 1e9;
  EXPECT_EQ(shape().first, 1);
}

TEST(Gbdt, MonotoneConstraintsHoldEverywhere) {
  for (const Loss loss : losses) {
    if (loss == Loss::softmax) continue;
    std::mt19937_64 rng(8);
    Rows rows;
    rows.columns.assign(3, {});
    for (int i = 0; i < 3000; ++i) {
      const double a = draw(rng) * 4, b = draw(rng) * 4, c = static_cast<double>(rng() % 6);
      rows.columns[0].push_back(a);
      rows.columns[1].push_back(draw(rng) < 0.1 ? std::nan("") : b);
      rows.columns[2].push_back(c);
      double y = std::sin(3 * a) + a / 2 - b / 3 + std::cos(4 * b) + (c > 3) + 0.5 * normal(rng);
      if (loss == Loss::logistic) y = y > 0.5;
      if (loss == Loss::poisson) y = std::floor(std::max(0.0, y + 1));
      rows.target.push_back(y);
    }
    for (const Growth growth : {Growth::leaf_wise, Growth::depth_wise}) {
      Request request;
      request.settings.loss = loss;
      request.settings.growth = growth;
      request.settings.trees = 40;
      request.features = {number("a"), number("b"), category("c", 6)};
      if (loss == Loss::logistic) request.classes = {"n", "y"};
      request.train = rows.dataset();
      request.monotone = {1, -1, 0};
      const model::Model model = train_gbdt(request).model;
      std::set<std::int32_t> used;
      for (const model::Tree& t : model.forest.trees) used.insert(t.feature.begin(), t.feature.end());
      EXPECT_TRUE(used.contains(0) && used.contains(1) && used.contains(2));
      for (int trial = 0; trial < 400; ++trial) {
        const double fixed = draw(rng) * 4, c = static_cast<double>(rng() % 6);
        double last_a = -HUGE_VAL, last_b = HUGE_VAL;
        for (double v = -0.2; v < 4.3; v += 0.05) {
          double score;
          model::score_reference(model, {&v, &fixed, &c}, 1, &score);
          EXPECT_GE(score, last_a - 1e-12);
          last_a = score;
          model::score_reference(model, {&fixed, &v, &c}, 1, &score);
          EXPECT_LE(score, last_b + 1e-12);
          last_b = score;
        }
      }
    }
  }
}

TEST(Gbdt, WeightsAreRepeatedRows) {
  for (const Loss loss : losses) {
    Example weighted = make_example(9, 1500, loss), repeated = weighted;
    for (double& v : weighted.rows.columns[0]) v = std::floor(v * 20);  // few values: the bins are the same
    for (double& v : weighted.rows.columns[1]) v = std::floor(v / 20);
    repeated.rows = {};
    repeated.rows.columns.assign(6, {});
    for (std::size_t i = 0; i < weighted.rows.target.size(); ++i) {
      weighted.rows.weight.push_back(static_cast<double>(i % 4));
      for (std::size_t r = 0; r < i % 4; ++r) {
        for (std::size_t j = 0; j < 6; ++j) repeated.rows.columns[j].push_back(weighted.rows.columns[j][i]);
        repeated.rows.target.push_back(weighted.rows.target[i]);
      }
    }
    Request a = make_request(weighted, loss), b = make_request(repeated, loss);
    a.settings.min_rows = b.settings.min_rows = 1;   // rows are counted, so this limit would differ
    for (Request* r : {&a, &b}) r->features[2] = number("c");  // as the least number of rows of a category would
    const std::vector<double> p = predict(train_gbdt(a).model, weighted.rows), q = predict(train_gbdt(b).model, weighted.rows);
    for (std::size_t i = 0; i < p.size(); ++i) ASSERT_NEAR(p[i], q[i], 1e-6) << static_cast<int>(loss);
  }
}

TEST(Gbdt, EarlyStoppingKeepsTheBestRound) {
  const Example e = make_example(10, 400, Loss::logistic), valid = make_example(11, 400, Loss::logistic);
  Request request = make_request(e, Loss::logistic);
  request.valid = valid.rows.dataset();
  request.settings.trees = 500;
  request.settings.learning_rate = 0.3;
  request.settings.min_rows = 2;
  request.settings.early_stop = 10;
  const Outcome outcome = train_gbdt(request);
  ASSERT_LT(outcome.history.size(), 500u);
  EXPECT_EQ(outcome.history.size(), static_cast<std::size_t>(outcome.best_round + 10));
  EXPECT_EQ(outcome.model.forest.trees.size(), static_cast<std::size_t>(outcome.best_round));
  for (const Progress& p : outcome.history) EXPECT_GE(p.valid, outcome.history[outcome.best_round - 1].valid);
  EXPECT_NEAR(measure(outcome.model, valid.rows).at("logloss"), outcome.history[outcome.best_round - 1].valid, 1e-12);
  // Without a valid part, or without the setting, all rounds are kept.
  request.valid = {};
  request.settings.trees = 20;
  EXPECT_EQ(train_gbdt(request).best_round, 20);
}

TEST(Gbdt, ProgressIsReportedAndMayStop) {
  const Example e = make_example(12, 500, Loss::squared);
  Request request = make_request(e, Loss::squared);
  std::vector<Progress> seen;
  request.on_round = [&](const Progress& p) {
    seen.push_back(p);
    if (seen.size() == 3) throw std::runtime_error("stop");
  };
  EXPECT_THROW(train_gbdt(request), std::runtime_error);
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[2].round, 3);
  EXPECT_EQ(seen[2].rounds, 12);
  EXPECT_EQ(seen[2].metric, "rmse");
  EXPECT_LT(seen[2].train, seen[0].train);
  EXPECT_TRUE(std::isnan(seen[2].valid));
}

TEST(Gbdt, MissingValuesTakeTheSideThatGainsMore) {
  for (const double missing_target : {0.0, 5.0}) {
    Rows rows;
    rows.columns.assign(1, {});
    for (int i = 0; i < 300; ++i) {
      rows.columns[0].push_back(i % 3 == 0 ? std::nan("") : i % 3);
      rows.target.push_back(i % 3 == 0 ? missing_target : i % 3 == 1 ? 0 : 5);
    }
    Request request;
    request.features = {number("x")};
    request.train = rows.dataset();
    request.settings.trees = 1;
    const model::Tree tree = train_gbdt(request).model.forest.trees[0];
    ASSERT_EQ(tree.feature.size(), 3u);
    EXPECT_EQ(tree.threshold[0], 1.5);
    EXPECT_EQ(tree.default_left[0], missing_target == 0);
  }
}

TEST(Gbdt, MissingAloneCanBeASplit) {
  Rows rows;
  rows.columns.assign(1, {});
  std::mt19937_64 rng(1);
  for (int i = 0; i < 300; ++i) {
    rows.columns[0].push_back(i % 2 ? std::nan("") : draw(rng));
    rows.target.push_back(i % 2);
  }
  Request request;
  request.features = {number("x")};
  request.train = rows.dataset();
  request.settings.trees = 1;
  const model::Model model = train_gbdt(request).model;
  const double nan = std::nan(""), big = 1e300;
  double missing, present;
  model::score_reference(model, {&nan}, 1, &missing);
  model::score_reference(model, {&big}, 1, &present);
  EXPECT_GT(missing, present);
  ASSERT_TRUE(model::validate(model).empty());
}

TEST(Gbdt, WithoutMissingValuesInTrainingTheyGoLeft) {
  Rows rows;
  rows.columns.assign(1, {});
  for (int i = 0; i < 300; ++i) rows.columns[0].push_back(i), rows.target.push_back(i > 150);
  Request request;
  request.features = {number("x")};
  request.train = rows.dataset();
  for (const model::Tree& tree : train_gbdt(request).model.forest.trees)
    for (std::size_t i = 0; i < tree.feature.size(); ++i)
      if (tree.left[i] >= 0) {
        EXPECT_EQ(tree.default_left[i], 1);
      }
}

TEST(Gbdt, CategoriesAreGroupedByTheirEffect) {
  // 26 categories in two groups that no order of the codes tells apart: one split does.
  Rows rows;
  rows.columns.assign(1, {});
  for (int i = 0; i < 2600; ++i) {
    const int code = i % 26;
    rows.columns[0].push_back(code);
    rows.target.push_back((code * 7 % 26) % 2 ? 1 : 3);
  }
  Request request;
  request.features = {category("c", 40)};
  request.train = rows.dataset();
  request.settings.trees = 1;
  request.settings.leaves = 2;
  request.settings.learning_rate = 1;
  request.settings.l2 = 0;
  const model::Model model = train_gbdt(request).model;
  EXPECT_LT(measure(model, rows).at("rmse"), 1e-9);
  // Codes that training never saw go right, with the rest; so does a missing one.
  const model::Tree& tree = model.forest.trees[0];
  for (const double code : {33.0, std::nan("")}) EXPECT_EQ(model::leaf_of(model.forest, tree, model.features, {&code}, 0), tree.right[0]);
}

TEST(Gbdt, CategoriesWithoutEffectAreNotLearned) {
  // 400 categories of 10 rows that mean nothing: sorted by their gradients they always seem to gain.
  std::mt19937_64 rng(19);
  Rows rows, test;
  for (Rows* part : {&rows, &test}) {
    part->columns.assign(2, {});
    for (int i = 0; i < 4000; ++i) {
      part->columns[0].push_back(draw(rng));
      part->columns[1].push_back(static_cast<double>(rng() % 400));
      part->target.push_back(std::sin(6 * part->columns[0].back()) + normal(rng));
    }
  }
  Request request;
  request.settings.trees = 30;
  request.features = {number("x"), category("noise", 400)};
  request.train = rows.dataset();
  const double with = measure(train_gbdt(request).model, test).at("rmse");
  request.features.pop_back();
  request.train.columns.pop_back();
  const double without = measure(train_gbdt(request).model, test).at("rmse");
  EXPECT_LT(with, without * 1.01);
}

TEST(Gbdt, RareCountsDoNotOvershoot) {
  // One row in 50 has a count of 1000: a Newton step from the mean would multiply the prediction by e^40.
  Rows rows;
  rows.columns.assign(1, {});
  for (int i = 0; i < 5000; ++i) {
    rows.columns[0].push_back(i % 50);
    rows.target.push_back(i % 50 == 7 ? 1000 : i % 50 == 8 ? 1 : 0);
  }
  Request request;
  request.settings.loss = Loss::poisson;
  request.settings.trees = 60;
  request.settings.learning_rate = 0.3;
  request.features = {number("x")};
  request.train = rows.dataset();
  const Outcome outcome = train_gbdt(request);
  for (std::size_t i = 1; i < outcome.history.size(); ++i) EXPECT_LE(outcome.history[i].train, outcome.history[i - 1].train);
  EXPECT_NEAR(predict(outcome.model, rows)[7], 1000, 10);
}

TEST(Gbdt, OneHotFeaturesSplitOneAgainstTheRest) {
  const Example e = make_example(13, 3000, Loss::squared);
  const model::Model model = train_gbdt(make_request(e, Loss::squared)).model;
  bool used = false;
  for (const model::Tree& tree : model.forest.trees)
    for (std::size_t i = 0; i < tree.feature.size(); ++i) {
      if (tree.feature[i] != 3) continue;
      used = true;
      EXPECT_EQ(std::popcount(model.forest.category_sets[tree.category_set[i]][0]), 1);
      EXPECT_EQ(tree.default_left[i], 0);
    }
  EXPECT_TRUE(used);
}

TEST(Gbdt, WideCategoriesAndManyBins) {
  std::mt19937_64 rng(14);
  Rows rows;
  rows.columns.assign(3, {});
  for (int i = 0; i < 140000; ++i) {
    const double code = static_cast<double>(rng() % 70000), x = draw(rng);
    rows.columns[0].push_back(code);
    rows.columns[1].push_back(x);
    rows.columns[2].push_back(static_cast<double>(rng() % 300));
    rows.target.push_back(std::sin(20 * x) + (rows.columns[2].back() < 150 ? 1 : 0) + 0.1 * normal(rng));
  }
  Request request;
  request.features = {category("c", 70000), number("x"), category("m", 300)};
  request.train = rows.dataset();
  request.settings.trees = 15;
  request.settings.bins = 5000;
  request.settings.learning_rate = 0.3;
  request.threads = 2;
  const Outcome outcome = train_gbdt(request);
  ASSERT_TRUE(model::validate(outcome.model).empty());
  EXPECT_LT(measure(outcome.model, rows).at("rmse"), 0.2);
  EXPECT_NEAR(outcome.history.back().train, measure(outcome.model, rows).at("rmse"), 1e-12);
}

// From 2^16 rows on gradients are packed into words.
Example wide_example(std::int64_t n, Loss loss) {
  Example e = make_example(31, n, loss);
  e.features.push_back(category("wide", 300));
  e.rows.columns.emplace_back();
  std::mt19937_64 rng(32);
  for (std::int64_t i = 0; i < n; ++i) e.rows.columns.back().push_back(static_cast<double>(rng() % 300));
  return e;
}

TEST(Gbdt, ManyRowsGiveTheSameBytesAtAnyNumberOfThreads) {
  for (const Loss loss : losses) {
    const Example e = wide_example(70'000, loss);
    Request request = make_request(e, loss);
    request.settings.trees = 3;
    const std::string one = bytes_of(train_gbdt(request).model);
    for (const int threads : {2, 3}) {
      request.threads = threads;
      EXPECT_EQ(bytes_of(train_gbdt(request).model), one) << "loss " << static_cast<int>(loss) << ", threads " << threads;
    }
  }
}

// Histograms large enough to be shared out among threads by their features.
TEST(Gbdt, ManyFeaturesGiveTheSameBytesAtAnyNumberOfThreads) {
  Example e = wide_example(70'000, Loss::logistic);
  std::mt19937_64 rng(34);
  for (int f = 0; f < 20; ++f) {
    e.features.push_back(f % 5 == 0 ? category("c" + std::to_string(f), 200) : number("n" + std::to_string(f)));
    e.rows.columns.emplace_back();
    for (std::size_t i = 0; i < e.rows.target.size(); ++i) {
      const double v = static_cast<double>(rng() % 200);
      e.rows.columns.back().push_back(rng() % 10 == 0 ? std::nan("") : v + (f % 5 == 0 ? 0 : 50 * e.rows.target[i]));
    }
  }
  Request request = make_request(e, Loss::logistic);
  request.settings.trees = 3;
  for (const double share : {1.0, 0.5}) {
    request.settings.feature_fraction = request.settings.subsample = share;
    request.threads = 1;
    const std::string one = bytes_of(train_gbdt(request).model);
    for (const int threads : {2, 3, 7}) {
      request.threads = threads;
      EXPECT_EQ(bytes_of(train_gbdt(request).model), one) << threads << " threads, share " << share;
    }
  }
}

TEST(Gbdt, PackedGradientsLearnAsMuchAsExactOnes) {
  constexpr std::int64_t last_exact = (1 << 16) - 1;
  for (const Loss loss : losses) {
    double reached[2];
    for (const int more : {0, 1}) {
      const Example e = wide_example(last_exact + more, loss);
      Request request = make_request(e, loss);
      request.settings.trees = 30;
      request.threads = 2;
      reached[more] = train_gbdt(request).history.back().train;
    }
    EXPECT_NE(reached[0], reached[1]);
    EXPECT_NEAR(reached[1], reached[0], 0.01 * reached[0]) << "loss " << static_cast<int>(loss);
  }
}

// A few labels far off: 12 bits would leave nothing of the others.
TEST(Gbdt, OutliersDoNotDrownTheOtherRows) {
  Example e = wide_example(70'000, Loss::squared);
  for (int i = 0; i < 3; ++i) e.rows.target[i * 1000] = 1e7;
  for (int i = 0; i < 3; ++i) e.rows.columns[0][i * 1000] = 50;  // and easy to tell apart
  Request request = make_request(e, Loss::squared);
  request.settings.trees = 60;
  request.settings.learning_rate = 0.3;
  request.settings.min_rows = 1;
  request.settings.l2 = 0;
  request.threads = 2;
  const std::vector<double> predicted = predict(train_gbdt(request).model, e.rows);
  double error = 0;
  for (std::size_t i = 0; i < predicted.size(); ++i)
    if (e.rows.target[i] < 1e6) error += (predicted[i] - e.rows.target[i]) * (predicted[i] - e.rows.target[i]);
  EXPECT_LT(std::sqrt(error / static_cast<double>(predicted.size())), 0.6);
}

TEST(Gbdt, RowsArePartedInOrder) {
  std::mt19937_64 rng(33);
  for (const std::int64_t n : {0, 1, 15, 16, 17, 100, 1000, 5003}) {
    std::vector<std::uint8_t> column(10'000 + 3), left(256);
    for (auto& b : column) b = static_cast<std::uint8_t>(rng());
    for (auto& l : left) l = rng() % 3 == 0;
    std::vector<std::uint32_t> rows(n), moved(n);
    for (auto& r : rows) r = static_cast<std::uint32_t>(rng() % 10'000);
    std::vector<std::uint32_t> to_left, to_right;
    for (const std::uint32_t r : rows) (left[column[r]] ? to_left : to_right).push_back(r);
    std::vector<std::uint32_t> apart(n);
    for (std::uint32_t* const lefts : {apart.data(), rows.data()}) {
      ASSERT_EQ(part_rows(static_cast<const std::uint8_t*>(column.data()), left, rows.data(), n, lefts, moved.data()), static_cast<std::int64_t>(to_left.size()));
      EXPECT_TRUE(std::equal(to_left.begin(), to_left.end(), lefts));
      EXPECT_TRUE(std::equal(to_right.begin(), to_right.end(), moved.begin()));
    }
  }
}

TEST(Gbdt, FeaturesWithoutInformationAreLeftOut) {
  const Example e = make_example(15, 1000, Loss::squared);
  for (const model::Tree& tree : train_gbdt(make_request(e, Loss::squared)).model.forest.trees)
    for (std::size_t i = 0; i < tree.feature.size(); ++i) EXPECT_LT(tree.feature[i], 4);
  // Nothing but such features: the model is the base value.
  Example bare = e;
  Request request = make_request(bare, Loss::squared);
  request.features = {number("constant"), number("missing")};
  request.train.columns = {bare.rows.columns[4].data(), bare.rows.columns[5].data()};
  const model::Model model = train_gbdt(request).model;
  ASSERT_TRUE(model::validate(model).empty());
  for (const model::Tree& tree : model.forest.trees) EXPECT_EQ(tree.feature.size(), 1u);
  request.features.clear();
  request.train.columns.clear();
  EXPECT_TRUE(model::validate(train_gbdt(request).model).empty());
}

TEST(Gbdt, HugeAndInfiniteValues) {
  const double big = std::numeric_limits<double>::max(), inf = HUGE_VAL;
  std::mt19937_64 rng(16);
  Rows rows;
  rows.columns.assign(2, {});
  const double values[] = {-inf, -big, -1e300, -5e-324, -0.0, 0.0, 5e-324, 1.0, std::nextafter(1.0, 2), 1e300, big, inf, std::nan("")};
  for (int i = 0; i < 2600; ++i) {
    rows.columns[0].push_back(values[i % 13]);
    rows.columns[1].push_back(values[rng() % 13]);
    rows.target.push_back(static_cast<double>(i % 13 * 5 % 7) * 1e90);
  }
  Request request;
  request.features = {number("x"), number("y")};
  request.train = rows.dataset();
  request.settings.trees = 50;
  request.settings.learning_rate = 0.5;
  const Outcome outcome = train_gbdt(request);
  ASSERT_TRUE(model::validate(outcome.model).empty());
  const auto m = measure(outcome.model, rows);
  EXPECT_NEAR(outcome.history.back().train / m.at("rmse"), 1, 1e-9);
  // -inf and the lowest number, inf and the highest, -0 and 0 cannot be told apart; all else can.
  EXPECT_LT(m.at("rmse"), 1.45e90);  // those three pairs alone leave 1.44e90
}

TEST(Gbdt, RowIdentitiesKeyTheSample) {
  // The same rows in another order, with their ids: the same sample, and so the same trees.
  const Example e = make_example(17, 2000, Loss::squared);
  Request request = make_request(e, Loss::squared);
  request.settings.subsample = 0.5;
  const model::Model model = train_gbdt(request).model;
  Example turned = e;
  for (auto& column : turned.rows.columns) std::reverse(column.begin(), column.end());
  std::reverse(turned.rows.target.begin(), turned.rows.target.end());
  Request other = make_request(turned, Loss::squared);
  other.settings.subsample = 0.5;
  for (std::int64_t i = 0; i < 2000; ++i) other.train.row_id.push_back(1999 - i);
  const model::Model same = train_gbdt(other).model;
  ASSERT_EQ(model.forest.trees.size(), same.forest.trees.size());
  for (std::size_t t = 0; t < model.forest.trees.size(); ++t) {
    EXPECT_EQ(model.forest.trees[t].feature, same.forest.trees[t].feature);
    EXPECT_EQ(model.forest.trees[t].threshold, same.forest.trees[t].threshold);
    EXPECT_EQ(model.forest.trees[t].cover, same.forest.trees[t].cover);
  }
}

TEST(Gbdt, FaultsOfTheData) {
  const Example e = make_example(18, 100, Loss::squared);
  const auto with_target = [&](std::vector<double> target, Loss loss) {
    Example other = e;
    other.rows.target = std::move(target);
    return [=] { train_gbdt(make_request(other, loss)); };
  };
  expect_failure(code::label_single_value, with_target(std::vector<double>(100, 3.0), Loss::squared));   // E0602
  expect_failure(code::label_single_value, with_target(std::vector<double>(100, 1.0), Loss::logistic));
  std::vector<double> target = e.rows.target;
  target[3] = std::nan("");
  expect_failure(code::bad_label, with_target(target, Loss::squared));                                    // E0603
  target[3] = 1e101;
  expect_failure(code::bad_label, with_target(target, Loss::squared));
  target = std::vector<double>(100, 1.0);
  target[9] = -1;
  expect_failure(code::bad_label, with_target(target, Loss::poisson));
  for (const double w : {-1.0, std::nan(""), HUGE_VAL}) {
    Example other = e;
    other.rows.weight.assign(100, 1.0);
    other.rows.weight[5] = w;
    expect_failure(code::bad_weight, [&] { train_gbdt(make_request(other, Loss::squared)); });            // E0604
  }
  Example light = e;
  light.rows.weight.assign(100, 0.0);
  expect_failure(code::no_training_rows, [&] { train_gbdt(make_request(light, Loss::squared)); });        // E0601
  expect_failure(code::no_training_rows, [&] {
    Request request = make_request(e, Loss::squared);
    request.train.rows = 0;
    request.train.target.clear();
    train_gbdt(request);
  });
  expect_failure(code::training_diverged, [&] {                                                           // E0606
    Example steep = e;
    for (std::size_t i = 0; i < 100; ++i) steep.rows.target[i] = i % 2 ? 0 : 1e100;
    Request request = make_request(steep, Loss::squared);
    request.settings.learning_rate = 1e6;
    request.settings.trees = 200;
    request.settings.min_rows = 1;
    train_gbdt(request);
  });
}

}  // namespace
}  // namespace mlp::learn
