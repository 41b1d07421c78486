#include "base/pattern.h"

#include <gtest/gtest.h>

#include <chrono>

namespace mlp {
namespace {

bool match(std::string_view pattern, std::string_view text) {
  std::string error;
  const auto compiled = Pattern::compile(pattern, error);
  EXPECT_TRUE(compiled.has_value()) << pattern << ": " << error;
  return compiled && compiled->matches(text);
}
std::string fault(std::string_view pattern) {
  std::string error;
  EXPECT_FALSE(Pattern::compile(pattern, error).has_value()) << pattern;
  return error;
}

TEST(Pattern, MatchesTheWholeValue) {
  EXPECT_TRUE(match("abc", "abc"));
  EXPECT_FALSE(match("abc", "abcd"));
  EXPECT_FALSE(match("abc", "xabc"));
  EXPECT_TRUE(match("^abc$", "abc"));
  EXPECT_TRUE(match("", ""));
  EXPECT_FALSE(match("", "a"));
}

TEST(Pattern, Operators) {
  EXPECT_TRUE(match("\\d{4}-[A-Z]{5}", "7590-VHVEG"));
  EXPECT_FALSE(match("\\d{4}-[A-Z]{5}", "7590-VHVE"));
  EXPECT_FALSE(match("\\d{4}-[A-Z]{5}", "7590-VHVEGX"));
  EXPECT_TRUE(match("a|bc|", ""));
  EXPECT_TRUE(match("(a|bc)+", "abcbca"));
  EXPECT_FALSE(match("(a|bc)+", "abcb"));
  EXPECT_TRUE(match("x{2,3}", "xxx"));
  EXPECT_FALSE(match("x{2,3}", "xxxx"));
  EXPECT_FALSE(match("x{2,3}", "x"));
  EXPECT_TRUE(match("x{2,}", "xxxxxxx"));
  EXPECT_TRUE(match("x{0}", ""));
  EXPECT_TRUE(match("(?:ab)?c", "c"));
  EXPECT_TRUE(match("(?:ab)?c", "abc"));
  EXPECT_TRUE(match("[^0-9]+", "abc"));
  EXPECT_FALSE(match("[^0-9]+", "ab1"));
  EXPECT_TRUE(match("[]a]+", "]a"));
  EXPECT_TRUE(match("[a-]+", "a-"));
  EXPECT_TRUE(match("\\w+@\\w+\\.com", "me_2@x.com"));
  EXPECT_FALSE(match("\\w+@\\w+\\.com", "me@xAcom"));
  EXPECT_TRUE(match("a.c", "a\xC3\xA4" "c"));  // one code point, two bytes
  EXPECT_FALSE(match("a.c", "a\nc"));
  EXPECT_TRUE(match("[\xC3\xA4-\xC3\xBC]", "\xC3\xB6"));
  EXPECT_FALSE(match("[a-z]", "\xC3"));
}

TEST(Pattern, RepeatedOptionalsAgreeWithCounting) {
  for (int n = 0; n < 8; ++n) EXPECT_EQ(match("(ab?){2,5}", std::string(static_cast<std::size_t>(n), 'a')), n >= 2 && n <= 5) << n;
}

TEST(Pattern, IsLinearWhereBacktrackingExplodes) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(match("(a*)*b", std::string(100000, 'a')));
  EXPECT_FALSE(match("(a|a)*(a?){20}c", std::string(5000, 'a')));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(Pattern, SaysWhatIsWrong) {
  EXPECT_EQ(fault("[a"), "`[` without `]` at byte 3");
  EXPECT_EQ(fault("(a"), "`(` without `)` at byte 3");
  EXPECT_EQ(fault("a)"), "`)` without `(` at byte 2");
  EXPECT_EQ(fault("*a"), "nothing to repeat before `*` at byte 1");
  EXPECT_EQ(fault("a\\"), "a lone `\\` at byte 3");
  EXPECT_EQ(fault("(a)\\1"), "`\\1` means nothing here at byte 5");
  EXPECT_EQ(fault("(?=a)"), "`(?` can only be `(?:`: no look-around at byte 3");
  EXPECT_EQ(fault("a{3,2}"), "a repeat that runs backwards at byte 7");
  EXPECT_EQ(fault("[z-a]"), "a range that runs backwards at byte 5");
  EXPECT_EQ(fault("((a{1000}){1000}){1000}").substr(0, 27), "a pattern that is too large");
  EXPECT_NE(fault(std::string(600, '(')).find("groups"), std::string::npos);
  EXPECT_NE(fault(std::string(2000, 'a')).find("1000 bytes"), std::string::npos);
}

}  // namespace
}  // namespace mlp
