// Layout of findings, for people and for programs.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/codes/syntax.h"
#include "base/render.h"
#include "compiler/diag/fix.h"
#include "compiler/diag/report.h"

using namespace mlp;

namespace {

struct Render : testing::Test {
  SourceMap sources;
  std::int32_t add(std::string text, std::string name = "churn.mlp") { return sources.add(std::move(name), std::move(text)); }
  Span find(std::int32_t source, std::string_view what) const {
    const std::size_t at = sources.text(source).find(what);
    return {source, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + what.size())};
  }
  std::string text(const Diagnostic& d) const { return render(d, sources); }
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

TEST_F(Render, LabelsOfOnePlaceHangBelowEachOther) {
  const auto s = add("first second\n");
  EXPECT_EQ(text(report("m").at(find(s, "first"), "one").also(find(s, "first"), "two").also(find(s, "first"), "three").also(find(s, "second"), "four")),
            "error[E0101]: m\n"
            " --> churn.mlp:1:1\n"
            "  |\n"
            "1 | first second\n"
            "  | ^^^^^ ------ four\n"
            "  | |\n"
            "  | one\n"
            "  | three\n"
            "  | two\n"
            "  |\n"
            "  = note: mlp explain E0101\n");
}

// What every format holds of one error with everything, one warning, and one thing without findings.
struct Reports : Render {
  std::vector<diag::Findings> all;
  Reports() {
    const auto s = add("a\nö <b> x\n", "dir/ö 1.mlp");
    Diagnostic error = report("\"m\" & <b> 100%");
    error.at(find(s, "<b>"), "l").also(find(s, "a"), "o").note("n").suggest("h").edit(find(s, "<b>"), "c").edit(find(s, "x"), "");
    all.push_back({"dir/ö 1.mlp", &sources, {error, error, {.code = code::dangling_documentation, .message = "two\nlines\x01\xFF"}}});
    all.push_back({"good.mlp", &sources, {}});
  }
};

TEST_F(Reports, Sarif) {
  const auto j = nlohmann::json::parse(diag::report(all, diag::Format::sarif));
  EXPECT_EQ(j["version"], "2.1.0");
  EXPECT_EQ(j["runs"].size(), 1u);
  const auto& run = j["runs"][0];
  EXPECT_EQ(run["columnKind"], "unicodeCodePoints");
  EXPECT_EQ(run["tool"]["driver"]["name"], "mlp");
  ASSERT_EQ(run["tool"]["driver"]["rules"].size(), 2u);
  EXPECT_EQ(run["tool"]["driver"]["rules"][1]["id"], "W0101");
  EXPECT_EQ(run["tool"]["driver"]["rules"][1]["defaultConfiguration"]["level"], "warning");
  ASSERT_EQ(run["results"].size(), 3u);
  const auto& result = run["results"][0];
  EXPECT_EQ(result["ruleId"], run["tool"]["driver"]["rules"][result["ruleIndex"].get<std::size_t>()]["id"]);
  EXPECT_EQ(result["level"], "error");
  EXPECT_EQ(result["message"]["text"], "\"m\" & <b> 100%: l\nnote: n\nhelp: h");
  const auto& place = result["locations"][0]["physicalLocation"];
  EXPECT_EQ(place["artifactLocation"]["uri"], "dir/%C3%B6%201.mlp");
  EXPECT_EQ(place["region"], nlohmann::json({{"startLine", 2}, {"startColumn", 3}, {"endLine", 2}, {"endColumn", 6}}));
  EXPECT_EQ(result["relatedLocations"][0]["message"]["text"], "o");
  const auto& change = result["fixes"][0]["artifactChanges"][0];
  EXPECT_EQ(change["replacements"].size(), 2u);
  EXPECT_EQ(change["replacements"][0]["insertedContent"]["text"], "c");
  EXPECT_EQ(run["results"][2]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "dir/%C3%B6%201.mlp");
}

TEST_F(Reports, JUnit) {
  const std::string xml = diag::report(all, diag::Format::junit);
  EXPECT_NE(xml.find("<testsuite name=\"mlp\" tests=\"2\" failures=\"1\" errors=\"0\">"), std::string::npos) << xml;
  EXPECT_NE(xml.find("<failure type=\"E0101\" message=\"&quot;m&quot; &amp; &lt;b&gt; 100%\">error[E0101]"), std::string::npos) << xml;
  EXPECT_NE(xml.find("<system-out>warning[W0101]"), std::string::npos) << xml;
  EXPECT_NE(xml.find("<testcase classname=\"mlp\" name=\"good.mlp\"/>"), std::string::npos) << xml;
  for (const char c : xml) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n');
  EXPECT_EQ(xml.find('\xFF'), std::string::npos);
}

TEST_F(Reports, GitHub) {
  const std::string lines = diag::report(all, diag::Format::github);
  EXPECT_TRUE(lines.starts_with("::error file=dir/ö 1.mlp,line=2,endLine=2,col=3,endColumn=6,title=E0101%3A ")) << lines;
  EXPECT_NE(lines.find("::\"m\" & <b> 100%25: l%0Anote: n%0Ahelp: h\n::error"), std::string::npos) << lines;
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 3);
}

