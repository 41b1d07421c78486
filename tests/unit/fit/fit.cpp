#include "runtime/fit/fit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "base/diagnostic.h"
#include "stdlib/builtins/kernels.h"

namespace mlp::fit {
namespace {

const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();

struct Texts {
  std::vector<std::string> own;
  std::vector<mlp_string> values;
  std::vector<std::uint8_t> present;
  explicit Texts(std::vector<std::string> texts) : own(std::move(texts)) {  // "~" is null
    for (const std::string& s : own) {
      values.push_back(s == "~" ? mlp_string{"", 0} : mlp_string{s.data(), static_cast<std::int64_t>(s.size())});
      present.push_back(s != "~");
    }
  }
};

template <class F>
std::string code_of(const F& f) {
  try {
    f();
  } catch (const Failure& failure) {
    return std::string(info(failure.diagnostic.code).code) + " " + failure.diagnostic.message;
  }
  return "none";
}

TEST(Fit, SumsAreExact) {
  EXPECT_EQ(sum({}), 0);
  EXPECT_EQ(sum({nan}), 0);
  EXPECT_EQ(sum({1e308, 1, -1e308}), 1);
  EXPECT_EQ(sum({1e16, 1, 1, -1e16}), 2);
  EXPECT_EQ(sum(std::vector<double>(10, 0.1)), 1.0);
  EXPECT_EQ(sum({1e308, 1e308, -1e308, -1e308, 3}), 3);      // overflows half-way
  EXPECT_EQ(sum({1e308, 1e308}), inf);
  EXPECT_EQ(sum({inf, 1}), inf);
  EXPECT_TRUE(std::isnan(sum({inf, -inf})));
  EXPECT_EQ(sum({1, 0x1p-53, 0x1p-106}), 1 + 0x1p-52);      // half-way, decided far below
  EXPECT_EQ(sum({5e-324, -5e-324, 5e-324}), 5e-324);
}

TEST(Fit, SumsDoNotDependOnTheOrder) {
  std::mt19937_64 random(1);
  std::vector<double> values;
  for (int i = 0; i < 20000; ++i) values.push_back(std::ldexp(static_cast<double>(random() >> 11) - 0x1p52, static_cast<int>(random() % 200) - 100));
  const double want = sum(values), middle = mean(values, "m"), spread = variance(values, "v"), half = quantile(values, 0.37, "q");
  for (int turn = 0; turn < 5; ++turn) {
    std::shuffle(values.begin(), values.end(), random);
    EXPECT_EQ(sum(values), want);
    EXPECT_EQ(mean(values, "m"), middle);
    EXPECT_EQ(variance(values, "v"), spread);
    EXPECT_EQ(quantile(values, 0.37, "q"), half);
  }
}

TEST(Fit, Moments) {
  EXPECT_EQ(mean({1, nan, 3}, "m"), 2);
  EXPECT_EQ(variance({2, 4, 4, 4, 5, 5, 7, 9}, "v"), 4);
  EXPECT_EQ(variance({7, nan}, "v"), 0);
  EXPECT_NEAR(variance({1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16}, "v"), 22.5, 1e-12);
  EXPECT_EQ(minimum({3, nan, -1}, "m"), -1);
  EXPECT_EQ(maximum({3, nan, -1}, "m"), 3);
  EXPECT_FALSE(std::signbit(minimum({-0.0, 0.0}, "m")));
  EXPECT_EQ(minimum({inf, -inf}, "m"), -inf);
  EXPECT_EQ(count({1, nan, 2}), 2);
  for (const auto& f : {mean, variance, minimum, maximum}) EXPECT_EQ(code_of([&] { f({nan}, "mean(x)"); }), "E0521 `mean(x)` has no value: the train rows are all null there");
  EXPECT_EQ(code_of([] { mean({inf, 1}, "mean(x)"); }).substr(0, 37), "E0521 `mean(x)` is no finite number: ");
  EXPECT_EQ(code_of([] { quantile({}, 0.5, "q"); }).substr(0, 5), "E0521");
}

// R: quantile(c(1, 2, 4, 8, 16), c(0, .1, .25, .5, .9, 1)), type 7.
TEST(Fit, QuantilesAreOfTypeSeven) {
  const std::vector<double> values{16, 2, nan, 8, 1, 4};
  const std::vector<std::pair<double, double>> wanted{{0, 1}, {0.1, 1.4}, {0.25, 2}, {0.5, 4}, {0.9, 12.8}, {1, 16}};
  for (const auto& [p, want] : wanted) EXPECT_DOUBLE_EQ(quantile(values, p, "q"), want) << p;
  EXPECT_EQ(quantile({5}, 0.3, "q"), 5);
  EXPECT_EQ(quantile({-inf, inf, inf}, 1, "q"), inf);
  EXPECT_EQ(quantile({inf, inf}, 0.5, "q"), inf);
  EXPECT_EQ(quantile({-1.7e308, 1.7e308}, 0.5, "q"), 0);
  std::mt19937_64 random(2);
  std::vector<double> many;
  for (int i = 0; i < 1001; ++i) many.push_back(static_cast<double>(random() % 500));
  std::vector<double> sorted = many;
  std::sort(sorted.begin(), sorted.end());
  for (int i = 0; i <= 1000; i += 7) EXPECT_EQ(quantile(many, i / 1000.0, "q"), sorted[static_cast<std::size_t>(i)]) << i;
}

TEST(Fit, Vocabularies) {
  const Texts t({"b", "a", "~", "b", "c", "a", "b", "", "\xC3\xA9", "B"});
  EXPECT_EQ(most_frequent(t.values, t.present, "m"), "b");
  EXPECT_EQ(most_frequent(Texts({"z", "y"}).values, {}, "m"), "y");
  EXPECT_EQ(code_of([] { most_frequent(Texts({"~"}).values, {0}, "mode"); }).substr(0, 5), "E0521");
  const FittedTable all = vocabulary(t.values, t.present, 0, 1);
  EXPECT_EQ(all.keys, (std::vector<std::string>{"", "B", "a", "b", "c", "\xC3\xA9"}));
  EXPECT_EQ(all.values, (std::vector<double>{1, 1, 2, 3, 1, 1, 0}));
  EXPECT_EQ(vocabulary(t.values, t.present, 0, 2).keys, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(vocabulary(t.values, t.present, 3, 1).keys, (std::vector<std::string>{"", "a", "b"}));
  EXPECT_EQ(vocabulary({}, {}, 3, 1).values, std::vector<double>{0});
  const FittedTable f = frequencies(t.values, t.present);
  EXPECT_EQ(f.keys, all.keys);
  EXPECT_EQ(f.values[3], 3.0 / 9);
  EXPECT_EQ(f.values.back(), 0);
}

TEST(Fit, TargetMeansByHand) {
  const Texts t({"a", "b", "a", "~", "a", "b"});
  const std::vector<double> y{1, 0, 0, 1, 1, nan};
  const FittedTable got = target_means(t.values, t.present, y, {0, 0, 1, 1, 1, 0}, 2, 2);
  EXPECT_EQ(got.keys, (std::vector<std::string>{"a", "b"}));
  // all: a 2 of 3, b 0 of 1, mean 2/4 · without fold 0: a 1 of 2, mean 1/2 · without fold 1: a 1 of 1, b 0 of 1, mean 1/2
  EXPECT_EQ(got.values, (std::vector<double>{3.0 / 5, 1.0 / 3, 0.5, 2.0 / 4, 0.5, 0.5, 2.0 / 3, 1.0 / 3, 0.5}));
  const FittedTable plain = target_means(t.values, t.present, y, {}, 0, 0);
  EXPECT_EQ(plain.values, (std::vector<double>{2.0 / 3, 0, 0.5}));
  const FittedTable whole = target_means(t.values, t.present, y, {0, 0, 0, 0, 0, 0}, 1, 0);
  EXPECT_EQ(whole.values, (std::vector<double>{2.0 / 3, 0, 0.5, 0.5, 0.5, 0.5}));
}

TEST(Fit, TargetMeansAgreeWithBruteForceAndLeakNothing) {
  std::mt19937_64 random(3);
  std::vector<std::string> keys;
  std::vector<double> y;
  std::vector<std::int32_t> fold;
  for (int i = 0; i < 3000; ++i) {
    keys.push_back(random() % 11 == 0 ? "~" : "k" + std::to_string(random() % 40));
    y.push_back(static_cast<double>(random() % 1000));
    fold.push_back(static_cast<std::int32_t>(random() % 5));
  }
  const Texts t(keys);
  const FittedTable got = target_means(t.values, t.present, y, fold, 5, 10);
  const std::size_t width = got.keys.size() + 1;
  for (int f = -1; f < 5; ++f) {
    double all = 0, n = 0;
    std::map<std::string, std::pair<double, double>> by_key;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (keys[i] == "~" || fold[i] == f) continue;
      all += y[i];
      n += 1;
      by_key[keys[i]].first += y[i];
      by_key[keys[i]].second += 1;
    }
    for (std::size_t k = 0; k + 1 < width; ++k) {
      const auto [s, c] = by_key[got.keys[k]];
      EXPECT_DOUBLE_EQ(got.values[static_cast<std::size_t>(f + 1) * width + k], (s + 10 * (all / n)) / (c + 10));
    }
    EXPECT_EQ(got.values[static_cast<std::size_t>(f + 1) * width + width - 1], all / n);
  }
  // Another target in fold 2 changes every table but the one that fold 2 reads.
  std::vector<double> changed = y;
  for (std::size_t i = 0; i < changed.size(); ++i)
    if (fold[i] == 2) changed[i] += 1e6;
  const FittedTable other = target_means(t.values, t.present, changed, fold, 5, 10);
  for (std::size_t k = 0; k < width; ++k) {
    EXPECT_EQ(got.values[3 * width + k], other.values[3 * width + k]);
    EXPECT_NE(got.values[k], other.values[k]);
  }
}

TEST(Fit, TheViewFindsEveryKey) {
  Fitted fitted;
  fitted.numbers = {1.5, 2.5};
  fitted.texts = {"x", ""};
  std::vector<std::string> keys;
  for (int i = 0; i < 1000; ++i) keys.push_back("key " + std::to_string(i));
  const Texts t(keys);
  fitted.tables = {vocabulary({}, {}, 0, 1), vocabulary(t.values, {}, 0, 1), frequencies(Texts({"a", "b", "a"}).values, {})};
  FittedView first(fitted);
  const FittedView moved(std::move(first));
  const mlp_fitted* view = moved.get();
  EXPECT_EQ(view->numbers[1], 2.5);
  EXPECT_EQ(view->texts[0].size, 1);
  EXPECT_EQ(mlp_dictionary_find(view->tables[0].dictionary, "a", 1), 0);
  for (std::size_t k = 0; k < fitted.tables[1].keys.size(); ++k) {
    const std::string& key = fitted.tables[1].keys[k];
    EXPECT_EQ(mlp_dictionary_find(view->tables[1].dictionary, key.data(), static_cast<std::int64_t>(key.size())), static_cast<std::int64_t>(k));
  }
  EXPECT_EQ(mlp_dictionary_find(view->tables[1].dictionary, "nope", 4), 1000);
  EXPECT_EQ(mlp_table_value(&view->tables[2], mlp_dictionary_find(view->tables[2].dictionary, "a", 1), -1), 2.0 / 3);
  EXPECT_EQ(mlp_table_value(&view->tables[2], 2, -1), 0);
}

}  // namespace
}  // namespace mlp::fit
