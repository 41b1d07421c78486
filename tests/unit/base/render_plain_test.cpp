#include "base/codes/serving.h"
#include "base/render_plain.h"

#include <gtest/gtest.h>

namespace mlp {
namespace {

TEST(RenderPlain, PlaceHelpAndNotes) {
  Diagnostic d{.code = code::request_bad_value, .message = "`a\x1b[2J` is no int"};
  d.note("a note").suggest("do this").in_data({"rows.csv", 3, "tenure", "a"});
  EXPECT_EQ(render_plain(d),
            "error[E0804]: `a\xEF\xBF\xBD[2J` is no int\n"
            " --> rows.csv: row 3, column `tenure`\n"
            "  |\n"
            "  = note: a note\n"
            "  = help: do this\n"
            "  = note: mlp explain E0804\n");
  d.in_data({"rows.csv", 0, "tenure", ""});
  EXPECT_NE(render_plain(d).find(" --> rows.csv: column `tenure`\n"), std::string::npos);
}

TEST(RenderPlain, WarningsColoursAndBugs) {
  const Diagnostic d{.code = code::open_address, .message = "open"};
  EXPECT_EQ(render_plain(d), "warning[W0802]: open\n  = note: mlp explain W0802\n");
  EXPECT_EQ(render_plain(d, true).substr(0, 11), "\x1b[1;33mwarn");
  EXPECT_NE(render_bug("x").find("fault of the program"), std::string::npos);
}

}  // namespace
}  // namespace mlp
