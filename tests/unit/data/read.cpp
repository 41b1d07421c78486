#include "runtime/data/read.h"

#include <chrono>
#include <cstdlib>

#include "base/files.h"
#include "runtime/data/duck.h"
#include "runtime/data/files.h"
#include "tests/unit/data/common.h"

namespace mlp::data {
namespace {

const std::vector<Column> abc = {field("a", Scalar::integer), field("b", Scalar::category, true), field("c", Scalar::real, true)};

std::string code(const Diagnostic& d) { return info(d.code).code; }

TEST(Read, PlainCsv) {
  const Scratch scratch;
  scratch.write("x.csv", "a,b,c\n1,x,1.5\n2,,\n3,\"y,\"\"z\"\"\n\",-0\n");
  const ReadResult got = read(request(scratch.path(), {"x.csv"}, abc));
  EXPECT_EQ(show(abc, got.table), "1|x|1.5\n2|~|~\n3|y,\"z\"\n|-0\n");
  EXPECT_EQ(got.report.present, 3);
  EXPECT_EQ(got.report.read, 3);
  EXPECT_EQ(got.report.rejected, 0);
  EXPECT_EQ(got.report.digest, sha256(read_file(scratch.path() / "x.csv")));
  EXPECT_TRUE(got.table.columns[0].present.empty());
}

// The same rows in every dress.
TEST(Read, DressDoesNotMatter) {
  const Scratch scratch;
  const std::string want = "1|x|1.5\n2|~|~\n3|y|2\n";
  scratch.write("bom.csv", "\xEF\xBB\xBF" "a,b,c\n1,x,1.5\n2,,\n3,y,2\n");
  scratch.write("bomq.csv", "\xEF\xBB\xBF\"a\",b,c\n1,x,1.5\n2,,\n3,y,2\n");
  scratch.write("crlf.csv", "a,b,c\r\n1,x,1.5\r\n2,,\r\n3,y,2\r\n");
  scratch.write("cr.csv", "a,b,c\r1,x,1.5\r2,,\r3,y,2\r");
  scratch.write("mixed.csv", "a,b,c\r\n1,x,1.5\n2,,\r\n3,y,2");
  scratch.write("semicolon.csv", "a;b;c\n1;x;1.5\n2;;\n3;y;2\n");
  scratch.write("tab.csv", "a\tb\tc\n1\tx\t1.5\n2\t\t\n3\ty\t2\n");
  scratch.write("pipe.csv", "a|b|c\n1|x|1.5\n2||\n3|y|2\n");
  scratch.write("blank.csv", "\n\na,b,c\n\n1,x,1.5\n\n2,,\n3,y,2\n\n\n");
  scratch.write("quoted.csv", "\"a\",\"b\",\"c\"\n\"1\",\"x\",\"1.5\"\n\"2\",\"\",\"\"\n\"3\",\"y\",\"2\"");
  scratch.write("order.csv", "c,extra,a,b\n1.5,9,1,x\n,9,2,\n2,9,3,y\n");
  scratch.write("data[1].csv", "a,b,c\n1,x,1.5\n2,,\n3,y,2\n");
  scratch.write("data1.csv", "a,b,c\n7,x,1.5\n7,,\n7,y,2\n");  // what the name above means as a glob
  scratch.write("it's.csv", "a,b,c\n1,x,1.5\n2,,\n3,y,2\n");
  for (const char* name : {"bom.csv", "bomq.csv", "crlf.csv", "cr.csv", "mixed.csv", "semicolon.csv", "tab.csv", "pipe.csv", "blank.csv", "quoted.csv", "order.csv", "data[1].csv", "it's.csv"})
    EXPECT_EQ(show(abc, read(request(scratch.path(), {name}, abc)).table), want) << name;
  ReadRequest given = request(scratch.path(), {"semicolon.csv"}, abc);
  given.source.delimiter = ";";
  EXPECT_EQ(show(abc, read(given).table), want);
  scratch.write("bare.csv", "1,x,1.5\n2,,\n3,y,2\n");
  ReadRequest bare = request(scratch.path(), {"bare.csv"}, abc);
  bare.source.header = false;
  EXPECT_EQ(show(abc, read(bare).table), want);
}

TEST(Read, GzipAndManyFiles) {
  const Scratch scratch;
  scratch.write("p1.csv", "a,b,c\n1,x,1.5\n");
  scratch.write("p2.csv", "c,a,b\n,2,\n");
  scratch.write("p3.csv", "a,b,c\n3,y,2\n");
  ASSERT_EQ(std::system(("cd '" + scratch.path().string() + "' && gzip -n p3.csv && printf '4,z,7\\n' | gzip -n >> p3.csv.gz && cp p3.csv.gz p4.csv").c_str()), 0);
  const ReadResult got = read(request(scratch.path(), {"p*.csv*"}, abc));
  EXPECT_EQ(show(abc, got.table), "1|x|1.5\n2|~|~\n3|y|2\n4|z|7\n3|y|2\n4|z|7\n");  // two members; gzip is told by its bytes
  ASSERT_EQ(got.report.files.size(), 4U);
  std::string all;
  for (const std::string& file : got.report.files) all += read_file(file);
  EXPECT_EQ(got.report.digest, sha256(all));
  const std::string bytes = read_file(scratch.path() / "p3.csv.gz");
  scratch.write("cut.csv.gz", bytes.substr(0, bytes.size() - 9));
  EXPECT_EQ(code(failure_of(request(scratch.path(), {"cut.csv.gz"}, abc))), "E0505");
  std::string damaged = bytes;
  damaged[20] = static_cast<char>(damaged[20] ^ 0x55);
  scratch.write("damaged.csv.gz", damaged);
  EXPECT_EQ(code(failure_of(request(scratch.path(), {"damaged.csv.gz"}, abc))), "E0505");
}

TEST(Read, FilesThatAreNot) {
  const Scratch scratch;
  scratch.write("telco.csv", "a,b,c\n1,x,1\n");
  const Diagnostic missing = failure_of(request(scratch.path(), {"tleco.csv"}, abc));
  EXPECT_EQ(code(missing), "E0501");
  EXPECT_EQ(missing.help, "did you mean `telco.csv`?");
  EXPECT_EQ(failure_of(request(scratch.path(), {"mnist.csv"}, abc)).help, "paths are relative to the spec that names them");
  scratch.write("README.md", "telco.csv: from there\n");
  EXPECT_EQ(failure_of(request(scratch.path(), {"mnist.csv"}, abc)).help,
            "paths are relative to the spec that names them; " + (scratch.path() / "README.md").string() + " may say where to get it");
  EXPECT_EQ(code(failure_of(request(scratch.path(), {"nothing*.csv"}, abc))), "E0501");
  EXPECT_EQ(code(failure_of(request(scratch.path(), {"."}, abc))), "E0502");
  scratch.write("empty.csv", "");
  EXPECT_EQ(code(failure_of(request(scratch.path(), {"empty.csv"}, abc))), "E0503");
  scratch.write("blank.csv", "\n\n");
  EXPECT_EQ(code(failure_of(request(scratch.path(), {"blank.csv"}, abc))), "E0503");
  scratch.write("header.csv", "a,b,c\n");
  EXPECT_EQ(code(failure_of(request(scratch.path(), {"header.csv"}, abc))), "E0504");
}

TEST(Read, Columns) {
  const Scratch scratch;
  scratch.write("x.csv", "a,bee,c\n1,x,1\n");
  std::vector<Column> schema = abc;
  schema[1].name = "beee";
  const Diagnostic missing = failure_of(request(scratch.path(), {"x.csv"}, schema));
  EXPECT_EQ(code(missing), "E0506");
  EXPECT_EQ(missing.help, "did you mean `bee`?");
  schema[1].name = "something_else";
  EXPECT_EQ(failure_of(request(scratch.path(), {"x.csv"}, schema)).help, "the columns of the file are `a`, `bee`, `c`");
  scratch.write("twice.csv", "a,b,c,b\n1,x,1,y\n");
  EXPECT_EQ(code(failure_of(request(scratch.path(), {"twice.csv"}, abc))), "E0507");
  scratch.write("colon.csv", "a:b:c\n1:x:1\n");
  const Diagnostic one = failure_of(request(scratch.path(), {"colon.csv"}, abc));
  EXPECT_EQ(code(one), "E0506");
  EXPECT_NE(one.help.find("delimiter"), std::string::npos);
}

TEST(Read, ValuesThatDoNotFit) {
  const Scratch scratch;
  scratch.write("x.csv", "a,b,c\n1,x,1\n2,y,n/a\n3,z,n/a\n,w,1\n");
  const Diagnostic d = failure_of(request(scratch.path(), {"x.csv"}, abc));
  EXPECT_EQ(code(d), "E0508");
  ASSERT_TRUE(d.data);
  EXPECT_EQ(d.data->row, 2);
  EXPECT_EQ(d.data->column, "c");
  EXPECT_EQ(d.data->value, "n/a");
  EXPECT_EQ(d.message, "`n/a` in row 2 of column `c` is no `float`; 3 rows break the schema");
  EXPECT_EQ(d.notes.size(), 2U);
  scratch.write("null.csv", "a,b,c\n1,x,1\n\n,y,1\n");
  const Diagnostic n = failure_of(request(scratch.path(), {"null.csv"}, abc));
  EXPECT_EQ(code(n), "E0509");
  EXPECT_EQ(n.data->row, 2);
  EXPECT_EQ(n.data->column, "a");
  std::vector<Column> bounded = abc;
  bounded[0].bounds.high = 2;
  scratch.write("big.csv", "a,b,c\n1,x,1\n3,y,1\n");
  const Diagnostic b = failure_of(request(scratch.path(), {"big.csv"}, bounded));
  EXPECT_EQ(code(b), "E0510");
  EXPECT_EQ(b.message, "`3` in row 2 of column `a` breaks `<= 2`");
  scratch.write("limit.csv", "a,b,c\n9223372036854775807,x,1\n9223372036854775808,y,1\n");
  EXPECT_EQ(failure_of(request(scratch.path(), {"limit.csv"}, abc)).data->value, "9223372036854775808");
}

TEST(Read, RowsThatAreNone) {
  const Scratch scratch;
  const struct { const char* bytes; const char* code; std::int64_t row; } cases[] = {
      {"a,b,c\n1,x,1\n2,y\n3,z,1\n", "E0511", 2},
      {"a,b,c\n1,x,1\n2,y,1,1\n3,z,1\n", "E0511", 2},
      {"a,b,c\n1,x,1,\n2,y,1\n", "E0511", 1},              // DuckDB takes this one without a word
      {"a,b,c\n1,x,1\n   \n2,y,1\n", "E0511", 2},          // and drops this one
      {"a,b,c\n1,x,1\n2,caf\xE9,1\n", "E0512", 2},
      {"a,b,c\n1,\"x\"y,1\n2,y,1\n", "E0513", 1},
      {"a,b,c\n1, \"x\",1\n2,y,1\n", "E0513", 1},          // and takes the blank off this one
      {"a,b,c\n1,x,1\n2,\"y,1\n3,z,1\n", "E0513", 2}};
  for (const auto& c : cases) {
    scratch.write("x.csv", c.bytes);
    const Diagnostic d = failure_of(request(scratch.path(), {"x.csv"}, abc));
    EXPECT_EQ(code(d), c.code) << c.bytes;
    ASSERT_TRUE(d.data);
    EXPECT_EQ(d.data->row, c.row) << c.bytes;
  }
  scratch.write("literal.csv", "a,b,c\n1,5\" tv,1\n");  // a quote within an unquoted cell is a letter
  EXPECT_EQ(show(abc, read(request(scratch.path(), {"literal.csv"}, abc)).table), "1|5\" tv|1\n");
}

TEST(Read, StrangeCells) {
  const Scratch scratch;
  const std::vector<Column> schema = {field("a", Scalar::integer), field("b", Scalar::text, true)};
  const std::string huge(5'000'000, 'h');
  std::string bytes = "a,b\n1,\"x";
  bytes += '\0';
  bytes += "y\"\n2,\"" + huge + "\"\n3,\"a\r\nb\"\n4,\xF0\x9F\x98\x80\n";
  scratch.write("x.csv", bytes);
  const ReadResult got = read(request(scratch.path(), {"x.csv"}, schema));
  ASSERT_EQ(got.table.rows, 4);
  EXPECT_EQ(got.table.columns[1].cell(0).text, std::string_view("x\0y", 3));
  EXPECT_EQ(got.table.columns[1].cell(1).text, huge);
  EXPECT_EQ(got.table.columns[1].cell(2).text, "a\r\nb");
  EXPECT_EQ(got.table.columns[1].cell(3).text, "\xF0\x9F\x98\x80");
  // One column: a blank line is a row.
  for (const std::string end : {"\n", "\r\n", "\r"})
    for (const bool first : {false, true}) {
      scratch.write("one.csv", (first ? end : "") + "b" + end + "x" + end + end + "\"\"" + end + "y" + end + end);
      EXPECT_EQ(show({schema[1]}, read(request(scratch.path(), {"one.csv"}, {schema[1]})).table), "x\n~\n~\ny\n~\n");
    }
  // Many columns, of which the schema names two.
  std::string header, line;
  for (int i = 0; i < 3000; ++i) {
    header += "c" + std::to_string(i) + ",";
    line += std::to_string(i) + ",";
  }
  scratch.write("wide.csv", header + "a,b\n" + line + "7,z\n" + line + "8,\n");
  EXPECT_EQ(show(schema, read(request(scratch.path(), {"wide.csv"}, schema)).table), "7|z\n8|~\n");
}

TEST(Read, FlawsInColumnsThatNobodyAsksFor) {
  const Scratch scratch;
  scratch.write("x.csv", "a,b,c,more\n1,x,1,caf\xE9\n2,y,2,\"q\"r\n3,z,3,fine\n");
  EXPECT_EQ(code(failure_of(request(scratch.path(), {"x.csv"}, abc))), "E0512");
  ReadRequest drop = request(scratch.path(), {"x.csv"}, abc);
  drop.source.policy = Policy::drop;
  EXPECT_EQ(show(abc, read(drop).table), "3|z|3\n");
  ReadRequest bare = request(scratch.path(), {"bare.csv"}, abc);
  bare.source.header = false;
  scratch.write("bare.csv", "1,x\n2,y\n");
  EXPECT_EQ(failure_of(bare).message, "row 1 has 2 cells where the schema has 3, and 1 more are no proper rows");
}

TEST(Read, RowsThatDoNotAddUpEndTheCommand) {  // E0517
  FilePlan plan;
  plan.path = "x.csv";
  plan.census.records = 10;
  plan.census.flawed = {{3, Flaw::fields, 2}};
  EXPECT_NO_THROW(require_rows(plan, 9));
  try {
    require_rows(plan, 8);
    ADD_FAILURE();
  } catch (const Failure& f) {
    EXPECT_EQ(code(f.diagnostic), "E0517");
    EXPECT_EQ(f.diagnostic.message, "`x.csv` has 9 rows by our count, and the data engine gives 8");
  }
}

TEST(Read, DropAndQuarantineCountEveryRow) {
  const Scratch scratch;
  scratch.write("x.csv", "a,b,c\n1,x,1\n2,y\n3,\"q\nr\",zz\n,s,zz\n4,caf\xE9,1\n5,t,2\n6,u,1,1\n");
  ReadRequest drop = request(scratch.path(), {"x.csv"}, abc);
  drop.source.policy = Policy::drop;
  const ReadResult got = read(drop);
  EXPECT_EQ(show(abc, got.table), "1|x|1\n5|t|2\n");
  EXPECT_EQ(got.report.present, 7);
  EXPECT_EQ(got.report.read, 2);
  EXPECT_EQ(got.report.rejected, 5);
  std::string seen;
  for (const Violation& v : got.report.violations) seen += v.column + ":" + v.rule + ":" + std::to_string(v.rows) + "@" + std::to_string(v.first_row) + " ";
  EXPECT_EQ(seen, ":fields:2@2 :encoding:1@5 a:null:1@4 c:type:2@3 ");
  ReadRequest quarantine = drop;
  quarantine.source.policy = Policy::quarantine;
  quarantine.quarantine = scratch.path() / "deep" / "bad.csv";
  EXPECT_EQ(show(abc, read(quarantine).table), "1|x|1\n5|t|2\n");
  const std::string file = "\"" + (scratch.path() / "x.csv").string() + "\"";
  EXPECT_EQ(read_file(quarantine.quarantine), "file,row,reason,raw\n" + file + ",2,\"fields\",\"2,y\"\n" + file + ",3,\"c: type\",\"3,\"\"q\nr\"\",zz\"\n" + file +
                                                  ",4,\"a: null; c: type\",\",s,zz\"\n" + file + ",5,\"encoding\",\"4,caf\xE9,1\"\n" + file + ",7,\"fields\",\"6,u,1,1\"\n");
  scratch.write("none.csv", "a,b,c\nx,x,1\n");
  ReadRequest none = request(scratch.path(), {"none.csv"}, abc);
  none.source.policy = Policy::drop;
  EXPECT_EQ(code(failure_of(none)), "E0504");
}

TEST(Read, OnlyWantedColumnsAreHeldToTheSchema) {
  const Scratch scratch;
  scratch.write("x.csv", "a,b,c\n1,x,1\n2,y,oops\n");
  ReadRequest some = request(scratch.path(), {"x.csv"}, abc);
  some.wanted = {{1}};
  EXPECT_EQ(show(abc, read(some).table), "-|x|-\n-|y|-\n");
  some.watched = {{2}};  // kept as it is: what is no value is null, and no row is left out
  EXPECT_EQ(show(abc, read(some).table), "-|x|1\n-|y|~\n");
  some.wanted = {{1}, {2}}, some.watched = {};
  EXPECT_EQ(code(failure_of(some)), "E0508");
  scratch.write("x.csv", "b\nx\n");  // a column that nobody asks for may be missing
  some.wanted = {{1}};
  EXPECT_EQ(show(abc, read(some).table), "-|x|-\n");
}

TEST(Read, JsonLines) {
  const Scratch scratch;
  const Format jsonl = Format::jsonl;
  scratch.write("x.jsonl", "{\"a\":1,\"b\":\"x\\u00e9\\n\\ud83d\\ude00\\\"\",\"c\":1.50}\n\n{\"c\":null,\"a\":\"2\"}\r\n  {\"a\":3e0,\"b\":7,\"c\":\"1e-7\",\"z\":[1,{\"a\":2}]}");
  EXPECT_EQ(show(abc, read(request(scratch.path(), {"x.jsonl"}, abc, jsonl)).table), "1|x\xC3\xA9\n\xF0\x9F\x98\x80\"|1.5\n2|~|~\n3|7|1e-07\n");
  // Numbers are taken as they are written, also where a text is asked for.
  scratch.write("raw.jsonl", " { \"b\" : 1.50 , \"\\u0061\":-0,\"c\":-0 ,\"o\":{\"a\":[\"}\",5]}}\n{\"a\":9007199254740993,\"b\":true,\"c\":1E2}\n{\"a\":1,\"b\":\"\",\"c\":\"\"}\n");
  EXPECT_EQ(show(abc, read(request(scratch.path(), {"raw.jsonl"}, abc, jsonl)).table), "0|1.50|-0\n9007199254740993|true|100\n1|~|~\n");
  const struct { const char* bytes; const char* code; std::int64_t row; } cases[] = {
      {"{\"a\":1,\"b\":\"x\",\"c\":1}\n{\"a\":2,\n", "E0514", 2},
      {"{\"a\":1,\"b\":\"x\",\"c\":1}\n[1,2]\n", "E0514", 2},  // DuckDB makes a row of nulls of it
      {"{\"a\":1,\"b\":\"x\",\"c\":1} trailing\n", "E0514", 1},
      {"{\"a\":1,\"a\":2,\"b\":\"x\",\"c\":1}\n", "E0514", 1},
      {"{\"a\":1,\"b\":\"caf\xE9\",\"c\":1}\n", "E0512", 1},
      {"{\"a\":1.5,\"b\":\"x\",\"c\":1}\n", "E0508", 1},
      {"{\"a\":{\"q\":1},\"b\":\"x\",\"c\":1}\n", "E0508", 1},
      {"{\"a\":null,\"b\":\"x\",\"c\":1}\n", "E0509", 1},
      {"{\"aa\":1,\"b\":\"x\",\"c\":1}\n", "E0506", 0},
      {"", "E0503", 0}};
  for (const auto& c : cases) {
    scratch.write("y.jsonl", c.bytes);
    const Diagnostic d = failure_of(request(scratch.path(), {"y.jsonl"}, abc, jsonl));
    EXPECT_EQ(code(d), c.code) << c.bytes;
    EXPECT_EQ(d.data->row, c.row) << c.bytes;
  }
  scratch.write("z.jsonl", "{\"a\":1,\"b\":\"x\",\"c\":1}\n[1]\n{\"a\":3,\"b\":\"y\",\"c\":\"?\"}\n{\"a\":4,\"b\":\"z\",\"c\":1}\n{\"a\":5\n");
  ReadRequest drop = request(scratch.path(), {"z.jsonl"}, abc, jsonl);
  drop.source.policy = Policy::quarantine;
  drop.quarantine = scratch.path() / "bad.csv";
  const ReadResult got = read(drop);
  EXPECT_EQ(show(abc, got.table), "1|x|1\n4|z|1\n");
  EXPECT_EQ(got.report.present, 5);
  EXPECT_EQ(got.report.rejected, 3);
  const std::string bad = read_file(drop.quarantine);
  EXPECT_NE(bad.find(",2,\"json\",\"[1]\""), std::string::npos) << bad;
  EXPECT_NE(bad.find(",3,\"c: type\",\"{\"\"a\"\":3"), std::string::npos) << bad;
}

TEST(Read, Parquet) {
  const Scratch scratch;
  Duck duck(1);
  const std::string file = (scratch.path() / "x.parquet").string();
  duck.query("COPY (SELECT * FROM (VALUES (1::TINYINT, true, 1.5::FLOAT, 2.25::DECIMAL(9,3), 'x', DATE '2024-02-29', TIMESTAMP '2024-02-29 01:02:03.5', 9223372036854775807::BIGINT, [1]), "
             "(2, NULL, NULL, NULL, NULL, NULL, NULL, -5, NULL)) t(i, b, f, d, s, day, t, big, list)) TO " + sql_text(file) + " (FORMAT parquet)", file);
  const std::vector<Column> schema = {field("i", Scalar::integer),   field("b", Scalar::boolean, true), field("f", Scalar::real, true), field("d", Scalar::real, true), field("s", Scalar::category, true),
                                      field("day", Scalar::date, true), field("t", Scalar::timestamp, true), field("big", Scalar::integer)};
  EXPECT_EQ(show(schema, read(request(scratch.path(), {"x.parquet"}, schema, Format::parquet)).table),
            "1|true|1.5|2.25|x|2024-02-29|2024-02-29T01:02:03.500000Z|9223372036854775807\n2|~|~|~|~|~|~|-5\n");
  const std::vector<Column> other = {field("i", Scalar::category), field("b", Scalar::category, true), field("day", Scalar::timestamp, true)};
  EXPECT_EQ(show(other, read(request(scratch.path(), {"x.parquet"}, other, Format::parquet)).table), "1|true|2024-02-29T00:00:00Z\n2|~|~\n");
  EXPECT_EQ(code(failure_of(request(scratch.path(), {"x.parquet"}, {field("list", Scalar::text)}, Format::parquet))), "E0515");
  EXPECT_EQ(code(failure_of(request(scratch.path(), {"x.parquet"}, {field("nope", Scalar::text)}, Format::parquet))), "E0506");
  EXPECT_EQ(code(failure_of(request(scratch.path(), {"x.parquet"}, {field("f", Scalar::integer, true)}, Format::parquet))), "E0508");
  ReadRequest quarantine = request(scratch.path(), {"x.parquet"}, {field("s", Scalar::category)}, Format::parquet);
  quarantine.source.policy = Policy::quarantine;
  quarantine.quarantine = scratch.path() / "bad.csv";
  EXPECT_EQ(read(quarantine).report.rejected, 1);
  const std::string bad = read_file(quarantine.quarantine);
  EXPECT_NE(bad.find(",2,\"s: null\",\"{\"\"i\"\":2"), std::string::npos) << bad;
  scratch.write("junk.parquet", "this is no parquet file at all");
  EXPECT_EQ(code(failure_of(request(scratch.path(), {"junk.parquet"}, schema, Format::parquet))), "E0516");
}

// Rows that fill many buffers of DuckDB, with quoted newlines everywhere, at one thread and many: file order, no loss.
TEST(Read, BigFilesKeepTheirRowsAtAnyThreadCount) {
  const Scratch scratch;
  std::string bytes = "a,b,c\n";
  const int rows = 400000;
  for (int i = 0; i < rows; ++i) {
    bytes += std::to_string(i);
    bytes += i % 7 == 0 ? ",\"x\n" + std::string(static_cast<std::size_t>(i % 200), 'y') + ",\n\"," : ",plain,";
    bytes += i % 5 == 0 ? "\n" : std::to_string(i) + ".25\n";
  }
  scratch.write("big.csv", bytes);
  std::string first;
  for (const int threads : {1, 2, 5}) {
    ReadRequest big = request(scratch.path(), {"big.csv"}, abc);
    big.threads = threads;
    const ReadResult got = read(big);
    ASSERT_EQ(got.table.rows, rows);
    for (int i = 0; i < rows; ++i) ASSERT_EQ(got.table.columns[0].integers[static_cast<std::size_t>(i)], i);
    const std::string all = sha256(show(abc, got.table));
    if (first.empty()) first = all;
    EXPECT_EQ(all, first) << threads;
  }
}

}  // namespace
}  // namespace mlp::data
