#include "base/codes/training.h"
#include "support.h"

namespace mlp::learn {
namespace {

Request forest_of(const Rows& rows, std::vector<model::FeatureInfo> features) {
  Request request;
  request.features = std::move(features);
  request.settings.kind = ModelKind::isolation_forest;
  request.settings.loss = Loss::none;
  request.train = rows.dataset();
  return request;
}

// Rows of one kind, and 1 in 50 far away; missing values and categories among them.
Rows rows_with_anomalies(std::int64_t n, std::uint64_t seed) {
  std::mt19937_64 rng(seed);
  Rows rows;
  rows.columns.resize(4);
  for (std::int64_t i = 0; i < n; ++i) {
    const bool odd = i % 50 == 0;
    rows.columns[0].push_back(normal(rng) * (odd ? 6 : 1));
    rows.columns[1].push_back(rng() % 10 == 0 ? std::nan("") : normal(rng) + (odd ? 8 : 0));
    rows.columns[2].push_back(odd && rng() % 2 ? 4 : static_cast<double>(rng() % 4));
    rows.columns[3].push_back(rng() % 20 == 0 ? std::nan("") : static_cast<double>(rng() % 3));
    rows.target.push_back(odd);
  }
  return rows;
}
const std::vector<model::FeatureInfo> mixed = {number("a"), number("b"), category("c", 5), one_hot("h", 3)};

TEST(IsolationForest, FindsWhatIsUnlikeTheRest) {
  const Rows rows = rows_with_anomalies(5000, 1);
  Request request = forest_of(rows, mixed);
  request.settings.contamination = 0.02;
  const Outcome outcome = train_isolation_forest(request);
  EXPECT_TRUE(model::validate(outcome.model).empty());
  const auto m = measure(outcome.model, rows);
  EXPECT_GT(m.at("auc"), 0.95);
  EXPECT_NEAR(m.at("anomaly_share"), 0.02, 0.001);
  EXPECT_EQ(m.at("rows"), 5000);
}

TEST(IsolationForest, SameBytesAtAnyNumberOfThreads) {
  const Rows rows = rows_with_anomalies(20'000, 2);
  Request request = forest_of(rows, mixed);
  request.settings.contamination = 0.05;
  request.threads = 1;
  const Outcome one = train_isolation_forest(request);
  request.threads = 3;
  const Outcome three = train_isolation_forest(request);
  EXPECT_EQ(bytes_of(one.model), bytes_of(three.model));
  EXPECT_EQ(one.model.isolation.threshold, three.model.isolation.threshold);
  request.settings.seed = 1;
  EXPECT_NE(bytes_of(one.model), bytes_of(train_isolation_forest(request).model));
}

// Leaves hold the sample, each row once, no deeper than ceil(log2(sample)); a path's value is its depth and c(rows of the leaf).
TEST(IsolationForest, TreesAreThoseOfThePaper) {
  const Rows rows = rows_with_anomalies(3000, 3);
  Request request = forest_of(rows, mixed);
  request.settings.sample = 100;
  request.settings.trees = 30;
  const Outcome outcome = train_isolation_forest(request);
  const auto c = [](double n) { return n < 2 ? 0 : n == 2 ? 1 : 2 * (std::log(n - 1) + 0.5772156649015329) - 2 * (n - 1) / n; };
  EXPECT_NEAR(outcome.model.isolation.normal, c(100), 1e-12);
  for (const model::Tree& tree : outcome.model.forest.trees) {
    double held = 0;
    std::vector<std::pair<std::int32_t, int>> open{{0, 0}};
    while (!open.empty()) {
      const auto [i, depth] = open.back();
      open.pop_back();
      if (tree.left[i] < 0) {
        held += tree.cover[i];
        EXPECT_LE(depth, 7);
        EXPECT_NEAR(tree.value[i], depth + c(tree.cover[i]), 1e-12);
        if (depth < 7) EXPECT_EQ(tree.cover[i], 1) << "these rows all differ";
        continue;
      }
      EXPECT_EQ(tree.cover[i], tree.cover[tree.left[i]] + tree.cover[tree.right[i]]);
      EXPECT_GT(tree.cover[tree.left[i]], 0);
      EXPECT_GT(tree.cover[tree.right[i]], 0);
      open.emplace_back(tree.left[i], depth + 1);
      open.emplace_back(tree.right[i], depth + 1);
    }
    EXPECT_EQ(held, 100);
  }
}

TEST(IsolationForest, WhatWasNeverSeenIsOdd) {
  Rows rows;
  rows.columns = {{}, {}};
  std::mt19937_64 rng(4);
  for (int i = 0; i < 2000; ++i) {
    rows.columns[0].push_back(normal(rng));
    rows.columns[1].push_back(static_cast<double>(rng() % 4));
    rows.target.push_back(0);
  }
  const model::Model model = train_isolation_forest(forest_of(rows, {number("a"), category("c", 6)})).model;
  Rows asked;
  asked.columns = {{0, 0, 0, std::nan("")}, {1, 5, std::nan(""), 1}};  // as seen; a code without rows; a code not in the vocabulary; a missing number
  asked.target.assign(4, 0);
  const auto p = predict(model, asked);
  for (const std::size_t i : {1, 2, 3}) EXPECT_GT(p[2 * i + 1], p[1] + 0.02) << i;
}

TEST(IsolationForest, WithoutContaminationTheThresholdIsOneHalf) {
  const Rows rows = rows_with_anomalies(500, 5);
  const model::Model model = train_isolation_forest(forest_of(rows, mixed)).model;
  EXPECT_EQ(model.isolation.threshold, 0.5);
  const auto p = predict(model, rows);
  for (std::size_t i = 0; i < p.size(); i += 2) EXPECT_EQ(p[i] == 1, p[i + 1] > 0.5);
}

TEST(IsolationForest, EqualRowsAreAllAlike) {
  Rows rows;
  rows.columns = {std::vector<double>(50, 3.0)};
  rows.target.assign(50, 0);
  const auto p = predict(train_isolation_forest(forest_of(rows, {number("a")})).model, rows);
  for (std::size_t i = 1; i < p.size(); i += 2) EXPECT_NEAR(p[i], 0.5, 1e-12);
}

TEST(IsolationForest, FaultsOfTheData) {
  Rows rows = rows_with_anomalies(10, 6);
  rows.columns[0][2] = HUGE_VAL;
  expect_failure(code::feature_not_finite, [&] { train_isolation_forest(forest_of(rows, mixed)); });
  for (auto& column : rows.columns) column.resize(1);
  rows.target.resize(1);
  expect_failure(code::too_few_rows, [&] { train_isolation_forest(forest_of(rows, mixed)); });
  rows.target.clear();
  expect_failure(code::no_training_rows, [&] { train_isolation_forest(forest_of(rows, mixed)); });
}

// scikit-learn 1.9.1: IsolationForest(n_estimators=100, max_samples=256, random_state=0..9) fitted on carat, depth, table, price, x,
// y, z of the diamonds with i % 5 != 0; AUC of -score_samples for cut == "Fair" on the others: mean 0.8784, deviation 0.0099.
TEST(IsolationForest, DiamondsNearScikitLearn) {
  const auto task = load({.file = "diamonds/data/diamonds.csv", .target = "cut", .positive = "Fair", .categories = {}, .dropped = {"color", "clarity"}, .missing = ""}, Shape::native);
  ASSERT_TRUE(task);
  double auc = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Request request = forest_of(task->train, task->request.features);
    request.threads = 2;
    request.settings.seed = seed;
    auc += measure(train_isolation_forest(request).model, task->test).at("auc") / 10;
  }
  std::printf("AUC %.4f, scikit-learn 0.8784\n", auc);
  EXPECT_NEAR(auc, 0.8784, 0.01);
}

// By hand, as scikit-learn's average_precision_score has it: precision 1 at recall 1/3, then 2 of 4 of one score, then 3 of 5.
TEST(AnomalyMetrics, ByHand) {
  model::Model model;
  model.kind = ModelKind::isolation_forest;
  model.loss = Loss::none;
  const auto m = metrics(model, {1, 0.9, 1, 0.7, 1, 0.7, 0, 0.7, 0, 0.4, 0, 0.3}, {1, 0, 1, 0, 1, std::nan("")}, {});
  EXPECT_NEAR(m.at("average_precision"), (1 + 2.0 / 4 + 3.0 / 5) / 3, 1e-15);
  EXPECT_NEAR(m.at("auc"), (2 + 1 + 0) / 6.0, 1e-15);
  EXPECT_NEAR(m.at("anomaly_share"), 0.5, 1e-15);
  EXPECT_NEAR(m.at("precision"), 2.0 / 3, 1e-15);
  EXPECT_NEAR(m.at("recall"), 2.0 / 3, 1e-15);
  EXPECT_FALSE(metrics(model, {1, 0.9}, {}, {}).contains("auc"));
}

}  // namespace
}  // namespace mlp::learn
