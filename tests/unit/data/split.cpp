#include <array>
#include <map>
#include <set>

#include "tests/unit/data/common.h"

namespace mlp::data {
namespace {

values::Table table(const std::vector<Column>& schema, const std::vector<std::vector<std::string>>& rows) {
  values::Table out;
  out.rows = static_cast<std::int64_t>(rows.size());
  out.columns.resize(schema.size());
  for (std::size_t c = 0; c < schema.size(); ++c) {
    out.columns[c].layout = values::layout_of(schema[c].type.scalar);
    for (const auto& row : rows) {
      values::Cell cell;
      const values::Read got = values::read_text(schema[c], {""}, row[c], cell);
      EXPECT_NE(got, values::Read::bad_type) << row[c];
      if (got == values::Read::ok) out.columns[c].append(cell);
      else out.columns[c].append_null();
    }
  }
  return out;
}

std::array<int, 4> counts(const std::vector<Part>& parts) {
  std::array<int, 4> out{};
  for (const Part p : parts) ++out[static_cast<std::size_t>(p)];
  return out;
}
std::string letters(const std::vector<Part>& parts) {
  std::string out;
  for (const Part p : parts) out += "tvs-"[static_cast<int>(p)];
  return out;
}
std::string failure(const Split& s, const std::vector<Column>& schema, const values::Table& t) {
  try {
    split(s, schema, t, 1);
  } catch (const Failure& f) {
    return std::string(info(f.diagnostic.code).code) + " " + f.diagnostic.message;
  }
  return "none";
}
Split by(SplitMethod method, double train, double valid, double test) {
  Split s;
  s.method = method;
  s.train = train;
  s.valid = valid;
  s.test = test;
  if (method != SplitMethod::random && method != SplitMethod::every) s.column = {0};
  return s;
}

const std::vector<Column> one = {field("k", Scalar::category, true)};
values::Table keyed(int rows, int keys) {
  std::vector<std::vector<std::string>> cells;
  for (int i = 0; i < rows; ++i) cells.push_back({"k" + std::to_string(i % keys)});
  return table(one, cells);
}

TEST(SplitRows, RandomHasExactCountsAndFollowsTheSeed) {
  const values::Table t = keyed(1000, 10);
  const Split s = by(SplitMethod::random, 0.7, 0.15, 0.15);
  const auto a = split(s, one, t, 1), b = split(s, one, t, 1), c = split(s, one, t, 2);
  EXPECT_EQ(counts(a), (std::array<int, 4>{700, 150, 150, 0}));
  EXPECT_EQ(a, b);
  EXPECT_NE(a, c);
  EXPECT_EQ(counts(split(by(SplitMethod::random, 0.7, 0.2, 0.1), one, t, 1)), (std::array<int, 4>{700, 200, 100, 0}));
  EXPECT_EQ(counts(split(by(SplitMethod::random, 0.9, 0.1, 0), one, t, 1)), (std::array<int, 4>{900, 100, 0, 0}));
  EXPECT_EQ(counts(split(by(SplitMethod::random, 1, 0, 0), one, t, 1)), (std::array<int, 4>{1000, 0, 0, 0}));
  EXPECT_EQ(counts(split(by(SplitMethod::random, 0.5, 0, 0.1), one, t, 1)), (std::array<int, 4>{500, 0, 100, 400}));
  Split own = s;
  own.seed = 2;
  EXPECT_EQ(split(own, one, t, 1), c);
}

TEST(SplitRows, HashDependsOnTheValueAlone) {
  const Split s = by(SplitMethod::hash, 0.6, 0.2, 0.2);
  const values::Table t = keyed(20000, 20000);
  const auto parts = split(s, one, t, 7);
  const auto n = counts(parts);
  EXPECT_NEAR(n[0], 12000, 300);
  EXPECT_NEAR(n[1], 4000, 250);
  std::vector<std::vector<std::string>> reversed;
  for (int i = 20000; i-- > 10000;) reversed.push_back({"k" + std::to_string(i)});
  const auto other = split(s, one, table(one, reversed), 7);
  for (std::size_t i = 0; i < other.size(); ++i) ASSERT_EQ(other[i], parts[19999 - i]);
}

TEST(SplitRows, GroupsStayTogetherAndFillTheParts) {
  const values::Table t = keyed(10000, 200);
  const auto parts = split(by(SplitMethod::group, 0.7, 0.15, 0.15), one, t, 3);
  std::map<std::string, std::set<Part>> seen;
  for (std::int64_t row = 0; row < t.rows; ++row) seen[std::string(t.columns[0].cell(row).text)].insert(parts[static_cast<std::size_t>(row)]);
  for (const auto& [key, in] : seen) EXPECT_EQ(in.size(), 1U) << key;
  EXPECT_EQ(counts(parts), (std::array<int, 4>{7000, 1500, 1500, 0}));
}

TEST(SplitRows, TimeIsInOrderWithAGap) {
  const std::vector<Column> dated = {field("day", Scalar::date)};
  const values::Table t = table(dated, {{"2024-01-05"}, {"2024-01-01"}, {"2024-01-02"}, {"2024-01-04"}, {"2024-01-03"}, {"2024-01-06"}, {"2024-01-06"}, {"2024-01-07"}, {"2024-01-08"}, {"2024-01-09"}});
  Split s = by(SplitMethod::time, 0.5, 0.2, 0.3);
  EXPECT_EQ(letters(split(s, dated, t, 0)), "tttttvvsss");
  s.gap = 2LL * 86'400'000'000;
  EXPECT_EQ(failure(s, dated, t), "E0519 no row falls into the valid part");  // both its rows are of the 6th
  s.gap = 86'400'000'000;
  EXPECT_EQ(letters(split(s, dated, t, 0)), "tttttvvsss");
}

TEST(SplitRows, GapInsideTheLaterPartOnly) {
  const std::vector<Column> timed = {field("t", Scalar::timestamp)};
  std::vector<std::vector<std::string>> rows;
  for (int i = 0; i < 20; ++i) rows.push_back({"2024-01-01T" + std::string(i < 10 ? "0" : "") + std::to_string(i) + ":00"});
  const values::Table t = table(timed, rows);
  Split s = by(SplitMethod::time, 0.5, 0.25, 0.25);
  s.gap = 3LL * 3'600'000'000;
  EXPECT_EQ(letters(split(s, timed, t, 0)), "tttttttttt--vvv--sss");
  s.gap = 100LL * 3'600'000'000;
  EXPECT_EQ(failure(s, timed, t), "E0519 no row falls into the valid part");
}

TEST(SplitRows, StrataKeepTheirShares) {
  std::vector<std::vector<std::string>> rows;
  for (int i = 0; i < 1000; ++i) rows.push_back({i % 10 == 0 ? "rare" : i % 10 == 1 ? "" : "common"});
  const values::Table t = table(one, rows);
  const auto parts = split(by(SplitMethod::stratified, 0.7, 0.1, 0.2), one, t, 5);
  std::map<std::string, std::array<int, 4>> by_value;
  for (std::int64_t row = 0; row < t.rows; ++row)
    ++by_value[t.columns[0].is_present(row) ? std::string(t.columns[0].cell(row).text) : "null"][static_cast<std::size_t>(parts[static_cast<std::size_t>(row)])];
  EXPECT_EQ(by_value["rare"], (std::array<int, 4>{70, 10, 20, 0}));
  EXPECT_EQ(by_value["null"], (std::array<int, 4>{70, 10, 20, 0}));
  EXPECT_EQ(by_value["common"], (std::array<int, 4>{560, 80, 160, 0}));
}

TEST(SplitRows, EveryAndColumn) {
  const values::Table t = keyed(12, 3);
  Split s = by(SplitMethod::every, 0.8, 0, 0.2);
  s.every = 5;
  EXPECT_EQ(letters(split(s, one, t, 0)), "sttttsttttst");
  s.valid = 0.2;
  EXPECT_EQ(letters(split(s, one, t, 0)), "svtttsvtttsv");
  const values::Table folds = table(one, {{"train"}, {"test"}, {"valid"}, {"train"}});
  EXPECT_EQ(letters(split(by(SplitMethod::column, 0.7, 0.15, 0.15), one, folds, 0)), "tsvt");
  EXPECT_EQ(failure(by(SplitMethod::column, 0.7, 0.15, 0.15), one, table(one, {{"train"}, {"holdout"}})), "E0520 `holdout` in row 2 of column `k` names no part");
  EXPECT_EQ(failure(by(SplitMethod::column, 0.7, 0.15, 0.15), one, table(one, {{"test"}})), "E0519 no row falls into the train part");
}

TEST(SplitRows, Failures) {
  EXPECT_EQ(failure(by(SplitMethod::random, 0.7, 0.15, 0.15), one, keyed(2, 2)), "E0519 no row falls into the test part");
  EXPECT_EQ(failure(by(SplitMethod::hash, 0.7, 0.15, 0.15), one, keyed(50, 1)).substr(0, 5), "E0519");
  EXPECT_EQ(failure(by(SplitMethod::hash, 0.7, 0.15, 0.15), one, table(one, {{"a"}, {""}})), "E0520 no value in row 2 of column `k`, by which the rows are split");
  Split s = by(SplitMethod::every, 0.5, 0, 0.5);
  s.every = 1;
  EXPECT_EQ(failure(s, one, keyed(5, 5)), "E0519 no row falls into the train part");
}

Expectation expect(ExpectKind kind, int column, Compare compare, double value, std::string text) {
  Expectation e;
  e.kind = kind;
  if (column >= 0) e.column = {column};
  e.compare = compare;
  e.value = value;
  e.text = std::move(text);
  return e;
}

TEST(Expectations, SayWhatWasFound) {  // E0518
  const std::vector<Column> schema = {field("id", Scalar::id), field("v", Scalar::real, true), field("empty", Scalar::real, true)};
  const values::Table t = table(schema, {{"a", "1", ""}, {"b", "", ""}, {"c", "4", ""}, {"a", "1", ""}});
  const auto found = check_expectations(
      {expect(ExpectKind::rows, -1, Compare::ge, 4, "rows >= 4"), expect(ExpectKind::rows, -1, Compare::ge, 5, "rows >= 5"), expect(ExpectKind::unique, 0, Compare::ge, 0, "unique(id)"),
       expect(ExpectKind::missing, 1, Compare::le, 0.25, "missing(v) <= 25%"), expect(ExpectKind::missing, 1, Compare::lt, 0.25, "missing(v) < 25%"),
       expect(ExpectKind::min, 1, Compare::gt, 1, "min(v) > 1"), expect(ExpectKind::max, 1, Compare::lt, 4, "max(v) < 4"), expect(ExpectKind::max, 1, Compare::le, 4, "max(v) <= 4"),
       expect(ExpectKind::mean, 1, Compare::eq, 2, "mean(v) == 2"), expect(ExpectKind::mean, 1, Compare::ne, 2, "mean(v) != 2"), expect(ExpectKind::distinct, 1, Compare::eq, 2, "distinct(v) == 2"),
       expect(ExpectKind::distinct, 0, Compare::gt, 3, "distinct(id) > 3"), expect(ExpectKind::mean, 2, Compare::ge, 0, "mean(empty) >= 0"), expect(ExpectKind::unique, 2, Compare::ge, 0, "unique(empty)")},
      schema, t);
  std::string all;
  for (const Diagnostic& d : found) all += std::string(info(d.code).code) + " " + d.message + "\n";
  EXPECT_EQ(all,
            "E0518 `rows >= 5` does not hold: there are 4 rows\n"
            "E0518 `unique(id)` does not hold: 1 row repeats a value, first row 4 with `a`\n"
            "E0518 `missing(v) < 25%` does not hold: 1 of 4 rows are null (25.00%)\n"
            "E0518 `min(v) > 1` does not hold: it is 1 in row 1\n"
            "E0518 `max(v) < 4` does not hold: it is 4 in row 3\n"
            "E0518 `mean(v) != 2` does not hold: it is 2\n"
            "E0518 `distinct(id) > 3` does not hold: there are 3 distinct values\n"
            "E0518 `mean(empty) >= 0` does not hold: column `empty` has no value\n");
}

}  // namespace
}  // namespace mlp::data
