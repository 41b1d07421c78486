// The artifact's command line, run in child processes of the test with a kernel in C++.
#include "runtime/serve/artifact.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <thread>

#include "base/files.h"
#include "nlohmann/json.hpp"
#include "runtime/score/probe.h"
#include "runtime/serve/bench.h"
#include "tests/unit/score/sample.h"

namespace mlp::serve {
namespace {

using Json = nlohmann::json;

struct Ran {
  int code = -1;
  std::string out, err;
};

mlp_kernel kernel_of(CpuLevel) { return sample::features; }
// A machine whose v3 kernel is wrong in the last bit.
mlp_kernel faulty(CpuLevel level) {
  if (level == CpuLevel::v2) return sample::features;
  return [](const mlp_batch* batch, const mlp_fitted* fitted, const mlp_output* outputs) {
    sample::features(batch, fitted, outputs);
    auto* const values = static_cast<double*>(outputs[2].values);
    values[0] = std::nextafter(values[0], 1e300);
  };
}

std::string golden_package() {
  package::Package p = sample::binary();
  Json manifest = Json::parse(p.manifest);
  manifest["golden"] = score::golden_predictions(score::Engine(p, sample::features));
  p.manifest = manifest.dump();
  return package::to_bytes(p);
}

// Starts the program; 0, 1 and 2 are files, so that a child that fills one does not hang.
pid_t start(const std::vector<std::string>& arguments, const std::string& in, const std::filesystem::path& directory, const std::string& package, mlp_kernel (*kernel)(CpuLevel) = kernel_of, bool close_out = false) {
  write_whole(directory / "stdin", in);
  std::cout.flush();
  std::cerr.flush();
  const pid_t child = ::fork();
  if (child != 0) return child;
  FILE* const unused[] = {std::freopen((directory / "stdin").c_str(), "r", stdin), std::freopen((directory / "stdout").c_str(), "w", stdout), std::freopen((directory / "stderr").c_str(), "w", stderr)};
  (void)unused;
  if (close_out) ::close(1);
  std::vector<char*> argv{const_cast<char*>("/opt/churn")};
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  const int code = artifact_main(static_cast<int>(argv.size()) - 1, argv.data(), {package, kernel});
  std::fflush(stdout);
  ::_exit(code);
}

class ArtifactTest : public ::testing::Test {
 protected:
  ArtifactTest() : directory(std::filesystem::temp_directory_path() / ("mlp_artifact_" + std::to_string(::getpid()))) { std::filesystem::create_directories(directory); }
  ~ArtifactTest() override { std::filesystem::remove_all(directory); }
  Ran finish(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status), read_file(directory / "stdout"), read_file(directory / "stderr")};
  }
  Ran run(const std::vector<std::string>& arguments, const std::string& in = {}) { return finish(start(arguments, in, directory, package)); }
  std::filesystem::path directory;
  std::string package = golden_package();
};

const std::string rows = "tenure,Contract,TotalCharges,senior\n3,One year,50,No\n40,new,,Yes\n";

TEST_F(ArtifactTest, HelpAndVersion) {
  const Ran none = run({});
  EXPECT_EQ(none.code, 2);
  EXPECT_NE(none.err.find("usage: churn COMMAND"), std::string::npos);
  EXPECT_EQ(run({"--help"}).code, 0);
  for (const char* command : {"serve", "score", "info", "bench", "selftest"}) {
    const Ran help = run({command, "--help"});
    EXPECT_EQ(help.code, 0);
    EXPECT_NE(help.out.find("examples\n"), std::string::npos) << help.out;
    EXPECT_NE(help.out.find("  churn " + std::string(command)), std::string::npos) << help.out;
    EXPECT_EQ(help.out.find("NAME"), std::string::npos);
  }
  EXPECT_EQ(run({"--version"}).out, "churn_api " + sha256(package).substr(0, 12) + ", made by mlp 0.1.0\n");
}

