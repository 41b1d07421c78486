// Zero skew: training's features, batch, single row, CSV and JSON lines give the same bits, in process and from the
// artifact, for every function of the library, over edge values and a million generated rows.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <signal.h>
#include <unistd.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/files.h"
#include "engine/build.h"
#include "engine/train.h"
#include "stdlib/builtins/kernels.h"

namespace fs = std::filesystem;
using namespace mlp;

namespace {

constexpr std::int64_t row_count = 1'000'000;

struct Random {  // counter-based: the rows are a function of nothing but their number
  std::int64_t row;
  std::uint64_t draw = 0;
  std::uint64_t next() {
    const std::uint64_t key[2] = {static_cast<std::uint64_t>(row), draw++};
    return mlp_hash(reinterpret_cast<const char*>(key), sizeof key, 11);
  }
  std::uint64_t below(std::uint64_t n) { return next() % n; }
};

std::string number(double v) {
  char buffer[40];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, v).ptr};
}

// A cell as CSV and as JSON. Empty CSV = null.
struct Cell {
  std::string csv, json = "null";
};
Cell plain(std::string text) { return {text, text}; }
Cell text(const std::string& value) {
  Cell cell{"\"", "\""};
  for (const char c : value) {
    cell.csv += c == '"' ? "\"\"" : std::string(1, c);
    if (c == '"' || c == '\\') (cell.json += '\\') += c;
    else if (c == '\n') cell.json += "\\n";
    else cell.json += c;
  }
  cell.csv += '"';
  cell.json += '"';
  return cell;
}

Cell real(Random& r) {
  static const std::vector<double> edges = {0.0, -0.0, 1.0, -1.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308, 0.1, 709.78, -745.2, 1e-17, 24, 3.5, 2.5, 0.5, -0.5, 1e15, 9007199254740993.0};
  switch (r.below(12)) {
    case 0: return {};
    case 1: case 2: return plain(number(edges[r.below(edges.size())]));
    case 3: if (r.below(3) == 0) return {"nan", "\"NaN\""};
      return r.below(2) ? Cell{"inf", "\"inf\""} : Cell{"-inf", "\"-inf\""};
    case 4: return plain(number(std::ldexp(static_cast<double>(r.next() >> 11), static_cast<int>(r.below(600)) - 350)));
    default: return plain(number((static_cast<double>(r.next() >> 11) * 0x1p-53 - 0.5) * 200));
  }
}
Cell modest(Random& r) {  // what sums and means can take
  if (r.below(12) == 0) return {};
  return plain(r.below(10) == 0 ? (r.below(2) ? "-0.0" : "5e-324") : number((static_cast<double>(r.next() >> 11) * 0x1p-53 - 0.5) * 200));
}
Cell integer(Random& r) {
  static const char* const edges[] = {"0", "-1", "9223372036854775807", "-9223372036854775808", "9007199254740993"};
  if (r.below(9) == 0) return {};
  return plain(r.below(6) == 0 ? edges[r.below(5)] : std::to_string(static_cast<std::int64_t>(r.below(2001)) - 1000));
}
Cell words(Random& r) {
  static const std::vector<std::string> edges = {"", " ", "a", "Äpfel über", "zebra Z", "12.5", "a,b;c", "say \"hi\"", "two\nlines", "日本語 text", "e\xcc\x81te\xcc\x81 ÉTÉ", "ΟΔΥΣΣΕΥΣ İSTANBUL ẞ", "ok 👍🏽 👨‍👩‍👧 ok", std::string(300, 'x'), "A b  c"};
  if (r.below(9) == 0) return {};
  std::string value = edges[r.below(edges.size())];
  if (value.empty()) return {};  // an empty cell is null in this source
  if (r.below(20000) == 0) value.assign(50'000, 'l');
  if (r.below(3) == 0) value += std::to_string(r.below(1000));
  return text(value);
}
Cell category(Random& r, bool nullable) {
  static const char* const names[] = {"red", "green", "blue", "red", "red", "ünseen", "rare"};
  if (nullable && r.below(10) == 0) return {};
  if (r.below(200000) == 0) return text("once-" + std::to_string(r.row));
  return text(names[r.below(7)]);
}
std::string two(std::uint64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); }
std::string day(Random& r) {
  static const char* const edges[] = {"1970-01-01", "2000-02-29", "1999-12-31", "1600-03-01", "2100-01-01"};
  if (r.below(8) == 0) return edges[r.below(5)];
  return std::to_string(1900 + r.below(250)) + "-" + two(1 + r.below(12)) + "-" + two(1 + r.below(28));
}
Cell date(Random& r) {
  if (r.below(9) == 0) return {};
  const std::string value = day(r);
  return {value, "\"" + value + "\""};
}
Cell moment(Random& r) {
  if (r.below(9) == 0) return {};
  std::string value = day(r) + "T" + two(r.below(24)) + ":" + two(r.below(60)) + ":" + two(r.below(60));
  if (r.below(3) == 0) value += "." + std::to_string(100000 + r.below(900000));
  if (r.below(4) == 0) value += "+02:00";
  return {value, "\"" + value + "\""};
}
Cell boolean(Random& r, bool nullable) {
  if (nullable && r.below(9) == 0) return {};
  return plain(r.below(2) ? "true" : "false");
}

