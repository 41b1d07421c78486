// The passes of a design against plain loops: rows that end anywhere, rows left out, no numbers, entries of one-hot features.
#include "runtime/learn/design.h"

#include "support.h"

namespace mlp::learn {
namespace {

TEST(Design, PassesAreThePlainSums) {
  Pool pool(2);
  std::mt19937_64 rng(3);
  for (const std::int64_t n : {3, 33, 1000, 5003}) {
    for (const std::int32_t numbers : {0, 1, 3, 4, 29, 70}) {
      for (const bool hot : {false, true}) {
        if (numbers == 0 && !hot) continue;
        Rows rows;
        rows.columns.assign(numbers + (hot ? 1 : 0), {});
        std::vector<model::FeatureInfo> features(numbers, number("v"));
        if (hot) features.push_back(one_hot("h", 3));
        for (std::int64_t i = 0; i < n; ++i) {
          for (std::int32_t j = 0; j < numbers; ++j) rows.columns[j].push_back(100 * j + (j + 1) * normal(rng));
          if (hot) rows.columns[numbers].push_back(rng() % 7 == 0 ? std::nan("") : static_cast<double>(rng() % 3));
          rows.target.push_back(normal(rng));
          if (numbers != 3) rows.weight.push_back(numbers % 2 && i % 5 == 1 ? 0 : draw(rng) + 0.5);
        }
        const Dataset data = rows.dataset();
        const std::vector<std::int64_t> used = rows_in_use(data);
        const Labels labels = labels_of(data, used);
        const Design design(data, features, used, labels, pool);
        const std::int64_t count = design.rows(), size = design.columns() + 1;
        std::vector<std::vector<double>> x(count, std::vector<double>(size, 0.0));
        for (std::int32_t j = 0; j < numbers; ++j) {
          double mean = 0, squares = 0;
          for (std::int64_t i = 0; i < count; ++i) mean += labels.weight_at(i) * rows.columns[j][used[i]] / labels.total_weight;
          for (std::int64_t i = 0; i < count; ++i) squares += labels.weight_at(i) * std::pow(rows.columns[j][used[i]] - mean, 2) / labels.total_weight;
          EXPECT_NEAR(design.scale()[j], std::sqrt(squares), 1e-10 * (j + 1));
          for (std::int64_t i = 0; i < count; ++i) x[i][j] = (rows.columns[j][used[i]] - mean) / std::sqrt(squares);
        }
        for (std::int64_t i = 0; i < count; ++i) {
          if (hot && rows.columns[numbers][used[i]] >= 0) x[i][numbers + static_cast<std::int64_t>(rows.columns[numbers][used[i]])] = 1;
          x[i][size - 1] = 1;
        }
        std::vector<double> weights(2 * size), factors(2 * count), scores(2 * count), sums(2 * size);
        for (double& v : weights) v = normal(rng);
        for (double& v : factors) v = draw(rng);
        const auto score = [&](std::int64_t i, std::int64_t k) {
          double sum = 0;
          for (std::int64_t j = 0; j < size; ++j) sum += weights[k * size + j] * x[i][j];
          return sum;
        };
        design.multiply(weights.data(), 2, scores.data());
        for (std::int64_t i = 0; i < count; ++i)
          for (std::int64_t k = 0; k < 2; ++k) ASSERT_NEAR(scores[k * count + i], score(i, k), 1e-9);
        for (const std::int64_t every : {1, 3}) {
          const auto taken = [&](std::int64_t i) { return i / design.tile() % every == 0; };
          const auto factor = [&](std::int32_t k, std::int64_t begin, std::int64_t rows_of, const double* scored, double* out) {
            for (std::int64_t i = 0; i < rows_of; ++i) {
              EXPECT_NEAR(scored[i], score(begin + i, 0), 1e-9);
              out[i] = factors[k * count + begin + i];
            }
          };
          design.multiply_transposed(weights.data(), factor, 2, every, sums.data());
          const std::vector<double> gram = design.gram(weights.data(), factor, every);
          for (std::int64_t j = 0; j < size; ++j) {
            for (std::int64_t k = 0; k < 2; ++k) {
              double sum = 0;
              for (std::int64_t i = 0; i < count; ++i) sum += taken(i) ? factors[k * count + i] * x[i][j] : 0;
              ASSERT_NEAR(sums[k * size + j], sum, 1e-8) << n << ' ' << numbers << ' ' << j;
            }
            for (std::int64_t k = 0; k < size; ++k) {
              double sum = 0;
              for (std::int64_t i = 0; i < count; ++i) sum += taken(i) ? factors[i] * x[i][j] * x[i][k] : 0;
              ASSERT_NEAR(gram[j * size + k], sum, 1e-8) << n << ' ' << numbers << ' ' << j << ' ' << k;
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace mlp::learn
