// Networks trained on a device, which the host plays, through the whole engine.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/codes/command.h"
#include "base/codes/training.h"
#include "compiler/codegen/gpu/gpu.h"
#include "engine/device.h"
#include "engine/kernels.h"
#include "engine/train.h"
#include "runtime/model/device_network.h"
#include "tests/harness/gpu.h"

namespace mlp {
namespace {

namespace fs = std::filesystem;

// Rows whose label follows from two numbers and a category.
class DeviceTraining : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::temp_directory_path() / ("mlp_device_" + std::to_string(::getpid()));
    fs::create_directories(directory_);
    std::ofstream out(directory_ / "rows.csv");
    out << "a,b,c,words,y\n";
    std::mt19937_64 rng(5);
    std::normal_distribution<double> normal;
    for (int i = 0; i < 900; ++i) {
      const double a = normal(rng), b = normal(rng);
      const int c = static_cast<int>(rng() % 5);
      const bool y = a * b + 0.7 * (c - 2) > 0;
      out << a << ',' << b << ",k" << c << ",w" << rng() % 7 << " v" << (y ? rng() % 3 : rng() % 9) << ',' << (y ? "true" : "false") << '\n';
    }
  }
  void TearDown() override { fs::remove_all(directory_); }

  static inline const std::string small = "batch_norm |> dense(16, tanh) |> dropout(10%) |> dense(1)";
  // Wide enough for sums of rows in stretches, and for several points of a thread.
  static inline const std::string wide = "batch_norm |> dense(600, tanh) |> batch_norm |> dropout(10%) |> dense(70, tanh) |> layer_norm |> dense(1)";
  // Rows with so many numbers that the CPU takes few of them together.
  static inline const std::string heavy = "dense(128) |> image(8, 16) |> conv2d(16, 3, relu, pad = 1) |> max_pool(2) |> conv2d(64, 3, relu, pad = 1) |> flatten |> dense(1)";
  // sums: columns beside the others; a row of 17 has more numbers than one thread copies.
  static std::string spec(const std::string& settings, const std::string& layers = small, int sums = 0) {
    std::string more;
    for (int i = 1; i <= sums; ++i) more += "  sum" + std::to_string(i) + " = a * " + std::to_string(i) + " + b |> standardize\n";
    return "schema Row {\n  a : float\n  b : float\n  c : category\n  words : text\n  y : bool\n}\nsource rows: Row = csv(\"rows.csv\")\nfeatures x from rows {\n  a\n  b\n  c\n" + more + "  parts = words |> hash_terms(50)\n}\n"
           "model m = network {\n  predict y from x\n  layers = " + layers + "\n  embedding = 4\n  batch = 100\n" + settings + "}\n";
  }

  engine::Trained train(const std::string& text, bool on_device, engine::TrainOptions options = {}) {
    const engine::Pipeline pipeline = engine::prepare("m.mlp", text, {});
    if (!on_device) return engine::train(pipeline, directory_, options);
    const auto gpu = harness::open_fake_gpu();
    const engine::TrainingDevice device{*gpu, "host", [&](const loop::Module& loops) { return codegen::device_code(loops, gpu->architecture()); }};
    options.device = &device;
    return engine::train(pipeline, directory_, options);
  }
  fs::path directory_;
};

TEST_F(DeviceTraining, LearnsWhatTheCpuLearns) {
  const std::string adamw = "  epochs = 3\n  clip = 1\n  optimizer = adamw(lr = 0.01)\n", momentum = "  epochs = 3\n  optimizer = momentum(lr = 0.05)\n  schedule = cosine\n",
                    bf16 = "  epochs = 3\n  optimizer = momentum(lr = 0.05)\n  precision = bf16\n", once = "  epochs = 1\n";
  for (const std::string& text : {spec(adamw), spec(momentum, small, 17), spec(bf16), spec(once + "  clip = 1\n  optimizer = adamw(lr = 0.01)\n", wide),
                                  spec(once + "  optimizer = momentum(lr = 0.05)\n  schedule = cosine\n", wide), spec(once + "  optimizer = momentum(lr = 0.05)\n", heavy)}) {
    SCOPED_TRACE(text);
    const engine::Trained here = train(text, false), there = train(text, true), again = train(text, true);
    EXPECT_EQ(there.bytes, again.bytes);
    ASSERT_EQ(here.history.size(), there.history.size());
    // Sums have another order; the batches of the CPU have one share, but for rows that are heavy.
    for (std::size_t e = 0; e < here.history.size(); ++e) EXPECT_NEAR(here.history[e].train, there.history[e].train, 2e-3 * here.history[e].train) << "epoch " << e;
    EXPECT_NEAR(here.metrics.at("test").at("auc"), there.metrics.at("test").at("auc"), 0.01);
    EXPECT_NE(there.package.manifest.find("\"device\": \"host\""), std::string::npos);
    for (std::size_t w = 0; w < here.package.model.network.weights.size(); ++w) {
      const model::NetworkTensor &ours = here.package.model.network.weights[w], &theirs = there.package.model.network.weights[w];
      for (std::size_t i = 0; i < ours.values.size(); ++i) EXPECT_NEAR(ours.values[i], theirs.values[i], 5e-3) << ours.name << "[" << i << "]";
    }
  }
}