const char* const names[] = {"n", "f", "g", "i", "b", "c", "k", "s", "t", "d", "label"};

void write_rows(const fs::path& csv, const fs::path& jsonl) {
  std::string a = "n,f,g,i,b,c,k,s,t,d,label\n", b;
  std::ofstream out_csv(csv, std::ios::binary), out_json(jsonl, std::ios::binary);
  for (std::int64_t row = 0; row < row_count; ++row) {
    Random r{row};
    const Cell cells[] = {plain(std::to_string(row)), real(r), modest(r), integer(r), boolean(r, true), category(r, true), category(r, false), words(r), moment(r), date(r), boolean(r, false)};
    for (std::size_t i = 0; i < std::size(cells); ++i) {
      a += (i ? "," : "") + cells[i].csv;
      b += (i ? ",\"" : "{\"") + std::string(names[i]) + "\":" + cells[i].json;
    }
    a += '\n';
    b += "}\n";
    if (a.size() > (1 << 20)) {
      out_csv << a;
      out_json << b;
      a.clear();
      b.clear();
    }
  }
  out_csv << a;
  out_json << b;
  ASSERT_TRUE(out_csv.flush() && out_json.flush());
}

// A digest of the bits of each feature and of the predictions, in row order; NaNs count as one.
struct Bits {
  std::vector<std::uint64_t> features;
  std::uint64_t predictions = 0;
  std::int64_t rows = 0;
  static void add(std::uint64_t& digest, double v) {
    const std::uint64_t bits = std::isnan(v) ? 0x7ff8000000000000u : std::bit_cast<std::uint64_t>(v);
    digest = (digest ^ bits) * 0x9E3779B97F4A7C15u;
    digest ^= digest >> 29;
  }
  void add(std::int64_t count, const std::vector<std::vector<double>>& columns, const double* out, std::int32_t width) {
    features.resize(columns.size());
    for (std::size_t f = 0; f < columns.size(); ++f)
      for (std::int64_t row = 0; row < count; ++row) add(features[f], columns[f][row]);
    for (std::int64_t i = 0; i < count * width; ++i) add(predictions, out[i]);
    rows += count;
  }
};

Bits stream(const score::Engine& engine, const fs::path& input, score::Format format, const fs::path& output) {
  Bits bits;
  score::StreamOptions options;
  options.from = format;
  options.observe = [&](const mlp_column*, std::int64_t rows, const std::vector<std::vector<double>>& features, const double* out) { bits.add(rows, features, out, engine.width()); };
  const int in = ::open(input.c_str(), O_RDONLY), to = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  EXPECT_EQ(score::stream(engine, in, to, options), row_count);
  ::close(in);
  ::close(to);
  return bits;
}

