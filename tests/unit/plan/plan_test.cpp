#include "compiler/plan/plan.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/plan/sample.h"

namespace mlp {
namespace {

using flow::AggregateKind;

flow::Program planned(std::vector<std::string> disabled = {}) { return plan(test::sample(), {.disabled = std::move(disabled), .verify = true}); }

std::vector<std::string> names(const flow::Program& p) {
  std::vector<std::string> out;
  for (const flow::Aggregate& a : p.aggregates) out.push_back(a.name);
  return out;
}

TEST(Plan, TheSampleIsWhole) { EXPECT_EQ(sem::verify(test::sample()), std::vector<std::string>{}); }

TEST(Plan, EachAggregateOnceAndNoneInVain) {
  EXPECT_EQ(names(planned()), (std::vector<std::string>{"median(a)", "mean(coalesce(a, median(a)))", "stddev(coalesce(a, median(a)))", "mean(b)", "vocabulary(c)"}));
}

TEST(Plan, AggregatesOfOneLevelShareAScan) {
  const flow::Program p = planned();
  ASSERT_EQ(p.passes.size(), 2u);
  EXPECT_EQ(p.passes[0].aggregates.size(), 3u);  // median(a), mean(b), vocabulary(c)
  EXPECT_EQ(p.passes[1].aggregates.size(), 2u);  // mean and stddev of what the median fills
}

TEST(Plan, ParametersAreFilledIn) {
  const flow::Program p = planned();
  EXPECT_EQ(p.aggregates[0].kind, AggregateKind::quantile);
  EXPECT_EQ(p.aggregates[0].parameters, std::vector<double>{0.5});
  EXPECT_EQ(p.aggregates[4].kind, AggregateKind::vocabulary);
  EXPECT_EQ(p.aggregates[4].parameters, (std::vector<double>{0, 1}));
}

TEST(Plan, CategoriesNameTheirSlot) {
  const flow::Program p = planned();
  EXPECT_EQ(p.features[2].slot, ir::SlotId{0});
  EXPECT_FALSE(p.features[2].table.known());
  EXPECT_EQ(p.tables, 1);
}

TEST(Plan, TheRequestIsWhatFeaturesRead) {
  const flow::Program p = planned();
  EXPECT_EQ(p.request, (std::vector<ColumnId>{{0}, {1}, {2}}));
  EXPECT_EQ(p.scan, (std::vector<ColumnId>{{0}, {1}, {2}, {3}, {4}}));  // with the target and the split; `unread` stays out
}

TEST(Plan, PrintsAndParsesBack) {
  const std::string text = flow::print(planned());
  EXPECT_EQ(flow::print(flow::parse_text(text)), text);
}

TEST(Plan, EveryPassCanBeLeftOut) {
  for (const PassInfo& pass : plan_passes()) {
    const flow::Program p = planned({pass.name});
    EXPECT_EQ(flow::verify(p), std::vector<std::string>{}) << pass.name;
    EXPECT_NE(flow::print(p), flow::print(planned())) << pass.name;  // each one does something here
  }
  std::vector<std::string> all;
  for (const PassInfo& pass : plan_passes()) all.push_back(pass.name);
  EXPECT_EQ(flow::verify(planned(all)), std::vector<std::string>{});
}

// Each line damages a whole program in one way; the verifier must see it.
TEST(FlowVerify, SeesEveryBreach) {
  const std::vector<std::pair<const char*, void (*)(flow::Program&)>> damages = {
      {"slot does not exist", [](flow::Program& p) { p.numbers = 1; }},
      {"filled twice", [](flow::Program& p) { p.aggregates[1].slot = p.aggregates[0].slot; }},
      {"kind of slot", [](flow::Program& p) { p.aggregates[0].slot_kind = flow::SlotKind::text; }},
      {"parameters", [](flow::Program& p) { p.aggregates[0].parameters.clear(); }},
      {"quantile above 1", [](flow::Program& p) { p.aggregates[0].parameters = {1.5}; }},
      {"text where a number belongs", [](flow::Program& p) { p.aggregates[0].input = p.aggregates[4].input; }},
      {"passes in the wrong order", [](flow::Program& p) { std::swap(p.passes[0], p.passes[1]); }},
      {"computed twice", [](flow::Program& p) { p.passes[1].aggregates.push_back({0}); }},
      {"in no pass", [](flow::Program& p) { p.passes[1].aggregates.pop_back(); }},
      {"an empty pass", [](flow::Program& p) { p.passes.push_back({}); }},
      {"two features of one name", [](flow::Program& p) { p.features[1].name = p.features[0].name; }},
      {"a category without a vocabulary", [](flow::Program& p) { p.features[2].slot = {}; }},
      {"a feature of text", [](flow::Program& p) { p.features[1].value = p.aggregates[4].input; }},
      {"no target", [](flow::Program& p) { p.model.target = {}; }},
      {"a target that is fitted", [](flow::Program& p) { p.model.target = p.features[1].value; }},
      {"monotone in nothing", [](flow::Program& p) { p.model.increasing = {"nothing"}; }},
      {"request too narrow", [](flow::Program& p) { p.request.pop_back(); }},
      {"scan too narrow", [](flow::Program& p) { p.scan.erase(p.scan.begin() + 4); }},
      {"scan out of order", [](flow::Program& p) { std::swap(p.scan[0], p.scan[1]); }},
      {"no features", [](flow::Program& p) { p.features.clear(); }},
  };
  for (const auto& [what, damage] : damages) {
    flow::Program p = planned();
    damage(p);
    EXPECT_NE(flow::verify(p), std::vector<std::string>{}) << what;
  }
}

TEST(FlowText, RefusesWhatItDidNotWrite) {
  const std::string text = flow::print(planned());
  EXPECT_THROW(flow::parse_text("flow 2\n"), ir::TextError);
  EXPECT_THROW(flow::parse_text(text + "surplus\n"), ir::TextError);
  EXPECT_THROW(flow::parse_text(text.substr(0, text.find("split"))), ir::TextError);
}

}  // namespace
}  // namespace mlp
