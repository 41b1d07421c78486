// kmeans, and the metrics of clusters.
#include "base/codes/training.h"
#include "support.h"

namespace mlp::learn {
namespace {

struct Blobs {
  Rows rows;
  Request request;
};
// Rows around `centres` points on a grid, in two number features and a one-hot one that says nothing; `truth` in target.
Blobs blobs(std::int64_t n, std::int64_t clusters, std::uint64_t seed) {
  Blobs out;
  std::mt19937_64 rng(seed);
  out.rows.columns.resize(3);
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t c = i % clusters;
    out.rows.columns[0].push_back(static_cast<double>(c % 3) * 10 + normal(rng));
    out.rows.columns[1].push_back(static_cast<double>(c / 3) * 10 + normal(rng));
    out.rows.columns[2].push_back(i % 7 == 0 ? std::nan("") : static_cast<double>(rng() % 3));
    out.rows.target.push_back(static_cast<double>(c));
  }
  out.request.features = {number("a"), number("b"), one_hot("h", 3)};
  out.request.settings.kind = ModelKind::kmeans;
  out.request.settings.loss = Loss::none;
  out.request.settings.clusters = clusters;
  out.request.settings.iterations = 300;
  out.request.settings.tolerance = 1e-4;
  out.request.train = out.rows.dataset();
  return out;
}

std::string centres_of(const Outcome& outcome) {
  const auto& v = outcome.model.centres.values;
  return std::string(reinterpret_cast<const char*>(v.data()), v.size() * sizeof(double));
}

std::map<std::string, double> measured(const model::Model& model, const Rows& rows) {
  return metrics(model, predict(model, rows), rows.target, rows.weight, rows.dataset().columns);
}

TEST(Kmeans, FindsWhatIsThere) {
  const Blobs b = blobs(6000, 5, 1);
  const Outcome outcome = train_kmeans(b.request);
  EXPECT_TRUE(model::validate(outcome.model).empty());
  EXPECT_TRUE(outcome.converged);
  const auto m = measured(outcome.model, b.rows);
  EXPECT_GT(m.at("adjusted_rand"), 0.999);
  EXPECT_GT(m.at("silhouette"), 0.7);
}

TEST(Kmeans, SameBytesAtAnyNumberOfThreads) {
  Blobs b = blobs(20'000, 7, 2);
  for (std::size_t i = 0; i < b.rows.target.size(); ++i) b.rows.weight.push_back(i % 5 == 0 ? 0 : 0.25 + static_cast<double>(i % 3));
  b.request.train = b.rows.dataset();
  b.request.threads = 1;
  const std::string one = centres_of(train_kmeans(b.request));
  for (const int threads : {2, 5}) {
    b.request.threads = threads;
    EXPECT_EQ(one, centres_of(train_kmeans(b.request))) << threads;
  }
  b.request.settings.clusters = 12;  // more than there are: where the surplus goes is chance
  b.request.settings.starts = 1;
  const std::string first = centres_of(train_kmeans(b.request));
  b.request.settings.seed = 1;
  EXPECT_NE(first, centres_of(train_kmeans(b.request)));
}

TEST(Kmeans, WeightsAreRepeatedRows) {
  Blobs once = blobs(900, 4, 3), often = once;
  for (std::int64_t i = 0; i < 900; ++i) {
    once.rows.weight.push_back(static_cast<double>(i % 3));
    if (i % 3 == 2)
      for (auto& column : often.rows.columns) column.push_back(column[i]);
  }
  for (std::size_t f = 0; f < 3; ++f)
    for (std::int64_t i = 897; i >= 0; i -= 3) often.rows.columns[f].erase(often.rows.columns[f].begin() + i);
  often.rows.target.resize(often.rows.columns[0].size());
  once.request.train = once.rows.dataset();
  often.request.train = often.rows.dataset();
  const Outcome a = train_kmeans(once.request), b = train_kmeans(often.request);
  for (std::size_t i = 0; i < a.model.centres.values.size(); ++i) EXPECT_NEAR(a.model.centres.values[i], b.model.centres.values[i], 1e-9) << i;
  EXPECT_NEAR(measured(a.model, once.rows).at("inertia"), measured(b.model, often.rows).at("inertia"), 1e-6);
}

TEST(Kmeans, LargestClusterIsNumberZero) {
  Blobs b = blobs(3000, 3, 4);
  std::vector<std::int64_t> keep;
  for (auto& column : b.rows.columns) {
    std::vector<double> some;
    for (std::int64_t i = 0; i < 3000; ++i)
      if (i % 3 == 0 || i < 600 || (i % 3 == 1 && i < 1800)) some.push_back(column[i]);
    column = some;
  }
  b.rows.target.assign(b.rows.columns[0].size(), 0);
  b.request.train = b.rows.dataset();
  const model::Model model = train_kmeans(b.request).model;
  std::vector<int> size(3, 0);
  const auto p = predict(model, b.rows);
  for (std::size_t i = 0; i < p.size(); i += 2) ++size[static_cast<std::size_t>(p[i])];
  EXPECT_GT(size[0], size[1]);
  EXPECT_GT(size[1], size[2]);
}

// No centre is left without rows, whatever the start: as many clusters as different rows gives each its own.
TEST(Kmeans, EveryClusterHasRows) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Rows rows;
    rows.columns = {{}, {}};
    for (int i = 0; i < 60; ++i) {
      rows.columns[0].push_back(i % 12);
      rows.columns[1].push_back(i % 12 == 11 ? 1000 : 0);
      rows.target.push_back(0);
    }
    Request request = blobs(10, 2, 1).request;
    request.features = {number("a"), number("b")};
    request.settings.clusters = 12;
    request.settings.starts = 1;
    request.settings.seed = seed;
    request.train = rows.dataset();
    const Outcome outcome = train_kmeans(request);
    std::set<double> used;
    const auto p = predict(outcome.model, rows);
    for (std::size_t i = 0; i < p.size(); i += 2) used.insert(p[i]);
    EXPECT_EQ(used.size(), 12u) << seed;
    EXPECT_EQ(measured(outcome.model, rows).at("inertia"), 0) << seed;
    request.settings.clusters = 13;
    expect_failure(code::too_few_rows, [&] { train_kmeans(request); });
  }
}