TEST_F(ArtifactTest, Usage) {
  EXPECT_EQ(run({"scor"}).code, 2);
  EXPECT_NE(run({"scor"}).err.find("did you mean `score`?"), std::string::npos);
  EXPECT_NE(run({"score", "--imput", "x"}).err.find("did you mean `--input`?"), std::string::npos);
  EXPECT_EQ(run({"score", "--input"}).code, 2);
  EXPECT_EQ(run({"score", "--from", "xml"}).code, 2);
  EXPECT_EQ(run({"score", "--from=csv", "--from=csv"}).code, 2);
  EXPECT_EQ(run({"info", "--json=1"}).code, 2);
  EXPECT_EQ(run({"serve", "--port", "70000"}).code, 2);
  EXPECT_EQ(run({"serve", "--port", "8o"}).code, 2);
  EXPECT_EQ(run({"bench", "--rows", "0"}).code, 2);
  EXPECT_EQ(run({"bench", "--seconds", "0.5"}).code, 2);
  EXPECT_NE(run({"bench", "--thread", "2"}).err.find("did you mean `--threads`?"), std::string::npos);
}

TEST_F(ArtifactTest, Bench) {
  const Ran made = run({"bench", "--json", "--rows", "300", "--seconds", "1", "--threads", "2"});
  ASSERT_EQ(made.code, 0) << made.err;
  const Json json = Json::parse(made.out);
  EXPECT_EQ(json["format_version"], 1);
  EXPECT_EQ(json["name"], "churn_api");
  EXPECT_EQ(json["package"], sha256(package));
  EXPECT_EQ(json["rows"], 300);
  EXPECT_EQ(json["threads"], 2);
  EXPECT_TRUE(json["input"].is_null());
  for (const char* form : {"batch", "row", "csv"}) EXPECT_GT(json[form]["rows_per_second"], 1000.0) << form;
  for (const char* form : {"row", "request"}) {
    EXPECT_GT(json[form]["p50_ns"], 0.0) << form;
    EXPECT_LE(json[form]["p50_ns"], json[form]["p99_ns"]) << form;
    EXPECT_LE(json[form]["p99_ns"], json[form]["p999_ns"]) << form;
  }
  EXPECT_GT(json["csv"]["bytes_per_second"], json["csv"]["rows_per_second"]);

  write_whole(directory / "in.csv", rows);
  const Ran given = run({"bench", "--seconds", "1", "--input", directory / "in.csv"});
  EXPECT_EQ(given.code, 0) << given.err;
  EXPECT_NE(given.out.find("churn_api: 2 rows of "), std::string::npos) << given.out;
  for (const char* line : {"\nbatch ", "\nrow ", "\nrequest ", "\ncsv "}) EXPECT_NE(given.out.find(line), std::string::npos) << line << given.out;

  write_whole(directory / "bad.csv", "tenure,Contract,TotalCharges,senior\nx,One year,50,No\n");
  EXPECT_EQ(run({"bench", "--input", directory / "bad.csv"}).code, 1);
  write_whole(directory / "none.csv", "tenure,Contract,TotalCharges,senior\n");
  EXPECT_EQ(run({"bench", "--input", directory / "none.csv"}).code, 1);
  EXPECT_EQ(run({"bench", "--input", directory / "missing.csv"}).code, 3);
}

