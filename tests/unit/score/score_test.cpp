#include "runtime/score/score.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <random>
#include <set>
#include <thread>

#include "base/codes/command.h"
#include "base/diagnostic.h"
#include "base/files.h"
#include "runtime/score/csv.h"
#include "runtime/score/frame.h"
#include "runtime/score/json.h"
#include "runtime/score/output.h"
#include "runtime/score/pieces.h"
#include "runtime/score/probe.h"
#include "tests/unit/score/sample.h"

namespace mlp::score {
namespace {

struct Streamed {
  std::string out;
  std::optional<Diagnostic> failure;
  std::vector<Diagnostic> warnings;
  std::int64_t rows = 0;
  std::string code() const { return failure ? info(failure->code).code : ""; }
};

Streamed run(const package::Package& package, const std::string& input, Format from = Format::csv, Format to = Format::csv, int threads = 1) {
  const Engine engine(package, sample::features);
  int in[2], out[2];
  EXPECT_EQ(::pipe(in), 0);
  EXPECT_EQ(::pipe(out), 0);
  Streamed result;
  std::thread feed([&] {
    std::size_t done = 0;
    while (done < input.size()) {
      const ssize_t n = ::write(in[1], input.data() + done, input.size() - done);
      if (n <= 0) break;
      done += static_cast<std::size_t>(n);
    }
    ::close(in[1]);
  });
  std::thread drain([&] {
    char buffer[1 << 16];
    for (ssize_t n; (n = ::read(out[0], buffer, sizeof buffer)) > 0;) result.out.append(buffer, static_cast<std::size_t>(n));
    ::close(out[0]);
  });
  StreamOptions options;
  options.from = from;
  options.to = to;
  options.input_name = "rows";
  options.threads = threads;
  options.warn = [&](const Diagnostic& d) { result.warnings.push_back(d); };
  try {
    result.rows = stream(engine, in[0], out[1], options);
  } catch (const Failure& failure) {
    result.failure = failure.diagnostic;
  }
  ::close(out[1]);
  char rest[4096];
  while (::read(in[0], rest, sizeof rest) > 0) {}
  ::close(in[0]);
  feed.join();
  drain.join();
  return result;
}
Streamed csv(const std::string& input) { return run(sample::binary(), input); }
Streamed jsonl(const std::string& input) { return run(sample::binary(), input, Format::jsonl); }

const std::string head = "tenure,Contract,TotalCharges,senior\n";
const std::string row = "3,One year,50,No\n";
// 3 <= 11.5: .9 · 50 <= 100.25: -.125 · senior No: 0 · One year: -.7 · base -.3
double expected() { return 1 / (1 + std::exp(-(-0.3 + 0.9 - 0.125 + 0 - 0.7))); }

TEST(Score, OneRow) {
  const Streamed s = csv(head + row);
  ASSERT_EQ(s.code(), "");
  EXPECT_EQ(s.rows, 1);
  ASSERT_EQ(s.out.substr(0, 26), "prediction,p_No,p_Yes\nNo,0");
  const double yes = std::stod(s.out.substr(s.out.rfind(',') + 1));
  EXPECT_NEAR(yes, expected(), 1e-14);
}

TEST(Score, HeaderInAnyOrderExtraColumnsAndLabel) {
  const std::string one = csv(head + row).out;
  EXPECT_EQ(csv("Churn,senior,x,TotalCharges,Contract,tenure\nYes,No,junk,50,One year,3\n").out, one);
  EXPECT_EQ(csv("\xEF\xBB\xBF" + head + row).out, one);
  EXPECT_EQ(csv("tenure,Contract,TotalCharges,senior\r\n3,One year,50,No\r\n").out, one);
  EXPECT_EQ(csv("tenure,Contract,TotalCharges,senior\r3,One year,50,No\r").out, one);
  EXPECT_EQ(csv("tenure;Contract;TotalCharges;senior\n3;One year;50;No").out, one);
  EXPECT_EQ(csv("tenure\tContract\tTotalCharges\tsenior\n3\tOne year\t50\tNo\n\n\n").out, one);
  EXPECT_EQ(csv("\"tenure\",\"Contract\",\"TotalCharges\",\"senior\"\n\"3\",\"One year\",\" 50 \",\"No\"\n").out, one);
  EXPECT_EQ(csv("note,tenure,Contract,TotalCharges,senior\n\"a \"\"b\"\"\nc, d\",3,One year,50,No\n").out, one);
}

TEST(Score, TheSourceFixesTheDelimiter) {
  package::Package p = sample::binary();
  p.signature.source.delimiter = ";";
  EXPECT_EQ(run(p, "tenure;Contract;TotalCharges;senior\n3;One year;50;No\n").out, csv(head + row).out);
  EXPECT_EQ(run(p, head + row).code(), "E0801");
}

TEST(Score, WithoutHeader) {
  package::Package p = sample::binary();
  p.signature.source.header = false;
  const std::string one = csv(head + row).out;
  EXPECT_EQ(run(p, row).out, one);
  EXPECT_EQ(run(p, "7590,3,One year,50,No,Yes\n").out, one);
  EXPECT_EQ(run(p, "7590;3;One year;50;No;Yes\n").out, one);
  EXPECT_EQ(run(p, "7590,3,One year,50\n").code(), "E0804");
  EXPECT_EQ(run(p, "7590,3,One year\n").code(), "E0803");
}

TEST(Score, Nulls) {
  // null words, as in training; TotalCharges may be null, the others not
  const std::string imputed = csv(head + "3,One year,,No\n").out;
  EXPECT_EQ(csv(head + "3,One year,NA,No\n").out, imputed);
  EXPECT_EQ(csv(head + "3,One year,\" \",No\n").out, imputed);
  EXPECT_NE(imputed, csv(head + row).out);
  const Streamed s = csv(head + row + "3,,50,No\n");
  EXPECT_EQ(s.code(), "E0805");
  EXPECT_EQ(s.failure->data->row, 2);
  EXPECT_EQ(s.failure->data->column, "Contract");
  EXPECT_NE(s.failure->help.find("Contract : category?"), std::string::npos);
}

TEST(Score, BadValuesNameRowColumnAndValue) {
  const Streamed s = csv(head + row + row + "three,One year,50,No\n" + row);
  EXPECT_EQ(s.code(), "E0804");
  EXPECT_EQ(s.failure->message, "`three` in row 3 is not an int, as `tenure` must be");
  EXPECT_EQ(s.failure->data->file, "rows");
  EXPECT_EQ(s.failure->data->row, 3);
  EXPECT_EQ(s.failure->data->column, "tenure");
  EXPECT_EQ(s.failure->data->value, "three");
  // What was written before it is right, and nothing follows.
  EXPECT_EQ(s.out, csv(head + row + row).out);
  EXPECT_EQ(csv(head + "3.5,One year,50,No\n").code(), "E0804");
  EXPECT_EQ(csv(head + "9223372036854775808,One year,50,No\n").code(), "E0804");
  EXPECT_EQ(csv(head + "3,One year,1e999,No\n").code(), "E0804");
  const Streamed word = csv(head + "3,One year,50,maybe\n");
  EXPECT_EQ(word.code(), "E0804");
  EXPECT_NE(word.failure->help.find("`Yes` or `No`"), std::string::npos);
  EXPECT_EQ(csv(head + "3,One\xff,50,No\n").code(), "E0806");
  EXPECT_EQ(csv("tenure,Contract,TotalCharges,senior,\xff\n").code(), "E0806");
}

TEST(Score, BrokenTables) {
  const Streamed missing = csv("tenur,Contract,TotalCharges,senior\n");
  EXPECT_EQ(missing.code(), "E0801");
  EXPECT_EQ(missing.failure->message, "the input has no column `tenure`");
  EXPECT_EQ(missing.failure->help, "did you mean `tenur`? the schema calls it `tenure`");
  EXPECT_EQ(missing.out, "");
  EXPECT_EQ(csv("a,b\n1,2\n").failure->message, "the input has no columns `tenure`, `Contract`, `TotalCharges`, `senior`");
  EXPECT_EQ(csv("tenure,Contract,TotalCharges,senior,tenure\n").code(), "E0802");
  const Streamed ragged = csv(head + row + "3,One year,50\n");
  EXPECT_EQ(ragged.code(), "E0803");
  EXPECT_EQ(ragged.failure->message, "row 2 has 3 values where 4 are expected");
  EXPECT_EQ(csv(head + "3,One year,50,No,9\n").code(), "E0803");
  EXPECT_EQ(csv(head + "3,\"One year,50,No\n").code(), "E0807");
  EXPECT_EQ(csv(head + "3,\"One year\"x,50,No\n").code(), "E0807");
  EXPECT_EQ(csv("").code(), "E0809");
  EXPECT_EQ(csv("\n\n").code(), "E0809");
  EXPECT_EQ(csv("\xEF\xBB\xBF").code(), "E0809");
  const Streamed none = csv(head);
  EXPECT_EQ(none.code(), "");
  EXPECT_EQ(none.out, "prediction,p_No,p_Yes\n");
  ASSERT_EQ(none.warnings.size(), 1u);
  EXPECT_STREQ(info(none.warnings[0].code).code, "W0803");
}

TEST(Score, BrokenConstraintsAreScoredAndReported) {
  const Streamed s = csv(head + "300,One year,50,No\n" + row + "-1,One year,50,No\n");
  EXPECT_EQ(s.code(), "");
  EXPECT_EQ(s.rows, 3);
  ASSERT_EQ(s.warnings.size(), 1u);
  EXPECT_STREQ(info(s.warnings[0].code).code, "W0801");
  EXPECT_EQ(s.warnings[0].message, "2 values of `tenure` break its constraint in the schema");
}

TEST(Score, JsonLines) {
  const std::string one = csv(head + row).out;
  EXPECT_EQ(jsonl(R"({"tenure":3,"Contract":"One year","TotalCharges":50,"senior":"No"})").out, one);
  EXPECT_EQ(jsonl("\xEF\xBB\xBF" R"({"senior":false,"x":[1,{"y":null}],"tenure":3.0,"Contract":"One\u0020year","TotalCharges":5e1})" "\r\n\n").out, one);
  EXPECT_EQ(jsonl(R"({"tenure":"3","Contract":"One year","TotalCharges":"50","senior":"No"})").out, one);
  // A nullable key may be left out; not so when a misspelt one stands there.
  EXPECT_EQ(jsonl(R"({"tenure":3,"Contract":"One year","senior":"No"})").out, csv(head + "3,One year,,No\n").out);
  EXPECT_EQ(jsonl(R"({"tenure":3,"Contract":"One year","TotalCharges":null,"senior":"No"})").out, csv(head + "3,One year,,No\n").out);
  const Streamed misspelt = jsonl(R"({"tenure":3,"Contract":"One year","TotalCharge":1,"senior":"No"})");
  EXPECT_EQ(misspelt.code(), "E0801");
  EXPECT_EQ(misspelt.failure->help, "did you mean `TotalCharge`? the schema calls it `TotalCharges`");
  const Streamed absent = jsonl(R"({"tenure":3,"Contract":"One year","TotalCharges":50,"senior":"No"})" "\n" R"({"tenure":3})");
  EXPECT_EQ(absent.code(), "E0801");
  EXPECT_EQ(absent.failure->message, "row 2 has no `Contract`, `senior`");
  EXPECT_EQ(absent.out, one);
  EXPECT_EQ(jsonl(R"({"tenure":3,"tenure":4,"Contract":"One year","senior":"No"})").code(), "E0802");
  EXPECT_EQ(jsonl(R"({"tenure":[3],"Contract":"One year","senior":"No"})").code(), "E0804");
  EXPECT_EQ(jsonl(R"({"tenure":true,"Contract":"One year","senior":"No"})").code(), "E0804");
  EXPECT_EQ(jsonl(R"({"tenure":null,"Contract":"One year","senior":"No"})").code(), "E0805");
  EXPECT_EQ(jsonl("").code(), "E0809");
}

TEST(Score, BadJson) {
  for (const char* text : {"{", "}", "[]", "3", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":01}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":+1}", "{\"a\":1e}", "{\"a\":tru}", "{\"a\":\"x}",
                           "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\\udc00\"}", "{\"a\":\"\t\"}", "{a:1}", "{\"a\":1} x", "{\"a\":1}{", "{\"a\":[1,]}", "{\"a\":[1 2]}", "\xff", "nul", "-", "{\"a\":-}"})
    EXPECT_EQ(jsonl(text).code(), "E0808") << text;
  EXPECT_EQ(jsonl(std::string(1000000, '[')).code(), "E0808");
  EXPECT_EQ(jsonl(std::string(1000000, '[')).failure->message, "line 1, byte 65: nested deeper than 64");
}

TEST(Score, JsonOut) {
  const std::string out = run(sample::binary(), head + row + row, Format::csv, Format::jsonl).out;
  const std::string numbers = csv(head + row).out;  // header, then No,p,p
  const std::size_t first = numbers.find("No,0") + 3, second = numbers.rfind(',');
  const std::string line = "{\"prediction\":\"No\",\"p_No\":" + numbers.substr(first, second - first) + ",\"p_Yes\":" + numbers.substr(second + 1, numbers.size() - second - 2) + "}\n";
  EXPECT_EQ(out, line + line);
}

TEST(Score, LabelsAreQuotedAndRegressionsAreNumbers) {
  const std::string out = run(sample::classes(), head + row).out;
  EXPECT_EQ(out.substr(0, out.find('\n')), "prediction,\"p_a,b\",p_plain,\"p_say \"\"hi\"\"\"");
  const std::string number = run(sample::regression(), head + row).out;
  EXPECT_EQ(number.substr(0, 11), "prediction\n");
  // .1 + 3 * .01 + One year 0 + 50 * .001 + ... width 3 one-hot: weights .5 0 -.5
  EXPECT_NEAR(std::stod(number.substr(11)), 0.1 + 0.03 + 0 + 0.001 * 50, 1e-12);
  const std::string json = run(sample::classes(), head + row, Format::csv, Format::jsonl).out;
  EXPECT_NE(json.find("\"p_say \\\"hi\\\"\":"), std::string::npos);
}

TEST(Score, ClustersAndAnomalies) {
  const std::string one = "3,One year,50,No\n", far = "40,One year,2000,Yes\n";
  EXPECT_EQ(run(sample::clusters(), head + one + far).out, "prediction,distance\n0,0.6123724356957945\n1,1.4142135623730951\n");
  EXPECT_EQ(run(sample::clusters(), head + one, Format::csv, Format::jsonl).out, "{\"prediction\":0,\"distance\":0.6123724356957945}\n");
  const std::string out = run(sample::anomalies(), head + one + far).out;
  EXPECT_EQ(out.substr(0, out.find('\n')), "prediction,score");
  EXPECT_NE(out.find("\nfalse,0."), std::string::npos) << out;
  EXPECT_NE(out.find("\ntrue,0."), std::string::npos) << out;
  const std::string json = run(sample::anomalies(), head + far, Format::csv, Format::jsonl).out;
  EXPECT_EQ(json.substr(0, 26), "{\"prediction\":true,\"score\"") << json;
}

// Rows of every kind, in both formats: the same text out.
TEST(Score, CsvAndJsonLinesAgreeToTheBit) {
  std::mt19937_64 random(7);
  const char* numbers[] = {"0", "-0", "-0.0", "1e-320", "5e-324", "1.7976931348623157e308", "-12.5", "0.1", "123456789012345678", "3E2", "inf", "-inf", "nan", "", "NA", " 7"};
  const char* texts[] = {"One year", "Month-to-month", "unseen", "quo\"te", "comma, here", "line\nbreak", "tab\t", "é€😀", "\\", "x"};
  std::string as_csv = head, as_json;
  for (int i = 0; i < 20000; ++i) {
    const std::string tenure = std::to_string(static_cast<int>(random() % 130)), contract = texts[random() % 10], total = numbers[random() % 16], senior = random() % 2 ? "Yes" : "No";
    as_csv += tenure + ",";
    append_csv(as_csv, contract);
    as_csv += "," + total + "," + senior + "\n";
    as_json += "{\"senior\":" + std::string(random() % 2 ? (senior == "Yes" ? "true" : "false") : "\"" + senior + "\"") + ",\"tenure\":" + tenure + ",\"Contract\":";
    append_json_string(as_json, contract);
    const bool literal = std::strchr("-0123456789", total[0]) && total[0] && total != "-inf";
    as_json += ",\"TotalCharges\":" + (literal ? total : total.empty() ? "null" : "\"" + total + "\"") + "}\n";
  }
  for (const package::Package& p : {sample::binary(), sample::classes(), sample::clusters(), sample::anomalies()}) {
    const Streamed a = run(p, as_csv), b = run(p, as_json, Format::jsonl);
    ASSERT_EQ(a.code(), "");
    ASSERT_EQ(b.code(), "");
    EXPECT_EQ(a.rows, 20000);
    EXPECT_EQ(a.out, b.out);
    // One row at a time gives the same as many.
    std::string one_by_one;
    for (std::size_t at = head.size(), i = 0; i < 50; ++i) {
      std::size_t end = at;
      for (bool quoted = false; quoted || as_csv[end] != '\n'; ++end) quoted ^= as_csv[end] == '"';
      const std::string out = run(p, head + as_csv.substr(at, end + 1 - at)).out;
      one_by_one += i ? out.substr(out.find('\n') + 1) : out;
      at = end + 1;
    }
    EXPECT_EQ(a.out.substr(0, one_by_one.size()), one_by_one);
  }
}

// Several pieces, some rows that break a constraint, quoted line ends; then bad rows of each kind, far behind.
TEST(Score, ThreadsChangeNothing) {
  std::mt19937 random(8);
  const std::vector<std::string> kinds = {row, "5,\"Two\nyears\",,Yes\r\n", "7,\"One \"\"year\"\"\",3.5,No\n", "999,Month-to-month,1e3,Yes\n", "\n"};
  std::string text = head, json;
  for (int i = 0; i < 100'000; ++i) {
    text += kinds[random() % 32 < 28 ? 0 : random() % kinds.size()];
    json += "{\"tenure\":" + std::to_string(random() % 130) + ",\"Contract\":\"One year\",\"senior\":\"No\"}\n";
    if (i % 1000 == 0) json += "\n";
  }
  ASSERT_GT(text.size(), 3 * Pieces::usual);
  const std::vector<std::string> ends = {"", "x,One year,50,No\n", "3,One year,50\n", "3,\"One\"year,50,No\n", "3,\"One year,50,No\n", "3,One year,50,\n"};
  const std::string before = csv(text).out;
  for (const std::string& end : ends) {
    const std::string input = text + end + (end.empty() ? "" : text.substr(head.size()));
    const Streamed one = csv(input);
    EXPECT_EQ(one.code().empty(), end.empty()) << end;
    if (!end.empty()) {
      EXPECT_EQ(one.out, before) << end;
    }
    for (const int threads : {2, 5}) {
      const Streamed many = run(sample::binary(), input, Format::csv, Format::csv, threads);
      EXPECT_EQ(many.out, one.out) << end;
      EXPECT_EQ(many.rows, one.rows);
      ASSERT_EQ(many.code(), one.code()) << end;
      if (one.failure) {
        EXPECT_EQ(many.failure->message, one.failure->message);
        EXPECT_EQ(many.failure->data->row, one.failure->data->row) << end;
        EXPECT_GT(one.failure->data->row, 90'000);
      }
      ASSERT_EQ(many.warnings.size(), one.warnings.size());
      for (std::size_t w = 0; w < one.warnings.size(); ++w) EXPECT_EQ(many.warnings[w].message, one.warnings[w].message);
    }
  }
  for (const std::string& end : {std::string(), std::string("{\"tenure\": x}\n"), std::string("{\"tenure\": 3}\n")}) {
    const Streamed one = jsonl(json + end + json);
    for (const int threads : {2, 5}) {
      const Streamed many = run(sample::binary(), json + end + json, Format::jsonl, Format::jsonl, threads);
      EXPECT_EQ(many.out, run(sample::binary(), json + end + json, Format::jsonl, Format::jsonl).out) << end;
      ASSERT_EQ(many.code(), one.code()) << end;
      EXPECT_EQ(many.code().empty(), end.empty());
      if (one.failure) {
        EXPECT_EQ(many.failure->message, one.failure->message);
        EXPECT_EQ(many.failure->data->row, 100'001);
      }
    }
  }
}

TEST(Csv, LongValuesAndTheLimit) {
  const std::string longest(3 << 20, 'x');
  const Streamed s = csv(head + "3,\"" + longest + "\",50,No\n" + row);
  EXPECT_EQ(s.code(), "");
  EXPECT_EQ(s.rows, 2);
  EXPECT_EQ(csv(head + "3,\"" + std::string(std::size_t{65} << 20, 'x')).code(), "E0807");
  EXPECT_EQ(jsonl(std::string(std::size_t{65} << 20, ' ')).code(), "E0808");
}

// A row through a pipe is answered before the next one is asked for.
TEST(Score, AnswersWithoutWaiting) {
  const Engine engine(sample::binary(), sample::features);
  int in[2], out[2];
  ASSERT_EQ(::pipe(in), 0);
  ASSERT_EQ(::pipe(out), 0);
  std::thread scorer([&] { stream(engine, in[0], out[1], {.from = Format::csv, .to = Format::csv, .input_name = "rows", .folder = {}, .observe = {}, .warn = {}}); });
  const auto say = [&](const std::string& text) { ASSERT_EQ(::write(in[1], text.data(), text.size()), static_cast<ssize_t>(text.size())); };
  const auto hear = [&](std::size_t lines) {
    std::string text;
    char c;
    while (static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) < lines && ::read(out[0], &c, 1) == 1) text += c;
    return text;
  };
  say(head + row);
  const std::string first = hear(2);
  EXPECT_EQ(first, csv(head + row).out);
  say(row);
  EXPECT_EQ(hear(1), first.substr(first.find('\n') + 1));
  ::close(in[1]);
  scorer.join();
  for (const int fd : {in[0], out[0], out[1]}) ::close(fd);
}

TEST(Score, FilesAreWholeOrNotThere) {
  const std::filesystem::path directory = std::filesystem::temp_directory_path() / ("mlp_score_" + std::to_string(::getpid()));
  std::filesystem::create_directories(directory);
  const Engine engine(sample::binary(), sample::features);
  write_whole(directory / "in.csv", head + row);
  write_whole(directory / "bad.csv", head + row + "x,One year,50,No\n");
  const std::string out = directory / "out.csv";
  EXPECT_EQ(stream_files(engine, directory / "in.csv", out, {}), 1);
  EXPECT_EQ(read_file(out), csv(head + row).out);
  EXPECT_THROW(stream_files(engine, directory / "bad.csv", out, {}), Failure);
  EXPECT_EQ(read_file(out), csv(head + row).out);  // the old one stands
  EXPECT_THROW(stream_files(engine, directory / "none.csv", out, {}), Failure);
  EXPECT_THROW(stream_files(engine, directory, out, {}), Failure);
  EXPECT_THROW(stream_files(engine, directory / "in.csv", directory, {}), Failure);
  EXPECT_THROW(stream_files(engine, directory / "in.csv", directory / "no" / "out.csv", {}), Failure);
  EXPECT_EQ(stream_files(engine, directory / "in.csv", "/dev/null", {}), 1);
  if (std::filesystem::exists("/dev/full")) {
    EXPECT_THROW(stream_files(engine, directory / "in.csv", "/dev/full", {}), Failure);
  }
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory)) ++files;
  EXPECT_EQ(files, 3);
  EXPECT_EQ(format_of("", "a.jsonl"), Format::jsonl);
  EXPECT_EQ(format_of("csv", "a.jsonl"), Format::csv);
  std::filesystem::remove_all(directory);
}

TEST(Score, BlocksAndFeatures) {
  const Engine engine(sample::binary(), sample::features);
  RowBuilder rows(engine.package().signature);
  for (int i = 0; i < 5000; ++i) {
    rows.add_integer(0, i % 121);
    rows.add_text(1, i % 3 ? "One year" : "Two year");
    if (i % 5) rows.add_number(2, i * 0.5);
    else rows.add_null(2);
    rows.add_text(3, i % 2 ? "Yes" : "No");
    rows.end_row();
  }
  std::vector<double> all(10000), plain(10000), one(2);
  std::vector<std::vector<double>> features;
  engine.run(rows.columns(), 5000, all.data(), &features);
  engine.run(rows.columns(), 5000, plain.data());
  EXPECT_EQ(all, plain);
  ASSERT_EQ(features.size(), 4u);
  EXPECT_EQ(features[0][4999], 4999 % 121);
  EXPECT_EQ(features[2][5], 1397.475);
  for (const int i : {0, 1, 1023, 1024, 4999}) {
    RowBuilder single(engine.package().signature);
    single.add_integer(0, i % 121);
    single.add_text(1, i % 3 ? "One year" : "Two year");
    if (i % 5) single.add_number(2, i * 0.5);
    else single.add_null(2);
    single.add_text(3, i % 2 ? "Yes" : "No");
    single.end_row();
    engine.run(single.columns(), 1, one.data());
    EXPECT_EQ(std::memcmp(one.data(), all.data() + 2 * i, 16), 0) << i;
  }
}

TEST(Score, PredictedClass) {
  const double half[] = {0.5, 0.5}, below[] = {0.50001, 0.49999}, ties[] = {0.2, 0.4, 0.4};
  EXPECT_EQ(predicted_class(half, 2), 1u);
  EXPECT_EQ(predicted_class(below, 2), 0u);
  EXPECT_EQ(predicted_class(ties, 3), 1u);
  EXPECT_EQ(number_text(0.1), "0.1");
  EXPECT_EQ(number_text(-0.0), "-0");
  EXPECT_EQ(number_text(1e300), "1e+300");
}

TEST(Score, NumbersAreTheShortest) {
  std::mt19937_64 random(7);
  const auto check = [](double v) {
    char buffer[40];
    ASSERT_EQ(number_text(v), std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, v).ptr));
  };
  for (int i = 0; i < 300000; ++i) {
    const double v = std::ldexp(1 + std::uniform_real_distribution<double>()(random), -1 - static_cast<int>(random() % 11));
    check(v);
    check(1 - v);
    check(static_cast<float>(v));
    check(std::round(v * 1e6) / 1e6);
    check(std::nextafter(std::round(v * 1e4) / 1e4, 1));
    check(std::ldexp(static_cast<double>(random() % 8192), -13));
  }
  for (const double v : {0.0, 0x1p-9, 0x1.fffffffffffffp-10, 0.5, 0x1.fffffffffffffp-1, 1.0, -0.25, -0.3, 1e-300, 5e-324, HUGE_VAL}) check(v);
}

