// The form of networks: what prints parses back, and the verifier finds each breach.
#include <gtest/gtest.h>

#include "compiler/ir/common/types.h"

namespace mlp {
namespace {

// x[3] |> dense(1) with the squared loss.
const char* const text =
    "weight %0 name=\"dense_1.w\" shape=[3, 1]\n"
    "weight %1 name=\"dense_1.b\" shape=[1] init=value decays=false\n"
    "tensor %0 op=numbers shape=[3] rows=true features=[0, 1, 2]\n"
    "tensor %1 op=weight shape=[3, 1]\n"
    "tensor %2 op=product args=[%0, %1] shape=[1] rows=true\n"
    "tensor %3 op=weight shape=[1] integer=1\n"
    "tensor %4 op=map callee=\"add\" args=[%2, %3] shape=[1] rows=true\n"
    "tensor %5 op=reshape args=[%4] rows=true\n"
    "tensor %6 op=target rows=true\n"
    "tensor %7 op=map callee=\"sub\" args=[%5, %6] rows=true\n"
    "tensor %8 op=map callee=\"mul\" args=[%7, %7] rows=true\n"
    "network score=%5 loss=%8 optimizer={name=\"sgd\" rate=0.01 results=[%0]}\n";

ir::Network parsed(const std::string& from) {
  ir::Reader r(from);
  ir::Network n = ir::read_network(r);
  EXPECT_TRUE(r.at_end());
  return n;
}

std::string breach(std::string_view was, std::string_view is) {
  std::string changed = text;
  const std::size_t at = changed.find(was);
  EXPECT_NE(at, std::string::npos) << was;
  changed.replace(at, was.size(), is);
  const std::vector<std::string> broken = ir::verify_network(parsed(changed), std::vector<ir::Feature>(3), 1);
  return broken.empty() ? "" : broken.front();
}

TEST(Network, PrintsAndParsesBack) {
  const ir::Network n = parsed(text);
  ir::Writer w;
  ir::print_network(w, n);
  EXPECT_EQ(w.take(), text);
  EXPECT_EQ(ir::verify_network(n, std::vector<ir::Feature>(3), 1), std::vector<std::string>{});
  EXPECT_EQ(ir::verify_network({}, {}, 0), std::vector<std::string>{});
}

TEST(Network, TheVerifierFindsBreaches) {
  EXPECT_EQ(breach("args=[%0, %1] shape=[1]", "args=[%0, %1] shape=[2]"), "tensor %2 (product): of shape float[1], not float[2]");
  EXPECT_EQ(breach("args=[%0, %1] shape=[1]", "args=[%1, %1] shape=[1]"), "tensor %2 (product): the inner sizes of float[3, 1] and float[3, 1] are equal");
  EXPECT_EQ(breach("args=[%0, %1] shape=[1] rows=true", "args=[%0, %1] shape=[1]"), "tensor %2 (product): one for each row");
  EXPECT_EQ(breach("args=[%7, %7]", "args=[%8, %7]"), "tensor %8 (map): an argument must stand before its user");
  EXPECT_EQ(breach("callee=\"mul\"", "callee=\"muddle\""), "tensor %8 (map): `muddle` maps no floats and bools like these");
  EXPECT_EQ(breach("callee=\"mul\"", "callee=\"lt\""), "tensor %8 (map): a bool exactly where `lt` gives one");
  EXPECT_EQ(breach("features=[0, 1, 2]", "features=[0, 1, 3]"), "tensor %0 (numbers): features that are numbers");
  EXPECT_EQ(breach("features=[0, 1, 2]", "features=[0, 1]"), "tensor %0 (numbers): of shape float[2], not float[3]");
  EXPECT_EQ(breach("name=\"dense_1.b\"", "name=\"dense_1.w\""), "weight dense_1.w: a name of its own");
  EXPECT_EQ(breach("shape=[1] integer=1", "shape=[1] integer=2"), "tensor %3 (weight): a weight");
  EXPECT_EQ(breach("args=[%5, %6]", "args=[%6, %6]"), "");
  EXPECT_EQ(breach("score=%5", "score=%7"), "score: it may read neither the target nor weights of rows");
  EXPECT_EQ(breach("loss=%8", "loss=%4"), "loss: a float for each row");
  EXPECT_EQ(breach("results=[%0]", "kept=1 results=[%0]"), "optimizer: the new weight, and all that it keeps");
  EXPECT_EQ(breach("results=[%0]", "results=[%1]"), "optimizer: results are expressions");
  EXPECT_EQ(breach("loss=%8", "loss=%8 gradients=[%1]"), "gradients: one for each weight");
  EXPECT_EQ(breach("loss=%8", "loss=%8 gradients=[%3, %3]"), "gradient of dense_1.w: of the shape of its weight, without rows");
}

}  // namespace
}  // namespace mlp
