// The scorer against the reference, bit for bit.
#include <gtest/gtest.h>

#include <cstring>

#include "random_model.h"
#include "runtime/model/exact_math.h"
#include "runtime/model/kernels.h"

namespace mlp::model {
namespace {

constexpr Scorer::Level levels[] = {Scorer::Level::portable, Scorer::Level::avx2, Scorer::Level::avx512};

// Rows of floats against the reference on the same numbers as columns of doubles. A row holds features in some order, with
// other numbers between them.
void expect_same_rows(const Model& model, const RandomRows& rows, std::int64_t count, std::string_view what) {
  const std::int32_t features = static_cast<std::int32_t>(model.features.size());
  std::vector<std::int32_t> places(features);
  for (std::int32_t f = 0; f < features; ++f) places[f] = f % 3 == 0 ? 2 * f + 1 : 2 * (features - f);
  const std::int64_t stride = 2 * features + 5;
  std::vector<float> floats(static_cast<std::size_t>(count * stride), std::nanf(""));
  RandomRows wide;
  for (std::int32_t f = 0; f < features; ++f) {
    wide.columns.emplace_back();
    for (std::int64_t i = 0; i < count; ++i) {
      const float v = static_cast<float>(rows.columns[f][i]);
      floats[static_cast<std::size_t>(i * stride + places[f])] = v;
      wide.columns[f].push_back(v);
    }
  }
  std::vector<double> wanted(static_cast<std::size_t>(count) * model.outputs() + 1, 7.0), got;
  score_reference(model, wide.matrix(), count, wanted.data());
  Scorer scorer(model, places);
  ASSERT_TRUE(scorer.scores_rows());
  for (const Scorer::Level level : levels) {
    if (level > Scorer::best_level()) continue;
    scorer.set_level(level);
    got.assign(wanted.size(), 7.0);
    scorer.score_rows(floats.data(), stride, count, got.data());
    ASSERT_EQ(std::memcmp(wanted.data(), got.data(), wanted.size() * sizeof(double)), 0) << what << ", rows of floats, level " << static_cast<int>(level) << ", rows " << count;
  }
}

void expect_same(const Model& model, const RandomRows& rows, std::int64_t count, std::string_view what) {
  ASSERT_EQ(validate(model), std::vector<std::string>{});
  const std::size_t size = static_cast<std::size_t>(count) * model.outputs();
  std::vector<double> wanted(size + 1, 7.0), got;
  score_reference(model, rows.matrix(), count, wanted.data());
  Scorer scorer(model);
  for (const Scorer::Level level : levels) {
    if (level > Scorer::best_level()) continue;
    scorer.set_level(level);
    got.assign(size + 1, 7.0);
    scorer.score(rows.matrix(), count, got.data());
    ASSERT_EQ(std::memcmp(wanted.data(), got.data(), (size + 1) * sizeof(double)), 0)
        << what << ", level " << static_cast<int>(level) << ", rows " << count;
  }
  const bool numbers = std::all_of(model.features.begin(), model.features.end(), [](const FeatureInfo& f) { return f.width == 0; });
  if (has_trees(model.kind) && numbers) expect_same_rows(model, rows, count, what);
}

TEST(Scorer, EqualsReferenceOnRandomForests) {
  std::mt19937_64 rng(1);
  for (int round = 0; round < 150; ++round) {
    Shape shape;
    shape.features = 1 + static_cast<std::int32_t>(below(rng, 12));
    shape.outputs = round % 5 == 0 ? 3 : 1;
    shape.trees = 1 + static_cast<std::int32_t>(below(rng, 90));
    const std::int32_t leaves[] = {1, 2, 8, 16, 31, 32, 64, 100, 255, 256};
    shape.leaves = leaves[round % 10];
    const std::int64_t grids[] = {2, 14, 30, 60, 200, 254, 600};
    shape.grid = grids[round % 7];
    shape.kind = round % 3 == 0 ? ModelKind::forest : ModelKind::gbdt;
    const Model model = random_forest(rng, shape);
    if (round % 4 == 1) shape.widths = {0};
    const std::int64_t rows = round < 20 ? round : below(rng, round % 10 == 3 ? 1300 : 200);
    expect_same(model, random_rows(rng, model, rows, shape.grid), rows, "forest " + std::to_string(round));
  }
}

TEST(Scorer, EqualsReferenceOnLargeTrees) {
  std::mt19937_64 rng(2);
  for (const std::int32_t leaves : {257, 400, 1000, 1000}) {
    for (const ModelKind kind : {ModelKind::gbdt, ModelKind::forest}) {
      Shape shape{.features = 8, .outputs = kind == ModelKind::forest ? 3 : 1, .trees = 6, .leaves = leaves, .grid = 3000};
      shape.kind = kind;
      const Model model = random_forest(rng, shape);
      for (const std::int64_t rows : {1, 7, 8, 255, 256, 257, 700}) expect_same(model, random_rows(rng, model, rows, shape.grid), rows, "large trees");
    }
  }
}

TEST(Scorer, EqualsReferenceOnEveryRankTableSize) {
  std::mt19937_64 rng(3);
  for (std::int64_t grid = 1; grid < 700; grid += grid < 70 ? 1 : grid > 250 && grid < 258 ? 1 : 13) {
    Shape shape{.features = 2, .outputs = 1, .trees = 60, .leaves = 60, .grid = grid, .widths = {0}};
    const Model model = random_forest(rng, shape);
    expect_same(model, random_rows(rng, model, 100, grid), 100, "grid " + std::to_string(grid));
  }
}

TEST(Scorer, EqualsReferenceOnManyNumberColumns) {
  std::mt19937_64 rng(4);
  for (const std::int32_t features : {60, 127, 128, 400}) {
    Shape shape{.features = features, .outputs = 2, .trees = 70, .leaves = 31, .grid = 100, .widths = {0, 0, 0, 5}};
    const Model model = random_forest(rng, shape);
    for (const std::int64_t rows : {1, 3, 40}) expect_same(model, random_rows(rng, model, rows, shape.grid), rows, "many columns");
  }
}

// More tests than are answered together, and blocks that are full, nearly full or begun.
TEST(Scorer, EqualsReferenceOnManyTests) {
  std::mt19937_64 rng(8);
  for (const std::vector<std::int32_t>& widths : {std::vector<std::int32_t>{0}, {0, 0, 0, 9}}) {
    Shape shape{.features = 90, .outputs = 1, .trees = 150, .leaves = 256, .grid = 252, .widths = widths};
    const Model model = random_forest(rng, shape);
    for (const std::int64_t rows : {7, 8, 23, 24, 63, 64, 65, 128, 511, 512, 513, 1100}) expect_same(model, random_rows(rng, model, rows, shape.grid), rows, "many tests");
  }
}

// Thresholds that no float is equal to, and floats beside them.
TEST(Scorer, EqualsReferenceOnThresholdsBetweenFloats) {
  std::mt19937_64 rng(9);
  const auto any_float = [&] {
    float v;
    const std::uint32_t bits = static_cast<std::uint32_t>(rng());
    std::memcpy(&v, &bits, sizeof v);
    return v == v ? v : 1.5f;
  };
  const double odd[] = {0.0, -0.0, 1e-320, -1e-320, 1e-45, 5e-324, 1e39, -1e39, std::numeric_limits<double>::max(), -std::numeric_limits<double>::max(), std::numeric_limits<float>::max(),
                        -std::numeric_limits<float>::max(), std::numeric_limits<float>::min(), std::numeric_limits<float>::denorm_min(), -std::numeric_limits<float>::denorm_min()};
  for (int round = 0; round < 60; ++round) {
    Shape shape{.features = 5, .outputs = 1, .trees = 1 + round, .leaves = 64, .grid = 200, .widths = {0}};
    Model model = random_forest(rng, shape);
    std::vector<double> thresholds;
    for (Tree& tree : model.forest.trees)
      for (std::size_t i = 0; i < tree.left.size(); ++i) {
        if (tree.left[i] < 0) continue;
        const double v = below(rng, 4) == 0 ? odd[below(rng, std::size(odd))] : any_float();
        const double threshold = below(rng, 3) == 0 ? v : std::nextafter(v, below(rng, 2) ? 1e300 : -1e300);
        tree.threshold[i] = std::isfinite(threshold) ? threshold : 0.5;
        thresholds.push_back(tree.threshold[i]);
      }
    RandomRows rows = random_rows(rng, model, 600, shape.grid);
    for (auto& column : rows.columns)
      for (double& v : column) {
        if (thresholds.empty() || below(rng, 4) == 0) continue;
        const float near = static_cast<float>(thresholds[below(rng, static_cast<std::int64_t>(thresholds.size()))]);
        v = below(rng, 3) == 0 ? near : std::nextafter(near, below(rng, 2) ? HUGE_VALF : -HUGE_VALF);
      }
    for (const std::int64_t count : {3, 600}) expect_same(model, rows, count, "thresholds between floats");
  }
}

TEST(Scorer, TakesRowsOfNumbersWithPlacesOnly) {
  std::mt19937_64 rng(10);
  const Model numbers = random_forest(rng, {.features = 3, .widths = {0}}), categories = random_forest(rng, {.features = 3, .widths = {0, 4}});
  EXPECT_TRUE(Scorer(numbers, {0, 1, 2}).scores_rows());
  EXPECT_FALSE(Scorer(numbers).scores_rows());
  EXPECT_FALSE(Scorer(numbers, {0, -1, 2}).scores_rows());
  EXPECT_FALSE(Scorer(categories, {0, 1, 2}).scores_rows());
  EXPECT_FALSE(Scorer(random_linear(rng, {.features = 3, .widths = {0}}), {0, 1, 2}).scores_rows());
}

TEST(Kernels, SigmoidsAreTheSameAtEveryLevel) {
  std::mt19937_64 rng(11);
  std::vector<double> scores;
  for (int i = 0; i < 1003; ++i) scores.push_back(i % 50 == 0 ? odd_number(rng, 100) : (draw(rng) - 0.5) * (i % 7 == 0 ? 2000 : 20));
  for (const Scorer::Level level : levels) {
    if (level > Scorer::best_level()) continue;
    std::vector<double> out(2 * scores.size());
    kernels_of(level).sigmoids(scores.data(), static_cast<std::int64_t>(scores.size()), out.data());
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const double wanted[] = {sigmoid(-scores[i]), sigmoid(scores[i])};
      ASSERT_EQ(std::memcmp(wanted, &out[2 * i], sizeof wanted), 0) << "level " << static_cast<int>(level) << ", score " << scores[i];
    }
  }
}

// Of rows that fill no word the others have leaves too: their values are looked up and thrown away.
TEST(Kernels, NumberFillsWholeWords) {
  for (const Scorer::Level level : levels) {
    if (level > Scorer::best_level()) continue;
    for (const std::int64_t rows : {1, 9, 33, 65, 300, 511}) {
      constexpr std::int32_t leaves = 3;
      alignas(64) std::uint64_t at[leaves * block_words] = {};
      std::fill_n(at + words_of(rows), words_of(rows), ~std::uint64_t{0});  // all reach leaf 1
      std::vector<std::uint8_t> leaf(block_rows, 255);
      kernels_of(level).number(at, leaves, rows, leaf.data());
      const std::int64_t whole = (rows + 63) / 64 * 64;
      EXPECT_EQ(std::count(leaf.begin(), leaf.begin() + whole, 1), whole) << static_cast<int>(level) << " " << rows;
    }
  }
}

TEST(Scorer, EqualsReferenceOnLinearModels) {
  std::mt19937_64 rng(5);
  for (int round = 0; round < 40; ++round) {
    Shape shape;
    shape.features = 1 + static_cast<std::int32_t>(below(rng, 12));
    shape.outputs = round % 3 == 0 ? 4 : 1;
    const Model model = random_linear(rng, shape);
    RandomRows rows = random_rows(rng, model, 300, 50);
    for (std::size_t f = 0; f < rows.columns.size(); ++f)  // which NaN an infinity minus itself gives is not laid down
      for (double& v : rows.columns[f])
        if (model.features[f].width == 0 && !std::isfinite(v)) v = 0.25;
    for (const std::int64_t count : {0, 1, 8, 255, 300}) expect_same(model, rows, count, "linear");
  }
}

TEST(Scorer, EqualsReferenceOnCentres) {
  std::mt19937_64 rng(6);
  for (int round = 0; round < 40; ++round) {
    Shape shape;
    shape.features = 1 + static_cast<std::int32_t>(below(rng, 12));
    shape.outputs = 1 + static_cast<std::int32_t>(below(rng, 20));
    Model model = random_centres(rng, shape);
    if (round % 3 == 0)  // equally near centres
      for (std::int32_t k = 1; k < shape.outputs; k += 2) std::copy_n(model.centres.values.begin(), model.centres.values.size() / shape.outputs, model.centres.values.begin() + k * static_cast<std::ptrdiff_t>(model.centres.values.size() / shape.outputs));
    ASSERT_TRUE(validate(model).empty());
    const RandomRows rows = random_rows(rng, model, 300, 8);
    for (const std::int64_t count : {0, 1, 8, 255, 256, 257, 300}) expect_same(model, rows, count, "centres");
  }
}

// Damaged models are refused, or harmless: then every level still gives the reference's bits.
TEST(Scorer, DamagedModelsAreRefusedOrHarmless) {
  std::mt19937_64 rng(7);
  int refused = 0, harmless = 0;
  for (int round = 0; round < 3000; ++round) {
    Shape shape{.features = 4, .outputs = 1, .trees = 2, .leaves = 6, .grid = 10, .widths = {0, 3, 70, 0}};
    Model model = random_forest(rng, shape);
    Tree& tree = model.forest.trees[0];
    const std::size_t node = below(rng, static_cast<std::int64_t>(tree.feature.size()));
    constexpr std::int32_t most = std::numeric_limits<std::int32_t>::max(), least = std::numeric_limits<std::int32_t>::min();
    const auto whole = [&](std::int32_t v) {
      const std::int32_t values[] = {0, -1, 1, 2, v + 1, v - 1, most, least};
      return values[below(rng, 8)];
    };
    const double odd[] = {0, -1, std::nan(""), HUGE_VAL, -HUGE_VAL, 1e308, -0.0};
    switch (below(rng, 11)) {
      case 0: tree.feature[node] = whole(tree.feature[node]); break;
      case 1: tree.left[node] = whole(tree.left[node]); break;
      case 2: tree.right[node] = whole(tree.right[node]); break;
      case 3: tree.category_set[node] = whole(tree.category_set[node]); break;
      case 4: tree.default_left[node] = static_cast<std::uint8_t>(below(rng, 256)); break;
      case 5: tree.threshold[node] = odd[below(rng, 7)]; break;
      case 6: tree.value[node] = odd[below(rng, 7)]; break;
      case 7: model.features[below(rng, 4)].width = whole(3); break;
      case 8: model.forest.outputs = whole(1); break;
      case 9:
        if (!model.forest.category_sets.empty()) model.forest.category_sets[0].resize(below(rng, 4), ~0ull);
        break;
      default: tree.value.resize(below(rng, 20)); break;
    }
    if (!validate(model).empty()) {
      ++refused;
      continue;
    }
    ++harmless;
    expect_same(model, random_rows(rng, model, 12, 12), 12, "damaged");
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(harmless, 300);
}

TEST(Scorer, RowsDoNotDependOnTheirNeighbours) {
  std::mt19937_64 rng(6);
  const Shape shape;
  const Model model = random_forest(rng, shape);
  const RandomRows rows = random_rows(rng, model, 500, shape.grid);
  const Scorer scorer(model);
  std::vector<double> all(500), one(1);
  scorer.score(rows.matrix(), 500, all.data());
  for (std::int64_t i = 0; i < 500; ++i) {
    Matrix shifted;
    for (const auto& c : rows.columns) shifted.push_back(c.data() + i);
    scorer.score(shifted, 1, one.data());
    ASSERT_EQ(one[0], all[i]) << i;
  }
}

TEST(Scorer, ForestWithoutTreesGivesTheBase) {
  Model model;
  model.forest.base = {1.25};
  const Scorer scorer(model);
  std::vector<double> out(20);
  scorer.score({}, 20, out.data());
  for (const double v : out) EXPECT_EQ(v, 1.25);
  scorer.score({}, 1, out.data());
  EXPECT_EQ(out[0], 1.25);
}

}  // namespace
}  // namespace mlp::model
