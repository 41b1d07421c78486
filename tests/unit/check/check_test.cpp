// Every spec of tests/check goes through parse and check. fail_*.mlp must give exactly the findings that its first
// lines expect (`// expect: E0312 31:3`, several lines for several findings); every other one gives no finding but the
// warnings that it expects, and its module verifies and survives printing.
#include <gtest/gtest.h>

#include "tests/unit/check/checked.h"

namespace mlp {
namespace {

TEST(Check, EveryFailingSpecGivesExactlyItsFindings) {
  const auto list = specs(true);
  ASSERT_GE(list.size(), 60u);
  for (const fs::path& path : list) {
    SCOPED_TRACE(path.filename().string());
    const std::string text = read(path);
    const auto wanted = expected(text);
    EXPECT_FALSE(wanted.empty()) << "the first line must be `// expect: CODE LINE:COLUMN`";
    const Checked c(path.filename().string(), text);
    EXPECT_EQ(c.findings(), wanted) << c.text();
    for (const Diagnostic& d : c.diagnostics.all()) {
      EXPECT_FALSE(d.message.empty());
      EXPECT_FALSE(d.message.ends_with('.')) << d.message;
      EXPECT_EQ(std::count(d.message.begin(), d.message.end(), '`') % 2, 0) << d.message;
    }
  }
}

// What a finding offers to replace, mends it: the finding is gone afterwards.
TEST(Check, EveryOfferedFixMends) {
  int offered = 0;
  for (const fs::path& path : specs(true)) {
    SCOPED_TRACE(path.filename().string());
    const std::string text = read(path);
    const Checked before(path.filename().string(), text);
    for (const Diagnostic& d : before.diagnostics.all()) {
      if (d.fix.empty()) continue;
      ++offered;
      std::string mended = text;
      for (auto edit = d.fix.rbegin(); edit != d.fix.rend(); ++edit) {
        ASSERT_EQ(edit->span.source, before.spec);
        mended.replace(edit->span.begin, edit->span.end - edit->span.begin, edit->replacement);
      }
      const Checked after(path.filename().string(), mended);
      for (const Diagnostic& left : after.diagnostics.all())
        EXPECT_FALSE(left.code == d.code && left.span.begin == d.span.begin) << after.text();
    }
  }
  EXPECT_GE(offered, 25);
}

TEST(Check, EveryValidSpecGivesAModuleThatHoldsAndPrints) {
  auto list = specs(false);
  for (const auto& entry : fs::recursive_directory_iterator(MLP_SOURCE_DIR "/examples"))
    if (entry.path().extension() == ".mlp") list.push_back(entry.path());
  ASSERT_GE(list.size(), 60u);
  for (const fs::path& path : list) {
    SCOPED_TRACE(path.filename().string());
    const std::string text = read(path);
    const Checked c(path.filename().string(), text);
    EXPECT_EQ(c.findings(), expected(text)) << c.text();
    EXPECT_EQ(sem::verify(c.module), std::vector<std::string>{});
    const std::string printed = sem::print(c.module);
    EXPECT_EQ(sem::print(sem::parse_text(printed)), printed);
    expect_exact_calls(c.module);
  }
}

}  // namespace
}  // namespace mlp
