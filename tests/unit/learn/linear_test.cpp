// Linear models: closed forms, optimality conditions, faults.
#include <numeric>

#include "base/codes/training.h"
#include "support.h"

namespace mlp::learn {
namespace {

// Numbers of different scale and a one-hot feature; the target follows the loss.
Rows make_rows(std::mt19937_64& rng, Loss loss, std::int64_t n, std::int32_t classes = 3, double missing = 0.1) {
  Rows rows;
  rows.columns.assign(4, {});
  for (std::int64_t i = 0; i < n; ++i) {
    const double a = normal(rng), b = 100 + 20 * normal(rng) + 5 * a, c = normal(rng) * 1e-3;
    const double code = draw(rng) < missing ? std::nan("") : static_cast<double>(rng() % 5);
    rows.columns[0].push_back(a);
    rows.columns[1].push_back(b);
    rows.columns[2].push_back(c);
    rows.columns[3].push_back(code);
    const double signal = 0.7 * a + 0.02 * (b - 100) + (code == 2 ? 1 : 0);
    double y = signal + normal(rng);
    if (loss == Loss::logistic) y = y > 0.3;
    if (loss == Loss::softmax) y = std::clamp(std::floor(y + 1), 0.0, classes - 1.0);
    if (loss == Loss::poisson) y = std::floor(std::exp(0.4 * signal) * (0.3 + 2 * draw(rng)));
    rows.target.push_back(y);
    rows.weight.push_back(0.5 + draw(rng));
  }
  return rows;
}
Request make_request(const Rows& rows, Loss loss) {
  Request request;
  request.settings.kind = ModelKind::linear;
  request.settings.loss = loss;
  request.settings.tolerance = 1e-12;
  request.features = {number("a"), number("b"), number("c"), one_hot("d", 5)};
  request.train = rows.dataset();
  if (loss == Loss::logistic) request.classes = {"n", "y"};
  if (loss == Loss::softmax) request.classes = {"x", "y", "z"};
  return request;
}
double feature_value(const Rows& rows, std::size_t column, std::int64_t i) {  // of the 8 columns that the weights have
  if (column < 3) return rows.columns[column][i];
  return rows.columns[3][i] == static_cast<double>(column - 3) ? 1 : 0;
}
double score_of(const model::Linear& linear, const Rows& rows, std::int64_t i, std::int32_t k = 0) {
  double s = linear.intercept[k];
  for (std::size_t j = 0; j < 8; ++j) s += linear.weights[k * 8 + j] * feature_value(rows, j, i);
  return s;
}

// The derivative of the loss part by weight j of output k; j = 8 is the intercept. `size` is the sum of the absolute
// parts, against which a rest counts as zero.
std::pair<double, double> slope(const model::Model& model, const Rows& rows, std::size_t j, std::int32_t k) {
  double sum = 0, size = 0;
  for (std::size_t i = 0; i < rows.target.size(); ++i) {
    const double y = rows.target[i], s = score_of(model.linear, rows, i, k);
    double d = 0;
    if (model.loss == Loss::squared) d = s - y;
    if (model.loss == Loss::logistic) d = 1 / (1 + std::exp(-s)) - y;
    if (model.loss == Loss::poisson) d = std::exp(s) - y;
    if (model.loss == Loss::softmax) {
      double total = 0;
      for (std::int32_t c = 0; c < 3; ++c) total += std::exp(score_of(model.linear, rows, i, c));
      d = std::exp(s) / total - (y == k ? 1 : 0);
    }
    const double x = j == 8 ? 1 : feature_value(rows, j, i);
    sum += rows.weight[i] * d * x;
    size += std::fabs(rows.weight[i] * d * x);
  }
  return {sum, size};
}

// `sorted` puts the rows in the order of their targets.
void expect_optimal(Loss loss, double l1, double l2, double closeness, std::int64_t n = 700, bool sorted = false) {
  std::mt19937_64 rng(11);
  Rows rows = make_rows(rng, loss, n);
  if (sorted) {
    std::vector<std::int64_t> order(n);
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, {}, [&](std::int64_t i) { return rows.target[i]; });
    const Rows was = rows;
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < 4; ++j) rows.columns[j][i] = was.columns[j][order[i]];
      rows.target[i] = was.target[order[i]];
      rows.weight[i] = was.weight[order[i]];
    }
  }
  Request request = make_request(rows, loss);
  request.settings.l1 = l1;
  request.settings.l2 = l2;
  const Outcome outcome = train_linear(request);
  EXPECT_TRUE(outcome.converged);
  ASSERT_TRUE(model::validate(outcome.model).empty());
  int zeros = 0;
  for (std::int32_t k = 0; k < outcome.model.linear.outputs; ++k) {
    EXPECT_NEAR(slope(outcome.model, rows, 8, k).first, 0, closeness * slope(outcome.model, rows, 8, k).second);
    for (std::size_t j = 0; j < 8; ++j) {
      const auto [g, size] = slope(outcome.model, rows, j, k);
      const double w = outcome.model.linear.weights[k * 8 + j], rest = g + l2 * w;
      if (w == 0) {
        ++zeros;
        EXPECT_LE(std::fabs(rest), l1 + closeness * size) << "weight " << j;
      } else {
        EXPECT_NEAR(rest, w > 0 ? -l1 : l1, closeness * (size + l1)) << "weight " << j;
      }
    }
  }
  if (l1 > 5) {
    EXPECT_GT(zeros, 0);
  }
}

