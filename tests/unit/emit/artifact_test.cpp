// Whole artifacts of a small pipeline made by hand: what the executable, the library and this process give is the same.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "base/files.h"
#include "compiler/codegen/cpu/cpu.h"
#include "compiler/emit/emit.h"
#include "runtime/score/score.h"
#include "tests/unit/emit/run.h"
#include "tests/unit/score/sample.h"

namespace mlp {
namespace {

namespace fs = std::filesystem;
using test::Folder;
using test::Ran;
using test::run;

// sample::features in the loop IR.
const char* const features = R"(loop 1
kernel features
  %0: i64 = load 1
  %1: f64 = to_f64 %0
  %2: string = load 2
  %3: i64 = table_code 0, %2
  %4: i64 = table_size 0
  %5: bool = lt %3, %4
  %6: f64 = to_f64 %3
  %7: f64 = constant nan
  %8: f64 = select %5, %6, %7
  %9: f64 = load 3
  %10: bool = present 3
  %11: f64 = fitted 0
  %12: f64 = select %10, %9, %11
  %13: bool = load 4
  %14: f64 = to_f64 %13
  output "tenure" = %1
  output "Contract" = %8
  output "total" = %12
  output "senior" = %14
)";

const std::string rows =
    "tenure,Contract,TotalCharges,senior\n"
    "1,Month-to-month,29.85,No\n"
    "34,One year,1889.5,Yes\n"
    "0,Two year,,No\n"
    "72,\"Never seen, that\",1e5,Yes\n";

fs::path build(const Folder& folder, emit::Kind kind, const package::Package& package, const char* name, const char* text = features) {
  const loop::Module module = loop::parse_text(text);
  emit::Request request;
  request.kind = kind;
  request.kernels = codegen::object(module, {"features"}, {});
  request.plain = loop::plain_columns(*module.find("features"));
  request.package = package::to_bytes(package);
  request.name = package.signature.deployment;
  request.runtime = fs::path(MLP_BINARY_DIR) / "lib" / "millrace" / "x86_64";
  request.output = folder.path / name;
  emit::emit(request);
  return request.output;
}

// What this process makes of the rows.
std::string expected(const package::Package& package, const Folder& folder) {
  const score::Engine engine(package, sample::features);
  write_whole(folder.path / "rows.csv", rows);
  const std::string in = folder.path / "rows.csv", out = folder.path / "expected.csv";
  FILE* const from = std::fopen(in.c_str(), "r");
  FILE* const to = std::fopen(out.c_str(), "w");
  score::stream(engine, ::fileno(from), ::fileno(to), {});
  std::fclose(from);
  std::fclose(to);
  return read_file(out);
}

TEST(Artifact, ScoresInAnEmptyRoot) {
  const Folder folder;
  const package::Package package = sample::binary();
  const std::string wanted = expected(package, folder);
  const fs::path program = build(folder, emit::Kind::executable, package, "churn");
  std::printf("the artifact has %zu bytes\n", static_cast<std::size_t>(fs::file_size(program)));
  EXPECT_LE(fs::file_size(program), 10u << 20);
  const Ran ran = run(program, {.arguments = {"score", "--input", (folder.path / "rows.csv").string()}});
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out, wanted);
  if (::geteuid() != 0) GTEST_SKIP() << "chroot needs root";
  const auto start = std::chrono::steady_clock::now();
  const Ran jailed = run("/churn", {.root = folder.path, .arguments = {"score", "--input", "/rows.csv"}});
  std::printf("exec to the last of four predictions: %.1f ms\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() * 1e3);
  EXPECT_EQ(jailed.code, 0);
  EXPECT_EQ(jailed.out, wanted);
  EXPECT_EQ(run("/churn", {.root = folder.path, .arguments = {"selftest"}}).code, 0);
}

// The functions of the header, found by name.
struct Library {
  explicit Library(const fs::path& path) : handle(::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (!handle) throw std::runtime_error(::dlerror());
    const auto find = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(handle, (std::string("churn_api_") + name).c_str()));
      if (!function) throw std::runtime_error(std::string("no function ") + name);
    };
    find(open, "open");
    find(version, "version");
    find(error, "error");
    find(score_csv, "score_csv");
    find(score_json, "score_json");
    find(free_, "free");
    find(score_columns, "score_columns");
    find(score_rows, "score_rows");
    find(column_count, "column_count");
    find(column_name, "column_name");
    find(column_type, "column_type");
    find(width, "width");
    find(output_name, "output_name");
  }
  ~Library() { ::dlclose(handle); }
  std::string csv(const std::string& text) const {
    char* out = nullptr;
    std::size_t size = 0;
    if (score_csv(text.data(), text.size(), &out, &size) < 0) return std::string("error: ") + error();
    const std::string result(out, size);
    free_(out);
    return result;
  }
  void* handle;
  int (*open)();
  const char* (*version)();
  const char* (*error)();
  std::int64_t (*score_csv)(const char*, std::size_t, char**, std::size_t*);
  std::int64_t (*score_json)(const char*, std::size_t, char**, std::size_t*);
  void (*free_)(void*);
  int (*score_columns)(const mlp_column*, std::int64_t, double*);
  int (*score_rows)(const float*, std::int64_t, std::int64_t, double*);
  std::int32_t (*column_count)();
  const char* (*column_name)(std::int32_t);
  const char* (*column_type)(std::int32_t);
  std::int32_t (*width)();
  const char* (*output_name)(std::int32_t);
};

