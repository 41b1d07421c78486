// Provokes E0902, E0903 and E0904.
#include "base/files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/diagnostic.h"

namespace mlp {
namespace {

namespace fs = std::filesystem;

class FilesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::string(MLP_BINARY_DIR) + "/files-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory = pattern;
  }
  void TearDown() override { fs::remove_all(directory); }
  std::vector<std::string> entries() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  fs::path directory;
};

template <class What>
std::string code_of(What&& what) {
  try {
    what();
    return {};
  } catch (const Failure& failure) {
    return info(failure.diagnostic.code).code;
  }
}

TEST(Sha256, KnownDigests) {  // FIPS 180-2, appendix B
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_F(FilesTest, WhatIsWrittenIsRead) {
  std::string bytes;
  for (int i = 0; i < 300'000; ++i) bytes += static_cast<char>(i);
  write_whole(directory / "a", bytes);
  EXPECT_EQ(read_file(directory / "a"), bytes);
  write_whole(directory / "a", "", 0755);  // replaced, with its mode
  EXPECT_EQ(read_file(directory / "a"), "");
  struct stat status{};
  ASSERT_EQ(stat((directory / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0700, 0700u);
  EXPECT_EQ(entries(), std::vector<std::string>{"a"});
}

TEST_F(FilesTest, WhatCannotBeReadIsSaid) {
  EXPECT_EQ(code_of([&] { read_file(directory / "missing"); }), "E0902");
  write_whole(directory / "file", "x");
  EXPECT_EQ(code_of([&] { read_file(directory / "file" / "below"); }), "E0902");
  EXPECT_EQ(code_of([&] { read_file(directory); }), "E0903");
}

TEST_F(FilesTest, AFailedWriteLeavesTheOldFileAndNothingElse) {
  write_whole(directory / "file", "before");
  const pid_t pid = fork();
  if (pid == 0) {  // a limit on the size of files stands for a full disk
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{1000, 1000};
    setrlimit(RLIMIT_FSIZE, &small);
    _exit(code_of([&] { write_whole(directory / "file", std::string(5000, 'x')); }) == "E0904" ? 0 : 1);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read_file(directory / "file"), "before");
  EXPECT_EQ(code_of([&] { write_whole(directory / "none" / "file", "x"); }), "E0904");
  fs::create_directory(directory / "taken");
  EXPECT_EQ(code_of([&] { write_whole(directory / "taken", "x"); }), "E0904");
  EXPECT_EQ(entries(), (std::vector<std::string>{"file", "taken"}));
}

}  // namespace
}  // namespace mlp