TEST(Linear, OptimalityWithRidge) {
  for (const double l2 : {0.01, 1.0, 30.0}) {
    expect_optimal(Loss::squared, 0, l2, 1e-9);
    expect_optimal(Loss::logistic, 0, l2, 1e-6);
    expect_optimal(Loss::poisson, 0, l2, 1e-6);
    expect_optimal(Loss::softmax, 0, l2, 1e-4);
  }
}
TEST(Linear, OptimalityWithLassoAndElasticNet) {
  for (const auto& [l1, l2] : {std::pair{10.0, 0.0}, {10.0, 2.0}, {1.0, 1.0}}) {
    expect_optimal(Loss::squared, l1, l2, 1e-7);
    expect_optimal(Loss::logistic, l1, l2, 1e-6);
    expect_optimal(Loss::poisson, l1, l2, 1e-6);
    expect_optimal(Loss::softmax, l1, l2, 1e-4);
  }
}

// From 32,768 rows on a sample of them leads the way (linear.cpp); the optimum is that of all.
TEST(Linear, ManyRowsReachTheOptimumOfAll) {
  for (const bool sorted : {false, true}) {
    for (const double l1 : {0.0, 50.0}) {
      expect_optimal(Loss::squared, l1, 1, 1e-7, 50'000, sorted);
      expect_optimal(Loss::logistic, l1, 1, 1e-6, 50'000, sorted);
      expect_optimal(Loss::poisson, l1, 1, 1e-6, 50'000, sorted);
    }
  }
}
// A column that is the same in all rows of the sample, and one that parts the classes there but not elsewhere.
TEST(Linear, ASampleThatMisleadsDoesNoHarm) {
  std::mt19937_64 rng(47);
  Rows rows;
  rows.columns.assign(3, {});
  for (std::int64_t i = 0; i < 100'000; ++i) {
    const double a = normal(rng);
    const bool y = a + normal(rng) > 0, early = i % 6144 < 1024;  // tiles have 1024 rows, and every sixth is in the sample
    rows.columns[0].push_back(a);
    rows.columns[1].push_back(!early && i % 5 == 0);
    rows.columns[2].push_back(early ? (y ? 1 : -1) : 0.01 * normal(rng) - (y ? 1 : -1));
    rows.target.push_back(y);
  }
  Request request;
  request.settings.kind = ModelKind::linear;
  request.settings.loss = Loss::logistic;
  request.settings.tolerance = 1e-12;
  request.features = {number("a"), number("rare"), number("turned")};
  request.classes = {"n", "y"};
  request.train = rows.dataset();
  const Outcome outcome = train_linear(request);
  EXPECT_TRUE(outcome.converged);
  for (std::size_t j = 0; j < 4; ++j) {
    double slope = 0, size = 0;
    for (std::size_t i = 0; i < rows.target.size(); ++i) {
      double s = outcome.model.linear.intercept[0];
      for (std::size_t k = 0; k < 3; ++k) s += outcome.model.linear.weights[k] * rows.columns[k][i];
      const double part = (1 / (1 + std::exp(-s)) - rows.target[i]) * (j == 3 ? 1 : rows.columns[j][i]);
      slope += part;
      size += std::fabs(part);
    }
    EXPECT_NEAR(slope + (j == 3 ? 0 : outcome.model.linear.weights[j]), 0, 1e-6 * size) << j;
  }
}

TEST(Linear, RidgeWithOneFeatureHasAClosedForm) {
  Rows rows{.columns = {{1, 2, 3, 4, 5}}, .target = {2, 1, 4, 3, 5}, .weight = {}};
  Request request;
  request.settings.kind = ModelKind::linear;
  request.settings.l2 = 2;
  request.features = {number("x")};
  request.train = rows.dataset();
  const model::Linear linear = train_linear(request).model.linear;
  EXPECT_NEAR(linear.weights[0], 8.0 / (10 + 2), 1e-14);
  EXPECT_NEAR(linear.intercept[0], 3 - 3 * 8.0 / 12, 1e-13);
}

TEST(Linear, AHugeLassoLeavesTheMean) {
  std::mt19937_64 rng(5);
  const Rows rows = make_rows(rng, Loss::squared, 300);
  Request request = make_request(rows, Loss::squared);
  request.settings.l1 = 1e9;
  const model::Linear linear = train_linear(request).model.linear;
  for (const double w : linear.weights) EXPECT_EQ(w, 0);
  double sum = 0, weight = 0;
  for (std::size_t i = 0; i < rows.target.size(); ++i) sum += rows.weight[i] * rows.target[i], weight += rows.weight[i];
  EXPECT_NEAR(linear.intercept[0], sum / weight, 1e-12);
}

// No direction of a grid lowers the objective of quantile loss (label and weights in units of the label's deviation).
TEST(Linear, QuantileHasNoBetterNeighbour) {
  for (const double q : {0.1, 0.5, 0.9}) {
    for (const auto& [l1, l2] : {std::pair{0.0, 0.0}, {0.0, 1.0}, {3.0, 0.5}}) {
      std::mt19937_64 rng(17);
      const Rows rows = make_rows(rng, Loss::quantile, 400, 3, 0);
      Request request = make_request(rows, Loss::quantile);
      request.settings.quantile = q;
      request.settings.tolerance = 1e-10;
      request.settings.l1 = l1;
      request.settings.l2 = l2;
      request.features.pop_back();
      request.train.columns.pop_back();
      Outcome outcome = train_linear(request);
      EXPECT_TRUE(outcome.converged);
      std::vector<std::pair<double, double>> sorted;
      double total = 0;
      for (std::size_t i = 0; i < rows.target.size(); ++i) sorted.emplace_back(rows.target[i], rows.weight[i]), total += rows.weight[i];
      std::sort(sorted.begin(), sorted.end());
      double below = 0, start = 0, unit = 0;
      for (const auto& [v, w] : sorted) {
        below += w;
        start = v;
        if (below >= q * total) break;
      }
      for (const auto& [v, w] : sorted) unit += w * std::fabs(v - start) / total;
      const auto objective = [&](const model::Linear& m) {
        double sum = 0;
        for (std::size_t i = 0; i < rows.target.size(); ++i) {
          double s = m.intercept[0];
          for (std::size_t j = 0; j < 3; ++j) s += m.weights[j] * rows.columns[j][i];
          const double d = rows.target[i] - s;
          sum += rows.weight[i] * (d >= 0 ? q * d : (q - 1) * d);
        }
        for (const double w : m.weights) sum += l1 * std::fabs(w) + l2 / unit / 2 * w * w;
        return sum;
      };
      const double best = objective(outcome.model.linear);
      const double scales[] = {1, 20, 1e-3};
      for (int trial = 0; trial < 300; ++trial) {
        model::Linear other = outcome.model.linear;
        const double step = std::pow(10.0, -1 - trial % 6);
        for (std::size_t j = 0; j < 3; ++j) {
          const double move = step * normal(rng) / scales[j];
          other.weights[j] += move;
          other.intercept[0] -= j == 1 ? move * 100 : 0;
        }
        other.intercept[0] += step * normal(rng);
        EXPECT_GE(objective(other), best * (1 - 1e-9));
      }
    }
  }
}

TEST(Linear, WeightsAreRepeatedRows) {
  std::mt19937_64 rng(23);
  for (const Loss loss : {Loss::squared, Loss::logistic, Loss::softmax, Loss::poisson, Loss::quantile}) {
    Rows weighted = make_rows(rng, loss, 300), repeated;
    repeated.columns.assign(4, {});
    for (std::size_t i = 0; i < weighted.target.size(); ++i) {
      weighted.weight[i] = static_cast<double>(i % 3);
      for (std::size_t r = 0; r < i % 3; ++r) {
        for (std::size_t j = 0; j < 4; ++j) repeated.columns[j].push_back(weighted.columns[j][i]);
        repeated.target.push_back(weighted.target[i]);
      }
    }
    const model::Linear a = train_linear(make_request(weighted, loss)).model.linear, b = train_linear(make_request(repeated, loss)).model.linear;
    for (std::size_t j = 0; j < a.weights.size(); ++j) EXPECT_NEAR(a.weights[j], b.weights[j], 1e-4 * (std::fabs(a.weights[j]) + 0.1)) << static_cast<int>(loss);
  }
}

TEST(Linear, SameBytesAtAnyNumberOfThreads) {
  std::mt19937_64 rng(29);
  for (const auto& [loss, n] : {std::pair{Loss::squared, 9000}, {Loss::logistic, 9000}, {Loss::logistic, 40'000}, {Loss::softmax, 9000}, {Loss::poisson, 40'000}, {Loss::quantile, 9000}}) {
    const Rows rows = make_rows(rng, loss, n);
    for (const double l1 : {0.0, 2.0}) {
      Request request = make_request(rows, loss);
      request.settings.l1 = l1;
      const std::string one = bytes_of(train_linear(request).model);
      for (const int threads : {2, 3}) {
        request.threads = threads;
        EXPECT_EQ(bytes_of(train_linear(request).model), one) << static_cast<int>(loss);
      }
    }
  }
}

TEST(Linear, WideProblemsTakeTheLimitedMemoryPath) {
  std::mt19937_64 rng(31);
  Rows rows;
  rows.columns.assign(1, {});
  for (int i = 0; i < 6000; ++i) {
    const double code = static_cast<double>(rng() % 2500);
    rows.columns[0].push_back(code);
    rows.target.push_back(std::fmod(code, 7) + 0.1 * normal(rng));
  }
  Request request;
  request.settings.kind = ModelKind::linear;
  request.settings.tolerance = 1e-12;
  request.features = {one_hot("c", 2500)};
  request.train = rows.dataset();
  const Outcome outcome = train_linear(request);
  EXPECT_TRUE(outcome.converged);
  // One code a row: each weight has a closed form given the intercept.
  std::vector<double> sum(2500, 0), count(2500, 0);
  for (std::size_t i = 0; i < rows.target.size(); ++i) sum[rows.columns[0][i]] += rows.target[i] - outcome.model.linear.intercept[0], ++count[rows.columns[0][i]];
  for (std::size_t c = 0; c < 2500; ++c) EXPECT_NEAR(outcome.model.linear.weights[c], sum[c] / (count[c] + 1), 1e-3);
}

TEST(Linear, ConstantAndRepeatedColumnsDoNoHarm) {
  std::mt19937_64 rng(37);
  Rows rows;
  rows.columns.assign(4, {});
  for (int i = 0; i < 200; ++i) {
    const double a = normal(rng);
    rows.columns[0].push_back(a);
    rows.columns[1].push_back(0.1);
    rows.columns[2].push_back(a);
    rows.columns[3].push_back(1e120 * a);
    rows.target.push_back(3 * a + 0.1 * normal(rng));
  }
  Request request;
  request.settings.kind = ModelKind::linear;
  request.features = {number("a"), number("constant"), number("again"), number("huge")};
  request.train = rows.dataset();
  for (const double l2 : {0.0, 1.0}) {
    request.settings.l2 = l2;
    const Outcome outcome = train_linear(request);
    ASSERT_TRUE(model::validate(outcome.model).empty());
    EXPECT_EQ(outcome.model.linear.weights[1], 0);
    EXPECT_LT(measure(outcome.model, rows).at("rmse"), 0.2);
  }
}

TEST(Linear, FaultsOfTheData) {
  std::mt19937_64 rng(41);
  Rows rows = make_rows(rng, Loss::squared, 50);
  for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    Rows broken = rows;
    broken.columns[1][7] = bad;
    Request request = make_request(broken, Loss::squared);
    expect_failure(code::feature_not_finite, [&] { train_linear(request); });  // E0605
    request.threads = 3;
    try {
      train_linear(request);
    } catch (const Failure& failure) {
      EXPECT_NE(failure.diagnostic.message.find("`b`"), std::string::npos);
      EXPECT_NE(failure.diagnostic.message.find("row 8"), std::string::npos);
    }
  }
  Rows same = rows;
  std::fill(same.target.begin(), same.target.end(), 4.0);
  expect_failure(code::label_single_value, [&] { train_linear(make_request(same, Loss::squared)); });
  expect_failure(code::no_training_rows, [&] {
    Request request = make_request(rows, Loss::squared);
    request.train.rows = 0;
    request.train.target.clear();
    request.train.weight.clear();
    train_linear(request);
  });
}

TEST(Linear, ReportsProgressAndTheValidPart) {
  std::mt19937_64 rng(43);
  const Rows rows = make_rows(rng, Loss::logistic, 500), valid = make_rows(rng, Loss::logistic, 200);
  Request request = make_request(rows, Loss::logistic);
  request.valid = valid.dataset();
  int calls = 0;
  request.on_round = [&](const Progress& p) {
    ++calls;
    EXPECT_EQ(p.metric, "logloss");
    EXPECT_TRUE(std::isfinite(p.valid));
  };
  const Outcome outcome = train_linear(request);
  EXPECT_EQ(calls, static_cast<int>(outcome.history.size()));
  EXPECT_NEAR(outcome.history.back().valid, measure(outcome.model, valid).at("logloss"), 1e-12);
  EXPECT_NEAR(outcome.history.back().train, measure(outcome.model, rows).at("logloss"), 1e-12);
  request.on_round = [](const Progress&) { throw std::runtime_error("stop"); };
  EXPECT_THROW(train_linear(request), std::runtime_error);
}

}  // namespace
}  // namespace mlp::learn
