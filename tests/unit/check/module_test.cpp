// What stands in a checked module: defaults, types, sharing, and what is left out.
#include <gtest/gtest.h>

#include "tests/unit/check/checked.h"

namespace mlp {
namespace {

constexpr const char* head = R"(schema Row {
  id0: id
  a: float
  n: int >= 0
  m: float?
  c: category
  w: int >= 0
  y: bool from ("Yes", "No")
}
source rows: Row = csv("rows.csv")
)";

sem::Module checked(const std::string& rest) {
  const Checked c("test.mlp", head + rest);
  EXPECT_EQ(c.findings(), std::vector<std::string>{}) << c.text();
  EXPECT_EQ(sem::verify(c.module), std::vector<std::string>{});
  return c.module;
}
sem::Module with_features(const std::string& entries) { return checked("features x from rows {\n" + entries + "\n}\nmodel p = gbdt { predict y from x }\n"); }
sem::Module with_model(const std::string& settings, const std::string& kind = "gbdt") {
  return checked("features x from rows { a }\nmodel p = " + kind + " {\npredict y from x\n" + settings + "\n}\n");
}
sem::Module with_split(const std::string& settings) {
  return checked("split rows { " + settings + " }\nfeatures x from rows { a }\nmodel p = gbdt { predict y from x }\n");
}
std::vector<std::string> names(const sem::Module& m) {
  std::vector<std::string> out;
  for (const ir::Feature& f : m.features) out.push_back(f.name);
  return out;
}
int count(const sem::Module& m, ir::ExprOp op) {
  int n = 0;
  for (const ir::Expr& e : m.exprs) n += e.op == op;
  return n;
}
using Names = std::vector<std::string>;

TEST(CheckModule, DefaultsAreFilledIn) {
  const sem::Module m = with_model("");
  EXPECT_EQ(m.name, "p");
  EXPECT_TRUE(m.split.defaulted);
  EXPECT_EQ(m.split.method, SplitMethod::random);
  EXPECT_DOUBLE_EQ(m.split.train, 0.7);
  EXPECT_EQ(m.model.settings.loss, Loss::logistic);
  EXPECT_EQ(m.model.settings.growth, Growth::leaf_wise);
  EXPECT_EQ(m.model.settings.leaves, 31);
  EXPECT_EQ(m.model.classes, (Names{"No", "Yes"}));
  EXPECT_FALSE(m.deploy.declared);
}

TEST(CheckModule, DepthAloneGrowsByDepth) {
  const ModelSettings deep = with_model("depth = 6").model.settings;
  EXPECT_EQ(deep.growth, Growth::depth_wise);
  EXPECT_EQ(deep.leaves, 64);
  const ModelSettings limited = with_model("depth = 6, leaves = 20").model.settings;
  EXPECT_EQ(limited.growth, Growth::leaf_wise);
  EXPECT_EQ(limited.leaves, 20);
  EXPECT_EQ(with_model("growth = depth_wise").model.settings.depth, 6);
}

TEST(CheckModule, SplitsAreWhatTheirWordsSay) {
  const Split two = with_split("train = 80%, test = 20%").split;
  EXPECT_DOUBLE_EQ(two.valid, 0);
  EXPECT_FALSE(two.defaulted);
  const Split every = with_split("by = every(5)").split;
  EXPECT_EQ(every.every, 5);
  EXPECT_DOUBLE_EQ(every.test, 0.2);
  EXPECT_DOUBLE_EQ(every.valid, 0);
  EXPECT_DOUBLE_EQ(every.train, 0.8);
  EXPECT_DOUBLE_EQ(with_split("by = every(5), valid = 20%").split.valid, 0.2);
  EXPECT_DOUBLE_EQ(with_split("train = 60%, valid = 10%").split.test, 0.3);
  EXPECT_EQ(with_split("by = hash(id0)").split.column.index, 0);
}

TEST(CheckModule, LetIsSharedAndAggregatesStandOnce) {
  const sem::Module m = with_features("  z = a |> standardize");
  EXPECT_EQ(count(m, ir::ExprOp::aggregate), 2);
  EXPECT_EQ(count(m, ir::ExprOp::column), 2);  // a and the target
}

TEST(CheckModule, UnusedExpressionsAreSweptAway) {
  const sem::Module m = checked(
      "fn f(v: float) -> float {\n  let unused = mean(v)\n  v + 1\n}\nfeatures x from rows { b = f(a) }\nmodel p = gbdt { predict y from x }\n");
  EXPECT_EQ(count(m, ir::ExprOp::aggregate), 0);
}

TEST(CheckModule, ConstantsAreFolded) {
  const sem::Module m = with_features("  z = a * (1 + 2 * 3 - 50% / 2)");
  bool found = false;
  for (const ir::Expr& e : m.exprs) found = found || (e.op == ir::ExprOp::constant && e.value.real == 6.75);
  EXPECT_TRUE(found) << sem::print(m);
  EXPECT_EQ(count(m, ir::ExprOp::constant), 1);
}

TEST(CheckModule, NothingReplacesWhatIsNeverMissing) {
  const sem::Module m = with_features("  z = a |> impute(median)");
  EXPECT_EQ(m[m.features[0].value].op, ir::ExprOp::column);
  EXPECT_FALSE(m.features[0].nullable);
}

TEST(CheckModule, TwoKindsOfTextMeetAsStrings) {
  const Checked c("test.mlp", "schema R { a: text?, b: category, y: float }\nsource r: R = csv(\"r.csv\")\nfeatures x from r { z = coalesce(a, b) }\nmodel p = gbdt { predict y from x }\n");
  EXPECT_EQ(c.findings(), std::vector<std::string>{}) << c.text();
  for (const ir::Expr& e : c.module.exprs) {
    if (e.callee != "coalesce") continue;
    for (const ir::ExprId id : e.args) EXPECT_EQ(c.module[id].type.scalar, Scalar::string);
  }
}