// SHA-256 of what comes out of `fd`, to its end.
std::string digest_of(int fd) {
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  EVP_DigestInit_ex(context, EVP_sha256(), nullptr);
  std::vector<char> buffer(1 << 20);
  for (ssize_t n; (n = ::read(fd, buffer.data(), buffer.size())) > 0;) EVP_DigestUpdate(context, buffer.data(), static_cast<std::size_t>(n));
  unsigned char bytes[32];
  EVP_DigestFinal_ex(context, bytes, nullptr);
  EVP_MD_CTX_free(context);
  std::string hex;
  for (const unsigned char byte : bytes) hex += "0123456789abcdef"[byte >> 4], hex += "0123456789abcdef"[byte & 15];
  return hex;
}

// Features and predictions as text (shortest digits that read back to the same double), through a pipe: two gigabytes.
std::string digest_in_process(const score::Engine& engine, const fs::path& input) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  std::string digest;
  std::thread reader([&] { digest = digest_of(ends[0]); });
  score::StreamOptions options;
  options.features = true;
  const int in = ::open(input.c_str(), O_RDONLY);
  EXPECT_EQ(score::stream(engine, in, ends[1], options), row_count);
  ::close(in);
  ::close(ends[1]);
  reader.join();
  ::close(ends[0]);
  return digest;
}
std::string digest_of_artifact(const fs::path& artifact, const fs::path& input) {
  FILE* const pipe = ::popen((artifact.string() + " score --features --to csv --input " + input.string()).c_str(), "r");
  const std::string digest = digest_of(::fileno(pipe));
  EXPECT_EQ(::pclose(pipe), 0);
  return digest;
}

// The first rows over HTTP, many in a request and one by one: predictions to the last bit.
void same_over_http(const fs::path& work, const std::vector<double>& expected, std::int32_t width) {
  const auto shell = [&](const std::string& command) { return std::system(("cd " + work.string() + " && " + command).c_str()); };
  ASSERT_EQ(shell("{ ./skew serve --port 0 2>log & echo $! >pid; }"), 0);
  std::string log;
  for (int i = 0; i < 200 && log.find("http://") == std::string::npos; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    log = read_file(work / "log");
  }
  const std::size_t at = log.find("http://");
  ASSERT_NE(at, std::string::npos) << log;
  const std::string url = log.substr(at, log.find_first_of(" \n", at) - at) + "/invocations";
  std::ifstream lines(work / "rows.jsonl");
  std::int64_t done = 0;
  for (int request = 0; request < 60; ++request) {
    const int rows = request < 20 ? 250 : 1;
    std::string body = "{\"dataframe_records\":[", line;
    for (int i = 0; i < rows && std::getline(lines, line); ++i) body += (i ? "," : "") + line;
    std::ofstream(work / "body") << body << "]}";
    ASSERT_EQ(shell("curl -sSf -H 'Content-Type: application/json' --data-binary @body -o answer " + url), 0);
    const auto answer = nlohmann::json::parse(read_file(work / "answer")).at("predictions");
    ASSERT_EQ(answer.size(), static_cast<std::size_t>(rows));
    for (int i = 0; i < rows; ++i, ++done) {
      ASSERT_EQ(width, 2);
      EXPECT_EQ(answer[i].at("p_true").get<double>(), expected[done * width + 1]) << "over HTTP, row " << done;
      EXPECT_EQ(answer[i].at("p_false").get<double>(), expected[done * width]) << "over HTTP, row " << done;
    }
  }
  ::kill(std::stoi(read_file(work / "pid")), SIGTERM);
}

