#include <cstdlib>

#include "runtime/data/duck.h"
#include "tests/unit/data/common.h"

namespace mlp::data {
namespace {

std::string show(const Profile& p) {
  std::string out;
  for (std::size_t c = 0; c < p.columns.size(); ++c) {
    const Column& column = p.columns[c];
    out += column.name + " " + spell(column.type);
    if (!column.true_word.empty()) out += " " + column.true_word + "/" + column.false_word;
    if (const std::string bounds = values::spell_bounds(column); !bounds.empty()) out += " " + bounds;
    out += " " + std::to_string(p.distinct[c]) + " " + std::to_string(p.missing[c]) + "\n";
  }
  return out;
}
std::string words(const Profile& p) {
  std::string out;
  for (const std::string& word : p.source.null_words) out += "[" + word + "]";
  return out;
}

// A file reads under its own profile without a rejected row.
void reads_as_profiled(const Profile& p) {
  ReadRequest r;
  r.source = p.source;
  r.schema = p.columns;
  for (std::size_t i = 0; i < p.columns.size(); ++i) r.wanted.push_back({static_cast<std::int32_t>(i)});
  r.threads = 2;
  const ReadResult got = read(r);
  EXPECT_EQ(got.report.read, p.rows);
  EXPECT_EQ(got.report.rejected, 0);
  for (std::size_t c = 0; c < p.columns.size(); ++c) {
    std::int64_t missing = 0;
    for (std::int64_t row = 0; row < got.table.rows; ++row) missing += got.table.columns[c].is_present(row) ? 0 : 1;
    EXPECT_EQ(missing, p.missing[c]) << p.columns[c].name;
  }
}

TEST(Profiles, TypesAndNullWords) {
  const Scratch scratch;
  std::string text = "key;flag;n;x;day;at;zip;colour;note;nothing;yes;bit;odd\n";
  for (int i = 0; i < 60; ++i) {
    const std::string n = std::to_string(i), two = (i % 28 < 9 ? "0" : "") + std::to_string(i % 28 + 1);
    text += "id-" + n + ";" + (i % 3 == 0 ? "Y" : "N") + ";" + (i == 5 ? "?" : n) + ";" + (i == 7 ? "NA" : n + ".5") + ";2024-01-" + two + ";2024-01-" + two + "T10:00:00Z;0" +
            std::to_string(1000 + i % 40) + ";" + (i == 9 ? "NA" : i % 2 == 0 ? "red" : "blue") + ";a long sentence with the number " + n + " in it;;TRUE;" + std::to_string(i % 2) + ";" + (i == 3 ? "-" : i % 2 == 0 ? "a" : "b") + "\n";
  }
  text.replace(text.find(";TRUE;"), 6, ";FALSE;");
  const Profile p = profile(scratch.write("x.csv", text));
  EXPECT_EQ(show(p),
            "key id 60 0\nflag bool Y/N 2 0\nn int? in 0..59 59 1\nx float? in 0.5..59.5 59 1\nday date 28 0\nat timestamp 28 0\nzip category 40 0\n"
            "colour category? 2 1\nnote text 60 0\nnothing string? 0 60\nyes bool 2 0\nbit bool 2 0\nodd category 3 0\n");
  EXPECT_EQ(words(p), "[][?][NA]");
  EXPECT_EQ(p.source.delimiter, ";");
  EXPECT_EQ(p.rows, 60);
  reads_as_profiled(p);
}

TEST(Profiles, OtherShapes) {
  const Scratch scratch;
  const Profile bare = profile(scratch.write("bare.csv", "1,2.5,3\n4,5.5,6\n"));
  EXPECT_FALSE(bare.source.header);
  EXPECT_EQ(show(bare), "column1 int in 1..4 2 0\ncolumn2 float in 2.5..5.5 2 0\ncolumn3 int in 3..6 2 0\n");
  reads_as_profiled(bare);
  const Profile unnamed = profile(scratch.write("pandas.csv", ",a\n0,x\n1,y\n"));
  EXPECT_EQ(show(unnamed), "a category 2 0\n");
  reads_as_profiled(unnamed);
  const Profile big = profile(scratch.write("big.csv", "v\n9223372036854775808\n1\n"));
  EXPECT_EQ(big.columns[0].type.scalar, Scalar::real);
  const Profile lines = profile(scratch.write("x.jsonl", "{\"a\":1,\"b\":\"x\"}\n{\"b\":\"y\",\"a\":2.5,\"c\":true}\n{\"b\":null,\"a\":3,\"c\":false}\n"));
  EXPECT_EQ(show(lines), "a float in 1..3 3 0\nb category? 2 1\nc bool? 2 1\n");
  reads_as_profiled(lines);
  EXPECT_EQ(show(profile(scratch.write("y.jsonl", "{\"a\":1,\"b\":\"\"}\n{\"a\":\"?\",\"b\":\"y\"}\n"))), "a category 2 0\nb category? 1 1\n");
  const std::string file = (scratch.path() / "x.parquet").string();
  Duck(1).query("COPY (SELECT i AS i, i / 4.0 AS f, i % 2 = 0 AS b, 'w' || (i % 3) AS s, DATE '2024-01-01' + i::INTEGER AS d, CASE WHEN i > 3 THEN 7 END AS n, [i] AS list FROM range(30) t(i)) TO " + sql_text(file) +
                    " (FORMAT parquet)",
                file);
  const Profile parquet = profile(file);
  EXPECT_EQ(show(parquet), "i int in 0..29 30 0\nf float in 0..7.25 30 0\nb bool 2 0\ns category 3 0\nd date 30 0\nn int? in 7..7 1 4\n");
  reads_as_profiled(parquet);
}

TEST(Profiles, Faults) {
  const Scratch scratch;
  const auto code = [](const std::filesystem::path& file) -> std::string {
    try {
      profile(file);
    } catch (const Failure& f) {
      return info(f.diagnostic.code).code;
    }
    return "none";
  };
  EXPECT_EQ(code(scratch.path() / "missing.csv"), "E0501");
  EXPECT_EQ(code(scratch.path()), "E0502");
  EXPECT_EQ(code(scratch.write("empty.csv", "")), "E0503");
  EXPECT_EQ(code(scratch.write("header.csv", "a,b\n")), "E0504");
  EXPECT_EQ(code(scratch.write("ragged.csv", "a,b\n1,2\n3\n")), "E0511");
  EXPECT_EQ(code(scratch.write("twice.csv", "a,b,a\n1,2,3\n")), "E0507");
  EXPECT_EQ(code(scratch.write("junk.parquet", "junk")), "E0516");
}

TEST(Profiles, TheDataOfTheExamples) {
  const std::filesystem::path examples = std::filesystem::path(MLP_SOURCE_DIR) / "examples";
  const Profile telco = profile(examples / "telco-churn/data/telco-churn.csv");
  EXPECT_EQ(telco.rows, 7043);
  EXPECT_EQ(words(telco), "[][ ]");
  EXPECT_NE(show(telco).find("customerID id 7043 0\n"), std::string::npos);
  EXPECT_NE(show(telco).find("SeniorCitizen bool 2 0\n"), std::string::npos);
  EXPECT_NE(show(telco).find("TotalCharges float? in 18.8..8684.8 6530 11\n"), std::string::npos);
  EXPECT_NE(show(telco).find("Churn bool Yes/No 2 0\n"), std::string::npos);
  reads_as_profiled(telco);
  const Profile adult = profile(examples / "adult/data/adult.csv.gz");
  EXPECT_EQ(adult.rows, 48842);
  EXPECT_EQ(words(adult), "[][?]");
  EXPECT_NE(show(adult).find("occupation category? 14 2809\n"), std::string::npos);
  EXPECT_NE(show(adult).find("income category 2 0\n"), std::string::npos);
  reads_as_profiled(adult);
  for (const char* name : {"california-housing/data/california-housing.csv", "diamonds/data/diamonds.csv", "bike-sharing/data/bike-sharing-hourly.csv"}) reads_as_profiled(profile(examples / name));
}

}  // namespace
}  // namespace mlp::data