TEST(CheckModule, NullsFlowThroughFunctions) {
  EXPECT_TRUE(with_features("  z = m |> standardize").features[0].nullable);
  EXPECT_FALSE(with_features("  z = m |> impute(0) |> standardize").features[0].nullable);
  EXPECT_FALSE(with_features("  z = m == null").features[0].nullable);
}

TEST(CheckModule, SelectorsLeaveOutLabelIdsAndSplit) {
  const sem::Module m = checked("split rows { by = group(w) }\nfeatures x from rows {\n each(bool)\n each(number) except (m)\n}\nmodel p = gbdt { predict c from x }\n");
  EXPECT_EQ(names(m), (Names{"y", "a", "n"}));
}

TEST(CheckModule, VectorsAreNumberedAndSelectionsKeepTheirNames) {
  EXPECT_EQ(names(with_features("  v = [a, n * 2]\n  each(int) |> log1p")), (Names{"v[0]", "v[1]", "n", "w"}));
  EXPECT_EQ(names(with_features("  p = columns(\"n\", \"w\") / 255")), (Names{"p[0]", "p[1]"}));
  EXPECT_EQ(names(with_features("  each(int) |> cyclic(7)")), (Names{"n[0]", "n[1]", "w[0]", "w[1]"}));
}

TEST(CheckModule, CategoriesAreCodesOfAVocabulary) {
  const sem::Module m = with_features("  c\n  o = c |> one_hot");
  EXPECT_EQ(m.features[0].encoding, ir::Encoding::category);
  EXPECT_EQ(m.features[1].encoding, ir::Encoding::one_hot);
  for (const ir::Feature& f : m.features) {
    EXPECT_EQ(m[f.table].callee, "vocabulary");
    EXPECT_FALSE(f.nullable);
    EXPECT_EQ(f.columns, std::vector<ColumnId>{ColumnId{4}});
  }
}

TEST(CheckModule, QuantileBinsExpand) {
  const sem::Module m = with_features("  z = a |> quantile_bins(4)");
  EXPECT_EQ(count(m, ir::ExprOp::aggregate), 3);
}

TEST(CheckModule, AWholeNumberTargetBecomesAFloat) {
  const sem::Module m = checked("features x from rows { a }\nmodel p = gbdt { predict n from x }\n");
  EXPECT_EQ(m[m.model.target].type.scalar, Scalar::real);
  EXPECT_EQ(m.model.settings.loss, Loss::squared);
  EXPECT_EQ(m.model.target_columns, std::vector<ColumnId>{ColumnId{2}});
}

TEST(CheckModule, GatesKeepTheirWords) {
  const sem::Module m = checked("features x from rows { a, n }\nmodel p = gbdt { predict y from x }\ntest p {\n  require test.auc >= production.auc - 0.005\n  given { n = 3, m = null } expect prediction == \"Yes\"\n}\n");
  ASSERT_EQ(m.gates.size(), 2u);
  EXPECT_EQ(m.gates[0].against, MetricScope::production);
  EXPECT_DOUBLE_EQ(m.gates[0].value, -0.005);
  EXPECT_EQ(m.gates[0].text, "require test.auc >= production.auc - 0.005");
  EXPECT_EQ(m.gates[1].expect_label, "Yes");
  EXPECT_EQ(m.gates[1].given_values[0].integer, 3);
  EXPECT_TRUE(m.gates[1].given_values[1].null);
}

// Damaged specs: whatever line is missing, the checker ends, and what it accepts holds.
TEST(CheckModule, EveryLineMayBeMissing) {
  for (const auto& path : specs(false)) {
    const std::string text = read(path);
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
      const Checked c("damaged.mlp", text.substr(0, begin) + text.substr(end));
      if (!c.diagnostics.has_errors()) {
        EXPECT_EQ(sem::verify(c.module), std::vector<std::string>{}) << path << " without byte " << begin;
      }
      begin = end;
    }
  }
}

TEST(CheckModule, DamagedTextIsRefused) {
  const std::string printed = sem::print(with_features("  z = a |> standardize"));
  EXPECT_THROW(sem::parse_text("sem 2\n"), ir::TextError);
  EXPECT_THROW(sem::parse_text(printed + "nonsense\n"), ir::TextError);
  std::string word = printed;
  word.replace(word.find("op=column"), 9, "op=colour");
  EXPECT_THROW(sem::parse_text(word), ir::TextError);
}

TEST(CheckModule, VerifierSeesDamage) {
  const sem::Module good = with_features("  z = a |> standardize\n  c");
  sem::Module m = good;
  m.exprs[1].args = {ir::ExprId{5}};
  EXPECT_FALSE(sem::verify(m).empty());
  m = good;
  m.features[0].value = m.model.target;
  EXPECT_FALSE(sem::verify(m).empty());
  m = good;
  m.features[1].table = {};
  EXPECT_FALSE(sem::verify(m).empty());
  m = good;
  for (ir::Expr& e : m.exprs)
    if (e.op == ir::ExprOp::aggregate) e.stage = ir::Stage::row;
  EXPECT_FALSE(sem::verify(m).empty());
  m = good;
  for (ir::Expr& e : m.exprs)
    if (e.op == ir::ExprOp::select) e.args.pop_back();
  EXPECT_FALSE(sem::verify(m).empty());
}

}  // namespace
}  // namespace mlp