// Text that is no UTF-8 has no value, so no path may give it one: training, CSV, JSON lines and the artifact all refuse.
TEST(Skew, BadUtf8IsRefusedOnEveryPath) {
  const fs::path work = fs::temp_directory_path() / ("mlp-utf8-" + std::to_string(::getpid()));
  fs::create_directories(work);
  struct Cleanup { fs::path path; ~Cleanup() { fs::remove_all(path); } } cleanup{work};
  std::string good = "s,c,label\n";
  for (int i = 0; i < 60; ++i) good += "word" + std::to_string(i % 7) + (i % 2 ? ",red,true\n" : ",blue,false\n");
  std::ofstream(work / "rows.csv") << good;
  const engine::Pipeline pipeline = engine::prepare("utf8.mlp", R"(pipeline utf8
schema Row {
  s     : text
  c     : category
  label : bool
}
source rows: Row = csv("rows.csv")
features x from rows {
  c
  n = length(s)
}
split rows { train = 60%, valid = 20%, test = 20%, by = random }
model m = gbdt {
  predict label from x
  trees = 3
}
)");
  const engine::Trained trained = engine::train(pipeline, work, {});
  const score::Engine engine(trained.package, pipeline.kernels->find("features"));
  const engine::Loaded loaded = engine::load(trained.package, "utf8");
  engine::build(loaded, trained.bytes, emit::Kind::executable, work / "utf8");

  // A lone continuation, a cut sequence, an overlong slash, a surrogate, beyond U+10FFFF, Latin-1, two bytes never used.
  for (const std::string bad : {"\x80", "\xe2\x82", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "caf\xe9", "\xff\xfe"})
    for (const bool in_category : {false, true}) {
      const std::string s = in_category ? "a" : bad, c = in_category ? bad : "red";
      std::ofstream(work / "rows.csv") << good << s << ',' << c << ",true\n";
      EXPECT_THROW(engine::train(pipeline, work, {}), Failure) << "training";
      std::ofstream(work / "bad.csv") << "s,c\n" << s << ',' << c << '\n';
      std::ofstream(work / "bad.jsonl") << "{\"s\":\"" << s << "\",\"c\":\"" << c << "\"}\n";
      for (const std::string name : {"bad.csv", "bad.jsonl"}) {
        score::StreamOptions options;
        options.from = name == "bad.csv" ? score::Format::csv : score::Format::jsonl;
        const int in = ::open((work / name).c_str(), O_RDONLY), out = ::open("/dev/null", O_WRONLY);
        EXPECT_THROW(score::stream(engine, in, out, options), Failure) << name;
        ::close(in);
        ::close(out);
        const int status = std::system(("cd " + work.string() + " && ./utf8 score --input " + name + " >/dev/null 2>said").c_str());
        EXPECT_EQ(WEXITSTATUS(status), 1) << name;
        EXPECT_NE(read_file(work / "said").find("UTF-8"), std::string::npos) << read_file(work / "said");
      }
    }
}

