// tests/parse/*.mlp: specs that parse, and `fail_*.mlp`, `warn_*.mlp` that state in `// expect: CODE LINE:COLUMN` lines at their head what is
// found. tests/format/NAME.mlp with NAME.formatted: MLP_UPDATE=1 rewrites the second from the first.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/unit/parse/spec.h"

namespace fs = std::filesystem;

namespace {

std::vector<fs::path> specs(const char* folder) {
  std::vector<fs::path> list;
  for (const auto& entry : fs::directory_iterator(fs::path(MLP_SOURCE_DIR) / folder))
    if (entry.path().extension() == ".mlp") list.push_back(entry.path());
  std::sort(list.begin(), list.end());
  return list;
}

bool judged(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.starts_with("fail_") || name.starts_with("warn_");
}

TEST(Golden, GoodSpecsParseAndRoundTrip) {
  int count = 0;
  for (const fs::path& path : specs("tests/parse")) {
    if (judged(path)) continue;
    const std::string text = slurp(path);
    const Spec spec(text);
    EXPECT_TRUE(spec.diagnostics.all().empty()) << path.filename() << "\n" << spec.rendered();
    EXPECT_EQ(breach_of(text), "") << path.filename();
    ++count;
  }
  EXPECT_GE(count, 5);
}

TEST(Golden, BadSpecsGiveTheExpectedFindings) {
  for (const fs::path& path : specs("tests/parse")) {
    if (!judged(path)) continue;
    const std::string text = slurp(path);
    std::vector<std::string> expected;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line) && line.starts_with("// expect: ");) expected.push_back(line.substr(11));
    const Spec spec(text, path.filename().string());
    EXPECT_EQ(spec.findings(), expected) << path.filename() << "\n" << spec.rendered();
    EXPECT_FALSE(expected.empty()) << path.filename();
    EXPECT_EQ(breach_of(text), "") << path.filename();
  }
}

TEST(Golden, Formatting) {
  for (const fs::path& path : specs("tests/format")) {
    const Spec spec(slurp(path));
    ASSERT_TRUE(spec.good()) << path.filename() << "\n" << spec.rendered();
    fs::path golden = path;
    golden.replace_extension(".formatted");
    if (std::getenv("MLP_UPDATE")) std::ofstream(golden, std::ios::binary) << spec.formatted();
    EXPECT_EQ(spec.formatted(), slurp(golden)) << path.filename();
    EXPECT_EQ(breach_of(slurp(path)), "") << path.filename();
  }
}

}  // namespace
