#include "runtime/score/csv.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "base/codes/command.h"
#include "base/diagnostic.h"
#include "runtime/score/marks.h"
#include "runtime/score/pieces.h"

namespace mlp::score {
namespace {

// The reader sees the same records however the bytes arrive.
TEST(Csv, BytesInAnyPieces) {
  const std::string text = "a,\"b \"\"c\"\"\",\r\n\"x\ny\",,z\r\n\r\n\"\",,\n1,2,3";
  const std::vector<std::vector<std::string>> expected = {{"a", "b \"c\"", ""}, {"x\ny", "", "z"}, {"", "", ""}, {"1", "2", "3"}};
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    CsvReader reader([&, at = std::size_t{0}](char* to, std::size_t size) mutable {
      const std::size_t n = std::min({piece, size, text.size() - at});
      std::memcpy(to, text.data() + at, n);
      at += n;
      return n;
    }, "rows");
    std::vector<std::vector<std::string>> records;
    std::vector<std::string_view> cells;
    while (reader.next(cells, false)) records.emplace_back(cells.begin(), cells.end());
    EXPECT_EQ(records, expected) << piece;
  }
}

// plain() and next() take turns over the same records that next() alone gives.
TEST(Csv, PlainRecordsAreTheSame) {
  const std::vector<std::string> cells = {"", "12.5", "x\"y", "\"a,b\"", "\"line\nend\"", "\"say \"\"hi\"\"\"", "\"\"", std::string(100, 'l')};
  std::mt19937 random(5);
  for (const std::size_t width : {1, 3}) {
    std::string text;
    for (int r = 0; r < 3000; ++r) {
      const std::size_t count = r % 97 == 0 ? width + 1 : width;
      for (std::size_t c = 0; c < count; ++c) (text += c ? "," : "") += cells[random() % cells.size()];
      text += std::vector<std::string>{"\n", "\r\n", "\n", "\r", "\n\n"}[random() % 5];
    }
    std::vector<std::vector<std::string>> expected, records;
    std::vector<std::string_view> row;
    CsvReader slow(memory_source(text), "rows");
    while (slow.next(row, width == 1)) expected.emplace_back(row.begin(), row.end());
    // In pieces, so that what has been read ends in all places of a record.
    CsvReader fast([&, at = std::size_t{0}](char* to, std::size_t size) mutable {
      const std::size_t n = std::min({std::size_t{1} + random() % 300, size, text.size() - at});
      std::memcpy(to, text.data() + at, n);
      at += n;
      return n;
    }, "rows");
    std::size_t plain = 0;
    while (fast.next(row, width == 1)) {
      records.emplace_back(row.begin(), row.end());
      const values::Texts texts = fast.plain(width, 100);
      for (std::size_t r = 0; r < texts.rows; ++r) {
        records.emplace_back();
        for (std::size_t c = 0; c < width; ++c) records.back().emplace_back(values::Texts{texts.base, texts.spans + c, texts.rows, texts.stride}[r]);
      }
      plain += texts.rows;
    }
    EXPECT_EQ(records, expected) << width;
    EXPECT_GT(plain, 500u);
  }
}

// Where the bytes are cut changes no record: quotes in and around cells, every line end, pieces as small as a record.
TEST(Csv, PiecesHoldWholeRecords) {
  const std::vector<std::string> cells = {"", "12.5", "x\"y", "5\"\"", "\"a;b\"", "\"line\nend\"", "\"\r\n\"", "\"say \"\"hi\"\"\"", "\"\"", "\"\"\"\"", std::string(90, 'l')};
  std::mt19937 random(7);
  for (const std::string& line_ends : {std::string("\n"), std::string("\r"), std::string("\n\r\t")}) {
    std::string text;
    for (int r = 0; r < 2000; ++r) {
      for (int c = 0; c < 3; ++c) (text += c ? ";" : "") += cells[random() % cells.size()];
      const char end = line_ends[random() % line_ends.size()];
      text += end == '\t' ? "\r\n" : std::string(1, end);
    }
    text += "last;\"one\";";
    const auto records = [](CsvReader& reader, std::vector<std::vector<std::string>>& out) {
      std::vector<std::string_view> row;
      reader.set_delimiter(';');
      while (reader.next(row, false)) out.emplace_back(row.begin(), row.end());
    };
    std::vector<std::vector<std::string>> expected, got;
    CsvReader whole(memory_source(text), "rows");
    records(whole, expected);
    Pieces pieces([&, at = std::size_t{0}](char* to, std::size_t size) mutable {
      const std::size_t n = std::min({std::size_t{1} + random() % 40, size, text.size() - at});
      std::memcpy(to, text.data() + at, n);
      at += n;
      return n;
    }, [&] { return random() % 3 != 0; }, ';', Pieces::usual);
    Piece piece;
    CsvReader reader("rows");
    int count = 0;
    for (; pieces.next(piece); ++count) {
      reader.take(piece);
      records(reader, got);
    }
    EXPECT_EQ(got, expected);
    EXPECT_GT(count, 500);
    EXPECT_FALSE(pieces.next(piece));
  }
}

// What the source throws comes after the whole records before it.
TEST(Csv, PiecesBeforeAFailure) {
  for (const char delimiter : {',', Pieces::lines}) {
    Pieces pieces([&, calls = 0](char* to, std::size_t) mutable -> std::size_t {
      if (calls++ > 0) throw Failure(code::file_unreadable, "gone");
      std::memcpy(to, "1,2\n3,4\n5", 9);
      return 9;
    }, [] { return false; }, delimiter, Pieces::usual);
    Piece piece;
    ASSERT_TRUE(pieces.next(piece));
    EXPECT_EQ(std::string(piece.bytes.data(), piece.size), "1,2\n3,4\n");
    EXPECT_THROW(pieces.next(piece), Failure);
    EXPECT_FALSE(pieces.next(piece));
  }
}

TEST(Csv, MarksAreTheSameAtEveryLevel) {
  std::mt19937 random(6);
  std::string text(64 * 50, ' ');
  for (char& c : text) c = ",;\"\n\rab\xff"[random() % 8];
  for (int level = 2; level <= static_cast<int>(best_cpu_level()); ++level) {
    std::vector<Marks> marks(50);
    marker(static_cast<CpuLevel>(level))(text.data(), 50, ';', marks.data());
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto at = [&](std::uint64_t word) { return (word >> i % 64 & 1) != 0; };
      ASSERT_EQ(at(marks[i / 64].quotes), text[i] == '"') << level << " " << i;
      ASSERT_EQ(at(marks[i / 64].delimiters), text[i] == ';') << level << " " << i;
      ASSERT_EQ(at(marks[i / 64].line_ends), text[i] == '\n' || text[i] == '\r') << level << " " << i;
    }
  }
}

TEST(Csv, PlacesAreTheSameAtEveryLevel) {
  std::mt19937_64 random(9);
  std::vector<std::uint64_t> words = {0, ~std::uint64_t{0}, 1, std::uint64_t{1} << 63};
  for (int i = 0; i < 60; ++i) words.push_back(i % 3 == 0 ? random() : random() & random() & random());
  std::vector<std::uint32_t> expected;
  for (std::size_t i = 0; i < 64 * words.size(); ++i)
    if (words[i / 64] >> i % 64 & 1) expected.push_back(static_cast<std::uint32_t>(1000 + i));
  for (int level = 2; level <= static_cast<int>(best_cpu_level()); ++level) {
    std::vector<std::uint32_t> places(64 * words.size());
    places.resize(static_cast<std::size_t>(placer(static_cast<CpuLevel>(level))(words.data(), words.size(), 1000, places.data()) - places.data()));
    EXPECT_EQ(places, expected) << level;
  }
}

}  // namespace
}  // namespace mlp::score
