// What stands in a module whose features read a table: columns, nulls, attributes and traces, step by step.
#include <gtest/gtest.h>

#include "tests/unit/check/checked.h"

namespace mlp {
namespace {

constexpr const char* head = R"(schema Row {
  k: id
  t: timestamp
  u: timestamp?
  v: float? >= 0 "what was paid"
  n: int in 0..9
  who: string @pii
  g: category @protected
  y: bool
}
schema Side { k: id, a: float > 0, b: int?, t: timestamp }
source rows: Row = csv("rows.csv", null = ["", "NA"])
source side: Side = csv("side.csv", null = ["?"])
)";

Checked with(const std::string& table, const std::string& features = "n") {
  return Checked("test.mlp", head + table + "\nfeatures x from t1 { " + features + " }\nmodel m = gbdt { predict y from x }\n");
}
std::vector<std::string> shape(const sem::Module& m) {
  std::vector<std::string> out;
  for (const Column& c : m.columns)
    out.push_back(c.name + ": " + spell(c.type) + (c.bounds.low || c.bounds.high ? " bound" : "") + (c.event_time ? " time" : "") + (c.pii ? " pii" : "") + (c.protected_ ? " protected" : ""));
  return out;
}
using Shape = std::vector<std::string>;
using Findings = std::vector<std::string>;

sem::Module good(const std::string& table, const std::string& features = "n") {
  const Checked c = with(table, features);
  for (const Diagnostic& d : c.diagnostics.all()) EXPECT_NE(info(d.code).severity, Severity::error) << c.text();
  EXPECT_EQ(sem::verify(c.module), Findings{});
  EXPECT_EQ(sem::print(sem::parse_text(sem::print(c.module))), sem::print(c.module));
  return c.module;
}
std::string error(const std::string& table, const std::string& features = "n") {
  const Checked c = with(table, features);
  for (const Diagnostic& d : c.diagnostics.all())
    if (info(d.code).severity == Severity::error) return info(d.code).code;
  return "";
}

TEST(CheckTables, AFilterKeepsColumnsAndWhatItComparesIsPresent) {
  EXPECT_EQ(shape(good("table t1 = rows |> filter(v > 1 and u != null)")),
            (Shape{"k: id", "t: timestamp", "u: timestamp", "v: float bound", "n: int bound", "who: string pii", "g: category protected", "y: bool"}));
  EXPECT_EQ(shape(good("table t1 = rows |> filter(n > 1 or u != null) |> select(u, n, y)"))[0], "u: timestamp?");
  EXPECT_EQ(shape(good("table t1 = rows |> filter(coalesce(v, 0) > 1) |> select(v, n, y)"))[0], "v: float? bound");
}

TEST(CheckTables, LagsAreColumnsTheEarliestFirstAndAreThereWhereItIs) {
  const std::string lags = "table t1 = rows |> window(by = k, order = t) { n = lags(n, 1, 3), v = lags(v, 2, 3), one = lag(n) }";
  const auto behind = [&](const std::string& steps) {
    const Shape all = shape(good(lags + steps));
    return Shape(all.begin() + 8, all.end());
  };
  EXPECT_EQ(behind(""), (Shape{"n3: int?", "n2: int?", "n1: int?", "v3: float?", "v2: float?", "one: int?"}));
  EXPECT_EQ(behind(" |> filter(n2 != null)"), (Shape{"n3: int?", "n2: int", "n1: int", "v3: float?", "v2: float?", "one: int"}));
  EXPECT_EQ(behind(" |> filter(n > 1) |> filter(v3 > 0)"), (Shape{"n3: int", "n2: int", "n1: int", "v3: float", "v2: float?", "one: int"}));
  // Another window has rows of its own before each row.
  const Shape two = behind(" |> window(by = g, order = t) { m = lags(n, 5, 5) } |> filter(m5 != null)");
  EXPECT_EQ(two, (Shape{"n3: int?", "n2: int?", "n1: int?", "v3: float?", "v2: float?", "one: int?", "m5: int"}));
  const Shape back = behind(" |> window(by = g, order = t) { m = lags(n, 5, 5) } |> filter(n3 != null)");
  EXPECT_EQ(back, (Shape{"n3: int", "n2: int", "n1: int", "v3: float?", "v2: float?", "one: int", "m5: int?"}));
}

TEST(CheckTables, LagsLeakNothingAndKeepAttributes) {
  EXPECT_EQ(error("table t1 = rows |> window(by = k, order = t) { y = lags(y, 1, 2) }", "y1"), "");
  EXPECT_EQ(error("table t1 = rows |> window(by = k, order = t) { w = lags(who, 1, 2) }", "w1 = w1 == \"a\""), "E0313");
}