TEST(Kmeans, FaultsOfTheData) {
  Blobs b = blobs(100, 2, 5);
  b.rows.columns[0][3] = std::nan("");
  b.request.train = b.rows.dataset();
  expect_failure(code::feature_not_finite, [&] { train_kmeans(b.request); });
  b.rows.columns[0][3] = HUGE_VAL;
  b.request.train = b.rows.dataset();
  expect_failure(code::feature_not_finite, [&] { train_kmeans(b.request); });
  b.rows.columns[0][3] = 0;
  b.rows.weight.assign(100, 0);
  b.request.train = b.rows.dataset();
  expect_failure(code::no_training_rows, [&] { train_kmeans(b.request); });
  b.rows.weight[0] = -1;
  b.request.train = b.rows.dataset();
  expect_failure(code::bad_weight, [&] { train_kmeans(b.request); });
}

// Best of 10 starts of scikit-learn 1.9.1: KMeans(k, n_init=10, random_state=0) on the numbers of the examples' data, missing ones
// replaced by the median, standardised by mean and population deviation of the rows with i % 5 != 0, which are those that are fitted.
void near_scikit_learn(const Source& source, std::int64_t clusters, double inertia) {
  const auto task = load(source, Shape::linear);
  ASSERT_TRUE(task);
  Request request = task->request;
  request.settings = {};
  request.settings.kind = ModelKind::kmeans;
  request.settings.loss = Loss::none;
  request.settings.clusters = clusters;
  request.settings.iterations = 300;
  request.settings.tolerance = 1e-4;
  request.classes = {};
  const double ours = measured(train_kmeans(request).model, task->train).at("inertia");
  std::printf("inertia %.1f, scikit-learn's best of 10: %.1f\n", ours, inertia);
  EXPECT_LE(ours, inertia * 1.01);
}
TEST(Kmeans, CaliforniaHousingNearScikitLearn) {
  near_scikit_learn({.file = "california-housing/data/california-housing.csv", .target = "median_house_value", .positive = "", .categories = {}, .dropped = {"ocean_proximity"}, .missing = ""}, 6, 49993.72);
}
TEST(Kmeans, DiamondsNearScikitLearn) {
  near_scikit_learn({.file = "diamonds/data/diamonds.csv", .target = "price", .positive = "", .categories = {}, .dropped = {"cut", "color", "clarity"}, .missing = ""}, 8, 61701.02);
}
TEST(Kmeans, AdultNearScikitLearn) {
  near_scikit_learn({.file = "adult/data/adult.csv.gz", .target = "income", .positive = ">50K", .categories = {}, .dropped = {"workclass", "education", "marital_status", "occupation", "relationship", "race", "sex", "native_country"}, .missing = "?"}, 10, 71416.63);
}

// scikit-learn 1.9.1: silhouette_score, calinski_harabasz_score, davies_bouldin_score, adjusted_rand_score on these rows.
TEST(ClusterMetrics, EqualScikitLearn) {
  model::Model model;
  model.kind = ModelKind::kmeans;
  model.loss = Loss::none;
  model.features = {number("a"), number("b"), one_hot("h", 2)};
  model.centres = {.clusters = 3, .offset = {0, 1, 2}, .width = {0, 0, 2}, .values = {0, 0, 0.5, 0.5, 4, 1, 0, 1, 9, 9, 0, 0}};
  Rows rows;
  rows.columns = {{0, 1, 0.5, -1, 4, 5, 3.5, 4.25, 2.1, 8}, {0, 0.25, -1, 0.5, 1, 0, 2, 1.5, 0.75, 8}, {0, 1, 0, 1, 1, 1, 0, 1, 1, 0}};
  rows.target = {0, 0, 0, 1, 1, 1, 1, 1, std::nan(""), 2};
  const auto p = predict(model, rows);
  const std::vector<double> expected = {0, 0, 0, 0, 1, 1, 1, 1, 1, 2};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(p[2 * i], expected[i]) << i;
  const auto m = measured(model, rows);
  EXPECT_NEAR(m.at("silhouette"), 0.44840240654283103, 1e-12);
  EXPECT_NEAR(m.at("calinski_harabasz"), 28.452100339152036, 1e-12);
  EXPECT_NEAR(m.at("davies_bouldin"), 0.45346119103993754, 1e-12);
  EXPECT_NEAR(m.at("adjusted_rand"), 0.5714285714285714, 1e-12);
}

TEST(ClusterMetrics, OneClusterHasNone) {
  Blobs b = blobs(100, 2, 6);
  const model::Model model = train_kmeans(b.request).model;
  Rows one = b.rows;
  for (auto& column : one.columns) column.resize(1);
  one.target.resize(1);
  const auto m = measured(model, one);
  EXPECT_TRUE(std::isnan(m.at("silhouette")));
  EXPECT_TRUE(std::isnan(m.at("davies_bouldin")));
  EXPECT_TRUE(std::isnan(m.at("calinski_harabasz")));
}

}  // namespace
}  // namespace mlp::learn
