// The trainer of networks, with a network written by hand: one hidden layer of rectified units over two numbers, an embedding
// of a category and the sum of a bag, and the squared or the logistic loss of one score.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/codes/training.h"
#include "base/diagnostic.h"
#include "runtime/model/model.h"
#include "runtime/learn/learn.h"
#include "runtime/product/product.h"

namespace mlp::learn {
namespace {

constexpr std::int64_t hidden = 16, numbers = 2, codes = 3;
bool logistic = true;
std::int64_t more = 0;       // floats of scratch a row beside those that are used
std::int64_t transient = 0;  // where there are segments, and of those that none leaves to another
std::atomic<std::int64_t> most_rows = 0, calls = 0, wrong_sums = 0, first_parts = 0, rows_seen = 0;
bool stores = false;         // whether the first rows of a share store the gradient of the first weight, as its plan says then
float slip = 1;              // what the gradient of the hidden offsets is wrongly multiplied by

// weights: 0 [numbers, hidden], 1 [hidden], 2 [hidden, 1], 3 [codes, 1] by category, 4 [terms, 1] by bag.
std::int64_t run(const mlp_network_call* c, bool train) {
  if (!c->scratch) return c->rows * (2 * hidden + 1 + more) + (c->segment == 0 ? c->rows * transient : 0);
  if (train) {
    if (c->segment > 0) std::fill_n(c->transient, c->rows * transient, std::numeric_limits<float>::quiet_NaN());
    if (c->segment == 1) {                             // the rows of a part, which become those of the batch
      c->scratch[c->rows * (2 * hidden + 1 + more) - 1] = 0;
      c->scratch[0] = static_cast<float>(c->rows);
      return 0;
    }
    wrong_sums += c->segment == 2 && c->scratch[0] != static_cast<float>(c->batch_rows);
    first_parts += (c->segment == 0 || c->segment == 2) && !c->repeats;
    rows_seen += c->rows;
    wrong_sums += c->rows == 0;
    ++calls;
    for (std::int64_t seen = most_rows; seen < c->rows && !most_rows.compare_exchange_weak(seen, c->rows);) {}
  }
  float* const h = c->scratch;
  float* const s = h + c->rows * hidden;
  float* const dh = s + c->rows;
  c->product(c->rows, hidden, numbers, c->numbers, numbers, 1, c->weights[0], hidden, 1, h, hidden, 0);
  for (std::int64_t i = 0; i < c->rows * hidden; ++i) h[i] = std::max(0.0f, h[i] + c->weights[1][i % hidden]);
  c->product(c->rows, 1, hidden, h, hidden, 1, c->weights[2], 1, 1, s, 1, 0);
  for (std::int64_t r = 0; r < c->rows; ++r) {
    if (c->codes[2][r] >= 0) s[r] += c->weights[3][c->codes[2][r]];
    for (std::int64_t t = 0; t < c->bags[3][r].size; ++t) s[r] += static_cast<float>(c->bags[3][r].terms[t].value) * c->weights[4][c->bags[3][r].terms[t].term];
  }
  if (!train) {
    for (std::int64_t r = 0; r < c->rows; ++r) c->scores[r] = s[r];
    return 0;
  }
  for (std::int64_t r = 0; r < c->rows; ++r) {
    const double y = c->target[r], p = 1 / (1 + std::exp(-s[r]));
    c->losses[r] = logistic ? -(y * std::log(p) + (1 - y) * std::log(1 - p)) : (y - s[r]) * (y - s[r]);
    const float d = static_cast<float>(c->row_weight[r] * (logistic ? p - y : 2 * (s[r] - y)));
    if (c->codes[2][r] >= 0) c->gradients[3][c->codes[2][r]] += d;
    for (std::int64_t t = 0; t < c->bags[3][r].size; ++t) c->gradients[4][c->bags[3][r].terms[t].term] += d * static_cast<float>(c->bags[3][r].terms[t].value);
    for (std::int64_t j = 0; j < hidden; ++j) {
      c->gradients[2][j] += d * h[r * hidden + j];
      dh[r * hidden + j] = h[r * hidden + j] > 0 ? d * c->weights[2][j] : 0;
      c->gradients[1][j] += dh[r * hidden + j];
    }
  }
  for (std::int64_t j = 0; j < hidden; ++j) c->gradients[1][j] *= slip;
  const bool first = stores && c->begins != 0;
  if (first) std::fill_n(c->gradients[0], numbers * hidden, std::numeric_limits<float>::quiet_NaN());
  c->product(numbers, hidden, c->rows, c->numbers, 1, numbers, dh, hidden, 1, c->gradients[0], hidden, !first);
  return 0;
}
std::int64_t run_train(const mlp_network_call* c) { return run(c, true); }
std::int64_t run_score(const mlp_network_call* c) { return run(c, false); }
void momentum(const mlp_update_call* c) {
  for (std::int64_t i = 0; i < c->count; ++i) {
    c->kept[0][i] = 0.9f * c->kept[0][i] + c->gradient[i];
    c->weight[i] -= static_cast<float>(c->rate) * c->kept[0][i];
  }
}

struct Rows {
  std::vector<std::vector<double>> columns;
  std::vector<mlp_term> terms;
  std::vector<mlp_bag> bags;
  Dataset set;
};
// Whether the signs of two numbers differ, or the number that they make with what a category and a term add.
void make(Rows& rows, std::int64_t count, std::uint64_t seed) {
  rows.columns.assign(3, {});
  rows.terms.resize(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const auto draw = [&](std::uint64_t k) { return std::fmod(static_cast<double>((static_cast<std::uint64_t>(i) * 7 + k + seed * 977) * 0x9e3779b97f4a7c15u >> 11) * 0x1p-53, 1.0); };
    const double a = 2 * draw(0) - 1, b = 2 * draw(1) - 1;
    const auto code = static_cast<double>(i % 4);  // 3 is a code that the table does not have
    rows.columns[0].push_back(a);
    rows.columns[1].push_back(b);
    rows.columns[2].push_back(code == 3 ? NAN : code);
    rows.terms[static_cast<std::size_t>(i)] = {i % 5, 1.0};
    rows.bags.push_back({&rows.terms[static_cast<std::size_t>(i)], i % 3 == 0 ? 1 : 0});
    rows.set.target.push_back(logistic ? a * b < 0 : 1000 + 300 * std::fabs(a) + (code < 3 ? 100 * code : 0) + (i % 3 == 0 ? 50.0 * static_cast<double>(i % 5) : 0));
  }
  rows.set.rows = count;
  for (int f = 0; f < 3; ++f) rows.set.columns.emplace_back(rows.columns[static_cast<std::size_t>(f)].data());
  rows.set.columns.emplace_back(nullptr, rows.bags.data());
}

Request request_of(const Rows& train, const Rows& valid) {
  Request r;
  r.settings.kind = ModelKind::network;
  r.settings.loss = logistic ? Loss::logistic : Loss::squared;
  r.settings.epochs = 30;
  r.settings.batch = 512;
  r.settings.seed = 4;
  if (logistic) r.classes = {"no", "yes"};
  r.features = {{.name = "a"}, {.name = "b"}, {.name = "c", .category = true, .width = codes}, {.name = "d", .bag = true, .terms = 4}};
  r.network = {.train = run_train, .score = run_score, .update = momentum, .outputs = 1, .numbers = {0, 1},
               .weights = {{"dense_1.w", {numbers, hidden}, Start::glorot}, {"dense_1.b", {hidden}, Start::value}, {"dense_2.w", {hidden, 1}, Start::he},
                           {"c", {codes, 1}, Start::normal, 0.05}, {"d", {4, 1}, Start::uniform, 0.05}},
               .states = {}, .kept = 1, .rate = 0.05};
  r.train = train.set;
  r.valid = valid.set;
  return r;
}

TEST(Network, LearnsWhatNoLineCanTell) {
  logistic = true;
  Rows train, valid;
  make(train, 4000, 1);
  make(valid, 1000, 2);
  const Outcome outcome = train_network(request_of(train, valid));
  ASSERT_EQ(model::validate(outcome.model), std::vector<std::string>{});
  ASSERT_EQ(outcome.history.size(), 30u);
  EXPECT_EQ(outcome.history[0].metric, "logloss");
  EXPECT_LT(outcome.history.back().valid, 0.2);
  EXPECT_LT(outcome.history.back().train, outcome.history.front().train);
}

TEST(Network, ComparesGradientsWithDifferences) {
  for (const bool kind : {true, false})
    for (const float wrong : {1.0f, 1.2f, -1.0f, 0.0f}) {
      logistic = kind;
      slip = wrong;
      Rows train;
      make(train, 3000, 5);
      Request r = request_of(train, train);
      r.settings.epochs = 1;
      std::vector<GradientCheck> checks;
      r.on_gradients = [&](const std::vector<GradientCheck>& all) { checks = all; };
      const Outcome outcome = train_network(r);
      slip = 1;
      ASSERT_EQ(checks.size(), 5u);
      for (const GradientCheck& c : checks) {
        EXPECT_GT(c.elements, 0);
        if (c.weight == "dense_1.b" && wrong != 1) EXPECT_GT(c.error, 0.1);
        else EXPECT_LT(c.error, 0.03) << c.weight << " " << c.at << " " << c.compiled << " " << c.difference;
      }
      if (wrong != 1) continue;
      r.on_gradients = nullptr;  // looking changes nothing
      const Outcome again = train_network(r);
      for (std::size_t w = 0; w < 5; ++w) EXPECT_EQ(again.model.network.weights[w].values, outcome.model.network.weights[w].values);
    }
}

TEST(Network, TellsTheOptimizerWhichWeightsDecay) {
  logistic = true;
  Rows train;
  make(train, 100, 6);
  Request r = request_of(train, train);
  r.settings.epochs = 1;
  r.network.weights[1].decays = r.network.weights[3].decays = false;
  r.network.update = [](const mlp_update_call* c) {
    for (std::int64_t i = 0; i < c->count; ++i) c->weight[i] = static_cast<float>(c->decays);
  };
  const Outcome outcome = train_network(r);
  for (std::size_t w = 0; w < 5; ++w) EXPECT_EQ(outcome.model.network.weights[w].values[0], w == 1 || w == 3 ? 0.0f : 1.0f) << w;
}

TEST(Network, IsTheSameAtAnyNumberOfThreads) {
  for (const bool kind : {true, false}) {
    logistic = kind;
    Rows train, valid;
    make(train, 3001, 3);
    make(valid, 700, 4);
    std::vector<Outcome> outcomes;
    for (const int threads : {1, 2, 5}) {
      Request r = request_of(train, valid);
      r.threads = threads;
      r.settings.epochs = 4;
      r.settings.schedule = kind ? Schedule::cosine : Schedule::constant;
      r.settings.clip = kind ? 0.05 : 0;
      r.settings.warmup = kind ? 1 : 0;
      outcomes.push_back(train_network(r));
    }
    for (const Outcome& other : outcomes)
      for (std::size_t w = 0; w < other.model.network.weights.size(); ++w)
        EXPECT_EQ(std::memcmp(other.model.network.weights[w].values.data(), outcomes[0].model.network.weights[w].values.data(), other.model.network.weights[w].values.size() * sizeof(float)), 0);
  }
}

TEST(Network, StoresAGradientToTheBytesOfOneThatIsCleared) {
  logistic = true;
  Rows train;
  make(train, 901, 7);
  for (const std::int64_t floats : {0, 200'000})       // one share of one part; shares of several
    for (const double clip : {0.0, 0.05}) {
      std::vector<Outcome> outcomes;
      for (const bool stored : {false, true}) {
        Request r = request_of(train, train);
        r.settings.epochs = 4;
        r.settings.batch = 100;                        // the last one is shorter
        r.settings.clip = clip;
        r.threads = 2;
        r.network.weights[0].stored = stores = stored;
        more = floats;
        r.on_gradients = [](const std::vector<GradientCheck>&) {};
        outcomes.push_back(train_network(r));
        more = 0;
        stores = false;
      }
      for (std::size_t w = 0; w < 5; ++w) EXPECT_EQ(outcomes[0].model.network.weights[w].values, outcomes[1].model.network.weights[w].values) << w;
    }
}

// Rows with large tensors: a batch has more shares, and a share goes through the steps in parts.
TEST(Network, TakesFewRowsTogetherWhereTheyAreLarge) {
  logistic = true;
  Rows train, valid;
  make(train, 900, 3);
  make(valid, 300, 4);
  Request r = request_of(train, valid);
  r.settings.epochs = 4;
  r.settings.batch = 100;
  const auto learn = [&](std::int64_t floats, int threads) {
    more = floats;
    most_rows = calls = 0;
    r.threads = threads;
    const Outcome outcome = train_network(r);
    more = 0;
    return outcome;
  };
  const Outcome whole = learn(0, 1);
  EXPECT_EQ(most_rows, 100);
  EXPECT_EQ(calls, 4 * 9);
  const Outcome few = learn(1 << 17, 1);
  EXPECT_LE(most_rows, 9);               // 2^20 floats
  EXPECT_GE(calls, 4 * 9 * 12);
  const Outcome parallel = learn(1 << 17, 3);
  for (std::size_t w = 0; w < 5; ++w) {
    const LargeVector<float>&a = whole.model.network.weights[w].values, &b = few.model.network.weights[w].values;
    EXPECT_EQ(b, parallel.model.network.weights[w].values);
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-4) << w << " " << i;
  }
  for (std::size_t e = 0; e < 4; ++e) EXPECT_NEAR(whole.history[e].valid, few.history[e].valid, 1e-5);
  r.network.barriers = {{{0, 1}}};       // all parts of all shares meet: the same steps then
  for (const int threads : {1, 3}) {
    transient = threads == 1 ? 0 : 1000;
    first_parts = 0;
    const Outcome met = learn(1 << 17, threads);
    EXPECT_LE(most_rows, 9);
    EXPECT_EQ(wrong_sums, 0);
    EXPECT_EQ(first_parts.exchange(0), 4 * 9);
    for (std::size_t w = 0; w < 5; ++w) EXPECT_EQ(met.model.network.weights[w].values, few.model.network.weights[w].values);
  }
  transient = 0;
  r.network.barriers.clear();
  r.network.multiplied = 1 << 22;        // products read large weights: more rows at a time
  learn(1 << 17, 1);
  EXPECT_GT(most_rows, 12);
}

// As many shares as rows at most: one of them has the part that adds what is the same in all.
TEST(Network, GivesEachShareRows) {
  logistic = true;
  Rows train, valid;
  make(train, 30, 3);
  make(valid, 10, 4);
  more = (1 << 20) + 1;                  // a share has one row
  for (const bool meets : {false, true})
    for (const std::int64_t batch : {1, 2, 3, 4, 5, 6, 7, 9, 13}) {
      Request r = request_of(train, valid);
      r.settings.epochs = 1;
      r.settings.batch = batch;
      r.threads = 2;
      if (meets) r.network.barriers = {{{0, 1}}};
      first_parts = wrong_sums = rows_seen = 0;
      train_network(r);
      EXPECT_EQ(first_parts, (30 + batch - 1) / batch) << batch << meets;
      EXPECT_EQ(wrong_sums, 0) << batch << meets;
      EXPECT_EQ(rows_seen, 30) << batch << meets;
    }
  more = 0;
  first_parts = 0;
}

TEST(Network, LearnsWithRoundedProducts) {
  logistic = true;
  Rows train, valid;
  make(train, 4000, 1);
  make(valid, 1000, 2);
  Request r = request_of(train, valid);
  const Outcome floats = train_network(r);
  EXPECT_EQ(floats.model.network.precision, Precision::float32);
  r.settings.precision = Precision::bf16;
  std::vector<GradientCheck> checks;
  r.on_gradients = [&](const std::vector<GradientCheck>& all) { checks = all; };
  const Outcome one = train_network(r);
  r.on_gradients = nullptr;
  r.threads = 3;
  const Outcome three = train_network(r);
  EXPECT_EQ(one.model.network.precision, Precision::bf16);
  EXPECT_LT(one.history.back().valid, 0.2);
  EXPECT_NE(one.model.network.weights[0].values, floats.model.network.weights[0].values);
  for (std::size_t w = 0; w < 5; ++w) EXPECT_EQ(one.model.network.weights[w].values, three.model.network.weights[w].values) << w;
  ASSERT_EQ(checks.size(), 5u);          // of the derivatives, beside differences of a loss that is not rounded
  for (const GradientCheck& c : checks) EXPECT_LT(c.error, 0.03) << c.weight;
}

TEST(Network, LearnsNumbersInTheirOwnUnit) {
  logistic = false;
  Rows train, valid;
  make(train, 4000, 5);
  make(valid, 1000, 6);
  const Outcome outcome = train_network(request_of(train, valid));
  EXPECT_EQ(outcome.history[0].metric, "rmse");
  EXPECT_LT(outcome.history.back().valid, 60);  // of a deviation of about 170
  std::vector<double> scores(1000);
  model::Scorer(outcome.model).score(valid.set.columns, 1000, scores.data());
  double error = 0;
  for (int i = 0; i < 1000; ++i) error += std::pow(scores[static_cast<std::size_t>(i)] - valid.set.target[static_cast<std::size_t>(i)], 2);
  EXPECT_NEAR(std::sqrt(error / 1000), outcome.history.back().valid, 1e-6);
  // A row alone is the row among others, to the bit.
  for (std::int64_t i = 0; i < 1000; i += 37) {
    model::Matrix one = valid.set.columns;
    for (model::FeatureColumn& c : one) {
      if (c.numbers) c.numbers += i;
      if (c.bags) c.bags += i;
    }
    double alone = 0;
    model::Scorer(outcome.model).score(one, 1, &alone);
    EXPECT_EQ(alone, scores[static_cast<std::size_t>(i)]);
  }
}

TEST(Network, KeepsTheBestEpoch) {
  logistic = true;
  Rows train, valid;
  make(train, 300, 7);
  make(valid, 300, 8);
  for (std::size_t i = 0; i < valid.set.target.size(); ++i) valid.set.target[i] = i % 2 ? 1 - valid.set.target[i] : valid.set.target[i];  // nothing that is learnt helps
  Request r = request_of(train, valid);
  r.settings.early_stop = 3;
  r.settings.epochs = 200;
  const Outcome outcome = train_network(r);
  ASSERT_LT(outcome.history.size(), 200u);
  EXPECT_EQ(outcome.best_round + 3, static_cast<std::int64_t>(outcome.history.size()));
  std::vector<double> scores(300);
  double loss = 0;
  model::Scorer(outcome.model).score(valid.set.columns, 300, scores.data());
  for (std::size_t i = 0; i < 300; ++i) loss += std::log1p(std::exp(valid.set.target[i] != 0 ? -scores[i] : scores[i])) / 300;
  EXPECT_NEAR(loss, outcome.history[static_cast<std::size_t>(outcome.best_round - 1)].valid, 1e-9);
}

TEST(Network, GoesOnAsIfNothingHadHappened) {
  logistic = true;
  Rows train, valid;
  make(train, 900, 11);
  make(valid, 300, 12);
  Request r = request_of(train, valid);
  r.settings.epochs = 9;
  r.settings.early_stop = 4;
  r.settings.schedule = Schedule::cosine;
  std::vector<NetworkCheckpoint> kept;
  r.on_checkpoint = [&](const auto& make_one) { kept.push_back(make_one()); };
  const Outcome whole = train_network(r);
  ASSERT_EQ(kept.size(), whole.history.size());
  r.on_checkpoint = nullptr;
  for (const NetworkCheckpoint& from : kept) {
    r.resume = &from;
    const Outcome rest = train_network(r);
    ASSERT_EQ(rest.history.size(), whole.history.size());
    EXPECT_EQ(rest.best_round, whole.best_round);
    for (std::size_t i = 0; i < rest.history.size(); ++i) EXPECT_EQ(rest.history[i].valid, whole.history[i].valid);
    for (std::size_t w = 0; w < rest.model.network.weights.size(); ++w) EXPECT_EQ(rest.model.network.weights[w].values, whole.model.network.weights[w].values);
  }
}

TEST(Network, SaysWhatIsWrong) {
  logistic = true;
  Rows train, none;
  make(train, 500, 9);
  const auto code_of = [&](Request r) {
    try {
      train_network(r);
    } catch (const Failure& failure) {
      return failure.diagnostic.code;
    }
    return Code{};
  };
  Request steep = request_of(train, none);
  steep.network.rate = 1e30;
  EXPECT_EQ(code_of(steep), code::training_diverged);
  Request classes = request_of(train, none);
  classes.settings.loss = Loss::softmax;
  classes.classes = {"a", "b", "c"};
  EXPECT_EQ(code_of(classes), code::network_outputs);
  train.columns[1][17] = INFINITY;
  EXPECT_EQ(code_of(request_of(train, none)), code::feature_not_finite);
}

}  // namespace
}  // namespace mlp::learn
