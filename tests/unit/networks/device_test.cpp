// Networks as kernels of a device, their PTX run on the host and on a GPU, against the reference evaluator.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "compiler/codegen/gpu/gpu.h"
#include "compiler/derive/network.h"
#include "tests/harness/gpu.h"
#include "tests/harness/network_run.h"
#include "tests/harness/ptxas.h"

namespace mlp {
namespace {

struct Case {
  harness::RandomNetwork random;
  harness::NetworkData data;
  loop::Module module;
  explicit Case(std::uint64_t seed, int operations) {
    std::mt19937_64 rng(seed);
    random = harness::random_network(rng, {operations, false, 3 + static_cast<std::int64_t>(rng() % 30)});
    derive::differentiate(random.network);
    random.network.optimizer.results.clear();  // no update
    data = harness::random_data(rng, random, static_cast<std::int64_t>(rng() % 40));
    module = harness::lower_network(random.network, {{}, true});
  }
};

// MLP_NETWORKS networks from MLP_NETWORKS_FROM on, or a few.
template <class Body>
void each_case(int few, Body body) {
  const char *const size = std::getenv("MLP_NETWORKS"), *const first = std::getenv("MLP_NETWORKS_FROM");
  const int count = size ? std::atoi(size) : few, from = first ? std::atoi(first) : 0;
  for (int seed = from; seed < from + count; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    body(Case(static_cast<std::uint64_t>(seed) + 1, 4 + seed % 14));
    if (testing::Test::HasFailure() && !size) break;
  }
}

// Each time with the same bits.
void agree_on(device::CudaDevice& gpu) {
  each_case(40, [&](const Case& c) {
    const DeviceCode code = codegen::device_code(c.module, gpu.architecture());
    device::Launches launches(gpu, code);
    const harness::NetworkResults got = harness::run_network(launches, c.random.network, c.data.inputs), again = harness::run_network(launches, c.random.network, c.data.inputs);
    const harness::Worst worst = harness::difference(c.random.network, c.data.inputs, got);
    EXPECT_LT(worst.error, 2e-4) << worst.where;
    const auto same = [](const auto& a, const auto& b) { return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof a[0]) == 0); };
    EXPECT_TRUE(same(got.scores, again.scores) && same(got.losses, again.losses));
    for (std::size_t w = 0; w < got.gradients.size(); ++w) EXPECT_TRUE(same(got.gradients[w], again.gradients[w]));
  });
}

TEST(DeviceNetworks, RandomOnesAgreeWithTheReference) {
  agree_on(*harness::open_fake_gpu());
}

TEST(DeviceNetworks, PtxAssembles) {
  each_case(6, [](const Case& c) {
    for (const int architecture : {75, 80, 90}) {
      const harness::Assembled assembled = harness::assemble(codegen::device_code(c.module, architecture).text, architecture);
      EXPECT_TRUE(assembled.ok) << architecture << ": " << assembled.log;
      EXPECT_EQ(assembled.log.find(" bytes spill stores"), assembled.log.find("0 bytes spill stores") + 1) << assembled.log;
    }
  });
}

TEST(DeviceNetworks, CudaAgreesWithTheReference) {
  const std::unique_ptr<device::CudaDevice> gpu = harness::open_gpu();
  if (!gpu) GTEST_SKIP();
  agree_on(*gpu);
}

}  // namespace
}  // namespace mlp