TEST(Artifact, LibraryScores) {
  const Folder folder;
  const package::Package package = sample::binary();
  const Library library(build(folder, emit::Kind::library, package, "churn.so"));
  ASSERT_EQ(library.open(), 0) << library.error();
  EXPECT_NE(std::string(library.version()).find(sha256(package::to_bytes(package))), std::string::npos);
  EXPECT_EQ(library.csv(rows), expected(package, folder));
  ASSERT_EQ(library.column_count(), 4);
  EXPECT_STREQ(library.column_name(2), "TotalCharges");
  EXPECT_STREQ(library.column_type(2), "float?");
  EXPECT_EQ(library.column_name(4), nullptr);
  ASSERT_EQ(library.width(), 2);
  EXPECT_STREQ(library.output_name(1), "p_Yes");
  EXPECT_EQ(library.output_name(2), nullptr);

  // The same four rows as columns.
  const std::int64_t tenure[] = {1, 34, 0, 72};
  const mlp_string contract[] = {{"Month-to-month", 14}, {"One year", 8}, {"Two year", 8}, {"Never seen, that", 16}};
  const double total[] = {29.85, 1889.5, 0, 1e5};
  const std::uint8_t present[] = {1, 1, 0, 1}, senior[] = {0, 1, 0, 1};
  const mlp_column columns[] = {{tenure, nullptr}, {contract, nullptr}, {total, present}, {senior, nullptr}};
  double out[8];
  ASSERT_EQ(library.score_columns(columns, 4, out), 0) << library.error();
  std::string text = "prediction,p_No,p_Yes\n";
  for (int r = 0; r < 4; ++r)
    text += std::string(out[2 * r + 1] >= 0.5 ? "Yes" : "No") + "," + score::number_text(out[2 * r]) + "," + score::number_text(out[2 * r + 1]) + "\n";
  EXPECT_EQ(text, expected(package, folder));

  char* json = nullptr;
  std::size_t size = 0;
  const std::string line = "{\"tenure\": 1, \"Contract\": \"One year\", \"TotalCharges\": null, \"senior\": true}\n";
  EXPECT_EQ(library.score_json(line.data(), line.size(), &json, &size), 1) << library.error();
  EXPECT_NE(std::string(json, size).find("\"prediction\""), std::string::npos);
  library.free_(json);
}

TEST(Artifact, LibraryReportsErrors) {
  const Folder folder;
  const Library library(build(folder, emit::Kind::library, sample::binary(), "churn.so"));
  EXPECT_NE(library.csv("tenure\n1\n").find("error: "), std::string::npos);
  EXPECT_NE(library.csv("tenure,Contract,TotalCharges,senior\nmany,One year,1,No\n").find("many"), std::string::npos);
}