TEST_F(DeviceTraining, ScoresWhatTheCpuScores) {
  const std::string text = spec("  epochs = 3\n  optimizer = adam(lr = 0.01)\n");
  const engine::Pipeline pipeline = engine::prepare("m.mlp", text, {});
  const engine::Trained trained = engine::train(pipeline, directory_, {});
  const engine::Data data = engine::read_data(pipeline, directory_, &trained.package.model.classes, 1);
  engine::Part all;
  all.table = data.table;
  for (std::int64_t row = 0; row < 900; ++row) all.row.push_back(row);
  const engine::FeatureColumns columns = engine::features_of(pipeline, all, trained.package.fitted, {}, 1);
  model::Model model = trained.package.model;
  model.network.code = pipeline.network();
  std::vector<double> here(900), there(900);
  model::Scorer(model).score(columns.matrix(), 900, here.data());
  const auto gpu = harness::open_fake_gpu();
  const DeviceCode code = codegen::device_code(pipeline.unit.loops, gpu->architecture());
  model::DeviceNetwork network(model, *gpu, code);
  for (const std::int64_t rows : {3, 900, 17}) {
    std::fill(there.begin(), there.end(), -1);
    network.score(columns.matrix(), rows, there.data());
    for (std::int64_t i = 0; i < rows; ++i) EXPECT_NEAR(here[static_cast<std::size_t>(i)], there[static_cast<std::size_t>(i)], 1e-5) << i;
  }
}

// The engine of `mlp score`, with features on the device, beside the one without.
TEST_F(DeviceTraining, ScoresRowsWithTheirFeatures) {
  const std::string features = "  low = log(abs(a) + 1)\n  high = b |> standardize\n  c\n  both = a * b\n  plain = a\n  size = word_count(words) + a\n";
  const std::string start = "schema Row {\n  a : float\n  b : float\n  c : category\n  words : text\n  y : bool\n}\nsource rows: Row = csv(\"rows.csv\")\nfeatures x from rows {\n";
  const std::pair<std::string, bool> models[] = {{"gbdt { predict y from x, trees = 20 }", true},
                                                 {"forest { predict y from x, trees = 10 }", true},
                                                 {"network { predict y from x, layers = dense(8, tanh) |> dense(1), epochs = 2, embedding = 3 }", false}};
  for (const auto& [text, same] : models) {
    for (const char* parts : {"", "  count = word_count(words)\n"}) {
      SCOPED_TRACE(text + parts);
      const engine::Pipeline pipeline = engine::prepare("m.mlp", start + features + parts + "}\nmodel m = " + text + "\n", {});
      const engine::Trained trained = engine::train(pipeline, directory_, {});
      const engine::Data data = engine::read_data(pipeline, directory_, &trained.package.model.classes, 1);
      const engine::Loaded here = engine::load(trained.package, "m"), there = engine::load(trained.package, "m");
      std::string said;
      const auto rest = engine::score_on_device(there, [] { return harness::open_fake_gpu(); }, [&](const std::string& what) { said = what; });
      EXPECT_EQ(said.find("3 of "), 0u) << said;
      std::vector<std::int64_t> again;               // few rows of trees stay here: more than there are
      for (std::int64_t i = 0; i < 2000; ++i) again.push_back(i * 7 % 900);
      const values::Table table = engine::gather(*data.table, again);
      std::vector<mlp_column> columns;
      for (const values::ColumnData& column : table.columns) columns.push_back(column.view());
      for (const std::int64_t rows : {2000, 1, 1100}) {
        std::vector<double> ours(static_cast<std::size_t>(rows) * 2), theirs = ours;
        std::vector<std::vector<double>> seen_here, seen_there;
        here.engine->run(columns.data(), rows, ours.data(), &seen_here);
        there.engine->run(columns.data(), rows, theirs.data(), &seen_there);
        ASSERT_EQ(seen_here.size(), seen_there.size());
        for (std::size_t f = 0; f < seen_here.size(); ++f) EXPECT_EQ(std::memcmp(seen_here[f].data(), seen_there[f].data(), seen_here[f].size() * sizeof(double)), 0) << f;
        for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_LE(std::abs(ours[i] - theirs[i]), same ? 0 : 1e-6) << i;
        there.engine->run(columns.data(), rows, theirs.data());
        for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_LE(std::abs(ours[i] - theirs[i]), same ? 0 : 1e-6) << i;
      }
    }
  }
}

TEST_F(DeviceTraining, StopsEarly) {
  const std::string settings = "  early_stop = 2\n  epochs = 60\n  optimizer = adam(lr = 0.05)\n";
  const engine::Trained trained = train(spec(settings), true);
  EXPECT_LT(trained.history.size(), 60u);
  EXPECT_EQ(trained.history.size(), static_cast<std::size_t>(trained.best_round) + 2);
}

TEST_F(DeviceTraining, SaysWhereItDiverges) {
  try {
    train(spec("  optimizer = sgd(lr = 1000)\n", "dense(16, relu) |> dense(16, relu) |> dense(1)"), true);
    FAIL() << "it learned";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.diagnostic.code, code::training_diverged);
  }
}

TEST_F(DeviceTraining, RefusesWhatIsNoNetwork) {
  try {
    train("schema Row {\n  a : float\n  b : float\n  c : category\n  words : text\n  y : bool\n}\nsource rows: Row = csv(\"rows.csv\")\nfeatures x from rows {\n  a\n}\nmodel m = gbdt {\n  predict y from x\n}\n", true);
    FAIL() << "it trained";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.diagnostic.code, code::model_not_on_device);
  }
}

}  // namespace
}  // namespace mlp
