// Columns of pictures: every format and number of threads gives the same rows and the same digest, broken files are broken rows.
#include "runtime/data/query.h"

#include <algorithm>

#include "tests/unit/data/common.h"
#include "tests/unit/pictures/files.h"

namespace mlp::data {
namespace {

using pictures::png_of;
using pictures::scene;

Column picture(const std::string& name, bool nullable = false) {
  Column out = field(name, Scalar::image, nullable);
  out.image = {2, 3, 1};
  return out;
}
std::string pixels(unsigned seed) { return pictures::text(scene(2, 3, 1, seed)); }

class PictureRows : public ::testing::Test {
 protected:
  static constexpr int count = 5000;  // more than a chunk of the data engine
  PictureRows() {
    std::filesystem::create_directory(scratch_.path() / "in");
    std::string csv = "n,p\n", jsonl;
    for (int i = 0; i < 100; ++i) scratch_.write("in/" + std::to_string(i) + ".png", png_of(scene(2, 3, 1, static_cast<unsigned>(i))));
    for (int i = 0; i < count; ++i) {
      const std::string path = i % 50 == 7 ? "" : "in/" + std::to_string(i * 7 % 100) + ".png";
      csv += std::to_string(i) + "," + path + "\n";
      jsonl += "{\"n\":" + std::to_string(i) + ",\"p\":" + (path.empty() ? "null" : "\"in\\/" + path.substr(3) + "\"") + "}\n";
    }
    scratch_.write("rows.csv", csv);
    scratch_.write("rows.jsonl", jsonl);
  }
  ReadRequest ask(const std::string& file, Format format = Format::csv) const { return request(scratch_.path(), {file}, schema_, format); }
  void expect_rows(const values::Table& table) const {
    ASSERT_EQ(table.rows, count);
    for (int i = 0; i < count; ++i) {
      ASSERT_EQ(table.columns[1].is_present(i), i % 50 != 7);
      if (i % 50 == 7) continue;
      ASSERT_EQ(table.columns[1].cell(i).text, pixels(static_cast<unsigned>(i * 7 % 100))) << i;
    }
  }
  const Scratch scratch_;
  const std::vector<Column> schema_ = {field("n", Scalar::integer), picture("p", true)};
};

TEST_F(PictureRows, AtAnyNumberOfThreads) {
  std::string digest;
  for (const int threads : {1, 2, 5}) {
    ReadRequest asked = ask("rows.csv");
    asked.threads = threads;
    const ReadResult got = read(asked);
    expect_rows(got.table);
    if (threads == 1) digest = got.report.digest;
    EXPECT_EQ(got.report.digest, digest);
    EXPECT_EQ(digest_of(asked), digest);
  }
  expect_rows(read(ask("rows.jsonl", Format::jsonl)).table);
}

TEST_F(PictureRows, TheDigestCoversThem) {
  const ReadRequest asked = ask("rows.csv");
  const std::string before = digest_of(asked);
  ReadRequest without = asked;
  without.wanted = {{0}};
  const std::string csv_only = digest_of(without);
  EXPECT_EQ(read(without).report.digest, csv_only);
  EXPECT_NE(csv_only, before);
  scratch_.write("in/63.png", png_of(scene(2, 3, 1, 1000)));
  EXPECT_NE(digest_of(asked), before);
  EXPECT_EQ(digest_of(asked), read(asked).report.digest);
  EXPECT_EQ(digest_of(without), csv_only);
  scratch_.write("in/63.png", png_of(scene(2, 3, 1, 63)));
  EXPECT_EQ(digest_of(asked), before);
}

TEST_F(PictureRows, ThroughTables) {
  TableRequest asked;
  asked.base = scratch_.path();
  QuerySource source;
  source.source.name = "rows";
  source.source.paths = {"rows.csv"};
  source.columns = schema_;
  asked.query.sources = {source};
  QueryStep first, last;
  first.name = "rows";
  first.source = 0;
  first.columns = schema_;
  last.op = QueryOp::distinct;
  last.name = "t";
  last.inputs = {{0}};
  last.columns = schema_;
  last.keys = {{{0}, {}}, {{1}, {}}};
  asked.query.steps = {first, last};
  asked.wanted = {{0}, {1}};
  const ReadResult got = read_table(asked);
  expect_rows(got.table);
  EXPECT_EQ(digest_of(asked), got.report.digest);
}

TEST_F(PictureRows, BrokenFilesAreBrokenRows) {
  const std::string good = png_of(scene(2, 3, 1, 1));
  scratch_.write("in/cut.png", good.substr(0, 50));
  scratch_.write("in/one.png", good);
  scratch_.write("some.csv", "n,p\n1,in/one.png\n2,in/cut.png\n3,in/none.png\n4,in/cut.png\nx,in/one.png\n6,\"data:image/png;base64,iVBO\"\n");
  ReadRequest asked = ask("some.csv");
  const Diagnostic d = failure_of(asked);
  EXPECT_EQ(info(d.code).code, std::string("E0522"));
  EXPECT_EQ(d.message, "the picture `in/cut.png` in row 2 of column `p` cannot be had: the PNG file is damaged: the file ends too early; 5 rows break the schema");
  ASSERT_TRUE(d.data);
  EXPECT_EQ(d.data->file, (scratch_.path() / "some.csv").string());
  EXPECT_EQ(d.data->row, 2);
  EXPECT_EQ(d.data->column, "p");
  asked.source.policy = Policy::drop;
  const ReadResult got = read(asked);
  EXPECT_EQ(got.report.present, 6);
  EXPECT_EQ(got.report.read, 1);
  EXPECT_EQ(got.report.rejected, 5);
  EXPECT_EQ(digest_of(asked), got.report.digest);
  const auto missing = std::find_if(got.report.violations.begin(), got.report.violations.end(), [](const Violation& v) { return v.rule == "there is no such file"; });
  ASSERT_NE(missing, got.report.violations.end());
  EXPECT_EQ(missing->first_row, 3);
}

TEST_F(PictureRows, WhatIsNotUsedIsNotRead) {
  scratch_.write("some.csv", "p,n\nin/none.png,1\n");
  ReadRequest asked = request(scratch_.path(), {"some.csv"}, {picture("p"), field("n", Scalar::integer)});
  asked.wanted = {{1}};
  EXPECT_EQ(read(asked).report.read, 1);
  asked.wanted = {};
  EXPECT_EQ(read(asked).report.read, 1);
}

TEST_F(PictureRows, PersonalPicturesAreNotNamed) {
  scratch_.write("some.csv", "n,p\n1,in/ann.png\n");
  ReadRequest asked = ask("some.csv");
  asked.schema[1].pii = true;
  EXPECT_EQ(failure_of(asked).message, "the picture in row 1 of column `p` cannot be had: there is no such file");
}

}  // namespace
}  // namespace mlp::data
