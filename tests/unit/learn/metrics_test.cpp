#include "support.h"

namespace mlp::learn {
namespace {

model::Model with(Loss loss, std::size_t classes) {
  model::Model m;
  m.loss = loss;
  for (std::size_t k = 0; k < classes; ++k) m.classes.push_back("c" + std::to_string(k));
  m.forest.outputs = loss == Loss::softmax ? static_cast<std::int32_t>(classes) : 1;
  return m;
}
std::vector<double> pairs(const std::vector<double>& p) {
  std::vector<double> out;
  for (const double v : p) out.push_back(1 - v), out.push_back(v);
  return out;
}

TEST(Metrics, BinaryByHand) {
  const auto m = metrics(with(Loss::logistic, 2), pairs({0.1, 0.4, 0.35, 0.8}), {0, 0, 1, 1}, {});
  EXPECT_EQ(m.at("rows"), 4);
  EXPECT_DOUBLE_EQ(m.at("auc"), 0.75);
  EXPECT_DOUBLE_EQ(m.at("accuracy"), 0.75);
  EXPECT_DOUBLE_EQ(m.at("precision"), 1);
  EXPECT_DOUBLE_EQ(m.at("recall"), 0.5);
  EXPECT_NEAR(m.at("f1"), 2.0 / 3, 1e-15);
  EXPECT_NEAR(m.at("logloss"), -(std::log(0.9) + std::log(0.6) + std::log(0.35) + std::log(0.8)) / 4, 1e-15);
  EXPECT_NEAR(m.at("brier"), (0.01 + 0.16 + 0.65 * 0.65 + 0.04) / 4, 1e-15);
}

// Bins are a fifteenth wide: 0.02 and 0.06 share the first one, 0.1 stands alone, 0.95 and 1 share the last.
TEST(Metrics, CalibrationErrorByHand) {
  const auto m = metrics(with(Loss::logistic, 2), pairs({0.02, 0.06, 0.1, 0.95, 1}), {0, 1, 0, 1, 1}, {1, 2, 1, 1, 1});
  EXPECT_NEAR(m.at("ece"), (std::fabs(0.02 + 2 * 0.06 - 2) + 0.1 + std::fabs(0.95 + 1 - 2)) / 6, 1e-15);
  // Of more classes the most probable one is what is right or wrong.
  const auto k = metrics(with(Loss::softmax, 3), {0.7, 0.2, 0.1, 0.1, 0.7, 0.2, 0.3, 0.3, 0.4}, {0, 2, 2}, {});
  EXPECT_NEAR(k.at("ece"), (std::fabs(0.7 + 0.7 - 1) + std::fabs(0.4 - 1)) / 3, 1e-15);
  EXPECT_TRUE(std::isnan(metrics(with(Loss::logistic, 2), pairs({0.2, std::nan("")}), {0, 1}, {}).at("ece")));
}

TEST(Metrics, ACertainErrorCostsAFiniteLoss) {
  EXPECT_NEAR(metrics(with(Loss::logistic, 2), pairs({0, 1}), {1, 1}, {}).at("logloss"), 52 * std::log(2.0) / 2, 1e-12);
}

TEST(Metrics, TiesInAucCountHalf) {
  EXPECT_DOUBLE_EQ(metrics(with(Loss::logistic, 2), pairs({0.5, 0.5, 0.5}), {0, 1, 1}, {}).at("auc"), 0.5);
  EXPECT_DOUBLE_EQ(metrics(with(Loss::logistic, 2), pairs({0.2, 0.5, 0.5, 0.7}), {0, 0, 1, 1}, {}).at("auc"), 3.5 / 4);
  EXPECT_TRUE(std::isnan(metrics(with(Loss::logistic, 2), pairs({0.2, 0.5}), {1, 1}, {}).at("auc")));
}

TEST(Metrics, WeightsAreRepeatedRows) {
  std::mt19937_64 rng(3);
  for (const auto& [loss, k] : {std::pair{Loss::logistic, 2}, {Loss::softmax, 3}, {Loss::squared, 0}, {Loss::poisson, 0}, {Loss::quantile, 0}}) {
    std::vector<double> p, y, w, p2, y2;
    for (int i = 0; i < 60; ++i) {
      const int weight = static_cast<int>(rng() % 4);
      std::vector<double> row;
      double sum = 0;
      for (int c = 0; c < std::max(k, 1); ++c) sum += row.emplace_back(0.1 + std::floor(draw(rng) * 8) / 8);
      if (k > 0)
        for (double& v : row) v /= sum;
      const double target = k > 0 ? static_cast<double>(rng() % k) : std::floor(draw(rng) * 5);
      p.insert(p.end(), row.begin(), row.end());
      y.push_back(target);
      w.push_back(weight);
      for (int r = 0; r < weight; ++r) {
        p2.insert(p2.end(), row.begin(), row.end());
        y2.push_back(target);
      }
    }
    const auto a = metrics(with(loss, k), p, y, w), b = metrics(with(loss, k), p2, y2, {});
    ASSERT_EQ(a.size(), b.size());
    for (const auto& [name, value] : a)
      if (name != "rows") {
        EXPECT_NEAR(value, b.at(name), 1e-12) << name;
      }
  }
}

TEST(Metrics, RegressionByHand) {
  auto model = with(Loss::poisson, 0);
  const auto m = metrics(model, {1, 2, 4}, {1, 4, 0}, {});
  EXPECT_NEAR(m.at("rmse"), std::sqrt(20.0 / 3), 1e-15);
  EXPECT_DOUBLE_EQ(m.at("mae"), 2);
  EXPECT_NEAR(m.at("mape"), 0.25, 1e-15);
  EXPECT_NEAR(m.at("poisson_deviance"), 2 * ((4 * std::log(2.0) - 2) + 4) / 3, 1e-14);
  EXPECT_NEAR(m.at("r2"), 1 - 20 / (26.0 / 3), 1e-14);
  model = with(Loss::quantile, 0);
  model.quantile = 0.9;
  EXPECT_NEAR(metrics(model, {1, 2, 4}, {1, 4, 0}, {}).at("pinball"), (0.9 * 2 + 0.1 * 4) / 3, 1e-15);
}

TEST(Metrics, SeveralClasses) {
  const auto m = metrics(with(Loss::softmax, 3), {0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.3, 0.4, 0.3, 0.2, 0.2, 0.6}, {0, 1, 2, 2}, {});
  EXPECT_DOUBLE_EQ(m.at("accuracy"), 0.75);
  EXPECT_NEAR(m.at("macro_f1"), (1 + 2.0 / 3 + 2.0 / 3) / 3, 1e-15);
  EXPECT_DOUBLE_EQ(m.at("auc"), 1);
}

TEST(Metrics, NoRowsGiveOnlyTheirNumber) {
  const auto m = metrics(with(Loss::squared, 0), {}, {}, {});
  EXPECT_EQ(m.size(), 1u);
  EXPECT_EQ(m.at("rows"), 0);
}

TEST(Metrics, TableNamesEveryMetric) {
  std::set<std::string> names;
  for (const MetricInfo& info : metric_table()) names.insert(info.name);
  std::mt19937_64 rng(1);
  for (const auto& [loss, k] : {std::pair{Loss::logistic, 2}, {Loss::softmax, 2}, {Loss::squared, 0}, {Loss::poisson, 0}, {Loss::quantile, 0}}) {
    const std::vector<double> p = k > 0 ? std::vector<double>{0.4, 0.6, 0.7, 0.3} : std::vector<double>{1, 2};
    for (const auto& [name, value] : metrics(with(loss, k), p, {0, 1}, {})) EXPECT_TRUE(names.contains(name)) << name;
  }
}

}  // namespace
}  // namespace mlp::learn
