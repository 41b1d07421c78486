#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "stdlib/builtins/kernels.h"
#include "stdlib/builtins/terms.h"
#include "tests/unit/builtins/arena.h"

namespace {

struct Collect {
  std::vector<std::string> terms;
  void operator()(const char* data, std::int64_t size) { terms.emplace_back(data, static_cast<std::size_t>(size)); }
};

std::vector<std::string> terms_of(const std::string& text, const mlp_terms::Recipe& recipe) {
  const auto size = static_cast<std::int64_t>(text.size());
  std::vector<char> ready(static_cast<std::size_t>(mlp_terms::text_room(size)));  // exactly: sanitizers see a byte too many
  std::vector<std::int64_t> bounds(2 * static_cast<std::size_t>(mlp_terms::unit_room(size, recipe.by)));
  const std::int64_t units = mlp_terms::prepare(text.data(), size, recipe.by, ready.data(), bounds.data());
  EXPECT_LE(2 * units, static_cast<std::int64_t>(bounds.size())) << text;
  Collect all;
  mlp_terms::each_term(ready.data(), bounds.data(), units, recipe, all);
  EXPECT_LE(static_cast<std::int64_t>(all.terms.size()), mlp_terms::term_room(units, recipe)) << text;
  std::sort(all.terms.begin(), all.terms.end());
  return all.terms;
}

// What CountVectorizer of scikit-learn 1.9 gives for these texts (analyzers word, char and char_wb), sorted by bytes.
TEST(Terms, AsScikitLearnCutsThem) {
  struct Case {
    std::string text;
    mlp_terms::By by;
    std::int64_t shortest, longest;
    std::vector<std::string> terms;
  };
  const std::vector<Case> cases = {
      {"Free entry in 2 a wkly comp!!  Don't", mlp_terms::words, 1, 2, {"comp", "comp don", "don", "entry", "entry in", "free", "free entry", "in", "in wkly", "wkly", "wkly comp"}},
      {"Free entry in 2 a wkly comp!!  Don't", mlp_terms::chars, 2, 3, {" 2", " 2 ", " a", " a ", " c", " co", " d", " do", " e", " en", " i", " in", " w", " wk", "! ", "! d", "!!", "!! ", "'t", "2 ", "2 a", "a ", "a w", "co", "com", "do", "don", "e ", "e e", "ee", "ee ", "en", "ent", "fr", "fre", "in", "in ", "kl", "kly", "ly", "ly ", "mp", "mp!", "n ", "n 2", "n'", "n't", "nt", "ntr", "om", "omp", "on", "on'", "p!", "p!!", "re", "ree", "ry", "ry ", "tr", "try", "wk", "wkl", "y ", "y ", "y c", "y i"}},
      {"Free entry in 2 a wkly comp!!  Don't", mlp_terms::chars_in_words, 2, 4, {" 2", " 2 ", " a", " a ", " c", " co", " com", " d", " do", " don", " e", " en", " ent", " f", " fr", " fre", " i", " in", " in ", " w", " wk", " wkl", "! ", "!!", "!! ", "'t", "'t ", "2 ", "a ", "co", "com", "comp", "do", "don", "don'", "e ", "ee", "ee ", "en", "ent", "entr", "fr", "fre", "free", "in", "in ", "kl", "kly", "kly ", "ly", "ly ", "mp", "mp!", "mp!!", "n ", "n'", "n't", "n't ", "nt", "ntr", "ntry", "om", "omp", "omp!", "on", "on'", "on't", "p!", "p!!", "p!! ", "re", "ree", "ree ", "ry", "ry ", "t ", "tr", "try", "try ", "wk", "wkl", "wkly", "y ", "y "}},
      {"ÀPROPOS, Straße_7 ΑΣΟΣ x² ½a", mlp_terms::words, 1, 2, {"straße_7", "straße_7 ασος", "x²", "x² ½a", "½a", "àpropos", "àpropos straße_7", "ασος", "ασος x²"}},
      {"ÀPROPOS, Straße_7 ΑΣΟΣ x² ½a", mlp_terms::chars, 2, 3, {" s", " st", " x", " x²", " ½", " ½a", " α", " ασ", ", ", ", s", "7 ", "7 α", "_7", "_7 ", "aß", "aße", "e_", "e_7", "op", "opo", "os", "os,", "po", "pos", "pr", "pro", "ra", "raß", "ro", "rop", "s,", "s, ", "st", "str", "tr", "tra", "x²", "x² ", "² ", "² ½", "½a", "ße", "ße_", "àp", "àpr", "ασ", "ασο", "ος", "ος ", "ς ", "ς x", "σο", "σος"}},
      {"ÀPROPOS, Straße_7 ΑΣΟΣ x² ½a", mlp_terms::chars_in_words, 2, 4, {" s", " st", " str", " x", " x²", " x² ", " ½", " ½a", " ½a ", " à", " àp", " àpr", " α", " ασ", " ασο", ", ", "7 ", "_7", "_7 ", "a ", "aß", "aße", "aße_", "e_", "e_7", "e_7 ", "op", "opo", "opos", "os", "os,", "os, ", "po", "pos", "pos,", "pr", "pro", "prop", "ra", "raß", "raße", "ro", "rop", "ropo", "s,", "s, ", "st", "str", "stra", "tr", "tra", "traß", "x²", "x² ", "² ", "½a", "½a ", "ße", "ße_", "ße_7", "àp", "àpr", "àpro", "ασ", "ασο", "ασος", "ος", "ος ", "ς ", "σο", "σος", "σος "}},
      {"été İ İSTANBUL", mlp_terms::words, 1, 2, {"stanbul", "te", "te stanbul"}},
      {"été İ İSTANBUL", mlp_terms::chars, 2, 3, {" i", " i", " i̇", " i̇", "an", "anb", "bu", "bul", "é", "é", "é ", "ét", "i̇", "i̇", "i̇ ", "i̇s", "nb", "nbu", "st", "sta", "ta", "tan", "te", "té", "ul", "́ ", "́ i", "́t", "́te", "̇ ", "̇ i", "̇s", "̇st"}},
      {"été İ İSTANBUL", mlp_terms::chars_in_words, 2, 4, {" e", " é", " ét", " i", " i", " i̇", " i̇", " i̇ ", " i̇s", "an", "anb", "anbu", "bu", "bul", "bul ", "é", "é", "é ", "ét", "éte", "i̇", "i̇", "i̇ ", "i̇s", "i̇st", "l ", "nb", "nbu", "nbul", "st", "sta", "stan", "ta", "tan", "tanb", "te", "té", "té ", "ul", "ul ", "́ ", "́t", "́te", "́té", "̇ ", "̇s", "̇st", "̇sta"}},
      {"日本語 テスト 👍🏽 ok", mlp_terms::words, 1, 2, {"ok", "テスト", "テスト ok", "日本語", "日本語 テスト"}},
      {"日本語 テスト 👍🏽 ok", mlp_terms::chars, 2, 3, {" o", " ok", " テ", " テス", " 👍", " 👍🏽", "ok", "スト", "スト ", "テス", "テスト", "ト ", "ト 👍", "日本", "日本語", "本語", "本語 ", "語 ", "語 テ", "🏽 ", "🏽 o", "👍🏽", "👍🏽 "}},
      {"日本語 テスト 👍🏽 ok", mlp_terms::chars_in_words, 2, 4, {" o", " ok", " ok ", " テ", " テス", " テスト", " 日", " 日本", " 日本語", " 👍", " 👍🏽", " 👍🏽 ", "k ", "ok", "ok ", "スト", "スト ", "テス", "テスト", "テスト ", "ト ", "日本", "日本語", "日本語 ", "本語", "本語 ", "語 ", "🏽 ", "👍🏽", "👍🏽 "}},
      {"a b  c", mlp_terms::words, 1, 2, {}},
      {"a b  c", mlp_terms::chars, 2, 3, {" b", " b ", " c", "a ", "a b", "b ", "b c"}},
      {"a b  c", mlp_terms::chars_in_words, 2, 4, {" a", " a ", " b", " b ", " c", " c ", "a ", "b ", "c "}},
      {"", mlp_terms::words, 1, 2, {}},
      {"", mlp_terms::chars, 2, 3, {}},
      {"", mlp_terms::chars_in_words, 2, 4, {}},
      {"tab\tand\n\nlines　wide", mlp_terms::words, 1, 2, {"and", "and lines", "lines", "lines wide", "tab", "tab and", "wide"}},
      {"tab\tand\n\nlines　wide", mlp_terms::chars, 2, 3, {"\ta", "\tan", " l", " li", "ab", "ab\t", "an", "and", "b\t", "b\ta", "d ", "d l", "de", "es", "es　", "id", "ide", "in", "ine", "li", "lin", "nd", "nd ", "ne", "nes", "s　", "s　w", "ta", "tab", "wi", "wid", "　w", "　wi"}},
      {"tab\tand\n\nlines　wide", mlp_terms::chars_in_words, 2, 4, {" a", " an", " and", " l", " li", " lin", " t", " ta", " tab", " w", " wi", " wid", "ab", "ab ", "an", "and", "and ", "b ", "d ", "de", "de ", "e ", "es", "es ", "id", "ide", "ide ", "in", "ine", "ines", "li", "lin", "line", "nd", "nd ", "ne", "nes", "nes ", "s ", "ta", "tab", "tab ", "wi", "wid", "wide"}},
      {"𐐀𐐁x ß", mlp_terms::words, 1, 2, {"𐐨𐐩x"}},
      {"𐐀𐐁x ß", mlp_terms::chars, 2, 3, {" ß", "x ", "x ß", "𐐨𐐩", "𐐨𐐩x", "𐐩x", "𐐩x "}},
      {"𐐀𐐁x ß", mlp_terms::chars_in_words, 2, 4, {" ß", " ß ", " 𐐨", " 𐐨𐐩", " 𐐨𐐩x", "x ", "ß ", "𐐨𐐩", "𐐨𐐩x", "𐐨𐐩x ", "𐐩x", "𐐩x "}},
      {"ΟΔΥΣΣΕΥΣ ΣΑΣ", mlp_terms::words, 1, 2, {"οδυσσευς", "οδυσσευς σας", "σας"}},
      {"ΟΔΥΣΣΕΥΣ ΣΑΣ", mlp_terms::chars, 2, 3, {" σ", " σα", "ας", "δυ", "δυσ", "ευ", "ευς", "οδ", "οδυ", "ς ", "ς σ", "σα", "σας", "σε", "σευ", "σσ", "σσε", "υς", "υς ", "υσ", "υσσ"}},
      {"ΟΔΥΣΣΕΥΣ ΣΑΣ", mlp_terms::chars_in_words, 2, 4, {" ο", " οδ", " οδυ", " σ", " σα", " σας", "ας", "ας ", "δυ", "δυσ", "δυσσ", "ευ", "ευς", "ευς ", "οδ", "οδυ", "οδυσ", "ς ", "ς ", "σα", "σας", "σας ", "σε", "σευ", "σευς", "σσ", "σσε", "σσευ", "υς", "υς ", "υσ", "υσσ", "υσσε"}},
      {"say \"hi\" 'x_1'", mlp_terms::words, 1, 2, {"hi", "hi x_1", "say", "say hi", "x_1"}},
      {"say \"hi\" 'x_1'", mlp_terms::chars, 2, 3, {" \"", " \"h", " '", " 'x", "\" ", "\" '", "\"h", "\"hi", "'x", "'x_", "1'", "_1", "_1'", "ay", "ay ", "hi", "hi\"", "i\"", "i\" ", "sa", "say", "x_", "x_1", "y ", "y \""}},
      {"say \"hi\" 'x_1'", mlp_terms::chars_in_words, 2, 4, {" \"", " \"h", " \"hi", " '", " 'x", " 'x_", " s", " sa", " say", "\" ", "\"h", "\"hi", "\"hi\"", "' ", "'x", "'x_", "'x_1", "1'", "1' ", "_1", "_1'", "_1' ", "ay", "ay ", "hi", "hi\"", "hi\" ", "i\"", "i\" ", "sa", "say", "say ", "x_", "x_1", "x_1'", "y "}},
  };
  for (const Case& c : cases) EXPECT_EQ(terms_of(c.text, {.by = c.by, .shortest = c.shortest, .longest = c.longest}), c.terms) << c.text << ", " << c.by;
}

TEST(Terms, RecipesPackAndUnpack) {
  for (const mlp_terms::Recipe& r : {mlp_terms::Recipe{}, mlp_terms::Recipe{2, 3, 20, 1, 0, 1, 1 << 24}, mlp_terms::Recipe{1, 20, 20, 0, 1, 0, 2}}) {
    const mlp_terms::Recipe back = mlp_terms::unpack(mlp_terms::pack(r));
    EXPECT_EQ(mlp_terms::pack(back), mlp_terms::pack(r));
    EXPECT_EQ(back.by, r.by);
    EXPECT_EQ(back.shortest, r.shortest);
    EXPECT_EQ(back.longest, r.longest);
    EXPECT_EQ(back.binary, r.binary);
    EXPECT_EQ(back.sublinear, r.sublinear);
    EXPECT_EQ(back.norm, r.norm);
    EXPECT_EQ(back.buckets, r.buckets);
  }
}

// Bytes that are no UTF-8 and letters that grow in lower case stay within the room, and long words, blanks and texts do.
TEST(Terms, AnyBytesStayInTheirRoom) {
  std::vector<std::string> texts = {"\xff\xfe\x80", "caf\xe9 au lait", "\xf0\x9f", std::string(1000, ' '), std::string(1000, 'x')};
  std::string grow, dots, single;
  for (int i = 0; i < 300; ++i) grow += "\xc8\xba", dots += "\xc4\xb0", single += "a ";  // U+023A: three bytes in lower case; U+0130: i and a dot
  texts.insert(texts.end(), {grow, dots, single, grow + " " + dots});
  for (const std::string& text : texts)
    for (const auto by : {mlp_terms::words, mlp_terms::chars, mlp_terms::chars_in_words})
      for (const std::int64_t longest : {1, 2, 20}) terms_of(text, {.by = by, .shortest = 1, .longest = longest});
  EXPECT_EQ(terms_of("caf\xe9 au", {.by = mlp_terms::words}), (std::vector<std::string>{"au", "caf"}));
}

TEST(Terms, HashedBagsAreSortedAndCounted) {
  mlp::test::Arena arena;
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "word" + std::to_string(i % 700) + " ";
  for (const std::int64_t buckets : {2, 100, 1 << 20}) {
    mlp_bag bag{};
    mlp_text_bag(text.data(), static_cast<std::int64_t>(text.size()), nullptr, mlp_terms::pack({.buckets = buckets}), &arena, &bag);
    double sum = 0;
    for (std::int64_t i = 0; i < bag.size; ++i) {
      sum += bag.terms[i].value;
      ASSERT_TRUE(bag.terms[i].term >= 0 && bag.terms[i].term < buckets);
      ASSERT_TRUE(i == 0 || bag.terms[i - 1].term < bag.terms[i].term);
    }
    EXPECT_EQ(sum, 2000);
    mlp_text_bag(text.data(), static_cast<std::int64_t>(text.size()), nullptr, mlp_terms::pack({.norm = 1, .buckets = buckets}), &arena, &bag);
    double squares = 0;
    for (std::int64_t i = 0; i < bag.size; ++i) squares += bag.terms[i].value * bag.terms[i].value;
    EXPECT_NEAR(squares, 1, 1e-12);
  }
}

TEST(Terms, WordsHaveCodesByTheirPlace) {
  const auto code = [](const std::string& text, std::int64_t n, std::int64_t buckets) { return mlp_text_word_code(text.data(), static_cast<std::int64_t>(text.size()), n, buckets); };
  const auto of = [](const std::string& word, std::int64_t buckets) { return 1 + mlp_text_hash_bucket(word.data(), static_cast<std::int64_t>(word.size()), buckets); };
  const std::string text = "Go to x ÉTÉ, ok\xe2\x82";
  const char* const words[] = {"go", "to", "été", "ok"};
  for (const std::int64_t buckets : {std::int64_t{1}, std::int64_t{50}, std::int64_t{1} << 24}) {
    for (std::int64_t n = 0; n < 4; ++n) EXPECT_EQ(code(text, n, buckets), of(words[n], buckets)) << n;
    EXPECT_EQ(code(text, 4, buckets), 0);
    EXPECT_EQ(code(text, -1, buckets), 0);
    for (std::int64_t size = 250; size < 265; ++size)  // of a long word 256 bytes count, whatever letters cross the border
      for (const std::string more : {"", "b", "é", "漢字", "😀"}) {
        const std::string word = std::string(static_cast<std::size_t>(size), 'a') + more;
        if (more != "😀") EXPECT_EQ(code(word + " end", 0, buckets), of(word.substr(0, 256), buckets)) << size << more;
        EXPECT_EQ(code(word + " end", 1, buckets), of("end", buckets)) << size << more;
      }
  }
  EXPECT_EQ(code(text, 0, 0), 0);
  EXPECT_EQ(code("", 0, 9), 0);
}

}  // namespace