TEST(Skew, EveryPathGivesTheSameBits) {
  const fs::path work = fs::temp_directory_path() / ("mlp-skew-" + std::to_string(::getpid()));
  fs::create_directories(work);
  struct Cleanup { fs::path path; ~Cleanup() { fs::remove_all(path); } } cleanup{work};
  write_rows(work / "rows.csv", work / "rows.jsonl");

  const engine::Pipeline pipeline = engine::prepare("skew.mlp", read_file(fs::path(MLP_SOURCE_DIR) / "tests/skew/skew.mlp"));
  engine::TrainOptions options;
  options.threads = 2;
  const engine::Trained trained = engine::train(pipeline, work, options);
  EXPECT_EQ(trained.report.read, row_count);
  const score::Engine engine(trained.package, pipeline.kernels->find("features"));
  const std::size_t count = pipeline.program().features.size();

  // What training computes, over all rows in file order.
  engine::Data data = engine::read_data(pipeline, work, &trained.package.model.classes, 2);
  engine::Part all;
  all.table = data.table;
  for (std::int64_t row = 0; row < row_count; ++row) all.row.push_back(row);
  const engine::FeatureColumns matrix = engine::features_of(pipeline, all, trained.package.fitted, {}, 2);
  const std::vector<std::vector<double>>& fitting = matrix.numbers;
  ASSERT_EQ(fitting.size(), count);

  Bits batch;
  std::vector<mlp_column> columns;
  for (const values::ColumnData& column : all.table->columns) columns.push_back(column.view());
  std::vector<double> out(static_cast<std::size_t>(row_count) * engine.width());
  std::vector<std::vector<double>> features;
  engine.run(columns.data(), row_count, out.data(), &features);
  batch.add(row_count, features, out.data(), engine.width());

  Bits training;
  training.add(row_count, fitting, out.data(), engine.width());
  const auto same = [&](const Bits& path, const char* name) {
    ASSERT_EQ(path.features.size(), count) << name;
    EXPECT_EQ(path.rows, row_count) << name;
    for (std::size_t f = 0; f < count; ++f) EXPECT_EQ(path.features[f], training.features[f]) << name << ": feature " << pipeline.program().features[f].name;
    EXPECT_EQ(path.predictions, training.predictions) << name << ": predictions";
  };
  same(batch, "batch");
  same(stream(engine, work / "rows.csv", score::Format::csv, work / "csv.out"), "CSV");
  same(stream(engine, work / "rows.jsonl", score::Format::jsonl, work / "jsonl.out"), "JSON lines");

  // Bags term by term, in batches and alone.
  const auto same_bags = [&](const score::Bags& bags, std::int64_t first) {
    for (std::size_t f = 0; f < count; ++f)
      for (std::size_t r = 0; r < bags[f].size(); ++r) {
        const mlp_bag& want = matrix.bags[f][static_cast<std::size_t>(first) + r];
        ASSERT_EQ(static_cast<std::int64_t>(bags[f][r].size()), want.size) << "row " << first << " + " << r;
        ASSERT_TRUE(want.size == 0 || std::memcmp(bags[f][r].data(), want.terms, static_cast<std::size_t>(want.size) * sizeof(mlp_term)) == 0) << "row " << first << " + " << r;
      }
  };
  score::Bags bags;
  for (std::int64_t first = 0; first + 5000 <= row_count; first += row_count / 20)
    for (const std::int64_t rows : {5000, 1}) {
      for (std::size_t c = 0; c < columns.size(); ++c) columns[c] = all.table->columns[c].view(first);
      std::vector<double> some(static_cast<std::size_t>(rows) * engine.width());
      engine.run(columns.data(), rows, some.data(), &features, &bags);
      same_bags(bags, first);
    }

  // One row at a time, all of them.
  for (std::int64_t row = 0; row < row_count; ++row) {
    for (std::size_t c = 0; c < columns.size(); ++c) columns[c] = all.table->columns[c].view(row);
    std::vector<double> one(engine.width());
    engine.run(columns.data(), 1, one.data(), &features);
    for (std::size_t f = 0; f < count; ++f)
      ASSERT_TRUE(std::bit_cast<std::uint64_t>(features[f][0]) == std::bit_cast<std::uint64_t>(fitting[f][row]) || (std::isnan(features[f][0]) && std::isnan(fitting[f][row])))
          << "single row " << row << ": feature " << pipeline.program().features[f].name << " " << features[f][0] << " " << fitting[f][row];
    for (std::int32_t k = 0; k < engine.width(); ++k) ASSERT_EQ(one[k], out[row * engine.width() + k]) << "single row " << row;
  }

  // The artifact writes what the process wrote.
  const engine::Loaded loaded = engine::load(trained.package, "skew");
  engine::build(loaded, trained.bytes, emit::Kind::executable, work / "skew");
  for (const std::string format : {"csv", "jsonl"}) {
    const std::string command = (work / "skew").string() + " score --to csv --from " + format + " --input " + (work / ("rows." + format)).string() + " --output " + (work / ("artifact." + format)).string();
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
    EXPECT_EQ(sha256(read_file(work / ("artifact." + format))), sha256(read_file(work / (format + ".out")))) << "artifact, " << format;
  }
  std::string from_csv, from_json;
  std::thread other([&] { from_csv = digest_of_artifact(work / "skew", work / "rows.csv"); });
  from_json = digest_of_artifact(work / "skew", work / "rows.jsonl");
  other.join();
  const std::string expected = digest_in_process(engine, work / "rows.csv");
  EXPECT_EQ(from_csv, expected) << "features from the artifact, CSV";
  EXPECT_EQ(from_json, expected) << "features from the artifact, JSON lines";
  same_over_http(work, out, engine.width());
}

}  // namespace