TEST(Score, ProbesAreTheSameEveryTime) {
  for (const package::Package& p : {sample::binary(), sample::classes(), sample::regression(), sample::clusters(), sample::anomalies()}) {
    const Engine engine(p, sample::features);
    const std::vector<std::string> golden = golden_predictions(engine);
    EXPECT_EQ(golden.size(), 64u);
    EXPECT_EQ(golden, golden_predictions(Engine(package::from_bytes(package::to_bytes(p), "p"), sample::features)));
    EXPECT_GT(std::set<std::string>(golden.begin(), golden.end()).size(), 8u);
  }
}

TEST(Json, FramesTakeOtherValuesAndNothingElse) {
  const std::string learned = R"({"id": "a", "x": [1, -2.5e3, null], "\u00e9": {"t": true}})";
  Json json;
  json.parse(learned);
  std::vector<JsonFrame::Hole> holes;
  // All scalars but keys, in any order.
  for (const std::string text : {"true", "\"a\"", "-2.5e3", "1", "null"}) holes.push_back({learned.find(text), learned.find(text) + text.size(), holes.size()});
  JsonFrame frame;
  const auto read = [&](const std::string& text) {
    std::string out;
    const bool same = frame.match(text, [&](std::size_t what, JsonKind kind, std::string_view value) {
      out += std::to_string(what) + std::to_string(static_cast<int>(kind)) + std::string(value) + " ";
      return value != "stop";
    });
    return same ? out : "no";
  };
  EXPECT_EQ(read(learned), "no");
  frame.learn(learned, holes);
  EXPECT_EQ(read(learned), "13a 321 22-2.5e3 40null 01true ");
  EXPECT_EQ(read(R"({"id": "café {", "x": [null, 0, 12.75E-10], "\u00e9": {"t": ""}})"), "13café { 30null 220 4212.75E-10 03 ");
  for (const char* other : {R"({"id": "a", "x": [1, -2.5e3, null], "\u00e9": {"t": true}} )", R"({"id": "a", "x": [1, -2.5e3, null], "\u00e9": {"t": true})", R"({"id": "a", "x": [1, -2.5e3], "\u00e9": {"t": true}})",
                            R"({"id": "a", "x": [1,-2.5e3, null], "\u00e9": {"t": true}})", R"({"ie": "a", "x": [1, -2.5e3, null], "\u00e9": {"t": true}})", R"({"id": "stop", "x": [1, -2.5e3, null], "\u00e9": {"t": true}})",
                            R"({"id": "\n", "x": [1, -2.5e3, null], "\u00e9": {"t": true}})", R"({"id": "a", "x": [1, NaN, null], "\u00e9": {"t": true}})", R"({"id": "a", "x": [01, -2.5e3, null], "\u00e9": {"t": true}})",
                            R"({"id": "a", "x": [1., -2.5e3, null], "\u00e9": {"t": true}})", R"({"id": "a", "x": [1, -, null], "\u00e9": {"t": true}})", R"({"id": "a", "x": [1, [], null], "\u00e9": {"t": true}})",
                            R"({"id": "a", "x": [1, -2.5e3, nul], "\u00e9": {"t": true}})", "{\"id\": \"\x80\", \"x\": [1, 2, 3], \"\\u00e9\": {\"t\": true}}", "{\"id\": \"", "{\"id\": ", ""})
    EXPECT_EQ(read(other), "no") << other;
  frame.forget();
  EXPECT_EQ(read(learned), "no");
}

// Errors name the byte, whatever lies around it.
TEST(Json, ErrorsNameTheByte) {
  Json json;
  const auto error = [&](const std::string& text) {
    try {
      json.parse(text);
      return std::string("none");
    } catch (const JsonError& e) {
      return std::to_string(e.offset) + " " + e.what();
    }
  };
  const std::string blanks(37, ' ');
  for (const std::string& lead : {std::string(), blanks}) {
    const auto at = [&](std::size_t offset) { return std::to_string(lead.size() + offset) + " "; };
    EXPECT_EQ(error(lead + "[1,-]"), at(3) + "not a number");
    EXPECT_EQ(error(lead + "[1.]"), at(1) + "not a number");
    EXPECT_EQ(error(lead + "[1e+]"), at(1) + "not a number");
    EXPECT_EQ(error(lead + "[01]"), at(2) + "expected `,` or `]`");
    EXPECT_EQ(error(lead + "[Nan]"), at(1) + "not a number");
    EXPECT_EQ(error(lead + "[+1]"), at(1) + "expected a value");
    EXPECT_EQ(error(lead + "[nul]"), at(1) + "expected a value");
    EXPECT_EQ(error(lead + "[-Infinity,NaN,Infinity]"), "none");
    EXPECT_EQ(error(lead + "\"0123456789abcdef\x01\""), at(17) + "a control character stands in a string; write \\n, \\t or \\u00XX");
    EXPECT_EQ(error(lead + "\"0123456789abcdefg\\x\""), at(18) + "an unknown escape in a string");
    EXPECT_EQ(error(lead + "\"0123456789abcdefg\\ud800\""), at(18) + "half of a surrogate pair");
    EXPECT_EQ(error(lead + "\"0123456789abcdefg"), at(18) + "a string is never closed");
    EXPECT_EQ(error(lead + "{\"a\" 1}"), at(5) + "expected `:`");
    EXPECT_EQ(error(lead + "[1"), at(2) + "the text ends where `,` or `]` should stand");
    EXPECT_EQ(error(lead + "1 2"), at(2) + "text follows the value");
  }
}

// In place of a device: computes the features 0 and 2 of the sample by itself, leaves the others, and scores with the engine's bits. Breaks on demand.
class Beside final : public BatchScorer {
 public:
  explicit Beside(const package::Package& package) : package_(package), scorer_(package.model) {}
  static void others_of(const mlp_batch* batch, const mlp_fitted* fitted, const mlp_output* outputs) {
    std::vector<double> unused(static_cast<std::size_t>(batch->rows));
    const mlp_output all[] = {{unused.data(), nullptr}, outputs[0], {unused.data(), nullptr}, outputs[1]};
    sample::features(batch, fitted, all);
  }
  std::int64_t least() const override { return 10; }
  std::int64_t most() const override { return 50; }
  bool computes(std::size_t feature) const override { return feature % 2 == 0; }
  mlp_kernel others() const override { return others_of; }
  void score(const mlp_column* columns, const model::Matrix& matrix, std::int64_t rows, double* scores, double* const* features) override {
    if (++calls == breaks_at) throw Failure(code::device_failed, "the GPU failed", "wait");
    largest = std::max(largest, rows);
    std::vector<double> tenure(static_cast<std::size_t>(rows)), total = tenure, unused = tenure;
    for (std::size_t i = 0; i < tenure.size(); ++i) {
      tenure[i] = static_cast<double>(static_cast<const std::int64_t*>(columns[1].values)[i]);
      total[i] = !columns[3].present || columns[3].present[i] ? static_cast<const double*>(columns[3].values)[i] : package_.fitted.numbers[0];
    }
    model::Matrix whole = matrix;
    whole[0] = {tenure.data(), nullptr};
    whole[2] = {total.data(), nullptr};
    scorer_.score(whole, rows, scores);
    if (!features) return;
    std::copy(tenure.begin(), tenure.end(), features[0]);
    std::copy(total.begin(), total.end(), features[2]);
  }
  int calls = 0, breaks_at = 0;
  std::int64_t largest = 0;

 private:
  const package::Package& package_;
  model::Scorer scorer_;
};

struct Rows {
  RowBuilder rows{sample::signature()};
  explicit Rows(int count) {
    for (int i = 0; i < count; ++i) {
      rows.add_integer(0, i % 100);
      rows.add_text(1, i % 3 == 0 ? "One year" : i % 3 == 1 ? "Month-to-month" : "none");
      i % 7 == 0 ? rows.add_null(2) : rows.add_number(2, i * 1.25);
      rows.add_text(3, i % 2 ? "Yes" : "No");
      rows.end_row();
    }
  }
};
struct Answers {
  std::vector<double> out;
  std::vector<std::vector<double>> features;
  Answers(const Engine& engine, Rows& rows) : out(static_cast<std::size_t>(rows.rows.rows()) * 2) { engine.run(rows.rows.columns(), rows.rows.rows(), out.data(), &features); }
  friend bool operator==(const Answers& a, const Answers& b) {  // bit for bit: there are NaNs
    bool same = a.features.size() == b.features.size() && std::memcmp(a.out.data(), b.out.data(), a.out.size() * sizeof(double)) == 0;
    for (std::size_t f = 0; same && f < a.features.size(); ++f) same = std::memcmp(a.features[f].data(), b.features[f].data(), a.features[f].size() * sizeof(double)) == 0;
    return same;
  }
};

TEST(BatchScorer, ComputesItsFeaturesAndTheEngineTheOthers) {
  const package::Package package = sample::binary();
  Rows many(333), few(9);
  const Engine alone(package, sample::features);
  Engine engine(package, sample::features);
  auto made = std::make_unique<Beside>(engine.package());
  Beside& beside = *made;
  engine.set_scorer(std::move(made));
  EXPECT_EQ(engine.batch_rows(), 50);
  EXPECT_EQ(Answers(engine, many), Answers(alone, many));
  EXPECT_EQ(beside.calls, 7);
  EXPECT_EQ(beside.largest, 50);
  EXPECT_EQ(Answers(engine, few), Answers(alone, few));
  EXPECT_EQ(beside.calls, 7) << "too few rows for it";
  std::vector<double> without(666);
  engine.run(many.rows.columns(), 333, without.data());
  EXPECT_EQ(without, Answers(alone, many).out);
}

TEST(BatchScorer, IsLeftWhereItFails) {  // E0925
  const package::Package package = sample::binary();
  Rows many(333);
  const Engine alone(package, sample::features);
  Engine engine(package, sample::features), strict(package, sample::features);
  std::vector<std::string> said;
  auto made = std::make_unique<Beside>(engine.package());
  made->breaks_at = 3;
  Beside& beside = *made;
  engine.set_scorer(std::move(made), [&](const Diagnostic& d) { said.push_back(info(d.code).code); });
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Answers(engine, many), Answers(alone, many));
  EXPECT_EQ(said, (std::vector<std::string>{"E0925"}));
  EXPECT_EQ(beside.calls, 3) << "it is not asked again";
  auto breaking = std::make_unique<Beside>(strict.package());
  breaking->breaks_at = 3;
  strict.set_scorer(std::move(breaking));
  EXPECT_THROW(Answers(strict, many), Failure);
}

}  // namespace
}  // namespace mlp::score
