// Bags of terms by the definition (tests/reference/bags.h): vocabularies, weights and values to the last bit, over edge texts.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "stdlib/builtins/kernels.h"
#include "stdlib/builtins/terms.h"
#include "tests/reference/bags.h"
#include "tests/unit/builtins/arena.h"

namespace mlp {
namespace {

std::vector<std::string> edge_texts(std::mt19937_64& random) {
  std::vector<std::string> texts = {
      "", " ", "a", "\n\t ", "a b c", "Äpfel ÜBER Straße", "e\xcc\x81te\xcc\x81", "İSTANBUL ıI", "ΟΔΥΣΣΕΥΣ ΣΑΣ Σ", "日本語 テスト", "👍🏽 ok 👨‍👩‍👧", "say \"hi\", it's", "two\nlines", "x² ½ ①②",
      "ȺȺ ȾȾ", "\xf0\x90\x90\x80\xf0\x90\x90\x81", std::string(300, 'x'), "free FREE free Free call call now", "_ __ a_b 1_2 12 1"};
  const std::vector<std::string> parts = {"free", "Call", "now", "ö", "Ö", " ", "  ", "\xc2\xa0", "\xe3\x80\x80", "e\xcc\x81", "Σ", "1", "_", "-", "👍", "the", "the ", " to", "\""};
  for (int i = 0; i < 60; ++i) {
    std::string text;
    for (std::uint64_t n = random() % 40; n > 0; --n) text += parts[random() % parts.size()] + (random() % 2 ? " " : "");
    texts.push_back(text);
  }
  std::string large;
  for (int i = 0; i < 600; ++i) large += parts[random() % parts.size()] + " ";
  texts.push_back(large);
  return texts;
}

TEST(Bags, FittedAndComputedAsDefined) {
  std::mt19937_64 random(7);
  const std::vector<std::string> texts = edge_texts(random);
  std::vector<mlp_string> strings;
  std::vector<std::uint8_t> present;
  for (const std::string& t : texts) {
    strings.push_back({t.data(), static_cast<std::int64_t>(t.size())});
    present.push_back(random() % 9 != 0);
  }
  int compared = 0;
  for (int turn = 0; turn < 32; ++turn) {
    ir::Feature feature;
    BagSettings& s = feature.bag;
    s.by = static_cast<TermKind>(turn % 3);
    s.shortest = 1 + static_cast<std::int64_t>(random() % 3);
    s.longest = s.shortest + static_cast<std::int64_t>(random() % 3);
    s.binary = random() % 3 == 0;
    s.sublinear = random() % 2;
    s.norm = random() % 2;
    s.buckets = turn % 4 == 3 ? (turn % 8 == 3 ? 5 : 1 << 20) : 0;
    feature.slot.index = 0;
    flow::Aggregate a;
    a.kind = flow::AggregateKind::terms;
    a.parameters = {static_cast<double>(s.by), static_cast<double>(s.shortest), static_cast<double>(s.longest), static_cast<double>(1 + random() % 3), turn % 5 ? 1 : 0.5,
                    turn % 7 ? 0.0 : 10.0, static_cast<double>(turn % 2)};
    const mlp_terms::Recipe recipe{.by = static_cast<std::int64_t>(s.by), .shortest = s.shortest, .longest = s.longest, .binary = s.binary, .sublinear = s.sublinear, .norm = s.norm, .buckets = s.buckets};
    fit::Fitted fitted;
    fitted.tables.push_back(fit::terms(strings, present, recipe, {.min_rows = static_cast<std::int64_t>(a.parameters[3]), .max_share = a.parameters[4], .max_size = static_cast<std::int64_t>(a.parameters[5]), .idf = a.parameters[6] != 0}));
    const fit::FittedTable defined = reference::fit_terms(a, strings, present);
    ASSERT_EQ(fitted.tables[0].keys, defined.keys) << turn;
    ASSERT_EQ(fitted.tables[0].values, defined.values) << turn;
    const fit::FittedView view(fitted);
    test::Arena arena;
    for (const std::string& text : texts) {
      mlp_bag bag{};
      mlp_text_bag(text.data(), static_cast<std::int64_t>(text.size()), s.buckets > 0 ? nullptr : view.get()->tables, mlp_terms::pack(recipe), &arena, &bag);
      const std::vector<mlp_term> want = reference::bag_of(feature, fitted, text);
      ASSERT_EQ(bag.size, static_cast<std::int64_t>(want.size())) << turn << ": " << text;
      ASSERT_TRUE(want.empty() || std::memcmp(bag.terms, want.data(), want.size() * sizeof(mlp_term)) == 0) << turn << ": " << text;
      compared += static_cast<int>(want.size());
    }
  }
  EXPECT_GT(compared, 10'000);
}

}  // namespace
}  // namespace mlp