TEST_F(Reports, GitLab) {
  const auto j = nlohmann::json::parse(diag::report(all, diag::Format::gitlab));
  ASSERT_EQ(j.size(), 3u);
  EXPECT_EQ(j[0]["check_name"], "E0101");
  EXPECT_EQ(j[0]["severity"], "major");
  EXPECT_EQ(j[2]["severity"], "minor");
  EXPECT_EQ(j[0]["location"]["path"], "dir/ö 1.mlp");
  EXPECT_EQ(j[0]["location"]["lines"]["begin"], 2);
  EXPECT_NE(j[0]["fingerprint"], j[1]["fingerprint"]);
  EXPECT_EQ(nlohmann::json::parse(diag::report(all, diag::Format::gitlab)), j);
}

TEST_F(Reports, FixesThatTouchAreNotAppliedTogether) {
  const auto s = add("abc def ghi");
  const auto fixed = [&](std::vector<Diagnostic> list) { return diag::apply_fixes(list, sources, s).text; };
  const Span b{s, 1, 2}, bc{s, 1, 3}, def{s, 4, 7}, end{s, 11, 11}, before_def{s, 4, 4};
  EXPECT_EQ(fixed({}), "abc def ghi");
  EXPECT_EQ(fixed({report("").edit(def, "D"), report("").edit(b, "BBB"), report("").edit(end, "!")}), "aBBBc D ghi!");
  EXPECT_EQ(fixed({report("").edit(b, "1"), report("").edit(bc, "2")}), "a1c def ghi");                       // the second waits
  EXPECT_EQ(fixed({report("").edit(b, "1"), report("").edit(def, "2").edit(bc, "3")}), "a1c def ghi");        // whole or not at all
  EXPECT_EQ(fixed({report("").edit(b, "1"), report("").edit(b, "1")}), "a1c def ghi");                        // the same fix twice
  EXPECT_EQ(fixed({report("").edit(end, "1"), report("").edit(end, "2")}), "abc def ghi1");
  EXPECT_EQ(fixed({report("").edit(def, "D"), report("").edit(before_def, "+")}), "abc +D ghi");
  EXPECT_EQ(fixed({report("").edit({s, 9, 99}, "x"), report("").edit({s + 1, 0, 1}, "x"), report("").edit({}, "x")}), "abc def ghi");
}

TEST_F(Render, ColourOnDemandAndNoEscapesFromData) {
  const auto s = add("a\n");
  const Diagnostic d = report("value `\x1b[31mred`").at(find(s, "a"), "\x1b]0;title\x07");
  EXPECT_EQ(text(d).find('\x1b'), std::string::npos);
  const std::string colored = render(d, sources, true);
  EXPECT_NE(colored.find("\x1b[1;31merror[E0101]\x1b[0m"), std::string::npos);
  EXPECT_EQ(colored.find("\x1b[31m"), std::string::npos);
}

}  // namespace
