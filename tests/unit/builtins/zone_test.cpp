// Local time against Python's zoneinfo over the same release of the database: around every change of the zones in zones.txt,
// those of the rules for years to come included (half hours, negative summer time, skipped days).
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <map>

#include "stdlib/builtins/kernels.h"
#include "stdlib/zones/zones.h"

namespace {

constexpr std::int64_t second = 1'000'000;

TEST(Zone, AgreesWithZoneinfoAroundEveryChange) {
  std::ifstream in(MLP_SOURCE_DIR "/tests/unit/builtins/zones.txt");
  std::string line;
  std::getline(in, line);
  ASSERT_TRUE(line.starts_with("# tzdata " + std::string(mlp::zones::version()) + " ")) << "write zones.txt anew for this release: " << line;
  std::map<std::string, std::string> rules;
  std::string kind, name;
  std::int64_t at = 0, wanted = 0, lines = 0;
  while (in >> kind >> name >> at >> wanted) {
    std::string& zone = rules[name];
    if (zone.empty()) zone = mlp::zones::rules(name).value();
    const auto size = static_cast<std::int64_t>(zone.size());
    // Parts of a second stay what they are.
    if (kind == "u") {
      ASSERT_EQ(mlp_time_utc_offset(at * second + 999'999, zone.data(), size), wanted * second) << name << " " << at;
      ASSERT_EQ(mlp_time_in_zone(at * second + 7, zone.data(), size), (at + wanted) * second + 7) << name << " " << at;
    } else {
      ASSERT_EQ(mlp_time_from_zone(at * second + 7, zone.data(), size), wanted * second + 7) << name << " " << at;
    }
    ++lines;
  }
  EXPECT_GT(lines, 4000);
  EXPECT_GE(rules.size(), 12u);
}

TEST(Zone, EveryNameHasRulesAndOldNamesAreTheSameZone) {
  const std::vector<std::string> names = mlp::zones::names();
  EXPECT_GT(names.size(), 500u);
  for (const std::string& name : names) {
    const std::string rules = mlp::zones::rules(name).value();
    EXPECT_EQ(mlp::zones::name_of(rules), name);
    EXPECT_EQ(mlp::zones::version_of(rules), mlp::zones::version());
    const std::int64_t offset = mlp_time_utc_offset(1'700'000'000 * second, rules.data(), static_cast<std::int64_t>(rules.size()));
    EXPECT_LE(std::abs(offset), 14 * 3600 * second) << name;
    EXPECT_EQ(offset % (900 * second), 0) << name;
  }
  const auto tail = [](const char* name) { return mlp::zones::rules(name)->substr(mlp::zones::rules(name)->find(':')); };
  EXPECT_EQ(tail("Asia/Calcutta"), tail("Asia/Kolkata"));
  EXPECT_FALSE(mlp::zones::rules("Europe/Roma"));
  EXPECT_FALSE(mlp::zones::rules(""));
}

// Any bytes and any moment give an answer.
TEST(Zone, WhatIsNoZoneIsUtc) {
  for (const std::string text : {"", "UTC", "Europe/Rome", "AAAAAAAAAAAAAAAAAAAAAAAA"})
    EXPECT_EQ(mlp_time_in_zone(12345, text.data(), static_cast<std::int64_t>(text.size())), 12345) << text;
  const std::string rome = mlp::zones::rules("Europe/Rome").value();
  std::uint64_t state = 7;
  for (int i = 0; i < 200'000; ++i) {
    std::string bytes = rome.substr(0, 40 + static_cast<std::size_t>(state % 300));
    for (int k = 0; k < 4; ++k) state = state * 6364136223846793005u + 1442695040888963407u, bytes[state % bytes.size()] = static_cast<char>(state >> 32);
    const std::int64_t at = i % 3 == 0 ? std::numeric_limits<std::int64_t>::max() - i : i % 3 == 1 ? std::numeric_limits<std::int64_t>::min() + i : static_cast<std::int64_t>(state);
    mlp_time_in_zone(at, bytes.data(), static_cast<std::int64_t>(bytes.size()));
    mlp_time_from_zone(at, bytes.data(), static_cast<std::int64_t>(bytes.size()));
  }
}

}  // namespace