TEST(PlainColumns, AreLoadsWhoseNullIsNaN) {
  EXPECT_EQ(loop::plain_columns(*loop::parse_text(features).find("features")), (std::vector<std::int32_t>{-1, -1, -1, -1}));
  const loop::Module module = loop::parse_text(R"(loop 1
kernel features
  %0: f64 = load 3
  %1: bool = present 4
  %2: f64 = load 4
  %3: f64 = constant nan
  %4: f64 = select %1, %2, %3
  %5: f64 = load 5
  %6: f64 = select %1, %5, %3
  %7: f64 = constant 0
  %8: f64 = select %1, %2, %7
  %9: f64 = add %0, %2
  %10: i64 = load 6
  %11: f64 = to_f64 %10
  output "a" = %0
  output "b" = %4
  output "another's presence" = %6
  output "zero for null" = %8
  output "sum" = %9
  output "int" = %11
)");
  EXPECT_EQ(loop::plain_columns(*module.find("features")), (std::vector<std::int32_t>{3, 4, -1, -1, -1, -1}));
}

// What a library gives for rows of floats is, bit for bit, what it gives for the same numbers as columns: of columns as they are,
// which go straight to the trees, and of features that a kernel computes.
TEST(Artifact, LibraryScoresRowsOfFloats) {
  package::Package package = sample::binary();
  package.signature.request = {sample::column("a", Scalar::real), sample::column("n", Scalar::integer, true), sample::column("b", Scalar::real32, true), sample::column("t", Scalar::boolean)};
  package.signature.request_place = {1, 2, 3, 4};
  package.model.features = {{"a", false, 0, false}, {"b", false, 0, false}};
  package.signature.feature_columns = {{0}, {2}};
  package.model.forest.category_sets.clear();
  package.model.forest.trees = {sample::stump(0, 11.3, 0.9, -0.4), sample::stump(1, 100.1, -0.125, 0.3), sample::stump(1, 0.5, 0, 0.2)};
  package.model.forest.trees[1].default_left[0] = 0;
  sample::references(package);
  const std::string plain = "loop 1\nkernel features\n  %0: f64 = load 1\n  %1: bool = present 3\n  %2: f64 = load 3\n  %3: f64 = constant nan\n  %4: f64 = select %1, %2, %3\n";
  const std::string computed = plain + "  %5: i64 = load 2\n  %6: f64 = to_f64 %5\n  %7: f64 = add %4, %6\n  %8: bool = load 4\n  %9: f64 = to_f64 %8\n  %10: f64 = sub %7, %9\n";
  const float nan = std::nanf(""), infinity = HUGE_VALF;
  constexpr std::int64_t rows = 2500, stride = 6;
  std::vector<float> values(rows * stride, nan);
  std::vector<double> a, b;
  std::vector<std::int64_t> n;
  std::vector<std::uint8_t> n_there, b_there, t;
  for (std::int64_t i = 0; i < rows; ++i) {
    const float odd[] = {nan, infinity, -infinity, -0.0f, 1e-42f, 11.3f, std::nextafterf(11.3f, 0), 100.1f, std::nextafterf(100.1f, 1000), 0.5f};
    float* const row = &values[static_cast<std::size_t>(i * stride)];
    row[0] = i % 3 ? odd[i % 10] : static_cast<float>(i) / 7;
    row[1] = i % 5 ? static_cast<float>(i % 11) : nan;
    row[2] = i % 4 ? odd[(i / 3) % 10] : static_cast<float>(i % 200);
    row[3] = static_cast<float>(i % 2);
    a.push_back(row[0]);
    n_there.push_back(row[1] == row[1]);
    n.push_back(row[1] == row[1] ? i % 11 : 0);
    b_there.push_back(row[2] == row[2]);
    b.push_back(row[2] == row[2] ? row[2] : 0);
    t.push_back(i % 2);
  }
  const mlp_column columns[] = {{a.data(), nullptr}, {n.data(), n_there.data()}, {b.data(), b_there.data()}, {t.data(), nullptr}};
  for (const std::string& text : {plain + "  output \"a\" = %0\n  output \"b\" = %4\n", computed + "  output \"a\" = %0\n  output \"b\" = %10\n"}) {
    const Folder folder;
    const Library library(build(folder, emit::Kind::library, package, "rows.so", text.c_str()));
    for (const std::int64_t count : {std::int64_t{0}, std::int64_t{1}, std::int64_t{100}, rows}) {
      std::vector<double> wanted(2 * rows + 1, 7), got(2 * rows + 1, 7);
      ASSERT_EQ(library.score_columns(columns, count, wanted.data()), 0) << library.error();
      ASSERT_EQ(library.score_rows(values.data(), stride, count, got.data()), 0) << library.error();
      EXPECT_EQ(std::memcmp(wanted.data(), got.data(), wanted.size() * sizeof(double)), 0) << count << " rows of " << text;
    }
    if (text.find("add") == std::string::npos) continue;
    double out[2];
    const float no_int[] = {1, 2.5f, 3, 1}, no_bool[] = {1, 2, 3, 2}, null_bool[] = {1, 2, 3, nan};
    for (const auto& [row, column] : {std::pair(no_int, "`n` in row 1"), {no_bool, "`t` in row 1"}, {null_bool, "`t` in row 1"}}) {
      EXPECT_EQ(library.score_rows(row, 4, 1, out), -1);
      EXPECT_NE(std::string(library.error()).find(column), std::string::npos) << library.error();
    }
  }
  const Folder folder;
  const Library texts(build(folder, emit::Kind::library, sample::binary(), "texts.so"));
  double out[2];
  EXPECT_EQ(texts.score_rows(values.data(), stride, 1, out), -1);
  EXPECT_NE(std::string(texts.error()).find("`Contract` is a category"), std::string::npos) << texts.error();
}

