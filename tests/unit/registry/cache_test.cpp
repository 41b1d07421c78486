#include "runtime/registry/cache.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include "base/files.h"
#include "runtime/registry/registry.h"

namespace mlp::registry {
namespace {

namespace fs = std::filesystem;

class CacheTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::string(MLP_BINARY_DIR) + "/cache-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory = pattern;
  }
  void TearDown() override { fs::remove_all(directory); }
  fs::path file(const std::string& key) const { return Cache::place(directory / ".mlp" / "cache", key); }
  fs::path directory;
};

TEST_F(CacheTest, AnEntryComesBackAsItWasPut) {
  const Cache cache(directory);
  const std::string key = sha256("what it is made from"), bytes("rows\0 and more", 14);
  EXPECT_FALSE(cache.get(key));
  cache.put(key, {bytes, 1.5});
  ASSERT_TRUE(cache.get(key));
  EXPECT_EQ(cache.get(key)->bytes, bytes);
  EXPECT_EQ(cache.get(key)->seconds, 1.5);
  cache.put(key, {"", 0});
  EXPECT_EQ(cache.get(key)->bytes, "");
}

TEST_F(CacheTest, AnyOtherByteIsNoEntry) {
  const Cache cache(directory);
  const std::string key = sha256("a"), other = sha256("b");
  cache.put(key, {"the result of a stage", 0.25});
  const std::string good = read_file(file(key));
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    write_whole(file(key), bad);
    EXPECT_FALSE(cache.get(key)) << "byte " << i;
    write_whole(file(key), good.substr(0, i));
    EXPECT_FALSE(cache.get(key)) << "cut at " << i;
  }
  fs::create_directories(file(other).parent_path());
  write_whole(file(other), good);  // whole, but of another key
  EXPECT_FALSE(cache.get(other));
  write_whole(file(key), good);
  EXPECT_TRUE(cache.get(key));
}

TEST_F(CacheTest, GcKeepsTheStagesOfKeptRuns) {
  Registry registry = Registry::open(directory);
  const Cache cache(directory);
  const std::string shared = sha256("shared"), old = sha256("old"), fresh = sha256("fresh"), orphan = sha256("orphan");
  for (const std::string& key : {shared, old, fresh, orphan}) cache.put(key, {"x", 0});
  registry.add("churn", "/s.mlp", "first", {}, {{"read", shared, 1}, {"train", old, 2}});
  const auto run = registry.add("churn", "/s.mlp", "second", {}, {{"read", shared, 1}, {"train", fresh, 3.5}});
  ASSERT_EQ(registry.stages(run).size(), 2u);
  EXPECT_EQ(registry.stages(run)[1].name, "train");
  EXPECT_EQ(registry.stages(run)[1].key, fresh);
  EXPECT_EQ(registry.stages(run)[1].seconds, 3.5);
  EXPECT_EQ(registry.gc(1).files, 3);  // the first package, the old stage, the orphan
  EXPECT_TRUE(cache.get(shared) && cache.get(fresh));
  EXPECT_FALSE(cache.get(old) || cache.get(orphan));
  EXPECT_TRUE(registry.verify().empty());
}

TEST_F(CacheTest, ARegistryOfTheFirstLayoutIsTakenOn) {
  const std::string id = Registry::open(directory).add("churn", "/s.mlp", "first", {{"test", {{"auc", 0.5}}}}).id;
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open((directory / ".mlp" / "index.sqlite").c_str(), &handle), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(handle, "DROP TABLE stage; PRAGMA user_version = 1", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(handle);
  Registry registry = Registry::open(directory);
  EXPECT_EQ(registry.get("latest").id, id);
  EXPECT_TRUE(registry.stages(registry.get("latest")).empty());
  const auto run = registry.add("churn", "/s.mlp", "second", {}, {{"read", sha256("k"), 1}});
  EXPECT_EQ(registry.stages(run).size(), 1u);
  EXPECT_TRUE(registry.verify().empty());
}

}  // namespace
}  // namespace mlp::registry