TEST(CheckTables, WhatIsComputedLosesBoundsAndKeepsAttributes) {
  EXPECT_EQ(shape(good("table t1 = rows |> select(n, y, w = v + 1, who2 = concat(who, \"x\"), g2 = g == \"a\", copy = v, day = to_date(t))")),
            (Shape{"n: int bound", "y: bool", "w: float?", "who2: string pii", "g2: bool protected", "copy: float? bound", "day: date"}));
}

TEST(CheckTables, TheRightSideOfALeftJoinMayBeNull) {
  EXPECT_EQ(shape(good("table t1 = rows |> select(k, n, y) |> join(side, on = k, prefix = \"s_\")")), (Shape{"k: id", "n: int bound", "y: bool", "s_a: float? bound", "s_b: int?", "s_t: timestamp?"}));
  EXPECT_EQ(shape(good("table t1 = rows |> select(k, n, y) |> join(side, on = k, kind = inner)")), (Shape{"k: id", "n: int bound", "y: bool", "a: float bound", "b: int?", "t: timestamp"}));
  EXPECT_EQ(shape(good("table t1 = rows |> select(k, t, n, y) |> asof_join(side, on = t, by = k)")), (Shape{"k: id", "t: timestamp", "n: int bound", "y: bool", "a: float? bound", "b: int?"}));
}

TEST(CheckTables, AggregatesHaveTypes) {
  EXPECT_EQ(shape(good("table t1 = rows |> group_by(y) { n = count(), s = sum(n), f = sum(v), m = mean(n), big = max(v), last = last(t), yes = sum(y), d = distinct(k), r = sum(n) / count(), p = max(who) }")),
            (Shape{"y: bool", "n: int", "s: int", "f: float", "m: float", "big: float?", "last: timestamp", "yes: int", "d: int", "r: float", "p: string pii"}));
  EXPECT_EQ(shape(good("table t1 = rows |> select(t, n, y) |> window(order = t) { a = lag(n), b = mean(n), c = mean(n, current = false), d = count(over = 7d), e = coalesce(lag(n, 3), 0) }")),
            (Shape{"t: timestamp", "n: int bound", "y: bool", "a: int?", "b: float", "c: float?", "d: int", "e: int"}));
  EXPECT_EQ(shape(good("fn rate(a: bool) -> float = sum(a) / count()\ntable t1 = rows |> group_by(g, y) { n = 1 + count(), r = rate(n > 3) }"))[3], "r: float");
}

TEST(CheckTables, WhatSaysTheTargetOfThisRowIsALeakAndOfEarlierRowsIsNot) {
  const auto window = [](const std::string& entry) { return "table t1 = rows |> window(by = k, order = t) { z = " + entry + " }"; };
  EXPECT_EQ(error(window("mean(y, over = 7d)"), "z"), "E0312");
  EXPECT_EQ(error(window("mean(y, over = 7d, current = false)"), "z"), "");
  EXPECT_EQ(error(window("lag(y)"), "z"), "");
  EXPECT_EQ(error(window("lag(y) == y"), "z"), "E0312");
  EXPECT_EQ(error("table t1 = rows |> derive { y2 = y } |> window(by = k, order = t) { z = sum(y2) }", "z"), "E0312");
  EXPECT_EQ(error("table t1 = rows |> asof_join(rows |> select(k, t, z = y), on = t, by = k)", "z"), "E0312");
  EXPECT_EQ(error("table t1 = rows |> asof_join(rows |> select(k, t, z = y), on = t, by = k, strict = true)", "z"), "");
  EXPECT_EQ(error("table t1 = union(rows, rows |> filter(n > 1)) |> derive { z = y and n > 2 }", "z"), "E0312");
  EXPECT_EQ(error("table t1 = rows |> join(rows |> group_by(k) { z = count() }, on = k)", "z"), "");
  EXPECT_EQ(error("table t1 = rows |> derive { z = concat(who, \"x\") }", "h = length(z)"), "E0313");
}

TEST(CheckTables, WhatLeadsNowhereIsLeftOutAndNullWordsAreThoseOfAll) {
  const sem::Module m = good("table unused = side |> filter(a > 1)\ntable t1 = rows |> filter(n > 1)");
  EXPECT_EQ(m.query.sources.size(), 1u);
  EXPECT_EQ(m.query.steps.size(), 2u);
  EXPECT_EQ(m.query.steps.back().name, "t1");
  EXPECT_EQ(m.source.null_words, (Findings{"", "NA"}));
  EXPECT_EQ(good("table t1 = rows |> join(side |> select(k, a), on = k)").source.null_words, (Findings{"", "NA", "?"}));
}

}  // namespace
}  // namespace mlp