TEST(Artifact, LibraryServesThreads) {
  const Folder folder;
  const package::Package package = sample::classes();
  const std::string wanted = expected(package, folder);
  const Library library(build(folder, emit::Kind::library, package, "churn.so"));
  std::vector<std::thread> threads;
  std::vector<int> right(4);
  for (std::size_t t = 0; t < right.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) right[t] += library.csv(rows) == wanted;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, std::vector<int>(4, 50));
}

// E0420: in the package, a flipped byte would change predictions.
TEST(Artifact, ADamagedLibraryIsRefused) {
  const Folder folder;
  const package::Package package = sample::binary();
  std::string bytes = read_file(build(folder, emit::Kind::library, package, "churn.so"));
  const std::string data = package::to_bytes(package);
  const std::size_t at = bytes.find(data.substr(0, 64));
  ASSERT_NE(at, std::string::npos);
  bytes[at + data.size() / 2] ^= 1;
  write_whole(folder.path / "damaged.so", bytes, 0755);
  const Library library(folder.path / "damaged.so");
  EXPECT_EQ(library.open(), -1);
  EXPECT_NE(std::string(library.error()).find("damaged"), std::string::npos) << library.error();
}

TEST(Artifact, LibraryHeaderIsC) {
  const Folder folder;
  build(folder, emit::Kind::library, sample::binary(), "churn.so");
  const std::string header = read_file(folder.path / "churn.h");
  for (const char* function : {"open", "version", "error", "score_csv", "score_json", "free", "score_columns", "score_rows", "column_count", "column_name", "column_type", "width", "output_name"}) {
    EXPECT_NE(header.find(std::string("churn_api_") + function + "("), std::string::npos) << function;
  }
  write_whole(folder.path / "use.c", "#include \"churn.h\"\nint main(void) { return churn_api_open(); }\n");
  const Ran ran = run("/usr/bin/cc", {.arguments = {"-std=c99", "-Wall", "-Werror", "-pedantic", (folder.path / "use.c").string(), (folder.path / "churn.so").string(),
                                                  "-Wl,-rpath," + folder.path.string(), "-o", (folder.path / "use").string()}});
  ASSERT_EQ(ran.code, 0) << ran.out;
  EXPECT_EQ(run(folder.path / "use").code, 0);
}

}  // namespace
}  // namespace mlp
