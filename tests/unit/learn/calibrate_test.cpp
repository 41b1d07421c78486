// Calibration against scikit-learn 1.9.1: IsotonicRegression(out_of_bounds="clip"), _SigmoidCalibration, and
// CalibratedClassifierCV of a frozen model with three classes; and against the definition, on random rows.
#include "base/codes/training.h"
#include "runtime/learn/calibrate.h"
#include "support.h"

namespace mlp::learn {
namespace {

constexpr std::string_view two =
    "011111100000001110000000000111101010000011111011000001111111110000011101000100001111110100000111110100000011101001000000110110100000"
    "011111010000001110101010000111100010000001111001100000111111100000011111110000001111110000000011011101000001";
constexpr std::string_view three =
    "202020110102122022200102122102222202221222201121120020200222220020102021002102211000012201220222222101002020122012122022022222122220"
    "221122121121222021020212200022022200200001010002222021212202222120221220012222120122102210120111211222222221";

model::Model model_of(std::size_t classes) {
  model::Model model;
  model.kind = ModelKind::forest;              // evidence is the score, divided by one tree
  model.loss = classes == 2 ? Loss::logistic : Loss::softmax;
  for (std::size_t c = 0; c < classes; ++c) model.classes.push_back("c" + std::to_string(c));
  model.forest.outputs = classes == 2 ? 1 : static_cast<std::int32_t>(classes);
  model.forest.base.assign(model.forest.outputs, 0.0);
  model::Tree leaf;
  leaf.add_leaf(model.forest.outputs);
  model.forest.trees = {leaf};
  return model;
}

Judged two_classes(bool weighted) {
  Judged rows;
  for (std::size_t i = 0; i < two.size(); ++i) {
    rows.evidence.push_back(static_cast<double>((i * 7919) % 331) / 32 - 5);
    rows.target.push_back(two[i] - '0');
    if (weighted) rows.weight.push_back(static_cast<double>(1 + i % 3));
  }
  return rows;
}

TEST(Calibrate, EqualsScikitLearnOnTwoClasses) {
  const double at[] = {-9, -5, -4.3, -2.01, -1, -.26, 0, .5, 1.23, 2, 3.3, 4.7, 9};
  const double plain[] = {0.0, 0.0, 0.0, 0.0, 0.16666666666666666, 0.5, 0.5, 0.5, 0.5, 0.7666666666666667, 1.0, 1.0, 1.0};
  const double weighted[] = {0.0, 0.0, 0.0, 0.0, 0.16666666666666666, 0.5063291139240507, 0.5063291139240507, 0.5063291139240507, 0.5063291139240507, 0.7590361445783133, 1.0, 1.0, 1.0};
  const model::Model model = model_of(2);
  ASSERT_EQ(two.size(), 240u);
  for (const bool with_weights : {false, true}) {
    const Judged rows = two_classes(with_weights);
    const model::Calibration isotonic = calibrate(model, Calibrate::isotonic, rows);
    EXPECT_EQ(isotonic.curves[0].x.size(), with_weights ? 16u : 20u);
    for (std::size_t i = 0; i < std::size(at); ++i) EXPECT_NEAR(model::apply(Calibrate::isotonic, isotonic.curves[0], at[i]), (with_weights ? weighted : plain)[i], 1e-14);
    const model::Calibration platt = calibrate(model, Calibrate::platt, rows);
    EXPECT_NEAR(platt.curves[0].a, with_weights ? -0.938791752906116 : -0.9020623802346582, 1e-6);
    EXPECT_NEAR(platt.curves[0].b, with_weights ? 0.631173771949004 : 0.5887581786682685, 1e-6);
  }
}

TEST(Calibrate, EqualsScikitLearnOnThreeClasses) {
  Judged rows;
  for (std::size_t i = 0; i < 240; ++i) {
    const double a = static_cast<double>((i * 37) % 64) / 128, b = static_cast<double>((i * 53) % 32) / 64;
    for (const double share : {a, b, 1 - (a + b)}) rows.evidence.push_back(share);
    rows.target.push_back(three[i] - '0');
  }
  const std::vector<double> at{.1, .2, .7, .4, .4, .2, .02, .45, .53, 0.6, 0.3, 0.1};
  const double isotonic[] = {0.1533340491785676, 0.1599484591431333, 0.6867174916782991, 0.3908035469421337, 0.37297742023951, 0.2362190328183564,
                             0.0, 0.4736556219445953, 0.5263443780554047, 0.746031746031746, 0.253968253968254, 0.0};
  const double platt[] = {0.1144687366100843, 0.1547749009763784, 0.7307563624135374, 0.4406715135223279, 0.337026471267304, 0.222302015210368,
                          0.0660450894681223, 0.4120817852771617, 0.521873125254716, 0.6527561072630391, 0.2019733401848607, 0.1452705525521001};
  model::Model model = model_of(3);
  for (const Calibrate method : {Calibrate::isotonic, Calibrate::platt}) {
    model.calibration = calibrate(model, method, rows);
    EXPECT_TRUE(model::validate(model).empty());
    std::vector<double> out(12);
    model::link(model, at.data(), 4, out.data());
    for (std::size_t i = 0; i < 12; ++i) EXPECT_NEAR(out[i], (method == Calibrate::platt ? platt : isotonic)[i], method == Calibrate::platt ? 1e-6 : 1e-14) << i;
  }
}

// No monotone assignment of shares to the rows has a smaller squared error: pools are means, means rise, and no pool could
// be divided with profit (its beginnings all have means of at least the pool's).
TEST(Calibrate, IsotonicIsTheLeastSquaresFit) {
  std::mt19937_64 rng(1);
  for (int round = 0; round < 200; ++round) {
    Judged rows;
    const std::size_t n = 3 + rng() % 60;
    for (std::size_t i = 0; i < n; ++i) {
      rows.evidence.push_back(static_cast<double>(rng() % 20) / 4);
      rows.target.push_back(static_cast<double>(i == 0 ? 0 : i == 1 ? 1 : rng() % 2));
      rows.weight.push_back(static_cast<double>(1 + rng() % 4) / 2);
    }
    const model::Curve curve = calibrate(model_of(2), Calibrate::isotonic, rows).curves[0];
    std::map<double, std::pair<double, double>> by_value;  // weight, positive weight
    for (std::size_t i = 0; i < n; ++i) by_value[rows.evidence[i]].first += rows.weight[i], by_value[rows.evidence[i]].second += rows.weight[i] * rows.target[i];
    std::map<double, std::vector<std::pair<double, double>>> pools;  // by share
    double last = -1;
    for (const auto& [z, sums] : by_value) {
      const double p = model::apply(Calibrate::isotonic, curve, z);
      ASSERT_GE(p, last);
      last = p;
      pools[p].push_back(sums);
    }
    for (const auto& [p, members] : pools) {
      double weight = 0, positive = 0, whole = 0, all = 0;
      for (const auto& [w, y] : members) whole += w, all += y;
      ASSERT_NEAR(all / whole, p, 1e-12);
      for (const auto& [w, y] : members) {
        weight += w, positive += y;
        ASSERT_GE(positive / weight, p - 1e-12);
      }
    }
  }
}

TEST(Calibrate, EvidenceOfScoresIsTheLogOddsOfTheClass) {
  model::Model model = model_of(3);
  model.kind = ModelKind::gbdt;
  const std::vector<double> scores{0.3, -1, 2, 40, 0, -40, 900, -900, 0};
  std::vector<double> evidence(9), p(9);
  model::evidence(model, scores.data(), 3, evidence.data());
  model::link(model, scores.data(), 3, p.data());
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(evidence[i], std::log(p[i] / (1 - p[i])), 1e-12);
  EXPECT_NEAR(evidence[3], 40, 1e-12);
  for (const double z : evidence) EXPECT_TRUE(std::isfinite(z));
}

TEST(Calibrate, NeedsRowsOfMoreThanOneClass) {
  Judged rows = two_classes(false);
  std::fill(rows.target.begin(), rows.target.end(), 1.0);
  expect_failure(code::nothing_to_calibrate, [&] { calibrate(model_of(2), Calibrate::platt, rows); });
  expect_failure(code::nothing_to_calibrate, [&] { calibrate(model_of(2), Calibrate::isotonic, {}); });
}

TEST(Calibrate, BrokenCurvesAreFound) {
  model::Model model = model_of(2);
  model.calibration = calibrate(model, Calibrate::isotonic, two_classes(false));
  ASSERT_TRUE(model::validate(model).empty());
  const auto broken = [&](const std::function<void(model::Model&)>& change) {
    model::Model copy = model;
    change(copy);
    return !model::validate(copy).empty();
  };
  EXPECT_TRUE(broken([](model::Model& m) { m.calibration.curves.clear(); }));
  EXPECT_TRUE(broken([](model::Model& m) { m.calibration.curves[0].x.pop_back(); }));
  EXPECT_TRUE(broken([](model::Model& m) { std::swap(m.calibration.curves[0].x[0], m.calibration.curves[0].x[1]); }));
  EXPECT_TRUE(broken([](model::Model& m) { m.calibration.curves[0].y[3] = 2; }));
  EXPECT_TRUE(broken([](model::Model& m) { m.calibration.curves[0].x[0] = std::nan(""); }));
  EXPECT_TRUE(broken([](model::Model& m) { m.calibration.curves[0] = {}; }));
  EXPECT_TRUE(broken([](model::Model& m) { m.calibration.method = Calibrate::platt; }));
  EXPECT_TRUE(broken([](model::Model& m) { m.calibration.method = Calibrate::none; }));
}

}  // namespace
}  // namespace mlp::learn
