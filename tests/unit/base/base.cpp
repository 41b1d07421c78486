// Places in sources, the catalogue, near names, and the text form of intermediate representations.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "base/codes/syntax.h"
#include "base/diagnostic.h"
#include "compiler/ir/text/text.h"

namespace shape {
enum class Colour { red, green };
struct Part {
  double value = 1;
  Colour colour = Colour::red;
  template <class A> void fields(A&& a) { a("value", value); a("colour", colour); }
};
struct Node {
  std::string text;
  std::vector<Part> parts;
  std::optional<std::int64_t> number;
  std::uint64_t seed = 0;
  bool flag = true;
  mlp::ir::Id<struct NodeTag> other;
  mlp::Span span;
  template <class A> void fields(A&& a) {
    a("text", text); a("parts", parts); a("number", number); a("seed", seed); a("flag", flag); a("other", other); a("span", span);
  }
};
}  // namespace shape
template <> struct mlp::ir::enum_words<shape::Colour> { static constexpr std::string_view words[] = {"red", "green"}; };

using namespace mlp;

namespace {

TEST(SourceMap, LinesAndColumnsCountFromOneInCodePoints) {
  SourceMap map;
  const auto s = map.add("a.mlp", "ab\r\nö c\n\nlast");
  const auto at = [&](std::uint32_t offset) {
    const LineColumn p = map.locate(s, offset);
    return std::pair(p.line, p.column);
  };
  EXPECT_EQ(at(0), std::pair(1u, 1u));
  EXPECT_EQ(at(4), std::pair(2u, 1u));
  EXPECT_EQ(at(7), std::pair(2u, 3u));  // the c behind a letter of two bytes
  EXPECT_EQ(at(9), std::pair(3u, 1u));
  EXPECT_EQ(at(14), std::pair(4u, 5u));
  EXPECT_EQ(map.line(s, 1), "ab");
  EXPECT_EQ(map.line(s, 2), "ö c");
  EXPECT_EQ(map.line(s, 3), "");
  EXPECT_EQ(map.line(s, 4), "last");
  EXPECT_EQ(map.text({s, 4, 6}), "ö");
}

TEST(SourceMap, EveryQuestionHasAnAnswer) {
  SourceMap map;
  const auto s = map.add("a.mlp", "ab\n");
  EXPECT_EQ(map.locate(s, 4'000'000'000u).line, 2u);
  EXPECT_EQ(map.line(s, 0), "");
  EXPECT_EQ(map.line(s, 9), "");
  EXPECT_EQ(map.text(Span{s, 1, 99}), "b\n");
  EXPECT_EQ(map.text(Span{s, 5, 2}), "");
  EXPECT_EQ(map.text(Span{}), "");
  for (const std::int32_t nowhere : {-1, 1, 1'000'000}) {
    EXPECT_EQ(map.name(nowhere), "");
    EXPECT_EQ(map.text(nowhere), "");
    EXPECT_EQ(map.locate(nowhere, 5).line, 1u);
    EXPECT_EQ(map.line(nowhere, 1), "");
  }
  const auto empty = map.add("", "");
  EXPECT_EQ(map.line(empty, 1), "");
  EXPECT_EQ(map.locate(empty, 0).column, 1u);
}

TEST(Catalogue, CodesAreUniqueAndFound) {
  std::set<std::string> seen;
  for (const CodeInfo& row : catalogue()) {
    EXPECT_TRUE(seen.insert(row.code).second) << row.code;
    EXPECT_EQ(find_code(row.code), &row);
    EXPECT_EQ(row.severity, row.code[0] == 'W' ? Severity::warning : Severity::error);
  }
  EXPECT_STREQ(info(code::unexpected).code, "E0101");
  EXPECT_NE(find_code("e0101"), nullptr);
  EXPECT_EQ(find_code("E9999"), nullptr);
  EXPECT_EQ(find_code(""), nullptr);
}

TEST(Diagnostics, WarningsStopNothing) {
  Diagnostics d;
  d.report(code::dangling_documentation, "w");
  EXPECT_FALSE(d.has_errors());
  d.report(code::unexpected, "e");
  EXPECT_TRUE(d.has_errors());
}

TEST(Nearest, FindsSlipsAndNothingFar) {
  const std::vector<std::string> names = {"tenure", "Contract", "MonthlyCharges"};
  EXPECT_EQ(nearest("tenur", names), "tenure");
  EXPECT_EQ(nearest("tneure", names), "tenure");
  EXPECT_EQ(nearest("contract", names), "Contract");
  EXPECT_EQ(nearest("monthly_charges", names), "MonthlyCharges");
  EXPECT_EQ(nearest("gender", names), "");
  EXPECT_EQ(nearest("x", {}), "");
}

std::string print(const shape::Node& n) {
  ir::Writer w;
  w.record("node", 0, n);
  return w.take();
}

TEST(IrText, WhatPrintsParsesBackBitByBit) {
  std::vector<shape::Node> nodes(3);
  nodes[0] = {"a \"q\" \\ \n\t\x01 é", {}, 5, std::numeric_limits<std::uint64_t>::max(), false, {7}, {0, 3, 9}};
  for (const double v : {0.0, -0.0, 0.1, 1e300, 5e-324, 123456789.0, -1e15, 1e16, 0.1 + 0.2, HUGE_VAL, -HUGE_VAL})
    nodes[1].parts.push_back({v, shape::Colour::green});
  ir::Writer w;
  w.records("node", nodes);
  const std::string text = w.take();
  ir::Reader r(text);
  const auto back = r.records<shape::Node>("node");
  ASSERT_TRUE(r.at_end());
  ASSERT_EQ(back.size(), 3u);
  EXPECT_EQ(back[0].text, nodes[0].text);
  EXPECT_EQ(back[0].number, 5);
  EXPECT_EQ(back[0].seed, nodes[0].seed);
  EXPECT_EQ(back[0].span, nodes[0].span);
  EXPECT_EQ(back[2].flag, true);
  for (std::size_t i = 0; i < nodes[1].parts.size(); ++i) {
    EXPECT_EQ(back[1].parts[i].value, nodes[1].parts[i].value);
    EXPECT_EQ(std::signbit(back[1].parts[i].value), std::signbit(nodes[1].parts[i].value));
  }
  ir::Writer again;
  again.records("node", back);
  EXPECT_EQ(again.take(), text);
}

TEST(IrText, DefaultsAreLeftOut) { EXPECT_EQ(print({}), "node %0\n"); }

TEST(IrText, RefusesAnythingElse) {
  const auto read = [](std::string_view text) {
    ir::Reader r(text);
    r.record<shape::Node>("node", 0);
  };
  EXPECT_NO_THROW(read("node %0 text=\"a\" flag=false\n"));
  for (const char* bad : {"", "knot %0", "node %1", "node 0", "node %0 text=a", "node %0 text=\"a", "node %0 text=\"\\", "node %0 flag=maybe", "node %0 seed=-1",
                          "node %0 seed=99999999999999999999", "node %0 other=%99999999999", "node %0 other=", "node %0 span=@0:5", "node %0 parts=[{value=1e}]",
                          "node %0 parts=[{colour=blue}]", "node %0 parts=[", "node %0 flag=true text=\"late\"", "node %0 }", "node %0 text=\"\\x1\""})
    EXPECT_THROW(read(bad), ir::TextError) << bad;
}

}  // namespace