TEST(Times, QuantilesAreWithinABucket) {
  Times times;
  for (std::uint64_t i = 1; i <= 100'000; ++i) times.add(i);
  for (const double share : {0.001, 0.5, 0.99, 0.999}) EXPECT_NEAR(times.quantile(share), share * 1e5, share * 1e5 * 0.017) << share;
  Times exact;
  for (std::uint64_t i = 0; i < 100; ++i) exact.add(i);
  EXPECT_EQ(exact.quantile(0.5), 49);
  exact.add(~std::uint64_t{0});
  EXPECT_NEAR(exact.quantile(1), 0x1p64, 0x1p58);
}

TEST_F(ArtifactTest, Score) {
  const Ran piped = run({"score"}, rows);
  ASSERT_EQ(piped.code, 0) << piped.err;
  EXPECT_EQ(piped.out.substr(0, 22), "prediction,p_No,p_Yes\n");
  write_whole(directory / "in.csv", rows);
  EXPECT_EQ(run({"score", "--input", directory / "in.csv"}).out, piped.out);
  EXPECT_EQ(run({"score", "-i", directory / "in.csv", "-o", directory / "out.csv"}).out, "");
  EXPECT_EQ(read_file(directory / "out.csv"), piped.out);
  EXPECT_EQ(run({"score", "--input", directory / "in.csv", "--output=" + (directory / "out.jsonl").string()}).code, 0);
  EXPECT_EQ(read_file(directory / "out.jsonl"), run({"score", "--to", "jsonl"}, rows).out);
  EXPECT_EQ(run({"score", "--from", "jsonl"}, "{\"tenure\":3,\"Contract\":\"One year\",\"TotalCharges\":50,\"senior\":false}\n{\"tenure\":40,\"Contract\":\"new\",\"senior\":true}\n").out, piped.out);
  EXPECT_EQ(run({"score", "--input", directory / "none.csv"}).code, 3);
  EXPECT_EQ(run({"score", "--input", directory}).code, 3);
  const Ran bad = run({"score"}, "tenure,Contract,TotalCharges,senior\nx,One year,50,No\n");
  EXPECT_EQ(bad.code, 1);
  EXPECT_EQ(bad.out, "prediction,p_No,p_Yes\n");
  EXPECT_EQ(bad.err,
            "error[E0804]: `x` in row 1 is not an int, as `tenure` must be\n"
            " --> standard input: row 1, column `tenure`\n"
            "  |\n"
            "  = help: an int is a whole number of at most 64 bits: 42\n"
            "  = note: mlp explain E0804\n");
  EXPECT_EQ(finish(start({"score"}, rows, directory, package, kernel_of, true)).code, 3);  // standard output is closed
  EXPECT_EQ(finish(start({"info"}, "", directory, package, kernel_of, true)).code, 3);
}

TEST_F(ArtifactTest, Info) {
  const Ran text = run({"info"});
  EXPECT_EQ(text.code, 0);
  for (const char* part : {"churn_api\n  who leaves\n", "predicts    Churn: No, Yes", "model       gbdt, loss logistic, 4 trees", "  tenure        int       months with us\n", "  test    auc 0.84\n"})
    EXPECT_NE(text.out.find(part), std::string::npos) << part << "\n" << text.out;
  const Json json = Json::parse(run({"info", "--json"}).out);
  EXPECT_EQ(json["name"], "churn_api");
  EXPECT_EQ(json["package"], sha256(package));
  EXPECT_EQ(json["metrics"]["test"]["auc"], 0.84);
  EXPECT_EQ(json["request"].size(), 4u);
  EXPECT_EQ(json["outputs"], Json::array({"prediction", "p_No", "p_Yes"}));
}

TEST_F(ArtifactTest, Selftest) {
  const Ran good = run({"selftest"});
  EXPECT_EQ(good.code, 0) << good.out << good.err;
  EXPECT_NE(good.out.find("ok    predictions"), std::string::npos) << good.out;
  EXPECT_EQ(good.out.find("FAIL"), std::string::npos);
  EXPECT_TRUE(Json::parse(run({"selftest", "--json"}).out)["passed"].get<bool>());
  if (best_cpu_level() > CpuLevel::v2) {
    const Ran bits = finish(start({"selftest"}, "", directory, package, faulty));
    EXPECT_EQ(bits.code, 1);
    EXPECT_NE(bits.err.find("error[E0830]"), std::string::npos) << bits.err;
    EXPECT_NE(bits.out.find("FAIL  features x86-64-v3"), std::string::npos) << bits.out;
  }
  // Other predictions than those recorded.
  package::Package p = package::from_bytes(package, "p");
  p.model.forest.trees[0].value[1] += 1e-9;
  EXPECT_EQ(finish(start({"selftest"}, "", directory, package::to_bytes(p))).code, 1);
  std::string damaged = package;
  damaged[damaged.size() / 2] ^= 1;
  const Ran flipped = finish(start({"selftest"}, "", directory, damaged));
  EXPECT_EQ(flipped.code, 3);
  EXPECT_NE(flipped.err.find("error[E0742]"), std::string::npos);
}

TEST_F(ArtifactTest, Serve) {
  const pid_t child = start({"serve", "--port", "0"}, "", directory, package);
  std::string line;
  for (int i = 0; i < 500 && line.find('\n') == std::string::npos; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (std::filesystem::exists(directory / "stderr")) line = read_file(directory / "stderr");
  }
  ASSERT_EQ(line.substr(0, 30), "listening on http://127.0.0.1:") << line;
  const std::string port = line.substr(30, line.size() - 31);
  EXPECT_NE(port, "0");
  const pid_t second = start({"serve", "--port", port}, "", directory, package);
  const Ran taken = finish(second);
  EXPECT_EQ(taken.code, 3);
  EXPECT_NE(taken.err.find("error[E0820]"), std::string::npos) << taken.err;
  ::kill(child, SIGTERM);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace mlp::serve
