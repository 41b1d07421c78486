// Forests on a device against the reference, bit for bit.
#include <cstring>
#include <set>

#include "runtime/device/kernels/forest.h"
#include "runtime/model/device_forest.h"
#include "tests/unit/device/devices.h"
#include "tests/unit/model/random_model.h"

namespace mlp::model {
namespace {

class Forests : public device::OnDevice {
 protected:
  std::set<std::string> kernels;
  void expect_same(const Model& model, const RandomRows& rows, std::int64_t count, const std::string& what) {
    ASSERT_EQ(DeviceForest::refusal(model), "");
    std::vector<double> wanted(static_cast<std::size_t>(count * model.outputs()) + 1, 7.0), got = wanted;
    score_reference(model, rows.matrix(), count, wanted.data());
    DeviceForest forest(model, *device);
    kernels.insert(forest.kernel());
    forest.score(rows.matrix(), count, got.data());
    ASSERT_EQ(std::memcmp(wanted.data(), got.data(), wanted.size() * sizeof(double)), 0) << what << ", " << forest.kernel() << ", rows " << count;
    // Every other number lies there.
    std::vector<bool> there;
    std::vector<const double*> at;
    std::vector<device::Array<double>> columns;
    Matrix matrix = rows.matrix();
    for (std::size_t f = 0; f < model.features.size(); ++f) {
      there.push_back(model.features[f].width == 0 && !model.features[f].bag && f % 2 == 0);
      at.push_back(nullptr);
      if (!there.back()) continue;
      columns.push_back(put(std::vector<double>(matrix[f].numbers, matrix[f].numbers + count)));
      at.back() = columns.back().data();
      matrix[f] = {};
    }
    std::fill(got.begin(), got.end() - 1, 3.0);
    DeviceForest half(model, *device, there);
    half.reserve(count / 3);
    half.score(matrix, count, got.data(), at);
    ASSERT_EQ(std::memcmp(wanted.data(), got.data(), wanted.size() * sizeof(double)), 0) << what << ", numbers that lie there, " << forest.kernel() << ", rows " << count;
    if (count < 2) return;
    forest.score(rows.matrix(), count / 2, got.data());  // in the memory of more rows
    half.score(matrix, count / 2, got.data(), at);
    ASSERT_EQ(std::memcmp(wanted.data(), got.data(), wanted.size() * sizeof(double)), 0) << what << ", half of the rows";
  }
};
MLP_ON_ALL_DEVICES(Forests);

TEST_P(Forests, EqualTheReference) {
  std::mt19937_64 rng(1);
  for (int round = 0; round < 90; ++round) {
    Shape shape;
    shape.features = 1 + static_cast<std::int32_t>(below(rng, 12));
    shape.outputs = round % 5 == 0 ? 3 : 1;
    shape.trees = 1 + static_cast<std::int32_t>(below(rng, 60));
    const std::int32_t leaves[] = {1, 2, 8, 31, 64, 255, 300};
    shape.leaves = leaves[round % 7];
    const std::int64_t grids[] = {2, 14, 60, 200, 254, 600};
    shape.grid = grids[round % 6];
    shape.kind = round % 3 == 0 ? ModelKind::forest : ModelKind::gbdt;
    if (round % 2 == 1) shape.widths = {0};
    const Model model = random_forest(rng, shape);
    const std::int64_t rows = round < 10 ? round : below(rng, 700);
    expect_same(model, random_rows(rng, model, rows, shape.grid), rows, "forest " + std::to_string(round));
  }
}

TEST_P(Forests, EqualTheReferenceWithManyFeaturesAndLargeTrees) {
  std::mt19937_64 rng(2);
  for (const std::int32_t features : {21, 50, 90, 400}) {
    for (const std::vector<std::int32_t>& widths : {std::vector<std::int32_t>{0}, {0, 0, 0, 5, 300}}) {
      const Model model = random_forest(rng, {.features = features, .outputs = 2, .trees = 70, .leaves = 31, .grid = 100, .widths = widths});
      expect_same(model, random_rows(rng, model, 300, 100), 300, std::to_string(features) + " features");
    }
  }
  for (const std::int32_t leaves : {1000, 5000}) {
    const Model model = random_forest(rng, {.features = 3, .outputs = 1, .trees = 5, .leaves = leaves, .grid = 250, .widths = {0}});
    expect_same(model, random_rows(rng, model, 300, 250), 300, std::to_string(leaves) + " leaves");
  }
  EXPECT_EQ(kernels, (std::set<std::string>{"forest_small", "forest_large", "forest_long", "forest_wide", "forest_far"}));
}

// A tree level by level, each of the first so many nodes a split: the last one's children are as many nodes away as there are splits.
Tree full_tree(std::mt19937_64& rng, std::int32_t splits, std::int32_t features, std::int64_t grid) {
  Tree tree;
  for (std::int32_t i = 0; i < 2 * splits + 1; ++i) {
    tree.add_leaf(1);
    const auto at = static_cast<std::size_t>(i);
    tree.value[at] = draw(rng) - 0.5;
    if (i >= splits) continue;
    tree.left[at] = 2 * i + 1;
    tree.right[at] = 2 * i + 2;
    tree.feature[at] = i % features;
    tree.threshold[at] = static_cast<double>(below(rng, grid)) / 4;
    tree.default_left[at] = tree.feature[at] % 2 == 1;
  }
  return tree;
}

TEST_P(Forests, TakeTheKernelThatHasRoomForThem) {
  std::mt19937_64 rng(3);
  struct Case {
    std::int32_t features, splits;
    std::int64_t grid;
    std::string kernel;
  };
  const std::vector<Case> cases = {{40, 254, 255, "forest_small"}, {41, 254, 255, "forest_large"},  {136, 254, 255, "forest_large"}, {40, 255, 255, "forest_long"},    {136, 255, 255, "forest_long"},
                                   {68, 254, 256, "forest_wide"},  {69, 254, 256, "forest_far"},    {137, 254, 255, "forest_far"},   {12, 32767, 255, "forest_long"}, {12, 32768, 255, "forest_wide"}};
  for (const auto& [features, splits, grid, kernel] : cases) {
    const std::string what = std::to_string(features) + " features, " + std::to_string(splits) + " splits";
    Model model;
    model.kind = ModelKind::gbdt;
    model.forest.base = {0.25};
    for (std::int32_t f = 0; f < features; ++f) model.features.push_back({.name = "f" + std::to_string(f)});
    for (int t = 0; t < 3; ++t) model.forest.trees.push_back(full_tree(rng, splits, features, grid));
    for (std::int64_t g = 0; g < grid; ++g) {      // all thresholds of the first feature
      Tree stump = full_tree(rng, 1, features, grid);
      stump.threshold[0] = static_cast<double>(g) / 4;
      model.forest.trees.push_back(stump);
    }
    kernels.clear();
    expect_same(model, random_rows(rng, model, 600, grid + 1), 600, what);
    EXPECT_EQ(kernels, std::set<std::string>{kernel}) << what;
  }
}

template <class Node>
void expect_to_go(std::uint32_t columns, std::uint32_t child) {
  static const char memory[1 << 16] = {};
  for (const std::uint32_t column : {0u, 1u, 2u, 3u, 4u, columns - 2, columns - 1})
    for (std::uint32_t threshold = 0; threshold < 256; ++threshold) {
      const auto node = Node::make(threshold, column, child);
      ASSERT_FALSE(Node::is_leaf(node));
      ASSERT_EQ(Node::bin(node, memory) - memory, device::place<typename Node::Bin>(column)) << column;
      for (std::uint32_t bin = 0; bin < 256; ++bin)
        ASSERT_EQ(Node::go(node, std::uint64_t{8}, bin, nullptr), 8 + sizeof(node) * (child + (bin > threshold))) << "column " << column << ", threshold " << threshold << ", bin " << bin << ", child " << child;
    }
}

TEST(DeviceForest, NodesHoldTheMostOfAll) {
  using namespace device;
  for (const std::uint32_t child : {1u, 2u, 253u, static_cast<std::uint32_t>(NarrowNode::farthest)}) expect_to_go<NarrowNode>(NarrowNode::most_columns, child);
  for (const std::uint32_t child : {1u, 254u, 255u, static_cast<std::uint32_t>(LongNode::farthest)}) expect_to_go<LongNode>(LongNode::most_columns, child);
  for (const std::uint32_t child : {1u, 65535u, static_cast<std::uint32_t>(WideNode::farthest)}) expect_to_go<WideNode>(68, child);
  // A tree has 8 bytes a node at most beside its root, so that the last leaf is there.
  const auto leaf = [](auto node, std::int64_t at) {
    using Node = decltype(node);
    const auto n = Node::make_leaf(static_cast<std::uint32_t>(at));
    return Node::is_leaf(n) && Node::leaf(n) == at;
  };
  EXPECT_TRUE(leaf(NarrowNode{}, 8) && leaf(NarrowNode{}, 8 * NarrowNode::most_nodes));
  EXPECT_TRUE(leaf(LongNode{}, 8) && leaf(LongNode{}, 8 * LongNode::most_nodes));
  EXPECT_TRUE(leaf(WideNode{}, 8) && leaf(WideNode{}, 12 * WideNode::most_nodes));
}

TEST_P(Forests, WithoutTreesGiveTheBase) {
  Model model;
  model.features = {{.name = "x"}};
  model.forest.outputs = 2;
  model.forest.base = {0.25, -3};
  const std::vector<double> x = {1, 2, 3};
  std::vector<double> got(6);
  DeviceForest(model, *device).score({x.data()}, 3, got.data());
  EXPECT_EQ(got, (std::vector<double>{0.25, -3, 0.25, -3, 0.25, -3}));
}

TEST(DeviceForest, SaysWhatItCannotScore) {
  Model model;
  model.kind = ModelKind::linear;
  EXPECT_EQ(DeviceForest::refusal(model), "only models of trees are scored on a device");
  model.kind = ModelKind::gbdt;
  model.features = {{.name = "city", .category = true, .width = 65535}};
  EXPECT_EQ(DeviceForest::refusal(model), "`city` has 65,535 categories or more");
}

}  // namespace
}  // namespace mlp::model
