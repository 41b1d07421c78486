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

// A fault in a function is shown with the calls that lead there: of many the two innermost, and the one in the features.
TEST(Check, AChainOfCallsShowsItsEnds) {
  std::string text = "schema Row { v : float, y : bool }\nsource rows: Row = csv(\"rows.csv\")\nfn a(v: float) -> float = rat(v)\n";
  for (const char* name : {"b", "c", "d", "e"}) text += std::string("fn ") + name + "(v: float) -> float = " + static_cast<char>(name[0] - 1) + "(v)\n";
  text += "features x from rows { w = e(v) }\nmodel m = gbdt { predict y from x }\n";
  const Checked c("chain.mlp", text);
  ASSERT_EQ(c.findings(), std::vector<std::string>{"E0202 3:27"}) << c.text();
  std::vector<std::string> calls;
  for (const Label& l : c.diagnostics.all()[0].others) calls.emplace_back(c.sources.text(l.span));
  EXPECT_EQ(calls, (std::vector<std::string>{"a(v)", "b(v)", "e(v)"})) << c.text();
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
