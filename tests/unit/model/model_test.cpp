// Validation, the reference's rules, links, exact mathematics.
#include <gtest/gtest.h>

#include <functional>

#include "random_model.h"
#include "runtime/model/exact_math.h"
#include "runtime/model/walk.h"

namespace mlp::model {
namespace {

Model stump() {
  Model model;
  model.features = {{.name = "x", .category = false, .width = 0, .one_hot = false}, {.name = "c", .category = true, .width = 70, .one_hot = false}};
  model.forest.base = {10};
  model.forest.category_sets = {{0b101, 1}};  // codes 0, 2, 64
  Tree tree;
  tree.feature = {0, 1, -1, -1, -1};
  tree.threshold = {2.5, 0, 0, 0, 0};
  tree.left = {1, 3, -1, -1, -1};
  tree.right = {2, 4, -1, -1, -1};
  tree.default_left = {0, 1, 0, 0, 0};
  tree.category_set = {-1, 0, -1, -1, -1};
  tree.value = {0, 0, 1, 2, 4};
  tree.cover = {3, 2, 1, 1, 1};
  tree.gain = {1, 1, 0, 0, 0};
  model.forest.trees = {tree};
  return model;
}

double score_one(const Model& model, double x, double c) {
  double out = 0;
  score_reference(model, {&x, &c}, 1, &out);
  return out;
}

TEST(Reference, FollowsTheRules) {
  const Model model = stump();
  ASSERT_TRUE(validate(model).empty());
  const double nan = std::nan("");
  EXPECT_EQ(score_one(model, 3, 0), 11);
  EXPECT_EQ(score_one(model, nan, 0), 11);     // default right
  EXPECT_EQ(score_one(model, 2.5, 0), 12);     // equal goes left
  EXPECT_EQ(score_one(model, 2.5, 2), 12);
  EXPECT_EQ(score_one(model, 2.5, 64), 12);
  EXPECT_EQ(score_one(model, 2.5, 1), 14);
  EXPECT_EQ(score_one(model, 2.5, 69), 14);
  EXPECT_EQ(score_one(model, 2.5, nan), 12);   // default left
  EXPECT_EQ(score_one(model, 2.5, 70), 12);    // beyond the width: unseen
  EXPECT_EQ(score_one(model, 2.5, -1), 12);
}

TEST(Validate, FindsEveryBrokenInvariant) {
  const std::vector<std::pair<const char*, std::function<void(Model&)>>> breaks = {
      {"no nodes", [](Model& m) { m.forest.trees[0] = Tree{}; }},
      {"short array", [](Model& m) { m.forest.trees[0].gain.pop_back(); }},
      {"child beyond the end", [](Model& m) { m.forest.trees[0].left[0] = 5; }},
      {"child far beyond the end", [](Model& m) { m.forest.trees[0].right[0] = std::numeric_limits<std::int32_t>::max(); }},
      {"child below -1", [](Model& m) { m.forest.trees[0].left[0] = std::numeric_limits<std::int32_t>::min(); }},
      {"split without a right child", [](Model& m) { m.forest.trees[0].right[0] = -1; }},
      {"leaf with a right child", [](Model& m) { m.forest.trees[0].right[2] = 3; }},
      {"cycle", [](Model& m) { m.forest.trees[0].left[1] = 0; }},
      {"node reached twice", [](Model& m) { m.forest.trees[0].right[0] = 1; }},
      {"node not reached", [](Model& m) { m.forest.trees[0].left[1] = m.forest.trees[0].right[1] = -1; }},
      {"feature below 0", [](Model& m) { m.forest.trees[0].feature[0] = -1; }},
      {"feature beyond the end", [](Model& m) { m.forest.trees[0].feature[0] = 2; }},
      {"threshold NaN", [](Model& m) { m.forest.trees[0].threshold[0] = std::nan(""); }},
      {"threshold infinite", [](Model& m) { m.forest.trees[0].threshold[0] = HUGE_VAL; }},
      {"value infinite", [](Model& m) { m.forest.trees[0].value[3] = HUGE_VAL; }},
      {"value NaN", [](Model& m) { m.forest.trees[0].value[4] = std::nan(""); }},
      {"cover negative", [](Model& m) { m.forest.trees[0].cover[0] = -1; }},
      {"gain NaN", [](Model& m) { m.forest.trees[0].gain[0] = std::nan(""); }},
      {"default_left 2", [](Model& m) { m.forest.trees[0].default_left[0] = 2; }},
      {"set out of range", [](Model& m) { m.forest.trees[0].category_set[1] = 1; }},
      {"set below -1", [](Model& m) { m.forest.trees[0].category_set[1] = -2; }},
      {"set on a number", [](Model& m) { m.forest.trees[0].category_set[0] = 0; }},
      {"number split on a category", [](Model& m) { m.forest.trees[0].category_set[1] = -1; }},
      {"set too short", [](Model& m) { m.forest.category_sets[0].pop_back(); }},
      {"set too long", [](Model& m) { m.forest.category_sets[0].push_back(0); }},
      {"set bit beyond the width", [](Model& m) { m.forest.category_sets[0][1] = 64; }},
      {"no base", [](Model& m) { m.forest.base.clear(); }},
      {"base NaN", [](Model& m) { m.forest.base[0] = std::nan(""); }},
      {"outputs 0", [](Model& m) { m.forest.outputs = 0; }},
      {"unfinished round", [](Model& m) { m.forest.outputs = 2; m.forest.base = {0, 0}; }},
      {"width of a number", [](Model& m) { m.features[0].width = 3; }},
      {"enormous width", [](Model& m) { m.features[1].width = std::numeric_limits<std::int32_t>::max(); }},
      {"negative width", [](Model& m) { m.features[1].width = -1; }},
      {"logistic without classes", [](Model& m) { m.loss = Loss::logistic; }},
      {"softmax with one output", [](Model& m) { m.loss = Loss::softmax; m.classes = {"a", "b"}; }},
      {"regression with classes", [](Model& m) { m.classes = {"a", "b"}; }},
      {"quantile 1", [](Model& m) { m.quantile = 1; }},
  };
  ASSERT_TRUE(validate(stump()).empty());
  for (const auto& [what, damage] : breaks) {
    Model model = stump();
    damage(model);
    EXPECT_FALSE(validate(model).empty()) << what;
  }
}

TEST(Validate, FindsBrokenLinearModels) {
  std::mt19937_64 rng(1);
  const std::vector<std::function<void(Model&)>> breaks = {
      [](Model& m) { m.linear.weights.pop_back(); },
      [](Model& m) { m.linear.offset[1] = 0; },
      [](Model& m) { m.linear.offset.pop_back(); },
      [](Model& m) { m.linear.width[1] = 4; },
      [](Model& m) { m.linear.intercept.push_back(0); },
      [](Model& m) { m.linear.weights[0] = std::nan(""); },
      [](Model& m) { m.linear.intercept[0] = HUGE_VAL; },
      [](Model& m) { m.linear.outputs = 0; },
      [](Model& m) { m.linear.outputs = 2; },
  };
  for (const auto& damage : breaks) {
    Model model = random_linear(rng, Shape{});
    ASSERT_TRUE(validate(model).empty());
    damage(model);
    EXPECT_FALSE(validate(model).empty());
  }
}

TEST(Validate, FindsBrokenCentresAndIsolationForests) {
  std::mt19937_64 rng(1);
  const std::vector<std::function<void(Model&)>> breaks = {
      [](Model& m) { m.centres.values.pop_back(); },
      [](Model& m) { m.centres.offset[1] = 0; },
      [](Model& m) { m.centres.width.pop_back(); },
      [](Model& m) { m.centres.width[1] = 4; },
      [](Model& m) { m.centres.values[0] = std::nan(""); },
      [](Model& m) { m.centres.clusters = 0; },
      [](Model& m) { m.centres.clusters = 5; },
      [](Model& m) { m.features[1] = {.name = "c", .category = true, .width = 3, .one_hot = false}; },
      [](Model& m) { m.classes = {"a", "b"}; },
      [](Model& m) { m.loss = Loss::squared; },
  };
  for (const auto& damage : breaks) {
    Model model = random_centres(rng, Shape{.outputs = 3});
    ASSERT_TRUE(validate(model).empty());
    damage(model);
    EXPECT_FALSE(validate(model).empty());
  }
  const std::vector<std::function<void(Model&)>> isolation = {
      [](Model& m) { m.isolation.normal = 0; },
      [](Model& m) { m.isolation.normal = HUGE_VAL; },
      [](Model& m) { m.isolation.threshold = std::nan(""); },
      [](Model& m) { m.forest.trees.clear(); },
      [](Model& m) { m.loss = Loss::logistic; },
  };
  for (const auto& damage : isolation) {
    Model model = random_forest(rng, Shape{});
    model.kind = ModelKind::isolation_forest;
    model.loss = Loss::none;
    ASSERT_TRUE(validate(model).empty());
    damage(model);
    EXPECT_FALSE(validate(model).empty());
  }
}

TEST(Link, GivesClustersAndAnomalies) {
  Model model;
  model.kind = ModelKind::kmeans;
  model.loss = Loss::none;
  double out[4];
  const double near[] = {2, 6.25, 0, 0};
  link(model, near, 2, out);
  EXPECT_EQ(out[0], 2);
  EXPECT_EQ(out[1], 2.5);
  EXPECT_EQ(out[3], 0);
  model.kind = ModelKind::isolation_forest;
  model.forest.trees.resize(4);
  model.isolation = {2, 0.5};
  const double paths[] = {8, 4};  // a mean path of `normal` is a score of one half
  link(model, paths, 2, out);
  EXPECT_NEAR(out[1], 0.5, 1e-15);
  EXPECT_NEAR(out[3], std::sqrt(0.5), 1e-15);
  EXPECT_EQ(out[2], 1);
  EXPECT_EQ(width(model), 2);
}

TEST(Link, GivesProbabilitiesAndValues) {
  Model model;
  model.loss = Loss::logistic;
  model.classes = {"no", "yes"};
  EXPECT_EQ(width(model), 2);
  const double scores[] = {0, 2, -2, 800, -800};
  double out[10];
  link(model, scores, 5, out);
  EXPECT_EQ(out[0], 0.5);
  EXPECT_EQ(out[1], 0.5);
  EXPECT_NEAR(out[3], 1 / (1 + std::exp(-2.0)), 1e-15);
  EXPECT_EQ(out[2], out[5]);  // symmetric
  EXPECT_EQ(out[7], 1);
  EXPECT_GE(out[6], 0);
  EXPECT_LT(out[9], 1e-300);

  model.loss = Loss::softmax;
  model.classes = {"a", "b", "c"};
  model.forest.outputs = 3;
  const double three[] = {1, 2, 3, 1000, -1000, 1000};
  double p[6];
  link(model, three, 2, p);
  EXPECT_NEAR(p[0] + p[1] + p[2], 1, 1e-15);
  EXPECT_NEAR(p[2] / p[1], std::exp(1.0), 1e-13);
  EXPECT_EQ(p[3], 0.5);
  EXPECT_LT(p[4], 1e-300);

  Model count;
  count.loss = Loss::poisson;
  EXPECT_EQ(width(count), 1);
  const double score = std::log(7.0);
  link(count, &score, 1, out);
  EXPECT_NEAR(out[0], 7, 1e-14);
}

TEST(ExactMath, IsCloseToTheTruth) {
  std::mt19937_64 rng(9);
  for (int i = 0; i < 200000; ++i) {
    const double x = (draw(rng) - 0.5) * 1400, e = exact_exp(x);
    ASSERT_NEAR(e / static_cast<double>(std::exp(static_cast<long double>(x))), 1, 5e-16) << x;
    const double y = std::ldexp(0.5 + draw(rng), static_cast<int>(below(rng, 2000)) - 1000);
    const double l = static_cast<double>(std::log(static_cast<long double>(y)));
    ASSERT_LE(std::fabs(exact_log(y) - l), 3e-16 * std::fabs(l) + 1e-300) << y;
  }
  EXPECT_EQ(exact_exp(0), 1);
  EXPECT_EQ(exact_log(1), 0);
  EXPECT_TRUE(std::isnan(exact_exp(std::nan(""))));
  EXPECT_EQ(exact_exp(1e9), exact_exp(709));
  EXPECT_EQ(exact_exp(-HUGE_VAL), exact_exp(-708));
  EXPECT_EQ(safe_log(0), -HUGE_VAL);
  EXPECT_EQ(safe_log(HUGE_VAL), HUGE_VAL);
  EXPECT_TRUE(std::isnan(safe_log(-1)));
  EXPECT_NEAR(safe_log(5e-324), std::log(5e-324), 1e-12);
  EXPECT_NEAR(softplus(1000), 1000, 0);
  EXPECT_NEAR(softplus(-50), 0, 1e-15);  // exact to 1e-16 in absolute terms, which is what sums of losses need
}

TEST(Codes, OutsideTheWidthAreMissing) {
  EXPECT_EQ(code_of(0, 3), 0);
  EXPECT_EQ(code_of(2, 3), 2);
  EXPECT_EQ(code_of(3, 3), -1);
  EXPECT_EQ(code_of(-1, 3), -1);
  EXPECT_EQ(code_of(std::nan(""), 3), -1);
  EXPECT_EQ(code_of(HUGE_VAL, 3), -1);
  EXPECT_EQ(code_of(-HUGE_VAL, 3), -1);
  EXPECT_EQ(code_of(1e300, 3), -1);
}

}  // namespace
}  // namespace mlp::model
