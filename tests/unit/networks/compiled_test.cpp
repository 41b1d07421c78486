// Compiled networks against the reference evaluator in double precision, and against themselves: every level, every optimisation.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "base/machine.h"
#include "compiler/derive/network.h"
#include "compiler/ir/loop/segments.h"
#include "tests/harness/network_run.h"

namespace mlp {
namespace {

std::vector<std::string> levels() {
  std::vector<std::string> all = {"x86-64-v2"};
  if (best_cpu_level() >= CpuLevel::v3) all.push_back("x86-64-v3");
  if (best_cpu_level() >= CpuLevel::v4) all.push_back("x86-64-v4");
  return all;
}

struct Case {
  harness::RandomNetwork random;
  harness::NetworkData data;
  Case(std::uint64_t seed, int operations) {
    std::mt19937_64 rng(seed);
    random = harness::random_network(rng, {operations, false, 3 + static_cast<std::int64_t>(rng() % 30)});
    derive::differentiate(random.network);
    random.network.optimizer.results.clear();  // no update
    data = harness::random_data(rng, random, static_cast<std::int64_t>(rng() % 40));
  }
};

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (std::memcmp(&a[i], &b[i], 4) != 0 && !(std::isnan(a[i]) && std::isnan(b[i]))) return false;
  return true;
}
bool same(const std::vector<double>& a, const std::vector<double>& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (std::memcmp(&a[i], &b[i], 8) != 0 && !(std::isnan(a[i]) && std::isnan(b[i]))) return false;
  return a.size() == b.size();
}
bool same(const harness::NetworkResults& a, const harness::NetworkResults& b) {
  bool all = same(a.scores, b.scores) && same(a.losses, b.losses);
  for (std::size_t i = 0; i < a.gradients.size(); ++i) all = all && same(a.gradients[i], b.gradients[i]);
  for (std::size_t i = 0; i < a.means.size(); ++i) all = all && same(a.means[i], b.means[i]);
  return all;
}

TEST(CompiledNetworks, EveryPassDoesSomething) {
  for (const char* pass : {"fuse_nests", "flatten_loops", "share_scratch"}) {
    bool differs = false;
    for (std::uint64_t seed = 1; seed < 30 && !differs; ++seed) {
      const Case c(seed, 12);
      differs = loop::print(harness::lower_network(c.random.network, {{}, true})) != loop::print(harness::lower_network(c.random.network, {{pass}, true}));
    }
    EXPECT_TRUE(differs) << pass;
  }
}

TEST(CompiledNetworks, RandomOnesAgreeWithTheReference) {
  const char *const size = std::getenv("MLP_NETWORKS"), *const first = std::getenv("MLP_NETWORKS_FROM");
  const int count = size ? std::atoi(size) : 20, from = first ? std::atoi(first) : 0;
  int waiting = 0;
  for (int seed = from; seed < from + count; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Case c(static_cast<std::uint64_t>(seed) + 1, 4 + seed % 14);
    const loop::Module module = harness::lower_network(c.random.network, {{}, true});
    const std::string text = loop::print(module);
    ASSERT_EQ(loop::print(loop::parse_text(text)), text);
    const auto compiled = codegen::compile(module, {2, levels().back()});
    const harness::NetworkResults got = harness::run_network(*compiled, c.random.network, c.data.inputs);
    const harness::Worst worst = harness::difference(c.random.network, c.data.inputs, got);
    EXPECT_LT(worst.error, 2e-4) << worst.where;
    const harness::Worst parted = harness::difference(c.random.network, c.data.inputs, harness::run_network_in_parts(*compiled, module, c.random.network, c.data.inputs, 1 + seed % 7));
    EXPECT_LT(parted.error, 2e-4) << parted.where << ", in parts of " << 1 + seed % 7;
    for (const loop::Function& function : module.network) waiting += function.name == "train" && !loop::segments_of(function).barriers.empty();
    if (seed % 4 == 0) {
      for (const std::string& level : levels())
        for (const int optimize : {0, 3})
          EXPECT_TRUE(same(got, harness::run_network(*codegen::compile(module, {optimize, level}), c.random.network, c.data.inputs))) << level << ", O" << optimize;
    }
    const std::vector<std::string> passes = {"share_common_tensors", "drop_unused_tensors", "fuse_nests", "flatten_loops", "share_scratch"};
    std::vector<std::string> off = passes;  // all of them, or one
    if (seed % 2) off = {passes[static_cast<std::size_t>(seed / 2) % passes.size()]};
    harness::NetworkResults other = harness::run_network(*codegen::compile(harness::lower_network(c.random.network, {off, true}), {1, levels().back()}), c.random.network, c.data.inputs);
    for (std::size_t m = 0; m < got.means.size(); ++m)  // what nothing needs is not followed
      if (std::all_of(got.means[m].begin(), got.means[m].end(), [](float v) { return v == 0; })) other.means[m] = got.means[m];
    EXPECT_TRUE(same(got, other)) << "without " << off[0];
    if (HasFailure() && !size) break;
  }
  EXPECT_GT(waiting, count / 8);   // networks whose rows wait for a mean of all
}

}  // namespace
}  // namespace mlp
