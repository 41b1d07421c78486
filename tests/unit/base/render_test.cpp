#include "base/codes/serving.h"
#include "base/render.h"

#include <gtest/gtest.h>

namespace mlp {
namespace {

TEST(Render, PlaceHelpAndNotes) {
  Diagnostic d{.code = code::request_bad_value, .message = "`a\x1b[2J` is no int"};
  d.note("a note").suggest("do this").in_data({"rows.csv", 3, "tenure", "a"});
  EXPECT_EQ(render(d),
            "error[E0804]: `a\xEF\xBF\xBD[2J` is no int\n"
            " --> rows.csv: row 3, column `tenure`\n"
            "  |\n"
            "  = note: a note\n"
            "  = help: do this\n"
            "  = note: mlp explain E0804\n");
  d.in_data({"rows.csv", 0, "tenure", ""});
  EXPECT_NE(render(d).find(" --> rows.csv: column `tenure`\n"), std::string::npos);
}

TEST(Render, WarningsColoursAndBugs) {
  const Diagnostic d{.code = code::open_address, .message = "open"};
  EXPECT_EQ(render(d), "warning[W0802]: open\n  = note: mlp explain W0802\n");
  EXPECT_EQ(render(d, {}, true).substr(0, 11), "\x1b[1;33mwarn");
  EXPECT_NE(render_bug("x").find("fault of the program"), std::string::npos);
}

}  // namespace
}  // namespace mlp
