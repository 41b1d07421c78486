// Layout of findings, for people and for programs.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/codes/syntax.h"
#include "compiler/diag/render.h"

using namespace mlp;

namespace {

struct Render : testing::Test {
  SourceMap sources;
  std::int32_t add(std::string text, std::string name = "churn.mlp") { return sources.add(std::move(name), std::move(text)); }
  Span find(std::int32_t source, std::string_view what) const {
    const std::size_t at = sources.text(source).find(what);
    return {source, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + what.size())};
  }
  std::string text(const Diagnostic& d) const { return diag::text(d, sources, {}); }
  Diagnostic report(std::string message) const { return {.code = code::unexpected, .message = std::move(message)}; }
};

TEST_F(Render, OneMark) {
  const auto s = add("a\nb\n  paid_late = if Churn then 1 else 0\n");
  EXPECT_EQ(text(report("feature `paid_late` leaks the label").at(find(s, "paid_late"), "depends on `Churn`").suggest("remove the feature")),
            "error[E0101]: feature `paid_late` leaks the label\n"
            " --> churn.mlp:3:3\n"
            "  |\n"
            "3 |   paid_late = if Churn then 1 else 0\n"
            "  |   ^^^^^^^^^ depends on `Churn`\n"
            "  |\n"
            "  = help: remove the feature\n"
            "  = note: mlp explain E0101\n");
}

TEST_F(Render, SeveralMarksOnOneLineAndOnOthers) {
  std::string many(9, '\n');
  const auto s = add("first\nsecond third\n" + many + "last\n");
  EXPECT_EQ(text(report("m").at(find(s, "third"), "here").also(find(s, "second"), "and here").also(find(s, "last"), "too").also(find(s, "first"), "").note("two\nlines")),
            "error[E0101]: m\n"
            "  --> churn.mlp:2:8\n"
            "   |\n"
            " 1 | first\n"
            "   | -----\n"
            " 2 | second third\n"
            "   | ------ ^^^^^ here\n"
            "   | |\n"
            "   | and here\n"
            "...\n"
            "12 | last\n"
            "   | ---- too\n"
            "   |\n"
            "   = note: two\n"
            "           lines\n"
            "   = note: mlp explain E0101\n");
}

TEST_F(Render, OtherSourcesAndData) {
  const auto s = add("a b\n");
  const auto library = add("fn f() = 1\n", "impute.mlp");
  Diagnostic d = report("m").at(find(s, "b"), "").also(find(library, "f("), "defined here");
  EXPECT_EQ(text(d),
            "error[E0101]: m\n"
            " --> churn.mlp:1:3\n"
            "  |\n"
            "1 | a b\n"
            "  |   ^\n"
            "  |\n"
            " ::: impute.mlp:1:4\n"
            "  |\n"
            "1 | fn f() = 1\n"
            "  |    -- defined here\n"
            "  |\n"
            "  = note: mlp explain E0101\n");
  EXPECT_EQ(text(report("`x` is no number").in_data({"data.csv", 12, "tenure", "x"})),
            "error[E0101]: `x` is no number\n"
            " --> data.csv: row 12, column `tenure`\n"
            "  |\n"
            "  = note: mlp explain E0101\n");
  EXPECT_EQ(diag::one_line(d, sources), "churn.mlp:1:3: error[E0101]: m");
  EXPECT_EQ(diag::one_line(report("m").in_data({"data.csv", 0, "", ""}), sources), "data.csv: error[E0101]: m");
  EXPECT_EQ(diag::one_line({.code = code::dangling_documentation, .message = "two\nlines"}, sources), "warning[W0101]: two lines");
}

TEST_F(Render, TabsWideTextAndLongLines) {
  const auto s = add("\tgröße 😀 x\n" + std::string(400, 'a') + "!" + std::string(400, 'b') + "\n");
  EXPECT_NE(text(report("m").at(find(s, "x"), "here")).find("1 |     größe 😀 x\n  |             ^ here\n"), std::string::npos) << text(report("m").at(find(s, "x"), "here"));
  const std::string cut = text(report("m").at(find(s, "!"), "here"));
  std::istringstream in(cut);
  std::string line, source_line, marks;
  while (std::getline(in, line)) {
    if (line.starts_with("2 |")) source_line = line;
    if (line.ends_with("^ here")) marks = line;
  }
  EXPECT_LT(source_line.size(), 200u);
  EXPECT_EQ(source_line.find('!') - std::string("…").size() + 1, marks.find('^')) << cut;  // the dots are one column, three bytes
}

TEST_F(Render, AnyPlaceCanBeShown) {
  const auto s = add("ab\xFF\xC3\ncd");
  add("", "empty.mlp");
  for (const Span span : {Span{0, 2, 3}, Span{0, 3, 4}, Span{0, 0, 99}, Span{0, 99, 120}, Span{0, 4, 4}, Span{0, 7, 7}, Span{0, 5, 2}, Span{1, 0, 0}, Span{1, 5, 9}, Span{9, 1, 2}, Span{}}) {
    const Diagnostic d = report("m").at(span, "here").also(span, "again").edit(span, "x");
    EXPECT_NE(text(d).find("mlp explain"), std::string::npos);
    const auto parsed = nlohmann::json::parse(diag::json(d, sources));
    EXPECT_EQ(parsed["code"], "E0101");
    EXPECT_EQ(parsed["rendered"].get<std::string>().empty(), false);
    EXPECT_FALSE(diag::one_line(d, sources).empty());
  }
  EXPECT_NE(text(report("m").at({s, 2, 3}, "here")).find("ab\xEF\xBF\xBD\xEF\xBF\xBD\n  |   ^ here"), std::string::npos);
}

TEST_F(Render, Json) {
  const auto s = add("a\nö b\n");
  const std::string line = diag::json(report("\"m\"\n").at(find(s, "b"), "l").also(find(s, "a"), "o").note("n").suggest("h").edit(find(s, "b"), "c").in_data({"d.csv", 3, "x", "\xFF"}), sources);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto j = nlohmann::json::parse(line);
  EXPECT_EQ(j["code"], "E0101");
  EXPECT_EQ(j["severity"], "error");
  EXPECT_EQ(j["message"], "\"m\"\n");
  EXPECT_EQ(j["file"], "churn.mlp");
  EXPECT_EQ(j["line"], 2);
  EXPECT_EQ(j["column"], 3);
  EXPECT_EQ(j["end_column"], 4);
  EXPECT_EQ(j["labels"][0]["label"], "o");
  EXPECT_EQ(j["labels"][0]["line"], 1);
  EXPECT_EQ(j["notes"][0], "n");
  EXPECT_EQ(j["help"], "h");
  EXPECT_EQ(j["fix"][0]["replacement"], "c");
  EXPECT_EQ(j["fix"][0]["begin"], 5);
  EXPECT_EQ(j["data"]["row"], 3);
  EXPECT_EQ(j["data"]["value"], "\xEF\xBF\xBD");
  EXPECT_TRUE(nlohmann::json::parse(diag::json(report("m"), sources))["line"].is_null());
}

TEST_F(Render, ColourOnDemandAndNoEscapesFromData) {
  const auto s = add("a\n");
  const Diagnostic d = report("value `\x1b[31mred`").at(find(s, "a"), "\x1b]0;title\x07");
  EXPECT_EQ(text(d).find('\x1b'), std::string::npos);
  const std::string colored = diag::text(d, sources, {.color = true});
  EXPECT_NE(colored.find("\x1b[1;31merror[E0101]\x1b[0m"), std::string::npos);
  EXPECT_EQ(colored.find("\x1b[31m"), std::string::npos);
}

}  // namespace
