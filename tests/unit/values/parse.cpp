#include "runtime/values/parse.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "runtime/values/table.h"

namespace mlp::values {
namespace {

Column column(Scalar scalar) {
  Column out;
  out.name = "c";
  out.type.scalar = scalar;
  return out;
}
struct Got {
  Read read;
  Cell cell;
};
Got get(Scalar scalar, std::string_view text, const std::vector<std::string>& null_words = {""}) {
  static Column kept;
  kept = column(scalar);
  Got got{};
  got.read = read_text(kept, null_words, text, got.cell);
  return got;
}
void expect_int(Scalar scalar, std::string_view text, std::int64_t value) {
  const Got got = get(scalar, text);
  EXPECT_EQ(got.read, Read::ok) << text;
  EXPECT_EQ(got.cell.integer, value) << text;
}
void expect_bad(Scalar scalar, std::string_view text) { EXPECT_EQ(get(scalar, text).read, Read::bad_type) << text; }
void expect_real(std::string_view text, double value) {
  const Got got = get(Scalar::real, text);
  EXPECT_EQ(got.read, Read::ok) << text;
  EXPECT_EQ(got.cell.real, value) << text;
  EXPECT_EQ(std::signbit(got.cell.real), std::signbit(value)) << text;
}

TEST(Values, Floats) {
  expect_real("1.5", 1.5);
  expect_real(" \t1.5\r", 1.5);
  expect_real("+1.5", 1.5);
  expect_real("-0", -0.0);
  expect_real("0.1", 0.1);
  expect_real(".5", 0.5);
  expect_real("5.", 5);
  expect_real("1e-3", 0.001);
  expect_real("1E5", 100000);
  expect_real("4.9e-324", std::numeric_limits<double>::denorm_min());
  expect_real("2.2250738585072011e-308", 2.2250738585072011e-308);
  expect_real("1e-400", 0.0);
  expect_real("1.7976931348623157e308", std::numeric_limits<double>::max());
  expect_real("inf", std::numeric_limits<double>::infinity());
  expect_real("-Infinity", -std::numeric_limits<double>::infinity());
  for (const char* bad : {"1e999", "-1e999", "1,5", "1 5", "1.5x", "0x10", "--1", "+-1", "+", "-", ".", "1_000", "$5", "5%", "e5", "nan(1)", "infx"}) expect_bad(Scalar::real, bad);
  EXPECT_EQ(get(Scalar::real, "nan").read, Read::null);
  EXPECT_EQ(get(Scalar::real, "NaN").read, Read::null);
  EXPECT_EQ(get(Scalar::real, "").read, Read::null);
  EXPECT_EQ(get(Scalar::real, "  ").read, Read::null);        // blanks around nothing
  EXPECT_EQ(get(Scalar::real, "", {}).read, Read::bad_type);  // no null words at all
  EXPECT_EQ(get(Scalar::real, " NA ", {"NA"}).read, Read::null);
}

TEST(Values, SinglesAreRoundedOnce) {
  EXPECT_EQ(get(Scalar::real32, "0.1").cell.real, static_cast<double>(0.1F));
  expect_bad(Scalar::real32, "1e39");
  EXPECT_TRUE(std::isinf(get(Scalar::real32, "inf").cell.real));
}

TEST(Values, Integers) {
  const Scalar i = Scalar::integer;
  expect_int(i, "0", 0);
  expect_int(i, "-0", 0);
  expect_int(i, "+7", 7);
  expect_int(i, " 42 ", 42);
  expect_int(i, "007", 7);
  expect_int(i, "9223372036854775807", std::numeric_limits<std::int64_t>::max());
  expect_int(i, "-9223372036854775808", std::numeric_limits<std::int64_t>::min());
  expect_int(i, "9223372036854775807.0", std::numeric_limits<std::int64_t>::max());
  expect_int(i, "3.0", 3);
  expect_int(i, "3.", 3);
  expect_int(i, "1e3", 1000);
  expect_int(i, "9007199254740993.00", 9007199254740993);
  for (const char* bad : {"9223372036854775808", "-9223372036854775809", "99999999999999999999999", "3.5", "1e-1", "1e300", "1e16", "inf", "nan", "x", "1 2", "0x1", "+", "-", "+-1", "1.0x", "3.0.0"}) expect_bad(i, bad);
}

TEST(Values, Booleans) {
  expect_int(Scalar::boolean, "true", 1);
  expect_int(Scalar::boolean, "FALSE", 0);
  expect_int(Scalar::boolean, " 1 ", 1);
  expect_int(Scalar::boolean, "0", 0);
  for (const char* bad : {"yes", "2", "truex", "t"}) expect_bad(Scalar::boolean, bad);
  Column worded = column(Scalar::boolean);
  worded.true_word = "Yes";
  worded.false_word = "No";
  Cell cell;
  EXPECT_EQ(read_text(worded, {""}, "Yes", cell), Read::ok);
  EXPECT_EQ(cell.integer, 1);
  EXPECT_EQ(read_text(worded, {""}, "No", cell), Read::ok);
  EXPECT_EQ(cell.integer, 0);
  EXPECT_EQ(read_text(worded, {""}, "true", cell), Read::ok);  // JSON sends booleans
  EXPECT_EQ(cell.integer, 1);
  EXPECT_EQ(read_text(worded, {""}, "yes", cell), Read::bad_type);
  EXPECT_EQ(read_text(worded, {""}, "1", cell), Read::bad_type);
  worded.true_word = "2";
  worded.false_word = "1";
  EXPECT_EQ(read_integer(worded, 1, cell), Read::ok);
  EXPECT_EQ(cell.integer, 0);
}

TEST(Values, Dates) {
  const Scalar d = Scalar::date;
  expect_int(d, "1970-01-01", 0);
  expect_int(d, "2000-03-01", 11017);
  expect_int(d, "2024-02-29", 19782);
  expect_int(d, "1969-12-31", -1);
  expect_int(d, " 0001-01-01 ", -719162);
  for (const char* bad : {"2023-02-29", "1900-02-29", "2023-13-01", "2023-00-01", "2023-01-00", "2023-1-1", "2023-01-01x", "01-Jan-1995", "2023/01/01", "2023-01-01T00:00"}) expect_bad(d, bad);
  for (std::int64_t day = -800000; day < 2900000; day += 37) {
    std::int64_t year = 0;
    unsigned month = 0, dom = 0;
    civil_from_days(day, year, month, dom);
    ASSERT_EQ(days_from_civil(year, month, dom), day);
  }
}

TEST(Values, Timestamps) {
  const Scalar t = Scalar::timestamp;
  expect_int(t, "1970-01-01", 0);
  expect_int(t, "1970-01-01T00:00:01Z", 1'000'000);
  expect_int(t, "1970-01-01 00:01", 60'000'000);
  expect_int(t, "1970-01-01T01:00:00+01:00", 0);
  expect_int(t, "1970-01-01T00:00:00-0130", 5'400'000'000);
  expect_int(t, "1970-01-01T02:00:00+02", 0);
  expect_int(t, "1970-01-01T00:00:00.123456789", 123456);
  expect_int(t, "1969-12-31T23:59:59.5", -500'000);
  expect_int(t, "2013-01-01T06:00:00Z", 1357020000000000);
  for (const char* bad : {"1970-01-01T24:00:00", "1970-01-01T00:60", "1970-01-01T00:00:60", "1970-01-01T", "1970-01-01T00", "1970-01-01T00:00:00.", "1970-01-01T00:00Zx",
                          "1970-01-01T00:00+", "1970-01-01T00:00+1", "1970-01-01T00:00+01:", "1970-01-01x", "0", "1357020000"})
    expect_bad(t, bad);
}

TEST(Values, Durations) {
  const Scalar d = Scalar::duration;
  expect_int(d, "250ms", 250'000);
  expect_int(d, "30m", 1'800'000'000);
  expect_int(d, "7d", 604'800'000'000);
  expect_int(d, "1.5h", 5'400'000'000);
  expect_int(d, "-2s", -2'000'000);
  expect_int(d, "1:02:03.5", 3'723'500'000);
  expect_int(d, "36:00:00", 129'600'000'000);
  for (const char* bad : {"5", "5x", "s", "", "1:2:3", "1:60:00", "99999999999999d", "9999999999999999999s", "1h2m"}) EXPECT_NE(get(d, bad).read, Read::ok) << bad;
}

TEST(Values, Texts) {
  EXPECT_EQ(get(Scalar::category, " a ").cell.text, " a ");
  EXPECT_EQ(get(Scalar::category, "").read, Read::null);
  EXPECT_EQ(get(Scalar::category, "", {"?"}).read, Read::ok);
  EXPECT_EQ(get(Scalar::category, " ", {"", " "}).read, Read::null);
  EXPECT_EQ(get(Scalar::category, " ?", {"?"}).read, Read::ok);  // text is taken as it is
  expect_bad(Scalar::text, "caf\xE9");
  EXPECT_EQ(get(Scalar::text, "caf\xC3\xA9").read, Read::ok);
}

TEST(Values, Utf8) {
  for (const std::string_view good : {"", "plain ascii text that is longer", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) EXPECT_TRUE(valid_utf8(good)) << good;
  for (const std::string_view bad : {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "abcdefgh\xC2", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE2\x82", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "12345678\xFE"}) EXPECT_FALSE(valid_utf8(bad));
}

TEST(Values, NumbersThatArriveAsNumbers) {
  Cell cell;
  EXPECT_EQ(read_number(column(Scalar::real), 2.5, cell), Read::ok);
  EXPECT_EQ(cell.real, 2.5);
  EXPECT_EQ(read_number(column(Scalar::real), std::nan(""), cell), Read::null);
  EXPECT_EQ(read_number(column(Scalar::integer), 3.0, cell), Read::ok);
  EXPECT_EQ(cell.integer, 3);
  EXPECT_EQ(read_number(column(Scalar::integer), 3.5, cell), Read::bad_type);
  EXPECT_EQ(read_number(column(Scalar::integer), 1e30, cell), Read::bad_type);
  EXPECT_EQ(read_number(column(Scalar::category), 3.0, cell), Read::bad_type);
  EXPECT_EQ(read_number(column(Scalar::boolean), 1.0, cell), Read::ok);
  EXPECT_EQ(cell.integer, 1);
  EXPECT_EQ(read_integer(column(Scalar::boolean), 2, cell), Read::bad_type);
  EXPECT_EQ(read_integer(column(Scalar::real), 7, cell), Read::ok);
  EXPECT_EQ(cell.real, 7);
}

std::string broken(const Column& c, std::string_view text) {
  Cell cell;
  EXPECT_EQ(read_text(c, {""}, text, cell), Read::ok) << text;
  return Constraints(c).broken(cell);
}

TEST(Values, ConstraintsNameWhatIsBroken) {
  Column age = column(Scalar::integer);
  EXPECT_FALSE(Constraints(age).any());
  age.bounds.low = 0;
  age.bounds.high = 120;
  EXPECT_TRUE(Constraints(age).any());
  EXPECT_EQ(broken(age, "0"), "");
  EXPECT_EQ(broken(age, "120"), "");
  EXPECT_EQ(broken(age, "121"), "in 0..120");
  EXPECT_EQ(broken(age, "-1"), "in 0..120");
  Column price = column(Scalar::real);
  price.bounds.low = 0;
  price.bounds.low_open = true;
  EXPECT_EQ(broken(price, "0"), "> 0");
  EXPECT_EQ(broken(price, "1e-300"), "");
  price.bounds.high = 9.5;
  EXPECT_EQ(broken(price, "inf"), "> 0 and <= 9.5");
  Column big = column(Scalar::integer);
  big.bounds.high = 9007199254740992.0;
  EXPECT_EQ(broken(big, "9007199254740993"), "<= 9007199254740992");  // one more than the bound: no double holds it
  Column cut = column(Scalar::category);
  cut.one_of = {"Ideal", "Fair"};
  EXPECT_EQ(broken(cut, "Fair"), "");
  EXPECT_EQ(broken(cut, "fair"), "one_of");
  Column code = column(Scalar::integer);
  code.one_of = {"1", "2"};
  EXPECT_EQ(broken(code, "2.0"), "");
  EXPECT_EQ(broken(code, "3"), "one_of");
  Column key = column(Scalar::id);
  key.pattern = "\\d{4}-[A-Z]{5}";
  EXPECT_EQ(broken(key, "7590-VHVEG"), "");
  EXPECT_EQ(broken(key, "7590-vhveg"), "matches");
}

TEST(Values, SpellReadsBackTheSame) {
  const struct { Scalar scalar; const char* text; const char* spelled; } cases[] = {
      {Scalar::real, "0.1", "0.1"}, {Scalar::real, "1e300", "1e+300"}, {Scalar::real, "-0", "-0"}, {Scalar::real32, "0.1", "0.1"},
      {Scalar::integer, "-12", "-12"}, {Scalar::boolean, "1", "true"}, {Scalar::date, "2024-02-29", "2024-02-29"},
      {Scalar::timestamp, "1969-12-31T23:59:59.5", "1969-12-31T23:59:59.500000Z"}, {Scalar::duration, "-90m", "-01:30:00"}, {Scalar::text, "a,b", "a,b"}};
  for (const auto& c : cases) {
    const Column col = column(c.scalar);
    Cell cell, again;
    ASSERT_EQ(read_text(col, {}, c.text, cell), Read::ok) << c.text;
    EXPECT_EQ(spell(col, cell), c.spelled);
    ASSERT_EQ(read_text(col, {}, spell(col, cell), again), Read::ok);
    EXPECT_EQ(cell.integer, again.integer);
    EXPECT_EQ(cell.real, again.real);
  }
}

TEST(Values, PrintableIsShortAndPlain) {
  EXPECT_EQ(printable("a\nb\t\x01\xFF"), "a\\nb\\t\\x01\\xff");
  EXPECT_EQ(printable("caf\xC3\xA9"), "caf\xC3\xA9");
  EXPECT_LE(printable(std::string(1000, 'x')).size(), 60U);
}

TEST(Table, ColumnsGrowJoinAndShrink) {
  ColumnData texts;
  texts.layout = layout_of(Scalar::category);
  EXPECT_EQ(texts.layout, Layout::string);
  for (int i = 0; i < 1000; ++i) {
    Cell cell;
    const std::string text = std::string(static_cast<std::size_t>(i % 300), 'x') + std::to_string(i);
    cell.text = text;
    texts.append(cell);
  }
  EXPECT_TRUE(texts.present.empty());
  EXPECT_EQ(texts.view().present, nullptr);
  ColumnData more;
  more.layout = Layout::string;
  more.append_null();
  texts.append(std::move(more));
  ASSERT_EQ(texts.size(), 1001);
  EXPECT_FALSE(texts.is_present(1000));
  EXPECT_TRUE(texts.is_present(999));
  EXPECT_EQ(texts.cell(299).text, std::string(299, 'x') + "299");
  EXPECT_EQ(static_cast<const mlp_string*>(texts.view(10).values)->size, 12);
  texts.resize_to(1000);
  EXPECT_TRUE(texts.present.empty());
  EXPECT_EQ(texts.size(), 1000);
  for (const Scalar s : {Scalar::real, Scalar::integer, Scalar::boolean}) {
    ColumnData data;
    data.layout = layout_of(s);
    Cell cell;
    cell.real = 1;
    cell.integer = 1;
    data.append(cell);
    data.append_null();
    EXPECT_EQ(data.size(), 2);
    EXPECT_FALSE(data.is_present(1));
    EXPECT_EQ(data.cell(1).real, 0);
    EXPECT_EQ(data.cell(1).integer, 0);
  }
}

// A Reader gives what read_text gives, of plain and of odd texts, and stops at the same one.
TEST(Parse, ManyTextsAtOnce) {
  std::mt19937_64 random(8);
  std::vector<std::string> texts = {"", "NA", " ", "-", ".", "-.", "1.", ".5", "-.5", "+1", "1.2.3", "--1", "-0", "00012.50", "9007199254740992", "9007199254740993", "9999999999999999",
                                    "0.000000000000001", "123456789012345.6", "12345678901234567", "1e5", "1E-3", "nan", "inf", "-inf", "1 ", " 1", "-999", "1,5", "abc", "caf\xc3\xa9", "\xff", "a longer text than sixteen bytes",
                                    "2024-02-29T23:59:59", "2023-02-29T00:00:00", "2024-13-01T00:00:00", "2024-01-31 09:30:00", "2024-01-31T24:00:00", "2024-01-31T09:60:00", "2024-01-31T09:30:60",
                                    "2024-01-31T09:30:0x", "2024-01-31T09:30:00Z", "2024-01-31", "0000-01-01T00:00:00", "9999-12-31T23:59:59", "2024/01/31T09:30:00", "true", "0"};
  for (int i = 0; i < 20000; ++i) {
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, "%.*f", static_cast<int>(random() % 9), std::ldexp(static_cast<double>(random()), -static_cast<int>(random() % 70)) * (random() % 2 ? 1 : -1));
    texts.push_back(buffer);
    std::snprintf(buffer, sizeof buffer, "%.*g", static_cast<int>(random() % 4 + 15), std::ldexp(static_cast<double>(random()), -static_cast<int>(random() % 70 + 10)) * (random() % 2 ? 1 : -1));
    texts.push_back(buffer);
    std::snprintf(buffer, sizeof buffer, "%04d-%02d-%02dT%02d:%02d:%02d", static_cast<int>(random() % 10000), static_cast<int>(random() % 14), static_cast<int>(random() % 33),
                  static_cast<int>(random() % 25), static_cast<int>(random() % 61), static_cast<int>(random() % 61));
    texts.push_back(buffer);
  }
  for (const std::vector<std::string>& null_words : {std::vector<std::string>{}, {""}, {"", "NA", "abc"}, {"-999", "1."}})
    for (const Scalar scalar : {Scalar::real, Scalar::real32, Scalar::integer, Scalar::boolean, Scalar::timestamp, Scalar::category})
      for (const std::string zone : {"", "Europe/Paris"}) {
        Column c = column(scalar);
        c.zone = zone;
        const Reader reader(c, null_words);
        for (const std::string& text : texts) {
          Cell cell;
          const Read read = read_text(c, null_words, text, cell);
          const std::string padded = text + std::string(Texts::readable, '7');
          const Span span{0, static_cast<std::uint32_t>(text.size())};
          const Texts one{padded.data(), &span, 1, 1};
          double real = 0;
          std::int64_t integer = 0;
          std::uint8_t truth = 0, present = 2;
          mlp_string view{};
          const auto go = [&](std::uint8_t* p) {
            switch (layout_of(scalar)) {
              case Layout::real: return reader.reals(one, &real, p);
              case Layout::integer: return reader.integers(one, &integer, p);
              case Layout::boolean: return reader.booleans(one, &truth, p);
              case Layout::string: return reader.strings(one, &view, p);
            }
            return std::size_t{9};
          };
          // One by one, with and without bytes to spare: what they take is what read_text takes.
          for (const std::size_t readable : {std::size_t{0}, Texts::readable}) {
            const std::string_view alone = readable > 0 ? std::string_view(padded.data(), text.size()) : std::string_view(text);
            if (reader.real(alone, readable, real)) { ASSERT_TRUE(read == Read::ok && std::memcmp(&real, &cell.real, 8) == 0) << text; }
            if (reader.integer(alone, integer)) { ASSERT_TRUE(read == Read::ok && integer == cell.integer) << text; }
            if (reader.string(alone, readable)) { ASSERT_TRUE(read == Read::ok && cell.text == text) << text; }
            real = 0;
            integer = 0;
          }
          ASSERT_EQ(go(nullptr), read == Read::ok ? 1u : 0u) << text;
          ASSERT_EQ(go(&present), read == Read::bad_type ? 0u : 1u) << text;
          if (read == Read::bad_type) continue;
          ASSERT_EQ(present, read == Read::ok) << text;
          if (read != Read::ok) continue;
          ASSERT_EQ(std::memcmp(&real, &cell.real, 8), 0) << text;
          ASSERT_EQ(scalar == Scalar::boolean ? truth : integer, cell.integer) << text;
          if (layout_of(scalar) == Layout::string) {
            ASSERT_EQ(std::string_view(view.data, static_cast<std::size_t>(view.size)), text);
          }
        }
      }
}

// Numbers with all their digits, against the C library: bit by bit, at halves between two doubles too.
TEST(Parse, LongNumbersAreRoundedRight) {
  std::mt19937_64 random(9);
  const auto same = [](const std::string& text) {
    const double want = std::strtod(text.c_str(), nullptr);
    const Got got = get(Scalar::real, text);
    ASSERT_EQ(got.read, Read::ok) << text;
    ASSERT_EQ(std::memcmp(&got.cell.real, &want, 8), 0) << text;
  };
  for (int i = 0; i < 300'000; ++i) {
    std::string text;
    if (i % 3 == 0) {
      for (std::uint64_t n = random() % 9 + 14; n > 0; --n) text += static_cast<char>('0' + random() % 10);
      text.insert(random() % text.size() + 1, ".");
    } else {
      char buffer[64];
      const double value = std::ldexp(static_cast<double>(random() >> 11), -static_cast<int>(random() % 64));
      // The half between it and the next has a few digits more than fit, cut or not.
      std::snprintf(buffer, sizeof buffer, "%.*Lf", static_cast<int>(random() % 19), static_cast<long double>(value) + (i % 3 == 1 ? static_cast<long double>(std::nextafter(value, 1e300) - value) / 2 : 0));
      text = buffer;
    }
    if (random() % 2) text = "-" + text;
    same(text);
  }
  for (const char* text : {"0.0000000000000000", "-0.0000000000000000", "9007199254740992.5", "9007199254740993.0", "9007199254740993.000", "0.30000000000000004", "179769313486231570.00"}) same(text);
}

}  // namespace
}  // namespace mlp::values
