#include <gtest/gtest.h>

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "stdlib/builtins/kernels.h"
#include "tests/unit/builtins/arena.h"

namespace {

using namespace std::string_literals;

using mlp::test::Arena;

template <class Kernel, class... Arguments>
std::string made(Kernel* kernel, Arguments... arguments) {
  Arena arena;
  mlp_string result{};
  kernel(arguments..., &arena, &result);
  return std::string(result.data, static_cast<std::size_t>(result.size));
}
std::int64_t size_of(const std::string& s) { return static_cast<std::int64_t>(s.size()); }
std::string map(void (*kernel)(const char*, std::int64_t, mlp_arena*, mlp_string*), const std::string& v) {
  return made(kernel, v.data(), size_of(v));
}

TEST(Text, HashIsXXH64) {
  std::mt19937_64 random(1);
  std::string bytes;
  for (int size = 0; size < 300; ++size) {
    EXPECT_EQ(mlp_hash(bytes.data(), size, 0), XXH64(bytes.data(), bytes.size(), 0)) << size;
    EXPECT_EQ(mlp_hash(bytes.data(), size, 42), XXH64(bytes.data(), bytes.size(), 42)) << size;
    bytes += static_cast<char>(random());
  }
  for (const std::int64_t v : {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::min(), std::int64_t{1234567}})
    EXPECT_EQ(mlp_hash_int(v), static_cast<std::int64_t>(XXH64(&v, 8, 0)));
  EXPECT_EQ(map(mlp_text_hash_id, ""), "ef46db3751d8e999");
}

TEST(Text, HashBucketIsEven) {
  std::vector<int> counts(10);
  for (std::int64_t i = 0; i < 100'000; ++i) {
    const std::int64_t bucket = mlp_hash_bucket_int(i, 10);
    ASSERT_TRUE(bucket >= 0 && bucket < 10);
    ++counts[static_cast<std::size_t>(bucket)];
  }
  for (int count : counts) EXPECT_NEAR(count, 10'000, 500);
  EXPECT_EQ(mlp_hash_bucket_int(5, 0), 0);
  EXPECT_EQ(mlp_hash_bucket_int(5, -3), 0);
}

TEST(Text, Dictionary) {
  std::vector<std::string> words;
  for (int i = 0; i < 1000; ++i) words.push_back("key " + std::to_string(i * i));
  std::vector<mlp_string> keys;
  for (const std::string& w : words) keys.push_back({w.data(), size_of(w)});
  std::vector<std::int32_t> slots(2 * 2048);
  mlp_dictionary_index(keys.data(), 1000, slots.data(), 2047);
  const mlp_dictionary dictionary{keys.data(), slots.data(), 1000, 2047};
  for (std::int64_t i = 0; i < 1000; ++i) EXPECT_EQ(mlp_dictionary_find(&dictionary, words[i].data(), size_of(words[i])), i);
  EXPECT_EQ(mlp_dictionary_find(&dictionary, "", 0), 1000);
  EXPECT_EQ(mlp_dictionary_find(&dictionary, "key", 3), 1000);
  std::vector<std::int32_t> one(2);
  mlp_dictionary_index(nullptr, 0, one.data(), 0);
  const mlp_dictionary empty{nullptr, one.data(), 0, 0};
  EXPECT_EQ(mlp_dictionary_find(&empty, "a", 1), 0);

  std::vector<double> values(1001 * 3);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i);
  const mlp_table table{&dictionary, values.data(), 2};
  EXPECT_EQ(mlp_table_value(&table, 5, -1), 5);
  EXPECT_EQ(mlp_table_value(&table, 1000, -1), 1000);
  EXPECT_EQ(mlp_table_value(&table, 5, 1), 2 * 1001 + 5);
  EXPECT_EQ(mlp_table_value(&table, 5, 2), 5);  // no such fold
}

TEST(Text, Case) {
  EXPECT_EQ(map(mlp_text_lower, "ABC xyz-9"), "abc xyz-9");
  EXPECT_EQ(map(mlp_text_lower, "ÀÖØÞ×÷ŸĀŁŽİΆΩΣЖЀЁ"), "àöøþ×÷ÿāłžİάωσжѐё");
  EXPECT_EQ(map(mlp_text_upper, "àöøþ×÷ÿāłžıάωςжѐё ß 漢 😀"), "ÀÖØÞ×÷ŸĀŁŽıΆΩΣЖЀЁ ß 漢 😀");
  EXPECT_EQ(map(mlp_text_lower, "A\xff\xc3"), "a\xff\xc3");
  EXPECT_EQ(map(mlp_text_upper, "a\xe2\x82z"), "A\xe2\x82Z");
  EXPECT_EQ(map(mlp_text_lower, ""), "");
  // Every letter below U+0800 that one of them changes comes back by the other, but for the final sigma.
  for (unsigned c = 0x80; c < 0x800; ++c) {
    const std::string letter = {static_cast<char>(0xc0 | c >> 6), static_cast<char>(0x80 | (c & 0x3f))};
    const std::string low = map(mlp_text_lower, letter), up = map(mlp_text_upper, letter);
    EXPECT_TRUE(low == letter || up == letter) << c;
    EXPECT_EQ(map(mlp_text_upper, low), up) << c;
    if (c != 0x3c2) {
      EXPECT_EQ(map(mlp_text_lower, up), low) << c;
    }
  }
}

TEST(Text, Pieces) {
  const auto substring = [](const std::string& v, std::int64_t start, std::int64_t length) {
    return made(mlp_text_substring, v.data(), size_of(v), start, length);
  };
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min(), most = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(substring("banana", 1, 3), "ana");
  EXPECT_EQ(substring("né漢😀!", 1, 3), "é漢😀");
  EXPECT_EQ(substring("banana", -2, 3), "b");
  EXPECT_EQ(substring("banana", 4, most), "na");
  EXPECT_EQ(substring("banana", 9, 2), "");
  EXPECT_EQ(substring("banana", least, most), "");
  EXPECT_EQ(substring("banana", 0, least), "");
  EXPECT_EQ(map(mlp_text_trim, " \t a b\r\n"), "a b");
  EXPECT_EQ(map(mlp_text_trim, " \t "), "");
  EXPECT_EQ(mlp_text_length("né\xff漢", 7), 4);
  EXPECT_EQ(mlp_text_length("", 0), 0);
  EXPECT_EQ(mlp_text_length("\xe2\x82", 2), 2);
  EXPECT_EQ(mlp_text_length("\xed\xa0\x80", 3), 3);  // a surrogate is no code point
  EXPECT_EQ(mlp_text_word_count(" to be  or\tnot ", 15), 4);
  EXPECT_EQ(mlp_text_word_count("", 0), 0);
  const auto replace = [](const std::string& v, const std::string& part, const std::string& by) {
    return made(mlp_text_replace, v.data(), size_of(v), part.data(), size_of(part), by.data(), size_of(by));
  };
  EXPECT_EQ(replace("aaa", "aa", "b"), "ba");
  EXPECT_EQ(replace("a-b-", "-", "--"), "a--b--");
  EXPECT_EQ(replace("abc", "", "x"), "abc");
  EXPECT_EQ(replace("", "a", "x"), "");
  const auto concat = [](const std::string& a, const std::string& b) {
    return made(mlp_text_concat, a.data(), size_of(a), b.data(), size_of(b));
  };
  EXPECT_EQ(concat("ab", ""), "ab");
  EXPECT_EQ(concat("", "\0c"s), "\0c"s);
  EXPECT_EQ(map(mlp_text_redact, "Ann Ä-42"), "xxx x-00");
}

TEST(Text, Comparison) {
  const std::vector<std::string> sorted = {"", "\0"s, "a", "ab", "b", "\x7f", "\x80", "\xff", "\xff\0"s};
  for (std::size_t i = 0; i < sorted.size(); ++i)
    for (std::size_t j = 0; j < sorted.size(); ++j) {
      const std::string &a = sorted[i], &b = sorted[j];
      EXPECT_EQ(mlp_text_eq(a.data(), size_of(a), b.data(), size_of(b)), i == j);
      EXPECT_EQ(mlp_text_ne(a.data(), size_of(a), b.data(), size_of(b)), i != j);
      EXPECT_EQ(mlp_text_lt(a.data(), size_of(a), b.data(), size_of(b)), i < j);
      EXPECT_EQ(mlp_text_le(a.data(), size_of(a), b.data(), size_of(b)), i <= j);
      EXPECT_EQ(mlp_text_gt(a.data(), size_of(a), b.data(), size_of(b)), i > j);
      EXPECT_EQ(mlp_text_ge(a.data(), size_of(a), b.data(), size_of(b)), i >= j);
      EXPECT_EQ(mlp_text_starts_with(a.data(), size_of(a), b.data(), size_of(b)), a.starts_with(b));
      EXPECT_EQ(mlp_text_ends_with(a.data(), size_of(a), b.data(), size_of(b)), a.ends_with(b));
      EXPECT_EQ(mlp_text_contains(a.data(), size_of(a), b.data(), size_of(b)), a.find(b) != std::string::npos);
    }
}

TEST(Text, FromNumbers) {
  for (const std::int64_t v : {std::int64_t{0}, std::int64_t{7}, std::int64_t{-10}, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()})
    EXPECT_EQ(made(mlp_text_from_int, v), std::to_string(v));
  EXPECT_EQ(made(mlp_text_from_bool, std::uint8_t{1}), "true");
  EXPECT_EQ(made(mlp_text_from_bool, std::uint8_t{0}), "false");
}

double parsed(const std::string& v) { return mlp_text_parse_float(v.data(), size_of(v)); }
// The same text by the standard library, correctly rounded.
double expected(const std::string& v) {
  double result = 0;
  const auto [end, error] = std::from_chars(v.data(), v.data() + v.size(), result);
  if (error == std::errc::result_out_of_range) result = std::strtod(v.c_str(), nullptr);
  return result;
}
void look(const std::string& v) {
  const double ours = parsed(v), theirs = expected(v);
  EXPECT_EQ(std::memcmp(&ours, &theirs, 8), 0) << v << " gave " << ours << ", not " << theirs;
}

TEST(Text, ParseFloat) {
  for (const char* none : {"", " ", "-", "+", ".", "e5", "1e", "1e+", "1.2.3", "0x10", "1_000", "nan", "1 2", "12a", "- 1", "infin", "--1"}) EXPECT_TRUE(std::isnan(parsed(none))) << none;
  EXPECT_EQ(parsed(" +1.5\t"), 1.5);
  EXPECT_EQ(parsed("-Inf"), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(parsed("infinity"), std::numeric_limits<double>::infinity());
  for (const char* v : {"0", "-0", "5.", ".5", "1e22", "1e23", "1e-22", "123456789012345678", "9007199254740993", "9007199254740992.99999", "1.7976931348623157e308",
                        "1.7976931348623158e308", "1.7976931348623159e308", "1e309", "4.9e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "2.5e-324", "1e-400",
                        "2.2250738585072011e-308", "2.2250738585072014e-308", "0.1", "0.30000000000000004", "1e999999999999", "1e-999999999999", "0e999999999999", "7.3177701707893310e+15",
                        "0.000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001"})
    look(v);
  look("1" + std::string(400, '0') + "e-400");
  look("0." + std::string(400, '0') + "1e401");
  look("9007199254740993" + std::string(900, '0') + "e-900");  // a tie …
  look("9007199254740993" + std::string(900, '0') + "1e-901");  // … and just above
  look(std::string(2000, '9'));
  std::mt19937_64 random(9);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t bits = random();
    double v;
    std::memcpy(&v, &bits, 8);
    if (!std::isfinite(v)) continue;
    char buffer[800];
    const auto shortest = std::to_chars(buffer, buffer + sizeof buffer, v);
    look(std::string(buffer, shortest.ptr));
    if (i < 3000) {  // halfway points, every digit of them
      const long double middle = (static_cast<long double>(v) + static_cast<long double>(std::nextafter(v, 0.0))) / 2;
      char all[2400];
      const int size = std::snprintf(all, sizeof all, "%.780Le", middle);
      look(std::string(all, static_cast<std::size_t>(size)));
    }
  }
}

}  // namespace
