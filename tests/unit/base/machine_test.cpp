// How many cores control groups allow.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/machine.h"

namespace mlp {
namespace {

class Quotas : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::path made = std::filesystem::temp_directory_path() / "mlp-quotas-XXXXXX";
    root_ = made.string();
    ASSERT_TRUE(mkdtemp(root_.data()));
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void write(const std::string& file, const std::string& text) const {
    const std::filesystem::path at = std::filesystem::path(root_) / file;
    std::filesystem::create_directories(at.parent_path());
    std::ofstream(at) << text << '\n';
  }
  std::string root_;
};

TEST_F(Quotas, OfVersionTwoCountWithThoseAround) {
  write("cpu.max", "max 100000");
  write("pod/cpu.max", "350000 100000");
  write("pod/inner/cpu.max", "max 100000");
  EXPECT_EQ(quota_cores(root_, "0::/\n"), 0);
  EXPECT_EQ(quota_cores(root_, "0::/pod\n"), 4);        // 3.5
  EXPECT_EQ(quota_cores(root_, "0::/pod/inner\n"), 4);
  write("pod/inner/cpu.max", "50000 100000");
  EXPECT_EQ(quota_cores(root_, "0::/pod/inner\n"), 1);
  write("cpu.max", "200000 100000");                    // a container sees its own group as the root
  EXPECT_EQ(quota_cores(root_, "0::/somewhere/on/the/host\n"), 2);
}

TEST_F(Quotas, OfVersionOne) {
  write("cpu,cpuacct/job/cpu.cfs_quota_us", "200000");
  write("cpu,cpuacct/job/cpu.cfs_period_us", "100000");
  write("cpu,cpuacct/cpu.cfs_quota_us", "-1");
  write("cpu,cpuacct/cpu.cfs_period_us", "100000");
  const std::string others = "5:memory:/job\n3:cpuset:/job\n";
  EXPECT_EQ(quota_cores(root_, others + "4:cpu,cpuacct:/job\n0::/\n"), 2);
  EXPECT_EQ(quota_cores(root_, others + "4:cpu,cpuacct:/\n"), 0);
  EXPECT_EQ(quota_cores(root_, others), 0);
}

TEST_F(Quotas, WhatIsBrokenIsNone) {
  EXPECT_EQ(quota_cores(root_, ""), 0);
  EXPECT_EQ(quota_cores(root_, "no colons\n0:\n"), 0);
  write("cpu.max", "");
  EXPECT_EQ(quota_cores(root_, "0::/\n"), 0);
  write("cpu.max", "0 0");
  EXPECT_EQ(quota_cores(root_, "0::/\n"), 0);
  EXPECT_EQ(quota_cores(root_ + "/nothing", "0::/\n"), 0);
  EXPECT_GE(cores(), 1);
}

}  // namespace
}  // namespace mlp
