// Bags are what columns with many zeros would be: the same models, at every path of training and scoring.
#include "base/codes/training.h"
#include "support.h"

namespace mlp::learn {
namespace {

// Two bags of counts, a number and a one-hot between them; and the same terms as number columns.
struct Both {
  Rows dense;
  std::vector<std::vector<std::vector<mlp_term>>> terms;  // bag, row
  std::vector<std::vector<mlp_bag>> bags;
  std::int32_t widths[2] = {30, 12};
  std::int32_t offered = 0;                               // columns that the first bag says it has

  explicit Both(std::int64_t n, Loss loss, std::int32_t wide = 0) : terms(2), bags(2), offered(wide > 0 ? wide : 30) {
    std::mt19937_64 rng(5);
    dense.columns.assign(44, {});
    for (std::int64_t i = 0; i < n; ++i) {
      double signal = normal(rng);
      dense.columns[0].push_back(signal);
      dense.columns[1].push_back(draw(rng) < 0.1 ? std::nan("") : static_cast<double>(rng() % 3));
      int at = 2;
      for (int b = 0; b < 2; ++b) {
        terms[b].emplace_back();
        for (std::int32_t t = 0; t < widths[b]; ++t) {
          const double v = draw(rng) < 0.15 ? static_cast<double>(1 + rng() % 4) : 0;
          dense.columns[at++].push_back(v);
          if (v > 0) terms[b].back().push_back({t, v});
          if (t % 7 == 0) signal += v * (t % 2 ? 1 : -0.7);
        }
      }
      signal += 0.5 * normal(rng);
      dense.target.push_back(loss == Loss::logistic ? signal > 0 : loss == Loss::softmax ? std::clamp(std::floor(signal + 1.5), 0.0, 2.0) : signal);
      dense.weight.push_back(i % 11 == 3 ? 0 : 0.5 + draw(rng));
    }
    for (int b = 0; b < 2; ++b)
      for (const auto& row : terms[b]) bags[b].push_back({row.data(), static_cast<std::int64_t>(row.size())});
  }
  Dataset sparse() const {
    Dataset d = dense.dataset();
    d.columns = {dense.columns[0].data(), dense.columns[1].data(), {dense.columns[0].data(), bags[0].data()}, {dense.columns[0].data(), bags[1].data()}};
    return d;
  }
  Request request(ModelKind kind, Loss loss, bool as_bags) const {
    Request r;
    r.settings.kind = kind;
    r.settings.loss = loss;
    r.settings.trees = 25;
    r.settings.min_rows = 5;
    r.settings.tolerance = 1e-13;
    r.features = {number("n"), one_hot("h", 3)};
    if (as_bags) {
      r.features.push_back({.name = "a", .bag = true, .terms = offered});
      r.features.push_back({.name = "b", .bag = true, .terms = widths[1]});
    } else {
      for (int t = 2; t < 44; ++t) r.features.push_back(number("t" + std::to_string(t)));
    }
    r.train = as_bags ? sparse() : dense.dataset();
    if (has_trees(kind)) r.valid = r.train;
    if (loss == Loss::logistic) r.classes = {"n", "y"};
    if (loss == Loss::softmax) r.classes = {"x", "y", "z"};
    return r;
  }
};

std::vector<double> scores_of(const model::Model& model, const Dataset& d) {
  std::vector<double> out(static_cast<std::size_t>(d.rows) * model.outputs());
  model::Scorer(model).score(d.columns, d.rows, out.data());
  return out;
}
// Scores of softmax are free up to a constant of the row; what follows from them is not.
std::vector<double> predictions_of(const model::Model& model, const Dataset& d) {
  std::vector<double> out(static_cast<std::size_t>(d.rows) * model::width(model));
  model::link(model, scores_of(model, d).data(), d.rows, out.data());
  return out;
}

TEST(Bags, LinearAsWithColumns) {
  for (const Loss loss : {Loss::squared, Loss::logistic, Loss::softmax, Loss::quantile})
    for (const double l1 : {0.0, 2.0})
      for (const std::int32_t wide : {0, 2500}) {  // above 2000 columns another solver
        if (loss == Loss::quantile && (wide > 0 || l1 > 0)) continue;
        const Both data(600, loss, wide);
        Request columns = data.request(ModelKind::linear, loss, false), bags = data.request(ModelKind::linear, loss, true);
        columns.settings.l1 = bags.settings.l1 = l1;
        const Outcome a = train_linear(columns), b = train_linear(bags);
        ASSERT_TRUE(model::validate(b.model).empty());
        EXPECT_TRUE(a.converged && b.converged);
        const std::vector<double> x = predictions_of(a.model, data.dense.dataset()), y = predictions_of(b.model, data.sparse());
        double apart = 0;
        for (std::size_t i = 0; i < x.size(); ++i) apart = std::max(apart, std::fabs(x[i] - y[i]));
        EXPECT_LT(apart, loss == Loss::softmax || wide > 0 ? 1e-3 : 1e-5) << static_cast<int>(loss) << ", l1 " << l1 << ", " << wide << " columns";
      }
}

TEST(Bags, TreesAsWithColumnsToTheBit) {
  for (const Loss loss : {Loss::squared, Loss::logistic, Loss::softmax})
    for (const double subsample : {1.0, 0.7}) {
      const Both data(900, loss);
      Request columns = data.request(ModelKind::gbdt, loss, false), bags = data.request(ModelKind::gbdt, loss, true);
      columns.settings.subsample = bags.settings.subsample = subsample;
      columns.settings.early_stop = bags.settings.early_stop = 3;
      const Outcome a = train_gbdt(columns), b = train_gbdt(bags);
      ASSERT_TRUE(model::validate(b.model).empty());
      EXPECT_GT(b.model.forest.terms.size(), 5u);
      EXPECT_EQ(scores_of(a.model, data.dense.dataset()), scores_of(b.model, data.sparse()));
      bags.threads = 2;
      EXPECT_EQ(bytes_of(train_gbdt(bags).model), bytes_of(b.model));
    }
}

TEST(Bags, ForestsAsWithColumnsToTheBit) {
  for (const Loss loss : {Loss::squared, Loss::logistic, Loss::softmax})
    for (const Thresholds thresholds : {Thresholds::best, Thresholds::random}) {
      const Both data(500, loss);
      Request columns = data.request(ModelKind::forest, loss, false), bags = data.request(ModelKind::forest, loss, true);
      columns.settings.thresholds = bags.settings.thresholds = thresholds;
      const Outcome a = train_forest(columns), b = train_forest(bags);
      ASSERT_TRUE(model::validate(b.model).empty());
      EXPECT_GT(b.model.forest.terms.size(), 5u);
      EXPECT_EQ(scores_of(a.model, data.dense.dataset()), scores_of(b.model, data.sparse()));
      bags.threads = 2;
      EXPECT_EQ(bytes_of(train_forest(bags).model), bytes_of(b.model));
    }
}

TEST(Bags, EveryKernelScoresAsTheReference) {
  for (const ModelKind kind : {ModelKind::gbdt, ModelKind::linear, ModelKind::forest})
    for (const std::int64_t trees : {3, 60}) {
      const Both data(400, Loss::logistic);
      Request request = data.request(kind, Loss::logistic, true);
      request.settings.trees = trees;
      request.valid = {};
      const Outcome outcome = kind == ModelKind::gbdt ? train_gbdt(request) : kind == ModelKind::forest ? train_forest(request) : train_linear(request);
      const Dataset d = data.sparse();
      std::vector<double> want(400);
      model::score_reference(outcome.model, d.columns, d.rows, want.data());
      for (const auto level : {model::Scorer::Level::portable, model::Scorer::Level::avx2, model::Scorer::Level::avx512}) {
        if (level > model::Scorer::best_level()) continue;
        model::Scorer scorer(outcome.model);
        scorer.set_level(level);
        std::vector<double> got(400);
        scorer.score(d.columns, d.rows, got.data());
        EXPECT_EQ(got, want);
        for (std::int64_t i = 0; i < 100; ++i) {  // one by one
          model::Matrix row;
          for (const model::FeatureColumn& c : d.columns) row.push_back({c.numbers + i, c.bags ? c.bags + i : nullptr});
          double one = 0;
          scorer.score(row, 1, &one);
          EXPECT_EQ(one, want[static_cast<std::size_t>(i)]);
        }
      }
    }
}

TEST(Bags, QuantilesTakeNoHugeVocabulary) {
  const Both data(200, Loss::quantile, 20'000);
  expect_failure(code::too_many_columns, [&] { train_linear(data.request(ModelKind::linear, Loss::quantile, true)); });  // E0607
}

TEST(Bags, BrokenModelsAreRefused) {
  const Both data(300, Loss::squared);
  const model::Model whole = train_gbdt(data.request(ModelKind::gbdt, Loss::squared, true)).model;
  ASSERT_TRUE(model::validate(whole).empty());
  const auto broken = [&](auto change) {
    model::Model m = whole;
    change(m);
    return !model::validate(m).empty();
  };
  EXPECT_TRUE(broken([](model::Model& m) { m.forest.terms[0].term = 30; }));
  EXPECT_TRUE(broken([](model::Model& m) { m.forest.terms[0].feature = 0; }));
  EXPECT_TRUE(broken([](model::Model& m) { std::swap(m.forest.terms[0], m.forest.terms[1]); }));
  EXPECT_TRUE(broken([](model::Model& m) { m.forest.terms.pop_back(); }));
  EXPECT_TRUE(broken([](model::Model& m) { m.features[2].bag = false; }));
  EXPECT_TRUE(broken([](model::Model& m) { m.features[2].width = 3; }));
}

}  // namespace
}  // namespace mlp::learn
