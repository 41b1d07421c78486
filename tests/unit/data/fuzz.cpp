// Random CSV files, most of them bad: what DuckDB reads must be what RFC 4180 says, row by row and cell by cell, or the
// read must fail. Never a lost, doubled, split or joined row without a word.
#include <map>
#include <random>

#include "runtime/data/census.h"
#include "tests/unit/data/common.h"

namespace mlp::data {
namespace {

// RFC 4180 once more, apart from the census: byte by byte, with its own idea of what is wrong.
struct Plain {
  std::vector<std::vector<std::string>> rows;  // good ones, behind the header
  std::int64_t present = 0;
  bool open_quote = false;
};
Plain parse_plainly(const std::string& text, std::size_t width) {
  Plain out;
  std::size_t i = 0;
  bool header = true;
  while (i < text.size()) {
    std::vector<std::string> cells(1);
    bool good = true, blank = true;
    std::size_t begin = i;
    while (true) {
      std::string& cell = cells.back();
      std::size_t blanks = i;
      while (blanks < text.size() && text[blanks] == ' ') ++blanks;
      if (blanks > i && blanks < text.size() && text[blanks] == '"') good = false;
      if (i < text.size() && text[i] == '"') {
        blank = false;
        for (++i;; ++i) {
          if (i == text.size()) return out.open_quote = true, out;
          if (text[i] != '"') cell += text[i];
          else if (i + 1 < text.size() && text[i + 1] == '"') cell += text[i++];
          else break;
        }
        ++i;
        if (i < text.size() && text[i] != ',' && text[i] != '\n' && text[i] != '\r') good = false;
      }
      while (i < text.size() && text[i] != ',' && text[i] != '\n' && text[i] != '\r') cell += text[i++], blank = false;
      if (i < text.size() && text[i] == ',') {
        ++i;
        blank = false;
        cells.emplace_back();
        continue;
      }
      break;
    }
    const std::size_t end = i;
    if (i < text.size()) i += text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n' ? 2 : 1;
    if (blank) continue;
    if (header) {
      header = false;
      continue;
    }
    ++out.present;
    if (good && cells.size() == width && values::valid_utf8(std::string_view(text).substr(begin, end - begin))) out.rows.push_back(cells);
  }
  return out;
}

TEST(Fuzz, RandomCsvIsReadAsWrittenOrNotAtAll) {
  const Scratch scratch;
  std::mt19937_64 random(20240229);
  const std::vector<Column> schema = {field("a", Scalar::text, true), field("b", Scalar::text, true), field("c", Scalar::text, true)};
  const std::vector<std::string> pieces = {"x", "yy", "1", ",", ",", "\"", "\"\"", " ", "\xC3\xA9", "\xFF", "#", "\\", "'", ";", "\t"};
  std::map<std::string, int> outcomes;
  for (int turn = 0; turn < 100; ++turn) {
    const std::string end = turn % 3 == 0 ? "\r\n" : "\n";
    std::string text = "a,b,c" + end;
    const int rows = 1 + static_cast<int>(random() % 30);
    for (int row = 0; row < rows; ++row) {
      if (random() % 10 < 7) {  // a good row
        for (int c = 0; c < 3; ++c) {
          text += c == 0 ? "" : ",";
          const std::vector<std::string> cells = {"", "plain", "\"quoted, cell\"", "\"a \"\"b\"\"\"", "\"two" + end + "lines\"", "\"a\r\nb\"", "\"c\nd\"", "5\" tv", "\"\"", "\xC3\xA9", " ", "a\\", "\"\\\"", "'q'", "#x"};
          text += cells[random() % cells.size()];
        }
      } else {
        for (std::uint64_t n = random() % 8; n-- > 0;) text += pieces[random() % pieces.size()];
      }
      text += turn % 20 == 19 && random() % 4 == 0 ? "\n" : end;
    }
    const Plain want = parse_plainly(text, 3);
    scratch.write("x.csv", text);
    ReadRequest r = request(scratch.path(), {"x.csv"}, schema);
    r.source.policy = Policy::drop;
    r.source.null_words.clear();
    r.source.delimiter = ",";
    try {
      const ReadResult got = read(r);
      ASSERT_FALSE(want.open_quote) << text;
      ASSERT_EQ(got.report.present, want.present) << text;
      ASSERT_EQ(got.table.rows, static_cast<std::int64_t>(want.rows.size())) << text;
      for (std::size_t row = 0; row < want.rows.size(); ++row)
        for (std::size_t c = 0; c < 3; ++c) ASSERT_EQ(got.table.columns[c].cell(static_cast<std::int64_t>(row)).text, want.rows[row][c]) << "row " << row << "\n" << text;
      ++outcomes["read"];
    } catch (const Failure& f) {
      const std::string code = info(f.diagnostic.code).code;
      ++outcomes[code];
      if (code == "E0513") EXPECT_TRUE(want.open_quote) << text;
      else if (code == "E0504") EXPECT_TRUE(want.rows.empty()) << text;
      else ADD_FAILURE() << code << " " << f.what() << "\n" << text;
    }
  }
  EXPECT_GT(outcomes["read"], 60);
}

}  // namespace
}  // namespace mlp::data
