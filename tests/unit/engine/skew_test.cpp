// Zero skew: training's features, batch, single row, CSV and JSON lines give the same bits, in process and from the
// artifact, for every function of the library, over edge values and a million generated rows.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

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
  static const std::vector<std::string> edges = {"", " ", "a", "Äpfel über", "zebra Z", "12.5", "a,b;c", "say \"hi\"", "two\nlines", "日本語 text", std::string(300, 'x'), "A b  c"};
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
  all.table = std::move(data.table);
  for (std::int64_t row = 0; row < row_count; ++row) all.row.push_back(row);
  const std::vector<std::vector<double>> fitting = engine::features_of(pipeline, all, trained.package.fitted, {}, 2);
  ASSERT_EQ(fitting.size(), count);

  Bits batch;
  std::vector<mlp_column> columns;
  for (const values::ColumnData& column : all.table.columns) columns.push_back(column.view());
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

  // One row at a time, every 50th.
  for (std::int64_t row = 0; row < row_count; row += 50) {
    for (std::size_t c = 0; c < columns.size(); ++c) columns[c] = all.table.columns[c].view(row);
    std::vector<double> one(engine.width());
    engine.run(columns.data(), 1, one.data(), &features);
    for (std::size_t f = 0; f < count; ++f)
      ASSERT_TRUE(std::bit_cast<std::uint64_t>(features[f][0]) == std::bit_cast<std::uint64_t>(fitting[f][row]) || (std::isnan(features[f][0]) && std::isnan(fitting[f][row])))
          << "single row " << row << ": feature " << pipeline.program().features[f].name << " " << features[f][0] << " " << fitting[f][row];
    for (std::int32_t k = 0; k < engine.width(); ++k) ASSERT_EQ(one[k], out[row * engine.width() + k]) << "single row " << row;
  }

  // The artifact writes what the process wrote.
  const engine::Loaded loaded = engine::load(trained.package, "skew");
  emit::Request request;
  request.kernels = codegen::object(loaded.pipeline.unit.loops, {"features"}, {});
  request.package = trained.bytes;
  request.name = "skew";
  request.runtime = fs::path(MLP_BINARY_DIR) / "lib/millrace/x86_64";
  request.output = work / "skew";
  emit::emit(request);
  for (const std::string format : {"csv", "jsonl"}) {
    const std::string command = (work / "skew").string() + " score --to csv --from " + format + " --input " + (work / ("rows." + format)).string() + " --output " + (work / ("artifact." + format)).string();
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
    EXPECT_EQ(sha256(read_file(work / ("artifact." + format))), sha256(read_file(work / (format + ".out")))) << "artifact, " << format;
  }
}

}  // namespace
